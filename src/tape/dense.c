/* The linear layer.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

typedef struct linear_data {
    int64_t weight, bias;
    bool turned; /* the weight lies as [in][out] */
} linear_data;

void tape_product(tape *t, const matmul *p)
{
    if (t->precision == PRECISION_FP32) {
        t->k->matmul(t->lib->threads, p);
        return;
    }
    void *scratch = tape_take(t, t->k->bf16->scratch(t->lib->threads, p), 1);
    if (scratch != NULL)
        t->k->bf16->matmul(t->lib->threads, p, scratch);
    tape_give(t, scratch);
}

static void weight_backward(tape *t, const linear_data *d, var *x, const var *y)
{
    real *dw = TAKE(t, real, y->cols * x->cols);
    const real *value = tape_value(t, x);
    if (dw != NULL && value != NULL) {
        tape_product(t, &(matmul){.m = d->turned ? x->cols : y->cols,
                                  .n = d->turned ? y->cols : x->cols,
                                  .k = y->rows,
                                  .a = d->turned ? value : y->gradient,
                                  .a_turned = true,
                                  .b = d->turned ? y->gradient : value,
                                  .c = dw});
        tape_fold(t, d->weight, dw);
        tape_drop(t, x);
    }
    tape_give(t, dw);
}

static void bias_backward(tape *t, int64_t bias, const var *y)
{
    real *db = TAKE(t, real, y->cols), *partial = TAKE(t, real, partials(y->rows) * y->cols);
    if (partial != NULL) {
        t->k->column_sums(t->lib->threads, y->rows, y->cols, y->gradient, partial, db);
        tape_fold(t, bias, db);
    }
    tape_give(t, partial);
    tape_give(t, db);
}

/* y = x W' + b.   dW += dy' x;  db += column sums of dy;  dx += dy W.   Turned, W' is what lies
 * there: dW' += x' dy. */
static void linear_backward(tape *t, node *n)
{
    const linear_data *d = n->data;
    var *x = n->in[0], *y = n->out;
    if (tape_trains(t, d->weight))
        weight_backward(t, d, x, y);
    if (tape_trains(t, d->bias))
        bias_backward(t, d->bias, y);
    if (!x->needs_gradient)
        return;

    bool add;
    real *dx = tape_gradient(t, x, &add);
    if (dx != NULL)
        tape_product(t, &(matmul){.m = x->rows,
                                  .n = x->cols,
                                  .k = y->cols,
                                  .a = y->gradient,
                                  .b = tape_weight(t, d->weight),
                                  .b_turned = d->turned,
                                  .c = dx,
                                  .add = add});
}

static void linear_forward(tape *t, node *n)
{
    const linear_data *d = n->data;
    tape_product(t, &(matmul){.m = n->out->rows,
                              .n = n->out->cols,
                              .k = n->in[0]->cols,
                              .a = n->in[0]->value,
                              .b = tape_weight(t, d->weight),
                              .b_turned = !d->turned,
                              .c = n->out->value,
                              .bias = tape_weight(t, d->bias)});
}

static const operation LINEAR = {"linear", linear_forward, linear_backward, false};

static var *add_linear(tape *t, var *x, const linear_data *d)
{
    const param *p = &t->weights->item[d->weight];
    return tape_add(t, &(recipe){.op = &LINEAR,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = d->turned ? p->cols : p->rows,
                                 .trained = tape_trains(t, d->weight) || tape_trains(t, d->bias),
                                 .keeps = {tape_trains(t, d->weight)},
                                 .data = d,
                                 .data_size = (int64_t)sizeof *d});
}

var *linear(tape *t, var *x, int64_t weight, int64_t bias)
{
    return x == NULL ? NULL : add_linear(t, x, &(linear_data){weight, bias, false});
}

var *linear_turned(tape *t, var *x, int64_t weight, int64_t bias)
{
    return x == NULL ? NULL : add_linear(t, x, &(linear_data){weight, bias, true});
}
