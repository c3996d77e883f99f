/* Matrix products: C is cut in tiles whose size depends on the shape alone, each made by one call
 * of the library on one thread, so that the bits do not depend on the number of threads.
 *
 * SPDX-License-Identifier: MIT */
#include <omp.h>

#include "kernel/kernels.h"

/* docs/performance.md: how they were chosen */
enum { TILE_ROWS = 512, TILE_COLS = 384 };

static void make_tile(const matmul *p, int64_t row, int64_t col)
{
    gemm_tile t = {
        .m = p->m - row < TILE_ROWS ? p->m - row : TILE_ROWS,
        .n = p->n - col < TILE_COLS ? p->n - col : TILE_COLS,
        .k = p->k,
        .stride_a = p->a_turned ? p->m : p->k,
        .stride_b = p->b_turned ? p->k : p->n,
        .stride_c = p->n,
        .a_turned = p->a_turned,
        .b_turned = p->b_turned,
        .add = p->add,
    };
    t.a = p->a + (p->a_turned ? row : row * p->k);
    t.b = p->b + (p->b_turned ? col * p->k : col);
    t.c = p->c + row * p->n + col;

#if defined(IDIM_GEMM_DNNL) && !defined(IDIM_REAL_DOUBLE)
    gemm_dnnl(&t);
#elif defined(IDIM_GEMM_CBLAS)
    gemm_cblas(&t);
#else
    gemm_plain(&t);
#endif

    for (int64_t i = 0; p->bias != NULL && i < t.m; i++)
        for (int64_t j = 0; j < t.n; j++)
            t.c[i * t.stride_c + j] += p->bias[col + j];
}

void gemm(int threads, const matmul *p)
{
    int64_t down = (p->m + TILE_ROWS - 1) / TILE_ROWS;
    int64_t across = (p->n + TILE_COLS - 1) / TILE_COLS;

#pragma omp parallel num_threads(threads)
    {
        /* for this region alone: a team of one is no parallel region to the library, which would
         * then cut the product its own way */
        omp_set_num_threads(1);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < down * across; i++)
            make_tile(p, i / across * TILE_ROWS, i % across * TILE_COLS);
    }
}
