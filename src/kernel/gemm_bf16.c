/* Products of operands rounded to bf16, on the CPU's dot products of bf16 pairs (AVX512-BF16):
 *
 *     C[i][j] = sum over pairs (p, p + 1) of  a[i][p] b[p][j] + a[i][p + 1] b[p + 1][j],  in fp32
 *
 * B is rounded once into panels of 48 columns, A by the task that needs it, both as words that hold
 * a pair each, so that one instruction does 16 pairs:
 *
 *     B panel   [k / 2][16, 32 or 48 columns]   16 columns a vector
 *     A block   [rows][k / 2], or turned [rows / 8][k / 2][8]   a word is given to all lanes
 *
 * Every entry of C is one sum in the order of k, however the work is cut. The instruction rounds to
 * nearest even and takes subnormal numbers for 0.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#ifdef KERNELS_X86

#include <immintrin.h>
#include <omp.h>

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef uint32_t pair; /* of bf16 along k: the first in the low half */

enum {
    LANES = 16,
    TILE_ROWS = 8,
    TILE_VECTORS = 3,
    PANEL_COLS = TILE_VECTORS * LANES,
    TASK_ROWS = 64,    /* of C, so that their part of A stays in the second cache               */
    BLOCK_PAIRS = 192, /* of k, so that a panel's part stays in the first cache                 */
    SLAB_PAIRS = 2048, /* of k, what is rounded at a time: it bounds the scratch                */
    TASKS_A_THREAD = 4
};

