/* The answer of one cell (model, task, method): d90 and its interval, from finished runs.
 *
 *     d90 = the d where the mean score of subspace training, over seeds and over the population the
 *           dev rows were drawn from, reaches the target
 *     target = threshold x full (relative, the paper's), or
 *              majority + threshold x (full - majority) (corrected)
 *
 * A curve is fitted to the scores against log d (measure/fit.h) and its crossing with the target
 * is d90. The 95 % interval holds 95 % of what the same estimate gives on resampled studies: one
 * draw of dev rows common to all runs, and run-to-run noise of the size that was seen.
 * docs/measure.md says how well that works, by simulation.
 *
 * Scores are fractions (accuracy 0.5, not 50); a score that is not finite is a failed run.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_ESTIMATE_H
#define IDIM_MEASURE_ESTIMATE_H

#include "base/library.h"

typedef enum measure_status {
    MEASURE_OK,
    MEASURE_NOT_REACHED,           /* no d of the range reaches the target             */
    MEASURE_BELOW_RANGE,           /* the smallest d reaches it already                */
    MEASURE_FULL_BELOW_MAJORITY,   /* full fine-tuning is not surely above a constant  */
    MEASURE_TARGET_BELOW_MAJORITY, /* a constant answer reaches the target             */
    MEASURE_UNSTABLE,              /* many runs near the threshold collapsed           */
    MEASURE_INCOMPLETE             /* too few runs for an answer yet                   */
} measure_status;

/* "ok", "not_reached", ... */
const char *measure_status_name(measure_status status);

typedef struct estimate_run {
    bool full;      /* full fine-tuning; else subspace training  */
    double dim;     /* d; ignored for full                       */
    bool collapsed; /* filled by estimate_make: left out of the fit, since it failed or stayed at
                       the majority's score where runs of the same or smaller d learn */
} estimate_run;

typedef struct estimate_input {
    estimate_run *run; /* [n_runs] */
    int64_t n_runs;
    int64_t n_rows; /* dev rows that every run was scored on; 0: unknown, rows are not resampled */

    /* The metric of run i with row r counted weight[r] times (NULL: every row once); i = n_runs
     * asks for the majority answer's. The weights sum to n_rows. */
    double (*score)(const void *user, int64_t i, const int32_t *weight);
    const void *user;

    double threshold; /* 0.9                              */
    double low, high; /* the range of d, 0 < low < high   */
    uint64_t seed;
    int64_t resamples; /* 1000; 0: no intervals (low = high = d90) */
} estimate_input;

enum { ESTIMATE_POINTS = 64, ESTIMATE_REASON = 200 };

/* low and high bound d90 with 95 %. An interval that the range cuts off ends at in->low on the left
 * and at INFINITY on the right, and reason says so. Without an answer all three are NaN;
 * not_reached has d90 = INFINITY, below_range d90 = in->low. unstable has numbers, not to be
 * trusted. */
typedef struct crossing {
    measure_status status;
    double target;
    double d90, low, high;
    char reason[ESTIMATE_REASON]; /* "" when there is nothing to say */
} crossing;

typedef struct estimate_point {
    double dim, score, low, high;
} estimate_point;

typedef struct estimate {
    double full_score, full_low, full_high;
    double majority;
    crossing relative, corrected;
    estimate_point point[ESTIMATE_POINTS]; /* the fitted curve, low .. high, evenly in log d */
    int64_t n_points;                      /* ESTIMATE_POINTS, 0 without a fit               */
    int64_t n_full, n_subspace;            /* runs that count                                */
    int64_t n_full_collapsed, n_collapsed; /* runs that do not                               */
} estimate;

/* IDIM_EARGUMENT for a range, threshold or d that is none. The order of the runs does not matter to
 * more than rounding. */
int estimate_make(idim *lib, const estimate_input *in, estimate *out);

#endif
