/* Our own files (adapters, checkpoints): a magic, a JSON header people can read, a payload, and a
 * checksum over all of it.
 *
 *     bytes 0..7     magic, for example "IDIMADP1"
 *     bytes 8..11    header length h, 32-bit little-endian
 *     12 .. 12+h     header: one JSON object, keys sorted, no white space
 *     ..             payload
 *     last 32        SHA-256 of everything before
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_CONTAINER_H
#define IDIM_FORMAT_CONTAINER_H

#include <jansson.h>

#include "base/file.h"

enum { CONTAINER_MAGIC = 8, CONTAINER_MAX_HEADER = 1 << 20 };

/* Written atomically; the payload is the pieces one after the other. */
int container_write(idim *lib, const char *path, const char *magic, const json_t *header,
                    const file_piece *payload, int64_t n_pieces);

typedef struct container {
    json_t *header;      /* owned */
    const char *payload; /* into bytes */
    int64_t size;        /* of the payload */
    char *bytes;         /* the whole file, owned */
} container;

/* IDIM_EFORMAT with the place for whatever is not as above; at most `limit` bytes are read. */
int container_read(idim *lib, const char *path, const char *magic, int64_t limit, container *out);
void container_free(idim *lib, container *c);

#endif
