/* Spearman's rank correlation with a 95 % interval.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_RANK_H
#define IDIM_MEASURE_REPORT_RANK_H

#include "base/library.h"

typedef struct rank_sample {
    double x, y;
    double x_error, y_error; /* standard errors, 0: exact */
} rank_sample;

typedef struct rank_result {
    double rho, low, high; /* NAN where all x or all y are alike */
} rank_result;

/* Pearson's correlation of the ranks, ties sharing their mean rank. The interval holds the middle
 * 95 % of 2,000 bootstrap resamples of the pairs, every value moved by a normal draw of its
 * standard error; resamples in which all x or all y are alike say nothing and are left out. The
 * draws depend on nothing but n. */
int rank_correlation(idim *lib, const rank_sample *sample, int64_t n, rank_result *out);

#endif
