/* CPU kernels entry by entry: activations, scaling, dropout. Cut in pieces of BLOCK entries.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu_lanes.h"
#include "kernel/transform.h"

enum { BLOCK = 8192, DRAWS = 128 /* of a group of random words */ };

static void cpu_fill(int threads, int64_t n, real value, real *x)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

static void cpu_scale(int threads, int64_t n, real a, const real *x, bool add, real *y)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i++)
        y[i] = add ? y[i] + a * x[i] : a * x[i];
}

static void cpu_read(int64_t n, const real *x, real *host)
{
    memcpy(host, x, (size_t)n * sizeof *x);
}

static void cpu_write(int64_t n, const real *host, real *x)
{
    memcpy(x, host, (size_t)n * sizeof *x);
}

/* ---- activations ----------------------------------------------------------------------------- */

static const real INV_SQRT_2 = (real)0.70710678118654752440;
static const real INV_SQRT_2_PI = (real)0.39894228040143267794;
static const real SQRT_2_OVER_PI = (real)0.79788456080286535588;
static const real GELU_CUBIC = (real)0.044715;

INLINE real gelu(real x)
{
    return (real)0.5 * x * (1 + fast_erf(x * INV_SQRT_2));
}

INLINE real gelu_slope(real x)
{
    return (real)0.5 * (1 + fast_erf(x * INV_SQRT_2)) +
           x * INV_SQRT_2_PI * fast_exp((real)-0.5 * x * x);
}

INLINE real gelu_tanh(real x)
{
    return (real)0.5 * x * (1 + fast_tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)));
}

INLINE real gelu_tanh_slope(real x)
{
    real t = fast_tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x));
    real inner = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    return (real)0.5 * (1 + t) + (real)0.5 * x * (1 - t * t) * inner;
}

INLINE real relu(real x)
{
    return x < 0 ? 0 : x;
}

INLINE real relu_slope(real x)
{
    return x > 0 ? 1 : 0;
}

INLINE real silu(real x)
{
    return x / (1 + fast_exp(-x));
}

INLINE real silu_slope(real x)
{
    real s = 1 / (1 + fast_exp(-x));
    return s * (1 + x * (1 - s));
}

INLINE real tanh_slope(real x)
{
    real t = fast_tanh(x);
    return 1 - t * t;
}

#define LOOP(f)                                                                                    \
    for (int64_t i = 0; i < n; i++)                                                                \
    y[i] = f(x[i])

static void unary_block(unary_kind kind, int64_t n, const real *x, real *y)
{
    switch (kind) {
    case UNARY_GELU:
        LOOP(gelu);
        break;
    case UNARY_GELU_TANH:
        LOOP(gelu_tanh);
        break;
    case UNARY_RELU:
        LOOP(relu);
        break;
    case UNARY_SILU:
        LOOP(silu);
        break;
    case UNARY_TANH:
        LOOP(fast_tanh);
        break;
    }
}

static void slope_block(unary_kind kind, int64_t n, const real *x, real *y)
{
    switch (kind) {
    case UNARY_GELU:
        LOOP(gelu_slope);
        break;
    case UNARY_GELU_TANH:
        LOOP(gelu_tanh_slope);
        break;
    case UNARY_RELU:
        LOOP(relu_slope);
        break;
    case UNARY_SILU:
        LOOP(silu_slope);
        break;
    case UNARY_TANH:
        LOOP(tanh_slope);
        break;
    }
}

#undef LOOP

static void cpu_unary(int threads, unary_kind kind, int64_t n, const real *x, real *y)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i += BLOCK)
        unary_block(kind, n - i < BLOCK ? n - i : BLOCK, x + i, y + i);
}

static void cpu_unary_backward(int threads, unary_kind kind, int64_t n, const real *x,
                               const real *dy, bool add, real *dx)
{
    enum { PIECE = 1024 };
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i += PIECE) {
        real slope[PIECE];
        int64_t count = n - i < PIECE ? n - i : PIECE;
        slope_block(kind, count, x + i, slope);
        for (int64_t j = 0; j < count; j++)
            dx[i + j] = add ? dx[i + j] + slope[j] * dy[i + j] : slope[j] * dy[i + j];
    }
}

static void cpu_multiply(int threads, int64_t n, const real *a, const real *b, bool add, real *y)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i++)
        y[i] = add ? y[i] + a[i] * b[i] : a[i] * b[i];
}

static void cpu_copy_block(int threads, int64_t rows, int64_t cols, const real *x, int64_t stride_x,
                           bool add, real *y, int64_t stride_y)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * cols > BLOCK)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[i * stride_y + j] = x[i * stride_x + j] + (add ? y[i * stride_y + j] : 0);
}

/* ---- dropout --------------------------------------------------------------------------------- */

/* factor[128 n_groups]: 0, or scale where the entry is kept */
static void dropout_factors(const dropout_mask *mask, int64_t first_group, int64_t n_groups,
                            real *factor)
{
    const transform_kernels *draw = transform_best();
    random_source source = {mask->seed, mask->key, STREAM_DROPOUT};
    const uint32_t threshold = mask->threshold;
    const real scale = mask->scale;
    for (int64_t g = 0; g < n_groups; g++) {
        uint32_t words[RANDOM_GROUP];
        draw->random(&source, first_group + g, 1, words);
        real *out = factor + g * DRAWS;
        for (int i = 0; i < RANDOM_GROUP; i++) {
            out[i] = (words[i] & 0xffff) < threshold ? 0 : scale;
            out[RANDOM_GROUP + i] = words[i] >> 16 < threshold ? 0 : scale;
        }
    }
}

static void cpu_dropout(int threads, const dropout_mask *mask, int64_t n, const real *x,
                        const real *add, real *y)
{
    enum { PIECE = 8 * DRAWS };
#pragma omp parallel for num_threads(threads) schedule(static) if (n > BLOCK)
    for (int64_t i = 0; i < n; i += PIECE) {
        real factor[PIECE];
        int64_t count = n - i < PIECE ? n - i : PIECE;
        if (mask->threshold == 0)
            for (int64_t j = 0; j < count; j++)
                factor[j] = 1;
        else
            dropout_factors(mask, i / DRAWS, (count + DRAWS - 1) / DRAWS, factor);
        for (int64_t j = 0; j < count; j++)
            y[i + j] = add != NULL ? add[i + j] + factor[j] * x[i + j] : factor[j] * x[i + j];
    }
}
