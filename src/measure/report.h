/* The report of a study folder: report.html, and figures/ with the same as files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_H
#define IDIM_MEASURE_REPORT_H

#include "base/library.h"

/* DIR/report.html alone, from DIR/measure.json and DIR/runs/: quick enough to be called after every
 * run. It replaces the page as a whole, so a reader never sees half of one. */
int report_write_page(idim *lib, const char *folder);

#endif
