/* The file is read whole and taken apart in place: a separator becomes the zero byte after its
 * cell. Only JSONL needs a buffer beside it, for the decoded strings of one row.
 *
 * SPDX-License-Identifier: MIT */
#include "format/table.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "format/table_json.h"

/* an in-memory table of more than this is not a table of sentences */
#define TABLE_LIMIT ((int64_t)1 << 36)

static int fail_line(const table *t, int64_t line, const char *sentence)
{
    return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: %s", t->path, (long long)line, sentence);
}

int table_add_cell(table *t, const char *text, int64_t length)
{
    if (t->n_cells == TABLE_MAX_COLUMNS)
        return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: expected at most %d cells, found more",
                    t->path, (long long)t->line, TABLE_MAX_COLUMNS);
    if (t->n_cells == t->cell_room) {
        int64_t room = t->cell_room == 0 ? 16 : 2 * t->cell_room;
        TRY(memory_resize(t->lib, room, sizeof *t->cell, t->path, (void **)&t->cell));
        t->cell_room = room;
    }
    t->cell[t->n_cells++] = (table_cell){text, length, false};
    return 0;
}

/* the line that begins at t->at, without its end; the next line becomes the present one */
static char *take_line(table *t, int64_t *length)
{
    char *line = t->at, *newline = memchr(line, '\n', (size_t)(t->end - line));
    char *end = newline != NULL ? newline : t->end;
    t->at = newline != NULL ? newline + 1 : t->end;
    t->line = t->next_line++;
    if (end > line && end[-1] == '\r')
        end--;
    *end = '\0';
    *length = end - line;
    return line;
}

static int split_tabs(table *t, char *line, int64_t length)
{
    char *end = line + length;
    for (;;) {
        char *tab = memchr(line, '\t', (size_t)(end - line));
        char *stop = tab != NULL ? tab : end;
        *stop = '\0';
        TRY(table_add_cell(t, line, stop - line));
        if (tab == NULL)
            return 0;
        line = tab + 1;
    }
}

/* the cell whose opening quote is at t->at; t->at moves behind the closing one */
static int take_quoted(table *t, char **text, int64_t *length)
{
    int64_t opened = t->next_line;
    char *to = ++t->at;
    *text = to;
    for (;;) {
        char *quote = memchr(t->at, '"', (size_t)(t->end - t->at));
        if (quote == NULL)
            return fail_line(t, opened,
                             "expected a quote that closes the one opened here, found "
                             "the end of the file");
        for (char *p = t->at; p < quote; p++)
            t->next_line += *p == '\n';
        memmove(to, t->at, (size_t)(quote - t->at));
        to += quote - t->at;
        t->at = quote + 1;
        if (t->at >= t->end || *t->at != '"')
            break;
        *to++ = '"';
        t->at++;
    }
    *length = to - *text;
    return 0;
}

static int take_plain(table *t, char **text, int64_t *length)
{
    *text = t->at;
    while (t->at < t->end && *t->at != ',' && *t->at != '\n')
        t->at++;
    char *end = t->at;
    if (end > *text && end[-1] == '\r' && (t->at == t->end || *t->at == '\n'))
        end--;
    *length = end - *text;
    return 0;
}

/* Steps over what ends a cell; *last when it ended the row. The zero byte that ends the cell's text
 * may take the separator's place, so the separator is looked at first. */
static int end_cell(table *t, char *end_of_text, bool *last)
{
    char *p = t->at;
    if (p < t->end && *p == '\r' && (p + 1 == t->end || p[1] == '\n'))
        p++;
    if (p < t->end && *p != ',' && *p != '\n')
        return fail_line(t, t->next_line,
                         "expected a comma or the line's end after a closing quote, found more "
                         "text");
    *last = p >= t->end || *p == '\n';
    t->next_line += p < t->end && *p == '\n';
    t->at = p < t->end ? p + 1 : t->end;
    *end_of_text = '\0';
    return 0;
}

static int split_csv(table *t)
{
    t->line = t->next_line;
    for (bool last = false; !last;) {
        char *text = NULL;
        int64_t length = 0;
        if (t->at < t->end && *t->at == '"')
            TRY(take_quoted(t, &text, &length));
        else
            TRY(take_plain(t, &text, &length));
        TRY(end_cell(t, text + length, &last));
        TRY(table_add_cell(t, text, length));
    }
    return 0;
}

/* lines of nothing at all are no rows */
static void skip_empty_lines(table *t)
{
    for (;;) {
        char *p = t->at;
        if (p < t->end && *p == '\r' && p + 1 < t->end && p[1] == '\n')
            p++;
        if (p >= t->end || *p != '\n')
            return;
        t->at = p + 1;
        t->next_line++;
    }
}

