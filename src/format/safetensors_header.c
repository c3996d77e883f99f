/* The header's grammar:
 *
 *     { "__metadata__": {string: string, ...},
 *       name: {"dtype": string, "shape": [integer, ...], "data_offsets": [begin, end]}, ... }
 * spaces
 *
 * The three keys of a tensor come in any order; any other key is refused, as the reference does.
 *
 * SPDX-License-Identifier: MIT */
#include "format/safetensors_header.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

typedef struct scanner {
    idim *lib;
    const char *path;
    char *start, *at, *end;
    bool keep; /* decode strings in place */
} scanner;

/* a string between its quotes, as it stands in the text */
typedef struct span {
    char *text;
    int64_t length;
} span;

static const struct {
    const char *name;
    int64_t bits;
} dtypes[] = {
    {"F32", 32}, {"F16", 16},    {"BF16", 16}, {"F64", 64},    {"I64", 64},
    {"I32", 32}, {"I16", 16},    {"I8", 8},    {"U64", 64},    {"U32", 32},
    {"U16", 16}, {"U8", 8},      {"BOOL", 8},  {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"C64", 64}, {"F8_E8M0", 8}, {"F4", 4},    {"F6_E2M3", 6}, {"F6_E3M2", 6},
};

static int fail_here(const scanner *s, const char *expected)
{
    char found[24] = "the header's end";
    if (s->at < s->end) {
        unsigned char byte = (unsigned char)*s->at;
        if (byte > 0x20 && byte < 0x7f)
            snprintf(found, sizeof found, "'%c'", byte);
        else
            snprintf(found, sizeof found, "byte 0x%02x", byte);
    }
    return fail(s->lib, IDIM_EFORMAT, "%s: header: at byte %lld: expected %s, found %s", s->path,
                (long long)(s->at - s->start), expected, found);
}

static void skip_space(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* the next character is c: step over it */
static bool take(scanner *s, char c)
{
    skip_space(s);
    if (s->at >= s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static int want(scanner *s, char c)
{
    char expected[4] = {'\'', c, '\'', '\0'};
    return take(s, c) ? 0 : fail_here(s, expected);
}

/* after an item of a list or object: *more when a comma follows, else the closing bracket */
static int take_separator(scanner *s, char close, bool *more)
{
    *more = take(s, ',');
    if (*more || take(s, close))
        return 0;
    char expected[16];
    snprintf(expected, sizeof expected, "',' or '%c'", close);
    return fail_here(s, expected);
}

static int hex4(scanner *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = s->at < s->end && *s->at != '\0' ? strchr(digits, *s->at) : NULL;
        if (digit == NULL)
            return fail_here(s, "four hexadecimal digits");
        *out = *out << 4 | (uint32_t)((digit - digits) & 15);
    }
    return 0;
}

/* the code point of an escape whose backslash has been passed */
static int take_escape(scanner *s, uint32_t *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = s->at < s->end && *s->at != '\0' ? strchr(names, *s->at) : NULL;
    if (name != NULL) {
        *out = (unsigned char)values[name - names];
        s->at++;
        return 0;
    }
    if (s->at >= s->end || *s->at != 'u')
        return fail_here(s, "an escape");
    s->at++;
    TRY(hex4(s, out));
    if (*out < 0xd800 || *out > 0xdfff)
        return 0;

    uint32_t low = 0;
    bool pair = *out < 0xdc00 && s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u';
    if (pair) {
        s->at += 2;
        TRY(hex4(s, &low));
    }
    if (low < 0xdc00 || low > 0xdfff)
        return fail_here(s, "a pair of surrogates");
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return 0;
}

/* one character of a string */
static int take_character(scanner *s, uint32_t *out)
{
    if (*s->at == '\\') {
        s->at++;
        return take_escape(s, out);
    }
    utf8proc_int32_t point;
    utf8proc_ssize_t size =
        utf8proc_iterate((const utf8proc_uint8_t *)s->at, s->end - s->at, &point);
    if (size <= 0)
        return fail_here(s, "UTF-8");
    if (point < 0x20)
        return fail_here(s, "a printable character");
    s->at += size;
    *out = (uint32_t)point;
    return 0;
}

/* A decoded string is never longer than its source, so it is decoded where it stands; a zero byte
 * replaces its closing quote at the latest. `plain` refuses control characters. */
static int take_string(scanner *s, const char *expected, bool plain, span *out)
{
    skip_space(s);
    if (s->at >= s->end || *s->at != '"')
        return fail_here(s, expected);
    s->at++;
    char *to = s->at;
    *out = (span){s->at, 0};
    while (s->at < s->end && *s->at != '"') {
        uint32_t point = 0;
        TRY(take_character(s, &point));
        if (plain && (point < 0x20 || (point >= 0x7f && point < 0xa0)))
            return fail_here(s, "a name without control characters before this place");
        if (s->keep)
            to += utf8proc_encode_char((utf8proc_int32_t)point, (utf8proc_uint8_t *)to);
    }
    if (s->at >= s->end)
        return fail_here(s, "'\"'");
    out->length = (s->keep ? to : s->at) - out->text;
    if (s->keep)
        *to = '\0';
    s->at++;
    return 0;
}

static bool span_is(const span *s, const char *text)
{
    return (size_t)s->length == strlen(text) && memcmp(s->text, text, strlen(text)) == 0;
}

static int take_integer(scanner *s, int64_t *out)
{
    skip_space(s);
    const char *first = s->at;
    *out = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (int64_t)(*s->at - '0'), out))
            return fail_here(s, "an integer below 2^63");
        s->at++;
    }
    bool leading_zero = s->at - first > 1 && *first == '0';
    return s->at == first || leading_zero ? fail_here(s, "a whole number, 0 or more") : 0;
}

