/* What the reference package believes about a code point. It mixes versions of Unicode (punctuation
 * and accents 8.0, decomposition 9.0, words 16.0, lower case 17.0), so its behaviour was measured
 * (tools/make_unicode_tables.py) and lies here as runs of equal properties. Decompositions and
 * combining classes come from utf8proc, asked only about code points the reference knows: those
 * never change between versions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_UNICODE_H
#define IDIM_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    UNICODE_SPACE = 1,       /* White_Space                                            */
    UNICODE_DROPPED = 2,     /* BERT's clean-up removes it                             */
    UNICODE_PUNCTUATION = 4, /* BERT splits at it                                      */
    UNICODE_ACCENT = 8,      /* BERT's strip_accents removes it                        */
    UNICODE_WORD = 16,       /* \w: what a single_word token must not touch            */
    UNICODE_NFD = 32,        /* decomposes, or has a combining class other than 0      */
    UNICODE_MARK = 64,       /* StripAccents removes it (more than BERT's)             */
    UNICODE_NFKD = 128,      /* decomposes further under compatibility                 */
    UNICODE_DECOMPOSED = 18, /* most code points a decomposition has                   */
    UNICODE_REPLACEMENT = 0xfffd
};

/* run i holds from unicode_runs[i] >> 8 up to the next run; the low 8 bits are its properties */
extern const uint32_t unicode_runs[];
extern const int64_t unicode_n_runs;
extern const uint8_t unicode_ascii[128];

/* c in first, first + step, ..., last becomes c + delta */
typedef struct unicode_lower_rule {
    uint32_t first, last;
    int32_t step, delta;
} unicode_lower_rule;

extern const unicode_lower_rule unicode_lower_rules[];
extern const int64_t unicode_n_lower_rules;

/* General categories, as the reference's regular expressions have them (16.0). */
typedef enum unicode_category {
    UNICODE_CN,
    UNICODE_LU,
    UNICODE_LL,
    UNICODE_LT,
    UNICODE_LM,
    UNICODE_LO,
    UNICODE_MN,
    UNICODE_MC,
    UNICODE_ME,
    UNICODE_ND,
    UNICODE_NL,
    UNICODE_NO,
    UNICODE_PC,
    UNICODE_PD,
    UNICODE_PS,
    UNICODE_PE,
    UNICODE_PI,
    UNICODE_PF,
    UNICODE_PO,
    UNICODE_SM,
    UNICODE_SC,
    UNICODE_SK,
    UNICODE_SO,
    UNICODE_ZS,
    UNICODE_ZL,
    UNICODE_ZP,
    UNICODE_CC,
    UNICODE_CF,
    UNICODE_CO,
    UNICODE_CATEGORIES
} unicode_category;

/* How a code point clings to its neighbours in a grapheme cluster, as far as clusters of at most
 * five bytes of UTF-8 show it. */
enum {
    UNICODE_CATEGORY = 31, /* the bits of the category                              */
    UNICODE_EXTENDS = 32,  /* to the one before                                     */
    UNICODE_CONTROL = 64,  /* nothing extends it (told for one to three bytes only) */
    UNICODE_PREPEND = 128  /* the one behind extends it                             */
};

/* the category and the bits above in the low 8 bits of a run, its first code point above them */
extern const uint32_t unicode_category_runs[];
extern const int64_t unicode_n_category_runs;
extern const uint8_t unicode_ascii_category[128];

/* The category; the category with the bits above. */

int unicode_category_of(uint32_t c);
int unicode_clinging(uint32_t c);

/* properties of a code point, a sum of the bits above */
int unicode_properties(uint32_t c);

/* One code point; U+0130 alone has two in lower case (i, U+0307): the caller sees to it. */
uint32_t unicode_lower(uint32_t c);

/* The full decomposition, canonical or with compatibility too; the number of code points, at least
 * 1. */
int64_t unicode_decompose(uint32_t c, bool compatibility, uint32_t out[UNICODE_DECOMPOSED]);

/* What a and b compose to, 0 if they do not. */
uint32_t unicode_compose(uint32_t a, uint32_t b);

/* canonical combining class */
int unicode_class(uint32_t c);

/* Reads one code point at bytes[*at], *at < n, and moves *at behind it. Bytes that are not UTF-8
 * give one U+FFFD for each longest piece that begins a valid sequence, or for a single byte: what
 * Python's errors="replace" does. */
uint32_t unicode_read(const uint8_t *bytes, int64_t n, int64_t *at);

/* One code point in UTF-8; the number of bytes. */
int unicode_write(uint32_t c, uint8_t out[4]);

#endif
