/* Reading the JSON header of a safetensors file; for safetensors.c alone.
 *
 * The grammar is small and fixed, so it is read in place by a scanner without recursion that needs
 * no memory: a general JSON reader would take thirty times the header's size, and a hostile header
 * may have 100 MB.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_SAFETENSORS_HEADER_H
#define IDIM_FORMAT_SAFETENSORS_HEADER_H

#include "format/safetensors.h"

typedef struct header_counts {
    int64_t tensors, metadata;
} header_counts;

/* text[0 .. length) with a zero byte after it. Checks syntax, types, ranks, sizes against `room`
 * bytes of data. With item and key NULL it only counts and leaves the text as it is; else it fills
 * item[counts.tensors] (begin from the start of the data) and key[counts.metadata], whose names are
 * pieces of the text, decoded in place. */
int header_scan(idim *lib, const char *path, char *text, int64_t length, int64_t room,
                safetensor *item, const char **key, header_counts *counts);

#endif
