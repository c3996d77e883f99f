/* The head of a language model and its loss in one operation, so that logits, as wide as the
 * vocabulary, are made for a chunk of tokens at a time: forward keeps the log of each row's sum of
 * exponentials, backward makes the chunk again. A chunk's size follows from the vocabulary alone.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

/* entries of a chunk's logits; its rows */
enum { CHUNK_LOGITS = 1 << 24, FEWEST_ROWS = 32, MOST_ROWS = 256 };

typedef struct next_data {
    int64_t weight;
    sequences s;
    int32_t *target, *sequence, *row; /* [rows] of x: what comes next, whose it is, 0 1 2 .. */
    real *lse;                        /* [rows] */
} next_data;

static int64_t chunk_rows(int64_t vocabulary)
{
    int64_t rows = CHUNK_LOGITS / vocabulary / FEWEST_ROWS * FEWEST_ROWS;
    return rows < FEWEST_ROWS ? FEWEST_ROWS : rows > MOST_ROWS ? MOST_ROWS : rows;
}

static int64_t vocabulary_of(const tape *t, const next_data *d)
{
    return t->weights->item[d->weight].rows;
}

/* logits[n][vocabulary] of x[n][hidden] */
static void make_logits(tape *t, const next_data *d, int64_t n, int64_t hidden, const real *x,
                        real *logits)
{
    tape_product(t, &(matmul){.m = n,
                              .n = vocabulary_of(t, d),
                              .k = hidden,
                              .a = x,
                              .b = tape_weight(t, d->weight),
                              .b_turned = true,
                              .c = logits});
}

/* dW += dlogits' x of a chunk */
static void add_to_weight(tape *t, const next_data *d, int64_t n, int64_t hidden, const real *x,
                          const real *dlogits, bool add, real *dw)
{
    tape_product(t, &(matmul){.m = vocabulary_of(t, d),
                              .n = hidden,
                              .k = n,
                              .a = dlogits,
                              .a_turned = true,
                              .b = x,
                              .c = dw,
                              .add = add});
}

static void chunks_backward(tape *t, node *n, const real *each, real *logits, real *dw, real *dx,
                            bool add)
{
    const next_data *d = n->data;
    const int64_t rows = n->in[0]->rows, H = n->in[0]->cols, V = vocabulary_of(t, d);
    const real *x = tape_value(t, n->in[0]);
    const int64_t step = chunk_rows(V);
    for (int64_t i = 0; i < rows && t->status == 0; i += step) {
        int64_t here = rows - i < step ? rows - i : step;
        make_logits(t, d, here, H, x + i * H, logits);
        t->k->next_tokens_backward(t->lib->threads, here, V, d->target + i, d->lse + i,
                                   each + 2 * i, logits);
        if (dw != NULL)
            add_to_weight(t, d, here, H, x + i * H, logits, i > 0, dw);
        if (dx != NULL)
            tape_product(t, &(matmul){.m = here,
                                      .n = H,
                                      .k = V,
                                      .a = logits,
                                      .b = tape_weight(t, d->weight),
                                      .c = dx + i * H,
                                      .add = add});
    }
}

/* y_s = sum over t in s of lse(z_t) - z_t,next(t), z = x W'.   dz_t = dy_s (softmax(z_t) -
 * onehot);  dW += dz' x;  dx += dz W */
static void next_backward(tape *t, node *n)
{
    const next_data *d = n->data;
    var *x = n->in[0];
    const int64_t V = vocabulary_of(t, d), step = chunk_rows(V);
    const lookup_table of_sequence = {n->out->gradient, d->sequence};
    bool add = false, trains = tape_trains(t, d->weight);
    real *each = TAKE(t, real, x->rows * 2);
    real *logits = TAKE(t, real, (x->rows < step ? x->rows : step) * V);
    real *dw = trains ? TAKE(t, real, V * x->cols) : NULL;
    real *dx = x->needs_gradient ? tape_gradient(t, x, &add) : NULL;
    if (t->status == 0) {
        t->k->gather(t->lib->threads, 1, &of_sequence, x->rows, 2, each);
        chunks_backward(t, n, each, logits, dw, dx, add);
    }
    if (t->status == 0 && trains)
        tape_fold(t, d->weight, dw);
    tape_give(t, dw);
    tape_give(t, logits);
    tape_give(t, each);
    tape_give(t, d->lse);
}

