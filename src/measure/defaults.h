/* What "auto" comes to. The rules were found by experiment: docs/defaults.md has the tables.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_DEFAULTS_H
#define IDIM_MEASURE_DEFAULTS_H

#include "measure/spec.h"

/* Resolves learning_rate, dropout, batch and the like from the method and d. len_z is the length of
 * z, 0 outside a subspace. */
void defaults_resolve(spec *s, int64_t len_z);

#endif
