/* The gradient of one example, pulled into x-space: d numbers instead of one for every weight.
 *
 *     pulled *p;
 *     TRY(pulled_new(model, space, NULL, PULLED_LOSS, &p));
 *     for each example i:
 *         TRY(pulled_example(p, split, i, row, value));
 *
 * PULLED_LOSS differentiates the example's loss. PULLED_LOGITS differentiates what the head says:
 * of two classes logit 1 - logit 0 (softmax knows no more), of K > 2 classes each logit, of a
 * regression its value. Dropout is off. One pass forward and back for each row.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_PULLED_H
#define IDIM_MEASURE_PULLED_H

#include "model/model.h"
#include "subspace/subspace.h"
#include "task/task.h"

typedef enum pulled_of { PULLED_LOSS, PULLED_LOGITS } pulled_of;

typedef struct pulled pulled;

/* At the model's present theta and at x [subspace_dim], which weights the groups (NULL: the
 * origin). All three are borrowed. Several labels at a time are IDIM_EUNSUPPORTED. */
int pulled_new(idim_model *m, subspace *s, const real *x, pulled_of of, pulled **out);
void pulled_free(pulled *p);

/* Rows of one example: 1, or one a class. */
int64_t pulled_rows(const pulled *p);

/* Example i of a split: row [pulled_rows][subspace_dim], and value [pulled_rows], that which is
 * differentiated. A loss needs the split's labels. IDIM_ENOTFINITE names the example. */
int pulled_example(pulled *p, const split *s, int64_t i, real *row, double *value);

#endif
