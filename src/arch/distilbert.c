/* DistilBERT (Sanh et al. 2019): BERT's encoder without token types and without a pooler, under
 * names of its own.
 *
 *     x = dropout(LN(word + position))
 *     x = layers(x), as post_norm_layer has it but without dropout after attention
 *     logits = classifier(dropout(relu(pre_classifier(x at token 0))))
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 30522,
                       .positions = 512,
                       .ignores_segments = true,
                       .hidden = 768,
                       .layers = 6,
                       .heads = 12,
                       .inner = 3072,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .classifier_dropout = 0.2,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"vocab_size", LIMIT_ROWS, &c->vocab},
                              {"max_position_embeddings", LIMIT_ROWS, &c->positions},
                              {"dim", LIMIT_WIDTH, &c->hidden},
                              {"n_heads", LIMIT_WIDTH, &c->heads},
                              {"hidden_dim", LIMIT_WIDTH, &c->inner}};
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    TRY(config_padding(&root, c));
    TRY(json_take_integer(&root, "n_layers", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_number(&root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(config_dropout(&root, "dropout", &c->dropout));
    TRY(config_dropout(&root, "attention_dropout", &c->attention_dropout));
    TRY(config_dropout(&root, "seq_classif_dropout", &c->classifier_dropout));
    TRY(config_activation(&root, "activation", &c->activation));
    return config_heads(&root, "n_heads", c);
}

enum { WORD, POSITION, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, HIDDEN},
    {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
    {"embeddings.LayerNorm.weight", NORM, HIDDEN},
    {"embeddings.LayerNorm.bias", NORM, HIDDEN},
};

static const tensor_row LAYER[N_LAYER] = {
    {"attention.q_lin.weight", HIDDEN, HIDDEN},   {"attention.q_lin.bias", ONE, HIDDEN},
    {"attention.k_lin.weight", HIDDEN, HIDDEN},   {"attention.k_lin.bias", ONE, HIDDEN},
    {"attention.v_lin.weight", HIDDEN, HIDDEN},   {"attention.v_lin.bias", ONE, HIDDEN},
    {"attention.out_lin.weight", HIDDEN, HIDDEN}, {"attention.out_lin.bias", ONE, HIDDEN},
    {"sa_layer_norm.weight", NORM, HIDDEN},       {"sa_layer_norm.bias", NORM, HIDDEN},
    {"ffn.lin1.weight", INNER, HIDDEN},           {"ffn.lin1.bias", ONE, INNER},
    {"ffn.lin2.weight", HIDDEN, INNER},           {"ffn.lin2.bias", ONE, HIDDEN},
    {"output_layer_norm.weight", NORM, HIDDEN},   {"output_layer_norm.bias", NORM, HIDDEN},
};

static const tensor_row HEAD[] = {
    {"pre_classifier.weight", HIDDEN, HIDDEN},
    {"pre_classifier.bias", ONE, HIDDEN},
    {"classifier.weight", LABELS, HIDDEN},
    {"classifier.bias", ONE, LABELS},
};

static int declare(params *p, arch_config *c)
{
    const part parts[] = {PART(ROLE_BODY, EMBEDDINGS),
                          REPEATED("transformer.layer.", c->layers, LAYER),
                          PART(ROLE_CLASSIFIER, HEAD)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor;
    layer_options o = layer_like_bert(c);
    o.after_attention = 0;
    const lookup tables[] = {{w[WORD], b->ids, c->pad + 1},
                             {w[POSITION], positions_in_order(t, c, b), 0}};
    var *x = embedding(t, b->start[b->n], tables, 2);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);

    x = pooled(t, c, x, s, POOL_FIRST);
    x = unary(t, linear(t, x, w[0], w[1]), UNARY_RELU);
    x = dropout(t, x, c->classifier_dropout);
    return linear(t, x, w[2], w[3]);
}

const arch arch_distilbert = {.model_type = "distilbert",
                              .prefix = "distilbert.",
                              .configure = configure,
                              .declare = declare,
                              .forward = forward};
