/* Each weight takes one coordinate of z with a sign (as Uni-LoRA, over all weights):
 * (P z)_j = +- z_i, i uniform. Word j of the tensor in STREAM_ENTRY, in the layout of
 * kernel/transform.h, has the sign in bit 31 and i = floor(low 31 bits x len z / 2^31).
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

enum { TILE = 1024 };

static int onehot_prepare(projection_state *p)
{
    p->inner = p->len_z;
    p->tile = TILE;
    p->work = TILE;
    return 0;
}

static double onehot_variance(const projection_state *p, const projected *t)
{
    (void)t;
    return 1 / (double)p->len_z;
}

static const uint32_t *tile_words(const projection_state *p, const piece *w)
{
    uint32_t *words = (uint32_t *)(void *)w->work;
    random_source source = {p->seed, w->tensor->key, STREAM_ENTRY};
    p->kernels->random(&source, w->first / RANDOM_GROUP,
                       (w->count + RANDOM_GROUP - 1) / RANDOM_GROUP, words);
    return words;
}

static inline int64_t coordinate(uint32_t word, int64_t len_z)
{
    return (int64_t)((uint64_t)(word & 0x7fffffffu) * (uint64_t)len_z >> 31);
}

static inline real signed_scale(uint32_t word, real scale)
{
    return word >> 31 ? -scale : scale;
}

static void onehot_push(const projection_state *p, const piece *w, const real *v, const real *base,
                        real *out)
{
    const uint32_t *words = tile_words(p, w);
    for (int64_t j = 0; j < w->count; j++) {
        real y = signed_scale(words[j], w->scale) * v[coordinate(words[j], p->len_z)];
        out[j] = base != NULL ? base[j] + y : y;
    }
}

static void onehot_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    const uint32_t *words = tile_words(p, w);
    for (int64_t j = 0; j < w->count; j++)
        u[coordinate(words[j], p->len_z)] += signed_scale(words[j], w->scale) * g[j];
}

const projection projection_onehot = {
    .name = "onehot",
    .help = "each weight takes one coordinate of z, with a sign",
    .prepare = onehot_prepare,
    .entry_variance = onehot_variance,
    .begin = projection_take_z,
    .push = onehot_push,
    .pull = onehot_pull,
    .end = projection_give_z,
};
