/* GPT-2 (Radford et al. 2019): pre-norm decoder, learned positions, weights that lie as [in][out],
 * and one product for query, key and value.
 *
 *     x = dropout(word + position)
 *     per layer:  x = x + dropout(proj(attention(LN(x))));  x = x + dropout(proj(act(fc(LN(x)))))
 *     logits = score(LN(x) at the last token that is not the padding token), or word or lm_head of
 *     every LN(x)
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    static const char *const FLAGS[] = {"add_cross_attention", NULL};
    json_place root = json_root(lib, path, config);
    bool scaled = true;
    *c = (arch_config){.vocab = 50257,
                       .positions = 1024,
                       .ignores_segments = true,
                       .hidden = 768,
                       .layers = 12,
                       .heads = 12,
                       .pad = -1,
                       .tied = true,
                       .end_of_text = 50256,
                       .norm_eps = 1e-5,
                       .activation = UNARY_GELU_TANH,
                       .embedding_dropout = 0.1,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"vocab_size", LIMIT_ROWS, &c->vocab},
                              {"n_positions", LIMIT_ROWS, &c->positions},
                              {"n_embd", LIMIT_WIDTH, &c->hidden},
                              {"n_head", LIMIT_WIDTH, &c->heads}};
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    c->inner = 4 * c->hidden;
    TRY(json_take_integer(&root, "n_inner", 1, LIMIT_WIDTH, &c->inner));
    TRY(json_take_integer(&root, "n_layer", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_integer(&root, "pad_token_id", -1, LIMIT_ROWS, &c->pad));
    TRY(config_language(&root, c));
    TRY(json_take_number(&root, "layer_norm_epsilon", 0, 1, &c->norm_eps));
    TRY(json_take_number(&root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(config_dropout(&root, "embd_pdrop", &c->embedding_dropout));
    TRY(config_dropout(&root, "resid_pdrop", &c->dropout));
    TRY(config_dropout(&root, "attn_pdrop", &c->attention_dropout));
    TRY(config_activation(&root, "activation_function", &c->activation));
    TRY(config_heads(&root, "n_head", c));
    TRY(json_take_flag(&root, "scale_attn_weights", &scaled));
    TRY(json_take_flag(&root, "scale_attn_by_inverse_layer_idx", &c->scales_by_layer));
    c->scale = scaled ? 1 / sqrt((double)(c->hidden / c->heads)) : 1;
    return config_refuse(&root, FLAGS);
}

enum { WORD, POSITION, N_EMBEDDING };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"wte.weight", VOCAB, HIDDEN},
    {"wpe.weight", POSITIONS, HIDDEN},
};

enum { NORM_1, ATTEND = 2, PROJECT = 4, NORM_2 = 6, FEED = 8, FEED_PROJECT = 10, N_BLOCK = 12 };

static const tensor_row LAYER[N_BLOCK] = {
    {"ln_1.weight", NORM, HIDDEN},
    {"ln_1.bias", NORM, HIDDEN},
    {"attn.c_attn.weight", HIDDEN, THREE_HIDDEN},
    {"attn.c_attn.bias", ONE, THREE_HIDDEN},
    {"attn.c_proj.weight", HIDDEN, HIDDEN},
    {"attn.c_proj.bias", ONE, HIDDEN},
    {"ln_2.weight", NORM, HIDDEN},
    {"ln_2.bias", NORM, HIDDEN},
    {"mlp.c_fc.weight", HIDDEN, INNER},
    {"mlp.c_fc.bias", ONE, INNER},
    {"mlp.c_proj.weight", INNER, HIDDEN},
    {"mlp.c_proj.bias", ONE, HIDDEN},
};

static const tensor_row LAST_NORM[] = {
    {"ln_f.weight", NORM, HIDDEN},
    {"ln_f.bias", NORM, HIDDEN},
};

static int declare(params *p, arch_config *c)
{
    const part parts[] = {PART(ROLE_BODY, EMBEDDINGS), REPEATED("h.", c->layers, LAYER),
                          PART(ROLE_BODY, LAST_NORM), decoder_head(c, score_rows, lm_head_rows)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *layer(tape *t, const arch_config *c, const attention_options *o, const int64_t *w,
                  var *x, sequences s)
{
    x = tape_shared(x, 2);
    var *y = layernorm(t, x, w[NORM_1], w[NORM_1 + 1], c->norm_eps);
    y = tape_shared(linear_turned(t, y, w[ATTEND], w[ATTEND + 1]), 3);
    var *q = columns(t, y, 0, c->hidden), *k = columns(t, y, c->hidden, c->hidden);
    y = attention(t, q, k, columns(t, y, 2 * c->hidden, c->hidden), s, *o);
    y = linear_turned(t, y, w[PROJECT], w[PROJECT + 1]);
    x = tape_shared(residual(t, y, x, c->dropout), 2);

    y = layernorm(t, x, w[NORM_2], w[NORM_2 + 1], c->norm_eps);
    y = unary(t, linear_turned(t, y, w[FEED], w[FEED + 1]), c->activation);
    y = linear_turned(t, y, w[FEED_PROJECT], w[FEED_PROJECT + 1]);
    return residual(t, y, x, c->dropout);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor;
    const lookup tables[] = {{w[WORD], b->ids, 0}, {w[POSITION], positions_in_order(t, c, b), 0}};
    var *x = embedding(t, b->start[b->n], tables, 2);
    x = dropout(t, x, c->embedding_dropout);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_BLOCK) {
        attention_options o = {
            .heads = c->heads, .dropout = c->attention_dropout, .causal = true, .scale = c->scale};
        o.scale /= c->scales_by_layer ? (double)(l + 1) : 1;
        x = layer(t, c, &o, w, x, s);
    }
    x = layernorm(t, x, w[0], w[1], c->norm_eps);
    return decoder_outputs(t, c, b, x);
}

static const char *const BUFFERS[] = {".attn.bias", ".attn.masked_bias", NULL};

const arch arch_gpt2 = {.model_type = "gpt2",
                        .prefix = "transformer.",
                        .configure = configure,
                        .declare = declare,
                        .forward = forward,
                        .buffers = BUFFERS,
                        .language = true};
