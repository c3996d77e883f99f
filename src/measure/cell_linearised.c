/* The linearised model as a run of a cell. It does not depend on learned scales, so said and did
 * share it.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/cell.h"
#include "measure/linearised.h"
#include "measure/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINEARISED_DIMS = 4096 };

bool cell_wants_linearised(const cell *c)
{
    return spec_flag(c->spec, "linearised");
}

/* no run has a name that ends so: theirs are hexadecimal digits */
static const char LAST = 'l';

int cell_linearised_name(const cell *c, job *j, char name[LEDGER_NAME + 1])
{
    char whole[HASH_TEXT];
    int64_t dim = j->model->weights->size;
    json_t *settings = cell_settings(c);
    dim = dim < LINEARISED_DIMS ? dim : LINEARISED_DIMS;
    json_object_set_new(settings, "method", json_string("did"));
    json_object_set_new(settings, "dim", json_integer(dim));
    json_object_set_new(settings, "output_dir", json_string("."));
    json_object_del(settings, "groups");
    char *text = json_dumps(settings, JSON_COMPACT);
    json_decref(settings);
    if (text == NULL)
        return fail_memory(c->lib, 4096, "settings");
    int status = job_again(j, text);
    free(text);
    TRY(status);
    TRY(job_name(j, whole));
    snprintf(name, LEDGER_NAME + 1, "%.*s%c", LEDGER_NAME - 1, whole, LAST);
    return 0;
}

static double number_of(const json_t *point, const char *key)
{
    const json_t *number = json_object_get(point, key);
    return json_is_number(number) ? json_number_value(number) : NAN;
}

/* where the curve first reaches the target, between two d's evenly in log d; NaN: nowhere */
static double crossing_of(const json_t *points, double target)
{
    size_t i;
    const json_t *point;
    double dim = NAN, score = NAN;
    json_array_foreach(points, i, point)
    {
        double d = number_of(point, "dim"), now = number_of(point, "score");
        if (now >= target)
            return isnan(dim) ? d : dim * pow(d / dim, (target - score) / (now - score));
        dim = d;
        score = now;
    }
    return NAN;
}

int cell_linearised_json(const cell *c, job *j, const ledger *l, json_t **out)
{
    char name[LEDGER_NAME + 1];
    json_t *record;
    *out = json_null();
    if (!cell_wants_linearised(c))
        return 0;
    TRY(cell_linearised_name(c, j, name));
    if (!ledger_has(l, name))
        return 0;
    TRY(ledger_read(l, name, &record));
    size_t i;
    const json_t *point, *curve = json_object_get(record, "linearised");
    json_t *points = json_array();
    json_array_foreach(json_object_get(curve, "points"), i, point) json_array_append_new(
        points, json_pack("{s:o, s:o}", "dim", record_number(number_of(point, "dim")), "score",
                          record_number(number_of(point, "score"))));
    double target = c->estimated ? c->estimate.relative.target : NAN;
    *out = json_pack("{s:o, s:o, s:o, s:s}", "points", points, "d90",
                     record_number(crossing_of(points, target)), "seconds",
                     record_number(number_of(record, "seconds")), "name", name);
    if (json_object_get(record, "failure") != NULL)
        json_object_set(*out, "failure", json_object_get(record, "failure"));
    json_decref(record);
    return 0;
}
