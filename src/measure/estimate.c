/* d90 from finished runs: flag collapses, fit, cross, resample.
 *
 * A resampled study: each run's score on one common draw of dev rows, put onto the fitted curve,
 * plus run-to-run noise. The noise's size is the residuals', itself drawn from its sampling
 * distribution (chi-square), since a dozen runs do not say it well.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/estimate.h"
#include "measure/fit.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* run-to-run standard deviation expected before any is seen, and how many residuals that is worth;
 * full runs borrow as much from the subspace runs */
static const double NOISE = 0.01, NOISE_WEIGHT = 4;

/* what the curve takes from the degrees of freedom: a level, a slope, a place */
static const double CURVE_FREEDOM = 3;

/* e-folds of d: runs differ most where scores rise, so residuals count by their nearness to d90 */
static const double NOISE_NEAR = 1.5;

/* the rate of full fine-tuning was chosen from one run each: what its mean may lack, as a standard
 * deviation that more seeds do not lower */
static const double CHOICE = 0.002;

/* the noise of a resampled study starts here; its rows use the positions below */
static const uint32_t NOISE_POSITION = UINT32_C(1) << 31;

/* collapses within this factor of d90 can make it unstable */
static const double NEAR = 4;

enum { LEAST_DIMS = 3 }; /* different d below which nothing is fitted */

typedef struct study {
    idim *lib;
    const estimate_input *in;
    int64_t n_full, n_dims;
    int64_t n;       /* subspace runs that count */
    int64_t *full;   /* [n_full] indices of full runs that count */
    int64_t *run;    /* [n] and subspace runs that count, by d and score */
    double *dim;     /* [n] */
    double *score;   /* [n] on the dev rows as they are */
    double *redrawn; /* [n] of a resampled study */
    double *fitted;  /* [n] the curve at each run */
    fit *curve;
    double at[FIT_POINTS], redrawn_at[FIT_POINTS];
    double full_score, majority;
    double noise, noise_freedom, full_noise, full_freedom;
    int32_t *weight; /* [n_rows] */
    /* [resamples]: log d, scores; [64][resamples] the curve */
    double *relative, *corrected, *full_draws, *gain_draws, *curve_draws;
} study;

const char *measure_status_name(measure_status status)
{
    switch (status) {
    case MEASURE_OK:
        return "ok";
    case MEASURE_NOT_REACHED:
        return "not_reached";
    case MEASURE_BELOW_RANGE:
        return "below_range";
    case MEASURE_FULL_BELOW_MAJORITY:
        return "full_below_majority";
    case MEASURE_TARGET_BELOW_MAJORITY:
        return "target_below_majority";
    case MEASURE_UNSTABLE:
        return "unstable";
    case MEASURE_INCOMPLETE:
        break;
    }
    return "incomplete";
}

static void study_free(study *s)
{
    void *blocks[] = {s->full,      s->run,        s->dim,        s->score,
                      s->redrawn,   s->fitted,     s->weight,     s->relative,
                      s->corrected, s->full_draws, s->gain_draws, s->curve_draws};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        memory_free(s->lib, blocks[i]);
    fit_free(s->curve);
}

static int study_allocate(study *s)
{
    const estimate_input *in = s->in;
    TRY(NEW(s->lib, int64_t, in->n_runs, "runs", &s->full));
    TRY(NEW(s->lib, int64_t, in->n_runs, "runs", &s->run));
    TRY(NEW(s->lib, double, in->n_runs, "runs", &s->dim));
    TRY(NEW(s->lib, double, in->n_runs, "runs", &s->score));
    TRY(NEW(s->lib, double, in->n_runs, "runs", &s->redrawn));
    TRY(NEW(s->lib, double, in->n_runs, "runs", &s->fitted));
    TRY(NEW(s->lib, int32_t, in->n_rows, "dev rows", &s->weight));
    TRY(NEW(s->lib, double, in->resamples, "resampled studies", &s->relative));
    TRY(NEW(s->lib, double, in->resamples, "resampled studies", &s->corrected));
    TRY(NEW(s->lib, double, in->resamples, "resampled studies", &s->full_draws));
    TRY(NEW(s->lib, double, in->resamples, "resampled studies", &s->gain_draws));
    TRY(NEW(s->lib, double, in->resamples *ESTIMATE_POINTS, "resampled curves", &s->curve_draws));
    return 0;
}

