/* The range coder, and numbers through codebooks.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/random.h"
#include "format/crc.h"
#include "subspace/coding.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { ROOM = 1 << 16 };

static uint32_t draw(uint64_t key, uint32_t i)
{
    uint32_t words[4];
    random_words(11, STREAM_SPLIT, key, i, words);
    return words[0];
}

/* bits of which one in `rarity` is set; every odds of their own or none */
static void check_bits(uint32_t rarity, int64_t n, bool raw)
{
    static uint8_t bytes[ROOM];
    range_encoder e = {.out = bytes, .room = ROOM};
    bit_odds odds = {1, 1};
    range_encode_begin(&e);
    for (int64_t i = 0; i < n; i++) {
        int bit = draw(rarity, (uint32_t)i) % rarity == 0;
        if (raw)
            range_encode_raw(&e, (uint32_t)bit, 1);
        else
            range_encode(&e, &odds, bit);
    }
    int64_t size = range_encode_end(&e);
    assert_true(size <= ROOM);

    range_decoder d;
    odds = (bit_odds){1, 1};
    range_decode_begin(&d, bytes, size);
    for (int64_t i = 0; i < n; i++) {
        int bit = draw(rarity, (uint32_t)i) % rarity == 0;
        assert_int_equal(raw ? (int)range_decode_raw(&d, 1) : range_decode(&d, &odds), bit);
    }
    assert_true(range_decode_end(&d));
    assert_false(range_decode_overran(&d));

    /* the entropy of such bits, what two odds cost to be learned, 3 % for odds that forget, a byte
     */
    double p = 1.0 / rarity;
    double entropy = raw ? 1 : -(p * log2(p) + (1 - p) * log2(1 - p + 1e-300));
    assert_true(8 * (double)size <= 1.03 * entropy * (double)n + 0.003 * (double)n + 24);
}

static void bits_come_back_at_the_price_of_their_entropy(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 40; n++) {
        check_bits(2, n, false);
        check_bits(2, n, true);
        check_bits(1, n, false);
    }
    static const uint32_t rarities[] = {2, 3, 10, 100, 10000};
    for (int i = 0; i < 5; i++)
        check_bits(rarities[i], 20000, false);
    check_bits(2, 20000, true);
}

static void zeros_take_a_byte_for_every_5760(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (int bit = 0; bit < 2; bit++) {
        range_encoder e = {.out = bytes, .room = sizeof bytes};
        bit_odds odds = {1, 1};
        range_encode_begin(&e);
        for (int i = 0; i < 200000; i++)
            range_encode(&e, &odds, bit);
        int64_t size = range_encode_end(&e);
        assert_true(size <= 64);
        assert_true(200000 / RANGE_BITS_PER_BYTE <= size);
    }
}

/* the numbers, their odds beginning anew */
static int64_t encode(const int32_t *q, int64_t n, uint8_t *bytes, int64_t room)
{
    range_encoder e = {.out = bytes, .room = room};
    number_odds odds;
    number_odds_begin(&odds);
    range_encode_begin(&e);
    for (int64_t i = 0; i < n; i++)
        number_encode(&e, &odds, q[i]);
    return range_encode_end(&e);
}

static bool decode(const uint8_t *bytes, int64_t size, int32_t *q, int64_t n)
{
    range_decoder d;
    number_odds odds;
    number_odds_begin(&odds);
    range_decode_begin(&d, bytes, size);
    for (int64_t i = 0; i < n && !range_decode_overran(&d); i++)
        q[i] = number_decode(&d, &odds);
    return range_decode_end(&d);
}

/* widths from none to all bits, the largest and the smallest among them */
static int32_t extreme(uint64_t key, uint32_t i)
{
    uint32_t word = draw(key, 2 * i), width = draw(key, 2 * i + 1) % 32;
    if (key % 7 == 0 && word % 5 == 0)
        return word & 64 ? CODING_LARGEST : -CODING_LARGEST;
    int32_t q = (int32_t)((word >> 1) & (((uint32_t)1 << width) - 1));
    return word & 1 ? -q : q;
}

