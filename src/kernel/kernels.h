/* The seam that numbers go through: one table of functions, filled for the CPU. A table for another
 * device can take its place; nothing above may read or write the memory of a value, a weight or a
 * gradient except through it. Index arrays (int32) and labels are the host's.
 *
 * Results never depend on `threads`: work is cut in pieces that do not depend on it, and sums run
 * in a fixed order. They may differ in the last bits between instruction sets.
 *
 * Matrices are row-major and dense (stride = cols) unless a stride is given. `add`: the result is
 * added to what the output holds. Legend: T tokens, H hidden, n sequences or examples.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_KERNEL_KERNELS_H
#define IDIM_KERNEL_KERNELS_H

#include "base/library.h"

/* the vector units' tables exist on x86-64, in float */
#if defined(__x86_64__) && !defined(IDIM_REAL_DOUBLE)
#define KERNELS_X86
#endif

/* C[m][n] = A B (+ C) (+ bias in every row); A is m x k, or k x m when a_turned, B likewise */
typedef struct matmul {
    int64_t m, n, k;
    const real *a, *b;
    real *c;
    bool a_turned, b_turned, add;
    const real *bias; /* [n] or NULL */
} matmul;

/* What the products of dense layers and of attention are made of. PRECISION_BF16: A and B are
 * rounded to bf16, to nearest even, as they are read; sums, C and bias are fp32, as all other
 * values are. */
typedef enum precision { PRECISION_FP32, PRECISION_BF16 } precision;

/* A product within attention, on one thread: C[m][n] (+)= A B. Entry (i, p) of A is a[i * a_row + p
 * * a_col], and one of a_row, a_col is 1; B and C have rows of whole vectors. */
typedef struct small_product {
    int64_t m, n, k;
    const real *a;
    int64_t a_row, a_col;
    const real *b;
    int64_t stride_b;
    real *c;
    int64_t stride_c;
    bool add;
} small_product;

/* the product of rounded operands; ask supported() first */
typedef struct rounded_matmul {
    bool (*supported)(void);
    int64_t (*scratch)(int threads, const matmul *product); /* bytes */
    void (*matmul)(int threads, const matmul *product, void *scratch);
    void (*small)(const small_product *product, uint32_t *room); /* [small_room] */
} rounded_matmul;

static inline int64_t small_room(int64_t m, int64_t n, int64_t k)
{
    /* A in words of two numbers, along either side, and B */
    return ((m + 15) / 16 * 16) * ((k + 31) / 32 * 16) + (k + 1) / 2 * n;
}

/* Where a mask's draws come from. Entry e is dropped when its 16-bit draw is below the threshold:
 * draw e of group g = e / 128 is the low (e % 128 < 64) or high half of word e % 64 of the group in
 * the layout of transform.h, stream STREAM_DROPOUT. */
typedef struct dropout_mask {
    uint64_t seed, key;
    uint32_t threshold; /* of 65536; 0: nothing is dropped */
    real scale;         /* 1 / the share that is kept      */
} dropout_mask;

/* Attention of packed sequences: sequence s is rows start[s] .. start[s + 1). Head h is columns
 * h H/heads .. of q and out; k and v have key_heads heads of that size, each for as many heads in
 * turn. Scores are scale q k', plus bias[(j - i + longest - 1)][head] for query i and key j where
 * there is a bias. lse[T][heads] is the log of the sum of exponentials of a row of
 * scores: all that is kept of the probabilities. */
typedef struct attention_shape {
    int64_t n, heads, hidden;
    const int32_t *start; /* [n + 1]             */
    int64_t longest;      /* sequence, in tokens */
    dropout_mask mask;    /* of the probabilities */
    const real *q, *k, *v;
    real *lse;
    real *scratch;                 /* [attention_scratch]                             */
    const rounded_matmul *rounded; /* NULL: products in fp32 */
    bool causal;                   /* query i sees keys 0 .. i                        */
    int64_t key_heads;             /* a divisor of heads; 0: as many                  */
    double scale;                  /* 0: 1 / sqrt(head size)                          */
    const real *bias;              /* [2 longest - 1][heads] or NULL                  */
    const real *scores;            /* [T][heads][longest] or NULL: added to q k' before the scale */
} attention_shape;

/* d loss / d out; where those of q, k, v, bias and scores go. The bias' is [n][2 longest - 1]
 * [heads], to be added up; bias and scores may be NULL. */
typedef struct attention_gradients {
    const real *out;
    real *q, *k, *v, *bias, *scores;
} attention_gradients;

/* Scores of pairs of tokens for attention_shape.scores, head by head: the row of x of one token
 * with the row of y that the pair chooses, key j and query i row[j - i + longest - 1]; or, where
 * there is `segment`, row 0 if both have the same, else row 1. */
