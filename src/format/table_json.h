/* Rows of JSONL; for table.c alone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_TABLE_JSON_H
#define IDIM_FORMAT_TABLE_JSON_H

#include "format/table.h"

/* The object in line[0 .. length) becomes the row's cells, one a column. */
int table_take_object(table *t, const char *line, int64_t length);

/* Names the columns after the keys of the first object, which stays to be read as a row. */
int table_name_keys(table *t);

/* Appends a cell to the row. */
int table_add_cell(table *t, const char *text, int64_t length);

#endif
