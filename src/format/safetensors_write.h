/* Writing one safetensors file of F32 tensors, value by value: the header first, then the tensors
 * in the order of their names, as the published writers have them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_SAFETENSORS_WRITE_H
#define IDIM_FORMAT_SAFETENSORS_WRITE_H

#include "base/library.h"

typedef struct tensor_out {
    const char *name;
    int64_t shape[3];
    int rank;          /* 1 to 3 */
    const real *value; /* [product of the shape]; in the real-double build rounded to single */
} tensor_out;

/* Sorts item[0 .. n) by name, then replaces path atomically. Names are unique and are UTF-8 without
 * control characters or quotes. */
int safetensors_write(idim *lib, const char *path, tensor_out *item, int64_t n);

#endif
