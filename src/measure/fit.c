/* Averaged S-shaped curves. All that depends on d alone is computed once, since a bootstrap fits
 * the same runs a thousand times: a fit is then one pass over n_shapes x n numbers.
 *
 * Legend: K shapes, n runs, P points; g[i][k] at run i, point[k][p] at point p.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/fit.h"

#include <math.h>

enum { N_FORMS = 3, N_SLOPES = 7, N_MIDPOINTS = 36 };

/* widths in e-folds of d; 10 % to 90 % of a logistic takes 4.4 of them */
static const double SLOPES[N_SLOPES] = {0.3, 0.45, 0.7, 1.05, 1.6, 2.4, 3.6};

/* midpoints may lie this many e-folds outside the range */
static const double OUTSIDE = 2;

/* noise expected before any is seen (a run-to-run standard deviation of 1 point), and how many
 * residuals that belief is worth */
static const double NOISE = 0.01, NOISE_WEIGHT = 2;

/* standard deviations of the curve's ends around the majority's and full fine-tuning's score */
static const double LOW_END = 0.15, HIGH_END = 0.03;

enum { LEAST_LEARNERS = 3 }; /* that say where others should be */

struct fit {
    idim *lib;
    int64_t n, K;
    double low, step; /* of log d */
    double *g, *point;
    double *aa, *ab, *bb, *inverse,
        *factor;               /* [K] normal matrix, 1/determinant, determinant^-1/2 */
    double *rb, *a, *b, *rest; /* [K] of the fit at hand */
};

static double form(int64_t which, double u)
{
    if (which == 0)
        return 1 / (1 + exp(-u));
    return which == 1 ? exp(-exp(-u)) : -expm1(-exp(u));
}

static double low_weight(void)
{
    return NOISE * NOISE / (LOW_END * LOW_END);
}

static double high_weight(void)
{
    return NOISE * NOISE / (HIGH_END * HIGH_END);
}

void fit_free(fit *f)
{
    if (f == NULL)
        return;
    double *blocks[] = {f->g,      f->point, f->aa, f->ab, f->bb,  f->inverse,
                        f->factor, f->rb,    f->a,  f->b,  f->rest};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        memory_free(f->lib, blocks[i]);
    memory_free(f->lib, f);
}

static int allocate(fit *f)
{
    double **per_shape[] = {&f->aa, &f->ab, &f->bb, &f->inverse, &f->factor,
                            &f->rb, &f->a,  &f->b,  &f->rest};
    for (size_t i = 0; i < sizeof per_shape / sizeof per_shape[0]; i++)
        TRY(NEW(f->lib, double, f->K, "fit", per_shape[i]));
    TRY(NEW(f->lib, double, f->n * f->K, "fit", &f->g));
    TRY(NEW(f->lib, double, FIT_POINTS * f->K, "fit", &f->point));
    return 0;
}

static void fill_shape(fit *f, int64_t k, const double *dim)
{
    int64_t which = k % N_FORMS, slope = k / N_FORMS % N_SLOPES;
    double range = f->step * (FIT_POINTS - 1) + 2 * OUTSIDE;
    double at = (double)(k / (N_FORMS * N_SLOPES)) / (N_MIDPOINTS - 1);
    double middle = f->low - OUTSIDE + at * range;

    double aa = low_weight(), ab = 0, bb = high_weight();
    for (int64_t i = 0; i < f->n; i++) {
        double g = form(which, (log(dim[i]) - middle) / SLOPES[slope]);
        f->g[i * f->K + k] = g;
        aa += (1 - g) * (1 - g);
        ab += g * (1 - g);
        bb += g * g;
    }
    for (int64_t p = 0; p < FIT_POINTS; p++)
        f->point[k * FIT_POINTS + p] = form(which, (fit_point(f, p) - middle) / SLOPES[slope]);

    double determinant = aa * bb - ab * ab;
    f->aa[k] = aa;
    f->ab[k] = ab;
    f->bb[k] = bb;
    f->inverse[k] = 1 / determinant;
    f->factor[k] = 1 / sqrt(determinant);
}

int fit_new(idim *lib, const double *dim, int64_t n, double low, double high, fit **out)
{
    *out = NULL;
    fit *f;
    TRY(NEW(lib, fit, 1, "fit", &f));
    *f = (fit){.lib = lib,
               .n = n,
               .K = N_FORMS * N_SLOPES * N_MIDPOINTS,
               .low = log(low),
               .step = (log(high) - log(low)) / (FIT_POINTS - 1)};
    int status = allocate(f);
    if (status != 0) {
        fit_free(f);
        return status;
    }
    for (int64_t k = 0; k < f->K; k++)
        fill_shape(f, k, dim);
    *out = f;
    return 0;
}

/* a, b and the residual sum of squares of every shape; returns the smallest one */
static double fit_shapes(fit *f, const double *score, double majority, double full)
{
    int64_t K = f->K;
    double sum = 0, squares = low_weight() * majority * majority + high_weight() * full * full;
    for (int64_t k = 0; k < K; k++)
        f->rb[k] = 0;
    for (int64_t i = 0; i < f->n; i++) {
        const double *g = f->g + i * K;
        double y = score[i];
        sum += y;
        squares += y * y;
        for (int64_t k = 0; k < K; k++)
            f->rb[k] += y * g[k];
    }

    double least = INFINITY;
    for (int64_t k = 0; k < K; k++) {
        double ra = sum - f->rb[k] + low_weight() * majority;
        double rb = f->rb[k] + high_weight() * full;
        double a = (f->bb[k] * ra - f->ab[k] * rb) * f->inverse[k];
        double b = (f->aa[k] * rb - f->ab[k] * ra) * f->inverse[k];
        double rest = squares - a * ra - b * rb;
        rest = b < a ? INFINITY : rest > 0 ? rest : 0; /* a score does not fall with d */
        f->a[k] = a;
        f->b[k] = b;
        f->rest[k] = rest + NOISE * NOISE * NOISE_WEIGHT;
        least = f->rest[k] < least ? f->rest[k] : least;
    }
    return least;
}

