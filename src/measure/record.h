/* Records: JSON objects that answer a spec. The same object is printed by --json, written to
 * record.json, and read by reports.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_RECORD_H
#define IDIM_MEASURE_RECORD_H

#include <jansson.h>

#include "measure/job.h"
#include "train/trainer.h"

/* {"accuracy":..., "loss":..., "n":...}; what is not a number becomes null. NULL when out of
 * memory, as for all below. */
json_t *record_evaluation(const evaluation *e);

/* A number, or null when it is not finite. */
json_t *record_number(double value);

/* The parts every idim.run/1 begins with: schema, version, model, task, method, settings. */
json_t *record_begin(const job *j);

/* {"dev": {...}, "test": {...}} of what always answering the majority class (or mean) of the train
 * split scores, of the split's own where there is no train split. */
json_t *record_majority(const job *j);

/* {"path", "n", "truncated", "skipped", "sha256"} of a split, null where there is none. */
json_t *record_split(const split *s);

/* The header of the adapter a job opened, null where there is none. */
json_t *record_adapter(const job *j);

/* What logits [n][n_labels] say of each row: the number of the class, or the value; a block's nats.
 */
json_t *record_predictions(const task *t, const float *logits, int64_t n);

/* Label names as an array; null for regression. */
json_t *record_labels(const task *t);

/* Makes the object the library's result and frees it (NULL: out of memory). */
int record_finish(idim *lib, json_t *record);

/* Peak memory of this process so far, in bytes. */
int64_t record_peak_memory(void);

#endif
