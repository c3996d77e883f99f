/* A spec as text: all that decides the result, or the part of it that a run's name mentions.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/spec_values.h"

#include "base/buffer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* "name":value, appended to *text, which is replaced */
static int add_value(const spec *s, int64_t i, char **text)
{
    const idim_setting *row = &s->rows[i];
    const value *v = &s->values[i];
    char number[NUMBER_TEXT];
    char *quoted = NULL;
    const char *shown = number;

    if (v->is_auto) {
        shown = "\"auto\"";
    } else if (!v->present) {
        shown = "null";
    } else if (spec_is_textual(row)) {
        json_t *json = json_string(v->text);
        quoted = json != NULL ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
        json_decref(json);
        if (quoted == NULL)
            return fail_memory(s->lib, (int64_t)strlen(v->text), "settings");
        shown = quoted;
    } else if (row->type == IDIM_FLAG) {
        shown = v->number != 0 ? "true" : "false";
    } else {
        number_shortest(v->number, number);
    }

    char *longer;
    int status = memory_format(s->lib, &longer, "%s%s\"%s\":%s", *text,
                               (*text)[1] != '\0' ? "," : "", row->name, shown);
    free(quoted);
    TRY(status);
    memory_free(s->lib, *text);
    *text = longer;
    return 0;
}

/* does the value stand where the row says that it goes without mention? */
static bool goes_unnamed(const idim_setting *row, const value *v)
{
    if (row->unnamed == NULL)
        return false;
    if (v->is_auto || !v->present)
        return strcmp(row->unnamed, v->is_auto ? "auto" : "") == 0;
    if (spec_is_textual(row))
        return strcmp(row->unnamed, v->text) == 0;
    if (row->type == IDIM_FLAG)
        return strcmp(row->unnamed, v->number != 0 ? "true" : "false") == 0;
    char number[NUMBER_TEXT];
    number_shortest(v->number, number);
    return strcmp(row->unnamed, number) == 0;
}

/* of the rows that decide the result: all, or those that a name mentions */
static bool is_written(const spec *s, int64_t i, bool named)
{
    const idim_setting *row = &s->rows[i];
    if (!spec_takes(s, row) || strcmp(row->group, SETTINGS_RUNNING) == 0)
        return false;
    return !named || (row->type != IDIM_PATH && !goes_unnamed(row, &s->values[i]));
}

/* the row to write with the least name above `after`, -1 when there is none */
static int64_t next_row(const spec *s, bool named, const char *after)
{
    int64_t best = -1;
    for (int64_t i = 0; i < s->n; i++)
        if (is_written(s, i, named) && strcmp(s->rows[i].name, after) > 0 &&
            (best < 0 || strcmp(s->rows[i].name, s->rows[best].name) < 0))
            best = i;
    return best;
}

static int write_rows(const spec *s, bool named, char **out)
{
    char *text;
    TRY(memory_text(s->lib, "{", 1, &text));

    int status = 0;
    for (int64_t i = next_row(s, named, ""); i >= 0 && status == 0;
         i = next_row(s, named, s->rows[i].name))
        status = add_value(s, i, &text);
    if (status == 0)
        status = memory_format(s->lib, out, "%s}", text);
    memory_free(s->lib, text);
    return status;
}

int spec_canonical(const spec *s, char **out)
{
    return write_rows(s, false, out);
}

int spec_named(const spec *s, char **out)
{
    return write_rows(s, true, out);
}
