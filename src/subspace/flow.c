/* Push and pull: x to the weights, gradients to dx.
 *
 * Push runs over the tiles of all tensors, which are independent. Pull cuts the tiles of one tensor
 * into chunks, each with an inner vector of its own, and adds these up in order: how the work is
 * cut does not depend on the number of threads, so neither do the sums.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/internal.h"

#include <omp.h>
#include <string.h>

static real lambda_of(const subspace *s, const mover *m, const real *x)
{
    return m->group < 0 ? 1 : x[s->len_z + m->group];
}

static real *work_of_thread(const subspace *s)
{
    return s->work + omp_get_thread_num() * s->work_stride;
}

/* tile number `tile` of tensor m as a piece of work for the calling thread */
static piece piece_of(const subspace *s, const mover *m, int64_t tile, real scale)
{
    int64_t size = s->projection->tile == 0 ? m->tensor.size : s->projection->tile;
    int64_t first = tile * size, left = m->tensor.size - first;
    return (piece){&m->tensor, first, left < size ? left : size, scale, work_of_thread(s)};
}

/* ---- push ------------------------------------------------------------------------------------ */

/* the projected tensor that a tile number (over all tensors) lies in */
static int64_t tensor_of_tile(const subspace *s, int64_t tile)
{
    int64_t low = 0, high = s->weights->n - 1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (s->mover[middle].first_tile <= tile)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void push_tile(const subspace *s, int64_t tile, const real *x, real *theta)
{
    int64_t i = tensor_of_tile(s, tile);
    const mover *m = &s->mover[i];
    piece w = piece_of(s, m, tile - m->first_tile, m->scale * lambda_of(s, m, x));
    int64_t offset = s->weights->item[i].offset + w.first;
    s->projection->kind->push(s->projection, &w, s->v, s->weights->theta0 + offset, theta + offset);
}

static void push_projected(subspace *s, const real *x, real *theta)
{
    s->projection->kind->begin(s->projection, x, s->v, s->work);
    /* whole tensors: the projection uses the threads itself */
    int threads = s->projection->tile == 0 ? 1 : s->lib->threads;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t tile = 0; tile < s->n_tiles; tile++)
        push_tile(s, tile, x, theta);
}

void subspace_push(subspace *s, const real *x, real *theta)
{
    if (s->projection != NULL) {
        push_projected(s, x, theta);
        return;
    }
    for (int64_t i = 0; i < s->weights->n; i++) {
        const param *t = &s->weights->item[i];
        const real *from = s->mover[i].use == USE_DIRECT
                               ? x + s->len_z + s->n_lambda + s->mover[i].direct
                               : s->weights->theta0 + t->offset;
        memcpy(theta + t->offset, from, (size_t)param_size(t) * sizeof *theta);
    }
}

/* ---- pull ------------------------------------------------------------------------------------ */

void subspace_pull_begin(subspace *s, const real *x, real *dx)
{
    s->x = x;
    s->dx = dx;
    memset(dx, 0, (size_t)subspace_dim(s) * sizeof *dx);
    if (s->projection == NULL)
        return;
    memset(s->u, 0, (size_t)s->projection->inner * sizeof *s->u);
    memset(s->dlambda, 0, (size_t)s->n_lambda * sizeof *s->dlambda);
    /* v of this x, for the gradients of the lambdas */
    s->projection->kind->begin(s->projection, x, s->v, s->work);
}

const gradient_sink *subspace_sink(subspace *s)
{
    return &s->sink;
}

static void fold_direct(subspace *s, const mover *m, const gradient *g)
{
    real *dx = s->dx + s->len_z + s->n_lambda + m->direct;
    for (int64_t run = 0; run < g->n; run++)
        for (int64_t j = 0; j < g->length; j++)
            dx[g->first[run] + j] += g->value[run * g->length + j];
}

