/* What the files of the subspace share. Others see subspace.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_INTERNAL_H
#define IDIM_SUBSPACE_INTERNAL_H

#include "subspace/normalize.h"
#include "subspace/projection.h"
#include "subspace/subspace.h"

typedef enum tensor_use { USE_FROZEN, USE_PROJECTED, USE_DIRECT } tensor_use;

/* one tensor of params as the subspace moves it */
typedef struct mover {
    tensor_use use;
    projected tensor;
    real scale;         /* s_i                                                    */
    real dz_weight;     /* 1, or what public code weights dz by                   */
    int64_t group;      /* its lambda; -1: none                                   */
    int64_t direct;     /* where its entries begin in x                           */
    int64_t first_tile; /* tiles of the projected tensors before it               */
    int64_t n_tiles, n_chunks;
} mover;

struct subspace {
    idim *lib;
    const params *weights;
    projection_state *projection; /* NULL: nothing is projected */
    int64_t len_z, n_lambda, n_direct, n_tiles;
    mover *mover;      /* [weights.n] */
    char **group_name; /* [n_lambda]  */
    bool *trained;     /* [weights.n] */
    gradient_sink sink;

    real *v, *u; /* [inner] */
    real *work;  /* [threads][work_stride]: projection.work, then room for a tile */
    int64_t work_stride;
    real *partial;   /* [most n_chunks][inner] of one tensor's pull */
    double *product; /* [segments] parts of <u_i, v> */
    double *dlambda; /* [n_lambda] */
    const real *x;   /* of the pull going on */
    real *dx;
};

/* How the work is cut: independent of the number of threads, for sums depend on it. */
enum {
    CHUNK_ENTRIES = 8192, /* a chunk of a tensor's tiles has so many entries at least (or 1 tile) */
    CHUNKS_LIMIT = 32,    /* chunks of one tensor at most                                         */
    SEGMENT = 1024,       /* of the inner vector, when chunks are added up                        */
    ALONE = 1 << 16       /* a tensor of fewer entries is not worth waking other threads          */
};

void subspace_fold(void *user, int64_t param, const gradient *g);

#endif
