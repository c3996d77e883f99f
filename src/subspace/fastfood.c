/* Fastfood (Le, Sarlos, Smola, ICML 2013), version 1: a tensor is a stack of blocks of K entries,
 *
 *     v = Pi H B z,    block b = C_b H (G_b v),    K = 2^k >= max(len z, 64)
 *
 * H Hadamard and not normalised, Pi and the signs B shared by all blocks (so v is made once per
 * push), the normals G_b and the signs C_b drawn anew for each. Without C the norm of P'g for
 * gradients that are outer products with a near-constant input would be off by 1.4.
 *
 * G and C of entry j of a tensor come from one byte, byte (j / 16) % 4 of its word in the layout of
 * kernel/transform.h: bits 0-4 the normal, bit 7 its sign, bit 6 the sign C. A block of which only
 * the first n entries exist needs only the first outputs of H: its input is folded first.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

#include <string.h>

enum { OUTPUT_SIGN_BIT = 6, BYTE = 8, VALUES_PER_WORD = 4 };

static int fastfood_prepare(projection_state *p)
{
    p->block = transform_size(p->len_z);
    p->inner = p->block;
    p->tile = p->block > GAUSS_PER_GROUP ? p->block : GAUSS_PER_GROUP;
    /* the block, and a byte of randomness for each entry of the tile */
    p->work = p->block + p->tile;

    TRY(NEW(p->lib, int32_t, p->block, "permutation", &p->permutation));
    random_permutation(p->seed, STREAM_PERMUTATION, 0, p->permutation, p->block);

    int64_t calls = (p->len_z + 127) / 128;
    TRY(NEW(p->lib, uint32_t, 4 * calls, "signs", &p->table));
    for (int64_t c = 0; c < calls; c++)
        random_words(p->seed, STREAM_INPUT_SIGN, 0, (uint32_t)c, p->table + 4 * c);
    return 0;
}

static double fastfood_variance(const projection_state *p, const projected *t)
{
    (void)t;
    return random_half_normal_moment * (double)p->block;
}

static inline bool is_negative(const projection_state *p, int64_t i)
{
    return p->table[i / 32] >> (i % 32) & 1;
}

static void fastfood_begin(const projection_state *p, const real *z, real *v, real *work)
{
    for (int64_t i = 0; i < p->len_z; i++)
        work[i] = is_negative(p, i) ? -z[i] : z[i];
    memset(work + p->len_z, 0, (size_t)(p->block - p->len_z) * sizeof *work);
    p->kernels->hadamard(work, p->block);
    for (int64_t j = 0; j < p->block; j++)
        v[j] = work[p->permutation[j]];
}

static void fastfood_end(const projection_state *p, const real *u, real *dz, real *work)
{
    for (int64_t j = 0; j < p->block; j++)
        work[p->permutation[j]] = u[j];
    p->kernels->hadamard(work, p->block);
    for (int64_t i = 0; i < p->len_z; i++)
        dz[i] = is_negative(p, i) ? -work[i] : work[i];
}

/* the random words of a tile, as far as its blocks need them */
static uint32_t *tile_words(const projection_state *p, const piece *w)
{
    uint32_t *words = (uint32_t *)(void *)(w->work + p->block);
    random_source source = {p->seed, w->tensor->key, STREAM_GAUSS};
    int64_t values = (w->count + p->block - 1) / p->block * p->block;
    int64_t groups = (values + GAUSS_PER_GROUP - 1) / GAUSS_PER_GROUP;
    p->kernels->random(&source, w->first / GAUSS_PER_GROUP, groups, words);
    return words;
}

/* Between two visits to the weights lies much computing, so no hardware prefetcher is of help: what
 * will be needed soon is asked for, AHEAD entries at a time. */
enum { AHEAD = 1024, LINE = 64 / (int)sizeof(real) };

static void expect(const real *x, int64_t first, int64_t n)
{
    int64_t end = first + AHEAD < n ? first + AHEAD : n;
    for (int64_t i = first; x != NULL && i < end; i += LINE)
        __builtin_prefetch(x + i, 0);
}

static void expect_to_write(const real *x, int64_t first, int64_t n)
{
    int64_t end = first + AHEAD < n ? first + AHEAD : n;
    for (int64_t i = first; i < end; i += LINE)
        __builtin_prefetch(x + i, 1);
}

/* out = base + (+- scale) x for n entries with the signs C of their bytes */
static void output_signs(const projection_state *p, const uint32_t *word, int64_t n, real scale,
                         const real *x, const real *base, real *out)
{
    for (int64_t first = 0; first < n; first += AHEAD) {
        int64_t count = n - first < AHEAD ? n - first : AHEAD;
        random_signs signs = {word + first / VALUES_PER_WORD, OUTPUT_SIGN_BIT, BYTE};
        expect(base != NULL ? base : x, first + AHEAD, n);
        expect_to_write(out, first + AHEAD, n);
        p->kernels->sign_times(&signs, count, scale, x + first, base != NULL ? base + first : NULL,
                               out + first);
    }
}

static void fastfood_push(const projection_state *p, const piece *w, const real *v,
                          const real *base, real *out)
{
    expect(base, 0, w->count);
    expect_to_write(out, 0, w->count);
    const uint32_t *words = tile_words(p, w);
    for (int64_t first = 0; first < w->count; first += p->block) {
        int64_t n = w->count - first < p->block ? w->count - first : p->block;
        int64_t size = transform_size(n);
        const uint32_t *word = words + first / VALUES_PER_WORD;

        p->kernels->gauss_times(word, p->block, v, w->work);
        transform_fold(w->work, p->block, size);
        p->kernels->hadamard(w->work, size);
        output_signs(p, word, n, w->scale, w->work, base != NULL ? base + first : NULL,
                     out + first);
    }
}

static void fastfood_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    expect(g, 0, w->count);
    const uint32_t *words = tile_words(p, w);
    for (int64_t first = 0; first < w->count; first += p->block) {
        int64_t n = w->count - first < p->block ? w->count - first : p->block;
        int64_t size = transform_size(n);
        const uint32_t *word = words + first / VALUES_PER_WORD;

        output_signs(p, word, n, w->scale, g + first, NULL, w->work);
        memset(w->work + n, 0, (size_t)(size - n) * sizeof(real));
        p->kernels->hadamard(w->work, size);
        p->kernels->gauss_add(word, p->block, w->work, size, u);
    }
}

const projection projection_fastfood = {
    .name = "fastfood",
    .help = "stacked blocks C H G Pi H B z: D log d work, nothing stored",
    .prepare = fastfood_prepare,
    .entry_variance = fastfood_variance,
    .begin = fastfood_begin,
    .push = fastfood_push,
    .pull = fastfood_pull,
    .end = fastfood_end,
};
