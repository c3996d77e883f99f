/* One Fastfood transform for each tensor, the public form of Aghajanyan et al. 2021:
 *
 *     P_i z = first n entries of H_L G Pi H_L B (z, 0 ...),   L = 2^k >= max(n, len z, 64)
 *
 * B, Pi and G belong to the tensor. z is padded with zeros, so the first transform is periodic with
 * m = 2^k >= max(len z, 64): it is made once with length m. Pi is a keyed bijection of [0, L) that
 * needs no table. Public code pulls with 1/L beside the exact adjoint: public_weight.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

#include <string.h>

enum { SEGMENT = 4096, ROUNDS = 4, PART = 1 << 16 };

/* Pi's keys are 32-bit */
static const int64_t LENGTH_LIMIT = (int64_t)1 << 31;

static int64_t length_of(const projection_state *p, int64_t size)
{
    return transform_size(size > p->len_z ? size : p->len_z);
}

static int tensor_prepare(projection_state *p)
{
    if (p->largest > LENGTH_LIMIT)
        return fail(p->lib, IDIM_EARGUMENT,
                    "projection 'fastfood-tensor': expected tensors of at most %lld entries, found "
                    "%lld: projection 'fastfood' has no such limit",
                    (long long)LENGTH_LIMIT, (long long)p->largest);
    p->block = transform_size(p->len_z);
    p->inner = p->len_z;
    p->tile = 0;
    p->work = p->block + length_of(p, p->largest);
    return 0;
}

static double tensor_variance(const projection_state *p, const projected *t)
{
    return random_half_normal_moment * (double)length_of(p, t->size);
}

static double tensor_public_weight(const projection_state *p, const projected *t)
{
    return 1 / (double)length_of(p, t->size);
}

/* out = base + B x for len z numbers; base NULL: B x */
static void input_signs(const projection_state *p, const projected *t, const real *x,
                        const real *base, real *out)
{
    for (int64_t i = 0; i < p->len_z; i += 128) {
        uint32_t words[4];
        random_words(p->seed, STREAM_INPUT_SIGN, t->key, (uint32_t)(i / 128), words);
        for (int64_t j = i; j < p->len_z && j < i + 128; j++) {
            real y = words[(j - i) / 32] >> (j % 32) & 1 ? -x[j] : x[j];
            out[j] = base != NULL ? base[j] + y : y;
        }
    }
}

/* a bijection of [0, 2^bits): add, multiply by an odd number, fold the upper half onto the lower */
typedef struct bijection {
    uint32_t add[ROUNDS], times[ROUNDS], mask;
    int shift;
} bijection;

static bijection bijection_of(const projection_state *p, const projected *t, int64_t length)
{
    bijection pi = {.mask = (uint32_t)(length - 1)};
    int bits = __builtin_ctzll((unsigned long long)length);
    pi.shift = (bits + 1) / 2;
    for (int r = 0; r < ROUNDS; r++) {
        uint32_t words[4];
        random_words(p->seed, STREAM_PERMUTATION, t->key, (uint32_t)r, words);
        pi.add[r] = words[0];
        pi.times[r] = words[1] | 1;
    }
    return pi;
}

static inline uint32_t bijection_at(const bijection *pi, uint32_t x)
{
    for (int r = 0; r < ROUNDS; r++) {
        x = (x + pi->add[r]) * pi->times[r] & pi->mask;
        x ^= x >> pi->shift;
    }
    return x;
}

/* a long transform over all threads: first stages of the whole, then its parts */
static void hadamard_wide(const projection_state *p, real *x, int64_t n)
{
    int64_t size = n;
    for (; size > PART; size /= 2) {
        int64_t h = size / 2;
#pragma omp parallel for num_threads(p->lib->threads) schedule(static)
        for (int64_t k = 0; k < n / 2; k++) {
            real *at = x + k / h * size + k % h;
            real a = at[0], b = at[h];
            at[0] = a + b;
            at[h] = a - b;
        }
    }
#pragma omp parallel for num_threads(p->lib->threads) schedule(static)
    for (int64_t i = 0; i < n; i += size)
        p->kernels->hadamard(x + i, size);
}

/* x = G x, a segment */
static void times_normals(const projection_state *p, const projected *t, int64_t first,
                          int64_t count, real *x)
{
    uint32_t words[SEGMENT / 4];
    random_source source = {p->seed, t->key, STREAM_GAUSS};
    p->kernels->random(&source, first / GAUSS_PER_GROUP,
                       (count + GAUSS_PER_GROUP - 1) / GAUSS_PER_GROUP, words);
    p->kernels->gauss_times(words, count, x, x);
}

static void tensor_push(const projection_state *p, const piece *w, const real *v, const real *base,
                        real *out)
{
    const projected *t = w->tensor;
    int64_t length = length_of(p, t->size), m = p->block;
    bijection pi = bijection_of(p, t, length);
    real *x = w->work, *y = w->work + m;

    input_signs(p, t, v, NULL, x);
    memset(x + p->len_z, 0, (size_t)(m - p->len_z) * sizeof *x);
    p->kernels->hadamard(x, m);
#pragma omp parallel for num_threads(p->lib->threads) schedule(static) if (length > PART)
    for (int64_t first = 0; first < length; first += SEGMENT) {
        int64_t count = length - first < SEGMENT ? length - first : SEGMENT;
        for (int64_t j = first; j < first + count; j++)
            y[j] = x[bijection_at(&pi, (uint32_t)j) & (m - 1)];
        times_normals(p, t, first, count, y + first);
    }
    hadamard_wide(p, y, length);
    for (int64_t j = 0; j < w->count; j++)
        out[j] = base != NULL ? base[j] + w->scale * y[j] : w->scale * y[j];
}

static void tensor_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    const projected *t = w->tensor;
    int64_t length = length_of(p, t->size), m = p->block;
    bijection pi = bijection_of(p, t, length);
    real *x = w->work, *y = w->work + m;

    for (int64_t j = 0; j < w->count; j++)
        y[j] = w->scale * g[j];
    memset(y + w->count, 0, (size_t)(length - w->count) * sizeof *y);
    hadamard_wide(p, y, length);
#pragma omp parallel for num_threads(p->lib->threads) schedule(static) if (length > PART)
    for (int64_t first = 0; first < length; first += SEGMENT) {
        int64_t count = length - first < SEGMENT ? length - first : SEGMENT;
        times_normals(p, t, first, count, y + first);
    }
    memset(x, 0, (size_t)m * sizeof *x);
    for (int64_t j = 0; j < length; j++)
        x[bijection_at(&pi, (uint32_t)j) & (m - 1)] += y[j];
    p->kernels->hadamard(x, m);
    input_signs(p, t, x, u, u);
}

const projection projection_fastfood_tensor = {
    .name = "fastfood-tensor",
    .help = "one transform for each tensor, the form of public code",
    .prepare = tensor_prepare,
    .entry_variance = tensor_variance,
    .begin = projection_take_z,
    .push = tensor_push,
    .pull = tensor_pull,
    .end = projection_give_z,
    .public_weight = tensor_public_weight,
};