static int check(idim *lib, const estimate_input *in)
{
    if (!(in->low > 0 && in->high > in->low && isfinite(in->high)))
        return fail(lib, IDIM_EARGUMENT,
                    "estimate: range of d: expected 0 < low < high, found %g:%g", in->low,
                    in->high);
    if (!(in->threshold > 0 && in->threshold <= 1))
        return fail(lib, IDIM_EARGUMENT, "estimate: threshold: expected (0, 1], found %g",
                    in->threshold);
    if (in->n_runs < 0 || in->resamples < 0 || in->n_rows < 0 || in->n_rows > INT32_MAX)
        return fail(lib, IDIM_EARGUMENT,
                    "estimate: runs, rows, resamples: expected 0 or more, found %lld, %lld, %lld",
                    (long long)in->n_runs, (long long)in->n_rows, (long long)in->resamples);
    for (int64_t i = 0; i < in->n_runs; i++)
        if (!in->run[i].full && !(in->run[i].dim > 0 && isfinite(in->run[i].dim)))
            return fail(lib, IDIM_EARGUMENT, "estimate: run %lld: expected d above 0, found %g",
                        (long long)i, in->run[i].dim);
    return 0;
}

/* by d, then by score, so that the order the runs came in means nothing */
static void insert_sorted(study *s, int64_t run, double dim, double score)
{
    int64_t at = s->n++;
    for (; at > 0 && (s->dim[at - 1] > dim || (s->dim[at - 1] == dim && s->score[at - 1] > score));
         at--) {
        s->run[at] = s->run[at - 1];
        s->dim[at] = s->dim[at - 1];
        s->score[at] = s->score[at - 1];
    }
    s->run[at] = run;
    s->dim[at] = dim;
    s->score[at] = score;
}

/* fills collapsed of every run, and the lists of those that count; scratch [n_runs] each */
static int sort_runs(study *s, estimate *out, double *dim, double *score, bool *collapsed,
                     int64_t *index)
{
    const estimate_input *in = s->in;
    for (int pass = 0; pass < 2; pass++) {
        bool full = pass == 0;
        int64_t n = 0;
        for (int64_t i = 0; i < in->n_runs; i++) {
            if (in->run[i].full != full)
                continue;
            index[n] = i;
            dim[n] = in->run[i].dim;
            score[n++] = in->score(in->user, i, NULL);
        }
        if (full)
            fit_full_collapsed(score, n, s->majority, collapsed);
        else
            TRY(fit_collapsed(s->lib, dim, score, n, s->majority, s->full_score, collapsed));
        for (int64_t j = 0; j < n; j++) {
            in->run[index[j]].collapsed = collapsed[j];
            *(full ? &out->n_full_collapsed : &out->n_collapsed) += collapsed[j];
            if (collapsed[j])
                continue;
            if (full) {
                s->full[s->n_full++] = index[j];
                s->full_score += score[j];
            } else {
                insert_sorted(s, index[j], dim[j], score[j]);
            }
        }
        if (full)
            s->full_score = s->n_full > 0 ? s->full_score / (double)s->n_full : NAN;
    }
    for (int64_t i = 0; i < s->n; i++)
        s->n_dims += i == 0 || s->dim[i] != s->dim[i - 1];
    out->n_full = s->n_full;
    out->n_subspace = s->n;
    return 0;
}

