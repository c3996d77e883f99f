/* The product as it is defined: the reference for the others, and what the real-double build uses.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

void gemm_plain(const gemm_tile *t)
{
    int64_t a_row = t->a_turned ? 1 : t->stride_a, a_col = t->a_turned ? t->stride_a : 1;
    int64_t b_row = t->b_turned ? 1 : t->stride_b, b_col = t->b_turned ? t->stride_b : 1;
    for (int64_t i = 0; i < t->m; i++) {
        real *c = t->c + i * t->stride_c;
        for (int64_t j = 0; j < t->n && !t->add; j++)
            c[j] = 0;
        for (int64_t p = 0; p < t->k; p++) {
            real a = t->a[i * a_row + p * a_col];
            for (int64_t j = 0; j < t->n; j++)
                c[j] += a * t->b[p * b_row + j * b_col];
        }
    }
}
