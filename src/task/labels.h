/* From labels as text to classes or values.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_LABELS_H
#define IDIM_TASK_LABELS_H

#include "task/rows.h"

/* Settles kind, n_labels and label_name of t by the rules in task.h. all[0 .. n): the splits there
 * are, the train split first where there is one (has_train). */
int labels_settle(task *t, const task_options *options, const glue_task *glue,
                  const rows *const *all, int64_t n, bool has_train);

/* label[r->n] of a labelled split, or [r->n][n_labels], all 0 before; a label that is none of the
 * classes, or no number, is IDIM_EFORMAT with its line. */
int labels_convert(const task *t, const rows *r, float *label);

#endif
