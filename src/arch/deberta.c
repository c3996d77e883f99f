/* DeBERTa v2 and v3 (He et al. 2021): BERT's layers on attention that scores a pair of tokens by
 * what they are and by their distance, both ways.
 *
 *     x = dropout(LN(project(word + position + type)));  e = LN(distance), each part as configured
 *     per layer:  S_ij = q_i k_j + q_i K(d_ij) + k_j Q(d_ij), K and Q projections of e at the
 *                 bucket of i - j: the content's own where share_att_key, or of their own
 *                 x = LN(x + dropout(dense(softmax(S / sqrt(parts head size)) v)))
 *                 x = LN(x + dropout(out(act(in(x)))))
 *     after the first, where there is one:  x = LN(x + act(dropout(convolution of the first x)))
 *     logits = classifier(dropout(act(pooler(dropout(x at token 0)))))
 *
 * SPDX-License-Identifier: MIT */
#include <strings.h>

#include "arch/families.h"
#include "arch/parts.h"

/* ---- configuration ----------------------------------------------------------------------------
 */

static bool is_word(const char *text, size_t n, const char *word)
{
    while (n > 0 && text[0] == ' ')
        text++, n--;
    while (n > 0 && text[n - 1] == ' ')
        n--;
    return n == strlen(word) && strncasecmp(text, word, n) == 0;
}

static int take_kind(const json_place *at, const char *text, size_t n, arch_config *c)
{
    bool by_query = is_word(text, n, "c2p"), by_key = is_word(text, n, "p2c");
    if (!by_query && !by_key)
        return json_fail_unsupported(at, "c2p and p2c");
    c->scores_query = c->scores_query || by_query;
    c->scores_key = c->scores_key || by_key;
    return 0;
}

/* "c2p|p2c", or a list of these */
static int read_kinds(const json_place *root, arch_config *c)
{
    json_place at = json_member(root, "pos_att_type");
    int64_t n;
    if (!json_present(&at))
        return 0;
    if (json_is_string(at.value)) {
        const char *text;
        TRY(json_want_text(&at, &text));
        for (size_t length; *text != '\0'; text += length + (text[length] == '|')) {
            length = strcspn(text, "|");
            TRY(take_kind(&at, text, length, c));
        }
        return 0;
    }
    TRY(json_want_list(&at, &n));
    for (int64_t i = 0; i < n; i++) {
        json_place item = json_item(&at, i);
        const char *text;
        TRY(json_want_text(&item, &text));
        TRY(take_kind(&item, text, strlen(text), c));
    }
    return 0;
}

/* distances: 2 span rows, span the number of buckets, or of positions without */
static int read_distances(const json_place *root, arch_config *c)
{
    const char *norm = "none";
    int64_t span = -1, buckets = -1;
    json_place at = json_member(root, "position_buckets"), n = json_member(root, "norm_rel_ebd");
    TRY(json_take_integer(root, "max_relative_positions", -1, LIMIT_WIDTH, &span));
    TRY(json_take_integer(root, "position_buckets", -1, LIMIT_WIDTH, &buckets));
    c->max_distance = span < 1 ? c->positions : span;
    c->buckets = buckets < 0 ? 0 : buckets;
    if (c->buckets == 1 || (c->buckets > 1 && c->max_distance - 1 <= c->buckets / 2))
        return json_fail(&at, IDIM_EFORMAT,
                         "expected 2 to %lld, below twice the positions, found %lld",
                         (long long)(2 * c->max_distance - 3), (long long)c->buckets);
    c->span = c->buckets > 0 ? c->buckets : c->max_distance;
    TRY(json_take_text(root, "norm_rel_ebd", &norm));
    c->norms_distances = is_word(norm, strlen(norm), "layer_norm");
    if (!c->norms_distances && !is_word(norm, strlen(norm), "none"))
        return json_fail_unsupported(&n, "layer_norm and none");
    return json_take_flag(root, "share_att_key", &c->shares_keys);
}

/* what may be written down, but has one value that works */
static int want_width(const json_place *root, const char *key, int64_t width)
{
    int64_t found = width;
    json_place at = json_member(root, key);
    TRY(json_take_integer(root, key, 1, LIMIT_WIDTH, &found));
    if (found != width)
        return json_fail(&at, IDIM_EUNSUPPORTED, "expected %lld, found %lld", (long long)width,
                         (long long)found);
    return 0;
}

