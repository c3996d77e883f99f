/* The tape: the list of operations done in this step, and the matrices they made.
 *
 * A var is a matrix, rows x cols, row-major; rows are tokens or examples. Every operation is a node
 * with a forward and a backward; backward walks the list in reverse. No graph compiler, no shape
 * inference: control flow is C. Memory is one arena, rewound by tape_begin.
 *
 * An operation that runs out of memory marks the tape as failed and returns NULL; every operation
 * given a NULL var returns NULL, so only the end of a forward function has to look.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TAPE_TAPE_H
#define IDIM_TAPE_TAPE_H

#include "base/arena.h"
#include "weights/gradient.h"
#include "weights/params.h"

typedef struct tape tape;
typedef struct node node;

typedef struct var {
    real *value;    /* [rows][cols], NULL while dropped: tape_value() makes it again   */
    real *gradient; /* [rows][cols], NULL until something flows back                   */
    int64_t rows, cols;
    node *made_by;       /* NULL: an input                                              */
    bool needs_gradient; /* something trained lies below                               */
} var;

/* What dropout draws from: mask entries are a function of (seed, step, operation number, entry). */
typedef struct tape_training {
    bool on; /* false: dropout does nothing */
    uint64_t seed, step;
} tape_training;

int tape_new(idim *lib, const params *weights, tape **out);
void tape_free(tape *t);

/* Forgets the last step. trained[params.n] (NULL: nothing is) says which weights want gradients. */
void tape_begin(tape *t, const bool *trained, tape_training training);

/* 0, or the status of the first failure since tape_begin. */
int tape_status(const tape *t);

/* Flows `seed` (d loss / d out, [rows][cols]) back from out; weight gradients go to the sink. */
int tape_backward(tape *t, var *out, const real *seed, const gradient_sink *sink);

/* Bytes held by the step's arena. */
int64_t tape_memory(const tape *t);

#endif
