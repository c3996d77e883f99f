/* ELECTRA's discriminator (Clark et al. 2020): BERT's encoder on embeddings of their own width.
 *
 *     x = dropout(LN(word + position + type));  x = project(x) where the widths differ
 *     x = layers(x), each as post_norm_layer has it
 *     logits = out(dropout(gelu(dense(dropout(x at token 0)))))
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 30522,
                       .positions = 512,
                       .types = 2,
                       .embedded = 128,
                       .hidden = 256,
                       .layers = 12,
                       .heads = 4,
                       .inner = 1024,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02};
    TRY(config_like_bert(&root, c));
    TRY(json_take_integer(&root, "embedding_size", 1, LIMIT_WIDTH, &c->embedded));
    return config_plain_encoder(&root);
}

enum { WORD, POSITION, TYPE, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, EMBEDDED},
    {"embeddings.position_embeddings.weight", POSITIONS, EMBEDDED},
    {"embeddings.token_type_embeddings.weight", TYPES, EMBEDDED},
    {"embeddings.LayerNorm.weight", NORM, EMBEDDED},
    {"embeddings.LayerNorm.bias", NORM, EMBEDDED},
};

static const tensor_row PROJECTION[] = {
    {"embeddings_project.weight", HIDDEN, EMBEDDED},
    {"embeddings_project.bias", ONE, HIDDEN},
};

static int declare(params *p, arch_config *c)
{
    part parts[] = {PART(ROLE_BODY, EMBEDDINGS), PART(ROLE_BODY, PROJECTION),
                    REPEATED("encoder.layer.", c->layers, bert_layer_rows),
                    PART(ROLE_CLASSIFIER, dense_head_rows)};
    parts[1].times = c->embedded != c->hidden;
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const layer_options o = layer_like_bert(c);
    const int64_t *w = c->tensor;
    const lookup tables[] = {{w[WORD], b->ids, c->pad + 1},
                             {w[POSITION], positions_in_order(t, c, b), 0},
                             {w[TYPE], segments_of(t, c, b), 0}};
    var *x = embedding(t, b->start[b->n], tables, 3);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);
    w += N_EMBEDDING;
    if (c->embedded != c->hidden) {
        x = linear(t, x, w[0], w[1]);
        w += 2;
    }

    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);
    return dense_head(t, c, w, pooled(t, c, x, s, POOL_FIRST), UNARY_GELU);
}

const arch arch_electra = {.model_type = "electra",
                           .prefix = "electra.",
                           .configure = configure,
                           .declare = declare,
                           .forward = forward};
