/* Regular expressions, as many of them as pre-tokenisers use, with the reference's syntax (that of
 * Ruby, in Oniguruma) and its Unicode tables: a library's own tables would be of another version of
 * Unicode, and other versions of the library would cut texts elsewhere.
 *
 *     letters . \n \r \t \f \v \xHH \uHHHH \s \S \d \D \w \W \p{Lu} \P{Lu} \p{^Lu} [a-z\p{N}]
 * [^...] a|b (...) (?:...) (?i:...) (?=...) (?!...) ^ $ \A \z    x? x* x+ x{2} x{2,} x{,3} x{2,3}
 *     and behind a repetition ? (as few as can be) or, but for braces, + (never fewer again)
 *
 * Everything else is refused. Matching tries alternatives in order and goes back where they fail;
 * the steps this takes for one text are limited, so that no pattern can take for ever.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_PATTERN_H
#define IDIM_TEXT_PATTERN_H

#include "format/json.h"

typedef struct letter_range {
    uint32_t first, last;
} letter_range;

/* A set of code points. */
typedef struct letter_set {
    uint64_t ascii[2]; /* the answer for c < 128, negation included */
    uint32_t categories;
    int properties, not_properties; /* has one of them; lacks one of them (unicode_properties) */
    letter_range *range;            /* [n]                                                     */
    int64_t n, room;
    bool negated;
} letter_set;

typedef enum pattern_op {
    OP_SET,      /* one code point of set x                                                  */
    OP_LOOP,     /* min to max of set x, as many as can be; if possessive never fewer again   */
    OP_SPLIT,    /* go on at x; if that fails at y                                           */
    OP_JUMP,     /* go on at x                                                               */
    OP_LOOK,     /* what follows up to OP_MATCH matches here, go on at x                     */
    OP_LOOK_NOT, /* it does not match here                                                   */
    OP_BEGIN,    /* of the text */
    OP_END,
    OP_BEGIN_LINE,
    OP_END_LINE,
    OP_MATCH
} pattern_op;

typedef struct instruction {
    pattern_op op;
    bool possessive;
    int64_t x, y; /* of sets, or relative to this instruction */
    int64_t min, max;
} instruction;

typedef struct pattern {
    idim *lib;
    instruction *code; /* [n] */
    int64_t n, room;
    letter_set *set; /* [n_sets] */
    int64_t n_sets, sets_room;
} pattern;

/* Compiles `text`, which was read at `at`. *out is {0} or, after a failure too, to be freed. */
int pattern_compile(const json_place *at, const char *text, pattern *out);
/* The same for a text that is not an expression but stands for itself. */
int pattern_compile_text(const json_place *at, const char *text, pattern *out);
/* One of the two: the member "pattern", {"Regex": "..."} or {"String": "..."}. */
int pattern_read(const json_place *in, pattern *out);
void pattern_free(idim *lib, pattern *p);

bool letter_set_has(const letter_set *s, uint32_t c);

/* One text that is searched: begins as {.lib, .c, .n}, ends with pattern_search_free. */
typedef struct pattern_frame {
    int64_t at, low, high; /* go on at instruction `at` with the place high, then high - 1, ... */
} pattern_frame;

typedef struct pattern_search {
    idim *lib;
    const uint32_t *c;
    int64_t n;
    int64_t next, last_end; /* where the next search begins; where the last match ended, + 1 */
    int64_t steps;
    pattern_frame *frame;
    int64_t n_frames, frames_room;
} pattern_search;

/* Another text for the same search; keeps its memory. */
void pattern_search_begin(pattern_search *s, const uint32_t *c, int64_t n);

/* The next match; *found is false where there is none any more. */
int pattern_next(const pattern *p, pattern_search *s, bool *found, int64_t *begin, int64_t *end);
void pattern_search_free(pattern_search *s);

#endif
