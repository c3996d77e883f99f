/* The coded adapter file: a magic, the base, fields as numbers of 7 bits a byte, names, and the
 * range-coded x; a CRC-32 over all. docs/adapter.md specifies it to the bit.
 *
 * Reading is hardened against any bytes: the checksum first, then every field against its range,
 * then the count of numbers against what the bytes can hold, and only then memory for them. What
 * was read is written again and must give the same bytes, so a meaning has one file.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/adapter_coded.h"
#include "base/file.h"
#include "format/crc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = "IDIMADP2";

enum {
    MAGIC_BYTES = 8,
    BASE_BYTES = 16, /* of the fingerprint's 32 */
    BASE_DIGITS = 2 * BASE_BYTES,
    CRC_BYTES = 4,
    FRONT = MAGIC_BYTES + BASE_BYTES,
    LARGEST_RANGE = 1 << 30, /* of initializer_range, in RANGE_UNITs */
    TEXT_LIMIT = 1 << 20
};

static const double RANGE_UNIT = 1e4; /* initializer_range is stored in parts of it */

static const char *const METHODS[] = {"said", "did", "full", "head", "bias"};
static const char *const GROUPS[] = {"block", "module", "tensor", "none"};
static const char *const PROBLEMS[] = {"classes", "regression", "multi-label", "causal-lm"};
static const char *const NORMALIZES[] = {"balanced", "capped", "tensor", "global", "weight"};
static const char *const PROJECTIONS[] = {"fastfood", "fastfood-tensor", "srht",
                                          "onehot",   "dense",           "sparse"};
static const char *const POOLINGS[] = {"auto", "cls", "mean", "last"};
static const char *const PULLS[] = {"exact", "public"};

/* the settings that are one word of a few, and their places in one number; never renumbered */
typedef struct word_field {
    const char *name;
    const char *const *words;
    uint64_t n;
    int shift, bits;
    size_t at; /* in struct adapter */
} word_field;

#define WORDS(list) (list), sizeof(list) / sizeof((list)[0])

static const word_field FIELDS[] = {
    {"method", WORDS(METHODS), 0, 3, offsetof(adapter, method)},
    {"groups", WORDS(GROUPS), 3, 2, offsetof(adapter, groups)},
    {"problem", WORDS(PROBLEMS), 5, 2, offsetof(adapter, problem)},
    {"normalize", WORDS(NORMALIZES), 8, 3, offsetof(adapter, normalize)},
    {"projection", WORDS(PROJECTIONS), 11, 3, offsetof(adapter, projection)},
    {"pooling", WORDS(POOLINGS), 14, 4, offsetof(adapter, pooling)},
    {"pull", WORDS(PULLS), 18, 1, offsetof(adapter, pull)},
};

enum { N_FIELDS = sizeof FIELDS / sizeof FIELDS[0], NAMED_SHIFT = 7, SETTINGS_BITS = 19 };

static const char **word_of(adapter *a, const word_field *f)
{
    return (const char **)((char *)a + f->at);
}

static const double ORIGIN[ADAPTER_PARTS] = {0, 1, 0};

static int64_t part_size(const adapter *a, int part)
{
    const int64_t sizes[ADAPTER_PARTS] = {a->len_z, a->n_lambda, a->n_direct};
    return sizes[part];
}

/* ---- writing --------------------------------------------------------------------------------- */

/* bytes beyond room are counted and dropped */
typedef struct writer {
    uint8_t *out;
    int64_t room, n;
} writer;

static void put_bytes(writer *w, const void *bytes, int64_t n)
{
    if (w->n + n <= w->room)
        memcpy(w->out + w->n, bytes, (size_t)n);
    w->n += n;
}

