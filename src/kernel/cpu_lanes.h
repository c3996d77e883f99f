/* Vectors and elementary functions for the bodies of the CPU kernels, which are compiled once per
 * instruction set (cpu_plain.c, cpu_avx2.c, cpu_avx512.c define VECTOR_BYTES). Functions without a
 * branch, so that loops over them become vector code.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_KERNEL_CPU_LANES_H
#define IDIM_KERNEL_CPU_LANES_H

#include <math.h>
#include <string.h>

#include "kernel/kernels.h"

typedef real lanes __attribute__((vector_size(VECTOR_BYTES)));
#ifdef IDIM_REAL_DOUBLE
typedef int64_t lane_bits __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int32_t lane_bits __attribute__((vector_size(VECTOR_BYTES)));
#endif
enum { LANES = VECTOR_BYTES / (int)sizeof(real) };

#define INLINE static inline __attribute__((always_inline))

INLINE lanes load(const real *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(real *p, lanes v)
{
    memcpy(p, &v, sizeof v);
}

/* of x[n], n > 0 */
static inline real largest(int64_t n, const real *x)
{
    real top = x[0];
    int64_t j = 0;
    if (n >= LANES) {
        lanes tops = load(x);
        for (j = LANES; j + LANES <= n; j += LANES) {
            lanes v = load(x + j);
            lane_bits greater = v > tops;
            tops = (lanes)((greater & (lane_bits)v) | (~greater & (lane_bits)tops));
        }
        for (int l = 0; l < LANES; l++)
            top = tops[l] > top ? tops[l] : top;
    }
    for (; j < n; j++)
        top = x[j] > top ? x[j] : top;
    return top;
}

static inline int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

#ifdef IDIM_REAL_DOUBLE

INLINE real fast_exp(real x)
{
    return exp(x);
}

INLINE real fast_erf(real x)
{
    return erf(x);
}

#else

/* e^x = 2^k e^r, |r| <= ln 2 / 2, e^r = 1 + r + r^2 p(r): 1.3 units in the last place. Below -87
 * and above 88 it stays at the ends (1.6e-38, 1.7e38); NaN stays NaN. */
INLINE real fast_exp(real x)
{
    const float shift = 0x1.8p23f; /* adding it rounds to an integer, left in the low bits */
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float whole = x * 0x1.715476p0f + shift;
    float k = whole - shift;
    float r = x - k * 0x1.62e4p-1f - k * 0x1.7f7d1cp-20f;

    float p = 0.0013813144760206342f;
    p = p * r + 0.008369418792426586f;
    p = p * r + 0.04166845604777336f;
    p = p * r + 0.16666515171527863f;
    p = p * r + 0.4999999403953552f;
    float e = r * r * p + r + 1.0f;

    uint32_t bits, exponent;
    memcpy(&bits, &e, sizeof bits);
    memcpy(&exponent, &whole, sizeof exponent);
    bits += exponent << 23;
    memcpy(&e, &bits, sizeof e);
    return e;
}

/* x p(x^2) / q(x^2), fitted to 1.4e-9 over |x| <= 3.92, where erf differs from 1 by 3e-8; in float
 * within 5e-7 of erf. Beyond it is 1, so that gelu is 0 far to the left. */
INLINE real fast_erf(real x)
{
    const float end = 3.92f;
    float t = x * x;
    t = t > end * end ? end * end : t;

    float p = -1.333762966737595e-08f;
    p = p * t + 4.718130185210612e-06f;
    p = p * t + 0.0003803826111834496f;
    p = p * t + 0.003832380287349224f;
    p = p * t + 0.05427850782871246f;
    p = p * t + 0.18470034003257751f;
    p = p * t + 1.128379225730896f;

    float q = 6.342210690490901e-05f;
    q = q * t + 0.0013050445122644305f;
    q = q * t + 0.015430989675223827f;
    q = q * t + 0.11377548426389694f;
    q = q * t + 0.4970199465751648f;
    q = q * t + 1.0f;
    float y = x * p / q;
    y = x > end ? 1.0f : y;
    return x < -end ? -1.0f : y;
}

#endif

/* 1 - 2 / (e^2x + 1), from the side where nothing overflows */
INLINE real fast_tanh(real x)
{
    real size = x < 0 ? -x : x;
    real e = fast_exp(-2 * size);
    real y = (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}

#endif
