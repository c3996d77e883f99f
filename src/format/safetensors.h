/* One safetensors file: 8-byte little-endian N <= 100,000,000, a JSON header of N bytes, then the
 * tensors' bytes without holes from the header's end to the file's end.
 *
 * The header is checked whole before anything is read by it: sizes with checked arithmetic and
 * against the file's real size, layout, names, duplicates. Files are read, not mapped: a file on a
 * network volume that shrinks is then an error and not a signal.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_SAFETENSORS_H
#define IDIM_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "base/library.h"

enum { SAFETENSORS_MAX_RANK = 8, SAFETENSORS_MAX_HEADER = 100000000 };

typedef struct safetensor {
    const char *name;  /* UTF-8, without control characters */
    const char *dtype; /* "F32" */
    int64_t shape[SAFETENSORS_MAX_RANK];
    int64_t rank;     /* 0: a single number */
    int64_t elements; /* the product of the shape; 0 is legal */
    int64_t begin;    /* bytes from the start of the file */
    int64_t size;     /* bytes */
} safetensor;

typedef struct safetensors {
    idim *lib;
    char *path;
    file_reader file;
    char *header;     /* the names live in it */
    safetensor *item; /* [n], ordered by name */
    int64_t n;
} safetensors;

/* The file stays open until safetensors_close. Beyond the header itself, memory is taken only once
 * the header has been found to be well formed. */
int safetensors_open(idim *lib, const char *path, safetensors **out);
void safetensors_close(safetensors *s);

/* NULL if there is none of that name. */
const safetensor *safetensors_find(const safetensors *s, const char *name);

/* All elements of t, converted from F32, F16, BF16 or F64; another type is IDIM_EUNSUPPORTED. A
 * value that is not finite, or too large for a real, is IDIM_EFORMAT naming the tensor. *rounded
 * (may be NULL) gets the number of values that lost digits. */
int safetensors_read(const safetensors *s, const safetensor *t, real *out, int64_t *rounded);

/* "[30522, 384]" for sentences. */
enum { SAFETENSORS_SHAPE_TEXT = 8 * 22 + 3 };
void safetensor_shape(const safetensor *t, char text[SAFETENSORS_SHAPE_TEXT]);

#endif
