/* The linearised model: what a subspace reaches if the network were linear in its weights.
 *
 *     logits(x; theta0 + P z)  ~  logits(x; theta0) + J(x) P z          J = d logits / d theta
 *
 * J(x) P is the example's gradient pulled into z-space: d numbers, one pass back. Pulled once for
 * d_max numbers they serve every smaller d: the first d columns of P span a random subspace of d
 * dimensions. For each d the best z is a convex fit (measure/convex.h) with a ridge chosen on a
 * held-out tenth of the training rows. No learned scales: at theta0 their gradient is zero, so said
 * with m groups at d is this at d - m.
 *
 * Malladi, Wettig, Yu, Chen, Arora 2023 (arXiv 2210.05643) explain fine-tuning in a subspace by
 * this model; docs/linearised.md has how far it lies from training.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_LINEARISED_H
#define IDIM_MEASURE_LINEARISED_H

#include "measure/job.h"
#include "train/trainer.h"

/* Features are held in memory, up to so many bytes for train and dev; d_max is lowered to fit, the
 * same on every machine. */
#define LINEARISED_BYTES ((int64_t)2 << 30)

typedef struct linearised_options {
    const int64_t *dims; /* [n_dims] increasing; the last is d_max */
    int64_t n_dims;
    idim_watch *watch; /* may be NULL; phases "gradients" and "fit" */
    void *user;
} linearised_options;

typedef struct linearised_point {
    int64_t dim;
    evaluation dev;
    double score;    /* the judging metric on dev               */
    double *z;       /* [dim]                                   */
    double z_norm;   /* |z|                                     */
    float *logits;   /* [n_dev][n_labels] predictions           */
    double ridge;    /* of the loss mean + ridge/2 |z|^2        */
    double held_out; /* loss on the held-out tenth at its ridge */
    double train_loss;
    int64_t iterations; /* of all fits of this d */
    double seconds;
} linearised_point;

typedef struct linearised {
    idim *lib;
    linearised_point *point; /* [n] */
    int64_t n, d_max;
    int64_t dropped; /* dims above what fits in LINEARISED_BYTES */
    int64_t n_train, n_dev;
    double feature_seconds;
    int64_t feature_bytes;
} linearised;

/* An open tune job: model, task (train and dev with labels) and the spec's projection, normalize,
 * pull and seed. Its subspace is not used; theta is theta0 afterwards. */
int linearised_run(job *j, const linearised_options *options, linearised **out);
void linearised_free(linearised *l);

/* {"train", "dev", "feature_seconds", "feature_bytes", "dropped", "points": [{"dim", "score",
 * "dev", "ridge", "z_norm", "train_loss", "held_out_loss", "iterations", "seconds", and
 * "predictions" as record_predictions gives them}]}. NULL when out of memory. */
json_t *linearised_json(const linearised *l, const task *t);

/* The d's from 10 to d_max that a curve is drawn from: 1, 2 and
 * 5 times powers of ten, and d_max. Gives how many; out has room for 32. */
int64_t linearised_dims(int64_t d_max, int64_t out[32]);

#endif