typedef struct pair_shape {
    int64_t n, heads, hidden, longest;
    const int32_t *start;   /* [n + 1]                          */
    const real *x, *y;      /* [T][hidden], [rows][hidden]      */
    int64_t rows;           /* of y                             */
    bool by_key;            /* x is the key's, not the query's  */
    const int32_t *row;     /* [2 longest - 1], or NULL         */
    const int32_t *segment; /* [T], or NULL                     */
    real *scratch;          /* [pair_scratch]                   */
} pair_shape;

/* d loss / d scores; x's may be NULL and is added to where add_x; y's, which may be NULL, is
 * [n][rows][hidden], to be added up. */
typedef struct pair_gradients {
    const real *scores;
    real *x, *y;
    bool add_x;
} pair_gradients;

typedef struct layernorm_shape {
    int64_t rows, cols;
    const real *x, *weight, *bias;
    double eps;
    real *mean, *rstd; /* [rows], made by the forward pass */
} layernorm_shape;

typedef struct rmsnorm_shape {
    int64_t rows, cols;
    const real *x, *weight;
    double eps;
    real *rstd; /* [rows], made by the forward pass */
} rmsnorm_shape;

/* Packed sequences whose heads turn: row i of angles is for the i-th token of a sequence, the
 * cosines of half a head's columns, then the sines. */
typedef struct rotary_shape {
    int64_t n, heads, cols;
    const int32_t *start; /* [n + 1] */
    const real *angles;   /* [longest][cols / heads] */
} rotary_shape;

/* one table of an embedding: out[t] += value[row[t]] */
typedef struct lookup_table {
    const real *value;
    const int32_t *row;
} lookup_table;

typedef enum unary_kind {
    UNARY_GELU,
    UNARY_GELU_TANH,
    UNARY_RELU,
    UNARY_SILU,
    UNARY_TANH
} unary_kind;
typedef enum pool_kind { POOL_FIRST, POOL_LAST, POOL_ROW, POOL_MEAN } pool_kind;
typedef struct pool_shape {
    pool_kind kind;
    int64_t n, cols;
    const int32_t *start; /* [n + 1]                                     */
    const int32_t *row;   /* [n], within its sequence each; for POOL_ROW */
} pool_shape;
typedef enum loss_kind { LOSS_CROSS_ENTROPY, LOSS_SQUARED, LOSS_BINARY } loss_kind;

enum { PARTIAL_ROWS = 64 }; /* rows whose sums are made as one piece */

