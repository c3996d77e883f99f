/* The curve of score against log d.
 *
 * The average of many S-shaped curves, each
 *
 *     f(d) = a + (b - a) g((log d - m) / s),   a <= b,
 *
 * over a grid of midpoints m, slopes s and three forms of g (logistic; early and late Gompertz),
 * with a and b by least squares and each curve weighted by how well it explains the scores: (s0^2
 * n0 + sum of squared residuals)^(-(n + n0)/2) |normal matrix|^(-1/2), the marginal likelihood with
 * unknown noise. a and b are drawn weakly to the majority's and full fine-tuning's score. The curve
 * is smooth, rises everywhere and needs no choice of form.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_FIT_H
#define IDIM_MEASURE_FIT_H

#include "base/library.h"

enum { FIT_POINTS = 127 };

typedef struct fit fit;

/* Prepares curves for runs at dim[n], drawn between low and high. */
int fit_new(idim *lib, const double *dim, int64_t n, double low, double high, fit **out);
void fit_free(fit *f);

/* The curve for score[n], at FIT_POINTS values of d spaced evenly in log d from low to high. Not
 * for two threads at once. */
void fit_curve(fit *f, const double *score, double majority, double full, double curve[FIT_POINTS]);

/* log of the i-th value of d. */
double fit_point(const fit *f, int64_t i);

/* The curve's value at log d (linear between points, level outside them). */
double fit_at(const fit *f, const double curve[FIT_POINTS], double log_dim);

/* log d where the curve reaches the target; -INFINITY if it lies above it everywhere, INFINITY
 * below. */
double fit_crossing(const fit *f, const double curve[FIT_POINTS], double target);

/* Flags runs that failed (a score that is not finite) or collapsed: below majority + 0.15 gain
 * where a run with at most 1.25 times their d, or the curve through the runs above that, is above
 * majority + 0.5 gain. full: full fine-tuning's mean score; gain = full - majority. */
int fit_collapsed(idim *lib, const double *dim, const double *score, int64_t n, double majority,
                  double full, bool *collapsed);

/* The same for full runs: below majority + 0.25 gain although another got above majority + 0.5
 * gain. */
void fit_full_collapsed(const double *score, int64_t n, double majority, bool *collapsed);

#endif
