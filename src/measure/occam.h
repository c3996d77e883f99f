/* The bound on the error of a classifier that was chosen from a prefix-free code (docs/bound.md).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_OCCAM_H
#define IDIM_MEASURE_OCCAM_H

#include <stdint.h>

/* kl(q || p) of two biased coins, in nats; 0 <= q <= 1, 0 < p < 1. */
double coin_divergence(double q, double p);

/* The largest p with kl(q || p) <= epsilon, never too small by rounding. */
double coin_divergence_inverse(double q, double epsilon);

/* With probability 1 - delta over n independent rows, for every classifier at once: its error is at
 * most this, where `errors` of the rows are wrong and its code has `bits` bits. */
double occam_bound(int64_t errors, int64_t n, double bits, double delta);

/* The most bits with which occam_bound is still below `target`; negative when none are. */
double occam_bits_below(int64_t errors, int64_t n, double delta, double target);

#endif
