/* NumPy's .npy files, version 1.0 (numpy.lib.format): writing alone, piece by piece, so that the
 * array need not fit in memory.
 *
 *     bytes 0..7    \x93 N U M P Y 1 0
 *     bytes 8..9    length of the header, 16-bit little-endian
 *     the header    {'descr': '<f4', 'fortran_order': False, 'shape': (n, d), } padded with
 *                   spaces and a line feed so that the numbers begin at a multiple of 64
 *     the numbers   float32, last index fastest ('>f4' on a big-endian machine)
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_NPY_H
#define IDIM_FORMAT_NPY_H

#include "base/file.h"

enum { NPY_RANK = 8 };

typedef struct npy_writer {
    file_writer file;
    int64_t left; /* numbers still to come */
} npy_writer;

/* An array of shape[0 .. rank), 1 <= rank <= NPY_RANK. path is replaced by npy_finish, not before.
 */
int npy_create(idim *lib, const char *path, const int64_t *shape, int rank, npy_writer *out);

/* The next n numbers, in C order. */
int npy_put(npy_writer *w, const float *value, int64_t n);

/* All numbers must have been put. Ends the writer whatever happens. */
int npy_finish(npy_writer *w);

/* Ends the writer and leaves path as it was; one that has ended or is zeroed is fine. */
void npy_abandon(npy_writer *w);

/* Bytes of the file of such an array; -1: more than a file can have. */
int64_t npy_bytes(const int64_t *shape, int rank);

#endif
