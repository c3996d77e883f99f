/* The operations. Each stands in its file with its formula, its backward and its forward side by
 * side. Weights are named by their number in params; -1: there is none (a linear layer without a
 * bias). All return NULL when given NULL or out of memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TAPE_OPS_H
#define IDIM_TAPE_OPS_H

#include "tape/tape.h"

/* row[i] names the row of weight `table`. One row may be the padding token's: it is read like any
 * other and gets no gradient, as PyTorch's Embedding(padding_idx). */
typedef struct lookup {
    int64_t table;
    const int32_t *row;
    int64_t padding; /* 1 + that row's number; 0: there is none */
} lookup;

enum { MAX_LOOKUPS = 3 };

/* sequence i is rows start[i] .. start[i + 1), as in idim_batch */
typedef struct sequences {
    const int32_t *start;
    int64_t n;
} sequences;

int64_t longest_of(sequences s);

/* numbers that nothing trained is in; value[rows][cols] is the host's, borrowed like indices */
var *numbers(tape *t, int64_t rows, int64_t cols, const double *value);

/* out[i] = sum of one row of each of n tables */
var *embedding(tape *t, int64_t rows, const lookup *tables, int n);

/* y = x W' + b */
var *linear(tape *t, var *x, int64_t weight, int64_t bias);

/* y = x W + b: the weight lies as [in][out] */
var *linear_turned(tape *t, var *x, int64_t weight, int64_t bias);

/* y = x / sqrt(mean(x^2) + eps) weight, row by row, or piece by piece of the weight's width */
var *rmsnorm(tape *t, var *x, int64_t weight, double eps);

/* Rotary positions: angles is for sequences of up to `rows` tokens, frequency[half] in radians a
 * token, borrowed like indices; rotary turns column j and j + half of each head of x. */
var *angles(tape *t, int64_t rows, int64_t half, const double *frequency);
var *rotary(tape *t, var *x, var *with, sequences s, int64_t heads);

/* y = (x - mean) / sqrt(variance + eps) weight + bias, row by row */
var *layernorm(tape *t, var *x, int64_t weight, int64_t bias, double eps);

/* Softmax attention of packed sequences, with dropout of the probabilities. */
typedef struct attention_options {
    int64_t heads;
    double dropout;
    int64_t key_heads; /* of k and v, a divisor of heads; 0: as many */
    bool causal;       /* a token sees itself and those before it    */
    double scale;      /* of the scores; 0: 1 / sqrt(head size)      */
    var *bias;         /* [2 longest_of(s) - 1][heads], added to the scores: key j, query i at row
                          j - i + longest - 1; NULL: none */
    var *scores;       /* [rows][heads longest_of(s)], pair_scores: added to q k' before the
                          scale; NULL: none. Of the two one at most */
} attention_options;

var *attention(tape *t, var *q, var *k, var *v, sequences s, attention_options o);

/* Scores of pairs of tokens for attention_options.scores: for query i and key j and each head, the
 * head's part of a token's row of x times that of a row of y, added to `sum` where that is not
 * NULL. Which row of y: row[j - i + longest_of(s) - 1], borrowed; or by the tokens' segments, row 0
 * where they are the same and row 1 where they differ. */
typedef struct pairs {
    sequences s;
    int64_t heads;
    bool by_key;            /* x's row is the key's, not the query's */
    const int32_t *row;     /* [2 longest_of(s) - 1], or NULL        */
    const int32_t *segment; /* of each token, or NULL                */
} pairs;

var *pair_scores(tape *t, var *sum, var *x, var *y, pairs p);

/* y = f(x). Given up after it is read, made again in backward. */
var *unary(tape *t, var *x, unary_kind kind);

/* y = dropout(x) */
var *dropout(tape *t, var *x, double p);

/* y = dropout(x) + r, in the memory of x where nothing else reads it */
var *residual(tape *t, var *x, var *r, double p);

/* y = a b, entry by entry */
var *multiply(tape *t, var *a, var *b);

/* y = x + b in every row */
var *add_row(tape *t, var *x, int64_t bias);

/* y = n columns of x from `first` on */
var *columns(tape *t, var *x, int64_t first, int64_t n);

/* y = s x */
var *scale(tape *t, var *x, double s);

/* one row of each sequence: its first, its last, or the mean */
var *pool(tape *t, var *x, sequences s, pool_kind kind);

/* The n tokens around each, n odd: column c n + k of row i is x[i + k - n / 2][c], 0 beyond the
 * sequence. A linear layer on it is a convolution. */
var *neighbours(tape *t, var *x, sequences s, int64_t n);

/* row[i] of x, which lies in sequence i */
var *pick(tape *t, var *x, sequences s, const int32_t *row);

/* The loss of each sequence's next tokens, out[s.n][2]: the sum over its tokens but the last of
 * -log softmax(x W')[the token after it], and how many of these were the likeliest. ids are the
 * tokens, borrowed; W [vocabulary][x's columns] may be a table that is read elsewhere too. Logits
 * are made some rows at a time and again in backward: they are never all there. */
var *next_tokens(tape *t, var *x, int64_t weight, const int32_t *ids, sequences s);

/* a 1 x 1 var: the sum of x's first column over n */
var *mean_of_first(tape *t, var *x, int64_t n);

/* a 1 x 1 var: cross entropy, mean over rows (label[rows]); squared error and binary cross entropy
 * with logits, mean over all entries (label[rows][cols]) */
var *loss(tape *t, var *x, loss_kind kind, const float *label);

#endif
