/* The adapter file, plain: a JSON header and x as 32-bit floats, little-endian. The coded form is
 * in adapter_coded.c.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/adapter.h"
#include "subspace/adapter_coded.h"
#include "subspace/normalize.h"
#include "base/file.h"
#include "format/container.h"
#include "format/json.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "IDIMADP1";
static const char ENCODING[] = "fp32";
static const int64_t SIZE_LIMIT = (int64_t)1 << 42;

enum { VALUE_BYTES = 4, LABELS_LIMIT = 1 << 20, FINGERPRINT_DIGITS = 64 };

/* ---- writing --------------------------------------------------------------------------------- */

static int64_t count_of(const adapter *a)
{
    return a->len_z + a->n_lambda + a->n_direct;
}

static json_t *labels_of(const adapter *a)
{
    json_t *list = json_array();
    for (int64_t i = 0; a->label_name != NULL && i < a->n_labels; i++)
        if (json_array_append_new(list, json_string(a->label_name[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* NULL when a text is not UTF-8 or there is no memory */
static json_t *header_of(const adapter *a)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)a->seed);
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I,"
                     " s:s, s:s, s:I, s:f, s:s, s:s, s:s, s:I, s:o, s:I}",
                     "idim", IDIM_VERSION, "encoding", ENCODING, "projection_version",
                     PROJECTION_VERSION, "method", a->method, "projection", a->projection,
                     "normalize", a->normalize, "groups", a->groups, "pull", a->pull, "seed", seed,
                     "dim", (json_int_t)count_of(a), "z", (json_int_t)a->len_z, "lambda",
                     (json_int_t)a->n_lambda, "direct", (json_int_t)a->n_direct, "base", a->base,
                     "architecture", a->architecture, "weights", (json_int_t)a->weights,
                     "initializer_range", a->initializer_range, "pooling", a->pooling, "task",
                     a->task, "problem", a->problem, "n_labels", (json_int_t)a->n_labels, "labels",
                     labels_of(a), "max_seq_length", (json_int_t)a->max_seq_length);
}

static void store_value(real value, uint8_t bytes[VALUE_BYTES])
{
    float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    for (int k = 0; k < VALUE_BYTES; k++)
        bytes[k] = (uint8_t)(bits >> (8 * k));
}

static real load_value(const uint8_t bytes[VALUE_BYTES])
{
    uint32_t bits = 0;
    for (int k = VALUE_BYTES - 1; k >= 0; k--)
        bits = bits << 8 | bytes[k];
    float single;
    memcpy(&single, &bits, sizeof single);
    return (real)single;
}

static int write_plain(idim *lib, const adapter *a, const char *path)
{
    json_t *header = header_of(a);
    if (header == NULL)
        return fail(lib, IDIM_EARGUMENT, "%s: a name in the adapter is not UTF-8, or no memory",
                    path);

    uint8_t *payload = NULL;
    int64_t n = count_of(a);
    int status = NEW(lib, uint8_t, n * VALUE_BYTES, "adapter", &payload);
    if (status == 0) {
        for (int64_t i = 0; i < n; i++)
            store_value(a->x[i], payload + i * VALUE_BYTES);
        file_piece whole = {payload, n * VALUE_BYTES};
        status = container_write(lib, path, MAGIC, header, &whole, 1);
    }
    memory_free(lib, payload);
    json_decref(header);
    return status;
}

int adapter_write(idim *lib, const adapter *a, const char *path)
{
    return a->coded ? adapter_coded_write(lib, a, path) : write_plain(lib, a, path);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int want_text(const json_place *root, const char *key, const char **out)
{
    json_place at = json_member(root, key);
    return json_want_text(&at, out);
}

static int want_count(const json_place *root, const char *key, int64_t low, int64_t high,
                      int64_t *out)
{
    json_place at = json_member(root, key);
    return json_want_integer(&at, low, high, out);
}

/* one of the names this version knows */
static int want_name(const json_place *root, const char *key, const char *known, const char **out)
{
    json_place at = json_member(root, key);
    TRY(json_want_text(&at, out));
    size_t length = strlen(*out);
    for (const char *p = known; *p != '\0'; p += strcspn(p, ", ")) {
        p += strspn(p, ", ");
        if (length > 0 && strcspn(p, ", ") == length && memcmp(p, *out, length) == 0)
            return 0;
    }
    return json_fail_unsupported(&at, known);
}

static int want_fingerprint(const json_place *root, const char **out)
{
    json_place at = json_member(root, "base");
    TRY(json_want_text(&at, out));
    if (strlen(*out) != FINGERPRINT_DIGITS ||
        strspn(*out, "0123456789abcdef") != FINGERPRINT_DIGITS)
        return json_fail_expected(&at, "64 hexadecimal digits");
    return 0;
}

/* decimal digits, for 64 bits do not fit the numbers of JSON */
static int want_seed(const json_place *root, uint64_t *out)
{
    json_place at = json_member(root, "seed");
    const char *digits;
    TRY(json_want_text(&at, &digits));
    uint64_t seed = 0;
    bool fits = digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits);
    for (const char *p = digits; fits && *p != '\0'; p++)
        fits = !__builtin_mul_overflow(seed, (uint64_t)10, &seed) &&
               !__builtin_add_overflow(seed, (uint64_t)(*p - '0'), &seed);
    if (!fits)
        return json_fail_expected(&at, "an unsigned 64-bit number as text");
    *out = seed;
    return 0;
}

static int read_versions(const json_place *root, adapter *a)
{
    TRY(want_text(root, "idim", &a->version));
    const char *encoding;
    TRY(want_name(root, "encoding", ENCODING, &encoding));
    json_place at = json_member(root, "projection_version");
    int64_t version;
    TRY(json_want_integer(&at, 1, INT32_MAX, &version));
    if (version != PROJECTION_VERSION)
        return json_fail(&at, IDIM_EUNSUPPORTED, "expected %d, found %lld: written by idim %s",
                         PROJECTION_VERSION, (long long)version, a->version);
    return 0;
}

static int read_subspace(const json_place *root, adapter *a)
{
    TRY(want_name(root, "method", "said, did, full, head, bias", &a->method));
    char known[256];
    projection_names(known, sizeof known);
    TRY(want_name(root, "projection", known, &a->projection));
    normalize_names(known, sizeof known);
    TRY(want_name(root, "normalize", known, &a->normalize));
    TRY(want_name(root, "groups", "block, module, tensor, none", &a->groups));
    TRY(want_name(root, "pull", "exact, public", &a->pull));
    TRY(want_seed(root, &a->seed));
    TRY(want_count(root, "z", 0, INT32_MAX, &a->len_z));
    TRY(want_count(root, "lambda", 0, INT32_MAX, &a->n_lambda));
    return want_count(root, "direct", 0, (int64_t)1 << 40, &a->n_direct);
}

static int read_model(const json_place *root, adapter *a)
{
    TRY(want_fingerprint(root, &a->base));
    TRY(want_text(root, "architecture", &a->architecture));
    TRY(want_count(root, "weights", 1, (int64_t)1 << 40, &a->weights));
    json_place at = json_member(root, "initializer_range");
    TRY(json_want_number(&at, 0, 1e6, &a->initializer_range));
    return want_name(root, "pooling", "auto, cls, mean, last", &a->pooling);
}

static int read_labels(const json_place *root, adapter *a)
{
    json_place list = json_member(root, "labels");
    int64_t n;
    TRY(json_want_list(&list, &n));
    if (n == 0)
        return 0;
    if (n != a->n_labels)
        return json_fail(&list, IDIM_EFORMAT, "expected %lld names or none, found %lld",
                         (long long)a->n_labels, (long long)n);
    TRY(NEW(a->lib, const char *, n, "label names", &a->labels));
    for (int64_t i = 0; i < n; i++) {
        json_place at = json_item(&list, i);
        TRY(json_want_text(&at, &a->labels[i]));
    }
    a->label_name = a->labels;
    return 0;
}

static int read_task(const json_place *root, adapter *a)
{
    TRY(want_text(root, "task", &a->task));
    TRY(want_name(root, "problem", "classes, regression, multi-label, causal-lm", &a->problem));
    TRY(want_count(root, "n_labels", 1, LABELS_LIMIT, &a->n_labels));
    TRY(want_count(root, "max_seq_length", 0, (int64_t)1 << 40, &a->max_seq_length));
    return read_labels(root, a);
}

/* Room for n numbers. Floats take the place of the bytes they are read from, so that the file's
 * size is all that is held: a number never lies beyond its own bytes. */
static int take_room(adapter *a, container *file, int64_t n)
{
    if (sizeof(real) != VALUE_BYTES)
        return NEW(a->lib, real, n, "adapter", &a->values);
    a->values = (real *)(void *)file->bytes;
    file->bytes = NULL;
    return 0;
}

static int read_values(const json_place *root, container *file, adapter *a)
{
    int64_t dim, n = count_of(a);
    TRY(want_count(root, "dim", 1, (int64_t)1 << 41, &dim));
    json_place at = json_member(root, "dim");
    if (dim != n)
        return json_fail(&at, IDIM_EFORMAT, "expected z + lambda + direct = %lld, found %lld",
                         (long long)n, (long long)dim);
    if (file->size != n * VALUE_BYTES)
        return fail(a->lib, IDIM_EFORMAT, "%s: values: expected %lld bytes, found %lld", a->path,
                    (long long)(n * VALUE_BYTES), (long long)file->size);

    TRY(take_room(a, file, n));
    for (int64_t i = 0; i < n; i++) {
        a->values[i] = load_value((const uint8_t *)file->payload + i * VALUE_BYTES);
        if (!isfinite(a->values[i]))
            return fail(a->lib, IDIM_EFORMAT, "%s: values: number %lld is not finite", a->path,
                        (long long)i);
    }
    a->x = a->values;
    return 0;
}

static int read_all(container *file, adapter *a)
{
    json_place root = json_root(a->lib, a->path, file->header);
    TRY(read_versions(&root, a));
    TRY(read_subspace(&root, a));
    TRY(read_model(&root, a));
    TRY(read_task(&root, a));
    return read_values(&root, file, a);
}

static int read_plain(adapter *a)
{
    container file;
    TRY(container_read(a->lib, a->path, MAGIC, SIZE_LIMIT, &file));
    a->header = json_incref(file.header);
    a->bytes = file.size + (file.payload - file.bytes) + HASH_BYTES;
    int status = read_all(&file, a);
    container_free(a->lib, &file);
    return status;
}

static int read_either(adapter *a)
{
    bool coded;
    TRY(adapter_is_coded(a->lib, a->path, &coded));
    return coded ? adapter_coded_read(a) : read_plain(a);
}

int adapter_read(idim *lib, const char *path, adapter **out)
{
    *out = NULL;
    adapter *a;
    TRY(NEW(lib, adapter, 1, "adapter", &a));
    a->lib = lib;
    int status = memory_text(lib, path, (int64_t)strlen(path), &a->path);
    if (status == 0)
        status = read_either(a);
    if (status != 0) {
        adapter_free(a);
        return status;
    }
    *out = a;
    return 0;
}

void adapter_free(adapter *a)
{
    if (a == NULL)
        return;
    json_decref(a->header);
    memory_free(a->lib, a->path);
    memory_free(a->lib, a->texts);
    memory_free(a->lib, a->values);
    memory_free(a->lib, a->labels);
    memory_free(a->lib, a);
}

/* ---- using ----------------------------------------------------------------------------------- */

int adapter_check(const adapter *a, const char *fingerprint)
{
    if (strncmp(a->base, fingerprint, strlen(a->base)) == 0)
        return 0;
    return fail(a->lib, IDIM_EMISMATCH,
                "%s: base: expected a model with the fingerprint %s, found %s: the adapter was "
                "trained on another base",
                a->path, a->base, fingerprint);
}

idim_subspace_options adapter_options(const adapter *a)
{
    return (idim_subspace_options){.method = a->method,
                                   .projection = a->projection,
                                   .normalize = a->normalize,
                                   .groups = a->groups,
                                   .pull = a->pull,
                                   .dim = a->n_direct > 0 ? 0 : a->len_z + a->n_lambda,
                                   .seed = a->seed};
}

int adapter_place(const adapter *a, subspace *s, real *theta)
{
    if (subspace_len_z(s) != a->len_z || subspace_n_lambda(s) != a->n_lambda ||
        subspace_n_direct(s) != a->n_direct)
        return fail(a->lib, IDIM_EMISMATCH,
                    "%s: expected a model with %lld + %lld + %lld numbers (z, lambda, direct) to "
                    "train, found %lld + %lld + %lld: another head or base?",
                    a->path, (long long)a->len_z, (long long)a->n_lambda, (long long)a->n_direct,
                    (long long)subspace_len_z(s), (long long)subspace_n_lambda(s),
                    (long long)subspace_n_direct(s));
    subspace_push(s, a->x, theta);
    return 0;
}

int adapter_describe(const adapter *a, char **out)
{
    *out = NULL;
    json_t *shown = json_copy(a->header);
    if (shown == NULL)
        return fail_memory(a->lib, a->bytes, "adapter header");
    json_object_set_new(shown, "schema", json_string("idim.adapter/1"));
    json_object_set_new(shown, "bytes", json_integer((json_int_t)a->bytes));

    char *text = json_dumps(shown, JSON_SORT_KEYS | JSON_COMPACT);
    int status = text == NULL ? fail_memory(a->lib, a->bytes, "adapter header")
                              : memory_text(a->lib, text, (int64_t)strlen(text), out);
    free(text);
    json_decref(shown);
    return status;
}