static void ten_thousand_vectors_come_back(void **state)
{
    (void)state;
    enum { LONGEST = 64 };
    int32_t q[LONGEST], back[LONGEST];
    uint8_t bytes[LONGEST * 12];
    for (uint64_t key = 0; key < 10000; key++) {
        int64_t n = 1 + (int64_t)(key % LONGEST);
        uint32_t small = (uint32_t)(key / 3 % 9);
        for (int64_t i = 0; i < n; i++) {
            q[i] = extreme(key, (uint32_t)i);
            if (key % 3 != 0)
                q[i] %= 1 + (int32_t)small;
        }
        int64_t size = encode(q, n, bytes, sizeof bytes);
        assert_true(size <= (int64_t)sizeof bytes);
        assert_true(decode(bytes, size, back, n));
        assert_memory_equal(q, back, (size_t)n * sizeof *q);
        if (size > 0)
            assert_false(decode(bytes, size - 1, back, n) && memcmp(q, back, (size_t)n * 4) == 0);
    }
}

/* a float of any bits, or near one of the numbers that a vector is made of */
static float any_float(uint64_t key, uint32_t i)
{
    static const float extremes[] = {0,        -0.0f,        FLT_MAX, -FLT_MAX, FLT_MIN,
                                     -FLT_MIN, FLT_TRUE_MIN, 1,       -1};
    uint32_t word = draw(key + 77, i);
    float x;
    memcpy(&x, &word, sizeof x);
    if (key % 5 == 0 && word % 3 == 0)
        x = extremes[word / 3 % (sizeof extremes / sizeof *extremes)];
    else if (key % 5 < 3)
        x = (float)(((double)word - 0x1p31) * 0x1p-30);
    return isfinite(x) ? x : 0;
}

/* what is coded is what its meaning would be coded as, with every step, shift and origin */
static void numbers_of_any_size_come_back_as_they_were_coded(void **state)
{
    (void)state;
    enum { LONGEST = 64 };
    int32_t q[LONGEST], back[LONGEST];
    uint8_t bytes[LONGEST * 12];
    for (uint64_t key = 0; key < 10000; key++) {
        int64_t n = 1 + (int64_t)(key % LONGEST);
        double origin = key % 4 == 0 ? 1 : 0;
        codebook book = {.step = (int32_t)(draw(key, 1000) % STEP_CODES),
                         .shift = (int32_t)(draw(key, 1001) % SHIFT_CODES)};
        for (int64_t i = 0; i < n; i++)
            q[i] = codebook_index(&book, origin, (double)any_float(key, (uint32_t)i));
        int64_t size = encode(q, n, bytes, sizeof bytes);
        assert_true(decode(bytes, size, back, n));
        assert_memory_equal(q, back, (size_t)n * sizeof *q);
        for (int64_t i = 0; i < n; i++) {
            float value = codebook_value(&book, origin, q[i]);
            assert_true(isfinite(value));
            /* 24 bits of a float hold no more of |q|, or of a sum with 1 */
            bool exact = labs(q[i]) < 1 << 18 && (origin == 0 || codebook_step(&book) > 0x1p-18);
            if (exact)
                assert_int_equal(codebook_index(&book, origin, (double)value), q[i]);
        }
    }
}

static void a_byte_too_many_is_told(void **state)
{
    (void)state;
    int32_t q[100], back[100];
    uint8_t bytes[256] = {0};
    for (uint32_t i = 0; i < 100; i++)
        q[i] = (int32_t)(draw(1, i) % 9) - 4;
    int64_t size = encode(q, 100, bytes, sizeof bytes);
    assert_true(decode(bytes, size, back, 100));
    bytes[size] = 0;
    assert_false(decode(bytes, size + 1, back, 100));
    bytes[size] = 7;
    assert_false(decode(bytes, size + 2, back, 100));
    /* a cut can decode to other numbers that end there: the file's checksum is for that */
    for (int64_t cut = 0; cut < size; cut++)
        assert_false(decode(bytes, cut, back, 100) && memcmp(q, back, sizeof q) == 0);
}

