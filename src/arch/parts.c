/* The pieces families share.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/parts.h"

/* ---- tensors ----------------------------------------------------------------------------------
 */

const tensor_row bert_layer_rows[N_LAYER] = {
    {"attention.self.query.weight", HIDDEN, HIDDEN},
    {"attention.self.query.bias", ONE, HIDDEN},
    {"attention.self.key.weight", HIDDEN, HIDDEN},
    {"attention.self.key.bias", ONE, HIDDEN},
    {"attention.self.value.weight", HIDDEN, HIDDEN},
    {"attention.self.value.bias", ONE, HIDDEN},
    {"attention.output.dense.weight", HIDDEN, HIDDEN},
    {"attention.output.dense.bias", ONE, HIDDEN},
    {"attention.output.LayerNorm.weight", NORM, HIDDEN},
    {"attention.output.LayerNorm.bias", NORM, HIDDEN},
    {"intermediate.dense.weight", INNER, HIDDEN},
    {"intermediate.dense.bias", ONE, INNER},
    {"output.dense.weight", HIDDEN, INNER},
    {"output.dense.bias", ONE, HIDDEN},
    {"output.LayerNorm.weight", NORM, HIDDEN},
    {"output.LayerNorm.bias", NORM, HIDDEN},
};

const tensor_row dense_head_rows[N_DENSE_HEAD] = {
    {"classifier.dense.weight", HIDDEN, HIDDEN},
    {"classifier.dense.bias", ONE, HIDDEN},
    {"classifier.out_proj.weight", LABELS, HIDDEN},
    {"classifier.out_proj.bias", ONE, LABELS},
};

const tensor_row score_rows[1] = {{"score.weight", LABELS, HIDDEN}};
const tensor_row lm_head_rows[1] = {{"lm_head.weight", VOCAB, HIDDEN}};

static int64_t size(const arch_config *c, size_of which)
{
    const int64_t sizes[] = {
        [ONE] = 1,
        [TWO] = 2,
        [NORM] = 1,
        [IN_HEADS] = c->hidden,
        [HIDDEN] = c->hidden,
        [INNER] = c->inner,
        [EMBEDDED] = c->embedded,
        [VOCAB] = c->vocab,
        [POSITIONS] = c->positions + c->position_offset,
        [TYPES] = c->types,
        [LABELS] = c->n_labels,
        [BUCKETS] = c->buckets,
        [TWO_SPANS] = 2 * c->span,
        [AROUND] = c->hidden * c->around,
        [HEADS] = c->heads,
        [THREE_HIDDEN] = 3 * c->hidden,
        [QUERIES] = c->heads * c->head_size,
        [KEYS] = c->key_heads * c->head_size,
        [ONE_HEAD] = c->head_size,
        [DECODER_INNER] = c->decoder_inner,
    };
    return sizes[which];
}

