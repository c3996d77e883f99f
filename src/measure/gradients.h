/* What idim_plan says of the command gradients.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_GRADIENTS_H
#define IDIM_MEASURE_GRADIENTS_H

#include "measure/record.h"

/* Adds shape, bytes and time (of a few examples, done in memory, and of the opening) to out. */
int gradients_plan(const job *j, double opening, json_t *out);

#endif
