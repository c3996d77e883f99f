/* Operations entry by entry, and layer normalisation row by row.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

static int64_t entries(const var *x)
{
    return x->rows * x->cols;
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

static void numbers_forward(tape *t, node *n)
{
    const double *const *value = n->data;
    real *host = TAKE(t, real, entries(n->out));
    if (host == NULL)
        return;
    for (int64_t i = 0; i < entries(n->out); i++)
        host[i] = (real)(*value)[i];
    t->k->write(entries(n->out), host, n->out->value);
    tape_give(t, host);
}

static void numbers_backward(tape *t, node *n)
{
    (void)t;
    (void)n;
}

static const operation NUMBERS = {"numbers", numbers_forward, numbers_backward, false};

var *numbers(tape *t, int64_t rows, int64_t cols, const double *value)
{
    if (value == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &NUMBERS,
                                 .rows = rows,
                                 .cols = cols,
                                 .data = &value,
                                 .data_size = (int64_t)sizeof value});
}

/* ---- y = f(x).   dx += f'(x) dy ---------------------------------------------------------------
 */

static void unary_backward(tape *t, node *n)
{
    bool add;
    var *x = n->in[0];
    const unary_kind *kind = n->data;
    real *dx = tape_gradient_from(t, x, n->out, &add);
    t->k->unary_backward(t->lib->threads, *kind, entries(x), tape_value(t, x), n->out->gradient,
                         add, dx);
}

static void unary_forward(tape *t, node *n)
{
    const unary_kind *kind = n->data;
    t->k->unary(t->lib->threads, *kind, entries(n->out), tape_value(t, n->in[0]), n->out->value);
}

static const operation UNARY = {"unary", unary_forward, unary_backward, true};

var *unary(tape *t, var *x, unary_kind kind)
{
    if (x == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &UNARY,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .keeps = {true},
                                 .in_place = !x->needs_gradient,
                                 .data = &kind,
                                 .data_size = (int64_t)sizeof kind});
}

/* ---- y = mask x / share + r.   dx += mask dy / share;  dr += dy -------------------------------
 */

static void residual_backward(tape *t, node *n)
{
    const dropout_mask *mask = n->data;
    var *x = n->in[0], *r = n->in[1], *y = n->out;
    bool r_flows = r != NULL && r->needs_gradient;
    if (x->needs_gradient) {
        bool add;
        real *dx = r_flows ? tape_gradient(t, x, &add) : tape_gradient_from(t, x, y, &add);
        if (dx == NULL)
            return;
        t->k->dropout(t->lib->threads, mask, entries(x), y->gradient, add ? dx : NULL, dx);
    }
    if (r_flows)
        tape_pass(t, r, y);
}

static void residual_forward(tape *t, node *n)
{
    const dropout_mask *mask = n->data;
    t->k->dropout(t->lib->threads, mask, entries(n->out), n->in[0]->value,
                  n->in[1] != NULL ? n->in[1]->value : NULL, n->out->value);
}

static const operation RESIDUAL = {"residual", residual_forward, residual_backward, false};

static var *add_residual(tape *t, var *x, var *r, double p)
{
    dropout_mask mask = tape_mask(t, p);
    return tape_add(t, &(recipe){.op = &RESIDUAL,
                                 .in = {x, r},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .in_place = true,
                                 .data = &mask,
                                 .data_size = (int64_t)sizeof mask});
}

var *residual(tape *t, var *x, var *r, double p)
{
    return x == NULL || r == NULL ? NULL : add_residual(t, x, r, p);
}

var *dropout(tape *t, var *x, double p)
{
    return x == NULL || !t->training.on || p <= 0 ? x : add_residual(t, x, NULL, p);
}

/* ---- y = a b.   da += dy b;  db += dy a --------------------------------------------------------
 */

static void multiply_backward(tape *t, node *n)
{
    for (int i = 0; i < 2; i++) {
        var *x = n->in[i], *other = n->in[1 - i];
        bool add;
        const real *value = tape_value(t, other);
        real *dx = x->needs_gradient ? tape_gradient(t, x, &add) : NULL;
        if (dx != NULL && value != NULL)
            t->k->multiply(t->lib->threads, entries(x), n->out->gradient, value, add, dx);
    }
    tape_drop(t, n->in[1]);
}

static void multiply_forward(tape *t, node *n)
{
    t->k->multiply(t->lib->threads, entries(n->out), tape_value(t, n->in[0]),
                   tape_value(t, n->in[1]), false, n->out->value);
}

static const operation MULTIPLY = {"multiply", multiply_forward, multiply_backward, true};

var *multiply(tape *t, var *a, var *b)
{
    if (a == NULL || b == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &MULTIPLY,
                                 .in = {a, b},
                                 .rows = a->rows,
                                 .cols = a->cols,
                                 .keeps = {true, true}});
}

/* ---- y = x + b in every row.   dx += dy;  db += column sums of dy -------------------------------
 */

static void add_row_backward(tape *t, node *n)
{
    const int64_t *bias = n->data;
    var *y = n->out;
    real *db = NULL, *partial = NULL;
    if (tape_trains(t, *bias)) {
        db = TAKE(t, real, y->cols);
        partial = TAKE(t, real, partials(y->rows) * y->cols);
        if (t->status != 0)
            return;
        t->k->column_sums(t->lib->threads, y->rows, y->cols, y->gradient, partial, db);
        tape_fold(t, *bias, db);
    }
    tape_give(t, partial);
    tape_give(t, db);
    if (n->in[0]->needs_gradient)
        tape_pass(t, n->in[0], y);
}

