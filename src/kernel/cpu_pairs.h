/* CPU kernel of scores that pairs of tokens get beside q k': by distance or by segment, one
 * sequence and head at a time, ROW_BLOCK rows of x at a time, r(i, j) the row of y for query i and
 * key j:
 *
 *     A = X Y';  S[i][j] (+)= A[i][r(i, j)], or A[j][r(i, j)] where x is the key's
 *     dA[.][r] = sum of the dS it went to;  dX = dA Y;  dY += dA' X
 *
 * SPDX-License-Identifier: MIT */
#include <omp.h>

#include "kernel/cpu_lanes.h"

typedef struct pair_work {
    int64_t T, dh, L; /* tokens, head size, longest         */
    int64_t dp, Rp;   /* dh and rows of y in whole vectors  */
    int64_t stride;   /* of S: heads longest                */
    int64_t first;    /* token of the sequence              */
    int64_t column;   /* of the head                        */
    const real *x;    /* the head's first entry             */
    real *y_turned;   /* [dh][Rp] */
    real *y, *dy;     /* [rows][dp] */
    real *part;       /* [ROW_BLOCK][Rp]: A or dA */
    real *in, *out;   /* [ROW_BLOCK][dp] */
} pair_work;

static int64_t pair_scratch_of_thread(const pair_shape *s)
{
    int64_t dh = s->hidden / s->heads, dp = round_up(dh, 16), Rp = round_up(s->rows, 16);
    return dh * Rp + 2 * s->rows * dp + ROW_BLOCK * (Rp + 2 * dp) + 16 * 6;
}

static int64_t cpu_pair_scratch(int threads, const pair_shape *s)
{
    return threads * pair_scratch_of_thread(s);
}

static pair_work pair_begin(const pair_shape *s, int64_t sequence, int64_t head)
{
    int64_t first = s->start[sequence], dh = s->hidden / s->heads;
    pair_work w = {.T = s->start[sequence + 1] - first,
                   .dh = dh,
                   .L = s->longest,
                   .dp = round_up(dh, LANES),
                   .Rp = round_up(s->rows, LANES),
                   .stride = s->heads * s->longest,
                   .first = first,
                   .column = head * dh,
                   .x = s->x + first * s->hidden + head * dh};
    real *free_part = s->scratch + omp_get_thread_num() * pair_scratch_of_thread(s);
    w.y_turned = carve(&free_part, dh * w.Rp);
    w.y = carve(&free_part, s->rows * w.dp);
    w.dy = carve(&free_part, s->rows * w.dp);
    w.part = carve(&free_part, ROW_BLOCK * w.Rp);
    w.in = carve(&free_part, ROW_BLOCK * w.dp);
    w.out = carve(&free_part, ROW_BLOCK * w.dp);
    return w;
}

/* the row of y for query i and key j of the sequence */
static int64_t pair_row(const pair_shape *s, const pair_work *w, int64_t i, int64_t j)
{
    if (s->segment != NULL)
        return s->segment[w->first + i] != s->segment[w->first + j];
    return s->row[j - i + w->L - 1];
}

/* token t of x with all others: S of the head (+)= its row of A */
static void spread_row(const pair_shape *s, const pair_work *w, int64_t t, const real *part,
                       bool add, real *scores)
{
    for (int64_t o = 0; o < w->T; o++) {
        int64_t i = s->by_key ? o : t, j = s->by_key ? t : o;
        real *to = scores + i * w->stride + j, value = part[pair_row(s, w, i, j)];
        *to = add ? *to + value : value;
    }
}

static void gather_row(const pair_shape *s, const pair_work *w, int64_t t, const real *scores,
                       real *part)
{
    memset(part, 0, (size_t)w->Rp * sizeof *part);
    for (int64_t o = 0; o < w->T; o++) {
        int64_t i = s->by_key ? o : t, j = s->by_key ? t : o;
        part[pair_row(s, w, i, j)] += scores[i * w->stride + j];
    }
}

static void pair_forward(const pair_shape *s, pair_work *w, int64_t head, bool add, real *out)
{
    real *scores = out + w->first * w->stride + head * w->L;
    pack_turned(s->rows, w->dh, s->y + w->column, s->hidden, w->Rp, w->y_turned);
    for (int64_t first = 0; first < w->T; first += ROW_BLOCK) {
        int64_t rows = w->T - first < ROW_BLOCK ? w->T - first : ROW_BLOCK;
        multiply(&(small_product){.m = rows,
                                  .n = w->Rp,
                                  .k = w->dh,
                                  .a = w->x + first * s->hidden,
                                  .a_row = s->hidden,
                                  .a_col = 1,
                                  .b = w->y_turned,
                                  .stride_b = w->Rp,
                                  .c = w->part,
                                  .stride_c = w->Rp});
        for (int64_t i = 0; i < rows; i++)
            spread_row(s, w, first + i, w->part + i * w->Rp, add, scores);
    }
    for (int64_t i = 0; i < w->T && !add; i++)
        memset(scores + i * w->stride + w->T, 0, (size_t)(w->L - w->T) * sizeof *scores);
}

static void pair_dx(const pair_shape *s, pair_work *w, int64_t first, int64_t rows,
                    const pair_gradients *g)
{
    multiply(&(small_product){.m = rows,
                              .n = w->dp,
                              .k = s->rows,
                              .a = w->part,
                              .a_row = w->Rp,
                              .a_col = 1,
                              .b = w->y,
                              .stride_b = w->dp,
                              .c = w->out,
                              .stride_c = w->dp});
    real *dx = g->x + (w->first + first) * s->hidden + w->column;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < w->dh; c++) {
            real value = w->out[i * w->dp + c], *to = dx + i * s->hidden + c;
            *to = g->add_x ? *to + value : value;
        }
}

static void pair_backward(const pair_shape *s, pair_work *w, int64_t sequence, int64_t head,
                          const pair_gradients *g)
{
    const real *scores = g->scores + w->first * w->stride + head * w->L;
    pack(s->rows, w->dh, s->y + w->column, s->hidden, w->dp, w->y);
    for (int64_t first = 0; first < w->T; first += ROW_BLOCK) {
        int64_t rows = w->T - first < ROW_BLOCK ? w->T - first : ROW_BLOCK;
        for (int64_t i = 0; i < rows; i++)
            gather_row(s, w, first + i, scores, w->part + i * w->Rp);
        if (g->x != NULL)
            pair_dx(s, w, first, rows, g);
        pack(rows, w->dh, w->x + first * s->hidden, s->hidden, w->dp, w->in);
        multiply(&(small_product){.m = s->rows,
                                  .n = w->dp,
                                  .k = rows,
                                  .a = w->part,
                                  .a_row = 1,
                                  .a_col = w->Rp,
                                  .b = w->in,
                                  .stride_b = w->dp,
                                  .c = w->dy,
                                  .stride_c = w->dp,
                                  .add = first > 0});
    }
    if (g->y != NULL)
        unpack(s->rows, w->dh, w->dy, w->dp, s->hidden,
               g->y + sequence * s->rows * s->hidden + w->column);
}

static void cpu_pair_scores(int threads, const pair_shape *s, bool add, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < s->n * s->heads; task++) {
        pair_work w = pair_begin(s, task / s->heads, task % s->heads);
        pair_forward(s, &w, task % s->heads, add, out);
    }
}

static void cpu_pair_scores_backward(int threads, const pair_shape *s, const pair_gradients *g)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < s->n * s->heads; task++) {
        pair_work w = pair_begin(s, task / s->heads, task % s->heads);
        pair_backward(s, &w, task / s->heads, task % s->heads, g);
    }
}
