/* The rows of one split as text, before labels have numbers and texts have tokens.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_ROWS_H
#define IDIM_TASK_ROWS_H

#include "task/glue.h"
#include "task/task.h"

typedef enum row_part { ROW_TEXT, ROW_PAIR, ROW_LABEL, ROW_PARTS } row_part;

typedef struct row {
    int64_t line;              /* of the file, for sentences */
    int64_t at[ROW_PARTS];     /* into the pool; -1: there is none; a zero byte follows each */
    int64_t length[ROW_PARTS]; /* bytes */
} row;

typedef struct rows {
    idim *lib;
    char *path;
    char sha256[65];
    char *columns; /* as split.columns */
    char *pool;
    int64_t pool_n, pool_room;
    row *item; /* [n] */
    int64_t n, room;
    int64_t skipped;
    bool labelled;
    bool several; /* rows have any number of labels: each ends in a zero byte, row.length counts all
                     but the last of these */
} rows;

/* `glue` NULL: a file with a header, columns by the options' names or by rule. At most max_samples
 * of the options. *out is the caller's to free, also on failure. */
int rows_read(idim *lib, const char *path, const task_options *options, const glue_task *glue,
              split_name which, rows *out);
void rows_free(rows *r);

/* NULL where the row has no such part. */
static inline const char *row_text(const rows *r, int64_t i, row_part part)
{
    int64_t at = r->item[i].at[part];
    return at < 0 ? NULL : r->pool + at;
}

#endif
