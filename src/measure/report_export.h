/* figures/: the page's numbers and figures as files. docs/report.md lists the columns.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_EXPORT_H
#define IDIM_MEASURE_REPORT_EXPORT_H

#include "measure/report_draw.h"

/* cells.csv, points.csv, runs.csv, table.md, table.tex */
int export_tables(const study *s, const char *folder);

/* NAME.csv and NAME.gp of every figure. The names, without ending, are put into `names`, one a
 * line. */
int export_figures(const study *s, const study_group *groups, int64_t n, const char *folder,
                   buffer *names);

/* A scatter of rows series,kind,x,y,low,high,model of kind "model", KIND-NUMBER.csv and .gp. */
typedef struct scatter_file {
    const char *kind, *title, *x_name, *y_name;
    int64_t number;
    bool x_log, y_log;
    bool across; /* low and high are along x */
    bool joined; /* by a line                */
} scatter_file;

/* Frees the data. */
int export_scatter(const scatter_file *f, buffer *data, const char *folder, buffer *names);

/* Runs gnuplot on every NAME.gp of `names` (lines) for SVG, PNG and PDF. What could not be drawn is
 * a sentence in `note`, not a failure: *drawn is how many figures were. */
int export_pictures(idim *lib, const char *folder, const buffer *names, buffer *note,
                    int64_t *drawn);

/* ---- for the writers above ------------------------------------------------------------------- */

/* A field of CSV in quotes where it needs them, and the comma or line end after it. */
void csv_text(buffer *b, const char *text, char after);
/* The shortest form that reads back the same; nothing where the value is not finite. */
void csv_number(buffer *b, double value, char after);

/* folder/name.ending, from the buffer, which is freed. */
int export_write(buffer *b, const char *folder, const char *name, const char *ending);

#endif
