/* The plain kernels: the reference that defines the bits.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/transform.h"

static bool always(void)
{
    return true;
}

static void random_plain(const random_source *source, int64_t first_group, int64_t n_groups,
                         uint32_t *words)
{
    for (int64_t g = 0; g < n_groups; g++)
        for (int64_t l = 0; l < RANDOM_LANES; l++) {
            uint32_t call[4];
            uint32_t position = (uint32_t)((first_group + g) * RANDOM_LANES + l);
            random_words(source->seed, source->stream, source->key, position, call);
            for (int64_t r = 0; r < 4; r++)
                words[g * RANDOM_GROUP + r * RANDOM_LANES + l] = call[r];
        }
}

static void hadamard_plain(real *x, int64_t n)
{
    for (int64_t h = n / 2; h >= 1; h /= 2)
        for (int64_t i = 0; i < n; i += 2 * h)
            for (int64_t j = i; j < i + h; j++) {
                real a = x[j], b = x[j + h];
                x[j] = a + b;
                x[j + h] = a - b;
            }
}

/* the normal that a byte (the low 8 bits of bits) stands for */
static inline real normal_of(uint32_t bits)
{
    real size = (real)random_half_normal[bits & 31];
    return bits & 128 ? -size : size;
}

static void gauss_times_plain(const uint32_t *words, int64_t n, const real *v, real *out)
{
    for (int64_t i = 0; i < n; i += RANDOM_LANES) {
        const uint32_t *word = words + i / 64 * RANDOM_LANES;
        uint32_t shift = (uint32_t)(i / RANDOM_LANES % 4 * 8);
        for (int64_t l = 0; l < RANDOM_LANES; l++)
            out[i + l] = normal_of(word[l] >> shift) * v[i + l];
    }
}

static void gauss_add_plain(const uint32_t *words, int64_t n, const real *x, int64_t period,
                            real *u)
{
    for (int64_t i = 0; i < n; i += RANDOM_LANES) {
        const uint32_t *word = words + i / 64 * RANDOM_LANES;
        const real *from = x + (i & (period - 1));
        uint32_t shift = (uint32_t)(i / RANDOM_LANES % 4 * 8);
        for (int64_t l = 0; l < RANDOM_LANES; l++)
            u[i + l] += normal_of(word[l] >> shift) * from[l];
    }
}

static void sign_times_plain(const random_signs *signs, int64_t n, real scale, const real *x,
                             const real *base, real *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t bit = signs->bit + signs->step * (i / RANDOM_LANES);
        uint32_t word = signs->words[bit / 32 * RANDOM_LANES + i % RANDOM_LANES];
        real product = (word >> (bit % 32) & 1 ? -scale : scale) * x[i];
        out[i] = base != NULL ? base[i] + product : product;
    }
}

const transform_kernels transform_plain = {
    .name = "plain",
    .supported = always,
    .random = random_plain,
    .hadamard = hadamard_plain,
    .gauss_times = gauss_times_plain,
    .gauss_add = gauss_add_plain,
    .sign_times = sign_times_plain,
};

const transform_kernels *const *transform_list(int64_t *n)
{
    static const transform_kernels *const list[] = {
        &transform_plain,
#ifdef TRANSFORM_X86
        &transform_avx2,
        &transform_avx512,
#endif
    };
    *n = (int64_t)(sizeof list / sizeof list[0]);
    return list;
}

const transform_kernels *transform_best(void)
{
    int64_t n;
    const transform_kernels *const *list = transform_list(&n);
    while (!list[n - 1]->supported())
        n--;
    return list[n - 1];
}

void transform_fold(real *x, int64_t n, int64_t m)
{
    for (int64_t h = n / 2; h >= m; h /= 2)
        for (int64_t j = 0; j < h; j++)
            x[j] += x[j + h];
}

/* floats that stay in the second level of cache with room to spare: longer transforms are cut into
 * such parts, each finished before the next */
enum { CACHED = 1 << 15, BLOCK = 128 };

/* the first stages of a transform of size; the rest are transforms of the result's size */
static int64_t first_pass(const transform_passes *p, real *x, int64_t size)
{
    if (size >= 8 * BLOCK) {
        p->pass_8(x, size / 8);
        return size / 8;
    }
    if (size == 4 * BLOCK) {
        p->pass_4(x, size / 4);
        return size / 4;
    }
    p->pass_2(x, size / 2);
    return size / 2;
}

/* passes over x[n], transforms of size, until they are of `enough` at most */
static int64_t passes_until(const transform_passes *p, real *x, int64_t n, int64_t size,
                            int64_t enough)
{
    while (size > enough) {
        int64_t next = size;
        for (int64_t i = 0; i < n; i += size)
            next = first_pass(p, x + i, size);
        size = next;
    }
    return size;
}

void transform_by_passes(const transform_passes *p, real *x, int64_t n)
{
    int64_t part = passes_until(p, x, n, n, CACHED);
    for (int64_t i = 0; i < n; i += part) {
        int64_t size = passes_until(p, x + i, part, part, BLOCK);
        p->blocks(x + i, part, size);
    }
}

int64_t transform_size(int64_t n)
{
    int64_t size = 1;
    while (size < n)
        size *= 2;
    return size;
}
