/* For those who write operations: what a node is, and how it takes memory and passes gradients.
 *
 * An operation is a table of two functions and a constructor that calls tape_add with a recipe.
 * Memory that has been taken is given back with tape_give; a gradient buffer that fits is handed on
 * instead of copied. Any take may fail: the tape then has a status, and the operation returns.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TAPE_NODE_H
#define IDIM_TAPE_NODE_H

#include "tape/tape.h"

enum { MAX_INPUTS = 4 };

typedef struct operation {
    const char *name;
    void (*forward)(tape *t, node *n);  /* in[]->value to out->value; may take and keep memory */
    void (*backward)(tape *t, node *n); /* out->gradient to in[]->gradient and to the sink     */
    bool cheap; /* the value is given up after its last reader and made again when needed */
} operation;

struct node {
    const operation *op;
    node *before; /* the operation done before this one */
    var *in[MAX_INPUTS];
    var *out;
    void *data; /* the operation's own */
};

typedef struct block block;

struct tape {
    idim *lib;
    const kernels *k;
    const params *weights;
    arena *arena;
    const bool *trained;
    const gradient_sink *sink; /* during backward */
    tape_training training;
    precision precision;
    node *newest;
    block *blocks;
    uint64_t n_dropouts;
    int status;
    bool flowed; /* backward has been done */
};

typedef struct recipe {
    const operation *op;
    var *in[MAX_INPUTS];
    int64_t rows, cols;     /* of the result */
    bool trained;           /* a trained weight takes part                                        */
    bool keeps[MAX_INPUTS]; /* backward reads the value of this input                          */
    bool in_place;          /* the result may take the memory of in[0], if nothing else reads it */
    const void *data;
    int64_t data_size; /* copied into the node */
} recipe;

/* NULL when an input is NULL or the tape has failed. */
var *tape_add(tape *t, const recipe *r);

/* count x size bytes of this step's memory, not zeroed; NULL: out of memory, the tape has failed */
void *tape_take(tape *t, int64_t count, int64_t size);
#define TAKE(t, type, count) ((type *)tape_take((t), (count), (int64_t)sizeof(type)))

/* What tape_take gave may be used again; NULL is legal. */
void tape_give(tape *t, void *memory);

/* The value of x; makes it again when it was given up. tape_drop gives such a one up again. */
const real *tape_value(tape *t, var *x);
void tape_drop(tape *t, var *x);

/* Where to put the gradient of x; *add says whether to add to it or to write it. */
real *tape_gradient(tape *t, var *x, bool *add);

/* The same for an operation that works entry by entry, row by row: if x has none yet, the buffer
 * of y's gradient, of the same size, becomes x's. */
real *tape_gradient_from(tape *t, var *x, const var *y, bool *add);

/* y's gradient, as it is, flows to x of the same shape. Call last: y's buffer may be handed on. */
void tape_pass(tape *t, var *x, var *y);

/* Weight number i: its value, and whether its gradient is wanted. i < 0: there is none. */
const real *tape_weight(const tape *t, int64_t i);
bool tape_trains(const tape *t, int64_t i);

/* The finished gradient of all of weight i. */
void tape_fold(tape *t, int64_t i, const real *value);

/* A product of dense layers, in the tape's precision. */
void tape_product(tape *t, const matmul *p);

/* A mask of its own for each call; no training or p = 0: a mask that drops nothing. */
dropout_mask tape_mask(tape *t, double p);

#endif
