/* What families are made of: tables of tensor names, readers of config.json, and the pieces of a
 * forward function that several of them share.
 *
 * A family lists its parts in the order its forward function reads them; declare_parts adds the
 * tensors and writes their numbers to c->tensor in that order:
 *
 *     static const tensor_row EMBEDDINGS[] = {{"embeddings.word.weight", VOCAB, HIDDEN}, ...};
 *     const part parts[] = {PART(ROLE_BODY, EMBEDDINGS),
 *                           REPEATED("encoder.layer.", c->layers, LAYER),
 *                           PART(ROLE_CLASSIFIER, HEAD)};
 *     return declare_parts(p, c, parts, 3);
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_ARCH_PARTS_H
#define IDIM_ARCH_PARTS_H

#include <math.h>
#include <string.h>

#include "arch/arch.h"
#include "format/json.h"
#include "tape/ops.h"

/* ---- tensors ----------------------------------------------------------------------------------
 */

/* NORM is one row too, and says that the tensor scales or shifts a normalisation. IN_HEADS is
 * HIDDEN columns that the files have as [heads][head size]. */
typedef enum size_of {
    ONE,
    TWO,
    NORM,
    IN_HEADS,
    HIDDEN,
    INNER,
    EMBEDDED, /* arch_config.embedded */
    VOCAB,
    POSITIONS, /* the table's rows, unused ones too */
    TYPES,
    LABELS,
    BUCKETS, /* of distances */
    TWO_SPANS,
    AROUND, /* HIDDEN with neighbours: as the files have it, [HIDDEN][arch_config.around] */
    HEADS,
    THREE_HIDDEN,
    QUERIES, /* heads of head_size */
    KEYS,    /* key_heads of head_size */
    ONE_HEAD,
    DECODER_INNER
} size_of;

/* name NULL: this model has none; its number is -1 */
typedef struct tensor_row {
    const char *name;
    size_of rows, cols;
} tensor_row;

/* Tensors that follow each other. Repeated ones are called PREFIXi.NAME and are a block each;
 * others belong to the block before them, those of the head to one of their own. With an inner
 * prefix the names are PREFIXi.INNERk.NAME, k below `inner`, and `times` counts all of them. */
typedef struct part {
    param_role role;
    const tensor_row *row;
    int64_t n;
    const char *prefix; /* NULL: not repeated */
    int64_t times;
    const char *inner_prefix;
    int64_t inner;
} part;

#define COUNT_OF(array)  ((int64_t)(sizeof(array) / sizeof *(array)))
#define PART(role, rows) ((part){(role), (rows), COUNT_OF(rows), NULL, 1, NULL, 1})
#define REPEATED(prefix, times, rows)                                                              \
    ((part){ROLE_BODY, (rows), COUNT_OF(rows), (prefix), (times), NULL, 1})

int declare_parts(params *p, arch_config *c, const part *parts, int64_t n);

/* BERT's names of an encoder layer, which RoBERTa and ELECTRA have too; weight first, bias next */
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
extern const tensor_row bert_layer_rows[N_LAYER];

/* "classifier.dense" and "classifier.out_proj", weight and bias each: the head of RoBERTa, ELECTRA
 * and others */
enum { HEAD_DENSE = 0, HEAD_OUT = 2, N_DENSE_HEAD = 4 };
extern const tensor_row dense_head_rows[N_DENSE_HEAD];

/* The head of a decoder: `score` [LABELS] where it classifies; as a language model nothing where it
 * is tied, else `own`, called lm_head.weight, [VOCAB] by as many columns. */
part decoder_head(const arch_config *c, const tensor_row *score, const tensor_row *own);
extern const tensor_row score_rows[1], lm_head_rows[1];

/* ---- configuration ----------------------------------------------------------------------------
 */

enum { LIMIT_WIDTH = 1 << 20, LIMIT_ROWS = 1 << 28 };

/* Members that may be absent, each with the largest value it may have (the least is 1). */
typedef struct size_key {
    const char *key;
    int64_t limit;
    int64_t *value;
} size_key;

int config_sizes(const json_place *root, const size_key *keys, int64_t n);

/* BERT's names: vocab_size, max_position_embeddings, type_vocab_size, hidden_size,
 * num_hidden_layers, num_attention_heads, intermediate_size, layer_norm_eps, initializer_range,
 * hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout, hidden_act. *c holds the
 * defaults; types may be 0 where their default is. */
int config_like_bert(const json_place *root, arch_config *c);

/* pad_token_id; c->pad holds the default. null: none (-1); a negative one counts from the end, as
 * in PyTorch. config_like_bert does it. */
int config_padding(const json_place *root, arch_config *c);

