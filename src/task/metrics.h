/* Metrics as scikit-learn and scipy define them, under their Hugging Face names.
 *
 *     classes      accuracy, f1 (two classes; of class 1), matthews_correlation
 *     multi-label  accuracy (of whole label sets), f1_micro; a label is said when its logit is
 * above 0 regression   pearson, spearmanr (ties share their mean rank), mse combined_score, for the
 * GLUE tasks judged by two: the mean of accuracy and f1, or of pearson and spearmanr
 *
 *     language     perplexity; bits_per_byte, nats / ln 2 / bytes of text; accuracy, the share of
 *                  tokens that are the likeliest; bits_saved, 1 - bits / those of the untouched
 *                  model: 0 for that one itself, 1 for certainty
 *
 * The predicted class is the first of the largest logits.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_METRICS_H
#define IDIM_TASK_METRICS_H

#include "task/task.h"

enum { METRICS_MAX = 6 };

typedef struct metrics {
    const char *name[METRICS_MAX]; /* [n] "accuracy", "f1", ... "combined_score" */
    double value[METRICS_MAX];
    int64_t n;
} metrics;

/* logits [n][n_labels] (language: outputs, model.h), label as a split has them. A value that is not
 * defined is 0 for f1 (nothing is or is called class 1) and Matthews (one class only), NaN for
 * correlations (no variance) and when n is 0. */
int metrics_compute(const task *t, const float *logits, const float *label, int64_t n,
                    metrics *out);

/* The class that logits [n] say. */
int64_t metrics_class(const float *logits, int64_t n);

/* The value of the judging metric. */
double metrics_score(const task *t, const metrics *m);

/* What always answering the train split's majority class (or mean; multi-label: the labels that
 * most rows have) scores on a split; the split's own where there is no train split. The first of
 * several largest classes is taken. A constant correlates with nothing: pearson and spearmanr are
 * given as 0. Language: what the untouched model scores, and unigram_bits_per_byte, by the
 * shares of train's tokens. The split must have labels (IDIM_EARGUMENT). */
int metrics_majority(const task *t, split_name on, metrics *out);

#endif
