/* BERT (Devlin et al. 2019) as published by `transformers`: post-norm encoder, absolute positions,
 * pooler (dense + tanh of token 0), dropout, classifier.
 *
 *     x = dropout(LN(word + position + type))
 *     x = layers(x), each as post_norm_layer has it
 *     logits = classifier(dropout(tanh(pooler(x at token 0))))
 *
 * With another pooling there is no pooler: logits = classifier(dropout(mean of x over the tokens)).
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
                       .hidden = 768,
                       .layers = 12,
                       .heads = 12,
                       .inner = 3072,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02};
    TRY(config_like_bert(&root, c));
    return config_plain_encoder(&root);
}

enum { WORD, POSITION, TYPE, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, HIDDEN},
    {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
    {"embeddings.token_type_embeddings.weight", TYPES, HIDDEN},
    {"embeddings.LayerNorm.weight", NORM, HIDDEN},
    {"embeddings.LayerNorm.bias", NORM, HIDDEN},
};

static const tensor_row POOLER[] = {
    {"pooler.dense.weight", HIDDEN, HIDDEN},
    {"pooler.dense.bias", ONE, HIDDEN},
};

static const tensor_row CLASSIFIER[] = {
    {"classifier.weight", LABELS, HIDDEN},
    {"classifier.bias", ONE, LABELS},
};

static int declare(params *p, arch_config *c)
{
    part parts[] = {PART(ROLE_BODY, EMBEDDINGS),
                    REPEATED("encoder.layer.", c->layers, bert_layer_rows),
                    PART(ROLE_POOLER, POOLER), PART(ROLE_CLASSIFIER, CLASSIFIER)};
    parts[2].times = has_pooler(c);
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
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);

    return pooler_head(t, c, w, pooled(t, c, x, s, POOL_FIRST));
}

const arch arch_bert = {.model_type = "bert",
                        .prefix = "bert.",
                        .configure = configure,
                        .declare = declare,
                        .forward = forward};
