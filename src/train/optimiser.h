/* Optimisers over x, the vector of everything trained. Their state grows with d, never with D.
 *
 *     adamw         m = b1 m + (1-b1) g ;  v = b2 v + (1-b2) g^2 ;  x *= 1 - rate decay
 *                   x -= rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)
 *                   (Loshchilov & Hutter, arXiv 1711.05101, as torch.optim.AdamW computes it)
 *     adamw-shared  the same with one v for all of z, the mean of g^2 over z: a rotation of the
 * random basis changes nothing sgd           m = b1 m + g ;  x -= rate m   (b1 = 0: plain)
 *
 * lambda has a rate of its own and no weight decay. Sums run in a fixed order.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TRAIN_OPTIMISER_H
#define IDIM_TRAIN_OPTIMISER_H

#include "base/library.h"

typedef enum optimiser_kind {
    OPTIMISER_ADAMW,
    OPTIMISER_ADAMW_SHARED,
    OPTIMISER_SGD
} optimiser_kind;

typedef struct optimiser_options {
    optimiser_kind kind;
    double beta1, beta2, epsilon;
    double weight_decay;
    double max_grad_norm; /* 0: no clipping */
    int64_t len_z;        /* x[0 .. len_z) is z                                  */
    int64_t n_lambda;     /* then the lambdas; the rest is direct                */
    double lambda_rate;   /* the rate of lambda as a multiple of the common rate */
} optimiser_options;

typedef struct optimiser {
    optimiser_options options;
    int threads;
    int64_t d;
    real *m, *v; /* [d] first and second moments */
} optimiser;

optimiser_options optimiser_defaults(void);

/* -1 for a name that is none */
int optimiser_kind_of(const char *name);

int optimiser_new(idim *lib, const optimiser_options *options, int64_t d, optimiser *out);
void optimiser_free(idim *lib, optimiser *o);

/* |dx| before clipping; dx is scaled in place when it is longer than max_grad_norm. */
double optimiser_clip(const optimiser *o, real *dx);

/* One step, number t = 1, 2, ... */
void optimiser_step(optimiser *o, real *x, const real *dx, double rate, int64_t t);

#endif
