/* Philox4x32-10 through Random123; the word layout is part of the published specification.
 *
 * SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "base/hash.h"

#include <string.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#endif
#include <Random123/philox.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

void random_words(uint64_t seed, random_stream stream, uint64_t key, uint32_t position,
                  uint32_t out[4])
{
    philox4x32_key_t k = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t c = {{position, (uint32_t)stream, (uint32_t)key, (uint32_t)(key >> 32)}};
    philox4x32_ctr_t r = philox4x32_R(10, c, k);
    memcpy(out, r.v, 4 * sizeof out[0]);
}

uint32_t random_below(uint64_t seed, random_stream stream, uint64_t key, uint32_t *position,
                      uint32_t n)
{
    /* draws below 2^32 mod n would make the small results likelier: draw again */
    uint32_t reject_below = (uint32_t)(-n) % n;
    for (;;) {
        uint32_t words[4];
        random_words(seed, stream, key, (*position)++, words);
        for (int i = 0; i < 4; i++) {
            uint64_t product = (uint64_t)words[i] * n;
            if ((uint32_t)product >= reject_below)
                return (uint32_t)(product >> 32);
        }
    }
}

void random_permutation(uint64_t seed, random_stream stream, uint64_t key, int32_t *order,
                        int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = (int32_t)i;

    uint32_t position = 0;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = random_below(seed, stream, key, &position, (uint32_t)(i + 1));
        int32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

uint64_t random_tensor_key(const char *name)
{
    uint8_t digest[HASH_BYTES];
    hash_bytes(name, (int64_t)strlen(name), digest);
    uint64_t key = 0;
    for (int i = 7; i >= 0; i--)
        key = key << 8 | digest[i];
    return key;
}

/* sqrt(2) erfinv((i + 1/2)/32), rounded to the nearest float */
const float random_half_normal[32] = {
    0x1.40de720000000p-6f, 0x1.e18cc00000000p-5f, 0x1.91b41a0000000p-4f, 0x1.19a0a00000000p-3f,
    0x1.6ad8020000000p-3f, 0x1.bca2920000000p-3f, 0x1.07922c0000000p-2f, 0x1.3141c20000000p-2f,
    0x1.5b74800000000p-2f, 0x1.8640820000000p-2f, 0x1.b1bdee0000000p-2f, 0x1.de07680000000p-2f,
    0x1.059d500000000p-1f, 0x1.1cbc7e0000000p-1f, 0x1.3474420000000p-1f, 0x1.4cda700000000p-1f,
    0x1.6608760000000p-1f, 0x1.801c3a0000000p-1f, 0x1.9b39700000000p-1f, 0x1.b78b460000000p-1f,
    0x1.d546ea0000000p-1f, 0x1.f4aefc0000000p-1f, 0x1.0b0c6c0000000p+0f, 0x1.1cfa4c0000000p+0f,
    0x1.306d140000000p+0f, 0x1.45cf940000000p+0f, 0x1.5dbf880000000p+0f, 0x1.79352c0000000p+0f,
    0x1.99dbb40000000p+0f, 0x1.c2fcd40000000p+0f, 0x1.fcc8120000000p+0f, 0x1.3572920000000p+1f,
};

const double random_half_normal_moment = 0x1.f5eb699f06ac2p-1; /* 0.98031168047176487 */
