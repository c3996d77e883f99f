/* One training run in progress: x, the optimiser's moments, the step counter.
 *
 * A step: shuffled indices -> packed micro-batches; push x to theta; forward; backward, gradients
 * folded into dx as they are finished; clip; optimiser. All it does is a function of its options
 * and of (x, moments, step): order and dropout come from counters. So a checkpoint of these few
 * numbers resumes exactly, at any step.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TRAIN_TRAINER_H
#define IDIM_TRAIN_TRAINER_H

#include "model/model.h"
#include "subspace/subspace.h"
#include "task/metrics.h"
#include "task/order.h"
#include "task/task.h"
#include "train/optimiser.h"
#include "train/schedule.h"

/* out [d] <- x as it will be shipped. */
typedef int trainer_round(void *user, const real *x, real *out);

typedef struct trainer_options {
    optimiser_options optimiser; /* len_z and n_lambda are filled by trainer_new       */
    schedule schedule;           /* steps and warmup are filled by trainer_new         */
    double epochs;               /* used when max_steps is 0                           */
    int64_t max_steps;           /* 0: epochs decide                                   */
    double warmup;               /* steps; below 1 a fraction of all steps             */
    int64_t batch;               /* examples of one micro-batch                        */
    int64_t accumulation;        /* micro-batches of one step                          */
    bool dropout;                /* false: off, whatever config.json says              */
    uint64_t seed;               /* order and dropout                                  */
    order_kind order;            /* how an epoch's examples follow each other          */
    double round_steps;          /* the last steps, a fraction of all, in which theta and the
                                    gradient are taken at round(x) while x itself is moved
                                    (the straight-through estimator)                   */
} trainer_options;

/* examples of one forward pass when only scoring */
enum { EVALUATION_BATCH = 64 };

/* Called after every batch while a split is scored, which may take minutes. A status other than 0
 * ends the scoring with it. */
typedef struct pulse {
    int (*beat)(void *user); /* NULL: nobody listens */
    void *user;
} pulse;

typedef struct trainer {
    idim *lib;
    idim_model *model;
    const task *task;
    subspace *space;
    trainer_options options;
    optimiser optimiser;
    tape *tape;
    batch_buffer batch;

    int64_t d;
    real *x, *dx;        /* [d] */
    int64_t step, steps; /* done, in all */
    int64_t steps_per_epoch;
    double loss_sum; /* of the losses of all steps done */
    epoch_order *order;
    bool theta_is_current; /* theta holds the push of x (or of rounded) */
    trainer_round *round;  /* NULL: never, whatever round_steps says; the caller sets it */
    void *round_user;
    real *rounded; /* [d] */
    pulse pulse;   /* of trainer_evaluate; set by who wants it */
} trainer;

/* What one step reports. */
typedef struct step_report {
    int64_t step; /* 1 for the first */
    double epoch; /* passes over the data after this step */
    double loss, learning_rate, grad_norm;
} step_report;

/* What an evaluation reports. */
typedef struct evaluation {
    metrics metrics;
    double loss; /* NaN without labels */
    int64_t n;
} evaluation;

trainer_options trainer_defaults(void);

/* All borrowed things must outlive the trainer. */
int trainer_new(idim_model *m, const task *what, subspace *s, const trainer_options *options,
                trainer **out);
void trainer_free(trainer *t);

/* One optimiser step. IDIM_ENOTFINITE when the loss or |dx| is not finite: x is then as before. */
int trainer_step(trainer *t, step_report *out);

/* x becomes these d numbers, which are not rounded any more. */
void trainer_place(trainer *t, const real *x);

/* Scores a split at x. logits (may be NULL) gets [split.n][n_labels]. */
int trainer_evaluate(trainer *t, const split *s, float *logits, evaluation *out);

/* Who scores what a split holds. */
typedef struct scorer {
    idim_model *model;
    tape *work;
    const task *task;
    pulse pulse;
} scorer;

scorer trainer_scorer(const trainer *t);

/* Scores a split at the model's present theta; what trainer_evaluate does after pushing x. */
int evaluate_split(const scorer *r, const split *s, float *logits, evaluation *out);

#endif
