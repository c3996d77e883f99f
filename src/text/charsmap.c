/* Whatever the units say, no place outside of them is read, and a walk ends with the text.
 *
 * SPDX-License-Identifier: MIT */
#include "text/charsmap.h"

#include <string.h>

static uint32_t read32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

bool charsmap_open(charsmap *m, const uint8_t *bytes, int64_t n)
{
    if (n < 8)
        return false;
    int64_t size = read32(bytes);
    if (size > n - 4 || size % 4 != 0 || size == 0)
        return false;
    *m = (charsmap){bytes + 4, size / 4, bytes + 4 + size, n - 4 - size};
    return true;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* the unit at `at`, 0 outside; 0 is nobody's child and has no value */
static uint32_t unit_at(const charsmap *m, uint32_t at)
{
    return at < m->n_units ? read32(m->units + 4 * (int64_t)at) : 0;
}

int64_t charsmap_find(const charsmap *m, const uint8_t *text, int64_t n, bool longest,
                      const uint8_t **put, int64_t *put_n)
{
    int64_t found = 0, value = 0;
    uint32_t at = offset_of(unit_at(m, 0));
    for (int64_t i = 0; i < n && text[i] != 0 && (longest || found == 0); i++) {
        at ^= text[i];
        uint32_t unit = unit_at(m, at);
        if ((unit & 0x800000ffu) != text[i])
            break;
        at ^= offset_of(unit);
        if ((unit >> 8 & 1) == 0)
            continue;
        found = i + 1;
        value = unit_at(m, at) & 0x7fffffffu;
    }
    if (found == 0 || value >= m->n_texts)
        return 0;
    *put = m->texts + value;
    const uint8_t *end = memchr(*put, 0, (size_t)(m->n_texts - value));
    *put_n = end != NULL ? end - *put : m->n_texts - value;
    return found;
}
