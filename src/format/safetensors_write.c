/* The writer of safetensors.
 *
 * SPDX-License-Identifier: MIT */
#include "format/safetensors_write.h"
#include "base/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, VALUE_BYTES = 4, PIECE = 16384 };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tensor_out *)a)->name, ((const tensor_out *)b)->name);
}

static int64_t elements(const tensor_out *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

static json_t *header_of(const tensor_out *item, int64_t n)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        const tensor_out *t = &item[i];
        int64_t end = at + VALUE_BYTES * elements(t);
        json_t *shape = json_array();
        for (int k = 0; k < t->rank; k++)
            json_array_append_new(shape, json_integer((json_int_t)t->shape[k]));
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I,I]}", "dtype", "F32", "shape", shape,
                                      "data_offsets", (json_int_t)at, (json_int_t)end));
        at = end;
    }
    return header;
}

/* the length, then the header with spaces to a multiple of 8 */
static int put_header(file_writer *w, const char *text)
{
    uint64_t length = strlen(text), padded = (length + 7) / 8 * 8;
    uint8_t front[LENGTH_BYTES];
    for (int k = 0; k < LENGTH_BYTES; k++)
        front[k] = (uint8_t)(padded >> (8 * k));
    TRY(file_put(w, front, LENGTH_BYTES));
    TRY(file_put(w, text, (int64_t)length));
    return file_put(w, "       ", (int64_t)(padded - length));
}

static int put_values(file_writer *w, const real *value, int64_t n)
{
    uint8_t bytes[VALUE_BYTES * PIECE];
    for (int64_t done = 0; done < n; done += PIECE) {
        int64_t count = n - done < PIECE ? n - done : PIECE;
        for (int64_t i = 0; i < count; i++) {
            float single = (float)value[done + i];
            uint32_t bits;
            memcpy(&bits, &single, sizeof bits);
            for (int k = 0; k < VALUE_BYTES; k++)
                bytes[VALUE_BYTES * i + k] = (uint8_t)(bits >> (8 * k));
        }
        TRY(file_put(w, bytes, VALUE_BYTES * count));
    }
    return 0;
}

static int put_all(file_writer *w, const char *header, const tensor_out *item, int64_t n)
{
    TRY(put_header(w, header));
    for (int64_t i = 0; i < n; i++)
        TRY(put_values(w, item[i].value, elements(&item[i])));
    return file_commit(w);
}

int safetensors_write(idim *lib, const char *path, tensor_out *item, int64_t n)
{
    qsort(item, (size_t)n, sizeof *item, by_name);
    json_t *header = header_of(item, n);
    char *text = header == NULL ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (text == NULL)
        return fail_memory(lib, n, "safetensors header");

    file_writer w = {0};
    int status = file_create(lib, path, &w);
    if (status == 0)
        status = put_all(&w, text, item, n);
    file_abandon(&w);
    free(text);
    return status;
}
