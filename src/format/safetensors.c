/* Layout checks over the header's table, and conversion. Bits are taken from bytes in little-endian
 * order whatever the machine's own; a value is judged finite by its exponent bits.
 *
 * SPDX-License-Identifier: MIT */
#include "format/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors_header.h"

static int by_offset(const void *a, const void *b)
{
    const safetensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const safetensor *)a)->name, ((const safetensor *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* tensors follow each other from the first byte of the data to the last */
static int check_layout(const safetensors *s, int64_t room)
{
    qsort(s->item, (size_t)s->n, sizeof *s->item, by_offset);
    int64_t end = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const safetensor *t = &s->item[i];
        if (t->begin != end)
            return fail(s->lib, IDIM_EFORMAT,
                        "%s: tensor '%.200s': expected to begin at %lld, where the one before it "
                        "ends, found %lld",
                        s->path, t->name, (long long)end, (long long)t->begin);
        end += t->size;
    }
    if (end != room)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: expected the last tensor to end at the file's end, found %lld bytes more",
                    s->path, (long long)(room - end));
    return 0;
}

static int check_names(const safetensors *s, const char **key, int64_t n_keys)
{
    qsort(s->item, (size_t)s->n, sizeof *s->item, by_name);
    for (int64_t i = 1; i < s->n; i++)
        if (by_name(&s->item[i - 1], &s->item[i]) == 0)
            return fail(s->lib, IDIM_EFORMAT, "%s: header: tensor '%.200s' stands there twice",
                        s->path, s->item[i].name);

    qsort(key, (size_t)n_keys, sizeof *key, by_text);
    for (int64_t i = 1; i < n_keys; i++)
        if (strcmp(key[i - 1], key[i]) == 0)
            return fail(s->lib, IDIM_EFORMAT,
                        "%s: header: __metadata__: '%.200s' stands there twice", s->path, key[i]);
    return 0;
}

static int fill_table(safetensors *s, int64_t length, int64_t room)
{
    header_counts counts;
    TRY(header_scan(s->lib, s->path, s->header, length, room, NULL, NULL, &counts));

    const char **key;
    TRY(NEW(s->lib, safetensor, counts.tensors, s->path, &s->item));
    TRY(NEW(s->lib, char *, counts.metadata, s->path, &key));
    int status = header_scan(s->lib, s->path, s->header, length, room, s->item, key, &counts);
    s->n = counts.tensors;
    if (status == 0)
        status = check_layout(s, room);
    if (status == 0)
        status = check_names(s, key, counts.metadata);
    memory_free(s->lib, key);
    if (status != 0)
        return status;
    for (int64_t i = 0; i < s->n; i++)
        s->item[i].begin += 8 + length;
    return 0;
}

static int read_header(safetensors *s)
{
    uint8_t bytes[8];
    if (s->file.size < 8)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: expected at least 8 bytes, found %lld: an incomplete download?", s->path,
                    (long long)s->file.size);
    TRY(file_read_at(s->lib, &s->file, 0, bytes, 8));
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (memcmp(bytes, "version ", 8) == 0)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: expected tensors, found a Git LFS pointer: fetch the file itself (git lfs "
                    "pull)",
                    s->path);
    if (length > SAFETENSORS_MAX_HEADER)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: header length: expected at most %d bytes, found %llu: not a safetensors "
                    "file?",
                    s->path, SAFETENSORS_MAX_HEADER, (unsigned long long)length);
    if ((int64_t)length > s->file.size - 8)
        return fail(s->lib, IDIM_EFORMAT,
                    "%s: the file has %lld bytes, the header needs %llu: an incomplete download?",
                    s->path, (long long)s->file.size, (unsigned long long)length + 8);

    TRY(NEW(s->lib, char, (int64_t)length + 1, s->path, &s->header));
    TRY(file_read_at(s->lib, &s->file, 8, s->header, (int64_t)length));
    return fill_table(s, (int64_t)length, s->file.size - 8 - (int64_t)length);
}

int safetensors_open(idim *lib, const char *path, safetensors **out)
{
    *out = NULL;
    safetensors *s;
    TRY(NEW(lib, safetensors, 1, path, &s));
    s->lib = lib;
    s->file.descriptor = -1;
    int status = memory_text(lib, path, (int64_t)strlen(path), &s->path);
    if (status == 0)
        status = file_open(lib, s->path, &s->file);
    if (status == 0)
        status = read_header(s);
    if (status != 0) {
        safetensors_close(s);
        return status;
    }
    *out = s;
    return 0;
}

void safetensors_close(safetensors *s)
{
    if (s == NULL)
        return;
    file_close(&s->file);
    memory_free(s->lib, s->item);
    memory_free(s->lib, s->header);
    memory_free(s->lib, s->path);
    memory_free(s->lib, s);
}