static void add_row_forward(tape *t, node *n)
{
    const int64_t *bias = n->data;
    const var *x = n->in[0], *y = n->out;
    if (x->value != y->value)
        t->k->scale(t->lib->threads, entries(x), 1, x->value, false, y->value);
    t->k->copy_block(t->lib->threads, y->rows, y->cols, tape_weight(t, *bias), 0, true, y->value,
                     y->cols);
}

static const operation ADD_ROW = {"add row", add_row_forward, add_row_backward, false};

var *add_row(tape *t, var *x, int64_t bias)
{
    if (x == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &ADD_ROW,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .trained = tape_trains(t, bias),
                                 .in_place = true,
                                 .data = &bias,
                                 .data_size = (int64_t)sizeof bias});
}

/* ---- y = some columns of x.   dx there += dy ---------------------------------------------------
 */

static void columns_backward(tape *t, node *n)
{
    const int64_t *first = n->data;
    var *x = n->in[0], *y = n->out;
    bool add;
    real *dx = tape_gradient(t, x, &add);
    if (dx == NULL)
        return;
    if (!add)
        t->k->fill(t->lib->threads, entries(x), 0, dx);
    t->k->copy_block(t->lib->threads, y->rows, y->cols, y->gradient, y->cols, add, dx + *first,
                     x->cols);
}

static void columns_forward(tape *t, node *n)
{
    const int64_t *first = n->data;
    const var *x = n->in[0], *y = n->out;
    t->k->copy_block(t->lib->threads, y->rows, y->cols, x->value + *first, x->cols, false, y->value,
                     y->cols);
}

static const operation COLUMNS = {"columns", columns_forward, columns_backward, false};

var *columns(tape *t, var *x, int64_t first, int64_t n)
{
    if (x == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &COLUMNS,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = n,
                                 .data = &first,
                                 .data_size = (int64_t)sizeof first});
}

/* ---- y = s x.   dx += s dy ---------------------------------------------------------------------
 */

static void scale_backward(tape *t, node *n)
{
    bool add;
    const real *s = n->data;
    real *dx = tape_gradient_from(t, n->in[0], n->out, &add);
    t->k->scale(t->lib->threads, entries(n->out), *s, n->out->gradient, add, dx);
}

static void scale_forward(tape *t, node *n)
{
    const real *s = n->data;
    t->k->scale(t->lib->threads, entries(n->out), *s, n->in[0]->value, false, n->out->value);
}

static const operation SCALE = {"scale", scale_forward, scale_backward, false};

var *scale(tape *t, var *x, double s)
{
    real factor = (real)s;
    if (x == NULL)
        return NULL;
    return tape_add(t, &(recipe){.op = &SCALE,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .in_place = true,
                                 .data = &factor,
                                 .data_size = (int64_t)sizeof factor});
}

/* ---- y = xhat w + b, xhat = (x - mean) rstd ----------------------------------------------------
 */

typedef struct layernorm_data {
    int64_t weight, bias;
    double eps;
    real *mean, *rstd; /* [rows] */
} layernorm_data;

static layernorm_shape shape_of(tape *t, const node *n)
{
    const layernorm_data *d = n->data;
    return (layernorm_shape){.rows = n->out->rows,
                             .cols = n->out->cols,
                             .x = tape_value(t, n->in[0]),
                             .weight = tape_weight(t, d->weight),
                             .bias = tape_weight(t, d->bias),
                             .eps = d->eps,
                             .mean = d->mean,
                             .rstd = d->rstd};
}

/* g = dy w;  dx += rstd (g - mean(g) - xhat mean(g xhat));  dw += sum dy xhat;  db += sum dy.
 * dx is written over dy: each row's sums are made before it is touched. */
static void layernorm_backward(tape *t, node *n)
{
    const layernorm_data *d = n->data;
    var *x = n->in[0], *y = n->out;
    bool trained = tape_trains(t, d->weight) || tape_trains(t, d->bias);
    int64_t pieces = partials(y->rows), width = 2 * y->cols;
    real *partial = trained ? TAKE(t, real, pieces * width) : NULL;
    real *sums = trained ? TAKE(t, real, width) : NULL;
    if (t->status != 0)
        return;

    bool add = false;
    real *dx = x->needs_gradient ? tape_gradient_from(t, x, y, &add) : NULL;
    layernorm_shape s = shape_of(t, n);
    t->k->layernorm_backward(t->lib->threads, &s, y->gradient, add, dx, partial);
    if (trained) {
        t->k->sum_partials(t->lib->threads, pieces, width, partial, sums);
        if (tape_trains(t, d->weight))
            tape_fold(t, d->weight, sums);
        if (tape_trains(t, d->bias))
            tape_fold(t, d->bias, sums + y->cols);
    }
    tape_give(t, sums);
    tape_give(t, partial);
    tape_give(t, d->mean);
    tape_give(t, d->rstd);
}

static void layernorm_forward(tape *t, node *n)
{
    layernorm_data *d = n->data;
    d->mean = TAKE(t, real, n->out->rows);
    d->rstd = TAKE(t, real, n->out->rows);
    if (t->status != 0)
        return;
    layernorm_shape s = shape_of(t, n);
    t->k->layernorm(t->lib->threads, &s, n->out->value);
    if (!n->out->needs_gradient) {
        tape_give(t, d->mean);
        tape_give(t, d->rstd);
    }
}

static const operation LAYERNORM = {"layernorm", layernorm_forward, layernorm_backward, false};

var *layernorm(tape *t, var *x, int64_t weight, int64_t bias, double eps)
{
    if (x == NULL)
        return NULL;
    layernorm_data d = {.weight = weight, .bias = bias, .eps = eps};
    return tape_add(t, &(recipe){.op = &LAYERNORM,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols,
                                 .trained = tape_trains(t, weight) || tape_trains(t, bias),
                                 .keeps = {true},
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}
