/* Tables of text, one row at a time:
 *
 *     TSV    cells between tabs, no quoting whatsoever
 *     CSV    RFC 4180: cells between commas, "quoted" ones may hold commas, line ends and "" for "
 *     JSONL  one object a line; its keys are the columns, those of the first line are listed
 *
 * UTF-8; a byte order mark and CRLF line ends are tolerated, a UTF-16 mark is refused. Lines of
 * nothing at all are no rows. A cell is any bytes: zero bytes and bytes that are not UTF-8 are
 * handed on as they are (in JSONL the latter are refused). There is no limit to a line's length.
 *
 *     table *t;
 *     TRY(table_open(lib, "a.csv", TABLE_BY_NAME, true, &t));
 *     for (bool more = true; (status = table_next(t, &more)) == 0 && more;)
 *         ... t->cell[i].text ...
 *     table_close(t);
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_TABLE_H
#define IDIM_FORMAT_TABLE_H

#include "base/hash.h"
#include "base/library.h"

typedef enum table_format {
    TABLE_BY_NAME, /* from the file's name: .tsv, .csv, .jsonl; else IDIM_EARGUMENT */
    TABLE_TSV,
    TABLE_CSV,
    TABLE_JSONL,
    TABLE_RAGGED_TSV /* rows may have more or fewer cells than the header */
} table_format;

enum { TABLE_MAX_COLUMNS = 10000, TABLE_JOINT = 0x1f /* ASCII's unit separator */ };

/* text ends in a zero byte; NULL where a row of JSONL has no string, number or boolean of that key,
 * nor a list of them. A list's items are joined by TABLE_JOINT. */
typedef struct table_cell {
    const char *text;
    int64_t length;
    bool list;
} table_cell;

typedef struct table {
    idim *lib;
    char *path;
    char sha256[HASH_TEXT]; /* of the file */
    table_format format;
    char **column; /* [n_columns] names; none when the file has no header */
    int64_t n_columns;
    table_cell *cell; /* [n_cells] of this row, good until the next */
    int64_t n_cells;
    int64_t line; /* where this row begins, 1 for the first line */

    /* private */
    char *bytes, *at, *end;
    char *row_text; /* JSONL: the decoded cells */
    int64_t next_line, cell_room, row_room;
} table;

/* JSONL has its header in its first line whatever `header` says. A header that is asked for and not
 * there (an empty file) is IDIM_EFORMAT, but for JSONL: no rows, no columns. */
int table_open(idim *lib, const char *path, table_format format, bool header, table **out);
void table_close(table *t);

/* *more is false after the last row. A row of the wrong width (TSV, CSV with a header) is
 * IDIM_EFORMAT. */
int table_next(table *t, bool *more);

/* The number of the column of that name, or -1. */
int64_t table_find(const table *t, const char *name);

#endif