void fit_curve(fit *f, const double *score, double majority, double full, double curve[FIT_POINTS])
{
    double least = fit_shapes(f, score, majority, full), total = 0;
    double power = -((double)f->n + NOISE_WEIGHT) / 2;
    double limit = least * exp(-9 / power); /* a shape 8,000 times less likely adds nothing */
    for (int64_t p = 0; p < FIT_POINTS; p++)
        curve[p] = 0;
    for (int64_t k = 0; k < f->K; k++) {
        if (!(f->rest[k] <= limit))
            continue;
        double w = exp(power * log(f->rest[k] / least)) * f->factor[k];
        total += w;
        f->rest[k] = w;
        const double *g = f->point + k * FIT_POINTS;
        double a = w * f->a[k], rise = w * (f->b[k] - f->a[k]);
        for (int64_t p = 0; p < FIT_POINTS; p++)
            curve[p] += a + rise * g[p];
    }

    if (!(total > 0)) { /* scores that fall with d, as far as one can see: level */
        double mean = 0;
        for (int64_t i = 0; i < f->n; i++)
            mean += score[i] / (double)f->n;
        for (int64_t p = 0; p < FIT_POINTS; p++)
            curve[p] = mean;
        return;
    }
    for (int64_t p = 0; p < FIT_POINTS; p++)
        curve[p] /= total;
}

double fit_point(const fit *f, int64_t i)
{
    return f->low + f->step * (double)i;
}

double fit_at(const fit *f, const double curve[FIT_POINTS], double log_dim)
{
    double at = (log_dim - f->low) / f->step;
    if (!(at > 0))
        return curve[0];
    if (at >= FIT_POINTS - 1)
        return curve[FIT_POINTS - 1];
    int64_t i = (int64_t)at;
    return curve[i] + (at - (double)i) * (curve[i + 1] - curve[i]);
}

double fit_crossing(const fit *f, const double curve[FIT_POINTS], double target)
{
    if (curve[0] >= target)
        return -INFINITY;
    for (int64_t i = 1; i < FIT_POINTS; i++)
        if (curve[i] >= target)
            return fit_point(f, i - 1) +
                   f->step * (target - curve[i - 1]) / (curve[i] - curve[i - 1]);
    return INFINITY;
}

/* the curve through the learners at each d; NaN where there are too few */
static int predict(idim *lib, const double *dim, const double *score, int64_t n, double majority,
                   double full, double learns, double *out)
{
    double *kept, *kept_score, low = INFINITY, high = 0, curve[FIT_POINTS];
    TRY(NEW(lib, double, 2 * n, "runs", &kept));
    kept_score = kept + n;
    int64_t n_kept = 0;
    for (int64_t i = 0; i < n; i++) {
        out[i] = NAN;
        low = dim[i] < low ? dim[i] : low;
        high = dim[i] > high ? dim[i] : high;
        if (score[i] >= learns) {
            kept[n_kept] = dim[i];
            kept_score[n_kept++] = score[i];
        }
    }
    int status = 0;
    if (n_kept >= LEAST_LEARNERS && n_kept < n && high > low) {
        fit *f;
        status = fit_new(lib, kept, n_kept, low, high, &f);
        if (status == 0) {
            fit_curve(f, kept_score, majority, full, curve);
            for (int64_t i = 0; i < n; i++)
                out[i] = fit_at(f, curve, log(dim[i]));
            fit_free(f);
        }
    }
    memory_free(lib, kept);
    return status;
}

int fit_collapsed(idim *lib, const double *dim, const double *score, int64_t n, double majority,
                  double full, bool *collapsed)
{
    double gain = full - majority, learns = majority + 0.15 * gain, well = majority + 0.5 * gain;
    double *predicted;
    for (int64_t i = 0; i < n; i++)
        collapsed[i] = !isfinite(score[i]);
    if (!(gain > 0))
        return 0;
    TRY(NEW(lib, double, n, "runs", &predicted));
    int status = predict(lib, dim, score, n, majority, full, learns, predicted);
    for (int64_t i = 0; i < n && status == 0; i++) {
        if (collapsed[i] || score[i] >= learns)
            continue;
        collapsed[i] = predicted[i] > well;
        for (int64_t j = 0; j < n && !collapsed[i]; j++)
            collapsed[i] = dim[j] <= 1.25 * dim[i] && score[j] > well;
    }
    memory_free(lib, predicted);
    return status;
}

void fit_full_collapsed(const double *score, int64_t n, double majority, bool *collapsed)
{
    double best = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(score[i]) && score[i] > best)
            best = score[i];
    for (int64_t i = 0; i < n; i++)
        collapsed[i] = !isfinite(score[i]) ||
                       (best > majority && score[i] < majority + 0.25 * (best - majority));
}
