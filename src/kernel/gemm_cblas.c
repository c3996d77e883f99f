/* Any CBLAS, each call on one thread: ours cut the work, and a library that cuts it again may give
 * other bits. OpenBLAS and BLIS are told so, for the whole process, and left so: another thread may
 * be multiplying when this one ends. Others must be serial builds or be told by their environment.
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

/* NULL in a BLAS that is another */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern void bli_thread_set_num_threads(int64_t threads) __attribute__((weak));

void gemm_cblas_begin(void)
{
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(1);
    if (bli_thread_set_num_threads != NULL)
        bli_thread_set_num_threads(1);
}

void gemm_cblas(const gemm_tile *t)
{
    CBLAS_GEMM(CblasRowMajor, t->a_turned ? CblasTrans : CblasNoTrans,
               t->b_turned ? CblasTrans : CblasNoTrans, (int)t->m, (int)t->n, (int)t->k, 1, t->a,
               (int)t->stride_a, t->b, (int)t->stride_b, t->add ? 1 : 0, t->c, (int)t->stride_c);
}

#else
typedef int gemm_cblas_is_not_built;
#endif