/* the first run that ends beyond `entry` */
static int64_t run_at(const gradient *g, int64_t entry)
{
    int64_t low = 0, high = g->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (g->first[middle] + g->length <= entry)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The entries of a piece: in place where one run holds them, else gathered into room[count].
 * NULL: all are zero. */
static const real *piece_values(const gradient *g, const piece *w, real *room)
{
    int64_t run = run_at(g, w->first), end = w->first + w->count;
    if (run == g->n || g->first[run] >= end)
        return NULL;
    if (g->first[run] <= w->first && g->first[run] + g->length >= end)
        return g->value + run * g->length + (w->first - g->first[run]);

    memset(room, 0, (size_t)w->count * sizeof *room);
    for (; run < g->n && g->first[run] < end; run++) {
        int64_t first = g->first[run], last = first + g->length;
        int64_t from = first > w->first ? first : w->first, to = last < end ? last : end;
        memcpy(room + (from - w->first), g->value + run * g->length + (from - first),
               (size_t)(to - from) * sizeof *room);
    }
    return room;
}

static void pull_chunk(const subspace *s, const mover *m, const gradient *g, int64_t first_tile,
                       int64_t end_tile, real *u)
{
    memset(u, 0, (size_t)s->projection->inner * sizeof *u);
    for (int64_t tile = first_tile; tile < end_tile; tile++) {
        piece w = piece_of(s, m, tile, m->scale);
        const real *values = piece_values(g, &w, w.work + s->projection->work);
        if (values != NULL)
            s->projection->kind->pull(s->projection, &w, values, u);
    }
}

/* Segment of the inner vector: the chunks' sum, into u (times lambda) and <., v>. */
static double add_segment(subspace *s, int64_t n_chunks, int64_t segment, real weight)
{
    int64_t inner = s->projection->inner, first = segment * SEGMENT;
    int64_t end = first + SEGMENT < inner ? first + SEGMENT : inner;
    double product = 0;
    for (int64_t c = 1; c < n_chunks; c++)
        for (int64_t j = first; j < end; j++)
            s->partial[j] += s->partial[c * inner + j];
    for (int64_t j = first; j < end; j++) {
        product += (double)s->partial[j] * (double)s->v[j];
        s->u[j] += weight * s->partial[j];
    }
    return product;
}

static void fold_projected(subspace *s, const mover *m, const gradient *g)
{
    const projection_state *p = s->projection;
    bool shared = p->tile > 0 && m->n_chunks > 1 && m->tensor.size >= ALONE;
    int threads = shared ? s->lib->threads : 1;
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (int64_t c = 0; c < m->n_chunks; c++)
        pull_chunk(s, m, g, m->n_tiles * c / m->n_chunks, m->n_tiles * (c + 1) / m->n_chunks,
                   s->partial + c * p->inner);

    real weight = lambda_of(s, m, s->x) * m->dz_weight;
    int64_t segments = (p->inner + SEGMENT - 1) / SEGMENT;
#pragma omp parallel for num_threads(s->lib->threads) schedule(static) if (segments > 32)
    for (int64_t segment = 0; segment < segments; segment++)
        s->product[segment] = add_segment(s, m->n_chunks, segment, weight);
    for (int64_t segment = 0; m->group >= 0 && segment < segments; segment++)
        s->dlambda[m->group] += s->product[segment];
}

void subspace_fold(void *user, int64_t tensor, const gradient *g)
{
    subspace *s = user;
    const mover *m = &s->mover[tensor];
    if (m->use == USE_DIRECT)
        fold_direct(s, m, g);
    else if (m->use == USE_PROJECTED && g->n > 0)
        fold_projected(s, m, g);
}

void subspace_pull_end(subspace *s)
{
    if (s->projection == NULL)
        return;
    s->projection->kind->end(s->projection, s->u, s->dx, s->work);
    for (int64_t i = 0; i < s->n_lambda; i++)
        s->dx[s->len_z + i] = (real)s->dlambda[i];
}
