/* Numbers as a range-coded sequence of small integers: x = origin + step q. docs/adapter.md
 * specifies both halves to the bit. Nothing here but the C library is needed.
 *
 * A codebook is a step and a shift: q = 0 means 0, any other q means sign(q) (|q| - shift/32) step.
 * Few bits a number make q lean to the inner end of its interval, which is what shift is for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_CODING_H
#define IDIM_SUBSPACE_CODING_H

#include "format/range_coder.h"

enum {
    STEP_CODES = 1024,         /* step = (16 + code mod 16) 2^(code div 16 - 44) */
    SHIFT_CODES = 16,          /* in parts of 1/32                               */
    CODING_LARGEST = INT32_MAX /* of |q|                                       */
};

typedef struct codebook {
    int32_t step, shift; /* codes                                                          */
    int32_t lean;        /* in parts of 1/32, below 16: how much later than half way q rises; it
                            is the encoder's alone, and 0 in what was read                 */
} codebook;

double codebook_step(const codebook *book);

/* The code of the largest step that is at most `step`; 0 when there is none. */
int32_t codebook_code(double step);

/* What q means, rounded once to single. */
float codebook_value(const codebook *book, double origin, int32_t q);

/* The q whose multiple of step is nearest to x (shift has no part in it), but for lean. x is
 * finite.
 */
int32_t codebook_index(const codebook *book, double origin, double x);

/* Odds of one kind of number, {1, 1} each at the start. */
typedef struct number_odds {
    bit_odds zero;         /* is it other than 0?                         */
    bit_odds longer[30];   /* of b bits after the leading one: are there more? */
    bit_odds upper[31][3]; /* the first two of b bits                    */
} number_odds;

void number_odds_begin(number_odds *odds);
void number_encode(range_encoder *e, number_odds *odds, int32_t q);
int32_t number_decode(range_decoder *d, number_odds *odds);

#endif
