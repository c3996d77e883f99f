/* Operations that know where sequences begin: attention and pooling; and the losses.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

/* ---- attention ---------------------------------------------------------------------------------
 */

typedef struct attention_data {
    sequences s;
    attention_options o;
    int64_t longest;
    dropout_mask mask;
    real *lse; /* [rows][heads]: all that is kept of the probabilities */
} attention_data;

/* the fourth input is the one or the other */
static var *bias_of(const node *n)
{
    const attention_data *d = n->data;
    return d->o.bias != NULL ? n->in[3] : NULL;
}

static var *scores_of(const node *n)
{
    const attention_data *d = n->data;
    return d->o.scores != NULL ? n->in[3] : NULL;
}

static attention_shape attention_of(tape *t, const node *n, real *scratch)
{
    const attention_data *d = n->data;
    return (attention_shape){.n = d->s.n,
                             .heads = d->o.heads,
                             .key_heads = d->o.key_heads,
                             .causal = d->o.causal,
                             .scale = d->o.scale,
                             .bias = bias_of(n) != NULL ? tape_value(t, bias_of(n)) : NULL,
                             .scores = scores_of(n) != NULL ? tape_value(t, scores_of(n)) : NULL,
                             .hidden = n->out->cols,
                             .start = d->s.start,
                             .longest = d->longest,
                             .mask = d->mask,
                             .q = tape_value(t, n->in[0]),
                             .k = tape_value(t, n->in[1]),
                             .v = tape_value(t, n->in[2]),
                             .lse = d->lse,
                             .rounded = t->precision == PRECISION_BF16 ? t->k->bf16 : NULL,
                             .scratch = scratch};
}

static real *attention_scratch(tape *t, const node *n)
{
    const attention_data *d = n->data;
    return TAKE(t, real,
                t->k->attention_scratch(t->lib->threads, d->longest, n->out->cols / d->o.heads));
}

/* dbias[i][h] += sum over sequences */
static void bias_backward(tape *t, node *n, const real *partial)
{
    const attention_data *d = n->data;
    var *bias = n->in[3];
    int64_t size = bias->rows * bias->cols;
    bool add;
    real *dbias = tape_gradient(t, bias, &add), *sum = add ? TAKE(t, real, size) : dbias;
    if (t->status != 0)
        return;
    t->k->sum_partials(t->lib->threads, d->s.n, size, partial, sum);
    if (add) {
        t->k->scale(t->lib->threads, size, 1, sum, true, dbias);
        tape_give(t, sum);
    }
}

/* Per sequence and head, S = scale (q k' + scores) + bias, P = softmax(S), M the mask over its
 * share: y = (M P) v.   dv += (M P)' dy;  dP = M (dy v');  dS = P (dP - rowsum(P dP)); dq = scale
 * dS k;  dk = scale dS' q;  dscores = scale dS;  dbias: sums of dS along diagonals. Whatever else
 * reads q, k, v or scores comes before attention on the tape, so that their gradients are written,
 * never added to. */
static void attention_backward(tape *t, node *n)
{
    const attention_data *d = n->data;
    real *part[3], *scratch = attention_scratch(t, n);
    for (int i = 0; i < 3; i++) {
        bool add;
        part[i] = tape_gradient(t, n->in[i], &add);
    }
    if (t->status != 0)
        return;
    const var *bias = bias_of(n);
    var *scores = scores_of(n);
    bool add;
    real *dscores =
        scores != NULL && scores->needs_gradient ? tape_gradient(t, scores, &add) : NULL;
    real *partial = bias != NULL ? TAKE(t, real, d->s.n * bias->rows * bias->cols) : NULL;
    if (t->status != 0)
        return;
    attention_shape s = attention_of(t, n, scratch);
    t->k->attention_backward(
        t->lib->threads, &s,
        &(attention_gradients){n->out->gradient, part[0], part[1], part[2], partial, dscores});
    if (bias != NULL && bias->needs_gradient)
        bias_backward(t, n, partial);
    tape_give(t, partial);
    tape_give(t, scratch);
    tape_give(t, d->lse);
}

static void attention_forward(tape *t, node *n)
{
    attention_data *d = n->data;
    d->lse = TAKE(t, real, n->out->rows * d->o.heads);
    real *scratch = attention_scratch(t, n);
    if (t->status != 0)
        return;
    attention_shape s = attention_of(t, n, scratch);
    t->k->attention(t->lib->threads, &s, n->out->value);
    tape_give(t, scratch);
    if (!n->out->needs_gradient)
        tape_give(t, d->lse);
}

static const operation ATTENTION = {"attention", attention_forward, attention_backward, false};

