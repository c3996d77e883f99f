/* The kernels with AVX2 and FMA: eight values at a time. The same bits as transform_plain.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/transform.h"

#ifdef TRANSFORM_X86

#include <immintrin.h>

static bool supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* ---- Philox4x32-10 --------------------------------------------------------------------------- */

/* the counter words of four calls, each in the low half of a 64-bit lane; the high halves hold
 * whatever the products left there */
typedef struct four_calls {
    __m256i c0, c1, c2, c3;
} four_calls;

static inline four_calls philox_round(four_calls s, __m256i k0, __m256i k1)
{
    const __m256i m0 = _mm256_set1_epi64x(0xD2511F53), m1 = _mm256_set1_epi64x(0xCD9E8D57);
    __m256i p0 = _mm256_mul_epu32(s.c0, m0), p1 = _mm256_mul_epu32(s.c2, m1);
    __m256i h0 = _mm256_xor_si256(_mm256_srli_epi64(p0, 32), k1);
    __m256i h1 = _mm256_xor_si256(_mm256_srli_epi64(p1, 32), k0);
    return (four_calls){_mm256_xor_si256(h1, s.c1), p1, _mm256_xor_si256(h0, s.c3), p0};
}

static inline void store_words(uint32_t *out, __m256i even, __m256i odd)
{
    __m256i both = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    _mm256_storeu_si256((__m256i *)(void *)out, both);
}