static int64_t pieces(const arch_config *c, size_of cols)
{
    return cols == IN_HEADS ? c->heads : cols == AROUND ? c->hidden : 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static int make_name(idim *lib, const part *q, int64_t number, const char *name, char **out)
{
    long long outer = number / q->inner, inner = number % q->inner;
    if (q->prefix == NULL)
        return memory_format(lib, out, "%s", name);
    if (q->inner_prefix == NULL)
        return memory_format(lib, out, "%s%lld.%s", q->prefix, outer, name);
    return memory_format(lib, out, "%s%lld.%s%lld.%s", q->prefix, outer, q->inner_prefix, inner,
                         name);
}

static bool names_bias(const char *name)
{
    return ends_with(name, ".bias") || ends_with(name, "_bias");
}

/* a module begins with each tensor that is no bias */
static int declare_rows(params *p, arch_config *c, const part *q, int64_t number, int32_t block,
                        int32_t *module)
{
    for (int64_t i = 0; i < q->n; i++) {
        const tensor_row *row = &q->row[i];
        char *name;
        if (row->name == NULL) {
            c->tensor[c->n_tensors++] = -1;
            continue;
        }
        TRY(make_name(p->lib, q, number, row->name, &name));
        bool is_bias = names_bias(row->name);
        *module += is_bias ? 0 : 1;
        param like = {.name = name,
                      .rows = size(c, row->rows),
                      .cols = size(c, row->cols),
                      .pieces = pieces(c, row->cols),
                      .block = block,
                      .module = *module,
                      .role = q->role,
                      .is_bias = is_bias,
                      .is_norm = row->rows == NORM};
        if (q->role == ROLE_POOLER || q->role == ROLE_CLASSIFIER)
            like.init = is_bias ? INIT_ZERO : INIT_NORMAL;
        int status = params_add(p, &like, &c->tensor[c->n_tensors]);
        memory_free(p->lib, name);
        TRY(status);
        c->n_tensors++;
    }
    return 0;
}

/* of a decoder */
static int64_t output_tensor(const arch_config *c)
{
    return c->tensor[c->language && c->tied ? 0 : c->n_tensors - 1];
}

int declare_parts(params *p, arch_config *c, const part *parts, int64_t n)
{
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++)
        total += parts[i].n * parts[i].times;
    c->n_tensors = 0;
    TRY(NEW(p->lib, int64_t, total, "tensor numbers", &c->tensor));

    int32_t block = 0, module = -1;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < parts[i].times; k++) {
            block += parts[i].prefix != NULL;
            int32_t here = parts[i].role == ROLE_BODY ? block : block + 1;
            TRY(declare_rows(p, c, &parts[i], k, here, &module));
        }
    if (c->language)
        p->item[output_tensor(c)].is_output = true;
    return 0;
}

part decoder_head(const arch_config *c, const tensor_row *score, const tensor_row *own)
{
    if (!c->language)
        return (part){ROLE_CLASSIFIER, score, 1, NULL, 1, NULL, 1};
    return (part){ROLE_LANGUAGE, own, c->tied ? 0 : 1, NULL, 1, NULL, 1};
}

/* ---- configuration ----------------------------------------------------------------------------
 */

int config_sizes(const json_place *root, const size_key *keys, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        TRY(json_take_integer(root, keys[i].key, 1, keys[i].limit, keys[i].value));
    return 0;
}

int config_dropout(const json_place *root, const char *key, double *out)
{
    const double below_one = 1 - 0x1p-16;
    return json_take_number(root, key, 0, below_one, out);
}

bool activation_of(const char *name, unary_kind *out)
{
    static const struct {
        const char *name;
        unary_kind kind;
    } KNOWN[] = {
        {"gelu", UNARY_GELU}, {"gelu_new", UNARY_GELU_TANH}, {"gelu_pytorch_tanh", UNARY_GELU_TANH},
        {"relu", UNARY_RELU}, {"silu", UNARY_SILU},          {"swish", UNARY_SILU},
        {"tanh", UNARY_TANH},
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(KNOWN[i].name, name) == 0) {
            *out = KNOWN[i].kind;
            return true;
        }
    return false;
}

int config_activation(const json_place *root, const char *key, unary_kind *out)
{
    const char *name = NULL;
    TRY(json_take_text(root, key, &name));
    if (name == NULL || activation_of(name, out))
        return 0;
    json_place at = json_member(root, key);
    return json_fail_unsupported(&at, ACTIVATIONS);
}

int config_heads(const json_place *root, const char *key, const arch_config *c)
{
    json_place heads = json_member(root, key);
    if (c->hidden % c->heads != 0)
        return json_fail(&heads, IDIM_EFORMAT, "expected a divisor of hidden_size %lld, found %lld",
                         (long long)c->hidden, (long long)c->heads);
    return 0;
}

int config_refuse(const json_place *root, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        bool set = false;
        TRY(json_take_flag(root, *keys, &set));
        json_place at = json_member(root, *keys);
        if (set)
            return json_fail(&at, IDIM_EUNSUPPORTED, "expected false, found true");
    }
    return 0;
}

