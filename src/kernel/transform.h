/* What a random projection is made of: counter-based random words, the Hadamard transform, and
 * products with random signs and normals read from those words.
 *
 * One table of functions per instruction set, each in its own file with its own supported().
 * All tables give the same bits: every operation is one rounded add, subtract or multiply, in an
 * order fixed by docs/projection.md. transform_plain is the truth the others are tested against.
 *
 * Layout of random words: a group is 16 consecutive Philox calls, 64 words. Word r of call
 * 16 g + l stands at words[64 g + 16 r + l]: sixteen consecutive values come from sixteen
 * consecutive words at one shift.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_KERNEL_TRANSFORM_H
#define IDIM_KERNEL_TRANSFORM_H

#include "base/library.h"
#include "base/random.h"

/* the vector units' tables exist on x86-64, in float */
#if defined(__x86_64__) && !defined(IDIM_REAL_DOUBLE)
#define TRANSFORM_X86
#endif

enum {
    TRANSFORM_MIN = 64,   /* shortest Hadamard transform                      */
    RANDOM_LANES = 16,    /* calls of a group                                 */
    RANDOM_GROUP = 64,    /* words of a group                                 */
    GAUSS_PER_GROUP = 256 /* normals of a group: one byte each, 4 in a word   */
};

/* which Philox calls: those of one tensor in one stream */
typedef struct random_source {
    uint64_t seed, key;
    random_stream stream;
} random_source;

/* One bit per value: value i is negative when bit (bit + step (i / 16)) % 32 of its word is set;
 * its word is words[16 w + i % 16] with w = (bit + step (i / 16)) / 32. */
typedef struct random_signs {
    const uint32_t *words;
    int bit, step;
} random_signs;

typedef struct transform_kernels {
    const char *name;
    bool (*supported)(void);

    /* words[64 n_groups] of the calls 16 first_group ... */
    void (*random)(const random_source *source, int64_t first_group, int64_t n_groups,
                   uint32_t *words);

    /* x = H x, H[i][j] = (-1)^popcount(i & j), not normalised; n a power of two, at least 64.
     * Stages of stride n/2, n/4, ..., 1, each (a, b) <- (a + b, a - b). */
    void (*hadamard)(real *x, int64_t n);

    /* Value i of a block of normals is byte (i / 16) % 4 of words[16 (i / 64) + i % 16]: bits 0-4
     * index random_half_normal, bit 7 set makes it negative. n is a multiple of 64. */
    /* out = G v */
    void (*gauss_times)(const uint32_t *words, int64_t n, const real *v, real *out);
    /* u[i] += G[i] x[i % period]; period is a power of two, at least 64 */
    void (*gauss_add)(const uint32_t *words, int64_t n, const real *x, int64_t period, real *u);

    /* out[i] = base[i] + (+-scale) x[i]; base NULL: out[i] = (+-scale) x[i]. Any n. out may be x.
     */
    void (*sign_times)(const random_signs *signs, int64_t n, real scale, const real *x,
                       const real *base, real *out);
} transform_kernels;

extern const transform_kernels transform_plain;
#ifdef TRANSFORM_X86
extern const transform_kernels transform_avx2;
extern const transform_kernels transform_avx512;
#endif

/* All tables that were compiled in, plain first; ask supported() before use. */
const transform_kernels *const *transform_list(int64_t *n);

/* The fastest that this CPU supports. */
const transform_kernels *transform_best(void);

/* x[j] = sum over i of x[i m + j], by halving: the first m outputs of a transform of n entries are
 * the transform of these m, to the bit. m and n are powers of two. */
void transform_fold(real *x, int64_t n, int64_t m);

/* The order in which a vector unit makes a Hadamard transform: passes of three, two or one stages
 * over memory until blocks are short, then blocks in registers. Any such order gives the same bits,
 * since each stage adds and subtracts the same pairs. */
typedef struct transform_passes {
    void (*pass_8)(real *x, int64_t h); /* strides 4 h, 2 h, h of one transform of 8 h */
    void (*pass_4)(real *x, int64_t h); /* strides 2 h, h of one transform of 4 h      */
    void (*pass_2)(real *x, int64_t h); /* stride h of one transform of 2 h            */
    /* x[n] as n / size whole transforms of size, 64 or 128 */
    void (*blocks)(real *x, int64_t n, int64_t size);
} transform_passes;

void transform_by_passes(const transform_passes *p, real *x, int64_t n);

/* the shortest transform that holds n values: a power of two, at least TRANSFORM_MIN */
int64_t transform_size(int64_t n);

#endif