/* seven bits a byte, the lowest first; all but the last have the eighth */
static void put_number(writer *w, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
        put_bytes(w, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void put_text(writer *w, const char *text)
{
    put_number(w, strlen(text));
    put_bytes(w, text, (int64_t)strlen(text));
}

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void put_front(writer *w, const adapter *a)
{
    put_bytes(w, MAGIC, MAGIC_BYTES);
    for (int i = 0; i < BASE_BYTES; i++) {
        uint8_t byte = (uint8_t)(16 * digit_of(a->base[2 * i]) + digit_of(a->base[2 * i + 1]));
        put_bytes(w, &byte, 1);
    }
}

/* the settings as one number; a word this format cannot say gives -1 */
static int64_t settings_of(const adapter *a)
{
    int64_t settings = (int64_t)(a->label_name != NULL) << NAMED_SHIFT;
    for (int i = 0; i < N_FIELDS; i++) {
        const word_field *f = &FIELDS[i];
        uint64_t code = 0;
        while (code < f->n && strcmp(f->words[code], *word_of((adapter *)(uintptr_t)a, f)) != 0)
            code++;
        if (code == f->n)
            return -1;
        settings |= (int64_t)code << f->shift;
    }
    return settings;
}

/* 1 + the range in parts of RANGE_UNIT, or 0 and the 8 bytes of a double */
static void put_range(writer *w, double range)
{
    double units = nearbyint(range * RANGE_UNIT);
    if (units < LARGEST_RANGE && units / RANGE_UNIT == range) {
        put_number(w, 1 + (uint64_t)units);
        return;
    }
    put_number(w, 0);
    uint64_t bits;
    memcpy(&bits, &range, sizeof bits);
    for (int k = 0; k < 8; k++) {
        uint8_t byte = (uint8_t)(bits >> (8 * k));
        put_bytes(w, &byte, 1);
    }
}

/* the bytes of the names among them */
static int64_t put_fields(writer *w, const adapter *a)
{
    put_number(w, PROJECTION_VERSION);
    put_number(w, (uint64_t)settings_of(a));
    put_number(w, a->seed);
    for (int part = 0; part < ADAPTER_PARTS; part++)
        put_number(w, (uint64_t)part_size(a, part));
    put_range(w, a->initializer_range);
    put_number(w, (uint64_t)a->max_seq_length);
    put_number(w, (uint64_t)a->n_labels);
    int64_t names = w->n;
    put_text(w, a->task);
    for (int64_t i = 0; a->label_name != NULL && i < a->n_labels; i++)
        put_text(w, a->label_name[i]);
    names = w->n - names;
    for (int part = 0; part < ADAPTER_PARTS; part++)
        if (part_size(a, part) > 0)
            put_number(w, (uint64_t)(a->book[part].step * SHIFT_CODES + a->book[part].shift));
    return names;
}

static adapter_size put_numbers(writer *w, const adapter *a)
{
    adapter_size size = {0};
    range_encoder e = {.out = w->out + (w->n < w->room ? w->n : 0),
                       .room = w->n < w->room ? w->room - w->n : 0};
    const real *x = a->x;
    range_encode_begin(&e);
    for (int part = 0; part < ADAPTER_PARTS; part++) {
        number_odds odds;
        number_odds_begin(&odds);
        for (int64_t i = 0; i < part_size(a, part); i++)
            number_encode(&e, &odds, codebook_index(&a->book[part], ORIGIN[part], (double)*x++));
        if (part_size(a, part) > 0 && part != PART_LAMBDA)
            size.main = e.n + 1;
    }
    size.numbers = range_encode_end(&e);
    w->n += size.numbers;
    return size;
}

/* all of the file into out[room], or as much as its size */
static adapter_size encode(const adapter *a, uint8_t *out, int64_t room)
{
    writer w = {.out = out, .room = room};
    put_front(&w, a);
    int64_t names = put_fields(&w, a);
    adapter_size size = put_numbers(&w, a);
    size.names = names;
    if (w.n + CRC_BYTES <= room) {
        uint32_t crc = crc32_of(out, w.n);
        for (int k = 0; k < CRC_BYTES; k++)
            out[w.n + k] = (uint8_t)(crc >> (8 * k));
    }
    size.file = w.n + CRC_BYTES;
    return size;
}

adapter_size adapter_coded_size(const adapter *a)
{
    uint8_t none[1];
    return encode(a, none, 0);
}

int64_t adapter_code_bits(const adapter *a)
{
    adapter_size size = adapter_coded_size(a);
    /* the magic, the base and the checksum say nothing about the classifier that base and the other
     * bytes do not, the names nothing at all but the order of the labels */
    int64_t bytes = a->coded ? size.file - FRONT - CRC_BYTES - size.names : a->bytes;
    double order = a->coded ? lgamma((double)a->n_labels + 1) / log(2) : 0;
    writer length = {0};
    put_number(&length, (uint64_t)bytes);
    return 8 * (length.n + bytes) + (int64_t)ceil(order - 1e-9);
}

void adapter_coded_values(const adapter *a, real *out)
{
    const real *x = a->x;
    for (int part = 0; part < ADAPTER_PARTS; part++)
        for (int64_t i = 0; i < part_size(a, part); i++) {
            const codebook *book = &a->book[part];
            int32_t q = codebook_index(book, ORIGIN[part], (double)*x++);
            *out++ = (real)codebook_value(book, ORIGIN[part], q);
        }
}

int adapter_coded_write(idim *lib, const adapter *a, const char *path)
{
    if (settings_of(a) < 0)
        return fail(lib, IDIM_EUNSUPPORTED,
                    "%s: a coded adapter has no word for its method, projection, normalisation, "
                    "groups, pooling or problem: write it without --bits and --max-adapter-bytes",
                    path);
    int64_t size = adapter_coded_size(a).file;
    uint8_t *bytes;
    TRY(NEW(lib, uint8_t, size, "adapter", &bytes));
    encode(a, bytes, size);
    int status = file_write(lib, path, bytes, size);
    memory_free(lib, bytes);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reader {
    idim *lib;
    const char *path;
    const uint8_t *bytes;
    int64_t n, at; /* n: without the checksum */
} reader;

static int cut_short(const reader *r, const char *what)
{
    return fail(r->lib, IDIM_EFORMAT, "%s: %s: the file ends at byte %lld in the middle of it",
                r->path, what, (long long)(r->n + CRC_BYTES));
}

static int get_number(reader *r, const char *what, uint64_t high, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        if (r->at >= r->n)
            return cut_short(r, what);
        uint8_t byte = r->bytes[r->at++];
        uint64_t bits = byte & 127;
        if (shift > 63 || bits << shift >> shift != bits)
            return fail(r->lib, IDIM_EFORMAT, "%s: %s: expected a number below 2^64", r->path,
                        what);
        value |= bits << shift;
        if (byte < 128)
            break;
    }
    if (value > high)
        return fail(r->lib, IDIM_EFORMAT, "%s: %s: expected at most %llu, found %llu", r->path,
                    what, (unsigned long long)high, (unsigned long long)value);
    *out = value;
    return 0;
}

static int get_count(reader *r, const char *what, int64_t high, int64_t *out)
{
    uint64_t value = 0;
    TRY(get_number(r, what, (uint64_t)high, &value));
    *out = (int64_t)value;
    return 0;
}

/* into *texts, which moves on; there is room, for each text is shorter than its bytes in the file
 */
static int get_text(reader *r, const char *what, char **texts, const char **out)
{
    int64_t length = 0;
    TRY(get_count(r, what, TEXT_LIMIT, &length));
    if (length > r->n - r->at)
        return cut_short(r, what);
    if (memchr(r->bytes + r->at, 0, (size_t)length) != NULL)
        return fail(r->lib, IDIM_EFORMAT, "%s: %s: expected text, found a zero byte", r->path,
                    what);
    memcpy(*texts, r->bytes + r->at, (size_t)length);
    (*texts)[length] = '\0';
    *out = *texts;
    *texts += length + 1;
    r->at += length;
    return 0;
}

static int get_settings(reader *r, adapter *a, bool *named)
{
    uint64_t version = 0, settings = 0;
    TRY(get_number(r, "projection_version", UINT64_MAX, &version));
    if (version != PROJECTION_VERSION)
        return fail(r->lib, IDIM_EUNSUPPORTED,
                    "%s: projection_version: expected %d, found %llu: a newer idim may read it",
                    r->path, PROJECTION_VERSION, (unsigned long long)version);
    TRY(get_number(r, "settings", UINT64_MAX, &settings));
    if (settings >> SETTINGS_BITS != 0)
        return fail(r->lib, IDIM_EUNSUPPORTED,
                    "%s: settings: expected less than %lld, found %llu: a newer idim may read it",
                    r->path, 1LL << SETTINGS_BITS, (unsigned long long)settings);
    for (int i = 0; i < N_FIELDS; i++) {
        const word_field *f = &FIELDS[i];
        uint64_t code = settings >> f->shift & ((1u << f->bits) - 1);
        if (code >= f->n)
            return fail(r->lib, IDIM_EUNSUPPORTED,
                        "%s: %s: expected a number below %llu, found %llu: a newer idim may read "
                        "it",
                        r->path, f->name, (unsigned long long)f->n, (unsigned long long)code);
        *word_of(a, f) = f->words[code];
    }
    *named = settings >> NAMED_SHIFT & 1;
    return 0;
}

static int get_range(reader *r, double *out)
{
    uint64_t units = 0;
    TRY(get_number(r, "initializer_range", LARGEST_RANGE, &units));
    *out = ((double)units - 1) / RANGE_UNIT;
    if (units > 0)
        return 0;
    if (r->n - r->at < 8)
        return cut_short(r, "initializer_range");
    uint64_t bits = 0;
    for (int k = 7; k >= 0; k--)
        bits = bits << 8 | r->bytes[r->at + k];
    memcpy(out, &bits, sizeof bits);
    r->at += 8;
    if (!(*out >= 0 && *out <= 1e6))
        return fail(r->lib, IDIM_EFORMAT, "%s: initializer_range: expected 0 to 1e6, found %g",
                    r->path, *out);
    return 0;
}

static int get_names(reader *r, adapter *a, bool named)
{
    /* what is left of the file holds all texts, each with its length where the zero goes */
    TRY(NEW(r->lib, char, r->n - r->at + 1 + BASE_DIGITS + 1, "names", &a->texts));
    char *texts = a->texts;
    a->base = texts;
    for (int i = 0; i < BASE_BYTES; i++, texts += 2)
        snprintf(texts, 3, "%02x", r->bytes[MAGIC_BYTES + i]);
    texts++;
    TRY(get_text(r, "task", &texts, &a->task));
    if (!named)
        return 0;
    if (a->n_labels > r->n - r->at)
        return cut_short(r, "labels");
    TRY(NEW(r->lib, const char *, a->n_labels, "label names", &a->labels));
    for (int64_t i = 0; i < a->n_labels; i++)
        TRY(get_text(r, "labels", &texts, &a->labels[i]));
    a->label_name = a->labels;
    return 0;
}

static int get_fields(reader *r, adapter *a)
{
    bool named = false;
    TRY(get_settings(r, a, &named));
    TRY(get_number(r, "seed", UINT64_MAX, &a->seed));
    TRY(get_count(r, "z", INT32_MAX, &a->len_z));
    TRY(get_count(r, "lambda", INT32_MAX, &a->n_lambda));
    TRY(get_count(r, "direct", (int64_t)1 << 40, &a->n_direct));
    TRY(get_range(r, &a->initializer_range));
    TRY(get_count(r, "max_seq_length", (int64_t)1 << 40, &a->max_seq_length));
    TRY(get_count(r, "n_labels", 1 << 20, &a->n_labels));
    if (a->n_labels < 1)
        return fail(r->lib, IDIM_EFORMAT, "%s: n_labels: expected at least 1, found 0", r->path);
    TRY(get_names(r, a, named));
    for (int part = 0; part < ADAPTER_PARTS; part++) {
        int64_t code = 0;
        if (part_size(a, part) == 0)
            continue;
        TRY(get_count(r, "step", STEP_CODES * SHIFT_CODES - 1, &code));
        a->book[part] =
            (codebook){.step = (int32_t)code / SHIFT_CODES, .shift = (int32_t)code % SHIFT_CODES};
    }
    return 0;
}

static int get_numbers(reader *r, adapter *a)
{
    int64_t n = a->len_z + a->n_lambda + a->n_direct, held = r->n - r->at;
    if (n < 1 || n / RANGE_BITS_PER_BYTE > held)
        return fail(r->lib, IDIM_EFORMAT,
                    "%s: numbers: expected 1 to %lld in %lld bytes, found %lld claimed", r->path,
                    (long long)((held + 1) * RANGE_BITS_PER_BYTE), (long long)held, (long long)n);
    TRY(NEW(r->lib, real, n, "adapter", &a->values));
    a->x = a->values;
    real *x = a->values;
    range_decoder d;
    range_decode_begin(&d, r->bytes + r->at, held);
    for (int part = 0; part < ADAPTER_PARTS; part++) {
        number_odds odds;
        number_odds_begin(&odds);
        for (int64_t i = 0; i < part_size(a, part) && !range_decode_overran(&d); i++)
            *x++ = (real)codebook_value(&a->book[part], ORIGIN[part], number_decode(&d, &odds));
    }
    if (!range_decode_end(&d))
        return fail(r->lib, IDIM_EFORMAT, "%s: numbers: expected %lld bytes, found %lld", r->path,
                    (long long)(d.at - 4), (long long)held);
    return 0;
}

/* what adapter_describe tells; refuses names that are not UTF-8 */
static int make_header(reader *r, adapter *a)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)a->seed);
    json_t *labels = json_array();
    for (int64_t i = 0; a->labels != NULL && i < a->n_labels; i++)
        if (json_array_append_new(labels, json_string(a->labels[i])) != 0)
            return json_decref(labels),
                   fail(r->lib, IDIM_EFORMAT, "%s: labels: expected UTF-8 text", r->path);
    a->header = json_pack(
        "{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:s, s:s, s:s,"
        " s:I, s:o, s:I, s:I}",
        "encoding", "coded", "projection_version", PROJECTION_VERSION, "method", a->method,
        "projection", a->projection, "normalize", a->normalize, "groups", a->groups, "pull",
        a->pull, "seed", seed, "dim", (json_int_t)(a->len_z + a->n_lambda + a->n_direct), "z",
        (json_int_t)a->len_z, "lambda", (json_int_t)a->n_lambda, "direct", (json_int_t)a->n_direct,
        "base", a->base, "initializer_range", a->initializer_range, "pooling", a->pooling, "task",
        a->task, "problem", a->problem, "n_labels", (json_int_t)a->n_labels, "labels", labels,
        "max_seq_length", (json_int_t)a->max_seq_length, "number_bytes",
        (json_int_t)adapter_coded_size(a).numbers);
    if (a->header == NULL)
        return fail(r->lib, IDIM_EFORMAT, "%s: task: expected UTF-8 text", r->path);
    json_t *steps = json_object();
    static const char *const names[ADAPTER_PARTS] = {"z", "lambda", "direct"};
    for (int part = 0; part < ADAPTER_PARTS; part++)
        if (part_size(a, part) > 0)
            json_object_set_new(steps, names[part], json_real(codebook_step(&a->book[part])));
    json_object_set_new(a->header, "steps", steps);
    return 0;
}

