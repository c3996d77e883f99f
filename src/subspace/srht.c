/* The subsampled randomised Hadamard transform, stacked: block b of a tensor is C_b H B_b z, with
 * signs C and B drawn anew for each block of K = 2^k >= max(len z, 64). Whole blocks keep the
 * length of z exactly.
 *
 * Two bits for value j of a tensor, in the layout of kernel/transform.h: run j / 16 has bits
 * 2 (run % 16) for B and the next for C of its words.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

#include <string.h>

enum { RUNS_PER_WORD = 16, PER_WORDS = 256, PER_GROUP = 1024, STEP = 2 };

static int srht_prepare(projection_state *p)
{
    p->block = transform_size(p->len_z);
    p->inner = p->block;
    p->tile = p->block > PER_GROUP ? p->block : PER_GROUP;
    p->work = p->block + p->tile / RUNS_PER_WORD;
    return 0;
}

static double srht_variance(const projection_state *p, const projected *t)
{
    (void)p;
    (void)t;
    return 1;
}

static uint32_t *tile_words(const projection_state *p, const piece *w)
{
    uint32_t *words = (uint32_t *)(void *)(w->work + p->block);
    random_source source = {p->seed, w->tensor->key, STREAM_OUTPUT_SIGN};
    int64_t values = (w->count + p->block - 1) / p->block * p->block;
    p->kernels->random(&source, w->first / PER_GROUP, (values + PER_GROUP - 1) / PER_GROUP, words);
    return words;
}

/* the signs of the values from entry `first` of the tile on: which 0 for B, 1 for C */
static random_signs signs_at(const uint32_t *words, int64_t first, int which)
{
    int64_t run = first / RANDOM_LANES;
    return (random_signs){words + first / PER_WORDS * RANDOM_LANES,
                          (int)(STEP * (run % RUNS_PER_WORD)) + which, STEP};
}

static void srht_push(const projection_state *p, const piece *w, const real *v, const real *base,
                      real *out)
{
    const uint32_t *words = tile_words(p, w);
    for (int64_t first = 0; first < w->count; first += p->block) {
        int64_t n = w->count - first < p->block ? w->count - first : p->block;
        int64_t size = transform_size(n);
        random_signs b = signs_at(words, first, 0), c = signs_at(words, first, 1);

        p->kernels->sign_times(&b, p->block, 1, v, NULL, w->work);
        transform_fold(w->work, p->block, size);
        p->kernels->hadamard(w->work, size);
        p->kernels->sign_times(&c, n, w->scale, w->work, base != NULL ? base + first : NULL,
                               out + first);
    }
}

static void srht_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    const uint32_t *words = tile_words(p, w);
    for (int64_t first = 0; first < w->count; first += p->block) {
        int64_t n = w->count - first < p->block ? w->count - first : p->block;
        int64_t size = transform_size(n);
        random_signs c = signs_at(words, first, 1);

        p->kernels->sign_times(&c, n, w->scale, g + first, NULL, w->work);
        memset(w->work + n, 0, (size_t)(size - n) * sizeof(real));
        p->kernels->hadamard(w->work, size);
        for (int64_t part = 0; part < p->block; part += size) {
            random_signs b = signs_at(words, first + part, 0);
            p->kernels->sign_times(&b, size, 1, w->work, u + part, u + part);
        }
    }
}

const projection projection_srht = {
    .name = "srht",
    .help = "stacked blocks C H B z: the cheapest transform, whole blocks keep the length of z",
    .prepare = srht_prepare,
    .entry_variance = srht_variance,
    .begin = projection_take_z,
    .push = srht_push,
    .pull = srht_pull,
    .end = projection_give_z,
};
