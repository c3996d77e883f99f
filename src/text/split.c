/* Pre-tokenisers that only cut: at an expression or a text, at digits, punctuation, a letter or
 * white space.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

#include "text/pattern.h"
#include "text/splitter.h"
#include "text/unicode.h"

int part_want_letter(const json_place *at, uint32_t *out)
{
    const char *text;
    TRY(json_want_text(at, &text));
    int64_t length = (int64_t)strlen(text), end = 0;
    if (length > 0)
        *out = unicode_read((const uint8_t *)text, length, &end);
    return length > 0 && end == length ? 0 : json_fail_expected(at, "a single character");
}

static int take_behavior(const json_place *in, split_behavior *out)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    json_place at = json_member(in, "behavior");
    const char *name;
    TRY(json_want_text(&at, &name));
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (split_behavior)i;
            return 0;
        }
    return json_fail_expected(&at, "Removed, Isolated, MergedWithPrevious, MergedWithNext or "
                                   "Contiguous");
}

/* ---- Split ---------------------------------------------------------------------------------- */

typedef struct split_state {
    pattern pattern;
    split_behavior behavior;
    bool invert;
} split_state;

static int open_split(const json_place *at, void *state)
{
    split_state *s = state;
    json_place invert = json_member(at, "invert");
    TRY(take_behavior(at, &s->behavior));
    TRY(json_want_flag(&invert, &s->invert));
    return pattern_read(at, &s->pattern);
}

static void close_split(idim *lib, void *state)
{
    pattern_free(lib, &((split_state *)state)->pattern);
}

static int split_cut(const split_state *s, pattern_search *search, const passage *p, cut whole,
                     splitter *out)
{
    int64_t done = whole.begin;
    bool found = true;
    pattern_search_begin(search, p->c + whole.begin, whole.end - whole.begin);
    while (found) {
        int64_t begin, end;
        TRY(pattern_next(&s->pattern, search, &found, &begin, &end));
        if (!found)
            break;
        begin += whole.begin;
        end += whole.begin;
        if (done < begin)
            TRY(splitter_add(out, done, begin, s->invert));
        TRY(splitter_add(out, begin, end, !s->invert));
        done = end;
    }
    if (done < whole.end)
        TRY(splitter_add(out, done, whole.end, s->invert));
    return splitter_end(out);
}

static int split(const void *state, passage *p, cuts *list)
{
    const split_state *s = state;
    cuts finer = {.lib = list->lib};
    pattern_search search = {.lib = list->lib};
    int status = 0;
    for (int64_t i = 0; status == 0 && i < list->n; i++) {
        splitter out = {.out = &finer, .behavior = s->behavior};
        status = split_cut(s, &search, p, list->item[i], &out);
    }
    pattern_search_free(&search);
    cuts_free(list);
    *list = finer;
    return status;
}

const text_part split_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "Split",
    .state_size = sizeof(split_state),
    .open = open_split,
    .close = close_split,
    .split = split,
};

/* ---- kinds of letters ----------------------------------------------------------------------- */

static bool is_space(const void *state, uint32_t c)
{
    (void)state;
    return (unicode_properties(c) & UNICODE_SPACE) != 0;
}

static bool is_punctuation(const void *state, uint32_t c)
{
    (void)state;
    return (unicode_properties(c) & UNICODE_PUNCTUATION) != 0;
}

/* here the reference has Unicode 17.0, with two ranges more than the categories */
static bool is_digit(const void *state, uint32_t c)
{
    (void)state;
    int category = unicode_category_of(c);
    return category == UNICODE_ND || category == UNICODE_NL || category == UNICODE_NO ||
           (c >= 0x11de0 && c <= 0x11de9) || (c >= 0x16ff4 && c <= 0x16ff6);
}

static bool is_delimiter(const void *state, uint32_t c)
{
    return c == *(const uint32_t *)state;
}

static int split_space(const void *state, passage *p, cuts *list)
{
    return split_at_letters(p, list, SPLIT_REMOVED, is_space, state);
}

const text_part whitespace_split = {
    .kind = PART_PRE_TOKENIZER,
    .type = "WhitespaceSplit",
    .blockwise = true,
    .split = split_space,
};

/* \w+ and [^\w\s]+ */
static int split_words(const void *state, passage *p, cuts *list)
{
    (void)state;
    cuts finer = {.lib = list->lib};
    int status = 0;
    for (int64_t i = 0; i < list->n; i++) {
        int64_t begin = list->item[i].begin, end = list->item[i].end;
        while (status == 0 && begin < end) {
            int kind = unicode_properties(p->c[begin]) & (UNICODE_WORD | UNICODE_SPACE);
            int64_t stop = begin;
            while (stop < end &&
                   (unicode_properties(p->c[stop]) & (UNICODE_WORD | UNICODE_SPACE)) == kind)
                stop++;
            if (kind != UNICODE_SPACE)
                status = cuts_add(&finer, begin, stop);
            begin = stop;
        }
    }
    cuts_free(list);
    *list = finer;
    return status;
}

const text_part whitespace_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "Whitespace",
    .blockwise = true,
    .split = split_words,
};

typedef struct punctuation_state {
    split_behavior behavior;
} punctuation_state;

static int open_punctuation(const json_place *at, void *state)
{
    punctuation_state *s = state;
    json_place behavior = json_member(at, "behavior");
    s->behavior = SPLIT_ISOLATED;
    return behavior.value == NULL ? 0 : take_behavior(at, &s->behavior);
}

static int split_punctuation(const void *state, passage *p, cuts *list)
{
    const punctuation_state *s = state;
    return split_at_letters(p, list, s->behavior, is_punctuation, state);
}

const text_part punctuation_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "Punctuation",
    .state_size = sizeof(punctuation_state),
    .open = open_punctuation,
    .split = split_punctuation,
};

typedef struct digits_state {
    bool individual;
} digits_state;

static int open_digits(const json_place *at, void *state)
{
    json_place individual = json_member(at, "individual_digits");
    return json_want_flag(&individual, &((digits_state *)state)->individual);
}

static int split_digits(const void *state, passage *p, cuts *list)
{
    bool individual = ((const digits_state *)state)->individual;
    return split_at_letters(p, list, individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, is_digit,
                            state);
}

const text_part digits_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "Digits",
    .state_size = sizeof(digits_state),
    .open = open_digits,
    .split = split_digits,
};

static int open_delimiter(const json_place *at, void *state)
{
    json_place delimiter = json_member(at, "delimiter");
    return part_want_letter(&delimiter, state);
}

static int split_delimiter(const void *state, passage *p, cuts *list)
{
    return split_at_letters(p, list, SPLIT_REMOVED, is_delimiter, state);
}

const text_part delimiter_split = {
    .kind = PART_PRE_TOKENIZER,
    .type = "CharDelimiterSplit",
    .state_size = sizeof(uint32_t),
    .open = open_delimiter,
    .split = split_delimiter,
};
