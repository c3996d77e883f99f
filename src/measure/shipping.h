/* What a run ships: its numbers coded, and the search for the coding with the lowest bound.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SHIPPING_H
#define IDIM_MEASURE_SHIPPING_H

#include <jansson.h>

#include "measure/job.h"
#include "train/trainer.h"

/* Refuses what for_bound cannot be asked of. */
int shipping_check(const job *j);

/* With for_bound: sets the spec's bits to those whose bound, estimated from the first rows of
 * train, is lowest at the trainer's x. *tried becomes the list of candidates, else NULL. */
int shipping_choose(const job *j, trainer *t, json_t **tried);

/* The tokens scored for that; 0 without for_bound. */
int64_t shipping_tried_tokens(const job *j);

/* The trainer_round of a job whose spec asks for a coded adapter; user is the job. */
int shipping_round(void *user, const real *x, real *out);

#endif
