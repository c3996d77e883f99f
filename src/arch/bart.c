/* BART (Lewis et al. 2020) as its sequence classification head uses it: the text through the
 * encoder, the same text one token later through the decoder, and the decoder's last layer at the
 * last end-of-sequence token. Post-norm as BERT; the decoder is causal and attends to the encoder's
 * last layer between its own attention and the feed-forward part.
 *
 *     x = dropout(LN(word + position)), in each of the two with positions and norm of its own
 *     logits = out(dropout(tanh(dense(dropout(x at the token)))))
 *
 * The position tables begin with two rows that no token uses.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 50265,
                       .positions = 1024,
                       .position_offset = 2,
                       .ignores_segments = true,
                       .hidden = 1024,
                       .inner = 4096,
                       .decoder_inner = 4096,
                       .layers = 12,
                       .decoder_layers = 12,
                       .heads = 16,
                       .decoder_heads = 16,
                       .pad = 1,
                       .eos = 2,
                       .first_token = 2,
                       .norm_eps = 1e-5,
                       .dropout = 0.1,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"vocab_size", LIMIT_ROWS, &c->vocab},
                              {"max_position_embeddings", LIMIT_ROWS, &c->positions},
                              {"d_model", LIMIT_WIDTH, &c->hidden},
                              {"encoder_ffn_dim", LIMIT_WIDTH, &c->inner},
                              {"decoder_ffn_dim", LIMIT_WIDTH, &c->decoder_inner},
                              {"encoder_attention_heads", LIMIT_WIDTH, &c->heads},
                              {"decoder_attention_heads", LIMIT_WIDTH, &c->decoder_heads},
                              {"encoder_layers", ARCH_MAX_LAYERS, &c->layers},
                              {"decoder_layers", ARCH_MAX_LAYERS, &c->decoder_layers}};
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    TRY(config_padding(&root, c));
    TRY(json_take_integer(&root, "eos_token_id", 0, c->vocab - 1, &c->eos));
    TRY(json_take_integer(&root, "decoder_start_token_id", 0, c->vocab - 1, &c->first_token));
    TRY(json_take_number(&root, "init_std", 0, 1000, &c->initializer_range));
    TRY(json_take_flag(&root, "scale_embedding", &c->scales_words));
    TRY(config_dropout(&root, "dropout", &c->dropout));
    TRY(config_dropout(&root, "attention_dropout", &c->attention_dropout));
    TRY(config_dropout(&root, "activation_dropout", &c->activation_dropout));
    TRY(config_dropout(&root, "classifier_dropout", &c->classifier_dropout));
    TRY(config_activation(&root, "activation_function", &c->activation));
    arch_config decoder = {.hidden = c->hidden, .heads = c->decoder_heads};
    TRY(config_heads(&root, "decoder_attention_heads", &decoder));
    return config_heads(&root, "encoder_attention_heads", c);
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

enum { POSITION, STACK_NORM, N_STACK = STACK_NORM + 2, N_ACROSS = 10 };

#define STACK_OF(name)                                                                             \
    {name ".embed_positions.weight", POSITIONS, HIDDEN},                                           \
        {name ".layernorm_embedding.weight", NORM, HIDDEN},                                        \
    {                                                                                              \
        name ".layernorm_embedding.bias", NORM, HIDDEN                                             \
    }

#define ATTENTION_OF(name)                                                                         \
    {name ".q_proj.weight", HIDDEN, HIDDEN}, {name ".q_proj.bias", ONE, HIDDEN},                   \
        {name ".k_proj.weight", HIDDEN, HIDDEN}, {name ".k_proj.bias", ONE, HIDDEN},               \
        {name ".v_proj.weight", HIDDEN, HIDDEN}, {name ".v_proj.bias", ONE, HIDDEN},               \
        {name ".out_proj.weight", HIDDEN, HIDDEN}, {name ".out_proj.bias", ONE, HIDDEN},           \
        {name "_layer_norm.weight", NORM, HIDDEN},                                                 \
    {                                                                                              \
        name "_layer_norm.bias", NORM, HIDDEN                                                      \
    }

#define FEED_OF(inner)                                                                             \
    {"fc1.weight", inner, HIDDEN}, {"fc1.bias", ONE, inner}, {"fc2.weight", HIDDEN, inner},        \
        {"fc2.bias", ONE, HIDDEN}, {"final_layer_norm.weight", NORM, HIDDEN},                      \
    {                                                                                              \
        "final_layer_norm.bias", NORM, HIDDEN                                                      \
    }

static const tensor_row SHARED[] = {{"shared.weight", VOCAB, HIDDEN}};
static const tensor_row ENCODER[N_STACK] = {STACK_OF("encoder")};
static const tensor_row DECODER[N_STACK] = {STACK_OF("decoder")};
static const tensor_row ENCODER_LAYER[N_LAYER] = {ATTENTION_OF("self_attn"), FEED_OF(INNER)};
static const tensor_row DECODER_LAYER[N_LAYER + N_ACROSS] = {
    ATTENTION_OF("encoder_attn"), ATTENTION_OF("self_attn"), FEED_OF(DECODER_INNER)};

static const tensor_row HEAD[N_DENSE_HEAD] = {
    {"classification_head.dense.weight", HIDDEN, HIDDEN},
    {"classification_head.dense.bias", ONE, HIDDEN},
    {"classification_head.out_proj.weight", LABELS, HIDDEN},
    {"classification_head.out_proj.bias", ONE, LABELS},
};

static int declare(params *p, arch_config *c)
{
    const part parts[] = {PART(ROLE_BODY, SHARED),
                          PART(ROLE_BODY, ENCODER),
                          PART(ROLE_BODY, DECODER),
                          REPEATED("encoder.layers.", c->layers, ENCODER_LAYER),
                          REPEATED("decoder.layers.", c->decoder_layers, DECODER_LAYER),
                          PART(ROLE_CLASSIFIER, HEAD)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* words may be scaled before positions are added; w: the stack's tensors */
