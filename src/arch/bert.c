/* BERT (Devlin et al. 2019) as published by `transformers`: post-norm encoder, absolute positions,
 * pooler (dense + tanh of token 0), dropout, classifier.
 *
 *     x = dropout(LN(word + position + type))
 *     per layer:  x = LN(x + dropout(dense(attention(x))));  x = LN(x + dropout(out(act(in(x)))))
 *     logits = classifier(dropout(tanh(pooler(x at token 0))))
 *
 * With mean pooling there is no pooler: logits = classifier(dropout(mean of x over the tokens)).
 * Tensor numbers: the embeddings' five, sixteen a layer, the head's.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "format/json.h"
#include "tape/ops.h"

#include <string.h>

/* ---- configuration -----------------------------------------------------------------------------
 */

enum { LIMIT_WIDTH = 1 << 20, LIMIT_ROWS = 1 << 28 };

static int read_activation(const json_place *root, unary_kind *out)
{
    static const struct {
        const char *name;
        unary_kind kind;
    } KNOWN[] = {
        {"gelu", UNARY_GELU}, {"gelu_new", UNARY_GELU_TANH}, {"gelu_pytorch_tanh", UNARY_GELU_TANH},
        {"relu", UNARY_RELU}, {"silu", UNARY_SILU},          {"swish", UNARY_SILU},
        {"tanh", UNARY_TANH},
    };
    const char *name = "gelu";
    TRY(json_take_text(root, "hidden_act", &name));
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(KNOWN[i].name, name) == 0) {
            *out = KNOWN[i].kind;
            return 0;
        }
    json_place at = json_member(root, "hidden_act");
    return json_fail_unsupported(&at,
                                 "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish and tanh");
}

static int read_dropouts(const json_place *root, arch_config *c)
{
    const double below_one = 1 - 0x1p-16;
    c->dropout = c->attention_dropout = 0.1;
    TRY(json_take_number(root, "hidden_dropout_prob", 0, below_one, &c->dropout));
    TRY(json_take_number(root, "attention_probs_dropout_prob", 0, below_one,
                         &c->attention_dropout));
    c->classifier_dropout = c->dropout;
    return json_take_number(root, "classifier_dropout", 0, below_one, &c->classifier_dropout);
}

