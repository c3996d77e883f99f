/* Finding columns, and copying the cells that are wanted into one pool.
 *
 * SPDX-License-Identifier: MIT */
#include "task/rows.h"

#include <stdio.h>
#include <string.h>

#include "format/table.h"
#include "text/unicode.h"

/* numbers of the columns by row_part; -1: none, GLUE_LAST: the row's last */
typedef struct places {
    int64_t column[ROW_PARTS];
} places;

/* a name for people: what is no text is shown as '?' or U+FFFD, so that a terminal takes no orders
 */
static void show_name(const char *name, char *out, size_t size)
{
    enum { WIDEST = 4 };
    int64_t n = (int64_t)strlen(name), i = 0;
    size_t at = 0;
    while (i < n && at + WIDEST < size) {
        uint32_t c = unicode_read((const uint8_t *)name, n, &i);
        at += (size_t)unicode_write(c < ' ' || (c >= 0x7f && c < 0xa0) ? '?' : c,
                                    (uint8_t *)out + at);
    }
    out[at] = '\0';
}

/* 'a', 'b', ... */
static void list_columns(const table *t, char *out, size_t size)
{
    enum { SHOWN = 8 };
    size_t at = (size_t)snprintf(out, size, "%s", t->n_columns == 0 ? "none at all" : "");
    for (int64_t i = 0; i < t->n_columns && i < SHOWN; i++) {
        char name[48];
        show_name(t->column[i], name, sizeof name);
        at += (size_t)snprintf(out + at, size - at, "%s'%s'", i > 0 ? ", " : "", name);
    }
    if (t->n_columns > SHOWN)
        snprintf(out + at, size - at, " and %lld more", (long long)t->n_columns - SHOWN);
}

/* one column that holds another format's separator */
static const char *separator_hint(const table *t)
{
    if (t->n_columns != 1 || t->format == TABLE_JSONL)
        return "";
    if (t->format == TABLE_CSV && strpbrk(t->column[0], "\t;|") != NULL)
        return ": cells of a .csv file are separated by commas (tabs: name it .tsv)";
    if (t->format == TABLE_TSV && strpbrk(t->column[0], ",;|") != NULL)
        return ": cells of a .tsv file are separated by tabs (commas: name it .csv)";
    return "";
}

static int fail_column(const table *t, const char *what, const char *name)
{
    char found[512];
    list_columns(t, found, sizeof found);
    return fail(t->lib, IDIM_EFORMAT, "%s: %s: expected a column '%s', found %s%s", t->path, what,
                name, found, separator_hint(t));
}

static int want_column(const table *t, const char *what, const char *name, int64_t *out)
{
    *out = table_find(t, name);
    if (*out < 0)
        return fail_column(t, what, name);
    for (int64_t i = *out + 1; i < t->n_columns; i++)
        if (strcmp(t->column[i], name) == 0)
            return fail(t->lib, IDIM_EFORMAT, "%s: %s: expected one column '%s', found two",
                        t->path, what, name);
    return 0;
}

/* "a" or "a,b" */
static int place_named_texts(const table *t, const char *names, places *p)
{
    const char *comma = strchr(names, ',');
    int64_t first = comma != NULL ? comma - names : (int64_t)strlen(names);
    if (comma != NULL && strchr(comma + 1, ',') != NULL)
        return fail(t->lib, IDIM_EARGUMENT,
                    "text: expected one column or two, COL or COL,COL, found '%s'", names);
    char *name;
    TRY(memory_text(t->lib, names, first, &name));
    int status = want_column(t, "text", name, &p->column[ROW_TEXT]);
    memory_free(t->lib, name);
    if (status == 0 && comma != NULL)
        status = want_column(t, "text", comma + 1, &p->column[ROW_PAIR]);
    return status;
}

/* sentence1 and sentence2, else the first one or two that are not the label */
static int place_texts_by_rule(const table *t, const task_options *o, const char *label, places *p)
{
    int64_t first = table_find(t, "sentence1"), second = table_find(t, "sentence2");
    if (first < 0 || second < 0) {
        first = second = -1;
        for (int64_t i = 0; i < t->n_columns && second < 0; i++) {
            if (strcmp(t->column[i], label) == 0)
                continue;
            second = first >= 0 ? i : -1;
            first = first >= 0 ? first : i;
        }
    }
    if (first < 0)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: text: expected a column beside the label '%s', found none", t->path,
                    label);
    p->column[ROW_TEXT] = first;
    p->column[ROW_PAIR] = o->language ? -1 : second;
    return 0;
}

