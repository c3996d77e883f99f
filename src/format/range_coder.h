/* A range coder of integers alone: bits in, bytes out, each bit at the price its odds give it.
 * docs/adapter.md specifies it to the bit. Nothing here but the C library is needed.
 *
 *     range_encoder e = {.out = bytes, .room = sizeof bytes};      range_decoder d;
 *     range_encode_begin(&e);                                      range_decode_begin(&d, bytes,
 * n); range_encode(&e, &odds, bit); ...                            bit = range_decode(&d, &odds);
 * ... n = range_encode_end(&e);                                    ok = range_decode_end(&d);
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_RANGE_CODER_H
#define IDIM_FORMAT_RANGE_CODER_H

#include <stdbool.h>
#include <stdint.h>

/* How often either bit came so far, in halves: {1, 1} before the first. Coding a bit counts it, so
 * encoder and decoder learn the same odds. */
typedef struct bit_odds {
    uint32_t zero, one;
} bit_odds;

/* Odds learn no more than about 1 : 1023, so a bit costs at least log2(1024 / 1023) = 1 / 710 of a
 * bit, and a file of m bytes cannot hold more than about 710 x 8 (m + 1) of them. */
enum { ODDS_LIMIT = 1024, RANGE_BITS_PER_BYTE = 5760 };

typedef struct range_encoder {
    uint8_t *out; /* the caller's */
    int64_t room, n;
    uint32_t low, range;
} range_encoder;

void range_encode_begin(range_encoder *e); /* out and room are set */
void range_encode(range_encoder *e, bit_odds *odds, int bit);
/* The lowest n bits of `bits`, the highest first, at even odds. */
void range_encode_raw(range_encoder *e, uint32_t bits, int n);
/* The number of bytes; more than room: they did not fit and `out` is worth nothing. */
int64_t range_encode_end(range_encoder *e);

typedef struct range_decoder {
    const uint8_t *in; /* borrowed */
    int64_t n, at;     /* bytes; those read, zeros after the end included */
    uint32_t code, range;
} range_decoder;

void range_decode_begin(range_decoder *d, const uint8_t *in, int64_t n);
int range_decode(range_decoder *d, bit_odds *odds);
uint32_t range_decode_raw(range_decoder *d, int n);
/* More was asked for than the bytes hold: what was decoded since is made up. */
bool range_decode_overran(const range_decoder *d);
/* Nothing is missing and nothing is left over. */
bool range_decode_end(const range_decoder *d);

#endif