/* [integer, ...] of at most `room` */
static int take_list(scanner *s, const char *what, int64_t room, int64_t *out, int64_t *n)
{
    *n = 0;
    TRY(want(s, '['));
    if (take(s, ']'))
        return 0;
    for (bool more = true; more;) {
        if (*n == room)
            return fail(s->lib, IDIM_EFORMAT,
                        "%s: header: at byte %lld: %s: expected at most %lld entries, found more",
                        s->path, (long long)(s->at - s->start), what, (long long)room);
        TRY(take_integer(s, &out[(*n)++]));
        TRY(take_separator(s, ']', &more));
    }
    return 0;
}

/* names in sentences are cut, they may be megabytes long */
static int fail_tensor(const scanner *s, const span *name, const char *what, int64_t expected,
                       int64_t found)
{
    return fail(s->lib, IDIM_EFORMAT, "%s: tensor '%.*s': %s: expected %lld, found %lld", s->path,
                name->length < 200 ? (int)name->length : 200, name->text, what, (long long)expected,
                (long long)found);
}

static int find_dtype(const scanner *s, const span *name, const span *dtype, int64_t *bits,
                      const char **out)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (span_is(dtype, dtypes[i].name)) {
            *bits = dtypes[i].bits;
            *out = dtypes[i].name;
            return 0;
        }
    }
    return fail(s->lib, IDIM_EUNSUPPORTED,
                "%s: tensor '%.*s': dtype: expected F32, F16, BF16, F64 or another known type, "
                "found '%.*s'",
                s->path, name->length < 200 ? (int)name->length : 200, name->text,
                dtype->length < 40 ? (int)dtype->length : 40, dtype->text);
}