static int take_row(table *t)
{
    int64_t length;
    if (t->format == TABLE_CSV)
        return split_csv(t);
    char *line = take_line(t, &length);
    if (t->format == TABLE_JSONL)
        return table_take_object(t, line, length);
    return split_tabs(t, line, length);
}

int table_next(table *t, bool *more)
{
    skip_empty_lines(t);
    t->n_cells = 0;
    *more = t->at < t->end;
    if (!*more)
        return 0;
    TRY(take_row(t));
    bool strict = t->n_columns > 0 && (t->format == TABLE_TSV || t->format == TABLE_CSV);
    if (strict && t->n_cells != t->n_columns)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: line %lld: expected %lld cells as in the header, found %lld", t->path,
                    (long long)t->line, (long long)t->n_columns, (long long)t->n_cells);
    return 0;
}

int64_t table_find(const table *t, const char *name)
{
    for (int64_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i], name) == 0)
            return i;
    return -1;
}

static int name_columns(table *t)
{
    int64_t n = t->n_cells;
    TRY(NEW(t->lib, char *, n, t->path, &t->column));
    for (int64_t i = 0; i < n; i++) {
        TRY(memory_text(t->lib, t->cell[i].text, t->cell[i].length, &t->column[i]));
        t->n_columns++;
    }
    return 0;
}

static int read_header(table *t)
{
    if (t->format == TABLE_JSONL)
        return table_name_keys(t);
    bool more;
    TRY(table_next(t, &more));
    if (!more)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: expected a header line that names the columns, found an empty file",
                    t->path);
    return name_columns(t);
}

static int find_format(table *t)
{
    static const struct {
        const char *end;
        table_format format;
    } ends[] = {{".tsv", TABLE_TSV}, {".csv", TABLE_CSV}, {".jsonl", TABLE_JSONL}};

    const char *dot = strrchr(t->path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof ends / sizeof ends[0]; i++) {
        if (strcasecmp(dot, ends[i].end) == 0) {
            t->format = ends[i].format;
            return 0;
        }
    }
    if (file_is_folder(t->path))
        return fail(t->lib, IDIM_EIO, "%s: expected a .tsv, .csv or .jsonl file, found a folder",
                    t->path);
    return fail(t->lib, IDIM_EARGUMENT,
                "%s: expected a file whose name ends in .tsv, .csv or .jsonl, found another end%s",
                t->path,
                dot != NULL && strcasecmp(dot, ".json") == 0 ? " (one object a line: .jsonl)" : "");
}

static int check_encoding(table *t)
{
    int64_t n = t->end - t->at;
    if (n >= 2 && (memcmp(t->at, "\xff\xfe", 2) == 0 || memcmp(t->at, "\xfe\xff", 2) == 0))
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: expected UTF-8, found UTF-16: save the file as UTF-8", t->path);
    if (n >= 3 && memcmp(t->at, "\xef\xbb\xbf", 3) == 0)
        t->at += 3;
    return 0;
}

static int load(table *t, bool header)
{
    if (t->format == TABLE_BY_NAME)
        TRY(find_format(t));
    int64_t size;
    TRY(file_read(t->lib, t->path, TABLE_LIMIT, &t->bytes, &size));
    uint8_t digest[HASH_BYTES];
    hash_bytes(t->bytes, size, digest);
    hash_text(digest, t->sha256);
    t->at = t->bytes;
    t->end = t->bytes + size;
    TRY(check_encoding(t));
    return header || t->format == TABLE_JSONL ? read_header(t) : 0;
}

int table_open(idim *lib, const char *path, table_format format, bool header, table **out)
{
    *out = NULL;
    table *t;
    TRY(NEW(lib, table, 1, path, &t));
    t->lib = lib;
    t->format = format;
    t->next_line = 1;
    int status = memory_text(lib, path, (int64_t)strlen(path), &t->path);
    if (status == 0)
        status = load(t, header);
    if (status != 0) {
        table_close(t);
        return status;
    }
    *out = t;
    return 0;
}

void table_close(table *t)
{
    if (t == NULL)
        return;
    for (int64_t i = 0; i < t->n_columns; i++)
        memory_free(t->lib, t->column[i]);
    memory_free(t->lib, t->column);
    memory_free(t->lib, t->cell);
    memory_free(t->lib, t->row_text);
    memory_free(t->lib, t->bytes);
    memory_free(t->lib, t->path);
    memory_free(t->lib, t);
}