typedef struct kernels {
    const char *name;
    bool (*supported)(void);

    void (*matmul)(int threads, const matmul *product);
    const rounded_matmul *bf16; /* NULL: the table has none */

    /* x[n] = value */
    void (*fill)(int threads, int64_t n, real value, real *x);
    /* y[n] = a x (+ y); x may be y */
    void (*scale)(int threads, int64_t n, real a, const real *x, bool add, real *y);
    /* between the host and the table's memory */
    void (*read)(int64_t n, const real *x, real *host);
    void (*write)(int64_t n, const real *host, real *x);

    void (*unary)(int threads, unary_kind kind, int64_t n, const real *x, real *y);
    /* dx[n] = f'(x) dy (+ dx); dx may be dy */
    void (*unary_backward)(int threads, unary_kind kind, int64_t n, const real *x, const real *dy,
                           bool add, real *dx);

    /* y[n] = a b (+ y); y may be a or b */
    void (*multiply)(int threads, int64_t n, const real *a, const real *b, bool add, real *y);

    /* y[rows][cols] (+)= x, each with a stride of its own */
    void (*copy_block)(int threads, int64_t rows, int64_t cols, const real *x, int64_t stride_x,
                       bool add, real *y, int64_t stride_y);

    /* y[n] = mask x / share (+ add); any of x, add, y may be the same; add may be NULL */
    void (*dropout)(int threads, const dropout_mask *mask, int64_t n, const real *x,
                    const real *add, real *y);

    /* out[rows][cols] = sum over tables of their rows */
    void (*gather)(int threads, int n_tables, const lookup_table *table, int64_t rows, int64_t cols,
                   real *out);
    /* out[i] = sum of the rows x[row[j]], start[i] <= j < start[i + 1] */
    void (*gather_sums)(int threads, int64_t n, int64_t cols, const int32_t *start,
                        const int32_t *row, const real *x, real *out);

    /* y = (x - mean) rstd weight + bias */
    void (*layernorm)(int threads, const layernorm_shape *s, real *y);
    /* dx may be dy. dweight and dbias [cols] are made when partials, [partials(rows)][2][cols], is
     * given. */
    void (*layernorm_backward)(int threads, const layernorm_shape *s, const real *dy, bool add,
                               real *dx, real *partials);
    /* y = x rstd weight */
    void (*rmsnorm)(int threads, const rmsnorm_shape *s, real *y);
    /* dx may be dy. dweight [cols] is made when partials, [partials(rows)][cols], is given. */
    void (*rmsnorm_backward)(int threads, const rmsnorm_shape *s, const real *dy, bool add,
                             real *dx, real *partials);

    /* out[rows][2 half]: cos(i frequency[j]), then sin; frequency is the host's */
    void (*angles)(int threads, int64_t rows, int64_t half, const double *frequency, real *out);
    /* y = x turned by its angles, or back (+ y); y may be x */
    void (*rotate)(int threads, const rotary_shape *s, const real *x, bool back, bool add, real *y);

    /* out[cols] = sum over rows; partials: [partials(rows)][cols] */
    void (*column_sums)(int threads, int64_t rows, int64_t cols, const real *x, real *partials,
                        real *out);
    /* out[cols] = sum over n rows of x, in order: the sums of partials */
    void (*sum_partials)(int threads, int64_t n, int64_t cols, const real *x, real *out);

    /* Of each row of logits[rows][cols] over a vocabulary: lse, the log of the sum of exponentials,
     * and out[rows][2], -log of the probability of target[row] and 1 where no other is likelier
     * (the first of equals). target -1: nothing is asked for, both are 0. */
    void (*next_tokens)(int threads, int64_t rows, int64_t cols, const real *logits,
                        const int32_t *target, real *lse, real *out);
    /* The logits become their gradients, dout[row][0] (softmax(logits) - onehot(target)). */
    void (*next_tokens_backward)(int threads, int64_t rows, int64_t cols, const int32_t *target,
                                 const real *lse, const real *dout, real *logits);

    int64_t (*attention_scratch)(int threads, int64_t longest, int64_t head_size);
    void (*attention)(int threads, const attention_shape *s, real *out);
    void (*attention_backward)(int threads, const attention_shape *s, const attention_gradients *g);

    int64_t (*pair_scratch)(int threads, const pair_shape *s);
    /* out[T][heads][longest] (+)=; what lies beyond a sequence's end is 0 */
    void (*pair_scores)(int threads, const pair_shape *s, bool add, real *out);
    void (*pair_scores_backward)(int threads, const pair_shape *s, const pair_gradients *g);

    /* y[i] = first row, last row, row[i] of x, or mean of the rows, of sequence i */
    void (*pool)(int threads, const pool_shape *s, const real *x, real *y);
    void (*pool_backward)(int threads, const pool_shape *s, const real *dy, bool add, real *dx);

    /* *loss of x[rows][cols]: cross entropy, mean over rows (label[rows] is the class); squared
     * error and binary cross entropy with logits, mean over all entries (label[rows][cols]) */
    void (*loss)(loss_kind kind, int64_t rows, int64_t cols, const real *x, const float *label,
                 real *loss);
    /* dx = *dloss dloss/dx (+ dx) */
    void (*loss_backward)(loss_kind kind, int64_t rows, int64_t cols, const real *x,
                          const float *label, const real *dloss, bool add, real *dx);
} kernels;

extern const kernels kernels_plain;
#ifdef KERNELS_X86
extern const kernels kernels_avx2;
extern const kernels kernels_avx512;
#endif

/* All tables that were compiled in, plain first; ask supported() before use. */
const kernels *const *kernels_list(int64_t *n);

/* The fastest that this CPU supports. */
const kernels *kernels_best(void);

/* Can the table compute so? IDIM_EARGUMENT, with a sentence that says what the CPU lacks. */
int kernels_check_precision(idim *lib, const kernels *k, precision p);

static inline int64_t partials(int64_t rows)
{
    return (rows + PARTIAL_ROWS - 1) / PARTIAL_ROWS;
}

#ifdef KERNELS_X86
extern const rounded_matmul gemm_bf16; /* AVX512-BF16 */
#endif

/* the product all CPU tables share: tiles of a fixed size, each one call of the library on one
 * thread */
void gemm(int threads, const matmul *product);

/* a tile: C[m][n] = op(A) op(B) (+ C), with strides; on the calling thread only */
typedef struct gemm_tile {
    int64_t m, n, k;
    const real *a, *b;
    real *c;
    int64_t stride_a, stride_b, stride_c;
    bool a_turned, b_turned, add;
} gemm_tile;

void gemm_plain(const gemm_tile *t);
#if defined(IDIM_GEMM_DNNL) && !defined(IDIM_REAL_DOUBLE)
void gemm_dnnl(const gemm_tile *t);
#endif
#if defined(IDIM_GEMM_CBLAS)
void gemm_cblas_begin(void); /* before the tiles of a product */
void gemm_cblas(const gemm_tile *t);
#endif

#endif
