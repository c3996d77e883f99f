/* How a finished weight gradient leaves backward: at once, piece by piece, to a sink. The subspace
 * folds it into dx; a test or idim_model_loss() adds it to a vector of D numbers. No D-sized
 * gradient exists unless the sink makes one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_WEIGHTS_GRADIENT_H
#define IDIM_WEIGHTS_GRADIENT_H

#include "base/library.h"

/* Some entries of one tensor's gradient: n runs of `length` consecutive entries. Run i covers
 * [first[i], first[i] + length) of the tensor and its values are value[i * length ...]. first[] is
 * strictly increasing and runs do not overlap. A dense gradient is one run; the gradient of an
 * embedding is one run per touched row. Entries outside the runs are zero. */
typedef struct gradient {
    const real *value;
    const int64_t *first;
    int64_t n, length;
} gradient;

typedef struct gradient_sink {
    void *user;
    /* One contribution to the gradient of tensor `param`; a tensor used in several places gets
     * several. Called in an order that does not depend on the number of threads, never from two
     * threads at once. */
    void (*fold)(void *user, int64_t param, const gradient *g);
    const bool *trained; /* [params.n] false: no gradient is wanted, do not compute it */
} gradient_sink;

#endif
