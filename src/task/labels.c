/* Labels are compared as text; numbers are judged by their form, without the locale.
 *
 * SPDX-License-Identifier: MIT */
#include "task/labels.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum form { FORM_TEXT, FORM_INTEGER, FORM_DECIMAL } form;

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [+-] digits, or with a point or an exponent */
static form form_of(const char *text)
{
    enum { LONGEST_INTEGER = 18 };
    const char *first = text + (*text == '-' || *text == '+'), *p = skip_digits(first);
    int64_t digits = p - first;
    if (*p == '\0' && digits > 0 && digits <= LONGEST_INTEGER)
        return FORM_INTEGER;
    if (*p == '.') {
        const char *fraction = p + 1;
        p = skip_digits(fraction);
        digits += p - fraction;
    }
    if (digits > 0 && (*p == 'e' || *p == 'E')) {
        p += 1 + (p[1] == '-' || p[1] == '+');
        const char *exponent = p;
        p = skip_digits(exponent);
        digits = p > exponent ? digits : 0;
    }
    return *p == '\0' && digits > 0 ? FORM_DECIMAL : FORM_TEXT;
}

/* text of a form with at most 18 digits */
static int64_t integer_of(const char *text)
{
    int64_t value = 0;
    for (const char *p = text + (*text == '-' || *text == '+'); *p != '\0'; p++)
        value = 10 * value + (*p - '0');
    return *text == '-' ? -value : value;
}

static const char *label_text(const rows *r, int64_t i)
{
    return row_text(r, i, ROW_LABEL);
}

static int64_t class_of(char *const *name, int64_t n, bool by_number, const char *text)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(name[i], text) == 0)
            return i;
    for (int64_t i = 0; i < n; i++)
        if (strcasecmp(name[i], text) == 0)
            return i;
    if (by_number && form_of(text) == FORM_INTEGER) {
        int64_t number = integer_of(text);
        return number >= 0 && number < n ? number : -1;
    }
    return -1;
}

/* what programs write for a number that is none; among numbers it is no class */
static bool is_no_number(const char *text)
{
    static const char *const names[] = {"nan", "inf", "infinity"};
    text += *text == '-' || *text == '+';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(text, names[i]) == 0)
            return true;
    return false;
}

static bool are_values(const rows *r)
{
    bool decimal = false;
    for (int64_t i = 0; i < r->n; i++) {
        form f = form_of(label_text(r, i));
        if (f == FORM_TEXT && !is_no_number(label_text(r, i)))
            return false;
        decimal = decimal || f == FORM_DECIMAL;
    }
    return decimal;
}

static int copy_names(task *t, const char *const *name, int64_t n)
{
    TRY(NEW(t->lib, char *, n, "label names", &t->label_name));
    t->n_labels = n;
    for (int64_t i = 0; i < n; i++)
        TRY(memory_text(t->lib, name[i], (int64_t)strlen(name[i]), &t->label_name[i]));
    return 0;
}

static void drop_names(task *t)
{
    for (int64_t i = 0; t->label_name != NULL && i < t->n_labels; i++)
        memory_free(t->lib, t->label_name[i]);
    memory_free(t->lib, t->label_name);
    t->label_name = NULL;
    t->n_labels = 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = integer_of(*(char *const *)a), y = integer_of(*(char *const *)b);
    return x != y ? (x < y ? -1 : 1) : by_bytes(a, b);
}

/* the label behind `last` of row i (NULL: its first); NULL when there is none */
static const char *next_label(const rows *r, int64_t i, const char *last)
{
    const char *first = label_text(r, i), *end = first + r->item[i].length[ROW_LABEL];
    const char *next = last == NULL ? first : last + strlen(last) + 1;
    return next < end ? next : NULL;
}

static int collect_one(task *t, const rows *r, int64_t i, const char *text)
{
    int64_t k = 0;
    while (k < t->n_labels && strcmp(t->label_name[k], text) != 0)
        k++;
    if (k < t->n_labels)
        return 0;
    if (k == TASK_MAX_LABELS)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: line %lld: label: expected at most %d classes, found more: write "
                    "values with a point (3.0) for regression",
                    r->path, (long long)r->item[i].line, TASK_MAX_LABELS);
    TRY(memory_text(t->lib, text, (int64_t)strlen(text), &t->label_name[k]));
    t->n_labels++;
    return 0;
}

