/* The kernels with AVX-512: sixteen values at a time. The same bits as transform_plain.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/transform.h"

#ifdef TRANSFORM_X86

#include <immintrin.h>

/* truth tables of three bits */
enum { XOR_OF_THREE = 0x96, A_XOR_B_AND_C = 0x78 };

static bool supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

/* ---- Philox4x32-10 --------------------------------------------------------------------------- */

/* the counter words of eight calls, each in the low half of a 64-bit lane; the high halves hold
 * whatever the products left there */
typedef struct eight_calls {
    __m512i c0, c1, c2, c3;
} eight_calls;

static inline eight_calls philox_round(eight_calls s, __m512i k0, __m512i k1)
{
    const __m512i m0 = _mm512_set1_epi64(0xD2511F53), m1 = _mm512_set1_epi64(0xCD9E8D57);
    __m512i p0 = _mm512_mul_epu32(s.c0, m0), p1 = _mm512_mul_epu32(s.c2, m1);
    return (eight_calls){
        _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), s.c1, k0, XOR_OF_THREE), p1,
        _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), s.c3, k1, XOR_OF_THREE), p0};
}

/* lanes 0, 2, 4 ... of the group in even, 1, 3, 5 ... in odd */
static inline void store_words(uint32_t *out, __m512i even, __m512i odd)
{
    __m512i both = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    _mm512_storeu_si512(out, both);
}

static void random_avx512(const random_source *source, int64_t first_group, int64_t n_groups,
                          uint32_t *words)
{
    const __m512i lanes = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    for (int64_t g = 0; g < n_groups; g++) {
        uint32_t position = (uint32_t)((first_group + g) * RANDOM_LANES);
        __m512i c0 = _mm512_add_epi64(_mm512_set1_epi64(position), lanes);
        eight_calls even = {c0, _mm512_set1_epi64(source->stream),
                            _mm512_set1_epi64((uint32_t)source->key),
                            _mm512_set1_epi64((uint32_t)(source->key >> 32))};
        eight_calls odd = even;
        odd.c0 = _mm512_add_epi64(c0, _mm512_set1_epi64(1));

        uint32_t k0 = (uint32_t)source->seed, k1 = (uint32_t)(source->seed >> 32);
        for (int round = 0; round < 10; round++) {
            __m512i v0 = _mm512_set1_epi64(k0), v1 = _mm512_set1_epi64(k1);
            even = philox_round(even, v0, v1);
            odd = philox_round(odd, v0, v1);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        uint32_t *out = words + g * RANDOM_GROUP;
        store_words(out, even.c0, odd.c0);
        store_words(out + 16, even.c1, odd.c1);
        store_words(out + 32, even.c2, odd.c2);
        store_words(out + 48, even.c3, odd.c3);
    }
}

/* ---- Hadamard -------------------------------------------------------------------------------- */

/* The last stages, of strides 8, 4, 2, 1 within a register. The partner is added to the lower lanes
 * as they are and to the negated upper ones; the product with +-1 is exact. */
static inline __m512 within(__m512 x)
{
    const __m512 s8 = _mm512_set_ps(-1, -1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1);
    const __m512 s4 = _mm512_set_ps(-1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1);
    const __m512 s2 = _mm512_set_ps(-1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1);
    const __m512 s1 = _mm512_set_ps(-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1);
    x = _mm512_fmadd_ps(x, s8, _mm512_shuffle_f32x4(x, x, 0x4E));
    x = _mm512_fmadd_ps(x, s4, _mm512_shuffle_f32x4(x, x, 0xB1));
    x = _mm512_fmadd_ps(x, s2, _mm512_permute_ps(x, 0x4E));
    return _mm512_fmadd_ps(x, s1, _mm512_permute_ps(x, 0xB1));
}

static inline void butterfly(__m512 *a, __m512 *b)
{
    __m512 sum = _mm512_add_ps(*a, *b);
    *b = _mm512_sub_ps(*a, *b);
    *a = sum;
}

/* eight registers by name: an array would be copied through memory by some compilers */
typedef struct eight {
    __m512 a, b, c, d, e, f, g, h;
} eight;

static inline eight load_eight(const float *x, int64_t stride)
{
    return (eight){_mm512_loadu_ps(x),
                   _mm512_loadu_ps(x + stride),
                   _mm512_loadu_ps(x + 2 * stride),
                   _mm512_loadu_ps(x + 3 * stride),
                   _mm512_loadu_ps(x + 4 * stride),
                   _mm512_loadu_ps(x + 5 * stride),
                   _mm512_loadu_ps(x + 6 * stride),
                   _mm512_loadu_ps(x + 7 * stride)};
}

static inline void store_eight(float *x, int64_t stride, eight r)
{
    _mm512_storeu_ps(x, r.a);
    _mm512_storeu_ps(x + stride, r.b);
    _mm512_storeu_ps(x + 2 * stride, r.c);
    _mm512_storeu_ps(x + 3 * stride, r.d);
    _mm512_storeu_ps(x + 4 * stride, r.e);
    _mm512_storeu_ps(x + 5 * stride, r.f);
    _mm512_storeu_ps(x + 6 * stride, r.g);
    _mm512_storeu_ps(x + 7 * stride, r.h);
}

static inline void stages_4(__m512 *a, __m512 *b, __m512 *c, __m512 *d)
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
    for (int64_t j = 0; j < h; j += 16)
        store_eight(x + j, h, stages_8(load_eight(x + j, h)));
}