/* the settings that ask for another architecture */
static int refuse_variants(const json_place *root)
{
    const char *positions = "absolute";
    TRY(json_take_text(root, "position_embedding_type", &positions));
    if (strcmp(positions, "absolute") != 0) {
        json_place at = json_member(root, "position_embedding_type");
        return json_fail_unsupported(&at, "absolute");
    }
    static const char *const FLAGS[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        bool set = false;
        TRY(json_take_flag(root, FLAGS[i], &set));
        json_place at = json_member(root, FLAGS[i]);
        if (set)
            return json_fail(&at, IDIM_EUNSUPPORTED, "expected false, found true");
    }
    return 0;
}

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
                       .initializer_range = 0.02};
    TRY(json_take_integer(&root, "vocab_size", 1, LIMIT_ROWS, &c->vocab));
    TRY(json_take_integer(&root, "max_position_embeddings", 1, LIMIT_ROWS, &c->positions));
    TRY(json_take_integer(&root, "type_vocab_size", 1, LIMIT_ROWS, &c->types));
    TRY(json_take_integer(&root, "hidden_size", 1, LIMIT_WIDTH, &c->hidden));
    TRY(json_take_integer(&root, "num_hidden_layers", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_integer(&root, "num_attention_heads", 1, LIMIT_WIDTH, &c->heads));
    TRY(json_take_integer(&root, "intermediate_size", 1, LIMIT_WIDTH, &c->inner));
    TRY(json_take_number(&root, "layer_norm_eps", 0, 1, &c->norm_eps));
    TRY(json_take_number(&root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(read_dropouts(&root, c));
    TRY(read_activation(&root, &c->activation));
    TRY(refuse_variants(&root));

    json_place heads = json_member(&root, "num_attention_heads");
    if (c->hidden % c->heads != 0)
        return json_fail(&heads, IDIM_EFORMAT, "expected a divisor of hidden_size %lld, found %lld",
                         (long long)c->hidden, (long long)c->heads);
    return 0;
}

/* ---- tensors -----------------------------------------------------------------------------------
 */

typedef enum size_of { ONE, HIDDEN, INNER, VOCAB, POSITIONS, TYPES, LABELS } size_of;

typedef struct tensor_row {
    const char *name;
    size_of rows, cols;
} tensor_row;

/* the numbers of the tensors within their part; weight first, its bias next */
enum { WORD, POSITION, TYPE, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };
enum {
    QUERY = 0,
    KEY = 2,
    VALUE = 4,
    ATTENTION_OUT = 6,
    ATTENTION_NORM = 8,
    FEED_IN = 10,
    FEED_OUT = 12,
    FEED_NORM = 14,
    N_LAYER = 16
};
enum { POOLER = 0, CLASSIFIER = 2, N_HEAD = 4 }; /* without a pooler the classifier is first */

static const tensor_row EMBEDDING_ROWS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, HIDDEN},
    {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
    {"embeddings.token_type_embeddings.weight", TYPES, HIDDEN},
    {"embeddings.LayerNorm.weight", ONE, HIDDEN},
    {"embeddings.LayerNorm.bias", ONE, HIDDEN},
};

static const tensor_row LAYER_ROWS[N_LAYER] = {
    {"attention.self.query.weight", HIDDEN, HIDDEN},
    {"attention.self.query.bias", ONE, HIDDEN},
    {"attention.self.key.weight", HIDDEN, HIDDEN},
    {"attention.self.key.bias", ONE, HIDDEN},
    {"attention.self.value.weight", HIDDEN, HIDDEN},
    {"attention.self.value.bias", ONE, HIDDEN},
    {"attention.output.dense.weight", HIDDEN, HIDDEN},
    {"attention.output.dense.bias", ONE, HIDDEN},
    {"attention.output.LayerNorm.weight", ONE, HIDDEN},
    {"attention.output.LayerNorm.bias", ONE, HIDDEN},
    {"intermediate.dense.weight", INNER, HIDDEN},
    {"intermediate.dense.bias", ONE, INNER},
    {"output.dense.weight", HIDDEN, INNER},
    {"output.dense.bias", ONE, HIDDEN},
    {"output.LayerNorm.weight", ONE, HIDDEN},
    {"output.LayerNorm.bias", ONE, HIDDEN},
};

static const tensor_row HEAD_ROWS[N_HEAD] = {
    {"pooler.dense.weight", HIDDEN, HIDDEN},
    {"pooler.dense.bias", ONE, HIDDEN},
    {"classifier.weight", LABELS, HIDDEN},
    {"classifier.bias", ONE, LABELS},
};

static int64_t size(const arch_config *c, size_of which)
{
    const int64_t sizes[] = {1, c->hidden, c->inner, c->vocab, c->positions, c->types, c->n_labels};
    return sizes[which];
}

/* a part is a list of rows with one block; a module begins with each tensor that is no bias */
typedef struct part {
    const tensor_row *row;
    int64_t n;
    int32_t block;
    int64_t layer; /* -1: no layer */
    param_role role;
} part;

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static int declare_part(params *p, arch_config *c, part q, int32_t *module)
{
    for (int64_t i = 0; i < q.n; i++) {
        const tensor_row *row = &q.row[i];
        char *name;
        if (q.layer < 0)
            TRY(memory_format(p->lib, &name, "%s", row->name));
        else
            TRY(memory_format(p->lib, &name, "encoder.layer.%lld.%s", (long long)q.layer,
                              row->name));
        bool is_bias = ends_with(row->name, ".bias");
        *module += is_bias ? 0 : 1;
        param like = {.name = name,
                      .rows = size(c, row->rows),
                      .cols = size(c, row->cols),
                      .block = q.block,
                      .module = *module,
                      .role = q.role,
                      .is_bias = is_bias,
                      .is_norm = strstr(row->name, "LayerNorm") != NULL};
        if (q.role != ROLE_BODY)
            like.init = is_bias ? INIT_ZERO : INIT_NORMAL;
        int status = params_add(p, &like, &c->tensor[c->n_tensors]);
        memory_free(p->lib, name);
        TRY(status);
        c->n_tensors++;
    }
    return 0;
}

static int declare(params *p, arch_config *c)
{
    const int32_t head = (int32_t)(1 + c->layers);
    int32_t module = -1;
    c->n_tensors = 0;
    TRY(NEW(p->lib, int64_t, N_EMBEDDING + c->layers * N_LAYER + N_HEAD, "tensor numbers",
            &c->tensor));
    TRY(declare_part(p, c, (part){EMBEDDING_ROWS, N_EMBEDDING, 0, -1, ROLE_BODY}, &module));
    for (int64_t l = 0; l < c->layers; l++)
        TRY(declare_part(p, c, (part){LAYER_ROWS, N_LAYER, (int32_t)(1 + l), l, ROLE_BODY},
                         &module));
    if (!c->mean_pooling)
        TRY(declare_part(p, c, (part){HEAD_ROWS + POOLER, 2, head, -1, ROLE_POOLER}, &module));
    return declare_part(p, c, (part){HEAD_ROWS + CLASSIFIER, 2, head, -1, ROLE_CLASSIFIER},
                        &module);
}

/* ---- forward ------------------------------------------------------------------------------------
 */

/* positions count from 0 in each sequence; segments that were not given are 0 */
static var *embed(tape *t, const arch_config *c, const idim_batch *b)
{
    int64_t T = b->start[b->n];
    int32_t *position = tape_room(t, T), *type = tape_room(t, T);
    if (position == NULL || type == NULL)
        return NULL;
    for (int64_t i = 0; i < b->n; i++)
        for (int32_t j = b->start[i]; j < b->start[i + 1]; j++) {
            position[j] = j - b->start[i];
            type[j] = b->segment != NULL ? b->segment[j] : 0;
        }
    const lookup tables[] = {
        {c->tensor[WORD], b->ids}, {c->tensor[POSITION], position}, {c->tensor[TYPE], type}};
    return embedding(t, T, tables, 3);
}

static var *encoder_layer(tape *t, const arch_config *c, const int64_t *w, var *x, sequences s)
{
    const attention_options heads = {c->heads, c->attention_dropout};
    x = tape_shared(x, 4);
    var *q = linear(t, x, w[QUERY], w[QUERY + 1]);
    var *k = linear(t, x, w[KEY], w[KEY + 1]);
    var *v = linear(t, x, w[VALUE], w[VALUE + 1]);
    var *y = attention(t, q, k, v, s, heads);
    y = linear(t, y, w[ATTENTION_OUT], w[ATTENTION_OUT + 1]);
    x = residual(t, y, x, c->dropout);
    x = layernorm(t, x, w[ATTENTION_NORM], w[ATTENTION_NORM + 1], c->norm_eps);

    x = tape_shared(x, 2);
    y = linear(t, x, w[FEED_IN], w[FEED_IN + 1]);
    y = unary(t, y, c->activation);
    y = linear(t, y, w[FEED_OUT], w[FEED_OUT + 1]);
    x = residual(t, y, x, c->dropout);
    return layernorm(t, x, w[FEED_NORM], w[FEED_NORM + 1], c->norm_eps);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor;
    var *x = embed(t, c, b);
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    x = dropout(t, x, c->dropout);

    w += N_EMBEDDING;
    for (int64_t l = 0; l < c->layers; l++, w += N_LAYER)
        x = encoder_layer(t, c, w, x, s);

    x = pool(t, x, s, c->mean_pooling ? POOL_MEAN : POOL_FIRST);
    if (!c->mean_pooling) {
        x = unary(t, linear(t, x, w[POOLER], w[POOLER + 1]), UNARY_TANH);
        w += 2;
    }
    x = dropout(t, x, c->classifier_dropout);
    return linear(t, x, w[0], w[1]);
}

const arch arch_bert = {"bert", "bert.", configure, declare, forward};