static int collect(task *t, const rows *r)
{
    for (int64_t i = 0; i < r->n; i++)
        for (const char *one = NULL; (one = next_label(r, i, one)) != NULL;)
            TRY(collect_one(t, r, i, one));
    return 0;
}

/* classes that the data names, sorted */
static int names_from_data(task *t, const rows *const *all, int64_t n)
{
    TRY(NEW(t->lib, char *, TASK_MAX_LABELS, "label names", &t->label_name));
    for (int64_t s = 0; s < n; s++)
        if (all[s]->labelled)
            TRY(collect(t, all[s]));

    bool integers = true;
    for (int64_t k = 0; k < t->n_labels; k++)
        integers = integers && form_of(t->label_name[k]) == FORM_INTEGER;
    qsort(t->label_name, (size_t)t->n_labels, sizeof *t->label_name,
          integers ? by_value : by_bytes);
    if (t->n_labels == 0)
        return fail(t->lib, IDIM_EFORMAT, "%s: label: expected labels, found none in any row",
                    all[0]->path);
    if (t->n_labels == 1 && t->kind == TASK_CLASSES)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: label: expected at least two classes, found only "
                    "'%.80s'",
                    all[0]->path, t->label_name[0]);
    return 0;
}

/* numbers may stand for the known labels unless these are numbers themselves */
static bool numbers_may_stand(const task_options *o)
{
    for (int64_t i = 0; i < o->n_known_labels; i++)
        if (form_of(o->known_labels[i]) != FORM_TEXT)
            return false;
    return true;
}

static bool known_cover(const task_options *o, bool by_number, const rows *const *all, int64_t n)
{
    for (int64_t s = 0; s < n; s++)
        for (int64_t i = 0; all[s]->labelled && i < all[s]->n; i++)
            for (const char *one = NULL; (one = next_label(all[s], i, one)) != NULL;)
                if (class_of((char *const *)o->known_labels, o->n_known_labels, by_number, one) < 0)
                    return false;
    return true;
}

/* LABEL_0, LABEL_1, ... is what a saved model says that has no names: then numbers are the names */
static bool are_unnameds(const task_options *o)
{
    for (int64_t i = 0; i < o->n_known_labels; i++) {
        char unnamed[32];
        snprintf(unnamed, sizeof unnamed, "LABEL_%lld", (long long)i);
        if (strcmp(unnamed, o->known_labels[i]) != 0)
            return false;
    }
    return true;
}

static int use_known(task *t, const task_options *o)
{
    t->by_number = numbers_may_stand(o);
    return copy_names(t, o->known_labels, o->n_known_labels);
}

/* "0", "1", ... */
static int use_numbers(task *t, int64_t n)
{
    TRY(NEW(t->lib, char *, n, "label names", &t->label_name));
    t->n_labels = n;
    for (int64_t i = 0; i < n; i++)
        TRY(memory_format(t->lib, &t->label_name[i], "%lld", (long long)i));
    return 0;
}

/* GLUE's own names, unless the known ones say the same in another order or in other words */
static int settle_glue(task *t, const task_options *o, const glue_task *glue)
{
    int64_t n = 0;
    while (n < GLUE_MAX_LABELS && glue->labels[n] != NULL)
        n++;
    bool same = n == o->n_known_labels, by_number = numbers_may_stand(o);
    for (int64_t i = 0; same && i < n; i++)
        same = class_of((char *const *)o->known_labels, n, by_number, glue->labels[i]) >= 0;
    if (o->labels_fixed && !same)
        return fail(t->lib, IDIM_EMISMATCH,
                    "%s: labels: expected %lld of this task, found %lld others in the adapter or "
                    "model",
                    glue->name, (long long)n, (long long)o->n_known_labels);
    t->kind = n == 0 ? TASK_REGRESSION : TASK_CLASSES;
    if (n == 0) {
        t->n_labels = 1;
        return 0;
    }
    return same && !are_unnameds(o) ? use_known(t, o) : copy_names(t, glue->labels, n);
}

/* the model is one, or the train split (any where there is none) has lists or a separator */
static bool is_multi_label(const task_options *o, const rows *const *all, int64_t n, bool has_train)
{
    bool several = o->multi_label;
    for (int64_t s = 0; s < (has_train ? 1 : n); s++)
        several = several || all[s]->several;
    return several;
}