static void next_forward(tape *t, node *n)
{
    next_data *d = n->data;
    const var *x = n->in[0];
    const int64_t V = vocabulary_of(t, d), step = chunk_rows(V);
    real *each = TAKE(t, real, x->rows * 2);
    real *logits = TAKE(t, real, (x->rows < step ? x->rows : step) * V);
    d->lse = TAKE(t, real, x->rows);
    for (int64_t i = 0; i < x->rows && t->status == 0; i += step) {
        int64_t here = x->rows - i < step ? x->rows - i : step;
        make_logits(t, d, here, x->cols, x->value + i * x->cols, logits);
        t->k->next_tokens(t->lib->threads, here, V, logits, d->target + i, d->lse + i,
                          each + 2 * i);
    }
    if (t->status != 0)
        return;
    t->k->gather_sums(t->lib->threads, d->s.n, 2, d->s.start, d->row, each, n->out->value);
    tape_give(t, logits);
    tape_give(t, each);
    if (!n->out->needs_gradient)
        tape_give(t, d->lse);
}

static const operation NEXT_TOKENS = {"next_tokens", next_forward, next_backward, false};

static void find_targets(const int32_t *ids, next_data *d)
{
    for (int64_t i = 0; i < d->s.n; i++)
        for (int32_t j = d->s.start[i]; j < d->s.start[i + 1]; j++) {
            d->target[j] = j + 1 < d->s.start[i + 1] ? ids[j + 1] : -1;
            d->sequence[j] = (int32_t)i;
            d->row[j] = j;
        }
}

var *next_tokens(tape *t, var *x, int64_t weight, const int32_t *ids, sequences s)
{
    if (x == NULL)
        return NULL;
    next_data d = {.weight = weight,
                   .s = s,
                   .target = tape_room(t, x->rows),
                   .sequence = tape_room(t, x->rows),
                   .row = tape_room(t, x->rows)};
    if (tape_status(t) != 0)
        return NULL;
    find_targets(ids, &d);
    return tape_add(t, &(recipe){.op = &NEXT_TOKENS,
                                 .in = {x},
                                 .rows = s.n,
                                 .cols = 2,
                                 .trained = tape_trains(t, weight),
                                 .keeps = {true},
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}

/* ---- the mean ----------------------------------------------------------------------------------
 */

/* y = sum_i x_i0 / n.   dx_i0 += dy / n */
static void mean_backward(tape *t, node *n)
{
    const int64_t *count = n->data;
    var *x = n->in[0];
    bool add;
    real *dx = tape_gradient(t, x, &add), *share = TAKE(t, real, 1);
    if (t->status != 0)
        return;
    if (!add)
        t->k->fill(t->lib->threads, x->rows * x->cols, 0, dx);
    t->k->scale(t->lib->threads, 1, 1 / (real)*count, n->out->gradient, false, share);
    t->k->copy_block(t->lib->threads, x->rows, 1, share, 0, true, dx, x->cols);
    tape_give(t, share);
}

static void mean_forward(tape *t, node *n)
{
    const int64_t *count = n->data;
    const var *x = n->in[0];
    real *sums = TAKE(t, real, x->cols), *partial = TAKE(t, real, partials(x->rows) * x->cols);
    if (t->status != 0)
        return;
    t->k->column_sums(t->lib->threads, x->rows, x->cols, x->value, partial, sums);
    t->k->scale(t->lib->threads, 1, 1 / (real)*count, sums, false, n->out->value);
    tape_give(t, partial);
    tape_give(t, sums);
}

static const operation MEAN_OF_FIRST = {"mean_of_first", mean_forward, mean_backward, false};

var *mean_of_first(tape *t, var *x, int64_t n)
{
    if (x == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &MEAN_OF_FIRST,
                                 .in = {x},
                                 .rows = 1,
                                 .cols = 1,
                                 .data = &n,
                                 .data_size = (int64_t)sizeof n});
}