/* eight calls from `position`, their words at out, out + 16, out + 32, out + 48 */
static void random_eight(const random_source *source, uint32_t position, uint32_t *out)
{
    __m256i c0 = _mm256_add_epi64(_mm256_set1_epi64x(position), _mm256_set_epi64x(6, 4, 2, 0));
    four_calls even = {c0, _mm256_set1_epi64x(source->stream),
                       _mm256_set1_epi64x((uint32_t)source->key),
                       _mm256_set1_epi64x((uint32_t)(source->key >> 32))};
    four_calls odd = even;
    odd.c0 = _mm256_add_epi64(c0, _mm256_set1_epi64x(1));

    uint32_t k0 = (uint32_t)source->seed, k1 = (uint32_t)(source->seed >> 32);
    for (int round = 0; round < 10; round++) {
        __m256i v0 = _mm256_set1_epi64x(k0), v1 = _mm256_set1_epi64x(k1);
        even = philox_round(even, v0, v1);
        odd = philox_round(odd, v0, v1);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    store_words(out, even.c0, odd.c0);
    store_words(out + 16, even.c1, odd.c1);
    store_words(out + 32, even.c2, odd.c2);
    store_words(out + 48, even.c3, odd.c3);
}

static void random_avx2(const random_source *source, int64_t first_group, int64_t n_groups,
                        uint32_t *words)
{
    for (int64_t g = 0; g < n_groups; g++) {
        uint32_t position = (uint32_t)((first_group + g) * RANDOM_LANES);
        random_eight(source, position, words + g * RANDOM_GROUP);
        random_eight(source, position + 8, words + g * RANDOM_GROUP + 8);
    }
}

/* ---- Hadamard -------------------------------------------------------------------------------- */

/* The last stages, of strides 4, 2, 1 within a register. The partner is added to the lower lanes as
 * they are and to the negated upper ones; the product with +-1 is exact. */
static inline __m256 within(__m256 x)
{
    const __m256 s4 = _mm256_set_ps(-1, -1, -1, -1, 1, 1, 1, 1);
    const __m256 s2 = _mm256_set_ps(-1, -1, 1, 1, -1, -1, 1, 1);
    const __m256 s1 = _mm256_set_ps(-1, 1, -1, 1, -1, 1, -1, 1);
    x = _mm256_fmadd_ps(x, s4, _mm256_permute2f128_ps(x, x, 1));
    x = _mm256_fmadd_ps(x, s2, _mm256_permute_ps(x, 0x4E));
    return _mm256_fmadd_ps(x, s1, _mm256_permute_ps(x, 0xB1));
}

static inline void butterfly(__m256 *a, __m256 *b)
{
    __m256 sum = _mm256_add_ps(*a, *b);
    *b = _mm256_sub_ps(*a, *b);
    *a = sum;
}

/* eight registers by name: an array would be copied through memory by some compilers */
typedef struct eight {
    __m256 a, b, c, d, e, f, g, h;
} eight;

static inline eight load_eight(const float *x, int64_t stride)
{
    return (eight){_mm256_loadu_ps(x),
                   _mm256_loadu_ps(x + stride),
                   _mm256_loadu_ps(x + 2 * stride),
                   _mm256_loadu_ps(x + 3 * stride),
                   _mm256_loadu_ps(x + 4 * stride),
                   _mm256_loadu_ps(x + 5 * stride),
                   _mm256_loadu_ps(x + 6 * stride),
                   _mm256_loadu_ps(x + 7 * stride)};
}

static inline void store_eight(float *x, int64_t stride, eight r)
{
    _mm256_storeu_ps(x, r.a);
    _mm256_storeu_ps(x + stride, r.b);
    _mm256_storeu_ps(x + 2 * stride, r.c);
    _mm256_storeu_ps(x + 3 * stride, r.d);
    _mm256_storeu_ps(x + 4 * stride, r.e);
    _mm256_storeu_ps(x + 5 * stride, r.f);
    _mm256_storeu_ps(x + 6 * stride, r.g);
    _mm256_storeu_ps(x + 7 * stride, r.h);
}

static inline void stages_4(__m256 *a, __m256 *b, __m256 *c, __m256 *d)
{
    butterfly(a, c);
    butterfly(b, d);
    butterfly(a, b);
    butterfly(c, d);
}

static inline eight stages_8(eight r)
{
    butterfly(&r.a, &r.e);
    butterfly(&r.b, &r.f);
    butterfly(&r.c, &r.g);
    butterfly(&r.d, &r.h);
    stages_4(&r.a, &r.b, &r.c, &r.d);
    stages_4(&r.e, &r.f, &r.g, &r.h);
    return r;
}

static inline eight within_eight(eight r)
{
    return (eight){within(r.a), within(r.b), within(r.c), within(r.d),
                   within(r.e), within(r.f), within(r.g), within(r.h)};
}

static void pass_8(float *x, int64_t h)
{
    for (int64_t j = 0; j < h; j += 8)
        store_eight(x + j, h, stages_8(load_eight(x + j, h)));
}

static void pass_4(float *x, int64_t h)
{
    for (int64_t j = 0; j < h; j += 8) {
        __m256 a = _mm256_loadu_ps(x + j), b = _mm256_loadu_ps(x + h + j);
        __m256 c = _mm256_loadu_ps(x + 2 * h + j), d = _mm256_loadu_ps(x + 3 * h + j);
        stages_4(&a, &b, &c, &d);
        _mm256_storeu_ps(x + j, a);
        _mm256_storeu_ps(x + h + j, b);
        _mm256_storeu_ps(x + 2 * h + j, c);
        _mm256_storeu_ps(x + 3 * h + j, d);
    }
}

static void pass_2(float *x, int64_t h)
{
    for (int64_t j = 0; j < h; j += 8) {
        __m256 a = _mm256_loadu_ps(x + j), b = _mm256_loadu_ps(x + h + j);
        butterfly(&a, &b);
        _mm256_storeu_ps(x + j, a);
        _mm256_storeu_ps(x + h + j, b);
    }
}

/* a transform of 64 */
static void block_64(float *x)
{
    store_eight(x, 8, within_eight(stages_8(load_eight(x, 8))));
}

/* a transform of 128: its parts are transforms of 64 */
static void block_128(float *x)
{
    pass_2(x, 64);
    block_64(x);
    block_64(x + 64);
}

static void blocks(float *x, int64_t n, int64_t size)
{
    for (int64_t i = 0; i < n; i += size)
        if (size == 128)
            block_128(x + i);
        else
            block_64(x + i);
}

static void hadamard_avx2(float *x, int64_t n)
{
    static const transform_passes passes = {pass_8, pass_4, pass_2, blocks};
    transform_by_passes(&passes, x, n);
}

/* ---- products -------------------------------------------------------------------------------- */

/* the table's entry for the low five bits of each lane: four tables of eight, chosen by two bits */
static inline __m256 half_normals(__m256i index)
{
    __m256 t0 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(random_half_normal), index);
    __m256 t1 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(random_half_normal + 8), index);
    __m256 t2 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(random_half_normal + 16), index);
    __m256 t3 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(random_half_normal + 24), index);
    __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
    __m256 bit4 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 27));
    return _mm256_blendv_ps(_mm256_blendv_ps(t0, t1, bit3), _mm256_blendv_ps(t2, t3, bit3), bit4);
}

