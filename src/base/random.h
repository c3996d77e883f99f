/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011; Random123).
 *
 * Nothing here has state. A draw is named by (seed, stream, key, position) and can be made alone.
 * One seed feeds separate streams, so a change of the data order, say, never changes the
 * projection. docs/projection.md specifies all of it to the bit.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_RANDOM_H
#define IDIM_BASE_RANDOM_H

#include <stdint.h>

/* Part of the published specification: never renumber. */
typedef enum random_stream {
    STREAM_INPUT_SIGN = 1, /* B, one bit per entry of z                 */
    STREAM_PERMUTATION,    /* Pi                                        */
    STREAM_GAUSS,          /* G                                         */
    STREAM_OUTPUT_SIGN,    /* C                                         */
    STREAM_ENTRY,          /* onehot, dense, sparse: index and value    */
    STREAM_INIT,           /* fresh tensors (head, pooler)              */
    STREAM_ORDER,          /* data order                                */
    STREAM_DROPOUT,        /* dropout masks                             */
    STREAM_SPLIT,          /* subsets of the data                       */
    STREAM_RESAMPLE        /* resampled studies behind an interval      */
} random_stream;

/* The four words of one Philox call: key = {seed low, seed high},
 * counter = {position, stream, key low, key high}. position counts calls, below 2^32. */
void random_words(uint64_t seed, random_stream stream, uint64_t key, uint32_t position,
                  uint32_t out[4]);

/* 0 <= result < n, without bias (multiply-shift with rejection); n >= 1. *position is advanced by
 * the calls used. */
uint32_t random_below(uint64_t seed, random_stream stream, uint64_t key, uint32_t *position,
                      uint32_t n);

/* order[0 .. n) becomes a random permutation of 0 .. n-1 (Fisher-Yates, from the end). */
void random_permutation(uint64_t seed, random_stream stream, uint64_t key, int32_t *order,
                        int64_t n);

/* The key of a tensor: the first 8 bytes, little-endian, of SHA-256 of its published name. */
uint64_t random_tensor_key(const char *name);

/* 32 quantiles of |N(0,1)| at (i + 1/2)/32; with a sign, 64 equally likely values. */
extern const float random_half_normal[32];

/* The second moment of the table (the mean of its squares), 0.980...: divide by its square root
 * for unit variance. */
extern const double random_half_normal_moment;

#endif
