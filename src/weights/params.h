/* Every weight of a model as one flat vector plus a table. Optimiser, projection, checkpoint and
 * comparison are loops over an array; no tensor owns memory of its own.
 *
 *     theta0[D]  as published (plus fresh tensors made from the seed); const after loading
 *     theta[D]   what the forward pass reads; rewritten once per optimiser step
 *
 * A tensor is a row-major matrix rows x cols (a vector has rows = 1). Tensors follow each other in
 * the order they were added, without gaps: offset of the next = offset + rows * cols.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_WEIGHTS_PARAMS_H
#define IDIM_WEIGHTS_PARAMS_H

#include "base/library.h"

/* How a tensor that the folder lacks is begun. */
typedef enum param_init {
    INIT_REQUIRED, /* it must be in the folder                                          */
    INIT_NORMAL,   /* half-normal table x initializer_range, stream STREAM_INIT         */
    INIT_ZERO,
    INIT_ONE
} param_init;

/* What part of the model a tensor belongs to: the baselines "head" and "bias" and SAID's groups are
 * read off these. */
typedef enum param_role {
    ROLE_BODY,
    ROLE_POOLER,
    ROLE_CLASSIFIER,
    ROLE_LANGUAGE /* a language model's own head: beside the body too, and never made anew */
} param_role;

typedef struct param {
    char *name; /* published name without the model prefix, "encoder.layer.0....weight" */
    int64_t rows, cols;
    int64_t pieces; /* in the files a row is [pieces][cols / pieces]; 0: as it is here */
    int64_t offset; /* into theta0 and theta                                       */
    int32_t block;  /* 0 embeddings, 1 + l layer l, 1 + layers the head (with the pooler) */
    int32_t module; /* tensors of one submodule (its weight and bias) share the number */
    param_role role;
    param_init init;
    bool is_bias;   /* additive vector: trained by the method "bias"               */
    bool is_norm;   /* scale or shift of a normalisation                         */
    bool is_output; /* outputs are its products: a language model's head, tied or not      */
    bool fresh;     /* not in the folder: made from the seed                       */
} param;

typedef struct params {
    idim *lib;
    param *item; /* [n] */
    int64_t n;
    int64_t size; /* D */
    real *theta0; /* [D], NULL until params_allocate */
    real *theta;  /* [D] */
    int64_t room; /* entries item has room for */
} params;

int params_new(idim *lib, params **out);
void params_free(params *p);

/* Adds one tensor; copies the name; takes rows, cols, pieces, block, module, role, init, is_bias,
 * is_norm of `like`, fills offset. *index (may be NULL) gets its number. Names are unique. */
int params_add(params *p, const param *like, int64_t *index);

/* Makes theta0 and theta, zeroed, once every tensor has been added. */
int params_allocate(params *p);

/* The number of the tensor with that name, -1 if there is none. */
int64_t params_find(const params *p, const char *name);

static inline int64_t param_size(const param *p)
{
    return p->rows * p->cols;
}

/* SHA-256 over names, shapes and fp32 bits of all tensors that came from the folder (fresh ones are
 * left out): the fingerprint of the base. In the real-double build values are rounded to fp32. */
int params_fingerprint(const params *p, uint8_t digest[32]);

/* Fills the fresh tensors of theta0 from the seed (docs/projection.md, "fresh tensors"), then
 * copies theta0 to theta. */
void params_start(params *p, uint64_t seed, double initializer_range);

#endif
