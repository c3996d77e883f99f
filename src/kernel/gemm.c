/* Matrix products: C is cut in tiles whose size depends on the shape alone, each made by one call
 * of the library on one thread, so that the bits do not depend on the number of threads.
 *
 * SPDX-License-Identifier: MIT */
#include <omp.h>
#include <signal.h>

#include "kernel/kernels.h"

/* Tiles of about 128 x 384, balanced: a count of rows that is even, so that two or four threads
 * share evenly, and sizes as equal as can be. docs/performance.md: how they were chosen. */
enum { PAIR_ROWS = 256, TILE_COLS = 384, FEW_ROWS = 64 };

typedef struct tiling {
    int64_t rows, cols;   /* of a tile */
    int64_t down, across; /* tiles     */
} tiling;

static int64_t piece(int64_t n, int64_t pieces, int64_t multiple)
{
    int64_t share = (n + pieces - 1) / pieces;
    return (share + multiple - 1) / multiple * multiple;
}

static tiling cut(const matmul *p)
{
    int64_t down = p->m <= FEW_ROWS ? 1 : (p->m + PAIR_ROWS - 1) / PAIR_ROWS * 2;
    int64_t across = (p->n + TILE_COLS - 1) / TILE_COLS;
    tiling t = {.rows = piece(p->m, down, 8), .cols = piece(p->n, across, 16)};
    t.down = (p->m + t.rows - 1) / t.rows;
    t.across = (p->n + t.cols - 1) / t.cols;
    return t;
}

static void make_tile(const matmul *p, tiling cuts, int64_t row, int64_t col)
{
    gemm_tile t = {
        .m = p->m - row < cuts.rows ? p->m - row : cuts.rows,
        .n = p->n - col < cuts.cols ? p->n - col : cuts.cols,
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

/* Signals wait while a thread is in the library: oneDNN's kernels, made at run time, do not leave
 * the stack as a handler's frame needs it, and one that came in wrote into the heap. What a thread
 * does wrong itself (SIGSEGV ...) does not wait. */
static void hold_signals(sigset_t *kept)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t held;
    sigfillset(&held);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&held, own[i]);
    pthread_sigmask(SIG_BLOCK, &held, kept);
}

void gemm(int threads, const matmul *p)
{
    if (p->m == 0 || p->n == 0)
        return;
    const tiling cuts = cut(p);
#if defined(IDIM_GEMM_CBLAS)
    gemm_cblas_begin();
#endif
#pragma omp parallel num_threads(threads)
    {
        sigset_t kept;
        hold_signals(&kept);
        /* for this region alone: a team of one is no parallel region to the library, which would
         * then cut the product its own way */
        omp_set_num_threads(1);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < cuts.down * cuts.across; i++)
            make_tile(p, cuts, i / cuts.across * cuts.rows, i % cuts.across * cuts.cols);
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    }
}
