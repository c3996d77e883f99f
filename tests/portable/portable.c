/* The projections and the decoder of coded numbers on any machine: linked with the C library alone
 * (what they need of the rest is below), so that other processors can run it under an emulator.
 * Prints what it checked; exit 1 when a bit differs from tests/fixtures/projection_golden.h or from
 * what the same program gave on x86-64.
 *
 * SPDX-License-Identifier: MIT */
#include "fixtures/projection_golden.h"
#include "format/crc.h"
#include "subspace/coding.h"
#include "subspace/projection.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the library would give ----------------------------------------------------------------
 */

int memory_new(idim *lib, int64_t count, int64_t size, const char *what, void **out)
{
    (void)lib;
    (void)what;
    *out = calloc((size_t)(count + 1), (size_t)size);
    return *out == NULL ? IDIM_EMEMORY : 0;
}

void memory_free(idim *lib, void *block)
{
    (void)lib;
    free(block);
}

int fail(idim *lib, int status, const char *format, ...)
{
    (void)lib;
    fputs(format, stderr);
    return status;
}

static uint32_t turn(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* the first 32 bits of the fractions of the cube roots of the first 64 primes (FIPS 180-4) */
static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void compress(uint32_t h[8], const uint8_t block[64])
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t a = s[0], e = s[4];
        uint32_t one = s[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                       ((e & s[5]) ^ (~e & s[6])) + ROUND[i] + w[i];
        uint32_t two =
            (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

void hash_bytes(const void *bytes, int64_t n, uint8_t digest[HASH_BYTES])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint8_t *from = bytes;
    uint8_t last[128] = {0};
    int64_t whole = n / 64 * 64, rest = n - whole, size = rest < 56 ? 64 : 128;
    for (int64_t i = 0; i < whole; i += 64)
        compress(h, from + i);
    memcpy(last, from + whole, (size_t)rest);
    last[rest] = 0x80;
    for (int k = 0; k < 8; k++)
        last[size - 1 - k] = (uint8_t)((uint64_t)n * 8 >> (8 * k));
    for (int64_t i = 0; i < size; i += 64)
        compress(h, last + i);
    for (int i = 0; i < HASH_BYTES; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- checks
 * --------------------------------------------------------------------------------------
 */

/* what the coded bytes (their number and checksum) and the decoded values are everywhere */
#define PORTABLE_BYTES  "4517 bytes, 0bb15e1f"
#define PORTABLE_VALUES "34cfbbd7311eb9d528877a0659e0c5ea1bb86520f2bfd6e2785606bd3a16cdff"

static int failed = 0;

static void check(const char *what, const char *found, const char *expected)
{
    if (strcmp(found, expected) == 0)
        return;
    printf("FAILED: %s: expected %s, found %s\n", what, expected, found);
    failed++;
}

/* of singles as little-endian bytes */
static void digest_of(const real *x, int64_t n, char text[HASH_TEXT])
{
    uint8_t *bytes = malloc((size_t)(4 * n + 1)), digest[HASH_BYTES];
    if (bytes == NULL)
        abort();
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        for (int k = 0; k < 4; k++)
            bytes[4 * i + k] = (uint8_t)(bits >> (8 * k));
    }
    hash_bytes(bytes, 4 * n, digest);
    for (int i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    free(bytes);
}

static void *room(int64_t n)
{
    void *out = calloc((size_t)(n + 1), sizeof(real));
    if (out == NULL)
        abort();
    return out;
}

static void check_projection(const struct golden *g)
{
    projected t = {random_tensor_key(g->name), g->size};
    projection_state like = {.kind = projection_find(g->projection),
                             .seed = g->seed,
                             .len_z = g->len_z,
                             .weights = golden_sparse_weights,
                             .largest = g->size};
    projection_state *p;
    char text[HASH_TEXT];
    if (projection_new(NULL, &like, &p) != 0)
        abort();
    real *z = room(g->len_z), *v = room(p->inner), *work = room(p->work), *out = room(g->size);
    for (int64_t i = 0; i < g->len_z; i++)
        z[i] = (real)(i * 37 % 101 - 50) / 64;
    p->kind->begin(p, z, v, work);
    int64_t tile = p->tile == 0 ? g->size : p->tile;
    for (int64_t first = 0; first < g->size; first += tile) {
        int64_t left = g->size - first;
        piece w = {&t, first, left < tile ? left : tile, 1, work};
        p->kind->push(p, &w, v, NULL, out + first);
    }
    digest_of(out, g->size, text);
    check(g->projection, text, g->sha256);
    free(z);
    free(v);
    free(work);
    free(out);
    projection_free(p);
}

/* numbers of all widths, coded and decoded; what the bytes and the values were on x86-64 */
static void check_coding(void)
{
    enum { N = 4000, ROOM = 5 * N };
    static uint8_t bytes[ROOM];
    static real value[N];
    codebook book = {.step = 16 * 38 + 5, .shift = 7};
    char text[HASH_TEXT];
    range_encoder e = {.out = bytes, .room = ROOM};
    number_odds odds;
    number_odds_begin(&odds);
    range_encode_begin(&e);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t words[4];
        random_words(9, STREAM_SPLIT, 5, i, words);
        int32_t q = (int32_t)(words[0] >> 1 & (((uint32_t)1 << words[1] % (i % 3 ? 4 : 32)) - 1));
        number_encode(&e, &odds, words[2] & 1 ? -q : q);
    }
    int64_t size = range_encode_end(&e);
    snprintf(text, sizeof text, "%lld bytes, %08lx", (long long)size,
             (unsigned long)crc32_of(bytes, size));
    check("coded bytes", text, PORTABLE_BYTES);

    range_decoder d;
    number_odds_begin(&odds);
    range_decode_begin(&d, bytes, size);
    for (int i = 0; i < N; i++)
        value[i] = codebook_value(&book, i & 1, number_decode(&d, &odds));
    check("end", range_decode_end(&d) ? "yes" : "no", "yes");
    digest_of(value, N, text);
    check("decoded values", text, PORTABLE_VALUES);
}

int main(void)
{
    int n = (int)(sizeof golden / sizeof golden[0]);
    for (int i = 0; i < n; i++)
        check_projection(&golden[i]);
    check_coding();
    uint16_t one = 1;
    uint8_t low;
    memcpy(&low, &one, 1);
    printf("%d projections and 4000 coded numbers, %s bytes first: %d failed\n", n,
           low ? "low" : "high", failed);
    return failed > 0;
}