/* A probability below 1, and an activation by its published name. */
int config_dropout(const json_place *root, const char *key, double *out);
#define ACTIVATIONS "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish and tanh"
bool activation_of(const char *name, unary_kind *out);
int config_activation(const json_place *root, const char *key, unary_kind *out);

/* hidden must be a multiple of the heads called `key`. */
int config_heads(const json_place *root, const char *key, const arch_config *c);

/* Settings that ask for another architecture: each of `keys` (NULL at the end) must be false. */
int config_refuse(const json_place *root, const char *const *keys);

/* max_position_embeddings counts the rows up to c->pad too, which no sequence uses. */
int config_positions_after_padding(const json_place *root, arch_config *c);

/* eos_token_id, the first where it is a list, and tie_word_embeddings; *c holds the defaults. */
int config_language(const json_place *root, arch_config *c);

/* position_embedding_type must be "absolute", is_decoder and add_cross_attention false. */
int config_plain_encoder(const json_place *root);

/* ---- forward ----------------------------------------------------------------------------------
 */

/* Positions count from c->position_offset in each sequence; NULL when the tape has failed. */
int32_t *positions_in_order(tape *t, const arch_config *c, const idim_batch *b);

/* Those of RoBERTa: tokens that are c->pad have position c->pad and do not count; the others count
 * from c->pad + 1. */
int32_t *positions_beside_padding(tape *t, const arch_config *c, const idim_batch *b);

/* 0, 1, 2 .. */
int32_t *in_turn(tape *t, int64_t n);

/* The batch's segments; 0 where it has none or the family ignores them. */
int32_t *segments_of(tape *t, const arch_config *c, const idim_batch *b);

/* A bias on scores that depends on the distance of query and key, for attention_options: `n`
 * buckets of distances up to max_distance, each a row [heads] of `table`. Both ways: what lies
 * ahead has half of them; else it counts as distance 0. The caller announces how many layers read
 * it. */
typedef struct distance_buckets {
    int64_t n, max_distance;
    bool both_ways;
} distance_buckets;

var *bias_by_distance(tape *t, int64_t table, sequences s, distance_buckets d);

/* Where a layer's attention and dropout differ from family to family. */
typedef struct layer_options {
    attention_options attention;
    double after_attention, after_activation, after_feed; /* dropout */
} layer_options;

layer_options layer_like_bert(const arch_config *c);

/* Its two halves. Keys and values come from `memory`, whose readers the caller announces, or from x
 * where that is NULL. */
typedef struct attended {
    var *x, *memory;
    sequences s;
} attended;

var *post_norm_attention(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                         const attended *a);
var *post_norm_feed(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                    var *x);

/* A layer as BERT has it, its tensors from w on in the order of the enum above:
 * x = LN(x + dropout(dense(attention(x))));  x = LN(x + dropout(out(act(in(x))))) */
var *post_norm_layer(tape *t, const arch_config *c, const layer_options *o, const int64_t *w,
                     var *x, sequences s);

/* The row of each sequence that the user wants, else `own`. */
var *pooled(tape *t, const arch_config *c, var *x, sequences s, pool_kind own);

/* The row that the user wants, else row[i] of sequence i; and rows for it: the last token that is
 * not `id` (else the first), the last one that is (else the last). */
var *pooled_at(tape *t, const arch_config *c, var *x, sequences s, const int32_t *row);
int32_t *last_but(tape *t, const idim_batch *b, int64_t id);
int32_t *last_of(tape *t, const idim_batch *b, int64_t id);

/* The batch's ids one place later, `first` before each sequence: what a decoder is given. */
int32_t *shifted_ids(tape *t, const idim_batch *b, int64_t first);

/* A decoder's outputs from its last layer by its last tensor, decoder_head's, or the word table,
 * its first: the losses of next tokens from every row of x, or logits from the row that is read. */
var *decoder_outputs(tape *t, const arch_config *c, const idim_batch *b, var *x);

/* Angles of rotary positions 0 .. rows - 1 by c->rope and c->head_size. */
var *rope_angles(tape *t, const arch_config *c, int64_t rows);

/* Whether BERT's pooler is there, which was trained on the first token; and the head with it or
 * without: logits = classifier(dropout(tanh(pooler(x)))), pooler and classifier from w on. */
bool has_pooler(const arch_config *c);
var *pooler_head(tape *t, const arch_config *c, const int64_t *w, var *x);

/* logits = out(dropout(f(dense(dropout(x))))), tensors from w on as dense_head_rows has them */
var *dense_head(tape *t, const arch_config *c, const int64_t *w, var *x, unary_kind f);

#endif
