/* Look-ups by bisection; ASCII, most of all text, has a table of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "text/unicode.h"

#include <utf8proc.h>

/* the low 8 bits of the last run that begins at c or before */
static int value_of_run(const uint32_t *runs, int64_t n, uint32_t c)
{
    int64_t low = 0, high = n;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (runs[middle] >> 8 <= c)
            low = middle;
        else
            high = middle;
    }
    return (int)(runs[low] & 0xff);
}

int unicode_properties(uint32_t c)
{
    return c < 128 ? unicode_ascii[c] : value_of_run(unicode_runs, unicode_n_runs, c);
}

int unicode_clinging(uint32_t c)
{
    return c < 128 ? unicode_ascii_category[c]
                   : value_of_run(unicode_category_runs, unicode_n_category_runs, c);
}

int unicode_category_of(uint32_t c)
{
    return unicode_clinging(c) & UNICODE_CATEGORY;
}

uint32_t unicode_lower(uint32_t c)
{
    if (c < 128)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;

    int64_t low = 0, high = unicode_n_lower_rules;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const unicode_lower_rule *rule = &unicode_lower_rules[middle];
        if (c < rule->first)
            high = middle;
        else if (c > rule->last)
            low = middle + 1;
        else
            return (c - rule->first) % (uint32_t)rule->step == 0 ? c + (uint32_t)rule->delta : c;
    }
    return c;
}

int64_t unicode_decompose(uint32_t c, bool compatibility, uint32_t out[UNICODE_DECOMPOSED])
{
    int properties = unicode_properties(c);
    bool further = compatibility && (properties & UNICODE_NFKD) != 0;
    out[0] = c;
    if ((properties & UNICODE_NFD) == 0 && !further)
        return 1;

    utf8proc_int32_t found[UNICODE_DECOMPOSED];
    int boundary = 0;
    utf8proc_option_t how = UTF8PROC_DECOMPOSE;
    if (further)
        how = (utf8proc_option_t)(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    int64_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, found, UNICODE_DECOMPOSED, how, &boundary);
    if (n < 1 || n > UNICODE_DECOMPOSED)
        return 1;
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint32_t)found[i];
    return n;
}

/* what the reference cannot take apart it does not put together either */
uint32_t unicode_compose(uint32_t a, uint32_t b)
{
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};
    if (a < 128 && b < 128)
        return 0;
    int64_t n =
        utf8proc_normalize_utf32(pair, 2, (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    uint32_t composed = (uint32_t)pair[0];
    return n == 1 && (unicode_properties(composed) & UNICODE_NFD) != 0 ? composed : 0;
}

int unicode_class(uint32_t c)
{
    if ((unicode_properties(c) & UNICODE_NFD) == 0)
        return 0;
    return utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* how many bytes a sequence with this lead has (0: none starts so), and the range of its second
 * byte, which shuts out overlong forms, surrogates and what lies beyond U+10FFFF */
static int sequence_of(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        *low = lead == 0xe0 ? 0xa0 : 0x80;
        *high = lead == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *low = lead == 0xf0 ? 0x90 : 0x80;
        *high = lead == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

uint32_t unicode_read(const uint8_t *bytes, int64_t n, int64_t *at)
{
    uint8_t lead = bytes[(*at)++], low, high;
    if (lead < 0x80)
        return lead;

    int length = sequence_of(lead, &low, &high);
    if (length == 0)
        return UNICODE_REPLACEMENT;
    uint32_t c = lead & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if (*at >= n || bytes[*at] < low || bytes[*at] > high)
            return UNICODE_REPLACEMENT;
        c = c << 6 | (bytes[(*at)++] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    return c;
}

int unicode_write(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    int n = c < 0x800 ? 2 : (c < 0x10000 ? 3 : 4);
    for (int i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (uint8_t)((0xf00 >> n & 0xf0) | (int)c);
    return n;
}
