/* Results for people.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 160, NAME_WIDTH = 22, MOST_COLUMNS = 12 };

void show_bytes(double bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, 32, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

void show_time(double seconds, char text[32])
{
    long whole = seconds < 0 || seconds > 1e9 ? 0 : lround(seconds);
    if (seconds < 10)
        snprintf(text, 32, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(text, 32, "%ld s", whole);
    else if (whole < 3600)
        snprintf(text, 32, "%ld min %02ld s", whole / 60, whole % 60);
    else if (whole < 48 * 3600)
        snprintf(text, 32, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    else
        snprintf(text, 32, "%.1f days", seconds / 86400);
}

/* a scalar, or a list of scalars on one line */
static void scalar_text(const json_t *json, char text[CELL])
{
    if (json_is_string(json)) {
        snprintf(text, CELL, "%s", json_string_value(json));
    } else if (json_is_integer(json)) {
        snprintf(text, CELL, "%lld", (long long)json_integer_value(json));
    } else if (json_is_real(json)) {
        snprintf(text, CELL, "%.6g", json_real_value(json));
    } else if (json_is_boolean(json)) {
        snprintf(text, CELL, "%s", json_is_true(json) ? "yes" : "no");
    } else if (json_is_array(json)) {
        size_t used = 0;
        text[0] = '\0';
        for (size_t i = 0; i < json_array_size(json) && used + 1 < CELL; i++) {
            const json_t *item = json_array_get(json, i);
            char one[CELL];
            snprintf(one, CELL, "%s", "...");
            if (!json_is_array(item) && !json_is_object(item))
                scalar_text(item, one);
            used += (size_t)snprintf(text + used, CELL - used, "%s%s", i > 0 ? ", " : "", one);
        }
    } else {
        snprintf(text, CELL, "-");
    }
}

static bool is_table(const json_t *list)
{
    const json_t *first = json_array_get(list, 0);
    size_t columns = json_object_size(first);
    return json_is_object(first) && columns > 0 && columns <= MOST_COLUMNS;
}

/* objects of a list under the keys of the first; columns as wide as they need */
static void show_table(FILE *out, const json_t *list, int indent)
{
    const json_t *first = json_array_get(list, 0);
    const char *keys[MOST_COLUMNS];
    int widths[MOST_COLUMNS];
    int n = 0;
    const char *key;
    json_t *value;
    char text[CELL];
    json_object_foreach((json_t *)first, key, value)
    {
        keys[n] = key;
        widths[n] = (int)strlen(key);
        for (size_t i = 0; i < json_array_size(list); i++) {
            scalar_text(json_object_get(json_array_get(list, i), key), text);
            widths[n] = (int)strlen(text) > widths[n] ? (int)strlen(text) : widths[n];
        }
        n++;
    }

    for (int k = 0; k < n; k++)
        fprintf(out, "%*s%-*s", k == 0 ? indent : 2, "", k + 1 < n ? widths[k] : 0, keys[k]);
    fputc('\n', out);
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (int k = 0; k < n; k++) {
            const json_t *cell = json_object_get(json_array_get(list, i), keys[k]);
            scalar_text(cell, text);
            int width = k + 1 < n || json_is_number(cell) ? widths[k] : 0;
            fprintf(out, "%*s%*s", k == 0 ? indent : 2, "", json_is_number(cell) ? width : -width,
                    text);
        }
        fputc('\n', out);
    }
}

void show_json(FILE *out, const json_t *json, int indent)
{
    enum { DEEPEST = 12 };
    const char *key;
    json_t *value;
    char text[CELL];
    if (indent > DEEPEST)
        return;
    json_object_foreach((json_t *)json, key, value)
    {
        if (json_is_object(value)) {
            fprintf(out, "%*s%s\n", indent, "", key);
            show_json(out, value, indent + 2);
        } else if (json_is_array(value) && is_table(value)) {
            fprintf(out, "%*s%s\n", indent, "", key);
            show_table(out, value, indent + 2);
        } else if (strcmp(key, "schema") != 0) {
            scalar_text(value, text);
            fprintf(out, "%*s%-*s %s\n", indent, "", NAME_WIDTH - indent, key, text);
        }
    }
}

/* what is no share */
static bool is_plain(const char *metric)
{
    return strcmp(metric, "perplexity") == 0 || strstr(metric, "bits_per_byte") != NULL;
}

/* one row: every metric as a percentage, then loss and n where there is a loss */
static void show_split(FILE *out, const char *name, const json_t *scores)
{
    const char *key;
    json_t *value;
    fprintf(out, "  %-10s", name);
    json_object_foreach((json_t *)scores, key, value)
    {
        if (json_is_number(value) && is_plain(key))
            fprintf(out, "  %s %.4f", key, json_number_value(value));
        else if (json_is_number(value) && strcmp(key, "n") != 0 && strcmp(key, "loss") != 0)
            fprintf(out, "  %s %.2f %%", key, 100 * json_number_value(value));
    }
    const json_t *loss = json_object_get(scores, "loss");
    if (json_is_number(loss))
        fprintf(out, "  loss %.4f  (%lld examples)", json_number_value(loss),
                (long long)json_integer_value(json_object_get(scores, "n")));
    fputc('\n', out);
}

void show_scores(FILE *out, const json_t *run)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(run, "eval"), key, value)
    {
        show_split(out, key, value);
        const json_t *majority = json_object_get(json_object_get(run, "majority"), key);
        const json_t *untouched = json_object_get(majority, "bits_saved");
        if (json_is_object(majority) && !json_is_null(untouched))
            show_split(out, untouched != NULL ? "  untouched" : "  majority", majority);
    }
}
