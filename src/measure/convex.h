/* Convex fits of outputs that are linear in z: the last step of the linearised model.
 *
 *     u_i = offset_i + F_i z                    F_i [rows][d]: one example's features
 *     minimise   mean_i loss(u_i, label_i) + ridge/2 |z|^2
 *
 *     CONVEX_LOGISTIC   rows = 1, u is the logit of class 1 against class 0
 *     CONVEX_SOFTMAX    rows = the number of classes, u their logits (one z for all of them)
 *     CONVEX_SQUARED    rows = 1, loss (u - label)^2 as the model's own; with it, ridge regression
 *
 * L-BFGS (Nocedal 1980; ten pairs). u is linear in z, so along a direction the loss is known from
 * two vectors of n numbers, and the line search is a few steps of Newton at no pass over F: an
 * iteration is two passes, one for F p and one for F' r. Sums run in an order that does not depend
 * on the number of threads: the same bits for all of them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_CONVEX_H
#define IDIM_MEASURE_CONVEX_H

#include "base/library.h"

typedef enum convex_loss { CONVEX_LOGISTIC, CONVEX_SOFTMAX, CONVEX_SQUARED } convex_loss;

/* Examples; borrowed by every call. */
typedef struct convex_data {
    convex_loss loss;
    const float *feature; /* [n][rows][stride] */
    const double *offset; /* [n][rows]         */
    const float *label;   /* [n]               */
    int64_t n, rows, stride;
} convex_data;

typedef struct convex_report {
    double loss; /* mean, without the ridge's part */
    int64_t iterations;
    bool converged; /* false: stopped at the limit of iterations */
} convex_report;

/* Fits the first d numbers of every feature row (d <= stride). z [d] is the start and becomes the
 * minimum. */
int convex_fit(idim *lib, const convex_data *data, int64_t d, double ridge, double *z,
               convex_report *out);

/* u [n][rows] of z [d]. */
void convex_outputs(const idim *lib, const convex_data *data, int64_t d, const double *z,
                    double *u);

/* The mean loss of outputs u [n][rows]; NaN when there is no example. */
double convex_loss_of(const convex_data *data, const double *u);

#endif