static void too_little_room_is_counted(void **state)
{
    (void)state;
    int32_t q[50];
    uint8_t bytes[256], small[256];
    for (uint32_t i = 0; i < 50; i++)
        q[i] = (int32_t)draw(2, i) / 2;
    int64_t size = encode(q, 50, bytes, sizeof bytes);
    for (int64_t room = 0; room <= size; room++) {
        memset(small, 0x55, sizeof small);
        assert_int_equal(encode(q, 50, small, room), size);
        assert_int_equal(small[room], 0x55);
    }
    assert_memory_equal(small, bytes, (size_t)size);
}

/* ---- codebooks ------------------------------------------------------------------------------- */

static void steps_grow_by_sixteenths_of_an_octave(void **state)
{
    (void)state;
    codebook first = {.step = 0}, one = {.step = 16 * 40};
    assert_true(codebook_step(&first) == ldexp(1, -40));
    assert_true(codebook_step(&one) == 1);
    for (int32_t code = 0; code < STEP_CODES; code++) {
        codebook book = {.step = code};
        double step = codebook_step(&book);
        assert_int_equal(codebook_code(step), code);
        assert_int_equal(codebook_code(step * 1.03), code);
        assert_int_equal(codebook_code(step * 0.999), code > 0 ? code - 1 : 0);
    }
}

static void a_value_is_nearest_its_own_index(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        codebook book = {.step = (int32_t)(draw(3, i) % STEP_CODES),
                         .shift = (int32_t)(draw(4, i) % SHIFT_CODES)};
        double origin = i & 1;
        int32_t q = extreme(5, i) % (1 << 20);
        /* beside 1 a single has 24 bits: a step that is lost in them has no index of its own */
        if (origin > 0 && codebook_step(&book) < ldexp(1, -16))
            continue;
        if (origin > 0)
            q %= 128;
        float value = codebook_value(&book, origin, q);
        assert_int_equal(codebook_index(&book, origin, (double)value), q);
        float opposite = codebook_value(&book, 0, -q);
        assert_true(opposite == -codebook_value(&book, 0, q));
        if (book.shift == 0 && origin == 0)
            assert_true(value == (float)(q * codebook_step(&book)));
    }
}

static void an_index_is_the_nearest_and_is_clamped(void **state)
{
    (void)state;
    codebook book = {.step = 16 * 40 + 8}; /* 1.5 */
    assert_int_equal(codebook_index(&book, 0, 0.7), 0);
    assert_int_equal(codebook_index(&book, 0, 0.8), 1);
    assert_int_equal(codebook_index(&book, 0, -2.26), -2);
    assert_int_equal(codebook_index(&book, 1, 2.5), 1);
    assert_int_equal(codebook_index(&book, 0, 1e30), CODING_LARGEST);
    assert_int_equal(codebook_index(&book, 0, -1e30), -CODING_LARGEST);
}

static void the_checksum_is_the_published_one(void **state)
{
    (void)state;
    assert_int_equal(crc32_of((const uint8_t *)"123456789", 9), 0xCBF43926);
    assert_int_equal(crc32_of(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_come_back_at_the_price_of_their_entropy),
        cmocka_unit_test(zeros_take_a_byte_for_every_5760),
        cmocka_unit_test(ten_thousand_vectors_come_back),
        cmocka_unit_test(numbers_of_any_size_come_back_as_they_were_coded),
        cmocka_unit_test(a_byte_too_many_is_told),
        cmocka_unit_test(too_little_room_is_counted),
        cmocka_unit_test(steps_grow_by_sixteenths_of_an_octave),
        cmocka_unit_test(a_value_is_nearest_its_own_index),
        cmocka_unit_test(an_index_is_the_nearest_and_is_clamped),
        cmocka_unit_test(the_checksum_is_the_published_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