static var *embed(tape *t, const arch_config *c, const int32_t *ids, const int64_t *w,
                  const idim_batch *b)
{
    const int64_t T = b->start[b->n];
    const lookup tables[] = {{c->tensor[0], ids, c->pad + 1},
                             {w[POSITION], positions_in_order(t, c, b), 0}};
    var *x = embedding(t, T, tables, c->scales_words ? 1 : 2);
    if (c->scales_words) {
        x = scale(t, x, sqrt((double)c->hidden));
        x = residual(t, x, embedding(t, T, tables + 1, 1), 0);
    }
    x = layernorm(t, x, w[STACK_NORM], w[STACK_NORM + 1], c->norm_eps);
    return dropout(t, x, c->dropout);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor + 1, *decoder = w + N_STACK;
    layer_options o = layer_like_bert(c);
    o.after_activation = c->activation_dropout;
    var *x = embed(t, c, b->ids, w, b);
    w += 2 * N_STACK;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);
    var *memory = tape_shared(x, (int32_t)(2 * c->decoder_layers));

    o.attention.heads = c->decoder_heads;
    layer_options across = o;
    o.attention.causal = true;
    x = embed(t, c, shifted_ids(t, b, c->first_token), decoder, b);
    for (int64_t l = 0; l < c->decoder_layers; l++, w += N_LAYER + N_ACROSS) {
        x = post_norm_attention(t, c, &o, w + N_ACROSS, &(attended){x, NULL, s});
        x = post_norm_attention(t, c, &across, w, &(attended){x, memory, s});
        x = post_norm_feed(t, c, &o, w + N_ACROSS, x);
    }
    return dense_head(t, c, w, pooled_at(t, c, x, s, last_of(t, b, c->eos)), UNARY_TANH);
}

static const char *const ALIASES[] = {"shared.weight", "encoder.embed_tokens.weight",
                                      "shared.weight", "decoder.embed_tokens.weight", NULL};

const arch arch_bart = {.model_type = "bart",
                        .prefix = "model.",
                        .configure = configure,
                        .declare = declare,
                        .forward = forward,
                        .aliases = ALIASES};