/* a file that is not what writing its meaning gives holds something hidden */
static int check_form(const reader *r, const adapter *a)
{
    int64_t size = r->n + CRC_BYTES;
    uint8_t *again;
    TRY(NEW(r->lib, uint8_t, size, "adapter", &again));
    bool same = encode(a, again, size).file == size && memcmp(again, r->bytes, (size_t)size) == 0;
    memory_free(r->lib, again);
    return same ? 0
                : fail(r->lib, IDIM_EFORMAT, "%s: expected the shortest form of what it says",
                       r->path);
}

static int check_sum(const reader *r)
{
    uint32_t crc = 0;
    for (int k = CRC_BYTES - 1; k >= 0; k--)
        crc = crc << 8 | r->bytes[r->n + k];
    if (crc != crc32_of(r->bytes, r->n))
        return fail(r->lib, IDIM_EFORMAT,
                    "%s: checksum: the contents are not those that were written", r->path);
    return 0;
}

static int read_all(reader *r, adapter *a)
{
    if (r->n < FRONT)
        return fail(r->lib, IDIM_EFORMAT, "%s: expected at least %d bytes, found %lld", r->path,
                    FRONT + CRC_BYTES, (long long)(r->n + CRC_BYTES));
    TRY(check_sum(r));
    r->at = FRONT;
    TRY(get_fields(r, a));
    TRY(get_numbers(r, a));
    TRY(check_form(r, a));
    return make_header(r, a);
}

int adapter_coded_read(adapter *a)
{
    char *bytes;
    int64_t size;
    TRY(file_read(a->lib, a->path, (int64_t)1 << 40, &bytes, &size));
    reader r = {.lib = a->lib, .path = a->path, .bytes = (uint8_t *)bytes, .n = size - CRC_BYTES};
    a->coded = true;
    a->bytes = size;
    int status = read_all(&r, a);
    memory_free(a->lib, bytes);
    return status;
}

int adapter_is_coded(idim *lib, const char *path, bool *out)
{
    file_reader f;
    char magic[MAGIC_BYTES] = {0};
    *out = false;
    TRY(file_open(lib, path, &f));
    int status = f.size < MAGIC_BYTES ? 0 : file_read_at(lib, &f, 0, magic, MAGIC_BYTES);
    file_close(&f);
    *out = memcmp(magic, MAGIC, MAGIC_BYTES) == 0;
    return status;
}