static void pass_4(float *x, int64_t h)
{
    for (int64_t j = 0; j < h; j += 16) {
        __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + h + j);
        __m512 c = _mm512_loadu_ps(x + 2 * h + j), d = _mm512_loadu_ps(x + 3 * h + j);
        stages_4(&a, &b, &c, &d);
        _mm512_storeu_ps(x + j, a);
        _mm512_storeu_ps(x + h + j, b);
        _mm512_storeu_ps(x + 2 * h + j, c);
        _mm512_storeu_ps(x + 3 * h + j, d);
    }
}

static void pass_2(float *x, int64_t h)
{
    for (int64_t j = 0; j < h; j += 16) {
        __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + h + j);
        butterfly(&a, &b);
        _mm512_storeu_ps(x + j, a);
        _mm512_storeu_ps(x + h + j, b);
    }
}

/* a transform of 64 */
static void block_64(float *x)
{
    __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16), c = _mm512_loadu_ps(x + 32),
           d = _mm512_loadu_ps(x + 48);
    stages_4(&a, &b, &c, &d);
    _mm512_storeu_ps(x, within(a));
    _mm512_storeu_ps(x + 16, within(b));
    _mm512_storeu_ps(x + 32, within(c));
    _mm512_storeu_ps(x + 48, within(d));
}

/* a transform of 128 */
static void block_128(float *x)
{
    store_eight(x, 16, within_eight(stages_8(load_eight(x, 16))));
}

static void blocks(float *x, int64_t n, int64_t size)
{
    for (int64_t i = 0; i < n; i += size)
        if (size == 128)
            block_128(x + i);
        else
            block_64(x + i);
}

static void hadamard_avx512(float *x, int64_t n)
{
    static const transform_passes passes = {pass_8, pass_4, pass_2, blocks};
    transform_by_passes(&passes, x, n);
}

/* ---- products -------------------------------------------------------------------------------- */

static inline __m512 half_normals(__m512i index)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(random_half_normal), index,
                                  _mm512_loadu_ps(random_half_normal + 16));
}

/* value with the sign bit of bits on it */
static inline __m512 with_sign(__m512 value, __m512i bits)
{
    const __m512i top = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(value), bits, top, A_XOR_B_AND_C));
}

/* the normals of byte 0, 1, 2, 3 of sixteen words */
static inline void normals(__m512i word, __m512 out[4])
{
    out[0] = with_sign(half_normals(word), _mm512_slli_epi32(word, 24));
    out[1] = with_sign(half_normals(_mm512_srli_epi32(word, 8)), _mm512_slli_epi32(word, 16));
    out[2] = with_sign(half_normals(_mm512_srli_epi32(word, 16)), _mm512_slli_epi32(word, 8));
    out[3] = with_sign(half_normals(_mm512_srli_epi32(word, 24)), word);
}

static void gauss_times_avx512(const uint32_t *words, int64_t n, const float *v, float *out)
{
    for (int64_t i = 0; i < n; i += 64) {
        __m512 g[4];
        normals(_mm512_loadu_si512(words + i / 4), g);
        for (int k = 0; k < 4; k++)
            _mm512_storeu_ps(out + i + 16 * k,
                             _mm512_mul_ps(g[k], _mm512_loadu_ps(v + i + 16 * k)));
    }
}

static void gauss_add_avx512(const uint32_t *words, int64_t n, const float *x, int64_t period,
                             float *u)
{
    for (int64_t i = 0; i < n; i += 64) {
        const float *from = x + (i & (period - 1));
        __m512 g[4];
        normals(_mm512_loadu_si512(words + i / 4), g);
        for (int k = 0; k < 4; k++) {
            __m512 product = _mm512_mul_ps(g[k], _mm512_loadu_ps(from + 16 * k));
            float *to = u + i + 16 * k;
            _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), product));
        }
    }
}

static void sign_times_avx512(const random_signs *signs, int64_t n, float scale, const float *x,
                              const float *base, float *out)
{
    const __m512 factor = _mm512_set1_ps(scale);
    int bit = signs->bit;
    for (int64_t i = 0; i < n; i += 16, bit += signs->step) {
        __mmask16 there = _cvtu32_mask16(n - i < 16 ? (1u << (n - i)) - 1 : 0xFFFFu);
        __m512i word = _mm512_loadu_si512(signs->words + bit / 32 * RANDOM_LANES);
        __m512i top = _mm512_sll_epi32(word, _mm_cvtsi32_si128(31 - bit % 32));
        __m512 y = _mm512_mul_ps(with_sign(factor, top), _mm512_maskz_loadu_ps(there, x + i));
        if (base != NULL)
            y = _mm512_add_ps(_mm512_maskz_loadu_ps(there, base + i), y);
        _mm512_mask_storeu_ps(out + i, there, y);
    }
}

const transform_kernels transform_avx512 = {
    .name = "avx512",
    .supported = supported,
    .random = random_avx512,
    .hadamard = hadamard_avx512,
    .gauss_times = gauss_times_avx512,
    .gauss_add = gauss_add_avx512,
    .sign_times = sign_times_avx512,
};

#endif
