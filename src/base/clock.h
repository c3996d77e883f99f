/* Time that passes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_CLOCK_H
#define IDIM_BASE_CLOCK_H

/* Seconds since some moment before, by a clock that nobody sets. */
double clock_seconds(void);

#endif
