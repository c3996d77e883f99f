/* BERT's normaliser (clean up, blanks around Chinese characters, accents off, lower case: in this
 * order, each by choice) and its pre-tokeniser (cut at white space, punctuation stands alone).
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include "text/unicode.h"

typedef struct normalizer {
    bool clean, chinese, accents_off, lower;
} normalizer;

static int open_normalizer(const json_place *at, void *state)
{
    normalizer *s = state;
    *s = (normalizer){.clean = true, .chinese = true, .lower = true};
    TRY(json_take_flag(at, "clean_text", &s->clean));
    TRY(json_take_flag(at, "handle_chinese_chars", &s->chinese));
    TRY(json_take_flag(at, "lowercase", &s->lower));
    s->accents_off = s->lower; /* null: as lowercase */
    return json_take_flag(at, "strip_accents", &s->accents_off);
}

/* the reference's ranges, with its gap at U+2B820 */
static bool is_chinese(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

/* drops what has one of the properties; what has `blank` becomes U+0020 */
static void filter(passage *p, int dropped, int blank)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < p->n; i++) {
        int properties = unicode_properties(p->c[i]);
        if (properties & dropped)
            continue;
        p->c[kept] = properties & blank ? ' ' : p->c[i];
        p->from[kept++] = p->from[i];
    }
    p->n = kept;
}

static int surround_chinese(passage *p)
{
    int64_t i = 0;
    while (i < p->n && !is_chinese(p->c[i]))
        i++;
    if (i == p->n)
        return 0;

    passage_rewrite(p);
    for (i = 0; i < p->n; i++) {
        bool chinese = is_chinese(p->c[i]);
        if (chinese)
            TRY(passage_put(p, ' ', p->from[i]));
        TRY(passage_put(p, p->c[i], p->from[i]));
        if (chinese)
            TRY(passage_put(p, ' ', p->from[i]));
    }
    passage_finish(p);
    return 0;
}

static int normalize(const void *state, passage *p)
{
    const normalizer *s = state;
    if (s->clean)
        filter(p, UNICODE_DROPPED, UNICODE_SPACE);
    if (s->chinese)
        TRY(surround_chinese(p));
    if (s->accents_off) {
        TRY(normal_form(p, false, false));
        filter(p, UNICODE_ACCENT, 0);
    }
    return s->lower ? lower_case(p) : 0;
}

static int split_piece(const passage *p, int64_t begin, int64_t end, cuts *list)
{
    int64_t word = begin;
    for (int64_t i = begin; i < end; i++) {
        int properties = unicode_properties(p->c[i]);
        if ((properties & (UNICODE_SPACE | UNICODE_PUNCTUATION)) == 0)
            continue;
        if (word < i)
            TRY(cuts_add(list, word, i));
        if (properties & UNICODE_PUNCTUATION)
            TRY(cuts_add(list, i, i + 1));
        word = i + 1;
    }
    return word < end ? cuts_add(list, word, end) : 0;
}

static int split(const void *state, passage *p, cuts *list)
{
    (void)state;
    cuts finer = {.lib = list->lib};
    int status = 0;
    for (int64_t i = 0; status == 0 && i < list->n; i++)
        status = split_piece(p, list->item[i].begin, list->item[i].end, &finer);
    cuts_free(list);
    *list = finer;
    return status;
}

const text_part bert_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "BertNormalizer",
    .blockwise = true,
    .state_size = sizeof(normalizer),
    .open = open_normalizer,
    .normalize = normalize,
};

const text_part bert_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "BertPreTokenizer",
    .blockwise = true,
    .split = split,
};
