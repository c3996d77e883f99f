/* A spec is one value a row of the settings table, in the table's order.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/spec_values.h"
#include "base/buffer.h"
#include "measure/settings.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value ------------------------------------------------------------------------------ */

bool spec_is_textual(const idim_setting *row)
{
    return row->type == IDIM_TEXT || row->type == IDIM_PATH || row->type == IDIM_CHOICE;
}

static bool names_match(const char *given, const char *name)
{
    for (; *given != '\0' && *name != '\0'; given++, name++)
        if (*given != *name && !(*given == '-' && *name == '_'))
            return false;
    return *given == *name;
}

/* near may be NULL */
static void write_hint(const char *near, char hint[96])
{
    hint[0] = '\0';
    if (near != NULL)
        snprintf(hint, 96, ": did you mean %.64s?", near);
}

/* is `word` one of "a|b|c"?; if not, ": did you mean b?" or, far from all, "" goes to `hint` */
static bool is_choice(const char *choices, const char *word, char hint[96])
{
    enum { MOST = 16 };
    char copy[256];
    const char *list[MOST];
    int64_t n = 0;
    snprintf(copy, sizeof copy, "%s", choices);
    for (char *at = copy; at != NULL && n < MOST;) {
        char *bar = strchr(at, '|');
        if (bar != NULL)
            *bar++ = '\0';
        list[n++] = at;
        at = bar;
    }
    for (int64_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    write_hint(idim_nearest(word, list, n), hint);
    return false;
}

static int take_text(spec *s, const idim_setting *row, value *v, const char *text)
{
    if (row->type == IDIM_CHOICE) {
        char hint[96];
        if (!is_choice(row->choices, text, hint))
            return fail(s->lib, IDIM_EARGUMENT, "%s: expected one of %s, found \"%s\"%s", row->name,
                        row->choices, text, hint);
    } else if (text[0] == '\0') {
        return fail(s->lib, IDIM_EARGUMENT, "%s: expected a text, found an empty one", row->name);
    }

    memory_free(s->lib, v->text);
    v->text = NULL;
    TRY(memory_text(s->lib, text, (int64_t)strlen(text), &v->text));
    v->present = true;
    return 0;
}

static int take_number(spec *s, const idim_setting *row, value *v, double number)
{
    char found[NUMBER_TEXT], low[NUMBER_TEXT], high[NUMBER_TEXT];
    if (row->type == IDIM_INTEGER && (isnan(number) || number != floor(number)))
        return fail(s->lib, IDIM_EARGUMENT, "%s: expected a whole number, found %g", row->name,
                    number);
    if (!(number >= row->low && number <= row->high)) {
        number_shortest(number, found);
        number_shortest(row->low, low);
        number_shortest(row->high, high);
        return fail(s->lib, IDIM_EARGUMENT,
                    "%s: expected a number from %s to %s, found %s: the nearest is %s", row->name,
                    low, high, found, number < row->low ? low : high);
    }
    v->number = number;
    v->present = true;
    return 0;
}

static const char *type_name(const idim_setting *row)
{
    switch (row->type) {
    case IDIM_INTEGER:
        return "a whole number";
    case IDIM_NUMBER:
        return "a number";
    case IDIM_FLAG:
        return "true or false";
    case IDIM_CHOICE:
    case IDIM_PATH:
    case IDIM_TEXT:
        break;
    }
    return "a text";
}

static const char *json_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static int take_json(spec *s, const idim_setting *row, value *v, const json_t *json)
{
    if (v->set)
        return fail(s->lib, IDIM_EARGUMENT, "%s: expected once, found twice", row->name);
    if (json_is_null(json))
        return 0;

    v->set = true;
    v->is_auto = false;
    if (json_is_string(json) && strcmp(row->fallback, "auto") == 0 &&
        strcmp(json_string_value(json), "auto") == 0) {
        v->is_auto = true;
        return 0;
    }
    if (json_is_string(json) && spec_is_textual(row))
        return take_text(s, row, v, json_string_value(json));
    if (json_is_number(json) && (row->type == IDIM_INTEGER || row->type == IDIM_NUMBER))
        return take_number(s, row, v, json_number_value(json));
    if (json_is_boolean(json) && row->type == IDIM_FLAG) {
        v->number = json_is_true(json);
        v->present = true;
        return 0;
    }
    return fail(s->lib, IDIM_EARGUMENT, "%s: expected %s, found %s", row->name, type_name(row),
                json_name(json));
}

static int take_fallback(spec *s, const idim_setting *row, value *v)
{
    if (row->fallback[0] == '\0')
        return 0;
    if (strcmp(row->fallback, "auto") == 0) {
        v->is_auto = true;
        return 0;
    }
    if (spec_is_textual(row))
        return take_text(s, row, v, row->fallback);
    v->number =
        row->type == IDIM_FLAG ? strcmp(row->fallback, "true") == 0 : strtod(row->fallback, NULL);
    v->present = true;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

bool spec_takes(const spec *s, const idim_setting *row)
{
    return setting_serves(row, s->command) && strcmp(row->group, SETTINGS_COMMAND) != 0;
}

/* says which setting the key could have meant, or who else takes it */
static int fail_key(spec *s, const char *key)
{
    for (int64_t i = 0; i < s->n; i++) {
        if (!names_match(key, s->rows[i].name))
            continue;
        if (strcmp(s->rows[i].group, SETTINGS_COMMAND) == 0)
            return fail(s->lib, IDIM_EARGUMENT,
                        "%s: is an option of the command, not a setting: leave it out", key);
        return fail(s->lib, IDIM_EARGUMENT, "%s: is a setting of %s, not of %s: leave it out", key,
                    s->rows[i].commands, s->command);
    }

    const char **names;
    TRY(NEW(s->lib, const char *, s->n, "setting names", &names));
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (spec_takes(s, &s->rows[i]))
            names[n++] = s->rows[i].name;
    char hint[96];
    write_hint(idim_nearest(key, names, n), hint);
    memory_free(s->lib, names);
    return fail(s->lib, IDIM_EARGUMENT, "%s: %s has no such setting%s", key, s->command, hint);
}

static int64_t row_of(const spec *s, const char *name)
{
    for (int64_t i = 0; i < s->n; i++)
        if (strcmp(s->rows[i].name, name) == 0)
            return i;
    assert(false && "a name of the settings table");
    return 0;
}

static value *value_of(const spec *s, const char *name)
{
    return &s->values[row_of(s, name)];
}

static int fill(spec *s, json_t *object)
{
    for (int64_t i = 0; i < s->n; i++)
        if (spec_takes(s, &s->rows[i]))
            TRY(take_fallback(s, &s->rows[i], &s->values[i]));

    const char *key;
    json_t *json;
    json_object_foreach(object, key, json)
    {
        int64_t i = 0;
        while (i < s->n && !(spec_takes(s, &s->rows[i]) && names_match(key, s->rows[i].name)))
            i++;
        if (i == s->n)
            return fail_key(s, key);
        TRY(take_json(s, &s->rows[i], &s->values[i], json));
    }
    return 0;
}

static int fail_both(const spec *s, const char *a, const char *b)
{
    return fail(s->lib, IDIM_EARGUMENT, "%s: cannot be given together with %s: leave one out", a,
                b);
}

static int fail_missing(const spec *s, const char *what, const char *why)
{
    return fail(s->lib, IDIM_EARGUMENT, "%s: is missing: %s", what, why);
}

static bool has(const spec *s, const char *name)
{
    return spec_takes(s, &s->rows[row_of(s, name)]) && spec_is_set(s, name);
}

static bool trains(const spec *s)
{
    return strcmp(s->command, "tune") == 0 || strcmp(s->command, "measure") == 0;
}

/* where the examples come from: a GLUE folder, or files with named columns */
static int check_data(const spec *s)
{
    static const char *const of_files[] = {"train", "dev", "test", "text", "label"};
    bool has_file = has(s, "train") || has(s, "dev") || has(s, "test");

    bool language = has(s, "task") && strcmp(spec_text(s, "task"), "causal-lm") == 0;
    if (language && has(s, "label"))
        return fail_both(s, "label", "task causal-lm");
    if (has(s, "task") && !language) {
        for (int i = 0; i < 5; i++)
            if (has(s, of_files[i]))
                return fail_both(s, of_files[i], "task");
        return has(s, "data") ? 0 : fail_missing(s, "data", "the folder with the task's files");
    }
    if (has(s, "data") && language)
        return fail_both(s, "data", "task causal-lm");
    if (has(s, "data"))
        return fail_missing(s, "task", "data is the folder of a GLUE task, which must be named");
    if (trains(s) && !has(s, "train"))
        return fail_missing(s, "train", "a file to train on, or task and data");
    if (strcmp(s->command, "measure") == 0 && !has(s, "dev"))
        return fail_missing(s, "dev", "a labelled file that is scored, or task and data");
    if (strcmp(s->command, "predict") == 0 && !has_file)
        return fail_missing(s, "test", "a file to label, or task and data");
    if (strcmp(s->command, "gradients") == 0 && !has_file)
        return fail_missing(s, "train", "a file of examples, or task and data");
    if (strcmp(s->command, "eval") == 0 && !has_file)
        return fail_missing(s, "test", "a labelled file, or task and data");
    return 0;
}

static int check_method(const spec *s)
{
    const char *method = spec_text(s, "method");
    bool in_subspace = strcmp(method, "said") == 0 || strcmp(method, "did") == 0;
    bool measures = strcmp(s->command, "measure") == 0;
    if (measures && !in_subspace)
        return fail(s->lib, IDIM_EARGUMENT,
                    "method: measure searches the dimension of said or did, found %s: full, head "
                    "and bias are measured beside them anyway",
                    method);
    if (!measures && in_subspace && !has(s, "dim"))
        return fail(s->lib, IDIM_EARGUMENT,
                    "dim: is missing: method %s needs to know how many numbers to train, "
                    "2000 for example",
                    method);
    if (!measures && !in_subspace && has(s, "dim"))
        return fail(s->lib, IDIM_EARGUMENT,
                    "dim: cannot be given with method %s, which trains a fixed set of weights: "
                    "leave it out, or take method said",
                    method);
    if (strcmp(spec_text(s, "pull"), "public") == 0 &&
        strcmp(spec_text(s, "projection"), "fastfood-tensor") != 0)
        return fail(s->lib, IDIM_EARGUMENT,
                    "pull: public is a mode of projection fastfood-tensor, found projection %s",
                    spec_text(s, "projection"));
    return 0;
}

/* with an adapter and without method or dim, its own numbers are meant */
static int check_gradients(const spec *s)
{
    if (!has(s, "output"))
        return fail_missing(s, "output", "the NumPy file to write");
    bool own = has(s, "adapter") && !has(s, "method") && !has(s, "dim");
    return own ? 0 : check_method(s);
}

/* settings that contradict each other, or miss each other */
static int check(const spec *s)
{
    if (strcmp(s->command, "selftest") == 0)
        return 0;
    bool inspects = strcmp(s->command, "inspect") == 0;
    if (strcmp(s->command, "measure") == 0 && has(s, "status"))
        return 0;
    if (!has(s, "model") && !(inspects && has(s, "adapter")))
        return fail_missing(s, "model", "a folder, or a name in the Hugging Face cache");
    if (strcmp(s->command, "tokenize") == 0)
        return 0;

    TRY(check_data(s));
    if (strcmp(s->command, "gradients") == 0)
        return check_gradients(s);
    if (!trains(s))
        return 0;
    TRY(check_method(s));
    if (has(s, "num_train_epochs") && has(s, "max_steps"))
        return fail_both(s, "num_train_epochs", "max_steps");
    if (has(s, "max_steps"))
        value_of(s, "num_train_epochs")->present = false;
    double warmup = spec_number(s, "warmup_steps");
    if (warmup >= 1 && warmup != floor(warmup))
        return fail(s->lib, IDIM_EARGUMENT,
                    "warmup_steps: expected a whole number, or a fraction below 1 of all steps, "
                    "found %g",
                    warmup);
    if (!has(s, "output_dir"))
        return fail_missing(s, "output_dir", "the folder the result is written to");
    return 0;
}

int spec_parse(idim *lib, const char *command, const char *text, spec **out)
{
    *out = NULL;
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return fail(lib, IDIM_EARGUMENT, "settings: line %d, column %d: %s", error.line,
                    error.column, error.text);
    if (!json_is_object(object)) {
        int status = fail(lib, IDIM_EARGUMENT, "settings: expected a JSON object, found %s",
                          json_name(object));
        json_decref(object);
        return status;
    }

    spec *s = NULL;
    int status = NEW(lib, spec, 1, "settings", &s);
    if (status == 0) {
        s->lib = lib;
        s->command = command;
        s->rows = idim_settings(&s->n);
        status = NEW(lib, value, s->n, "settings", &s->values);
    }
    if (status == 0)
        status = fill(s, object);
    if (status == 0)
        status = check(s);
    json_decref(object);

    if (status != 0) {
        spec_free(s);
        return status;
    }
    *out = s;
    return 0;
}

void spec_free(spec *s)
{
    if (s == NULL)
        return;
    for (int64_t i = 0; s->values != NULL && i < s->n; i++)
        memory_free(s->lib, s->values[i].text);
    memory_free(s->lib, s->values);
    memory_free(s->lib, s);
}

/* ---- reading and resolving ------------------------------------------------------------------ */

const char *spec_command(const spec *s)
{
    return s->command;
}

idim *spec_library(const spec *s)
{
    return s->lib;
}

bool spec_has(const spec *s, const char *name)
{
    for (int64_t i = 0; i < s->n; i++)
        if (strcmp(s->rows[i].name, name) == 0)
            return setting_serves(&s->rows[i], s->command);
    return false;
}

bool spec_is_set(const spec *s, const char *name)
{
    return value_of(s, name)->set;
}

bool spec_is_auto(const spec *s, const char *name)
{
    return value_of(s, name)->is_auto;
}

const char *spec_text(const spec *s, const char *name)
{
    const value *v = value_of(s, name);
    assert(spec_is_textual(&s->rows[v - s->values]));
    return v->is_auto ? "auto" : v->text;
}

double spec_number(const spec *s, const char *name)
{
    const value *v = value_of(s, name);
    assert(!spec_is_textual(&s->rows[v - s->values]));
    if (v->is_auto)
        return -1;
    return v->present ? v->number : 0;
}

int64_t spec_integer(const spec *s, const char *name)
{
    return (int64_t)spec_number(s, name);
}

bool spec_flag(const spec *s, const char *name)
{
    return spec_number(s, name) != 0;
}

void spec_set_number(spec *s, const char *name, double number)
{
    value *v = value_of(s, name);
    assert(!spec_is_textual(&s->rows[v - s->values]));
    v->number = number;
    v->present = true;
    v->is_auto = false;
}

void spec_set_integer(spec *s, const char *name, int64_t number)
{
    spec_set_number(s, name, (double)number);
}
