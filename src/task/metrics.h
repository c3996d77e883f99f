/* Metrics as scikit-learn and scipy define them, under their Hugging Face names.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_METRICS_H
#define IDIM_TASK_METRICS_H

#include "task/task.h"

enum { METRICS_MAX = 6 };

typedef struct metrics {
    const char *name[METRICS_MAX]; /* "accuracy", "f1", ... "combined_score" */
    double value[METRICS_MAX];
    int64_t n;
} metrics;

/* logits [n][n_labels], label [n]. An undefined value (no variance) is 0 for Matthews, NaN else. */
int metrics_compute(const task *t, const float *logits, const float *label, int64_t n,
                    metrics *out);

/* The value of the judging metric. */
double metrics_score(const task *t, const metrics *m);

/* What always answering the train split's majority class (or mean) scores on a split. */
int metrics_majority(const task *t, split_name on, metrics *out);

#endif