static int find_runs(study *s, estimate *out)
{
    int64_t n = s->in->n_runs;
    double *dim = NULL, *score = NULL;
    bool *collapsed = NULL;
    int64_t *index = NULL;
    int status = NEW(s->lib, double, n, "runs", &dim);
    if (status == 0)
        status = NEW(s->lib, double, n, "runs", &score);
    if (status == 0)
        status = NEW(s->lib, bool, n, "runs", &collapsed);
    if (status == 0)
        status = NEW(s->lib, int64_t, n, "runs", &index);
    if (status == 0)
        status = sort_runs(s, out, dim, score, collapsed, index);
    memory_free(s->lib, index);
    memory_free(s->lib, collapsed);
    memory_free(s->lib, score);
    memory_free(s->lib, dim);
    return status;
}

/* how much the runs differ beyond the curve, near the target */
static void find_noise(study *s)
{
    double squares = NOISE_WEIGHT * NOISE * NOISE, freedom = -CURVE_FREEDOM;
    double at = fit_crossing(s->curve, s->at, s->in->threshold * s->full_score);
    for (int64_t i = 0; i < s->n; i++) {
        double away = (log(s->dim[i]) - at) / NOISE_NEAR, error = s->score[i] - s->fitted[i];
        double counts = isfinite(at) ? exp(-away * away / 2) : 1;
        squares += counts * error * error;
        freedom += counts;
    }
    s->noise_freedom = NOISE_WEIGHT + (freedom > 0 ? freedom : 0);
    s->noise = sqrt(squares / s->noise_freedom);

    squares = NOISE_WEIGHT * s->noise * s->noise;
    for (int64_t i = 0; i < s->n_full; i++) {
        double score = s->in->score(s->in->user, s->full[i], NULL);
        squares += (score - s->full_score) * (score - s->full_score);
    }
    s->full_freedom = NOISE_WEIGHT + (double)s->n_full - 1;
    s->full_noise = sqrt(squares / s->full_freedom);
}

/* each row as often as a draw with replacement takes it */
static void draw_rows(study *s, int64_t resample)
{
    int64_t n = s->in->n_rows;
    uint32_t words[4] = {0};
    memset(s->weight, 0, (size_t)n * sizeof s->weight[0]);
    for (int64_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            random_words(s->in->seed, STREAM_RESAMPLE, (uint64_t)resample, (uint32_t)(i / 4),
                         words);
        s->weight[((uint64_t)words[i % 4] * (uint64_t)n) >> 32]++;
    }
}

typedef struct normal_draws {
    uint64_t seed, key;
    uint32_t position;
    int left;
    double value[4];
} normal_draws;

static double normal(normal_draws *d)
{
    if (d->left == 0) {
        uint32_t words[4];
        random_words(d->seed, STREAM_RESAMPLE, d->key, d->position++, words);
        for (int i = 0; i < 4; i += 2) { /* Box and Muller */
            double radius = sqrt(-2 * log((words[i] + 0.5) * 0x1p-32));
            double angle = 6.283185307179586 * words[i + 1] * 0x1p-32;
            d->value[i] = radius * cos(angle);
            d->value[i + 1] = radius * sin(angle);
        }
        d->left = 4;
    }
    return d->value[--d->left];
}

/* a standard deviation that could have given the one that was seen */
static double draw_size(normal_draws *d, double size, double freedom)
{
    double squares = 0, whole = floor(freedom);
    for (int i = 0; i < (int)whole; i++) {
        double z = normal(d);
        squares += z * z;
    }
    return size * sqrt(whole / squares);
}

static double rescore(const study *s, int64_t i, double otherwise)
{
    double score = s->in->score(s->in->user, i, s->weight);
    return isfinite(score) ? score : otherwise; /* a metric undefined on this draw of rows */
}