static int read_convolution(const json_place *root, arch_config *c)
{
    json_place size = json_member(root, "conv_kernel_size"), at = json_member(root, "conv_groups");
    int64_t groups = 1;
    c->around_activation = UNARY_TANH;
    TRY(json_take_integer(root, "conv_kernel_size", 0, LIMIT_WIDTH, &c->around));
    if (c->around == 0)
        return 0;
    if (c->around % 2 == 0)
        return json_fail(&size, IDIM_EFORMAT, "expected 0 or an odd number, found %lld",
                         (long long)c->around);
    TRY(json_take_integer(root, "conv_groups", 1, LIMIT_WIDTH, &groups));
    if (groups != 1)
        return json_fail(&at, IDIM_EUNSUPPORTED, "expected 1, found %lld", (long long)groups);
    return config_activation(root, "conv_act", &c->around_activation);
}

static int read_head(const json_place *root, arch_config *c)
{
    TRY(want_width(root, "pooler_hidden_size", c->hidden));
    TRY(want_width(root, "attention_head_size", c->hidden / c->heads));
    c->classifier_dropout = c->dropout;
    c->head_activation = UNARY_GELU;
    TRY(config_dropout(root, "cls_dropout", &c->classifier_dropout));
    TRY(config_dropout(root, "pooler_dropout", &c->pooler_dropout));
    return config_activation(root, "pooler_hidden_act", &c->head_activation);
}

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    bool relative = false;
    *c = (arch_config){.vocab = 128100,
                       .positions = 512,
                       .hidden = 1536,
                       .layers = 24,
                       .heads = 24,
                       .inner = 6144,
                       .norm_eps = 1e-7,
                       .dropout = 0.1,
                       .attention_dropout = 0.1,
                       .initializer_range = 0.02,
                       .adds_positions = true};
    TRY(config_like_bert(&root, c));
    c->ignores_segments = c->types == 0;
    c->embedded = c->hidden;
    TRY(json_take_integer(&root, "embedding_size", 1, LIMIT_WIDTH, &c->embedded));
    TRY(json_take_flag(&root, "position_biased_input", &c->adds_positions));
    TRY(json_take_flag(&root, "relative_attention", &relative));
    TRY(read_kinds(&root, c));
    TRY(read_distances(&root, c));
    TRY(read_convolution(&root, c));
    TRY(read_head(&root, c));
    c->scale = 1 / sqrt((double)(c->hidden / c->heads * (1 + c->scores_query + c->scores_key)));
    c->scores_query = c->scores_query && relative;
    c->scores_key = c->scores_key && relative;
    c->positions = c->adds_positions ? c->positions : LIMIT_ROWS;
    return 0;
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

enum { WORD, POSITION, TYPE, PROJECT, EMBEDDING_NORM, N_EMBEDDING = EMBEDDING_NORM + 2 };
enum { DISTANCE, DISTANCE_NORM, N_DISTANCE = DISTANCE_NORM + 2 };
enum { CONVOLUTION, CONVOLUTION_NORM = 2, N_CONVOLUTION = CONVOLUTION_NORM + 2 };

static const tensor_row EMBEDDINGS[N_EMBEDDING] = {
    {"embeddings.word_embeddings.weight", VOCAB, EMBEDDED},
    {"embeddings.position_embeddings.weight", POSITIONS, EMBEDDED},
    {"embeddings.token_type_embeddings.weight", TYPES, EMBEDDED},
    {"embeddings.embed_proj.weight", HIDDEN, EMBEDDED},
    {"embeddings.LayerNorm.weight", NORM, HIDDEN},
    {"embeddings.LayerNorm.bias", NORM, HIDDEN},
};

static const tensor_row DISTANCES[N_DISTANCE] = {
    {"encoder.rel_embeddings.weight", TWO_SPANS, HIDDEN},
    {"encoder.LayerNorm.weight", NORM, HIDDEN},
    {"encoder.LayerNorm.bias", NORM, HIDDEN},
};

static const tensor_row CONVOLVED[N_CONVOLUTION] = {
    {"encoder.conv.conv.weight", HIDDEN, AROUND},
    {"encoder.conv.conv.bias", ONE, HIDDEN},
    {"encoder.conv.LayerNorm.weight", NORM, HIDDEN},
    {"encoder.conv.LayerNorm.bias", NORM, HIDDEN},
};

/* BERT's layer, then the projections of distances */
enum { FAR_KEY = N_LAYER, FAR_QUERY = FAR_KEY + 2, N_DEBERTA = FAR_QUERY + 2 };