int config_positions_after_padding(const json_place *root, arch_config *c)
{
    json_place at = json_member(root, "max_position_embeddings");
    if (c->positions < c->pad + 2)
        return json_fail(&at, IDIM_EFORMAT,
                         "expected more than %lld, the padding token's and those "
                         "before it, found %lld",
                         (long long)c->pad + 1, (long long)c->positions);
    c->position_offset = c->pad + 1;
    c->positions -= c->position_offset;
    return 0;
}

int config_plain_encoder(const json_place *root)
{
    static const char *const FLAGS[] = {"is_decoder", "add_cross_attention", NULL};
    const char *positions = "absolute";
    TRY(json_take_text(root, "position_embedding_type", &positions));
    if (strcmp(positions, "absolute") != 0) {
        json_place at = json_member(root, "position_embedding_type");
        return json_fail_unsupported(&at, "absolute");
    }
    return config_refuse(root, FLAGS);
}

int config_padding(const json_place *root, arch_config *c)
{
    json_place at = json_member(root, "pad_token_id");
    if (at.value == NULL)
        return 0;
    c->pad = -1;
    TRY(json_take_integer(root, "pad_token_id", -c->vocab, c->vocab - 1, &c->pad));
    if (json_present(&at) && c->pad < 0)
        c->pad += c->vocab;
    return 0;
}

int config_language(const json_place *root, arch_config *c)
{
    json_place at = json_member(root, "eos_token_id");
    TRY(json_take_flag(root, "tie_word_embeddings", &c->tied));
    if (at.value == NULL)
        return 0;
    c->end_of_text = -1;
    json_place first = json_is_array(at.value) ? json_item(&at, 0) : at;
    if (!json_present(&first))
        return 0;
    return json_want_integer(&first, 0, LIMIT_ROWS, &c->end_of_text);
}