/* value with the sign bit of bits on it */
static inline __m256 with_sign(__m256 value, __m256i bits)
{
    const __m256i top = _mm256_set1_epi32(INT32_MIN);
    return _mm256_xor_ps(value, _mm256_castsi256_ps(_mm256_and_si256(bits, top)));
}

/* the normals of byte 0, 1, 2, 3 of eight words */
static inline void normals(__m256i word, __m256 out[4])
{
    out[0] = with_sign(half_normals(word), _mm256_slli_epi32(word, 24));
    out[1] = with_sign(half_normals(_mm256_srli_epi32(word, 8)), _mm256_slli_epi32(word, 16));
    out[2] = with_sign(half_normals(_mm256_srli_epi32(word, 16)), _mm256_slli_epi32(word, 8));
    out[3] = with_sign(half_normals(_mm256_srli_epi32(word, 24)), word);
}

static inline __m256i load_words(const uint32_t *words)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)words);
}

static void gauss_times_avx2(const uint32_t *words, int64_t n, const float *v, float *out)
{
    for (int64_t i = 0; i < n; i += 64)
        for (int64_t half = 0; half < 16; half += 8) {
            __m256 g[4];
            normals(load_words(words + i / 4 + half), g);
            for (int k = 0; k < 4; k++) {
                int64_t at = i + 16 * k + half;
                _mm256_storeu_ps(out + at, _mm256_mul_ps(g[k], _mm256_loadu_ps(v + at)));
            }
        }
}

static void gauss_add_avx2(const uint32_t *words, int64_t n, const float *x, int64_t period,
                           float *u)
{
    for (int64_t i = 0; i < n; i += 64)
        for (int64_t half = 0; half < 16; half += 8) {
            const float *from = x + (i & (period - 1)) + half;
            __m256 g[4];
            normals(load_words(words + i / 4 + half), g);
            for (int k = 0; k < 4; k++) {
                float *to = u + i + 16 * k + half;
                __m256 product = _mm256_mul_ps(g[k], _mm256_loadu_ps(from + 16 * k));
                _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), product));
            }
        }
}

static void sign_times_avx2(const random_signs *signs, int64_t n, float scale, const float *x,
                            const float *base, float *out)
{
    const __m256 factor = _mm256_set1_ps(scale);
    int64_t whole = n / RANDOM_LANES * RANDOM_LANES;
    int bit = signs->bit;
    for (int64_t i = 0; i < whole; i += RANDOM_LANES, bit += signs->step) {
        const uint32_t *words = signs->words + bit / 32 * RANDOM_LANES;
        __m128i shift = _mm_cvtsi32_si128(31 - bit % 32);
        for (int64_t at = i; at < i + RANDOM_LANES; at += 8) {
            __m256i top = _mm256_sll_epi32(load_words(words + (at - i)), shift);
            __m256 y = _mm256_mul_ps(with_sign(factor, top), _mm256_loadu_ps(x + at));
            if (base != NULL)
                y = _mm256_add_ps(_mm256_loadu_ps(base + at), y);
            _mm256_storeu_ps(out + at, y);
        }
    }
    if (whole < n) {
        random_signs rest = {signs->words, bit, signs->step};
        transform_plain.sign_times(&rest, n - whole, scale, x + whole,
                                   base != NULL ? base + whole : NULL, out + whole);
    }
}

const transform_kernels transform_avx2 = {
    .name = "avx2",
    .supported = supported,
    .random = random_avx2,
    .hadamard = hadamard_avx2,
    .gauss_times = gauss_times_avx2,
    .gauss_add = gauss_add_avx2,
    .sign_times = sign_times_avx2,
};

#endif
