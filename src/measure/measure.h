/* A study: the folder that measure fills and report shows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_MEASURE_H
#define IDIM_MEASURE_MEASURE_H

#include "base/library.h"

/* Writes measure.json from the answers in cells/, and the report's page. */
int study_collect(idim *lib, const char *folder);

/* What measure would do: cells, runs, steps, time. Touches nothing. */
int study_plan(idim *lib, const char *spec_json);

/* measure.json becomes the library's result. */
int study_result(idim *lib, const char *folder);

/* The same with who works on what at the moment. */
int study_status(idim *lib, const char *folder);

#endif
