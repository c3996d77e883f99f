/* RoBERTa (Liu et al. 2019) and XLM-RoBERTa (Conneau et al. 2020): BERT's encoder with positions
 * that count from the padding token's number on, one token type, and a head of its own.
 *
 *     x = dropout(LN(word + position + type 0))
 *     x = layers(x), each as post_norm_layer has it
 *     logits = out(dropout(tanh(dense(dropout(x at token 0)))))
 *
 * Positions begin at pad + 1, so that the table has pad + 1 rows more than a sequence can use.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

static int configure_with(idim *lib, const json_t *config, const char *path, int64_t vocab,
                          arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = vocab,
                       .positions = 512,
                       .types = 2,
                       .ignores_segments = true,
                       .hidden = 768,
                       .layers = 12,
                       .heads = 12,
                       .inner = 3072,
                       .pad = 1,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02};
    TRY(config_like_bert(&root, c));
    TRY(config_positions_after_padding(&root, c));
    return config_plain_encoder(&root);
}

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    return configure_with(lib, config, path, 50265, c);
}

static int configure_xlm(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    return configure_with(lib, config, path, 30522, c);
}

enum { WORD, POSITION, TYPE, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, HIDDEN},
    {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
    {"embeddings.token_type_embeddings.weight", TYPES, HIDDEN},
    {"embeddings.LayerNorm.weight", NORM, HIDDEN},
    {"embeddings.LayerNorm.bias", NORM, HIDDEN},
};

static int declare(params *p, arch_config *c)
{
    const part parts[] = {PART(ROLE_BODY, EMBEDDINGS),
                          REPEATED("encoder.layer.", c->layers, bert_layer_rows),
                          PART(ROLE_CLASSIFIER, dense_head_rows)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const layer_options o = layer_like_bert(c);
    const int64_t *w = c->tensor;
    const lookup tables[] = {{w[WORD], b->ids, c->pad + 1},
                             {w[POSITION], positions_beside_padding(t, c, b), c->pad + 1},
                             {w[TYPE], segments_of(t, c, b), 0}};
    var *x = embedding(t, b->start[b->n], tables, 3);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = post_norm_layer(t, c, &o, w, x, s);
    return dense_head(t, c, w, pooled(t, c, x, s, POOL_FIRST), UNARY_TANH);
}

const arch arch_roberta = {.model_type = "roberta",
                           .prefix = "roberta.",
                           .configure = configure,
                           .declare = declare,
                           .forward = forward};
const arch arch_xlm_roberta = {.model_type = "xlm-roberta",
                               .prefix = "roberta.",
                               .configure = configure_xlm,
                               .declare = declare,
                               .forward = forward};
