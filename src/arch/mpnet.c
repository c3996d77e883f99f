/* MPNet (Song et al. 2020): RoBERTa without token types, and with a bias on the scores that depends
 * on how far the two tokens lie apart; one table of it serves all layers.
 *
 *     x = dropout(LN(word + position))
 *     x = layers(x), each as post_norm_layer has it, scores + bias
 *     logits = out(dropout(tanh(dense(dropout(x at token 0)))))
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

/* the published code counts with these whatever config.json says */
enum { PAD = 1, BUCKETS_USED = 32, MAX_DISTANCE = 128 };

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 30527,
                       .positions = 512,
                       .ignores_segments = true,
                       .hidden = 768,
                       .layers = 12,
                       .heads = 12,
                       .inner = 3072,
                       .buckets = BUCKETS_USED,
                       .max_distance = MAX_DISTANCE,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02};
    TRY(config_like_bert(&root, c));
    c->classifier_dropout = c->dropout;
    c->pad = PAD;
    TRY(json_take_integer(&root, "relative_attention_num_buckets", BUCKETS_USED, LIMIT_WIDTH,
                          &c->buckets));
    return config_positions_after_padding(&root, c);
}

enum { WORD, POSITION, EMBEDDING_NORM, BIAS = EMBEDDING_NORM + 2, N_EMBEDDING };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, HIDDEN},
    {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
    {"embeddings.LayerNorm.weight", NORM, HIDDEN},
    {"embeddings.LayerNorm.bias", NORM, HIDDEN},
    {"encoder.relative_attention_bias.weight", BUCKETS, HEADS},
};

static const tensor_row LAYER[N_LAYER] = {
    {"attention.attn.q.weight", HIDDEN, HIDDEN},  {"attention.attn.q.bias", ONE, HIDDEN},
    {"attention.attn.k.weight", HIDDEN, HIDDEN},  {"attention.attn.k.bias", ONE, HIDDEN},
    {"attention.attn.v.weight", HIDDEN, HIDDEN},  {"attention.attn.v.bias", ONE, HIDDEN},
    {"attention.attn.o.weight", HIDDEN, HIDDEN},  {"attention.attn.o.bias", ONE, HIDDEN},
    {"attention.LayerNorm.weight", NORM, HIDDEN}, {"attention.LayerNorm.bias", NORM, HIDDEN},
    {"intermediate.dense.weight", INNER, HIDDEN}, {"intermediate.dense.bias", ONE, INNER},
    {"output.dense.weight", HIDDEN, INNER},       {"output.dense.bias", ONE, HIDDEN},
    {"output.LayerNorm.weight", NORM, HIDDEN},    {"output.LayerNorm.bias", NORM, HIDDEN},
};

static int declare(params *p, arch_config *c)
{
    const part parts[] = {PART(ROLE_BODY, EMBEDDINGS), REPEATED("encoder.layer.", c->layers, LAYER),
                          PART(ROLE_CLASSIFIER, dense_head_rows)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const distance_buckets known = {BUCKETS_USED, MAX_DISTANCE, true};
    const int64_t *w = c->tensor;
    const lookup tables[] = {{w[WORD], b->ids, c->pad + 1},
                             {w[POSITION], positions_beside_padding(t, c, b), c->pad + 1}};
    layer_options o = layer_like_bert(c);
    o.attention.bias = tape_shared(bias_by_distance(t, w[BIAS], s, known), (int32_t)c->layers);
    var *x = embedding(t, b->start[b->n], tables, 2);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);
    return dense_head(t, c, w, pooled(t, c, x, s, POOL_FIRST), UNARY_TANH);
}

const arch arch_mpnet = {.model_type = "mpnet",
                         .prefix = "mpnet.",
                         .configure = configure,
                         .declare = declare,
                         .forward = forward};
