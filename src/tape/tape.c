/* The list, its memory and the walk back.
 *
 * Buffers come from the arena and are kept in a list of blocks with their sizes; a request takes
 * the smallest free block that fits without wasting more than half of it. As backward walks down,
 * values and gradients above it become free, so it needs hardly more memory than forward left.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"

#include <assert.h>
#include <string.h>

struct block {
    block *next;
    void *memory;
    int64_t bytes;
    bool used;
};

int tape_new(idim *lib, const params *weights, tape **out)
{
    TRY(NEW(lib, tape, 1, "tape", out));
    tape *t = *out;
    t->lib = lib;
    t->k = kernels_best();
    t->weights = weights;
    int status = arena_new(lib, &t->arena);
    if (status != 0) {
        memory_free(lib, t);
        *out = NULL;
    }
    return status;
}

void tape_free(tape *t)
{
    if (t == NULL)
        return;
    arena_free(t->arena);
    memory_free(t->lib, t);
}

void tape_begin(tape *t, const bool *trained, tape_training training)
{
    arena_rewind(t->arena);
    t->trained = trained;
    t->sink = NULL;
    t->training = training;
    t->newest = NULL;
    t->blocks = NULL;
    t->n_dropouts = 0;
    t->status = 0;
    t->flowed = false;
}

void tape_set_precision(tape *t, precision p)
{
    t->precision = p;
}

int tape_status(const tape *t)
{
    return t->status;
}

int64_t tape_memory(const tape *t)
{
    return arena_held(t->arena);
}

var *tape_last(const tape *t)
{
    return t->newest != NULL ? t->newest->out : NULL;
}

var *tape_shared(var *x, int32_t n)
{
    if (x != NULL)
        x->readers = n;
    return x;
}

void tape_read(const tape *t, const var *x, real *out)
{
    t->k->read(x->rows * x->cols, x->value, out);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void *from_arena(tape *t, int64_t count, int64_t size)
{
    void *p = t->status == 0 ? arena_take(t->arena, count, size) : NULL;
    if (p == NULL && t->status == 0)
        t->status = IDIM_EMEMORY;
    return p;
}

void *tape_take(tape *t, int64_t count, int64_t size)
{
    int64_t bytes;
    if (t->status != 0)
        return NULL;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        t->status = fail_memory(t->lib, INT64_MAX, "step memory");
        return NULL;
    }

    block *best = NULL;
    for (block *b = t->blocks; b != NULL; b = b->next)
        if (!b->used && b->bytes >= bytes && b->bytes / 2 <= bytes &&
            (best == NULL || b->bytes < best->bytes))
            best = b;
    if (best == NULL) {
        best = from_arena(t, 1, (int64_t)sizeof *best);
        void *memory = from_arena(t, bytes, 1);
        if (best == NULL || memory == NULL)
            return NULL;
        *best = (block){t->blocks, memory, bytes, false};
        t->blocks = best;
    }
    best->used = true;
    return best->memory;
}

int32_t *tape_room(tape *t, int64_t n)
{
    return TAKE(t, int32_t, n);
}

double *tape_numbers(tape *t, int64_t n)
{
    return TAKE(t, double, n);
}

void tape_give(tape *t, void *memory)
{
    for (block *b = t->blocks; b != NULL && memory != NULL; b = b->next)
        if (b->memory == memory) {
            b->used = false;
            return;
        }
}

/* ---- building -------------------------------------------------------------------------------- */

/* the node with its result, without memory for the value */
static node *new_node(tape *t, const recipe *r)
{
    node *n = from_arena(t, 1, (int64_t)sizeof *n);
    var *out = from_arena(t, 1, (int64_t)sizeof *out);
    void *data = from_arena(t, r->data_size, 1);
    if (n == NULL || out == NULL || data == NULL)
        return NULL;

    *n = (node){.op = r->op, .out = out, .data = data};
    if (r->data_size > 0)
        memcpy(data, r->data, (size_t)r->data_size);
    *out = (var){.rows = r->rows, .cols = r->cols, .made_by = n, .readers = 1};
    out->needs_gradient = r->trained;
    for (int i = 0; i < MAX_INPUTS; i++) {
        n->in[i] = r->in[i];
        if (r->in[i] != NULL)
            out->needs_gradient = out->needs_gradient || r->in[i]->needs_gradient;
    }
    return n;
}

/* cheap operations keep their inputs, but only where a gradient will flow through them */
static bool can_make_again(const var *x)
{
    return x->made_by->op->cheap && x->needs_gradient;
}