int config_like_bert(const json_place *root, arch_config *c)
{
    const size_key sizes[] = {
        {"vocab_size", LIMIT_ROWS, &c->vocab},
        {"max_position_embeddings", LIMIT_ROWS, &c->positions},
        {"hidden_size", LIMIT_WIDTH, &c->hidden},
        {"num_attention_heads", LIMIT_WIDTH, &c->heads},
        {"intermediate_size", LIMIT_WIDTH, &c->inner},
    };
    TRY(config_sizes(root, sizes, COUNT_OF(sizes)));
    TRY(json_take_integer(root, "type_vocab_size", c->types > 0, LIMIT_ROWS, &c->types));
    TRY(config_padding(root, c));
    TRY(json_take_integer(root, "num_hidden_layers", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_number(root, "layer_norm_eps", 0, 1, &c->norm_eps));
    TRY(json_take_number(root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(config_dropout(root, "hidden_dropout_prob", &c->dropout));
    TRY(config_dropout(root, "attention_probs_dropout_prob", &c->attention_dropout));
    c->classifier_dropout = c->dropout;
    TRY(config_dropout(root, "classifier_dropout", &c->classifier_dropout));
    TRY(config_activation(root, "hidden_act", &c->activation));
    return config_heads(root, "num_attention_heads", c);
}

/* ---- forward ----------------------------------------------------------------------------------
 */

int32_t *positions_in_order(tape *t, const arch_config *c, const idim_batch *b)
{
    int32_t *position = tape_room(t, b->start[b->n]);
    for (int64_t i = 0; i < b->n && position != NULL; i++)
        for (int32_t j = b->start[i]; j < b->start[i + 1]; j++)
            position[j] = (int32_t)c->position_offset + j - b->start[i];
    return position;
}

int32_t *positions_beside_padding(tape *t, const arch_config *c, const idim_batch *b)
{
    int32_t *position = tape_room(t, b->start[b->n]);
    for (int64_t i = 0; i < b->n && position != NULL; i++) {
        int32_t next = (int32_t)c->pad + 1;
        for (int32_t j = b->start[i]; j < b->start[i + 1]; j++)
            position[j] = b->ids[j] == c->pad ? (int32_t)c->pad : next++;
    }
    return position;
}

int32_t *in_turn(tape *t, int64_t n)
{
    int32_t *number = tape_room(t, n);
    for (int32_t i = 0; i < n && number != NULL; i++)
        number[i] = i;
    return number;
}

int32_t *segments_of(tape *t, const arch_config *c, const idim_batch *b)
{
    int32_t T = b->start[b->n], *segment = tape_room(t, T);
    for (int32_t j = 0; j < T && segment != NULL; j++)
        segment[j] = b->segment != NULL && !c->ignores_segments ? b->segment[j] : 0;
    return segment;
}

/* 0 for the token itself; near distances have a bucket each, far ones share one with those of the
 * same size on a log scale; ahead and behind apart, or what lies ahead as distance 0 */
static int32_t bucket_of(int64_t distance, distance_buckets d)
{
    int64_t n = d.both_ways ? d.n / 2 : d.n, first = d.both_ways && distance > 0 ? n : 0;
    int64_t away = distance < 0 ? -distance : d.both_ways ? distance : 0;
    int64_t exact = n / 2;
    if (away < exact)
        return (int32_t)(first + away);
    double far = log((double)away / (double)exact) / log((double)d.max_distance / (double)exact);
    int64_t bucket = exact + (int64_t)(far * (double)(n - exact));
    return (int32_t)(first + (bucket < n ? bucket : n - 1));
}

var *bias_by_distance(tape *t, int64_t table, sequences s, distance_buckets d)
{
    int64_t longest = longest_of(s), rows = 2 * longest - 1;
    int32_t *bucket = tape_room(t, rows);
    for (int64_t i = 0; i < rows && bucket != NULL; i++)
        bucket[i] = bucket_of(i - (longest - 1), d);
    return embedding(t, rows, &(lookup){table, bucket, 0}, 1);
}

layer_options layer_like_bert(const arch_config *c)
{
    return (layer_options){.attention = {.heads = c->heads, .dropout = c->attention_dropout},
                           .after_attention = c->dropout,
                           .after_feed = c->dropout};
}

var *post_norm_attention(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                         const attended *a)
{
    var *x = tape_shared(a->x, a->memory != NULL ? 2 : 4);
    var *from = a->memory != NULL ? a->memory : x;
    var *q = linear(t, x, w[QUERY], w[QUERY + 1]);
    var *k = linear(t, from, w[KEY], w[KEY + 1]);
    var *v = linear(t, from, w[VALUE], w[VALUE + 1]);
    var *y = attention(t, q, k, v, a->s, o->attention);
    y = linear(t, y, w[ATTENTION_OUT], w[ATTENTION_OUT + 1]);
    x = residual(t, y, x, o->after_attention);
    return layernorm(t, x, w[ATTENTION_NORM], w[ATTENTION_NORM + 1], c->norm_eps);
}

var *post_norm_feed(tape *t, const arch_config *c, const layer_options *o, const int64_t *w, var *x)
{
    x = tape_shared(x, 2);
    var *y = linear(t, x, w[FEED_IN], w[FEED_IN + 1]);
    y = dropout(t, unary(t, y, c->activation), o->after_activation);
    y = linear(t, y, w[FEED_OUT], w[FEED_OUT + 1]);
    x = residual(t, y, x, o->after_feed);
    return layernorm(t, x, w[FEED_NORM], w[FEED_NORM + 1], c->norm_eps);
}

var *post_norm_layer(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                     var *x, sequences s)
{
    x = post_norm_attention(t, c, o, w, &(attended){x, NULL, s});
    return post_norm_feed(t, c, o, w, x);
}

var *pooled(tape *t, const arch_config *c, var *x, sequences s, pool_kind own)
{
    static const pool_kind KIND[] = {
        [POOLING_CLS] = POOL_FIRST, [POOLING_MEAN] = POOL_MEAN, [POOLING_LAST] = POOL_LAST};
    return pool(t, x, s, c->pooling == POOLING_OWN ? own : KIND[c->pooling]);
}

var *pooled_at(tape *t, const arch_config *c, var *x, sequences s, const int32_t *row)
{
    return c->pooling == POOLING_OWN ? pick(t, x, s, row) : pooled(t, c, x, s, POOL_LAST);
}

int32_t *last_but(tape *t, const idim_batch *b, int64_t id)
{
    int32_t *row = tape_room(t, b->n);
    for (int64_t i = 0; i < b->n && row != NULL; i++) {
        row[i] = b->start[i + 1] - 1;
        while (row[i] > b->start[i] && b->ids[row[i]] == id)
            row[i]--;
    }
    return row;
}

var *decoder_outputs(tape *t, const arch_config *c, const idim_batch *b, var *x)
{
    const sequences s = {b->start, b->n};
    if (c->language)
        return next_tokens(t, x, output_tensor(c), b->ids, s);
    return linear(t, pooled_at(t, c, x, s, last_but(t, b, c->pad)), output_tensor(c), -1);
}

int32_t *shifted_ids(tape *t, const idim_batch *b, int64_t first)
{
    int32_t *ids = tape_room(t, b->start[b->n]);
    for (int64_t i = 0; i < b->n && ids != NULL; i++)
        for (int32_t j = b->start[i]; j < b->start[i + 1]; j++)
            ids[j] = j == b->start[i] ? (int32_t)first : b->ids[j - 1];
    return ids;
}

int32_t *last_of(tape *t, const idim_batch *b, int64_t id)
{
    int32_t *row = tape_room(t, b->n);
    for (int64_t i = 0; i < b->n && row != NULL; i++) {
        row[i] = b->start[i + 1] - 1;
        while (row[i] > b->start[i] && b->ids[row[i]] != id)
            row[i]--;
        if (b->ids[row[i]] != id)
            row[i] = b->start[i + 1] - 1;
    }
    return row;
}

/* slow turns are slowed further, those between two wavelengths in part (Llama 3.1) */
static double scaled_frequency(const rope_scaling *r, double frequency)
{
    if (!r->llama3)
        return frequency / r->factor;
    double turns = r->original * frequency / 6.283185307179586;
    if (turns > r->high)
        return frequency;
    double share = turns < r->low ? 0 : (turns - r->low) / (r->high - r->low);
    return (1 - share) * frequency / r->factor + share * frequency;
}

var *rope_angles(tape *t, const arch_config *c, int64_t rows)
{
    const int64_t half = c->head_size / 2;
    double *frequency = tape_numbers(t, half);
    for (int64_t j = 0; j < half && frequency != NULL; j++)
        frequency[j] = scaled_frequency(&c->rope, pow(c->rope.theta, -(double)j / (double)half));
    return frequency == NULL ? NULL : angles(t, rows, half, frequency);
}

bool has_pooler(const arch_config *c)
{
    return c->pooling == POOLING_OWN || c->pooling == POOLING_CLS;
}

var *pooler_head(tape *t, const arch_config *c, const int64_t *w, var *x)
{
    if (has_pooler(c)) {
        x = unary(t, linear(t, x, w[0], w[1]), UNARY_TANH);
        w += 2;
    }
    x = dropout(t, x, c->classifier_dropout);
    return linear(t, x, w[0], w[1]);
}

var *dense_head(tape *t, const arch_config *c, const int64_t *w, var *x, unary_kind f)
{
    x = dropout(t, x, c->classifier_dropout);
    x = unary(t, linear(t, x, w[HEAD_DENSE], w[HEAD_DENSE + 1]), f);
    x = dropout(t, x, c->classifier_dropout);
    return linear(t, x, w[HEAD_OUT], w[HEAD_OUT + 1]);
}