static bool supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t pieces(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* ---- rounding and packing -------------------------------------------------------------------- */

static __mmask16 first_lanes(int64_t n)
{
    return n >= LANES ? 0xffff : (__mmask16)((1u << n) - 1);
}

/* 16 words (low[l], high[l]) */
static inline __m512i pairs_of(__m512 low, __m512 high)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* pairs down the rows: words (x[2p][j], x[2p + 1][j]) of up to 16 columns; rows: how many there are
 * from 2p on */
static inline __m512i pairs_down(const float *x, int64_t stride, int64_t rows, __mmask16 mask)
{
    __m512 low = _mm512_maskz_loadu_ps(mask, x);
    __m512 high = rows > 1 ? _mm512_maskz_loadu_ps(mask, x + stride) : _mm512_setzero_ps();
    return pairs_of(low, high);
}

/* pairs along a row: words (x[2p], x[2p + 1]), n numbers */
static inline __m512i pairs_along(const float *x, int64_t n)
{
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(n), x);
    __m512 high =
        n > LANES ? _mm512_maskz_loadu_ps(first_lanes(n - LANES), x + LANES) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* row[i] lane j <-> row[j] lane i */
static inline void transpose(__m512i row[16])
{
    __m512i t[16];
    UNROLL
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(row[2 * i], row[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(row[2 * i], row[2 * i + 1]);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        row[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        row[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        row[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        row[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(row[i], row[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(row[i + 8], row[i + 12], 0xdd);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        row[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        row[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        row[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        row[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* 16 columns of B, in a panel of `width`: x[n columns][k] at a stride, k along the rows */
static void pack_columns_along(const float *x, int64_t stride, int64_t n, int64_t k, int64_t width,
                               pair *out)
{
    for (int64_t p = 0; p < k; p += 2 * LANES) {
        __m512i row[LANES];
        for (int64_t j = 0; j < LANES; j++)
            row[j] = j < n ? pairs_along(x + j * stride + p, k - p) : _mm512_setzero_si512();
        transpose(row);
        for (int64_t i = 0; i < smaller(LANES, (k - p + 1) / 2); i++)
            _mm512_storeu_si512(out + (p / 2 + i) * width, row[i]);
    }
}

/* the same of x[k][n columns] */
static void pack_columns_down(const float *x, int64_t stride, int64_t n, int64_t k, int64_t width,
                              pair *out)
{
    for (int64_t p = 0; p < k; p += 2)
        _mm512_storeu_si512(out + p / 2 * width,
                            pairs_down(x + p * stride, stride, k - p, first_lanes(n)));
}

/* 8 rows of A: x[n rows][k] at a stride -> out[8][SLAB_PAIRS] */
static void pack_rows_along(const float *x, int64_t stride, int64_t n, int64_t k, pair *out)
{
    for (int64_t i = 0; i < TILE_ROWS; i++)
        for (int64_t p = 0; p < k; p += 2 * LANES)
            _mm512_storeu_si512(out + i * SLAB_PAIRS + p / 2,
                                i < n ? pairs_along(x + i * stride + p, k - p)
                                      : _mm512_setzero_si512());
}

/* 16 rows of A: x[k][n rows] -> out[2][SLAB_PAIRS][8] */
static void pack_rows_down(const float *x, int64_t stride, int64_t n, int64_t k, pair *out)
{
    for (int64_t p = 0; p < k; p += 2) {
        __m512i both = pairs_down(x + p * stride, stride, k - p, first_lanes(n));
        pair *at = out + p / 2 * TILE_ROWS;
        _mm256_storeu_si256((__m256i *)at, _mm512_castsi512_si256(both));
        _mm256_storeu_si256((__m256i *)(at + TILE_ROWS * SLAB_PAIRS),
                            _mm512_extracti64x4_epi64(both, 1));
    }
}

/* ---- the tile -------------------------------------------------------------------------------- */

/* up to 8 rows by 1 to 3 vectors of C over some pairs of k: C = (C) + (bias) + A B */
typedef struct tile {
    int64_t pairs, rows, cols;
    const pair *a, *b;
    float *c;
    int64_t stride;
    bool add;
    const float *bias; /* or NULL */
} tile;

/* a_row, a_col, vectors: constants where it is called */
__attribute__((always_inline)) static inline void
tile_product(const tile *t, const int64_t a_row, const int64_t a_col, const int vectors)
{
    __m512 sum[TILE_ROWS][TILE_VECTORS];
    __mmask16 mask[TILE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        mask[v] = first_lanes(t->cols - v * LANES);
        __m512 bias = t->bias != NULL ? _mm512_maskz_loadu_ps(mask[v], t->bias + v * LANES)
                                      : _mm512_setzero_ps();
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++)
            sum[r][v] = t->add && r < t->rows
                            ? _mm512_add_ps(bias, _mm512_maskz_loadu_ps(
                                                      mask[v], t->c + r * t->stride + v * LANES))
                            : bias;
    }

    const pair *a = t->a, *b = t->b;
    for (int64_t p = 0; p < t->pairs; p++) {
        __m512bh column[TILE_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            column[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++) {
            __m512bh row = (__m512bh)_mm512_set1_epi32((int)a[r * a_row]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], row, column[v]);
        }
        a += a_col;
        b += vectors * LANES;
    }

    UNROLL
    for (int v = 0; v < vectors; v++)
        UNROLL
    for (int r = 0; r < TILE_ROWS; r++)
        if (r < t->rows)
            _mm512_mask_storeu_ps(t->c + r * t->stride + v * LANES, mask[v], sum[r][v]);
}

static void tile_along(const tile *t, int64_t vectors)
{
    if (vectors == 3)
        tile_product(t, SLAB_PAIRS, 1, 3);
    else if (vectors == 2)
        tile_product(t, SLAB_PAIRS, 1, 2);
    else
        tile_product(t, SLAB_PAIRS, 1, 1);
}

static void tile_down(const tile *t, int64_t vectors)
{
    if (vectors == 3)
        tile_product(t, 1, TILE_ROWS, 3);
    else if (vectors == 2)
        tile_product(t, 1, TILE_ROWS, 2);
    else
        tile_product(t, 1, TILE_ROWS, 1);
}

/* ---- the product ----------------------------------------------------------------------------- */

/* One slab of k, cut for the threads: a task is `down` rows by `across` panels of C. */
typedef struct slab {
    const matmul *p;
    int64_t first, k; /* of A's columns and B's rows     */
    int64_t panels, across;
    pair *b; /* panel after panel, [pairs][width] */
} slab;

static int64_t pairs_in(const slab *s)
{
    return (s->k + 1) / 2;
}

/* 16 columns of B, number `part` */
static void pack_b(const slab *s, int64_t part)
{
    const matmul *p = s->p;
    int64_t col = part * LANES, panel = col / PANEL_COLS * PANEL_COLS;
    int64_t width = smaller(PANEL_COLS, pieces(p->n - panel, LANES) * LANES);
    pair *out = s->b + panel * pairs_in(s) + (col - panel);
    if (p->b_turned)
        pack_columns_along(p->b + col * p->k + s->first, p->k, p->n - col, s->k, width, out);
    else
        pack_columns_down(p->b + s->first * p->n + col, p->n, p->n - col, s->k, width, out);
}

/* out: [TASK_ROWS][SLAB_PAIRS] */
static void pack_a(const slab *s, int64_t row, int64_t rows, pair *out)
{
    const matmul *p = s->p;
    for (int64_t i = 0; i < rows && p->a_turned; i += LANES)
        pack_rows_down(p->a + s->first * p->m + row + i, p->m, rows - i, s->k,
                       out + i * SLAB_PAIRS);
    for (int64_t i = 0; i < rows && !p->a_turned; i += TILE_ROWS)
        pack_rows_along(p->a + (row + i) * p->k + s->first, p->k, rows - i, s->k,
                        out + i * SLAB_PAIRS);
}

/* rows of one panel of C over one block of k */
static void multiply_block(const slab *s, int64_t row, int64_t rows, int64_t col, int64_t block,
                           const pair *a)
{
    const matmul *p = s->p;
    int64_t at = block * BLOCK_PAIRS, cols = smaller(PANEL_COLS, p->n - col);
    int64_t vectors = pieces(cols, LANES);
    bool first = s->first == 0 && at == 0;
    tile t = {.pairs = smaller(BLOCK_PAIRS, pairs_in(s) - at),
              .cols = cols,
              .b = s->b + col * pairs_in(s) + at * vectors * LANES,
              .stride = p->n,
              .add = p->add || !first,
              .bias = first && p->bias != NULL ? p->bias + col : NULL};
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
        t.rows = rows - i;
        t.c = p->c + (row + i) * p->n + col;
        t.a = a + i * SLAB_PAIRS + at * (p->a_turned ? TILE_ROWS : 1);
        if (p->a_turned)
            tile_down(&t, vectors);
        else
            tile_along(&t, vectors);
    }
}

static void do_task(const slab *s, int64_t task, pair *a)
{
    const matmul *p = s->p;
    int64_t part = task % s->across, row = task / s->across * TASK_ROWS;
    int64_t rows = smaller(TASK_ROWS, p->m - row);
    int64_t begin = part * s->panels / s->across, end = (part + 1) * s->panels / s->across;
    pack_a(s, row, rows, a);
    for (int64_t panel = begin; panel < end; panel++)
        for (int64_t block = 0; block == 0 || block * BLOCK_PAIRS < pairs_in(s); block++)
            multiply_block(s, row, rows, panel * PANEL_COLS, block, a);
}

static int64_t words_of_b(const matmul *p)
{
    return smaller(SLAB_PAIRS, (p->k + 1) / 2) * pieces(p->n, LANES) * LANES;
}

static int64_t scratch_bytes(int threads, const matmul *p)
{
    return (words_of_b(p) + (int64_t)threads * TASK_ROWS * SLAB_PAIRS) * (int64_t)sizeof(pair);
}

static void multiply(int threads, const matmul *p, void *scratch)
{
    pair *room = scratch;
    int64_t down = pieces(p->m, TASK_ROWS), panels = pieces(p->n, PANEL_COLS);
    int64_t across = smaller(panels, pieces(TASKS_A_THREAD * threads, down > 0 ? down : 1));
#pragma omp parallel num_threads(threads)
    for (int64_t first = 0; first == 0 || first < p->k; first += 2 * SLAB_PAIRS) {
        slab s = {.p = p,
                  .first = first,
                  .k = smaller(2 * SLAB_PAIRS, p->k - first),
                  .panels = panels,
                  .across = across,
                  .b = room};
        pair *a = room + words_of_b(p) + omp_get_thread_num() * TASK_ROWS * SLAB_PAIRS;
#pragma omp for schedule(static)
        for (int64_t part = 0; part < pieces(p->n, LANES); part++)
            pack_b(&s, part);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < down * across; task++)
            do_task(&s, task, a);
    }
}

const rounded_matmul gemm_bf16 = {supported, scratch_bytes, multiply};

#else
typedef int gemm_bf16_is_not_built;
#endif
