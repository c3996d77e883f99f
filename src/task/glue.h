/* The nine GLUE tasks as rows of a table.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_GLUE_H
#define IDIM_TASK_GLUE_H

#include "task/task.h"

/* A column by its name in the header, else by its number (0 the first). Number -1: there is none;
 * GLUE_LAST: the last of the row. */
typedef struct glue_column {
    const char *name;
    int number;
} glue_column;

enum { GLUE_LAST = -2, GLUE_MAX_LABELS = 3 };

/* One of train, dev, test. */
typedef struct glue_columns {
    glue_column text, pair, label;
    bool header;
} glue_columns;

typedef struct glue_task {
    const char *name, *folder; /* "mrpc"; "MRPC", where all tasks lie in one folder */
    const char *file[N_SPLITS], *mismatched;
    glue_columns labelled, test;         /* of train and dev; of test */
    const char *labels[GLUE_MAX_LABELS]; /* none: regression */
    const char *metric;
    bool combined, skips_short_rows;
} glue_task;

const glue_task *glue_find(const char *name); /* NULL if there is none */

#endif
