/* The plain kernels: the reference that defines the bits.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/transform.h"

#include <string.h>

static bool always(void)
{
    return true;
}

/* sixteen calls side by side, so that a compiler can put them into vectors */
typedef struct lanes {
    uint32_t c0[RANDOM_LANES], c1[RANDOM_LANES], c2[RANDOM_LANES], c3[RANDOM_LANES];
} lanes;

/* one round of Philox4x32 (Salmon et al., SC 2011) */
static void philox_round(lanes *s, uint32_t k0, uint32_t k1)
{
    for (int l = 0; l < RANDOM_LANES; l++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * s->c0[l], p1 = (uint64_t)0xCD9E8D57 * s->c2[l];
        s->c0[l] = (uint32_t)(p1 >> 32) ^ s->c1[l] ^ k0;
        s->c2[l] = (uint32_t)(p0 >> 32) ^ s->c3[l] ^ k1;
        s->c1[l] = (uint32_t)p1;
        s->c3[l] = (uint32_t)p0;
    }
}

static void random_plain(const random_source *source, int64_t first_group, int64_t n_groups,
                         uint32_t *words)
{
    for (int64_t g = 0; g < n_groups; g++) {
        lanes s;
        for (int l = 0; l < RANDOM_LANES; l++) {
            s.c0[l] = (uint32_t)((first_group + g) * RANDOM_LANES + l);
            s.c1[l] = (uint32_t)source->stream;
            s.c2[l] = (uint32_t)source->key;
            s.c3[l] = (uint32_t)(source->key >> 32);
        }
        uint32_t k0 = (uint32_t)source->seed, k1 = (uint32_t)(source->seed >> 32);
        for (int round = 0; round < 10; round++) {
            philox_round(&s, k0, k1);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        memcpy(words + g * RANDOM_GROUP, &s, sizeof s);
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

/* what a byte stands for, at (byte & 31) + 32 for the negative ones */
typedef struct normal_table {
    real value[64];
} normal_table;

static normal_table make_normals(void)
{
    normal_table t;
    for (int i = 0; i < 32; i++) {
        t.value[i] = (real)random_half_normal[i];
        t.value[32 + i] = -t.value[i];
    }
    return t;
}

static inline real normal_at(const normal_table *t, uint32_t word, int64_t shift)
{
    uint32_t byte = word >> shift;
    return t->value[(byte & 31) | (byte >> 2 & 32)];
}

static void gauss_times_plain(const uint32_t *words, int64_t n, const real *v, real *out)
{
    const normal_table t = make_normals();
    for (int64_t i = 0; i < n; i += RANDOM_LANES) {
        const uint32_t *word = words + i / 64 * RANDOM_LANES;
        for (int64_t l = 0; l < RANDOM_LANES; l++)
            out[i + l] = normal_at(&t, word[l], i / RANDOM_LANES % 4 * 8) * v[i + l];
    }
}

static void gauss_add_plain(const uint32_t *words, int64_t n, const real *x, int64_t period,
                            real *u)
{
    const normal_table t = make_normals();
    for (int64_t i = 0; i < n; i += RANDOM_LANES) {
        const uint32_t *word = words + i / 64 * RANDOM_LANES;
        const real *from = x + (i & (period - 1));
        for (int64_t l = 0; l < RANDOM_LANES; l++)
            u[i + l] += normal_at(&t, word[l], i / RANDOM_LANES % 4 * 8) * from[l];
    }
}

static void sign_times_plain(const random_signs *signs, int64_t n, real scale, const real *x,
                             const real *base, real *out)
{
    int bit = signs->bit;
    for (int64_t i = 0; i < n; i += RANDOM_LANES, bit += signs->step) {
        const uint32_t *word = signs->words + bit / 32 * RANDOM_LANES;
        int64_t count = n - i < RANDOM_LANES ? n - i : RANDOM_LANES;
        for (int64_t l = 0; l < count; l++) {
            int negative = (int)(word[l] >> (bit % 32) & 1);
            real product = scale * (real)(1 - 2 * negative) * x[i + l];
            out[i + l] = base != NULL ? base[i + l] + product : product;
        }
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
    int64_t size = TRANSFORM_MIN;
    while (size < n)
        size *= 2;
    return size;
}
