/* How far a weight of each tensor moves when z moves by 1: the target root mean square of the
 * entries of s_i P_i z for |z| = 1. s_i is that over the projection's own.
 *
 * A rule is one function and one line in the array in normalize.c.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_NORMALIZE_H
#define IDIM_SUBSPACE_NORMALIZE_H

#include "weights/params.h"

/* what a rule may look at */
typedef struct normalize_tensor {
    const param *param;
    double size;    /* n, entries                               */
    double squares; /* sum of squares of theta0's entries of it */
} normalize_tensor;

typedef struct normalize_model {
    double size;    /* D, entries of all projected tensors */
    double squares; /* of all of them                      */
} normalize_model;

typedef struct normalize {
    const char *name;
    const char *help;
    double (*rms)(const normalize_tensor *t, const normalize_model *m);
    /* afterwards all are multiplied by one number, so that E |s P z|^2 = |z|^2 over the model */
    bool unit;
} normalize;

const normalize *normalize_find(const char *name); /* NULL if there is none */
void normalize_names(char *out, size_t room);      /* "global, tensor, ..."      */

/* rms[i] for the tensors with projected[i]; others get 0. Everything in double, in order: the same
 * bits everywhere. */
void normalize_all(const normalize *rule, const params *p, const bool *projected, double *rms);

#endif
