/* SHA-256, of bytes at once or piece by piece (libcrypto).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_HASH_H
#define IDIM_BASE_HASH_H

#include "base/library.h"

enum { HASH_BYTES = 32, HASH_TEXT = 65 };

typedef struct hasher hasher;

int hash_begin(idim *lib, hasher **out);
int hash_add(idim *lib, hasher *h, const void *bytes, int64_t n);
/* Gives the digest and frees h, also on failure. h may be NULL (then nothing is written). */
int hash_end(idim *lib, hasher *h, uint8_t digest[HASH_BYTES]);

/* The digest of bytes[0 .. n). Cannot fail. */
void hash_bytes(const void *bytes, int64_t n, uint8_t digest[HASH_BYTES]);

/* 64 lower-case hexadecimal digits and a zero. */
void hash_text(const uint8_t digest[HASH_BYTES], char text[HASH_TEXT]);

#endif
