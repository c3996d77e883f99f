/* What `bound` prints and coded runs record: errors on rows, and the bound that follows from those
 * on the rows it was trained on (docs/bound.md).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_CERTIFICATE_H
#define IDIM_MEASURE_CERTIFICATE_H

#include <jansson.h>

#include "measure/job.h"
#include "train/trainer.h"

typedef struct error_count {
    int64_t errors, n;
} error_count;

/* Wrong answers of the model, as its weights are, on a split of a task with classes. */
int certificate_count(const scorer *r, const split *on, error_count *out);

/* {"n", "errors", "error"} */
json_t *certificate_errors(const error_count *c);

/* The bound from the errors on all rows of train and the code of the classifier: code_bits bits in
 * a file of file_bytes. {"delta", "n", "errors", "train_error", "bits", "bound", ..., "baselines"};
 * delta is the job's setting. */
int certificate_make(const job *j, const error_count *train, int64_t code_bits, int64_t file_bytes,
                     json_t **out);

#endif
