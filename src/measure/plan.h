/* What a run would take, found by doing a little of it in memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_PLAN_H
#define IDIM_MEASURE_PLAN_H

#include "measure/job.h"

typedef struct job_plan {
    int64_t dim, steps;
    double step_seconds;  /* of a step with the run's mean number of tokens */
    double train_seconds; /* all steps                                      */
    double score_seconds; /* all that is scored                             */
    double write_seconds; /* coding and writing of adapters and checkpoints */
    int64_t step_memory;  /* bytes kept for one step                        */
} job_plan;

/* Times a few steps of a tune job, its largest batch among them, and some of its scoring. */
int plan_job(job *j, bool in_study, job_plan *out);

double plan_seconds(const job_plan *p);

#endif
