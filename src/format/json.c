/* Strict JSON over jansson. A place builds its path only when there is an error to tell, from the
 * inside outwards into the end of a buffer.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { JSON_PATH_LENGTH = 256, JSON_SHOWN_LENGTH = 48 };

int json_read_text(idim *lib, const char *name, const char *text, int64_t length, json_t **out)
{
    json_error_t error;
    *out = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*out == NULL && json_error_code(&error) == json_error_out_of_memory)
        return fail_memory(lib, length, name);
    if (*out == NULL)
        return fail(lib, IDIM_EFORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);

    int status = 0;
    if (!json_is_object(*out)) {
        json_place root = json_root(lib, name, *out);
        status = json_fail_expected(&root, "an object");
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

int json_read_file(idim *lib, const char *path, int64_t limit, json_t **out)
{
    *out = NULL;
    char *text;
    int64_t length;
    TRY(file_read(lib, path, limit, &text, &length));
    int status = json_read_text(lib, path, text, length, out);
    memory_free(lib, text);
    return status;
}

json_place json_root(idim *lib, const char *file, const json_t *document)
{
    return (json_place){.lib = lib, .file = file, .value = document};
}

json_place json_member(const json_place *in, const char *key)
{
    return (json_place){in->lib, in->file, in, key, 0, json_object_get(in->value, key)};
}

json_place json_item(const json_place *in, int64_t index)
{
    const json_t *value = index >= 0 ? json_array_get(in->value, (size_t)index) : NULL;
    return (json_place){in->lib, in->file, in, NULL, index, value};
}

bool json_present(const json_place *at)
{
    return at->value != NULL && !json_is_null(at->value);
}

/* puts text in front of *at; what does not fit is left out, from its beginning */
static void prepend(const char *buffer, char **at, const char *text)
{
    size_t room = (size_t)(*at - buffer), length = strlen(text);
    if (length > room) {
        text += length - room;
        length = room;
    }
    *at -= length;
    memcpy(*at, text, length);
}

/* "a.b[2].c" for the place; "" for the root */
static const char *path_of(const json_place *place, char buffer[JSON_PATH_LENGTH])
{
    char *at = buffer + JSON_PATH_LENGTH - 1;
    *at = '\0';
    for (; place->parent != NULL; place = place->parent) {
        if (place->key != NULL) {
            prepend(buffer, &at, place->key);
            if (place->parent->parent != NULL)
                prepend(buffer, &at, ".");
        } else {
            char index[32];
            snprintf(index, sizeof index, "[%lld]", (long long)place->index);
            prepend(buffer, &at, index);
        }
    }
    return at;
}

int json_fail(const json_place *at, int status, const char *format, ...)
{
    char sentence[ERROR_LENGTH], buffer[JSON_PATH_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);

    const char *path = path_of(at, buffer);
    return fail(at->lib, status, "%s: %s%s%s", at->file, path, *path != '\0' ? ": " : "", sentence);
}

/* what there is, short enough for a sentence */
typedef struct shown_value {
    char text[JSON_SHOWN_LENGTH + 4];
    size_t length;
} shown_value;

static int show_piece(const char *piece, size_t size, void *user)
{
    shown_value *shown = user;
    size_t room = JSON_SHOWN_LENGTH - shown->length, taken = size < room ? size : room;
    memcpy(shown->text + shown->length, piece, taken);
    shown->length += taken;
    if (taken < size)
        memcpy(shown->text + JSON_SHOWN_LENGTH, "...", 4);
    return 0;
}

/* ASCII, so that it can be cut anywhere */
static void show(const json_t *value, shown_value *shown)
{
    *shown = (shown_value){.length = 0};
    if (value == NULL)
        show_piece("nothing", 7, shown);
    else if (json_is_object(value))
        show_piece("an object", 9, shown);
    else if (json_is_array(value))
        show_piece("a list", 6, shown);
    else
        json_dump_callback(value, show_piece, shown, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
}

int json_fail_expected(const json_place *at, const char *wanted)
{
    shown_value shown;
    show(at->value, &shown);
    return json_fail(at, IDIM_EFORMAT, "expected %s, found %s", wanted, shown.text);
}

int json_fail_unsupported(const json_place *at, const char *known)
{
    shown_value shown;
    char buffer[JSON_PATH_LENGTH];
    show(at->value, &shown);
    if (shown.text[0] == '"') {
        shown.text[0] = '\'';
        if (shown.text[shown.length - 1] == '"')
            shown.text[shown.length - 1] = '\'';
    }
    return fail(at->lib, IDIM_EUNSUPPORTED, "%s: %s %s is not supported by this version (%s are)",
                at->file, path_of(at, buffer), shown.text, known);
}

int json_want_integer(const json_place *at, int64_t low, int64_t high, int64_t *out)
{
    int64_t value = json_integer_value(at->value);
    if (!json_is_integer(at->value) || value < low || value > high) {
        char wanted[96];
        snprintf(wanted, sizeof wanted, "an integer between %lld and %lld", (long long)low,
                 (long long)high);
        return json_fail_expected(at, wanted);
    }
    *out = value;
    return 0;
}

int json_want_number(const json_place *at, double low, double high, double *out)
{
    double value = json_number_value(at->value);
    if (!json_is_number(at->value) || !(value >= low && value <= high)) {
        char wanted[96];
        snprintf(wanted, sizeof wanted, "a number between %g and %g", low, high);
        return json_fail_expected(at, wanted);
    }
    *out = value;
    return 0;
}

int json_want_flag(const json_place *at, bool *out)
{
    if (!json_is_boolean(at->value))
        return json_fail_expected(at, "true or false");
    *out = json_is_true(at->value);
    return 0;
}

int json_want_text(const json_place *at, const char **out)
{
    if (!json_is_string(at->value))
        return json_fail_expected(at, "a string");
    *out = json_string_value(at->value);
    return 0;
}

int json_want_object(const json_place *at, int64_t *n)
{
    if (!json_is_object(at->value))
        return json_fail_expected(at, "an object");
    *n = (int64_t)json_object_size(at->value);
    return 0;
}

int json_want_list(const json_place *at, int64_t *n)
{
    if (!json_is_array(at->value))
        return json_fail_expected(at, "a list");
    *n = (int64_t)json_array_size(at->value);
    return 0;
}

int json_take_integer(const json_place *in, const char *key, int64_t low, int64_t high,
                      int64_t *out)
{
    json_place at = json_member(in, key);
    return json_present(&at) ? json_want_integer(&at, low, high, out) : 0;
}

int json_take_number(const json_place *in, const char *key, double low, double high, double *out)
{
    json_place at = json_member(in, key);
    return json_present(&at) ? json_want_number(&at, low, high, out) : 0;
}

int json_take_flag(const json_place *in, const char *key, bool *out)
{
    json_place at = json_member(in, key);
    return json_present(&at) ? json_want_flag(&at, out) : 0;
}

int json_take_text(const json_place *in, const char *key, const char **out)
{
    json_place at = json_member(in, key);
    return json_present(&at) ? json_want_text(&at, out) : 0;
}
