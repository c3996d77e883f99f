/* CPU kernels over rows of logits as wide as a vocabulary: the loss of the token that came next.
 *
 *     lse = log sum_j e^z_j;  out = (lse - z_target, z_target is the largest)
 *     dz = dout (e^(z - lse) - onehot)
 *
 * Exponentials are summed in vectors over PIECE columns, the pieces in double in their order.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu_lanes.h"

enum { PIECE = 512 };

static double sum_of_exponentials(int64_t n, const real *z, real top)
{
    double all = 0;
    for (int64_t first = 0; first < n; first += PIECE) {
        int64_t end = n - first < PIECE ? n : first + PIECE;
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = first; j < end; j++)
            sum += fast_exp(z[j] - top);
        all += (double)sum;
    }
    return all;
}

static bool is_first_of_largest(const real *z, int64_t target, real top)
{
    int64_t j = 0;
    while (z[target] == top && z[j] != top)
        j++;
    return z[target] == top && j == target;
}

static void cpu_next_tokens(int threads, int64_t rows, int64_t cols, const real *logits,
                            const int32_t *target, real *lse, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        const real *z = logits + i * cols;
        out[2 * i] = out[2 * i + 1] = lse[i] = 0;
        if (target[i] < 0)
            continue;
        real top = largest(cols, z);
        double log_sum = (double)top + log(sum_of_exponentials(cols, z, top));
        lse[i] = (real)log_sum;
        out[2 * i] = (real)(log_sum - (double)z[target[i]]);
        out[2 * i + 1] = is_first_of_largest(z, target[i], top) ? 1 : 0;
    }
}

static void cpu_next_tokens_backward(int threads, int64_t rows, int64_t cols, const int32_t *target,
                                     const real *lse, const real *dout, real *logits)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        real *z = logits + i * cols, slope = target[i] < 0 ? 0 : dout[2 * i], log_sum = lse[i];
        for (int64_t j = 0; j < cols; j++)
            z[j] = slope * fast_exp(z[j] - log_sum);
        if (target[i] >= 0)
            z[target[i]] -= slope;
    }
}
