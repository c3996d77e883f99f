/* report.html: one file, no script, nothing from the network.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_PAGE_H
#define IDIM_MEASURE_REPORT_PAGE_H

#include "measure/report_draw.h"

/* What is shown of one study. */
typedef struct page {
    buffer *b;
    study *s;
    study_group *group; /* [n_groups] */
    int64_t n_groups;
} page;

/* The whole page. */
int page_write(const page *p);

/* The section on the size of adapters and the bounds they certify. */
int page_shipped(const page *p);

/* Its last sections: settings, how to repeat it, records. */
void page_settings(const page *p);
void page_repeat(const page *p);
void page_records(const page *p);

/* The shell command that asks the study's questions again. */
void page_command(buffer *b, const study *s);

/* "#3-full": where the records behind a number of cell 3 are listed. */
void page_anchor(buffer *b, int64_t cell, const char *part);

/* CSS, in pieces, NULL after the last (a string of C has a length all compilers take). */
extern const char *const page_style[];

#endif
