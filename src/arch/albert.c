/* ALBERT (Lan et al. 2020): BERT with embeddings of a width of their own and few layers that are
 * used again and again: layer l is group l * groups / layers, and a group is `inner_group_num`
 * layers. A shared weight's gradient is the sum over its uses.
 *
 *     x = map(dropout(LN(word + position + type)))
 *     x = layers(x), as post_norm_layer has it but without dropout after the feed-forward part
 *     logits = classifier(dropout(tanh(pooler(x at token 0))))
 *
 * With another pooling there is no pooler, as in BERT.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 30000,
                       .positions = 512,
                       .types = 2,
                       .embedded = 128,
                       .hidden = 4096,
                       .layers = 12,
                       .groups = 1,
                       .group_layers = 1,
                       .heads = 64,
                       .inner = 16384,
                       .norm_eps = 1e-12,
                       .activation = UNARY_GELU_TANH,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"embedding_size", LIMIT_WIDTH, &c->embedded},
                              {"num_hidden_groups", ARCH_MAX_LAYERS, &c->groups},
                              {"inner_group_num", ARCH_MAX_LAYERS, &c->group_layers}};
    TRY(config_like_bert(&root, c));
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    json_place groups = json_member(&root, "num_hidden_groups");
    if (c->groups > ARCH_MAX_LAYERS / c->group_layers)
        return json_fail(&groups, IDIM_EFORMAT,
                         "expected at most %d with inner_group_num %lld, found %lld",
                         (int)(ARCH_MAX_LAYERS / c->group_layers), (long long)c->group_layers,
                         (long long)c->groups);
    c->classifier_dropout = 0.1;
    TRY(config_dropout(&root, "classifier_dropout_prob", &c->classifier_dropout));
    return config_plain_encoder(&root);
}

enum { WORD, POSITION, TYPE, EMBEDDING_NORM, MAP = EMBEDDING_NORM + 2, N_EMBEDDING = MAP + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, EMBEDDED},
    {"embeddings.position_embeddings.weight", POSITIONS, EMBEDDED},
    {"embeddings.token_type_embeddings.weight", TYPES, EMBEDDED},
    {"embeddings.LayerNorm.weight", NORM, EMBEDDED},
    {"embeddings.LayerNorm.bias", NORM, EMBEDDED},
    {"encoder.embedding_hidden_mapping_in.weight", HIDDEN, EMBEDDED},
    {"encoder.embedding_hidden_mapping_in.bias", ONE, HIDDEN},
};

static const tensor_row LAYER[N_LAYER] = {
    {"attention.query.weight", HIDDEN, HIDDEN},
    {"attention.query.bias", ONE, HIDDEN},
    {"attention.key.weight", HIDDEN, HIDDEN},
    {"attention.key.bias", ONE, HIDDEN},
    {"attention.value.weight", HIDDEN, HIDDEN},
    {"attention.value.bias", ONE, HIDDEN},
    {"attention.dense.weight", HIDDEN, HIDDEN},
    {"attention.dense.bias", ONE, HIDDEN},
    {"attention.LayerNorm.weight", NORM, HIDDEN},
    {"attention.LayerNorm.bias", NORM, HIDDEN},
    {"ffn.weight", INNER, HIDDEN},
    {"ffn.bias", ONE, INNER},
    {"ffn_output.weight", HIDDEN, INNER},
    {"ffn_output.bias", ONE, HIDDEN},
    {"full_layer_layer_norm.weight", NORM, HIDDEN},
    {"full_layer_layer_norm.bias", NORM, HIDDEN},
};

static const tensor_row POOLER[] = {
    {"pooler.weight", HIDDEN, HIDDEN},
    {"pooler.bias", ONE, HIDDEN},
};

static const tensor_row CLASSIFIER[] = {
    {"classifier.weight", LABELS, HIDDEN},
    {"classifier.bias", ONE, LABELS},
};

static int declare(params *p, arch_config *c)
{
    part parts[] = {
        PART(ROLE_BODY, EMBEDDINGS),
        REPEATED("encoder.albert_layer_groups.", c->groups * c->group_layers, LAYER),
        PART(ROLE_POOLER, POOLER),
        PART(ROLE_CLASSIFIER, CLASSIFIER),
    };
    parts[1].inner_prefix = "albert_layers.";
    parts[1].inner = c->group_layers;
    parts[2].times = has_pooler(c);
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    layer_options o = layer_like_bert(c);
    o.after_feed = 0;
    const int64_t *w = c->tensor, *shared = w + N_EMBEDDING;
    const lookup tables[] = {{w[WORD], b->ids, c->pad + 1},
                             {w[POSITION], positions_in_order(t, c, b), 0},
                             {w[TYPE], segments_of(t, c, b), 0}};
    var *x = embedding(t, b->start[b->n], tables, 3);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);
    x = linear(t, x, w[MAP], w[MAP + 1]);

    for (int64_t l = 0; l < c->layers; l++)
        for (int64_t k = 0; k < c->group_layers; k++) {
            int64_t number = l * c->groups / c->layers * c->group_layers + k;
            x = post_norm_layer(t, c, &o, shared + number * N_LAYER, x, s);
        }
    w = shared + c->groups * c->group_layers * N_LAYER;
    return pooler_head(t, c, w, pooled(t, c, x, s, POOL_FIRST));
}

const arch arch_albert = {.model_type = "albert",
                          .prefix = "albert.",
                          .configure = configure,
                          .declare = declare,
                          .forward = forward};
