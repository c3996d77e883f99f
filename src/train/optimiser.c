/* Elementwise loops over x. The work is cut into pieces of a fixed size, so that sums have the same
 * order for any number of threads.
 *
 * SPDX-License-Identifier: MIT */
#include "train/optimiser.h"

#include <tgmath.h>
#include <string.h>

enum { PIECE = 1 << 14, MAX_PIECES = 1 << 12, LANES = 8 };

optimiser_options optimiser_defaults(void)
{
    return (optimiser_options){.kind = OPTIMISER_ADAMW,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .weight_decay = 0,
                               .max_grad_norm = 1,
                               .lambda_rate = 1};
}

int optimiser_kind_of(const char *name)
{
    static const char *const names[] = {"adamw", "adamw-shared", "sgd"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

int optimiser_new(idim *lib, const optimiser_options *options, int64_t d, optimiser *out)
{
    *out = (optimiser){.options = *options, .threads = lib->threads, .d = d};
    TRY(NEW(lib, real, d, "optimiser moments", &out->m));
    return NEW(lib, real, d, "optimiser moments", &out->v);
}

void optimiser_free(idim *lib, optimiser *o)
{
    memory_free(lib, o->m);
    memory_free(lib, o->v);
    o->m = o->v = NULL;
}

/* of one piece, in LANES sums: a single one would wait for each addition */
static double piece_squares(const real *g, int64_t n)
{
    double lane[LANES] = {0}, sum = 0;
    int64_t whole = n / LANES * LANES;
    for (int64_t i = 0; i < whole; i += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] += (double)g[i + j] * (double)g[i + j];
    for (int64_t i = whole; i < n; i++)
        lane[i - whole] += (double)g[i] * (double)g[i];
    for (int j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

/* sum of squares of g[0 .. n): pieces in parallel, then piece after piece */
static double sum_of_squares(const real *g, int64_t n, int threads)
{
    double total = 0;
    for (int64_t begin = 0; begin < n; begin += (int64_t)PIECE * MAX_PIECES) {
        double partial[MAX_PIECES];
        int64_t left =
            n - begin < (int64_t)PIECE * MAX_PIECES ? n - begin : (int64_t)PIECE * MAX_PIECES;
        int64_t pieces = (left + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(threads) schedule(static) if (pieces > 1)
        for (int64_t p = 0; p < pieces; p++) {
            int64_t end = (p + 1) * PIECE < left ? (p + 1) * PIECE : left;
            partial[p] = piece_squares(g + begin + p * PIECE, end - p * PIECE);
        }
        for (int64_t p = 0; p < pieces; p++)
            total += partial[p];
    }
    return total;
}

double optimiser_clip(const optimiser *o, real *dx)
{
    double norm = sqrt(sum_of_squares(dx, o->d, o->threads));
    double limit = o->options.max_grad_norm;
    if (limit <= 0 || !(norm > limit) || isinf(norm))
        return norm;

    real factor = (real)(limit / (norm + 1e-6)); /* as torch.nn.utils.clip_grad_norm_ */
#pragma omp parallel for num_threads(o->threads) schedule(static) if (o->d > PIECE)
    for (int64_t i = 0; i < o->d; i++)
        dx[i] *= factor;
    return norm;
}

/* one part of x with one rate */
typedef struct span {
    int64_t begin, end;
    double rate, decay;
    bool shared; /* one second moment for the whole span */
} span;

static void adamw_span(const optimiser *o, const span *s, real *x, const real *dx, int64_t t)
{
    const optimiser_options *p = &o->options;
    real b1 = (real)p->beta1, b2 = (real)p->beta2, eps = (real)p->epsilon;
    real keep = (real)(1 - s->rate * s->decay);
    real step = (real)(s->rate / (1 - pow(p->beta1, (double)t)));
    real correction = (real)sqrt(1 - pow(p->beta2, (double)t));
    real mean_square = 0;
    if (s->shared && s->end > s->begin)
        mean_square = (real)(sum_of_squares(dx + s->begin, s->end - s->begin, o->threads) /
                             (double)(s->end - s->begin));

#pragma omp parallel for num_threads(o->threads) schedule(static) if (s->end - s->begin > PIECE)
    for (int64_t i = s->begin; i < s->end; i++) {
        real square = s->shared ? mean_square : dx[i] * dx[i];
        o->m[i] = b1 * o->m[i] + (1 - b1) * dx[i];
        o->v[i] = b2 * o->v[i] + (1 - b2) * square;
        real root = sqrt(o->v[i]);
        x[i] = keep * x[i] - step * o->m[i] / (root / correction + eps);
    }
}

static void sgd_span(const optimiser *o, const span *s, real *x, const real *dx)
{
    real momentum = (real)o->options.beta1, rate = (real)s->rate;
    real keep = (real)(1 - s->rate * s->decay);
#pragma omp parallel for num_threads(o->threads) schedule(static) if (s->end - s->begin > PIECE)
    for (int64_t i = s->begin; i < s->end; i++) {
        o->m[i] = momentum * o->m[i] + dx[i];
        x[i] = keep * x[i] - rate * o->m[i];
    }
}

void optimiser_step(optimiser *o, real *x, const real *dx, double rate, int64_t t)
{
    const optimiser_options *p = &o->options;
    int64_t lambda_end = p->len_z + p->n_lambda;
    const span spans[] = {
        {0, p->len_z, rate, p->weight_decay, p->kind == OPTIMISER_ADAMW_SHARED},
        {p->len_z, lambda_end, rate * p->lambda_rate, 0, false},
        {lambda_end, o->d, rate, p->weight_decay, false},
    };
    for (int i = 0; i < 3; i++) {
        if (p->kind == OPTIMISER_SGD)
            sgd_span(o, &spans[i], x, dx);
        else
            adamw_span(o, &spans[i], x, dx, t);
    }
}
