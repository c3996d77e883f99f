/* The header as numpy.save writes it, then the numbers as they come.
 *
 * SPDX-License-Identifier: MIT */
#include "format/npy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC = 10, ALIGN = 64, HEADER_ROOM = 512 };

/* the product of the shape; -1 when its bytes would not fit in a file */
static int64_t count_numbers(const int64_t *shape, int rank)
{
    const int64_t most = (INT64_MAX - HEADER_ROOM) / (int64_t)sizeof(float);
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return 0;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || n > most / shape[i])
            return -1;
        n *= shape[i];
    }
    return n;
}

/* numbers are written as this machine holds them, and the header says so */
static const char *type_of_numbers(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1 ? "<f4" : ">f4";
}

/* writes the header with its padding; its length is a multiple of ALIGN */
static int64_t make_header(const int64_t *shape, int rank, char out[HEADER_ROOM])
{
    char *text = out + MAGIC;
    int at = snprintf(text, HEADER_ROOM - MAGIC,
                      "{'descr': '%s', 'fortran_order': False, 'shape': (", type_of_numbers());
    for (int i = 0; i < rank; i++)
        at += snprintf(text + at, (size_t)(HEADER_ROOM - MAGIC - at), "%s%lld", i > 0 ? ", " : "",
                       (long long)shape[i]);
    at += snprintf(text + at, (size_t)(HEADER_ROOM - MAGIC - at), "%s), }", rank == 1 ? "," : "");

    int total = (MAGIC + at + 1 + ALIGN - 1) / ALIGN * ALIGN, length = total - MAGIC;
    assert(total <= HEADER_ROOM);
    memset(text + at, ' ', (size_t)(length - at));
    text[length - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)(length & 255);
    out[9] = (char)(length >> 8);
    return total;
}

int64_t npy_bytes(const int64_t *shape, int rank)
{
    char header[HEADER_ROOM];
    int64_t n = count_numbers(shape, rank);
    return n < 0 ? -1 : make_header(shape, rank, header) + n * (int64_t)sizeof(float);
}

int npy_create(idim *lib, const char *path, const int64_t *shape, int rank, npy_writer *out)
{
    assert(rank >= 1 && rank <= NPY_RANK);
    *out = (npy_writer){.left = count_numbers(shape, rank)};
    if (out->left < 0)
        return fail(lib, IDIM_EARGUMENT,
                    "%s: expected an array that fits in a file, found %lld "
                    "rows of more bytes than a file can have",
                    path, (long long)shape[0]);
    char header[HEADER_ROOM];
    int64_t length = make_header(shape, rank, header);
    TRY(file_create(lib, path, &out->file));
    int status = file_put(&out->file, header, length);
    if (status != 0)
        npy_abandon(out);
    return status;
}

int npy_put(npy_writer *w, const float *value, int64_t n)
{
    assert(n <= w->left);
    w->left -= n;
    return file_put(&w->file, value, n * (int64_t)sizeof *value);
}

int npy_finish(npy_writer *w)
{
    assert(w->left == 0);
    return file_commit(&w->file);
}

void npy_abandon(npy_writer *w)
{
    file_abandon(&w->file);
}
