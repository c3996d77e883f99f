/* What a language model says before it is trained: the level its scores are told against.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_UNTOUCHED_H
#define IDIM_MEASURE_UNTOUCHED_H

#include "measure/job.h"

/* Scores dev and test of a language model's task with the weights as published, once, into the
 * facts of their blocks (task.h); the weights are then the adapter's again where the job has one.
 * Nothing for other tasks. */
int untouched_score(job *j, pulse beat);

#endif
