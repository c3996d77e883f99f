/* Products of operands rounded to bf16, on the CPU's dot products of bf16 pairs (AVX512-BF16):
 *
 *     C[i][j] = sum over pairs (p, p + 1) of  a[i][p] b[p][j] + a[i][p + 1] b[p + 1][j],  in fp32
 *
 * Operands are rounded into panels of words that hold a pair each:
 *
 *     B   [columns / 48][k / 2][48]   three vectors; the last panel may have one or two
 *     A   [rows / 8][k / 2][8]        each word is given to all lanes of a vector
 *
 * B and a turned A are rounded once for all, in the order in which they lie in memory; rows of A by
 * the task that needs them. Every entry of C is one sum in the order of k, however the work is cut.
 * The instruction rounds to nearest even and takes subnormal numbers for 0.
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
    TASK_ROWS = 64,    /* of C, so that their part of A stays in the second cache       */
    BLOCK_PAIRS = 192, /* of k, so that a panel's part of B stays in the first cache    */
    SLAB_PAIRS = 2048, /* of k, what is rounded at a time: it bounds the scratch        */
    PIECE_PAIRS = 8,   /* of k, rounded by one thread where pairs lie below each other  */
    TASKS_A_THREAD = 4,
    ALIGNMENT = 64
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

static int64_t up(int64_t n, int64_t step)
{
    return pieces(n, step) * step;
}

/* ---- rounding and packing -------------------------------------------------------------------- */

static __mmask16 first_lanes(int64_t n)
{
    return (__mmask16)(n >= LANES ? 0xffffu : (1u << n) - 1);
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

/* Where the words of 16 columns of B, or rows of A, go: those of pair p to to[0 .. 16) + p * step,
 * or the lower eight there and the upper eight to `upper` + p * step. */
typedef struct place {
    pair *to, *upper;
    int64_t step;
} place;

static inline void put(const place *at, int64_t p, __m512i words)
{
    if (at->upper == NULL) {
        _mm512_storeu_si512(at->to + p * at->step, words);
        return;
    }
    _mm256_storeu_si256((__m256i *)(at->to + p * at->step), _mm512_castsi512_si256(words));
    _mm256_storeu_si256((__m256i *)(at->upper + p * at->step), _mm512_extracti64x4_epi64(words, 1));
}

/* Operands lie in memory, not in a cache: without this half the time of a small product is waiting
 * for them. `ahead`: what will be read soon, 32 numbers of a row. */
static inline void fetch(const float *ahead)
{
    _mm_prefetch((const char *)ahead, _MM_HINT_T0);
    _mm_prefetch((const char *)(ahead + LANES), _MM_HINT_T0);
}

/* Up to 16 of the n rows or columns, from the first on, that lie along k: x[n][k] at a stride. */
static void pack_along(const float *x, int64_t stride, int64_t n, int64_t k, const place *at)
{
    enum { STEP = 2 * LANES, AHEAD = 2 * STEP };
    for (int64_t p = 0; p < k; p += STEP) {
        __m512i row[LANES];
        int64_t next = p + AHEAD < k ? p + AHEAD : LANES * stride + p + AHEAD - up(k, STEP);
        UNROLL
        for (int64_t j = 0; j < LANES; j++) {
            if (j + (p + AHEAD < k ? 0 : LANES) < n)
                fetch(x + j * stride + next);
            row[j] = j < n ? pairs_along(x + j * stride + p, k - p) : _mm512_setzero_si512();
        }
        transpose(row);
        int64_t left = (k - p + 1) / 2;
        UNROLL
        for (int64_t i = 0; i < LANES; i++)
            if (i < left)
                put(at, p / 2 + i, row[i]);
    }
}

/* The same of those that lie across it, x[k][n]; rows [k, rows) come next. */
static void pack_down(const float *x, int64_t stride, int64_t n, int64_t k, int64_t rows,
                      const place *at)
{
    for (int64_t p = 0; p < k; p += 2) {
        if (p + k + 1 < rows) {
            _mm_prefetch((const char *)(x + (p + k) * stride), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + (p + k + 1) * stride), _MM_HINT_T0);
        }
        put(at, p / 2, pairs_down(x + p * stride, stride, k - p, first_lanes(n)));
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

/* vectors: a constant where it is called */
__attribute__((always_inline)) static inline void tile_product(const tile *t, const int vectors)
{
    __m512 sum[TILE_ROWS][TILE_VECTORS];
    __mmask16 mask[TILE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        mask[v] = first_lanes(t->cols - v * LANES);
        __m512 bias = t->bias != NULL ? _mm512_maskz_loadu_ps(mask[v], t->bias + v * LANES)
                                      : _mm512_setzero_ps();
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++) {
            sum[r][v] = bias;
            if (t->add && r < t->rows)
                sum[r][v] = _mm512_add_ps(
                    bias, _mm512_maskz_loadu_ps(mask[v], t->c + r * t->stride + v * LANES));
        }
    }

    const pair *a = t->a, *b = t->b;
    for (int64_t p = 0; p < t->pairs; p++) {
        __m512bh column[TILE_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++)
            column[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++) {
            __m512bh row = (__m512bh)_mm512_set1_epi32((int)a[r]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], row, column[v]);
        }
        a += TILE_ROWS;
        b += vectors * LANES;
    }

    UNROLL
    for (int v = 0; v < vectors; v++)
        UNROLL
    for (int r = 0; r < TILE_ROWS; r++)
        if (r < t->rows)
            _mm512_mask_storeu_ps(t->c + r * t->stride + v * LANES, mask[v], sum[r][v]);
}

