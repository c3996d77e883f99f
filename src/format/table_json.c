/* jansson reads the line; what its values say is copied into one buffer that serves every row.
 *
 * SPDX-License-Identifier: MIT */
#include "format/table_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 32 };

static int parse(const table *t, int64_t line_number, const char *line, int64_t length,
                 json_t **out)
{
    json_error_t error;
    *out = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (*out == NULL && json_error_code(&error) == json_error_out_of_memory)
        return fail_memory(t->lib, length, t->path);
    if (*out == NULL)
        return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: column %d: expected a JSON object: %s",
                    t->path, (long long)line_number, error.column, error.text);
    if (json_is_object(*out))
        return 0;
    json_decref(*out);
    *out = NULL;
    return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: expected a JSON object, found a list",
                t->path, (long long)line_number);
}

/* The shortest decimal that reads back as the same number, with a point or an exponent, so that 1.0
 * does not become an integer. jansson's own writer does that. */
static int number_text(const json_t *value, char text[NUMBER_TEXT])
{
    size_t n = json_dumpb(value, text, NUMBER_TEXT - 1, JSON_ENCODE_ANY);
    text[n < NUMBER_TEXT ? n : 0] = '\0';
    return (int)n;
}

/* false: a list, an object, null or nothing */
static bool value_text(const json_t *value, char buffer[NUMBER_TEXT], const char **text,
                       int64_t *length)
{
    *text = buffer;
    if (json_is_string(value)) {
        *text = json_string_value(value);
        *length = (int64_t)json_string_length(value);
    } else if (json_is_number(value)) {
        *length = number_text(value, buffer);
    } else if (json_is_boolean(value)) {
        *length = snprintf(buffer, NUMBER_TEXT, "%s", json_is_true(value) ? "true" : "false");
    } else {
        return false;
    }
    return true;
}

/* The items of a list at `to`, joined; false: one is no string, number or boolean, or holds the
 * joint itself. */
static bool list_text(const json_t *list, char *to, int64_t *length)
{
    char buffer[NUMBER_TEXT];
    const char *text;
    int64_t n;
    *length = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!value_text(json_array_get(list, i), buffer, &text, &n) ||
            memchr(text, TABLE_JOINT, (size_t)n) != NULL || memchr(text, '\0', (size_t)n) != NULL)
            return false;
        if (i > 0)
            to[(*length)++] = TABLE_JOINT;
        memcpy(to + *length, text, (size_t)n);
        *length += n;
    }
    return true;
}

static int take_cells(table *t, const json_t *object)
{
    char *to = t->row_text;
    for (int64_t i = 0; i < t->n_columns; i++) {
        char buffer[NUMBER_TEXT];
        const json_t *value = json_object_get(object, t->column[i]);
        const char *text = NULL;
        int64_t n = 0;
        bool list = json_is_array(value);
        if (list ? !list_text(value, to, &n) : !value_text(value, buffer, &text, &n)) {
            TRY(table_add_cell(t, NULL, 0));
            continue;
        }
        if (!list)
            memcpy(to, text, (size_t)n);
        to[n] = '\0';
        TRY(table_add_cell(t, to, n));
        t->cell[t->n_cells - 1].list = list;
        to += n + 1;
    }
    return 0;
}

static int64_t count_commas(const char *line, int64_t length)
{
    int64_t n = 0;
    for (int64_t i = 0; i < length; i++)
        n += line[i] == ',';
    return n;
}

int table_take_object(table *t, const char *line, int64_t length)
{
    /* a decoded string is no longer than its source; numbers, joints and ends take what is added: a
     * list has one item more than commas */
    int64_t items = t->n_columns + count_commas(line, length);
    int64_t needed = length + items * NUMBER_TEXT;
    if (needed > t->row_room) {
        TRY(memory_resize(t->lib, 2 * needed, 1, t->path, (void **)&t->row_text));
        t->row_room = 2 * needed;
    }
    json_t *object;
    TRY(parse(t, t->line, line, length, &object));
    int status = take_cells(t, object);
    json_decref(object);
    return status;
}

static int name_keys(table *t, const json_t *object)
{
    int64_t n = (int64_t)json_object_size(object);
    if (n > TABLE_MAX_COLUMNS)
        return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: expected at most %d keys, found %lld",
                    t->path, (long long)t->next_line, TABLE_MAX_COLUMNS, (long long)n);
    TRY(NEW(t->lib, char *, n, t->path, &t->column));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        TRY(memory_text(t->lib, key, (int64_t)strlen(key), &t->column[t->n_columns]));
        t->n_columns++;
    }
    return 0;
}

int table_name_keys(table *t)
{
    const char *line = t->at;
    int64_t number = t->next_line;
    while (line < t->end && (*line == '\n' || *line == '\r')) {
        number += *line == '\n';
        line++;
    }
    if (line >= t->end)
        return 0;
    const char *newline = memchr(line, '\n', (size_t)(t->end - line));
    json_t *object;
    TRY(parse(t, number, line, (newline != NULL ? newline : t->end) - line, &object));
    int status = name_keys(t, object);
    json_decref(object);
    return status;
}
