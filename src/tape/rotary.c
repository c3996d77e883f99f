/* What decoders have besides: root-mean-square normalisation, rotary positions.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

/* ---- y = x rstd w, rstd = 1 / sqrt(mean(x^2) + eps) --------------------------------------------
 */

typedef struct rmsnorm_data {
    int64_t weight;
    double eps;
    real *rstd; /* [rows] */
} rmsnorm_data;

/* a weight narrower than x normalises each piece of a row of its own width */
static rmsnorm_shape rmsnorm_of(tape *t, const node *n)
{
    const rmsnorm_data *d = n->data;
    int64_t cols = t->weights->item[d->weight].cols;
    return (rmsnorm_shape){.rows = n->out->rows * (n->out->cols / cols),
                           .cols = cols,
                           .x = tape_value(t, n->in[0]),
                           .weight = tape_weight(t, d->weight),
                           .eps = d->eps,
                           .rstd = d->rstd};
}

/* g = dy w;  dx += rstd (g - xhat mean(g xhat));  dw += sum dy xhat. dx is written over dy, row by
 * row. */
static void rmsnorm_backward(tape *t, node *n)
{
    const rmsnorm_data *d = n->data;
    var *x = n->in[0], *y = n->out;
    rmsnorm_shape s = rmsnorm_of(t, n);
    bool trained = tape_trains(t, d->weight), add = false;
    int64_t pieces = partials(s.rows);
    real *partial = trained ? TAKE(t, real, pieces * s.cols) : NULL;
    real *sums = trained ? TAKE(t, real, s.cols) : NULL;
    if (t->status != 0)
        return;

    real *dx = x->needs_gradient ? tape_gradient_from(t, x, y, &add) : NULL;
    t->k->rmsnorm_backward(t->lib->threads, &s, y->gradient, add, dx, partial);
    if (trained) {
        t->k->sum_partials(t->lib->threads, pieces, s.cols, partial, sums);
        tape_fold(t, d->weight, sums);
    }
    tape_give(t, sums);
    tape_give(t, partial);
    tape_give(t, d->rstd);
}

static void rmsnorm_forward(tape *t, node *n)
{
    rmsnorm_data *d = n->data;
    d->rstd = TAKE(t, real, n->out->rows * (n->out->cols / t->weights->item[d->weight].cols));
    if (t->status != 0)
        return;
    rmsnorm_shape s = rmsnorm_of(t, n);
    t->k->rmsnorm(t->lib->threads, &s, n->out->value);
    if (!n->out->needs_gradient)
        tape_give(t, d->rstd);
}

static const operation RMSNORM = {"rmsnorm", rmsnorm_forward, rmsnorm_backward, false};

var *rmsnorm(tape *t, var *x, int64_t weight, double eps)
{
    if (x == NULL)
        return NULL;
    rmsnorm_data d = {.weight = weight, .eps = eps};
    return tape_add(t, &(recipe){.op = &RMSNORM,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .trained = tape_trains(t, weight),
                                 .keeps = {true},
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}

/* ---- angles: row i is cos(i f_j), j < half, then sin(i f_j); nothing flows back ---------------
 */

typedef struct angles_data {
    const double *frequency; /* [half], borrowed */
    int64_t half;
} angles_data;

static void angles_backward(tape *t, node *n)
{
    (void)t;
    (void)n;
}

static void angles_forward(tape *t, node *n)
{
    const angles_data *d = n->data;
    t->k->angles(t->lib->threads, n->out->rows, d->half, d->frequency, n->out->value);
}

static const operation ANGLES = {"angles", angles_forward, angles_backward, false};

var *angles(tape *t, int64_t rows, int64_t half, const double *frequency)
{
    angles_data d = {frequency, half};
    return tape_add(t, &(recipe){.op = &ANGLES,
                                 .rows = rows,
                                 .cols = 2 * half,
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}

/* ---- each pair (x_j, x_j+half) of a head turned by its angle.   dx += dy turned back -----------
 */

typedef struct rotary_data {
    sequences s;
    int64_t heads;
} rotary_data;

static rotary_shape rotary_of(tape *t, const node *n)
{
    const rotary_data *d = n->data;
    return (rotary_shape){.n = d->s.n,
                          .heads = d->heads,
                          .cols = n->out->cols,
                          .start = d->s.start,
                          .angles = tape_value(t, n->in[1])};
}

static void rotary_backward(tape *t, node *n)
{
    bool add;
    rotary_shape s = rotary_of(t, n);
    real *dx = tape_gradient_from(t, n->in[0], n->out, &add);
    t->k->rotate(t->lib->threads, &s, n->out->gradient, true, add, dx);
}

static void rotary_forward(tape *t, node *n)
{
    rotary_shape s = rotary_of(t, n);
    t->k->rotate(t->lib->threads, &s, tape_value(t, n->in[0]), false, false, n->out->value);
}

static const operation ROTARY = {"rotary", rotary_forward, rotary_backward, false};

var *rotary(tape *t, var *x, var *with, sequences s, int64_t heads)
{
    if (x == NULL || with == NULL)
        return NULL;
    rotary_data d = {s, heads};
    return tape_add(t, &(recipe){.op = &ROTARY,
                                 .in = {x, with},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .keeps = {false, true},
                                 .in_place = true,
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}
