/* The tape: the list of operations done in this step, and the matrices they made.
 *
 * A var is a matrix, rows x cols, row-major; rows are tokens or examples. Every operation is a node
 * with a forward and a backward; backward walks the list in reverse. No graph compiler, no shape
 * inference: control flow is C. Memory is one arena, rewound by tape_begin; inside a step a buffer
 * that nothing will read any more is used again.
 *
 *     tape_begin(t, trained, training);
 *     var *loss = ...operations of tape/ops.h...;
 *     TRY(tape_status(t));
 *     TRY(tape_backward(t, loss, &one, sink));
 *
 * A var is read by one operation, and its memory is given up with that; one that more will read is
 * announced first: tape_shared(x, 4). An operation that runs out of memory marks the tape as failed
 * and returns NULL; every operation given a NULL var returns NULL, so only the end of a forward
 * function has to look. What an operation borrows (ids, starts, labels) must live until backward.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TAPE_TAPE_H
#define IDIM_TAPE_TAPE_H

#include "base/arena.h"
#include "kernel/kernels.h"
#include "weights/gradient.h"
#include "weights/params.h"

typedef struct tape tape;
typedef struct node node;

typedef struct var {
    real *value;    /* [rows][cols], NULL once given up; tape_value() makes it again     */
    real *gradient; /* [rows][cols], NULL until something flows back                     */
    int64_t rows, cols;
    node *made_by;
    bool needs_gradient; /* something trained lies below                                 */
    bool kept;           /* a backward will read the value                               */
    int32_t readers;     /* operations that have yet to read it                          */
} var;

/* What dropout draws from: mask entries are a function of (seed, step, number of the dropout in
 * this step, entry). Every forward pass that shall have masks of its own needs a step of its own,
 * the micro-batches of an accumulated step too. */
typedef struct tape_training {
    bool on; /* false: dropout does nothing */
    uint64_t seed, step;
} tape_training;

int tape_new(idim *lib, const params *weights, tape **out);
void tape_free(tape *t);

/* Forgets the last step. trained[params.n] (NULL: nothing is) says which weights want gradients;
 * it is borrowed until the next tape_begin. Without it values are given up as soon as they are
 * read, and nothing can flow back. */
void tape_begin(tape *t, const bool *trained, tape_training training);

/* What the products of dense layers and of attention are made of from now on, forward and backward;
 * one that kernels_check_precision allows. fp32 until then, and pair_scores always. */
void tape_set_precision(tape *t, precision p);

/* 0, or the status of the first failure since tape_begin. */
int tape_status(const tape *t);

/* n operations will read x. Takes and returns NULL too. */
var *tape_shared(var *x, int32_t n);

/* n indices, or n numbers of the host's, that live as long as the step; NULL: out of memory, the
 * tape has failed */
int32_t *tape_room(tape *t, int64_t n);
double *tape_numbers(tape *t, int64_t n);

/* Copies x to out[rows * cols] in the host's memory. */
void tape_read(const tape *t, const var *x, real *out);

/* The var made last, NULL if there is none. */
var *tape_last(const tape *t);

/* Flows `seed` (d loss / d out, [rows][cols], in the host's memory) back from out; weight gradients
 * go to the sink as they are finished. At most once per tape_begin. */
int tape_backward(tape *t, var *out, const real *seed, const gradient_sink *sink);

/* Bytes held by the step's arena. */
int64_t tape_memory(const tape *t);

#endif
