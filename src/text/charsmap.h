/* SentencePiece's character map: what a text may begin with and what is put there instead. A file
 * of bytes: the size of a trie in 4 bytes, the trie, and the replacements, each with a zero byte
 * behind it. The trie is a double array of units of 32 bits, all little-endian:
 *
 *     bits 0-7, 31  label: the byte that leads to this unit (bit 31: it is a value)
 *     bit 8         there is a value:  unit ^ offset, its low 31 bits a place in the replacements
 *     bits 9-31     offset: children are at  unit ^ offset ^ byte
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_CHARSMAP_H
#define IDIM_TEXT_CHARSMAP_H

#include "base/library.h"

typedef struct charsmap {
    const uint8_t *units; /* [4 n_units] */
    int64_t n_units;
    const uint8_t *texts; /* [n_texts] */
    int64_t n_texts;
} charsmap;

/* False if bytes[0 .. n), which must outlive the map, are none. */
bool charsmap_open(charsmap *m, const uint8_t *bytes, int64_t n);

/* The shortest beginning of text[0 .. n) that the map knows, or the longest: its length, 0 if there
 * is none, and what is put there. */
int64_t charsmap_find(const charsmap *m, const uint8_t *text, int64_t n, bool longest,
                      const uint8_t **put, int64_t *put_n);

#endif