static int place_by_name(const table *t, const task_options *o, places *p)
{
    const char *label = o->label != NULL ? o->label : "label";
    if (o->text != NULL)
        TRY(place_named_texts(t, o->text, p));
    else if (o->language && table_find(t, "text") >= 0)
        p->column[ROW_TEXT] = table_find(t, "text");
    else
        TRY(place_texts_by_rule(t, o, label, p));
    if (o->language && p->column[ROW_PAIR] >= 0)
        return fail(t->lib, IDIM_EARGUMENT,
                    "text: a language model reads one column, found two, '%s'", o->text);
    if (!o->needs_labels && !(o->takes_labels && table_find(t, label) >= 0))
        return 0;
    TRY(want_column(t, "label", label, &p->column[ROW_LABEL]));
    if (p->column[ROW_TEXT] == p->column[ROW_LABEL] || p->column[ROW_PAIR] == p->column[ROW_LABEL])
        return fail(t->lib, IDIM_EARGUMENT,
                    "text: expected columns beside the label '%s', found the label among them",
                    label);
    return 0;
}

static int64_t place_of(const table *t, const glue_column *c)
{
    int64_t found = c->name != NULL ? table_find(t, c->name) : -1;
    return found >= 0 ? found : c->number;
}

static void place_by_task(const table *t, const glue_columns *c, bool labels, places *p)
{
    p->column[ROW_TEXT] = place_of(t, &c->text);
    p->column[ROW_PAIR] = place_of(t, &c->pair);
    p->column[ROW_LABEL] = labels ? place_of(t, &c->label) : -1;
}

static int describe(const table *t, const places *p, char **out)
{
    char part[ROW_PARTS][80] = {"", "", ""};
    for (int i = 0; i < ROW_PARTS; i++) {
        int64_t c = p->column[i] == GLUE_LAST ? t->n_columns - 1 : p->column[i];
        const char *before = i == ROW_PAIR ? ", " : i == ROW_LABEL ? " -> " : "";
        if (c >= 0 && c < t->n_columns)
            snprintf(part[i], sizeof part[i], "%s%.70s", before, t->column[c]);
        else if (p->column[i] >= 0)
            snprintf(part[i], sizeof part[i], "%scolumn %lld", before, (long long)c + 1);
    }
    return memory_format(t->lib, out, "%s%s%s", part[ROW_TEXT], part[ROW_PAIR], part[ROW_LABEL]);
}