/* the reader has read: a value nobody needs any more is given up */
static void end_reading(tape *t, var *x, bool keeps)
{
    x->kept = x->kept || keeps;
    x->readers--;
    if (x->readers == 0 && (!x->kept || can_make_again(x))) {
        tape_give(t, x->value);
        x->value = NULL;
    }
}

var *tape_add(tape *t, const recipe *r)
{
    if (t->status != 0)
        return NULL;
    node *n = new_node(t, r);
    if (n == NULL)
        return NULL;

    var *first = r->in[0], *out = n->out;
    for (int i = 0; i < MAX_INPUTS; i++)
        assert(r->in[i] == NULL || (r->in[i]->value != NULL && r->in[i]->readers > 0));
    bool takes_over = r->in_place && first->readers == 1 && !first->kept;
    out->value = takes_over ? first->value : TAKE(t, real, r->rows * r->cols);
    if (out->value == NULL)
        return NULL;

    r->op->forward(t, n);
    if (t->status != 0)
        return NULL;
    if (takes_over)
        first->value = NULL;
    for (int i = 0; i < MAX_INPUTS; i++)
        if (r->in[i] != NULL)
            end_reading(t, r->in[i], r->keeps[i] && out->needs_gradient);
    n->before = t->newest;
    t->newest = n;
    return out;
}

const real *tape_weight(const tape *t, int64_t i)
{
    return i < 0 ? NULL : t->weights->theta + t->weights->item[i].offset;
}

bool tape_trains(const tape *t, int64_t i)
{
    return i >= 0 && t->trained != NULL && t->trained[i];
}

dropout_mask tape_mask(tape *t, double p)
{
    dropout_mask mask = {.scale = 1};
    uint64_t number = t->n_dropouts++;
    if (!t->training.on || p <= 0)
        return mask;
    mask.seed = t->training.seed;
    mask.key = t->training.step << 16 | number;
    mask.threshold = (uint32_t)(p * 65536 + 0.5);
    mask.scale = (real)(65536.0 / (65536.0 - (double)mask.threshold));
    return mask;
}

/* ---- walking back ---------------------------------------------------------------------------- */

const real *tape_value(tape *t, var *x)
{
    if (x->value == NULL) {
        x->value = TAKE(t, real, x->rows * x->cols);
        if (x->value != NULL)
            x->made_by->op->forward(t, x->made_by);
    }
    return x->value;
}

void tape_drop(tape *t, var *x)
{
    if (can_make_again(x)) {
        tape_give(t, x->value);
        x->value = NULL;
    }
}

real *tape_gradient(tape *t, var *x, bool *add)
{
    *add = x->gradient != NULL;
    if (x->gradient == NULL)
        x->gradient = TAKE(t, real, x->rows * x->cols);
    return x->gradient;
}

real *tape_gradient_from(tape *t, var *x, const var *y, bool *add)
{
    (void)t;
    *add = x->gradient != NULL;
    if (x->gradient == NULL)
        x->gradient = y->gradient;
    return x->gradient;
}

void tape_pass(tape *t, var *x, var *y)
{
    if (x->gradient == NULL)
        x->gradient = y->gradient;
    else
        t->k->scale(t->lib->threads, x->rows * x->cols, 1, y->gradient, true, x->gradient);
}

void tape_fold(tape *t, int64_t i, const real *value)
{
    const int64_t first = 0;
    gradient g = {value, &first, 1, param_size(&t->weights->item[i])};
    t->sink->fold(t->sink->user, i, &g);
}

/* the walk has passed n: what it made and what flowed to it are done with */
static void forget(tape *t, node *n)
{
    bool handed_on = false;
    for (int i = 0; i < MAX_INPUTS; i++)
        handed_on = handed_on || (n->in[i] != NULL && n->in[i]->gradient == n->out->gradient);
    if (!handed_on)
        tape_give(t, n->out->gradient);
    n->out->gradient = NULL;
    tape_give(t, n->out->value);
    n->out->value = NULL;
}

int tape_backward(tape *t, var *out, const real *seed, const gradient_sink *sink)
{
    TRY(t->status);
    assert(!t->flowed);
    t->flowed = true;
    if (!out->needs_gradient)
        return 0;

    t->sink = sink;
    bool add;
    real *start = tape_gradient(t, out, &add);
    if (start != NULL)
        t->k->write(out->rows * out->cols, seed, start);

    for (node *n = t->newest; n != NULL && t->status == 0; n = n->before) {
        if (n->out->gradient != NULL)
            n->op->backward(t, n);
        forget(t, n);
    }
    return t->status;
}
