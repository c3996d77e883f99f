/* Small normalisers: lower case, accents off, white space off the ends, a text in front, one text
 * for another, and what neural machine translation did to control characters.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

#include "text/pattern.h"
#include "text/unicode.h"

int lower_case(passage *p)
{
    enum { DOTTED_I = 0x130, DOT_ABOVE = 0x307 };
    bool longer = false;
    for (int64_t i = 0; i < p->n; i++) {
        if (p->c[i] == DOTTED_I)
            longer = true;
        else
            p->c[i] = unicode_lower(p->c[i]);
    }
    if (!longer)
        return 0;

    passage_rewrite(p);
    for (int64_t i = 0; i < p->n; i++) {
        bool dotted = p->c[i] == DOTTED_I;
        TRY(passage_put(p, dotted ? 'i' : p->c[i], p->from[i]));
        if (dotted)
            TRY(passage_put(p, DOT_ABOVE, p->from[i]));
    }
    passage_finish(p);
    return 0;
}

static int lower(const void *state, passage *p)
{
    (void)state;
    return lower_case(p);
}

const text_part lowercase_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Lowercase",
    .blockwise = true,
    .normalize = lower,
};

static int strip_accents(const void *state, passage *p)
{
    (void)state;
    int64_t kept = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (unicode_properties(p->c[i]) & UNICODE_MARK)
            continue;
        p->c[kept] = p->c[i];
        p->from[kept++] = p->from[i];
    }
    p->n = kept;
    return 0;
}

const text_part strip_accents_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "StripAccents",
    .blockwise = true,
    .normalize = strip_accents,
};

/* ---- Nmt ------------------------------------------------------------------------------------ */

static bool vanishes(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f ||
           c == 0x9f;
}

static bool is_blank(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
           (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xfeff || c == UNICODE_REPLACEMENT;
}

static int nmt(const void *state, passage *p)
{
    (void)state;
    int64_t kept = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (vanishes(p->c[i]))
            continue;
        p->c[kept] = is_blank(p->c[i]) ? ' ' : p->c[i];
        p->from[kept++] = p->from[i];
    }
    p->n = kept;
    return 0;
}

const text_part nmt_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Nmt",
    .normalize = nmt,
};

/* ---- Strip ---------------------------------------------------------------------------------- */

typedef struct strip_state {
    bool left, right;
} strip_state;

static int open_strip(const json_place *at, void *state)
{
    strip_state *s = state;
    json_place left = json_member(at, "strip_left"), right = json_member(at, "strip_right");
    TRY(json_want_flag(&left, &s->left));
    return json_want_flag(&right, &s->right);
}

static int strip(const void *state, passage *p)
{
    const strip_state *s = state;
    int64_t begin = 0;
    while (s->right && p->n > 0 && (unicode_properties(p->c[p->n - 1]) & UNICODE_SPACE))
        p->n--;
    while (s->left && begin < p->n && (unicode_properties(p->c[begin]) & UNICODE_SPACE))
        begin++;
    p->n -= begin;
    if (p->n > 0 && begin > 0) {
        memmove(p->c, p->c + begin, (size_t)p->n * sizeof *p->c);
        memmove(p->from, p->from + begin, (size_t)p->n * sizeof *p->from);
    }
    return 0;
}

const text_part strip_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Strip",
    .state_size = sizeof(strip_state),
    .open = open_strip,
    .normalize = strip,
};

/* ---- Prepend and Replace -------------------------------------------------------------------- */

typedef struct replace_state {
    pattern pattern;
    uint32_t *content;
    int64_t n, room;
} replace_state;

static int take_content(const json_place *in, const char *key, replace_state *s)
{
    json_place at = json_member(in, key);
    const char *text;
    TRY(json_want_text(&at, &text));
    return passage_decode(in->lib, text, (int64_t)strlen(text), &s->content, &s->n, &s->room);
}

static void close_replace(idim *lib, void *state)
{
    replace_state *s = state;
    pattern_free(lib, &s->pattern);
    memory_free(lib, s->content);
}

static int put_content(const replace_state *s, passage *p, int32_t from)
{
    for (int64_t i = 0; i < s->n; i++)
        TRY(passage_put(p, s->content[i], from));
    return 0;
}

static int put_text(passage *p, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        TRY(passage_put(p, p->c[i], p->from[i]));
    return 0;
}

static int open_prepend(const json_place *at, void *state)
{
    return take_content(at, "prepend", state);
}

static int prepend(const void *state, passage *p)
{
    const replace_state *s = state;
    if (p->n == 0 || s->n == 0)
        return 0;
    passage_rewrite(p);
    TRY(put_content(s, p, p->from[0]));
    TRY(put_text(p, 0, p->n));
    passage_finish(p);
    return 0;
}

const text_part prepend_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Prepend",
    .state_size = sizeof(replace_state),
    .open = open_prepend,
    .close = close_replace,
    .normalize = prepend,
};

static int open_replace(const json_place *at, void *state)
{
    replace_state *s = state;
    TRY(take_content(at, "content", s));
    return pattern_read(at, &s->pattern);
}

/* what is put there comes from the last code point of what was there */
static int replace_all(const replace_state *s, pattern_search *search, passage *p)
{
    int64_t done = 0, begin, end;
    bool found = true;
    pattern_search_begin(search, p->c, p->n);
    while (found) {
        TRY(pattern_next(&s->pattern, search, &found, &begin, &end));
        if (!found)
            break;
        TRY(put_text(p, done, begin));
        TRY(put_content(s, p, p->n > 0 ? p->from[end > 0 ? end - 1 : 0] : 0));
        done = end;
    }
    return put_text(p, done, p->n);
}

static int replace(const void *state, passage *p)
{
    pattern_search search = {.lib = p->lib};
    if (p->n == 0)
        return 0;
    passage_rewrite(p);
    int status = replace_all(state, &search, p);
    if (status == 0)
        passage_finish(p);
    pattern_search_free(&search);
    return status;
}

const text_part replace_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Replace",
    .state_size = sizeof(replace_state),
    .open = open_replace,
    .close = close_replace,
    .normalize = replace,
};