int64_t longest_of(sequences s)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < s.n; i++)
        if (s.start[i + 1] - s.start[i] > longest)
            longest = s.start[i + 1] - s.start[i];
    return longest;
}

var *attention(tape *t, var *q, var *k, var *v, sequences s, attention_options o)
{
    if (q == NULL || k == NULL || v == NULL)
        return NULL;
    attention_data d = {.s = s, .o = o, .longest = longest_of(s), .mask = tape_mask(t, o.dropout)};
    return tape_add(t, &(recipe){.op = &ATTENTION,
                                 .in = {q, k, v, o.bias != NULL ? o.bias : o.scores},
                                 .rows = q->rows,
                                 .cols = q->cols,
                                 .keeps = {true, true, true, true},
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}

/* ---- scores of pairs ---------------------------------------------------------------------------
 */

static pair_shape pairs_of(tape *t, const node *n)
{
    const pairs *p = n->data;
    const var *x = n->in[1], *y = n->in[2];
    return (pair_shape){.n = p->s.n,
                        .heads = p->heads,
                        .hidden = x->cols,
                        .longest = n->out->cols / p->heads,
                        .start = p->s.start,
                        .rows = y->rows,
                        .by_key = p->by_key,
                        .row = p->row,
                        .segment = p->segment,
                        .x = tape_value(t, n->in[1]),
                        .y = tape_value(t, n->in[2])};
}

/* dy += sum over sequences */
static void pairs_dy(tape *t, var *y, int64_t n, const real *partial)
{
    int64_t size = y->rows * y->cols;
    bool add;
    real *dy = tape_gradient(t, y, &add), *sum = add ? TAKE(t, real, size) : dy;
    if (t->status != 0)
        return;
    t->k->sum_partials(t->lib->threads, n, size, partial, sum);
    if (add) {
        t->k->scale(t->lib->threads, size, 1, sum, true, dy);
        tape_give(t, sum);
    }
}

/* S_ij += x_i y_r(i,j).   dx_i += sum_j dS_ij y_r(i,j);  dy_r += sum of dS_ij x_i with r(i,j) = r;
 * x_j for x_i where it is the key's */
static void pairs_backward(tape *t, node *n)
{
    var *sum = n->in[0], *x = n->in[1], *y = n->in[2];
    pair_shape s = pairs_of(t, n);
    pair_gradients g = {.scores = n->out->gradient};
    s.scratch = TAKE(t, real, t->k->pair_scratch(t->lib->threads, &s));
    g.x = x->needs_gradient ? tape_gradient(t, x, &g.add_x) : NULL;
    g.y = y->needs_gradient ? TAKE(t, real, s.n * s.rows * s.hidden) : NULL;
    if (t->status != 0)
        return;
    t->k->pair_scores_backward(t->lib->threads, &s, &g);
    if (g.y != NULL)
        pairs_dy(t, y, s.n, g.y);
    tape_give(t, g.y);
    tape_give(t, s.scratch);
    if (sum != NULL && sum->needs_gradient)
        tape_pass(t, sum, n->out);
}

static void pairs_forward(tape *t, node *n)
{
    const var *sum = n->in[0];
    pair_shape s = pairs_of(t, n);
    s.scratch = TAKE(t, real, t->k->pair_scratch(t->lib->threads, &s));
    if (t->status != 0)
        return;
    if (sum != NULL && sum->value != n->out->value)
        t->k->scale(t->lib->threads, sum->rows * sum->cols, 1, sum->value, false, n->out->value);
    t->k->pair_scores(t->lib->threads, &s, sum != NULL, n->out->value);
    tape_give(t, s.scratch);
}

static const operation PAIRS = {"pair scores", pairs_forward, pairs_backward, false};

var *pair_scores(tape *t, var *sum, var *x, var *y, pairs p)
{
    if (x == NULL || y == NULL || (p.row == NULL && p.segment == NULL))
        return NULL;
    return tape_add(t, &(recipe){.op = &PAIRS,
                                 .in = {sum, x, y},
                                 .rows = x->rows,
                                 .cols = p.heads * longest_of(p.s),
                                 .keeps = {false, true, true},
                                 .in_place = sum != NULL,
                                 .data = &p,
                                 .data_size = (int64_t)sizeof p});
}

/* ---- pool
 * ---------------------------------------------------------------------------------------- */

/* y_i = one row of sequence i, or the mean of x over it.   dx there += dy_i, or dy_i / length */
static void pool_backward(tape *t, node *n)
{
    bool add;
    real *dx = tape_gradient(t, n->in[0], &add);
    if (dx != NULL)
        t->k->pool_backward(t->lib->threads, n->data, n->out->gradient, add, dx);
}

static void pool_forward(tape *t, node *n)
{
    t->k->pool(t->lib->threads, n->data, n->in[0]->value, n->out->value);
}

static const operation POOL = {"pool", pool_forward, pool_backward, false};

static var *add_pool(tape *t, var *x, const pool_shape *shape)
{
    return tape_add(t, &(recipe){.op = &POOL,
                                 .in = {x},
                                 .rows = shape->n,
                                 .cols = x->cols,
                                 .data = shape,
                                 .data_size = (int64_t)sizeof *shape});
}

var *pool(tape *t, var *x, sequences s, pool_kind kind)
{
    if (x == NULL)
        return NULL;
    return add_pool(t, x, &(pool_shape){kind, s.n, x->cols, s.start, NULL});
}

var *pick(tape *t, var *x, sequences s, const int32_t *row)
{
    if (x == NULL || row == NULL)
        return NULL;
    return add_pool(t, x, &(pool_shape){POOL_ROW, s.n, x->cols, s.start, row});
}

/* ---- neighbours --------------------------------------------------------------------------------
 */

typedef struct neighbours_data {
    sequences s;
    int64_t n;
} neighbours_data;

/* A row of y is x's row with room for n behind each entry: all of a sequence's entries that have a
 * neighbour `shift` tokens away are one column at a stride. */
static void copy_neighbours(tape *t, const node *op, bool back, const real *from, real *to)
{
    const neighbours_data *d = op->data;
    const int64_t cols = op->in[0]->cols, n = d->n;
    for (int64_t i = 0; i < d->s.n; i++)
        for (int64_t k = 0; k < n; k++) {
            int64_t shift = k - n / 2, away = shift < 0 ? -shift : shift;
            int64_t first = d->s.start[i], left = d->s.start[i + 1] - first - away;
            int64_t x = (shift > 0 ? first + shift : first) * cols;
            int64_t y = (shift < 0 ? first - shift : first) * cols * n + k;
            if (left > 0 && back)
                t->k->copy_block(t->lib->threads, left * cols, 1, from + y, n, true, to + x, 1);
            else if (left > 0)
                t->k->copy_block(t->lib->threads, left * cols, 1, from + x, 1, false, to + y, n);
        }
}

/* y_i,k = x_(i + k - n / 2).   dx_j += sum over k of dy_(j - k + n / 2),k */
static void neighbours_backward(tape *t, node *n)
{
    var *x = n->in[0];
    bool add;
    real *dx = tape_gradient(t, x, &add);
    if (dx == NULL)
        return;
    if (!add)
        t->k->fill(t->lib->threads, x->rows * x->cols, 0, dx);
    copy_neighbours(t, n, true, n->out->gradient, dx);
}

static void neighbours_forward(tape *t, node *n)
{
    t->k->fill(t->lib->threads, n->out->rows * n->out->cols, 0, n->out->value);
    copy_neighbours(t, n, false, n->in[0]->value, n->out->value);
}

static const operation NEIGHBOURS = {"neighbours", neighbours_forward, neighbours_backward, false};

var *neighbours(tape *t, var *x, sequences s, int64_t n)
{
    if (x == NULL)
        return NULL;
    neighbours_data d = {s, n};
    return tape_add(t, &(recipe){.op = &NEIGHBOURS,
                                 .in = {x},
                                 .rows = x->rows,
                                 .cols = x->cols * n,
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}

/* ---- losses
 * -------------------------------------------------------------------------------------- */

typedef struct loss_data {
    loss_kind kind;
    const float *label;
} loss_data;

/* Cross entropy: y = mean of log sum_j e^x_j - x_label.   dx += dy (softmax(x) - onehot) / rows
 * Squared:       y = mean of (x - label)^2.               dx += dy 2 (x - label) / entries
 * Binary:        y = mean of log(1 + e^x) - label x.      dx += dy (sigmoid(x) - label) / entries
 */
static void loss_backward(tape *t, node *n)
{
    const loss_data *d = n->data;
    var *x = n->in[0];
    bool add;
    real *dx = tape_gradient(t, x, &add);
    if (dx != NULL)
        t->k->loss_backward(d->kind, x->rows, x->cols, tape_value(t, x), d->label, n->out->gradient,
                            add, dx);
}

static void loss_forward(tape *t, node *n)
{
    const loss_data *d = n->data;
    const var *x = n->in[0];
    t->k->loss(d->kind, x->rows, x->cols, x->value, d->label, n->out->value);
}

static const operation LOSS = {"loss", loss_forward, loss_backward, false};

var *loss(tape *t, var *x, loss_kind kind, const float *label)
{
    if (x == NULL)
        return NULL;
    loss_data d = {kind, label};
    return tape_add(t, &(recipe){.op = &LOSS,
                                 .in = {x},
                                 .rows = 1,
                                 .cols = 1,
                                 .keeps = {true},
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}
