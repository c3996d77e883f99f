/* Independent normals (Li et al. 2018): (P z)_j = sum over i of G_ji z_i. Nothing is stored: row j
 * of a tensor is made from bytes r j .. r j + len z of STREAM_GAUSS when it is needed, r = len z
 * rounded up to a multiple of 256. Time grows with D x len z: for small models.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

enum { TILE = 16 };

/* products of one push beyond which a run would not end, and Philox counters could wrap */
static const int64_t PRODUCTS_LIMIT = (int64_t)1 << 36;

static int dense_prepare(projection_state *p)
{
    int64_t row = (p->len_z + GAUSS_PER_GROUP - 1) / GAUSS_PER_GROUP * GAUSS_PER_GROUP;
    if (p->weights > PRODUCTS_LIMIT / row)
        return fail(p->lib, IDIM_EARGUMENT,
                    "projection 'dense': %lld weights x %lld dimensions are too many products (at "
                    "most %lld): a smaller dim or model, or projection 'fastfood'",
                    (long long)p->weights, (long long)row, (long long)PRODUCTS_LIMIT);
    p->inner = row;
    p->tile = TILE;
    p->work = row + row / 4 + TRANSFORM_MIN;
    return 0;
}

static double dense_variance(const projection_state *p, const projected *t)
{
    (void)p;
    (void)t;
    return random_half_normal_moment;
}

static const uint32_t *row_words(const projection_state *p, const piece *w, int64_t j)
{
    uint32_t *words = (uint32_t *)(void *)(w->work + p->inner);
    random_source source = {p->seed, w->tensor->key, STREAM_GAUSS};
    int64_t groups = p->inner / GAUSS_PER_GROUP;
    p->kernels->random(&source, (w->first + j) * groups, groups, words);
    return words;
}

static void dense_push(const projection_state *p, const piece *w, const real *v, const real *base,
                       real *out)
{
    for (int64_t j = 0; j < w->count; j++) {
        p->kernels->gauss_times(row_words(p, w, j), p->inner, v, w->work);
        double sum = 0;
        for (int64_t i = 0; i < p->len_z; i++)
            sum += (double)w->work[i];
        real y = w->scale * (real)sum;
        out[j] = base != NULL ? base[j] + y : y;
    }
}

static void dense_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    real *repeated = w->work + p->inner + p->inner / 4;
    for (int64_t j = 0; j < w->count; j++) {
        if (g[j] == 0)
            continue;
        for (int64_t i = 0; i < TRANSFORM_MIN; i++)
            repeated[i] = w->scale * g[j];
        p->kernels->gauss_add(row_words(p, w, j), p->inner, repeated, TRANSFORM_MIN, u);
    }
}

const projection projection_dense = {
    .name = "dense",
    .help = "independent normals, D x d work: small models and tests",
    .prepare = dense_prepare,
    .entry_variance = dense_variance,
    .begin = projection_take_z,
    .push = dense_push,
    .pull = dense_pull,
    .end = projection_give_z,
};