static void make_tile(const tile *t)
{
    if (t->cols > 2 * LANES)
        tile_product(t, 3);
    else if (t->cols > LANES)
        tile_product(t, 2);
    else
        tile_product(t, 1);
}

/* ---- the product ----------------------------------------------------------------------------- */

/* One slab of k, cut for the threads: a task is TASK_ROWS rows by `panels` / `across` panels of C.
 */
typedef struct slab {
    const matmul *p;
    int64_t first, k, pairs; /* of A's columns and B's rows */
    int64_t panels, down, across;
    pair *b;
    pair *a; /* of all rows, when A is turned */
} slab;

static place place_of_b(const slab *s, int64_t col)
{
    int64_t panel = col / PANEL_COLS * PANEL_COLS;
    int64_t width = smaller(PANEL_COLS, up(s->p->n - panel, LANES));
    return (place){s->b + panel * s->pairs + (col - panel), NULL, width};
}

static place place_of_a(const slab *s, pair *a, int64_t row)
{
    pair *to = a + row * s->pairs;
    return (place){to, to + TILE_ROWS * s->pairs, TILE_ROWS};
}

/* PIECE_PAIRS pairs of k of an operand x[k][n]: all its columns */
static void pack_piece(const slab *s, int64_t number, const float *x, int64_t n, bool is_a)
{
    int64_t first = number * 2 * PIECE_PAIRS;
    int64_t k = smaller(2 * PIECE_PAIRS, s->k - first);
    for (int64_t col = 0; col < n; col += LANES) {
        place at = is_a ? place_of_a(s, s->a, col) : place_of_b(s, col);
        at.to += first / 2 * at.step;
        if (is_a)
            at.upper += first / 2 * at.step;
        pack_down(x + (s->first + first) * n + col, n, n - col, k, s->k - first, &at);
    }
}

/* the shares of work in rounding B, and A when it is turned */
static int64_t pieces_of_b(const slab *s)
{
    return s->p->b_turned ? pieces(s->p->n, LANES) : pieces(s->pairs, PIECE_PAIRS);
}

static int64_t pieces_of_a(const slab *s)
{
    return s->p->a_turned ? pieces(s->pairs, PIECE_PAIRS) : 0;
}

static void pack(const slab *s, int64_t number)
{
    const matmul *p = s->p;
    int64_t of_a = pieces_of_a(s), col = (number - of_a) * LANES;
    if (number < of_a) {
        pack_piece(s, number, p->a, p->m, true);
    } else if (!p->b_turned) {
        pack_piece(s, number - of_a, p->b, p->n, false);
    } else {
        place at = place_of_b(s, col);
        pack_along(p->b + col * p->k + s->first, p->k, p->n - col, s->k, &at);
    }
}

/* rows of one panel of C over one block of k */
static void multiply_block(const slab *s, int64_t row, int64_t col, int64_t block, const pair *a)
{
    const matmul *p = s->p;
    int64_t at = block * BLOCK_PAIRS, rows = smaller(TASK_ROWS, p->m - row);
    bool first = s->first == 0 && at == 0;
    tile t = {.pairs = smaller(BLOCK_PAIRS, s->pairs - at),
              .cols = smaller(PANEL_COLS, p->n - col),
              .stride = p->n,
              .add = p->add || !first,
              .bias = first && p->bias != NULL ? p->bias + col : NULL};
    t.b = s->b + col * s->pairs + at * up(t.cols, LANES);
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
        t.rows = rows - i;
        t.c = p->c + (row + i) * p->n + col;
        t.a = a + i * s->pairs + at * TILE_ROWS;
        make_tile(&t);
    }
}

/* own: room for the rows of a task */
static void do_task(const slab *s, int64_t task, pair *own)
{
    const matmul *p = s->p;
    int64_t part = task % s->across, row = task / s->across * TASK_ROWS;
    int64_t begin = part * s->panels / s->across, end = (part + 1) * s->panels / s->across;
    const pair *a = p->a_turned ? s->a + row * s->pairs : own;
    for (int64_t i = 0; !p->a_turned && i < smaller(TASK_ROWS, p->m - row); i += LANES) {
        place at = place_of_a(s, own, i);
        pack_along(p->a + (row + i) * p->k + s->first, p->k, p->m - row - i, s->k, &at);
    }
    for (int64_t panel = begin; panel < end; panel++)
        for (int64_t block = 0; block == 0 || block * BLOCK_PAIRS < s->pairs; block++)
            multiply_block(s, row, panel * PANEL_COLS, block, a);
}

