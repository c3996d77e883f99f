/* Encodings that tools/make_*_fixtures.py stored, as a list of cases.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_TOKEN_CASES_H
#define IDIM_TESTS_TOKEN_CASES_H

#include "check.h"

#include "format/json.h"
#include "text/tokenizer.h"

static int64_t from_hex(const json_t *value, char *out, int64_t room)
{
    const char *hex = json_string_value(value);
    int64_t n = (int64_t)strlen(hex) / 2;
    assert_true(n <= room);
    for (int64_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    return n;
}

static int64_t number(const json_t *list, int64_t i)
{
    return json_integer_value(json_array_get(list, (size_t)i));
}

static bool is_expected(const encoding *e, const json_t *expected)
{
    const json_t *ids = json_object_get(expected, "ids");
    const json_t *segment = json_object_get(expected, "segment");
    const json_t *offsets = json_object_get(expected, "offsets");
    bool same = e->n == (int64_t)json_array_size(ids);
    for (int64_t i = 0; same && i < e->n; i++)
        same = e->ids[i] == number(ids, i) && e->segment[i] == number(segment, i) &&
               e->offset[i][0] == number(offsets, 2 * i) &&
               e->offset[i][1] == number(offsets, 2 * i + 1);
    return same;
}

/* how many cases the tokenizer encodes otherwise; each is told */
static int64_t count_differences(idim *lib, idim_tokenizer *t, const char *name, const json_t *list)
{
    encoding e = {0};
    int64_t differences = 0;
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *one = json_array_get(list, k), *second = json_object_get(one, "pair");
        char text[256], pair[256];
        int64_t n = from_hex(json_object_get(one, "text"), text, sizeof text);
        int64_t m = json_is_null(second) ? 0 : from_hex(second, pair, sizeof pair);
        CHECK_OK(lib, tokenizer_encode(t, text, n, json_is_null(second) ? NULL : pair, m, 0, &e));
        if (is_expected(&e, one))
            continue;
        differences++;
        print_error("%s: case %zu differs (%.*s)\n", name, k, (int)n, text);
    }
    encoding_free(lib, &e);
    return differences;
}

#endif