static int settle_multi_label(task *t, const task_options *o, const rows *const *all, int64_t n,
                              bool has_train)
{
    t->kind = TASK_MULTI_LABEL;
    bool labelled = n > 0 && all[0]->labelled;
    if (o->labels_fixed && !o->multi_label)
        return fail(t->lib, IDIM_EMISMATCH,
                    "%s: label: expected one label a row, as the adapter was trained, found lists",
                    all[0]->path);
    if (o->n_known_labels > 0 &&
        (o->labels_fixed || !labelled || known_cover(o, numbers_may_stand(o), all, n)))
        return use_known(t, o);
    return names_from_data(t, all, has_train ? 1 : n);
}

static int settle_any(task *t, const task_options *o, const rows *const *all, int64_t n,
                      bool has_train)
{
    if (is_multi_label(o, all, n, has_train))
        return settle_multi_label(t, o, all, n, has_train);
    bool known = o->n_known_labels > 0, labelled = n > 0 && all[0]->labelled;
    bool by_number = numbers_may_stand(o);
    t->kind = TASK_CLASSES;
    if (known && (o->labels_fixed || !labelled || known_cover(o, by_number, all, n))) {
        bool numbered = labelled && form_of(label_text(all[0], 0)) == FORM_INTEGER;
        return numbered && are_unnameds(o) ? use_numbers(t, o->n_known_labels) : use_known(t, o);
    }
    if (o->labels_fixed || !labelled || are_values(all[0])) {
        t->kind = TASK_REGRESSION;
        t->n_labels = 1;
        return 0;
    }
    return names_from_data(t, all, has_train ? 1 : n);
}

int labels_settle(task *t, const task_options *options, const glue_task *glue,
                  const rows *const *all, int64_t n, bool has_train)
{
    int status =
        glue != NULL ? settle_glue(t, options, glue) : settle_any(t, options, all, n, has_train);
    if (status != 0)
        drop_names(t);
    return status;
}

/* 'a', 'b', 'c', ... */
static void list_names(const task *t, char *out, size_t size)
{
    enum { SHOWN = 6 };
    size_t at = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < t->n_labels && i < SHOWN && at < size; i++)
        at +=
            (size_t)snprintf(out + at, size - at, "%s'%.40s'", i > 0 ? ", " : "", t->label_name[i]);
    if (t->n_labels > SHOWN && at < size)
        snprintf(out + at, size - at, ", ...");
}

static int fail_label(const task *t, const rows *r, int64_t i, const char *text)
{
    char names[320] = "a number";
    if (t->kind != TASK_REGRESSION)
        list_names(t, names, sizeof names);
    return fail(t->lib, IDIM_EFORMAT, "%s: line %lld: label: expected %s%s, found '%.80s'", r->path,
                (long long)r->item[i].line, t->kind != TASK_REGRESSION ? "one of " : "", names,
                text);
}

/* label[r->n][n_labels] */
static int convert_several(const task *t, const rows *r, float *label)
{
    for (int64_t i = 0; i < r->n; i++)
        for (const char *one = NULL; (one = next_label(r, i, one)) != NULL;) {
            int64_t k = class_of(t->label_name, t->n_labels, t->by_number, one);
            if (k < 0)
                return fail_label(t, r, i, one);
            label[i * t->n_labels + k] = 1;
        }
    return 0;
}

static int convert(const task *t, const rows *r, float *label)
{
    if (t->kind == TASK_MULTI_LABEL)
        return convert_several(t, r, label);
    if (r->several)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: label: expected one label a row as in the train split, found lists",
                    r->path);
    for (int64_t i = 0; i < r->n; i++) {
        const char *text = label_text(r, i);
        bool good;
        if (t->kind == TASK_CLASSES) {
            int64_t k = class_of(t->label_name, t->n_labels, t->by_number, text);
            good = k >= 0;
            label[i] = (float)k;
        } else {
            label[i] = strtof(text, NULL);
            good = form_of(text) != FORM_TEXT && isfinite(label[i]);
        }
        if (!good)
            return fail_label(t, r, i, text);
    }
    return 0;
}

int labels_convert(const task *t, const rows *r, float *label)
{
    /* a number's point is a point, whatever the program's locale calls it */
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), kept = (locale_t)0;
    if (plain == (locale_t)0)
        return fail_memory(t->lib, 0, "locale");
    kept = uselocale(plain);
    int status = convert(t, r, label);
    uselocale(kept);
    freelocale(plain);
    return status;
}