static const tensor_row FAR[] = {
    {"attention.self.pos_key_proj.weight", HIDDEN, HIDDEN},
    {"attention.self.pos_key_proj.bias", ONE, HIDDEN},
    {"attention.self.pos_query_proj.weight", HIDDEN, HIDDEN},
    {"attention.self.pos_query_proj.bias", ONE, HIDDEN},
};

static const char *const OWN_NAMES[] = {
    "attention.self.query_proj.weight", "attention.self.query_proj.bias",
    "attention.self.key_proj.weight",   "attention.self.key_proj.bias",
    "attention.self.value_proj.weight", "attention.self.value_proj.bias",
};

static const tensor_row HEAD[] = {
    {"pooler.dense.weight", HIDDEN, HIDDEN},
    {"pooler.dense.bias", ONE, HIDDEN},
    {"classifier.weight", LABELS, HIDDEN},
    {"classifier.bias", ONE, LABELS},
};

static void leave_out(tensor_row *row, int n, bool there)
{
    for (int i = 0; i < n && !there; i++)
        row[i].name = NULL;
}

static int declare(params *p, arch_config *c)
{
    tensor_row embeddings[N_EMBEDDING], distances[N_DISTANCE], layer[N_DEBERTA];
    bool far = c->scores_query || c->scores_key;
    memcpy(embeddings, EMBEDDINGS, sizeof embeddings);
    memcpy(distances, DISTANCES, sizeof distances);
    memcpy(layer, bert_layer_rows, sizeof bert_layer_rows);
    memcpy(layer + FAR_KEY, FAR, sizeof FAR);
    for (int i = 0; i < COUNT_OF(OWN_NAMES); i++)
        layer[i].name = OWN_NAMES[i];
    leave_out(embeddings + POSITION, 1, c->adds_positions);
    leave_out(embeddings + TYPE, 1, c->types > 0);
    leave_out(embeddings + PROJECT, 1, c->embedded != c->hidden);
    leave_out(distances, 1, far);
    leave_out(distances + DISTANCE_NORM, 2, far && c->norms_distances);
    leave_out(layer + FAR_KEY, 2, c->scores_query && !c->shares_keys);
    leave_out(layer + FAR_QUERY, 2, c->scores_key && !c->shares_keys);
    part parts[] = {PART(ROLE_BODY, embeddings), PART(ROLE_BODY, distances),
                    PART(ROLE_BODY, CONVOLVED), REPEATED("encoder.layer.", c->layers, layer),
                    PART(ROLE_CLASSIFIER, HEAD)};
    parts[2].times = c->around > 0;
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* near distances have a bucket each, far ones share one with those of about their size; an odd
 * function */
static int64_t bucket_of(const arch_config *c, int64_t distance)
{
    const int64_t middle = c->buckets / 2, away = distance < 0 ? -distance : distance;
    if (c->buckets == 0 || away <= middle)
        return distance;
    double far = log((double)away / (double)middle) /
                 log((double)(c->max_distance - 1) / (double)middle) * (double)(middle - 1);
    int64_t bucket = (int64_t)ceil(far) + middle;
    return distance < 0 ? -bucket : bucket;
}

/* the row of the table for key j and query i with i - j = distance */
static int64_t row_of(const arch_config *c, int64_t distance)
{
    int64_t row = bucket_of(c, distance) + c->span;
    return row < 0 ? 0 : row >= 2 * c->span ? 2 * c->span - 1 : row;
}

/* The rows that the longest sequence uses, which are neighbours, and the one of each distance among
 * them. */
static var *distance_rows(tape *t, const arch_config *c, const int64_t *w, int64_t longest,
                          int32_t **which)
{
    const int64_t first = row_of(c, 1 - longest), n = row_of(c, longest - 1) - first + 1;
    int32_t *used = tape_room(t, n), *row = tape_room(t, 2 * longest - 1);
    if (row == NULL)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        used[i] = (int32_t)(first + i);
    for (int64_t i = 0; i < 2 * longest - 1; i++)
        row[i] = (int32_t)(row_of(c, longest - 1 - i) - first);
    *which = row;
    var *e = embedding(t, n, &(lookup){w[DISTANCE], used, 0}, 1);
    if (c->norms_distances)
        e = layernorm(t, e, w[DISTANCE_NORM], w[DISTANCE_NORM + 1], c->norm_eps);
    return tape_shared(e, (int32_t)c->layers);
}

static var *distance_scores(tape *t, const arch_config *c, const int64_t *w, var *q, var *k, var *e,
                            pairs by)
{
    const int64_t *far_key = w + (c->shares_keys ? KEY : FAR_KEY);
    const int64_t *far_query = w + (c->shares_keys ? QUERY : FAR_QUERY);
    var *scores = NULL;
    /* a copy of the layer's own, which has the same readers with dropout and without */
    e = tape_shared(dropout(t, scale(t, e, 1), c->dropout), c->scores_query + c->scores_key);
    if (c->scores_query)
        scores = pair_scores(t, NULL, q, linear(t, e, far_key[0], far_key[1]), by);
    by.by_key = true;
    if (c->scores_key)
        scores = pair_scores(t, scores, k, linear(t, e, far_query[0], far_query[1]), by);
    return scores;
}

/* more: readers of x beside the layer's own */
static var *layer(tape *t, const arch_config *c, const int64_t *w, var *x, var *e, pairs by,
                  int32_t more)
{
    const layer_options o = layer_like_bert(c);
    x = tape_shared(x, 4 + more);
    var *q = tape_shared(linear(t, x, w[QUERY], w[QUERY + 1]), 1 + c->scores_query);
    var *k = tape_shared(linear(t, x, w[KEY], w[KEY + 1]), 1 + c->scores_key);
    var *v = linear(t, x, w[VALUE], w[VALUE + 1]);
    attention_options a = o.attention;
    a.scale = c->scale;
    if (c->scores_query || c->scores_key)
        a.scores = distance_scores(t, c, w, q, k, e, by);
    var *y = attention(t, q, k, v, by.s, a);
    y = linear(t, y, w[ATTENTION_OUT], w[ATTENTION_OUT + 1]);
    x = residual(t, y, x, o.after_attention);
    x = layernorm(t, x, w[ATTENTION_NORM], w[ATTENTION_NORM + 1], c->norm_eps);
    return post_norm_feed(t, c, &o, w, x);
}

/* x = LN(x + act(dropout(convolution of the embeddings))), after the first layer */
static var *convolve(tape *t, const arch_config *c, const int64_t *w, var *x, var *embedded,
                     sequences s)
{
    var *y = neighbours(t, embedded, s, c->around);
    y = dropout(t, linear(t, y, w[CONVOLUTION], w[CONVOLUTION + 1]), c->dropout);
    x = residual(t, unary(t, y, c->around_activation), x, 0);
    return layernorm(t, x, w[CONVOLUTION_NORM], w[CONVOLUTION_NORM + 1], c->norm_eps);
}

static var *embed(tape *t, const arch_config *c, const idim_batch *b, const int64_t *w)
{
    lookup tables[MAX_LOOKUPS] = {{w[WORD], b->ids, c->pad + 1}};
    int n = 1;
    if (c->adds_positions)
        tables[n++] = (lookup){w[POSITION], positions_in_order(t, c, b), 0};
    if (c->types > 0)
        tables[n++] = (lookup){w[TYPE], segments_of(t, c, b), 0};
    if (tape_status(t) != 0)
        return NULL;
    var *x = embedding(t, b->start[b->n], tables, n);
    x = c->embedded != c->hidden ? linear(t, x, w[PROJECT], -1) : x;
    x = layernorm(t, x, w[EMBEDDING_NORM], w[EMBEDDING_NORM + 1], c->norm_eps);
    return dropout(t, x, c->dropout);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    pairs by = {.s = {b->start, b->n}, .heads = c->heads};
    const int64_t *w = c->tensor;
    int32_t *which = NULL;
    var *x = embed(t, c, b, w), *e = NULL;
    w += N_EMBEDDING;
    if (c->scores_query || c->scores_key)
        e = distance_rows(t, c, w, longest_of(by.s), &which);
    by.row = which;
    w += N_DISTANCE;
    const int64_t *around = w;
    w += c->around > 0 ? N_CONVOLUTION : 0;
    for (int64_t l = 0; l < c->layers; l++, w += N_DEBERTA) {
        bool convolves = c->around > 0 && l == 0;
        var *before = x;
        x = layer(t, c, w, x, e, by, convolves);
        x = convolves ? convolve(t, c, around, x, before, by.s) : x;
    }

    x = dropout(t, pooled(t, c, x, by.s, POOL_FIRST), c->pooler_dropout);
    x = unary(t, linear(t, x, w[0], w[1]), c->head_activation);
    return linear(t, dropout(t, x, c->classifier_dropout), w[2], w[3]);
}

const arch arch_deberta_v2 = {.model_type = "deberta-v2",
                              .prefix = "deberta.",
                              .configure = configure,
                              .declare = declare,
                              .forward = forward};