/* words of a slab */
static int64_t words(const matmul *p, int64_t n)
{
    return smaller(SLAB_PAIRS, (p->k + 1) / 2) * up(n, LANES);
}

static int64_t scratch_bytes(int threads, const matmul *p)
{
    int64_t of_a = p->a_turned ? words(p, p->m) : threads * words(p, TASK_ROWS);
    return ALIGNMENT + (words(p, p->n) + of_a) * (int64_t)sizeof(pair);
}

static void multiply(int threads, const matmul *p, void *scratch)
{
    pair *room = (pair *)(((uintptr_t)scratch + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    int64_t down = pieces(p->m, TASK_ROWS), panels = pieces(p->n, PANEL_COLS);
    if (down == 0 || panels == 0)
        return;
    int64_t across = smaller(panels, pieces(TASKS_A_THREAD * threads, down));
#pragma omp parallel num_threads(threads)
    for (int64_t first = 0; first == 0 || first < p->k; first += 2 * SLAB_PAIRS) {
        int64_t k = smaller(2 * SLAB_PAIRS, p->k - first);
        slab s = {p, first, k, (k + 1) / 2, panels, down, across, room, room + words(p, p->n)};
        pair *own = s.a + omp_get_thread_num() * words(p, TASK_ROWS);
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < pieces_of_a(&s) + pieces_of_b(&s); i++)
            pack(&s, i);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < down * across; task++)
            do_task(&s, task, own);
    }
}

/* ---- small products ----------------------------------------------------------------------------
 */

/* Words of A at a distance of a_row from row to row, a_col from pair to pair; rows, vectors:
 * constants where it is called. */
typedef struct small_words {
    const pair *a, *b;
    int64_t a_row, a_col;
} small_words;

__attribute__((always_inline)) static inline void small_tile(const small_product *s,
                                                             const small_words *w, int64_t i,
                                                             int64_t j, const int rows,
                                                             const int vectors)
{
    __m512 sum[TILE_ROWS][2];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        sum[r][v] = s->add ? _mm512_loadu_ps(s->c + (i + r) * s->stride_c + j + v * LANES)
                           : _mm512_setzero_ps();

    const pair *a = w->a + i * w->a_row, *b = w->b + j;
    for (int64_t p = 0; p < s->k; p += 2) {
        __m512bh column[2];
        UNROLL
        for (int v = 0; v < vectors; v++)
            column[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512bh row = (__m512bh)_mm512_set1_epi32((int)a[r * w->a_row]);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], row, column[v]);
        }
        a += w->a_col;
        b += s->n;
    }

    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        _mm512_storeu_ps(s->c + (i + r) * s->stride_c + j + v * LANES, sum[r][v]);
}

__attribute__((always_inline)) static inline void
small_columns(const small_product *s, const small_words *w, int64_t j, const int vectors)
{
    int64_t i = 0;
    for (; i + TILE_ROWS <= s->m; i += TILE_ROWS)
        small_tile(s, w, i, j, TILE_ROWS, vectors);
    for (; i + 4 <= s->m; i += 4)
        small_tile(s, w, i, j, 4, vectors);
    for (; i + 2 <= s->m; i += 2)
        small_tile(s, w, i, j, 2, vectors);
    for (; i < s->m; i++)
        small_tile(s, w, i, j, 1, vectors);
}

/* rows stay rows when a row lies along k, else they are columns of words; the words of B follow */
static small_words pack_small(const small_product *s, pair *room)
{
    const bool along = s->a_col == 1;
    int64_t pairs = (s->k + 1) / 2, n = along ? s->m : pairs;
    int64_t width = along ? up(pairs, LANES) : up(s->m, LANES);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j += LANES)
            _mm512_storeu_si512(room + i * width + j,
                                along ? pairs_along(s->a + i * s->a_row + 2 * j, s->k - 2 * j)
                                      : pairs_down(s->a + 2 * i * s->a_col + j, s->a_col,
                                                   s->k - 2 * i, first_lanes(s->m - j)));
    pair *b = room + n * width;
    for (int64_t p = 0; p < pairs; p++)
        for (int64_t j = 0; j < s->n; j += LANES)
            _mm512_storeu_si512(b + p * s->n + j,
                                pairs_down(s->b + 2 * p * s->stride_b + j, s->stride_b,
                                           s->k - 2 * p, first_lanes(LANES)));
    return (small_words){room, b, along ? width : 1, along ? 1 : width};
}

static void small(const small_product *s, pair *room)
{
    small_words w = pack_small(s, room);
    int64_t j = 0;
    for (; j + 2 * LANES <= s->n; j += 2 * LANES)
        small_columns(s, &w, j, 2);
    for (; j < s->n; j += LANES)
        small_columns(s, &w, j, 1);
}

const rounded_matmul gemm_bf16 = {supported, scratch_bytes, multiply, small};

#else
typedef int gemm_bf16_is_not_built;
#endif
