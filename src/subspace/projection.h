/* A projection P: len(z) numbers to the entries of every tensor, fixed by the seed, never stored.
 *
 * Work is shared through an inner vector v of `inner` numbers: begin makes v from z once per push,
 * push makes entries of one tensor from v; pull adds the adjoint of push into an inner vector u,
 * and end makes dz from u. So  P_i z = push_i(begin(z))  and  P_i' g = end(pull_i(g)). All are
 * unscaled: the subspace multiplies by s_i and lambda_i.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_PROJECTION_H
#define IDIM_SUBSPACE_PROJECTION_H

#include "weights/gradient.h"

/* one tensor as a projection sees it */
typedef struct projected {
    uint64_t key; /* random_tensor_key(name) */
    int64_t size; /* entries */
} projected;

typedef struct projection_state {
    uint64_t seed;
    int64_t len_z;
    int64_t inner; /* numbers in v and u */
    int threads;
    int32_t *permutation; /* or NULL, made once per state */
} projection_state;

typedef struct projection {
    const char *name;
    const char *help;
    int64_t (*inner)(int64_t len_z);
    /* E (P z)_j^2 for |z| = 1: the subspace divides by its square root */
    double (*entry_variance)(const projection_state *p, const projected *t);
    void (*begin)(const projection_state *p, const real *z, real *v);
    /* out[0 .. count) = scale * (P z)[first .. first + count) of tensor t */
    void (*push)(const projection_state *p, const projected *t, const real *v, real scale,
                 int64_t first, int64_t count, real *out);
    /* u += P' g, in an order independent of the number of threads */
    void (*pull)(const projection_state *p, const projected *t, const gradient *g, real *u);
    void (*end)(const projection_state *p, const real *u, real *dz);
} projection;

const projection *const *projection_list(int64_t *n);
const projection *projection_find(const char *name); /* NULL if there is none */

#endif
