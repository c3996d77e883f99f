/* OPT (Zhang et al. 2022): decoder with learned positions, norms before each part (or after it, as
 * the model of 350 million weights has them), and embeddings that may have a width of their own.
 *
 *     x = project_in(word) + position
 *     per layer, norms before:  x = x + dropout(out(attention(LN(x))));  x = x +
 * dropout(fc2(act(fc1(LN(x))))) norms after:   as post_norm_layer has it logits =
 * score(project_out(LN(x)) at the last token that is not the padding token)
 *
 * The position table begins with two rows that no token uses. Norms after: there is no last LN.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    static const char *const FLAGS[] = {"_remove_final_layer_norm", NULL};
    json_place root = json_root(lib, path, config);
    bool before = true, affine = true;
    *c = (arch_config){.vocab = 50272,
                       .positions = 2048,
                       .position_offset = 2,
                       .ignores_segments = true,
                       .hidden = 768,
                       .inner = 3072,
                       .layers = 12,
                       .heads = 12,
                       .query_bias = true,
                       .pad = 1,
                       .tied = true,
                       .end_of_text = 2,
                       .norm_eps = 1e-5,
                       .activation = UNARY_RELU,
                       .dropout = 0.1,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"vocab_size", LIMIT_ROWS, &c->vocab},
                              {"max_position_embeddings", LIMIT_ROWS, &c->positions},
                              {"hidden_size", LIMIT_WIDTH, &c->hidden},
                              {"ffn_dim", LIMIT_WIDTH, &c->inner},
                              {"num_attention_heads", LIMIT_WIDTH, &c->heads}};
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    c->embedded = c->hidden;
    TRY(json_take_integer(&root, "word_embed_proj_dim", 1, LIMIT_WIDTH, &c->embedded));
    TRY(config_padding(&root, c));
    TRY(config_language(&root, c));
    TRY(json_take_integer(&root, "num_hidden_layers", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_number(&root, "init_std", 0, 1000, &c->initializer_range));
    TRY(config_dropout(&root, "dropout", &c->dropout));
    TRY(config_dropout(&root, "attention_dropout", &c->attention_dropout));
    TRY(config_activation(&root, "activation_function", &c->activation));
    TRY(json_take_flag(&root, "do_layer_norm_before", &before));
    TRY(json_take_flag(&root, "enable_bias", &c->query_bias));
    TRY(json_take_flag(&root, "layer_norm_elementwise_affine", &affine));
    c->norms_after = !before;
    json_place at = json_member(&root, "layer_norm_elementwise_affine");
    if (!affine)
        return json_fail(&at, IDIM_EUNSUPPORTED, "expected true, found false");
    TRY(config_refuse(&root, FLAGS));
    return config_heads(&root, "num_attention_heads", c);
}

enum { WORD, POSITION, PROJECT_IN, N_EMBEDDING };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"decoder.embed_tokens.weight", VOCAB, EMBEDDED},
    {"decoder.embed_positions.weight", POSITIONS, HIDDEN},
    {"decoder.project_in.weight", HIDDEN, EMBEDDED},
};

static const tensor_row LAYER[N_LAYER] = {
    {"self_attn.q_proj.weight", HIDDEN, HIDDEN},
    {"self_attn.q_proj.bias", ONE, HIDDEN},
    {"self_attn.k_proj.weight", HIDDEN, HIDDEN},
    {"self_attn.k_proj.bias", ONE, HIDDEN},
    {"self_attn.v_proj.weight", HIDDEN, HIDDEN},
    {"self_attn.v_proj.bias", ONE, HIDDEN},
    {"self_attn.out_proj.weight", HIDDEN, HIDDEN},
    {"self_attn.out_proj.bias", ONE, HIDDEN},
    {"self_attn_layer_norm.weight", NORM, HIDDEN},
    {"self_attn_layer_norm.bias", NORM, HIDDEN},
    {"fc1.weight", INNER, HIDDEN},
    {"fc1.bias", ONE, INNER},
    {"fc2.weight", HIDDEN, INNER},
    {"fc2.bias", ONE, HIDDEN},
    {"final_layer_norm.weight", NORM, HIDDEN},
    {"final_layer_norm.bias", NORM, HIDDEN},
};

enum { LAST_NORM, PROJECT_OUT = 2, N_LAST = 3 };

static const tensor_row LAST[N_LAST] = {
    {"decoder.final_layer_norm.weight", NORM, HIDDEN},
    {"decoder.final_layer_norm.bias", NORM, HIDDEN},
    {"decoder.project_out.weight", EMBEDDED, HIDDEN},
};

static const tensor_row SCORE[] = {{"score.weight", LABELS, EMBEDDED}};
static const tensor_row LM_HEAD[] = {{"lm_head.weight", VOCAB, EMBEDDED}};

static int declare(params *p, arch_config *c)
{
    static const int BIASES[] = {QUERY + 1,         KEY + 1,     VALUE + 1,
                                 ATTENTION_OUT + 1, FEED_IN + 1, FEED_OUT + 1};
    tensor_row first[N_EMBEDDING], layer[N_LAYER], last[N_LAST];
    memcpy(first, EMBEDDINGS, sizeof first);
    memcpy(layer, LAYER, sizeof layer);
    memcpy(last, LAST, sizeof last);
    for (int64_t i = 0; i < COUNT_OF(BIASES) && !c->query_bias; i++)
        layer[BIASES[i]].name = NULL;
    if (c->embedded == c->hidden)
        first[PROJECT_IN].name = last[PROJECT_OUT].name = NULL;
    if (c->norms_after)
        last[LAST_NORM].name = last[LAST_NORM + 1].name = NULL;
    const part parts[] = {PART(ROLE_BODY, first), REPEATED("decoder.layers.", c->layers, layer),
                          PART(ROLE_BODY, last), decoder_head(c, SCORE, LM_HEAD)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *pre_norm_layer(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                           var *x, sequences s)
{
    x = tape_shared(x, 2);
    var *y = layernorm(t, x, w[ATTENTION_NORM], w[ATTENTION_NORM + 1], c->norm_eps);
    y = tape_shared(y, 3);
    var *q = linear(t, y, w[QUERY], w[QUERY + 1]), *k = linear(t, y, w[KEY], w[KEY + 1]);
    y = attention(t, q, k, linear(t, y, w[VALUE], w[VALUE + 1]), s, o->attention);
    y = linear(t, y, w[ATTENTION_OUT], w[ATTENTION_OUT + 1]);
    x = tape_shared(residual(t, y, x, c->dropout), 2);

    y = layernorm(t, x, w[FEED_NORM], w[FEED_NORM + 1], c->norm_eps);
    y = unary(t, linear(t, y, w[FEED_IN], w[FEED_IN + 1]), c->activation);
    return residual(t, linear(t, y, w[FEED_OUT], w[FEED_OUT + 1]), x, c->dropout);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor, T = b->start[b->n];
    const lookup words = {w[WORD], b->ids, c->pad + 1};
    const lookup places = {w[POSITION], positions_in_order(t, c, b), 0};
    layer_options o = layer_like_bert(c);
    o.attention.causal = true;
    var *x = embedding(t, T, &words, 1);
    if (w[PROJECT_IN] >= 0)
        x = linear(t, x, w[PROJECT_IN], -1);
    x = residual(t, x, embedding(t, T, &places, 1), 0);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = c->norms_after ? post_norm_layer(t, c, &o, w, x, s) : pre_norm_layer(t, c, &o, w, x, s);
    if (!c->norms_after)
        x = layernorm(t, x, w[LAST_NORM], w[LAST_NORM + 1], c->norm_eps);
    if (w[PROJECT_OUT] >= 0)
        x = linear(t, x, w[PROJECT_OUT], -1);
    return decoder_outputs(t, c, b, x);
}

const arch arch_opt = {.model_type = "opt",
                       .prefix = "model.",
                       .configure = configure,
                       .declare = declare,
                       .forward = forward,
                       .language = true};
