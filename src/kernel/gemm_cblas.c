/* Any CBLAS. Its own threads must be off (OPENBLAS_NUM_THREADS=1 or a serial build): ours cut the
 * work.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#if defined(IDIM_GEMM_CBLAS)

#include <cblas.h>

#ifdef IDIM_REAL_DOUBLE
#define CBLAS_GEMM cblas_dgemm
#else
#define CBLAS_GEMM cblas_sgemm
#endif

void gemm_cblas(const gemm_tile *t)
{
    CBLAS_GEMM(CblasRowMajor, t->a_turned ? CblasTrans : CblasNoTrans,
               t->b_turned ? CblasTrans : CblasNoTrans, (int)t->m, (int)t->n, (int)t->k, 1, t->a,
               (int)t->stride_a, t->b, (int)t->stride_b, t->add ? 1 : 0, t->c, (int)t->stride_c);
}

#else
typedef int gemm_cblas_is_not_built;
#endif
