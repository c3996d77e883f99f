/* The predictions of finished runs on dev, and the metric of each on any draw of the dev rows: what
 * the estimate resamples.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_RESCORE_H
#define IDIM_MEASURE_RESCORE_H

#include "task/metrics.h"
#include "task/task.h"

typedef struct rescore {
    const task *task;
    int64_t n_runs;
    const float *const *prediction; /* [n_runs][dev.n] class numbers or values, borrowed */
    float *constant;                /* [dev.n] what the majority (or mean) of train says */
    float *logits, *label;          /* one draw, spread out */
} rescore;

int rescore_new(const task *t, const float *const *prediction, int64_t n_runs, rescore *out);
void rescore_free(rescore *r);

/* The judging metric of run i (i = n_runs: the constant answer) when row k counts weight[k] times;
 * NULL: every row once. user is a rescore. NaN where it is not defined or memory is short. */
double rescore_draw(const void *user, int64_t i, const int32_t *weight);

#endif