/* the shape's product times the width is what the offsets say, and lies in the data */
static int check_size(const scanner *s, const span *name, int64_t bits, const int64_t *offset,
                      int64_t room, safetensor *t)
{
    int64_t total;
    t->elements = 1;
    bool fits = true;
    for (int64_t i = 0; i < t->rank; i++)
        fits = fits && !__builtin_mul_overflow(t->elements, t->shape[i], &t->elements);
    fits = fits && !__builtin_mul_overflow(t->elements, bits, &total);
    if (!fits)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: tensor '%.*s': shape: expected fewer than 2^63 bits, found more", s->path,
                    name->length < 200 ? (int)name->length : 200, name->text);
    if (offset[0] > offset[1])
        return fail_tensor(s, name, "data_offsets: end at least the begin", offset[0], offset[1]);
    if (total % 8 != 0 || offset[1] - offset[0] != total / 8)
        return fail_tensor(s, name, "bytes between data_offsets, by its shape", (total + 7) / 8,
                           offset[1] - offset[0]);
    if (offset[1] > room)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: tensor '%.*s': the file has %lld bytes of tensors, the header needs %lld: "
                    "an incomplete download?",
                    s->path, name->length < 200 ? (int)name->length : 200, name->text,
                    (long long)room, (long long)offset[1]);
    t->begin = offset[0];
    t->size = offset[1] - offset[0];
    return 0;
}

static int scan_tensor(scanner *s, const span *name, int64_t room, safetensor *out)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    enum { DTYPE, SHAPE, OFFSETS, N_KEYS };
    bool seen[N_KEYS] = {false};
    span dtype = {0};
    int64_t offset[2] = {0}, n_offsets = 0;
    safetensor t = {.name = name->text};

    TRY(want(s, '{'));
    for (bool more = true; more;) {
        span key;
        TRY(take_string(s, "\"dtype\", \"shape\" or \"data_offsets\"", true, &key));
        int k = 0;
        while (k < N_KEYS && !span_is(&key, keys[k]))
            k++;
        if (k == N_KEYS || seen[k])
            return fail_here(s, "each of dtype, shape and data_offsets once, before this place,");
        seen[k] = true;
        TRY(want(s, ':'));
        if (k == DTYPE)
            TRY(take_string(s, "a string", true, &dtype));
        else if (k == SHAPE)
            TRY(take_list(s, "shape", SAFETENSORS_MAX_RANK, t.shape, &t.rank));
        else
            TRY(take_list(s, "data_offsets", 2, offset, &n_offsets));
        TRY(take_separator(s, '}', &more));
    }
    if (!seen[DTYPE] || !seen[SHAPE] || n_offsets != 2)
        return fail_here(s, "dtype, shape and two data_offsets before this place,");

    int64_t bits = 0;
    TRY(find_dtype(s, name, &dtype, &bits, &t.dtype));
    TRY(check_size(s, name, bits, offset, room, &t));
    *out = t;
    return 0;
}

static int scan_metadata(scanner *s, const char **key, int64_t *n)
{
    TRY(want(s, '{'));
    if (take(s, '}'))
        return 0;
    for (bool more = true; more;) {
        span name, value;
        TRY(take_string(s, "a string", true, &name));
        TRY(want(s, ':'));
        TRY(take_string(s, "a string", false, &value));
        if (key != NULL)
            key[*n] = name.text;
        (*n)++;
        TRY(take_separator(s, '}', &more));
    }
    return 0;
}

int header_scan(idim *lib, const char *path, char *text, int64_t length, int64_t room,
                safetensor *item, const char **key, header_counts *counts)
{
    scanner s = {lib, path, text, text, text + length, item != NULL};
    *counts = (header_counts){0};
    bool metadata = false;

    if (length == 0 || *text != '{')
        return fail_here(&s, "'{'");
    s.at++;
    bool more = !take(&s, '}');
    while (more) {
        span name;
        TRY(take_string(&s, "a tensor's name", true, &name));
        TRY(want(&s, ':'));
        if (span_is(&name, "__metadata__")) {
            if (metadata)
                return fail_here(&s, "__metadata__ once, before this place,");
            metadata = true;
            TRY(scan_metadata(&s, key, &counts->metadata));
        } else {
            safetensor one;
            TRY(scan_tensor(&s, &name, room, &one));
            if (item != NULL)
                item[counts->tensors] = one;
            counts->tensors++;
        }
        TRY(take_separator(&s, '}', &more));
    }
    while (s.at < s.end && *s.at == ' ')
        s.at++;
    return s.at == s.end ? 0 : fail_here(&s, "nothing but spaces after the last '}'");
}
