/* JSON from files nobody vouches for: strict (duplicate keys, bad UTF-8, trailing text and depth
 * beyond jansson's 2,048 are refused as "path:line:column: ..."), and read through places, which
 * know where they are:
 *
 *     json_t *document;
 *     TRY(json_read_file(lib, "M/config.json", limit, &document));
 *     json_place root = json_root(lib, "M/config.json", document);
 *     int64_t hidden = 768;                                            the default, kept if absent
 *     status = json_take_integer(&root, "hidden_size", 1, 65536, &hidden);
 *       -> "M/config.json: hidden_size: expected an integer between 1 and 65536, found "x""
 *     json_decref(document);
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_JSON_H
#define IDIM_FORMAT_JSON_H

#include <jansson.h>

#include "base/library.h"

/* The top is an object (IDIM_EFORMAT otherwise). The caller drops it with json_decref; *out is NULL
 * on failure. `limit` is the largest size of the file in bytes. */
int json_read_file(idim *lib, const char *path, int64_t limit, json_t **out);

/* The same for text in memory; `name` stands for the path in sentences. */
int json_read_text(idim *lib, const char *name, const char *text, int64_t length, json_t **out);

/* A value and the way to it. Places are made on the stack and borrow all they point to: a parent
 * must outlive its children. value is NULL where there is nothing. */
typedef struct json_place json_place;
struct json_place {
    idim *lib;
    const char *file;
    const json_place *parent; /* NULL for the root      */
    const char *key;          /* NULL in a list         */
    int64_t index;            /* in a list              */
    const json_t *value;      /* NULL: there is nothing */
};

json_place json_root(idim *lib, const char *file, const json_t *document);
/* In a value that is no object or no list: a place with nothing in it. */
json_place json_member(const json_place *in, const char *key);
json_place json_item(const json_place *in, int64_t index);

/* Something is there, and it is not null. */
bool json_present(const json_place *at);

/* The value must be there and of that type and range. *n is the number of members or items. */
int json_want_integer(const json_place *at, int64_t low, int64_t high, int64_t *out);
int json_want_number(const json_place *at, double low, double high, double *out);
int json_want_flag(const json_place *at, bool *out);
int json_want_text(const json_place *at, const char **out); /* borrowed; holds no zero byte */
int json_want_object(const json_place *at, int64_t *n);
int json_want_list(const json_place *at, int64_t *n);

/* A member that may be absent or null: then *out is left alone. */
int json_take_integer(const json_place *in, const char *key, int64_t low, int64_t high,
                      int64_t *out);
int json_take_number(const json_place *in, const char *key, double low, double high, double *out);
int json_take_flag(const json_place *in, const char *key, bool *out);
int json_take_text(const json_place *in, const char *key, const char **out);

/* Records "file: path.to[2].it: " and then the sentence. */
int json_fail(const json_place *at, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* "expected `wanted`, found ..." with the value as it is, IDIM_EFORMAT. */
int json_fail_expected(const json_place *at, const char *wanted);

/* "file: path 'Foo' is not supported by this version (`known` are)", IDIM_EUNSUPPORTED. */
int json_fail_unsupported(const json_place *at, const char *known);

#endif