static void resample(study *s, int64_t r)
{
    double majority = s->majority, full = s->full_score;
    if (s->in->n_rows > 0) {
        draw_rows(s, r);
        majority = rescore(s, s->in->n_runs, s->majority);
        full = 0;
        for (int64_t i = 0; i < s->n_full; i++)
            full += rescore(s, s->full[i], s->full_score) / (double)s->n_full;
    }

    normal_draws draws = {.seed = s->in->seed, .key = (uint64_t)r, .position = NOISE_POSITION};
    full += CHOICE * normal(&draws);
    full += draw_size(&draws, s->full_noise, s->full_freedom) * normal(&draws) /
            sqrt((double)s->n_full);
    double noise = draw_size(&draws, s->noise, s->noise_freedom);
    for (int64_t i = 0; i < s->n; i++) {
        double moved = s->in->n_rows > 0 ? rescore(s, s->run[i], s->score[i]) - s->score[i] : 0;
        s->redrawn[i] = s->fitted[i] + moved + noise * normal(&draws);
    }

    fit_curve(s->curve, s->redrawn, majority, full, s->redrawn_at);
    double threshold = s->in->threshold;
    s->relative[r] = fit_crossing(s->curve, s->redrawn_at, threshold * full);
    s->corrected[r] =
        fit_crossing(s->curve, s->redrawn_at, majority + threshold * (full - majority));
    s->full_draws[r] = full;
    s->gain_draws[r] = full - majority;
    for (int64_t p = 0; p < ESTIMATE_POINTS; p++)
        s->curve_draws[p * s->in->resamples + r] = s->redrawn_at[2 * p];
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* the 2.5 % and 97.5 % quantiles of value[n], which is sorted */
static void interval(double *value, int64_t n, double otherwise, double *low, double *high)
{
    *low = *high = otherwise;
    if (n == 0)
        return;
    qsort(value, (size_t)n, sizeof value[0], ascending);
    *low = value[(int64_t)(0.025 * (double)n)];
    *high = value[n - 1 - (int64_t)(0.025 * (double)n)];
}

static void say(crossing *c, const char *text)
{
    size_t used = strlen(c->reason);
    snprintf(c->reason + used, sizeof c->reason - used, "%s%s", used > 0 ? "; " : "", text);
}

/* the status of a threshold that was searched for, and its interval in d */
static void cross(const study *s, crossing *c, double *draws)
{
    double low, high, at = fit_crossing(s->curve, s->at, c->target);
    interval(draws, s->in->resamples, at, &low, &high);
    c->d90 = at == -INFINITY ? s->in->low : exp(at);
    c->low = low == -INFINITY ? s->in->low : low == INFINITY ? s->in->high : exp(low);
    c->high = high == -INFINITY ? s->in->low : exp(high);
    c->status = at == INFINITY    ? MEASURE_NOT_REACHED
                : at == -INFINITY ? MEASURE_BELOW_RANGE
                                  : MEASURE_OK;
    if (at == INFINITY)
        say(c, "no d of the range reaches the target");
    if (at == -INFINITY)
        say(c, "the smallest d of the range reaches the target");
    if (low == -INFINITY && at != -INFINITY)
        say(c, "d90 may lie below the range");
    if (high == INFINITY && at != INFINITY)
        say(c, "d90 may lie above the range");
}

static void judge_collapses(const study *s, const estimate *e, crossing *c)
{
    int64_t near = 0, collapsed = 0;
    for (int64_t i = 0; i < s->in->n_runs; i++) {
        const estimate_run *run = &s->in->run[i];
        if (run->full ||
            (isfinite(c->d90) && (run->dim < c->d90 / NEAR || run->dim > c->d90 * NEAR)))
            continue;
        near++;
        collapsed += run->collapsed;
    }
    if (collapsed >= 2 && 3 * collapsed >= near) {
        c->status = MEASURE_UNSTABLE;
        snprintf(c->reason, sizeof c->reason, "%lld of %lld runs near the threshold collapsed",
                 (long long)collapsed, (long long)near);
    } else if (e->n_collapsed >= LEAST_DIMS && e->n_collapsed >= e->n_subspace) {
        c->status = MEASURE_UNSTABLE;
        snprintf(c->reason, sizeof c->reason, "%lld of %lld subspace runs collapsed",
                 (long long)e->n_collapsed, (long long)(e->n_collapsed + e->n_subspace));
    } else if (e->n_full_collapsed >= 2 && e->n_full_collapsed >= e->n_full) {
        c->status = MEASURE_UNSTABLE;
        snprintf(c->reason, sizeof c->reason, "%lld of %lld runs of full fine-tuning collapsed",
                 (long long)e->n_full_collapsed, (long long)(e->n_full_collapsed + e->n_full));
    }
}

static void no_answer(crossing *c, measure_status status, const char *reason)
{
    c->status = status;
    c->d90 = c->low = c->high = NAN;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
}

static void judge(study *s, estimate *out)
{
    double gain_low, gain_high;
    interval(s->gain_draws, s->in->resamples, s->full_score - s->majority, &gain_low, &gain_high);
    if (!(gain_low > 0)) {
        const char *reason = s->full_score > s->majority
                                 ? "full fine-tuning is not surely better than a constant answer"
                                 : "full fine-tuning is no better than a constant answer";
        no_answer(&out->relative, MEASURE_FULL_BELOW_MAJORITY, reason);
        no_answer(&out->corrected, MEASURE_FULL_BELOW_MAJORITY, reason);
        return;
    }
    cross(s, &out->corrected, s->corrected);
    judge_collapses(s, out, &out->corrected);
    if (out->relative.target <= s->majority) {
        no_answer(&out->relative, MEASURE_TARGET_BELOW_MAJORITY,
                  "a constant answer reaches the target");
        return;
    }
    cross(s, &out->relative, s->relative);
    judge_collapses(s, out, &out->relative);
}

static void fill_points(study *s, estimate *out)
{
    int64_t n = s->in->resamples;
    for (int64_t p = 0; p < ESTIMATE_POINTS; p++) {
        estimate_point *point = &out->point[p];
        point->dim = exp(fit_point(s->curve, 2 * p));
        point->score = s->at[2 * p];
        interval(s->curve_draws + p * n, n, point->score, &point->low, &point->high);
    }
    out->n_points = ESTIMATE_POINTS;
}

static int answer(study *s, estimate *out)
{
    double threshold = s->in->threshold;
    out->full_score = out->full_low = out->full_high = s->full_score;
    out->relative.target = threshold * s->full_score;
    out->corrected.target = s->majority + threshold * (s->full_score - s->majority);
    if (s->n_full == 0 || s->n_dims < LEAST_DIMS) {
        bool none = s->n_full == 0 && out->n_full_collapsed > 0;
        measure_status status = none ? MEASURE_UNSTABLE : MEASURE_INCOMPLETE;
        const char *reason = none             ? "every run of full fine-tuning failed"
                             : s->n_full == 0 ? "no run of full fine-tuning is finished"
                             : out->n_collapsed > s->n
                                 ? "too many subspace runs failed or collapsed"
                                 : "runs at three or more values of d are needed";
        if (!none && out->n_collapsed > s->n && out->n_collapsed >= LEAST_DIMS)
            status = MEASURE_UNSTABLE;
        no_answer(&out->relative, status, reason);
        no_answer(&out->corrected, status, reason);
        return 0;
    }

    TRY(fit_new(s->lib, s->dim, s->n, s->in->low, s->in->high, &s->curve));
    fit_curve(s->curve, s->score, s->majority, s->full_score, s->at);
    for (int64_t i = 0; i < s->n; i++)
        s->fitted[i] = fit_at(s->curve, s->at, log(s->dim[i]));
    find_noise(s);
    for (int64_t r = 0; r < s->in->resamples; r++)
        resample(s, r);
    interval(s->full_draws, s->in->resamples, s->full_score, &out->full_low, &out->full_high);
    fill_points(s, out);
    judge(s, out);
    return 0;
}

int estimate_make(idim *lib, const estimate_input *in, estimate *out)
{
    memset(out, 0, sizeof *out);
    TRY(check(lib, in));
    study s = {.lib = lib, .in = in, .majority = in->score(in->user, in->n_runs, NULL)};
    out->majority = s.majority;
    int status = study_allocate(&s);
    if (status == 0)
        status = find_runs(&s, out);
    if (status == 0)
        status = answer(&s, out);
    study_free(&s);
    return status;
}
