/* Codebooks and the coding of one integer.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/coding.h"

#include <math.h>
#include <stdlib.h>

enum { STEPS_PER_OCTAVE = 16, OCTAVE_OF_ONE = 44, SHIFT_PARTS = 32, LONGEST = 30, MODELLED = 2 };

/* ---- codebooks ------------------------------------------------------------------------------- */

static double step_of(int32_t code)
{
    return ldexp(STEPS_PER_OCTAVE + code % STEPS_PER_OCTAVE,
                 code / STEPS_PER_OCTAVE - OCTAVE_OF_ONE);
}

double codebook_step(const codebook *book)
{
    return step_of(book->step);
}

int32_t codebook_code(double step)
{
    int32_t low = 0, high = STEP_CODES;
    while (high - low > 1) {
        int32_t middle = (low + high) / 2;
        if (step_of(middle) <= step)
            low = middle;
        else
            high = middle;
    }
    return low;
}

float codebook_value(const codebook *book, double origin, int32_t q)
{
    /* exact: 36 bits times 5 bits */
    double length = (double)(SHIFT_PARTS * (int64_t)labs(q) - book->shift);
    double value = q == 0 ? 0 : length * (step_of(book->step) / SHIFT_PARTS);
    return (float)(origin + (q < 0 ? -value : value));
}

int32_t codebook_index(const codebook *book, double origin, double x)
{
    double steps = (x - origin) / step_of(book->step), lean = (double)book->lean / SHIFT_PARTS;
    double q = fabs(steps) < lean ? 0 : round(fabs(steps) - lean);
    int32_t size = q > CODING_LARGEST ? CODING_LARGEST : (int32_t)q;
    return steps < 0 ? -size : size;
}

/* ---- one integer ----------------------------------------------------------------------------- */

void number_odds_begin(number_odds *odds)
{
    bit_odds *each = (bit_odds *)odds;
    for (size_t i = 0; i < sizeof *odds / sizeof *each; i++)
        each[i] = (bit_odds){1, 1};
}

/* |q| = 1 and b bits after it: b in unary, then the bits, the first two by odds of their own */
static void encode_length(range_encoder *e, number_odds *odds, uint32_t m)
{
    int b = 0;
    while (m >> b > 1)
        b++;
    for (int k = 0; k < b; k++)
        range_encode(e, &odds->longer[k], 1);
    if (b < LONGEST)
        range_encode(e, &odds->longer[b], 0);

    int node = 0;
    for (int k = 0; k < b && k < MODELLED; k++) {
        int bit = (int)(m >> (b - 1 - k) & 1);
        range_encode(e, &odds->upper[b][node], bit);
        node = 1 + bit;
    }
    if (b > MODELLED)
        range_encode_raw(e, m, b - MODELLED);
}

void number_encode(range_encoder *e, number_odds *odds, int32_t q)
{
    range_encode(e, &odds->zero, q != 0);
    if (q == 0)
        return;
    range_encode_raw(e, q < 0, 1);
    encode_length(e, odds, (uint32_t)labs(q));
}

int32_t number_decode(range_decoder *d, number_odds *odds)
{
    if (!range_decode(d, &odds->zero))
        return 0;
    uint32_t negative = range_decode_raw(d, 1), m = 1;
    int b = 0, node = 0;
    while (b < LONGEST && range_decode(d, &odds->longer[b]))
        b++;
    for (int k = 0; k < b && k < MODELLED; k++) {
        int bit = range_decode(d, &odds->upper[b][node]);
        m = m << 1 | (uint32_t)bit;
        node = 1 + bit;
    }
    if (b > MODELLED)
        m = m << (b - MODELLED) | range_decode_raw(d, b - MODELLED);
    return negative ? -(int32_t)m : (int32_t)m;
}
