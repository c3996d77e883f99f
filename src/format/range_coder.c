/* The range coder: an interval [low, low + range) below 2^32 that each bit narrows in proportion to
 * its odds; bytes that can no longer change are shifted out. A carry goes back through the bytes
 * already written.
 *
 * SPDX-License-Identifier: MIT */
#include "format/range_coder.h"

enum { BYTE = 8, TOP = 24, CODE_BYTES = 4 };

static const uint32_t RANGE_LEAST = (uint32_t)1 << TOP;

/* the part of range that belongs to 0: at least 1 and less than range, since range >= 2^24 */
static uint32_t share_of_zero(uint32_t range, const bit_odds *odds)
{
    return (uint32_t)((uint64_t)range * odds->zero / (odds->zero + odds->one));
}

static void learn(bit_odds *odds, int bit)
{
    if (bit)
        odds->one += 2;
    else
        odds->zero += 2;
    if (odds->zero + odds->one > ODDS_LIMIT) {
        odds->zero = (odds->zero + 1) / 2;
        odds->one = (odds->one + 1) / 2;
    }
}

/* ---- encoding -------------------------------------------------------------------------------- */

void range_encode_begin(range_encoder *e)
{
    e->n = 0;
    e->low = 0;
    e->range = UINT32_MAX;
}

static void put(range_encoder *e, uint8_t byte)
{
    if (e->n < e->room)
        e->out[e->n] = byte;
    e->n++;
}

static void carry(range_encoder *e)
{
    if (e->n > e->room)
        return;
    for (int64_t i = e->n - 1; i >= 0 && ++e->out[i] == 0; i--) {
    }
}

static void raise_low(range_encoder *e, uint32_t by)
{
    uint32_t low = e->low + by;
    if (low < e->low)
        carry(e);
    e->low = low;
}

static void narrow(range_encoder *e, uint32_t zero, int bit)
{
    if (bit) {
        raise_low(e, zero);
        e->range -= zero;
    } else {
        e->range = zero;
    }
    while (e->range < RANGE_LEAST) {
        put(e, (uint8_t)(e->low >> TOP));
        e->low <<= BYTE;
        e->range <<= BYTE;
    }
}

void range_encode(range_encoder *e, bit_odds *odds, int bit)
{
    narrow(e, share_of_zero(e->range, odds), bit);
    learn(odds, bit);
}

void range_encode_raw(range_encoder *e, uint32_t bits, int n)
{
    for (int i = n - 1; i >= 0; i--)
        narrow(e, e->range / 2, (int)(bits >> i & 1));
}

int64_t range_encode_end(range_encoder *e)
{
    /* range >= 2^24, so a number of 24 zero bits lies in the interval: its three last bytes, and
     * the first if it is zero too, are what the decoder reads after the end */
    raise_low(e, RANGE_LEAST - 1);
    if (e->low >> TOP != 0)
        put(e, (uint8_t)(e->low >> TOP));
    return e->n;
}

/* ---- decoding -------------------------------------------------------------------------------- */

static void take(range_decoder *d)
{
    uint32_t byte = d->at < d->n ? d->in[d->at] : 0;
    d->at++;
    d->code = d->code << BYTE | byte;
}

void range_decode_begin(range_decoder *d, const uint8_t *in, int64_t n)
{
    *d = (range_decoder){.in = in, .n = n, .range = UINT32_MAX};
    for (int i = 0; i < CODE_BYTES; i++)
        take(d);
}

static int choose(range_decoder *d, uint32_t zero)
{
    int bit = d->code >= zero;
    if (bit) {
        d->code -= zero;
        d->range -= zero;
    } else {
        d->range = zero;
    }
    while (d->range < RANGE_LEAST) {
        take(d);
        d->range <<= BYTE;
    }
    return bit;
}

int range_decode(range_decoder *d, bit_odds *odds)
{
    int bit = choose(d, share_of_zero(d->range, odds));
    learn(odds, bit);
    return bit;
}

uint32_t range_decode_raw(range_decoder *d, int n)
{
    uint32_t bits = 0;
    for (int i = 0; i < n; i++)
        bits = bits << 1 | (uint32_t)choose(d, d->range / 2);
    return bits;
}

bool range_decode_overran(const range_decoder *d)
{
    return d->at > d->n + CODE_BYTES;
}

bool range_decode_end(const range_decoder *d)
{
    int64_t shifted = d->at - CODE_BYTES;
    return d->n == shifted || (d->n == shifted + 1 && d->in[shifted] != 0);
}
