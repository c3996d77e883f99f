/* A projection P: len(z) numbers to the entries of every tensor, fixed by the seed, never stored.
 *
 * Work is shared through an inner vector v of `inner` numbers: begin makes v from z once per push;
 * push makes a piece of one tensor from v; pull adds the adjoint of push into an inner vector u;
 * end makes dz from u. So  P_i z = push_i(begin(z)),  P_i' g = end(pull_i(g)),  and
 * <P_i z, g> = <v, pull_i(g)>, which gives the gradient of a lambda without a second transform.
 *
 * A piece is a tile: the entries [first, first + count) of a tensor with first a multiple of
 * state->tile, count = state->tile but at the tensor's end. Tiles are independent, may be made in
 * any order and in parallel, and do not depend on what other tensors there are. A projection with
 * tile 0 takes tensors whole.
 *
 * A projection is one file and one line in the array in projection.c; docs/projection.md specifies
 * each to the bit.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_PROJECTION_H
#define IDIM_SUBSPACE_PROJECTION_H

#include "kernel/transform.h"

enum { PROJECTION_VERSION = 1 };

/* one tensor as a projection sees it */
typedef struct projected {
    uint64_t key; /* random_tensor_key(name) */
    int64_t size; /* entries */
} projected;

typedef struct projection projection;

typedef struct projection_state {
    idim *lib;
    const projection *kind;
    const transform_kernels *kernels;
    uint64_t seed;
    int64_t len_z;
    int64_t weights; /* entries of all projected tensors */
    int64_t largest; /* entries of the largest of them   */

    /* filled by prepare */
    int64_t inner;        /* numbers in v and u                            */
    int64_t tile;         /* entries of a piece; 0: tensors are taken whole */
    int64_t work;         /* reals a piece needs as scratch                 */
    int64_t block;        /* size of the transform, if it is the same for all */
    int32_t *permutation; /* [inner] or NULL */
    uint32_t *table;      /* the projection's own, or NULL */
} projection_state;

typedef struct piece {
    const projected *tensor;
    int64_t first, count;
    real scale;
    real *work; /* [state.work], of this thread alone */
} piece;

struct projection {
    const char *name;
    const char *help;

    /* Fills inner, tile, work and the tables; refuses what cannot be. */
    int (*prepare)(projection_state *p);

    /* E (P z)_j^2 for |z| = 1, in tensor t: the subspace divides by its square root. */
    double (*entry_variance)(const projection_state *p, const projected *t);

    /* work[state.work] is scratch */
    void (*begin)(const projection_state *p, const real *z, real *v, real *work);

    /* out[count] = base[count] + scale (P z)[first ...]; base NULL: nothing is added */
    void (*push)(const projection_state *p, const piece *w, const real *v, const real *base,
                 real *out);

    /* u += scale P' g for g[count] on this piece, zero elsewhere */
    void (*pull)(const projection_state *p, const piece *w, const real *g, real *u);

    void (*end)(const projection_state *p, const real *u, real *dz, real *work);

    /* What public code weights a tensor's part of dz by; NULL: it has no public form. */
    double (*public_weight)(const projection_state *p, const projected *t);
};

const projection *const *projection_list(int64_t *n);
const projection *projection_find(const char *name); /* NULL if there is none */

/* "fastfood, srht, ..." for sentences */
void projection_names(char *out, size_t room);

/* kind, seed, len_z, weights and largest of `like` are taken. */
int projection_new(idim *lib, const projection_state *like, projection_state **out);
void projection_free(projection_state *p);

/* begin and end of projections whose inner vector is z itself, with zeros after it */
void projection_take_z(const projection_state *p, const real *z, real *v, real *work);
void projection_give_z(const projection_state *p, const real *u, real *dz, real *work);

extern const projection projection_fastfood;
extern const projection projection_fastfood_tensor;
extern const projection projection_srht;
extern const projection projection_onehot;
extern const projection projection_dense;
extern const projection projection_sparse;

#endif