const safetensor *safetensors_find(const safetensors *s, const char *name)
{
    safetensor wanted = {.name = name};
    return bsearch(&wanted, s->item, (size_t)s->n, sizeof *s->item, by_name);
}

void safetensor_shape(const safetensor *t, char text[SAFETENSORS_SHAPE_TEXT])
{
    int at = snprintf(text, SAFETENSORS_SHAPE_TEXT, "[");
    for (int64_t i = 0; i < t->rank; i++)
        at += snprintf(text + at, (size_t)(SAFETENSORS_SHAPE_TEXT - at), "%s%lld",
                       i > 0 ? ", " : "", (long long)t->shape[i]);
    snprintf(text + at, (size_t)(SAFETENSORS_SHAPE_TEXT - at), "]");
}

static uint32_t bits16(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static uint32_t bits32(const uint8_t *b)
{
    return bits16(b) | bits16(b + 2) << 16;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What a piece of values found: bad is where the first one that is not finite stands, or count. */
typedef struct found {
    int64_t bad, rounded;
} found;

static void convert_f32(const uint8_t *from, int64_t count, real *to, found *f)
{
    uint32_t worst = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = bits32(from + 4 * i), exponent = bits & 0x7f800000u;
        worst = exponent > worst ? exponent : worst;
        to[i] = (real)float_of(bits);
    }
    for (int64_t i = 0; worst == 0x7f800000u && i < count && f->bad == count; i++)
        if ((bits32(from + 4 * i) & 0x7f800000u) == 0x7f800000u)
            f->bad = i;
}

static void convert_bf16(const uint8_t *from, int64_t count, real *to, found *f)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = bits16(from + 2 * i) << 16;
        if ((bits & 0x7f800000u) == 0x7f800000u && f->bad == count)
            f->bad = i;
        to[i] = (real)float_of(bits);
    }
}

static void convert_f16(const uint8_t *from, int64_t count, real *to, found *f)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = bits16(from + 2 * i);
        if ((bits & 0x7c00u) == 0x7c00u && f->bad == count)
            f->bad = i;
        /* exponent and fraction moved into a float's place, then the bias put right by 2^112: exact
         * for subnormal halves too */
        float magnitude = float_of((bits & 0x7fffu) << 13) * 0x1p112f;
        to[i] = (real)(bits & 0x8000u ? -magnitude : magnitude);
    }
}

static void convert_f64(const uint8_t *from, int64_t count, real *to, found *f)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = (uint64_t)bits32(from + 8 * i) | (uint64_t)bits32(from + 8 * i + 4) << 32;
        double value;
        memcpy(&value, &bits, sizeof value);
        real narrow = (real)value;
        if (!isfinite(narrow)) {
            f->bad = f->bad == count ? i : f->bad;
        } else if ((double)narrow != value) {
            f->rounded++;
        }
        to[i] = narrow;
    }
}

static const struct {
    const char *dtype;
    int64_t width;
    void (*convert)(const uint8_t *from, int64_t count, real *to, found *f);
} readable[] = {
    {"F32", 4, convert_f32},
    {"F16", 2, convert_f16},
    {"BF16", 2, convert_bf16},
    {"F64", 8, convert_f64},
};

int safetensors_read(const safetensors *s, const safetensor *t, real *out, int64_t *rounded)
{
    enum { PIECE = 64 << 10, N_READABLE = sizeof readable / sizeof readable[0] };
    size_t type = 0;
    while (type < N_READABLE && strcmp(readable[type].dtype, t->dtype) != 0)
        type++;
    if (type == N_READABLE)
        return fail(s->lib, IDIM_EUNSUPPORTED,
                    "%s: tensor '%.200s': dtype: expected F32, F16, BF16 or F64, found %s", s->path,
                    t->name, t->dtype);

    int64_t width = readable[type].width, total = 0;
    uint8_t bytes[PIECE];
    for (int64_t done = 0; done < t->elements;) {
        int64_t left = t->elements - done, count = left < PIECE / width ? left : PIECE / width;
        TRY(file_read_at(s->lib, &s->file, t->begin + done * width, bytes, count * width));
        found f = {.bad = count};
        readable[type].convert(bytes, count, out + done, &f);
        if (f.bad != count)
            return fail(s->lib, IDIM_EFORMAT,
                        "%s: tensor '%.200s': element %lld: expected a finite number, found %g",
                        s->path, t->name, (long long)(done + f.bad), (double)out[done + f.bad]);
        done += count;
        total += f.rounded;
    }
    if (rounded != NULL)
        *rounded = total;
    return 0;
}