static int pool_add(rows *r, const table_cell *cell, int64_t *at)
{
    int64_t needed = r->pool_n + cell->length + 1;
    if (needed > r->pool_room) {
        int64_t room = needed < (1 << 16) ? 1 << 16 : 2 * needed;
        TRY(memory_resize(r->lib, room, 1, r->path, (void **)&r->pool));
        r->pool_room = room;
    }
    *at = r->pool_n;
    memcpy(r->pool + *at, cell->text, (size_t)cell->length);
    r->pool[*at + cell->length] = '\0';
    r->pool_n = needed;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(table_cell *cell)
{
    while (cell->length > 0 && is_blank(cell->text[0])) {
        cell->text++;
        cell->length--;
    }
    while (cell->length > 0 && is_blank(cell->text[cell->length - 1]))
        cell->length--;
}

/* spaces around a label are not part of it */
static int take_label(const rows *r, const table *t, table_cell *cell)
{
    trim(cell);
    const char *found = cell->length == 0 ? "an empty cell" : "a zero byte";
    if (cell->length == 0 || memchr(cell->text, '\0', (size_t)cell->length) != NULL)
        return fail(r->lib, IDIM_EFORMAT, "%s: line %lld: label: expected a label, found %s",
                    r->path, (long long)t->line, found);
    return 0;
}

/* the labels of a cell, one after the other; empty ones are none */
static int add_labels(rows *r, const table *t, const table_cell *cell, char separator, row *to)
{
    const char *at = cell->text, *end = at + cell->length;
    int64_t first = r->pool_n, place;
    if (memchr(at, '\0', (size_t)cell->length) != NULL)
        return fail(r->lib, IDIM_EFORMAT,
                    "%s: line %lld: label: expected labels, found a zero byte", r->path,
                    (long long)t->line);
    while (at < end) {
        const char *stop = memchr(at, separator, (size_t)(end - at));
        table_cell one = {at, (stop != NULL ? stop : end) - at, false};
        trim(&one);
        if (one.length > 0)
            TRY(pool_add(r, &one, &place));
        at = stop != NULL ? stop + 1 : end;
    }
    if (r->pool_n == first)
        TRY(pool_add(r, &(table_cell){"", 0, false}, &place));
    to->at[ROW_LABEL] = first;
    to->length[ROW_LABEL] = r->pool_n - first - 1;
    return 0;
}

/* A row of labels that is a list makes the task one of several labels; "a" beside ["b"] is ["a"].
 */
static bool has_several(const rows *r, const table_cell *cell)
{
    return r->several || cell->list;
}

/* the row has a cell at every place */
static bool is_complete(const table *t, const places *p)
{
    for (int i = 0; i < ROW_PARTS; i++)
        if (p->column[i] >= t->n_cells)
            return false;
    return true;
}

static int add_row(rows *r, const table *t, const places *p, char separator)
{
    static const char *const what[] = {"text", "text", "label"};
    if (r->n == r->room) {
        int64_t room = r->room == 0 ? 1024 : 2 * r->room;
        TRY(memory_resize(r->lib, room, sizeof *r->item, r->path, (void **)&r->item));
        r->room = room;
    }
    row *added = &r->item[r->n];
    *added = (row){t->line, {-1, -1, -1}, {0, 0, 0}};
    for (int i = 0; i < ROW_PARTS; i++) {
        int64_t c = p->column[i] == GLUE_LAST ? t->n_cells - 1 : p->column[i];
        if (c < 0)
            continue;
        table_cell cell = t->cell[c];
        if (cell.text == NULL || (cell.list && i != ROW_LABEL))
            return fail(r->lib, IDIM_EFORMAT,
                        "%s: line %lld: %s: expected a string or a number under '%s', found none",
                        r->path, (long long)t->line, what[i], t->column[c]);
        if (i == ROW_LABEL && has_several(r, &cell)) {
            char joint = cell.list || t->format == TABLE_JSONL ? TABLE_JOINT : separator;
            r->several = true;
            TRY(add_labels(r, t, &cell, joint, added));
            continue;
        }
        if (i == ROW_LABEL)
            TRY(take_label(r, t, &cell));
        added->length[i] = cell.length;
        TRY(pool_add(r, &cell, &added->at[i]));
    }
    r->n++;
    return 0;
}

static int add_rows(rows *r, table *t, const places *p, const task_options *o, bool skip_short,
                    int64_t limit)
{
    const char separator = o->separator != NULL ? o->separator[0] : TABLE_JOINT;

    for (;;) {
        bool more;
        if (limit > 0 && r->n == limit)
            return 0;
        TRY(table_next(t, &more));
        if (!more)
            return 0;
        if (is_complete(t, p)) {
            TRY(add_row(r, t, p, separator));
        } else if (skip_short) {
            r->skipped++;
        } else {
            return fail(r->lib, IDIM_EFORMAT,
                        "%s: line %lld: expected cells for the columns %s, found only %lld",
                        r->path, (long long)t->line, r->columns, (long long)t->n_cells);
        }
    }
}

static const glue_columns *columns_of(const glue_task *glue, split_name which)
{
    if (glue == NULL)
        return NULL;
    return which == SPLIT_TEST ? &glue->test : &glue->labelled;
}

static int read_table(rows *r, table *t, const task_options *o, const glue_task *glue,
                      split_name which)
{
    places p = {{-1, -1, -1}};
    const glue_columns *columns = columns_of(glue, which);
    if (columns != NULL)
        place_by_task(t, columns, o->needs_labels || o->takes_labels, &p);
    else if (t->n_columns > 0)
        TRY(place_by_name(t, o, &p));
    memcpy(r->sha256, t->sha256, sizeof r->sha256);
    r->labelled = p.column[ROW_LABEL] != -1;
    r->several = r->labelled && glue == NULL && (o->separator != NULL || o->multi_label);
    TRY(describe(t, &p, &r->columns));
    TRY(add_rows(r, t, &p, o, glue != NULL && glue->skips_short_rows, o->max_samples[which]));
    if (r->n == 0 && o->needs_labels)
        return fail(r->lib, IDIM_EFORMAT, "%s: expected at least one row, found none", r->path);
    return 0;
}

int rows_read(idim *lib, const char *path, const task_options *options, const glue_task *glue,
              split_name which, rows *out)
{
    *out = (rows){.lib = lib};
    TRY(memory_text(lib, path, (int64_t)strlen(path), &out->path));
    const glue_columns *columns = columns_of(glue, which);
    table *t;
    TRY(table_open(lib, path, columns != NULL ? TABLE_RAGGED_TSV : TABLE_BY_NAME,
                   columns == NULL || columns->header, &t));
    int status = read_table(out, t, options, glue, which);
    table_close(t);
    return status;
}

void rows_free(rows *r)
{
    memory_free(r->lib, r->path);
    memory_free(r->lib, r->columns);
    memory_free(r->lib, r->pool);
    memory_free(r->lib, r->item);
}
