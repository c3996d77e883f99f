/* oneDNN's product, the same C function in 2.x and 3.x. It has no double.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#if defined(IDIM_GEMM_DNNL) && !defined(IDIM_REAL_DOUBLE)

#include <dnnl.h>

void gemm_dnnl(const gemm_tile *t)
{
    dnnl_status_t status =
        dnnl_sgemm(t->a_turned ? 'T' : 'N', t->b_turned ? 'T' : 'N', t->m, t->n, t->k, 1, t->a,
                   t->stride_a, t->b, t->stride_b, t->add ? 1 : 0, t->c, t->stride_c);
    /* refused only when it cannot get a buffer for its packed panels */
    if (status != dnnl_success)
        gemm_plain(t);
}

#else
typedef int gemm_dnnl_is_not_built;
#endif
