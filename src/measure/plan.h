/* What a run would take, found by doing a little of it in memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_PLAN_H
#define IDIM_MEASURE_PLAN_H

#include "measure/job.h"

typedef struct job_plan {
    int64_t dim, steps;
    double step_seconds;
    int64_t step_memory; /* bytes kept for one step */
} job_plan;

/* Times a few steps of a tune job. */
int plan_job(const job *j, job_plan *out);

#endif
