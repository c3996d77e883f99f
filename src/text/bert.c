/* BERT's normaliser (clean up, blanks around Chinese characters, accents off, lower case: in this
 * order, each by choice) and its pre-tokeniser (cut at white space, punctuation stands alone).
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <stdlib.h>
#include <string.h>

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

/* Canonical decomposition. A run of code points with a combining class is put in order of class;
 * with it goes whether each replaces a code point of the text or was inserted behind one, and only
 * then is it aligned: the k-th that replaces comes from the k-th of the text, one inserted from the
 * one before. So do the reference's alignments, which this must equal. */
typedef struct decomposed {
    uint32_t c;
    int class;
    bool inserted;
    int64_t order; /* keeps the sort stable */
} decomposed;

typedef struct decomposition {
    passage *p;
    decomposed *run; /* [n] waiting for the next of class 0 */
    int64_t n, room;
    int64_t replaced; /* code points of the text behind us */
} decomposition;

static int compare_decomposed(const void *a, const void *b)
{
    const decomposed *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int put_decomposed(decomposition *d, uint32_t c, bool inserted)
{
    int64_t at = inserted ? d->replaced - 1 : d->replaced;
    if (!inserted)
        d->replaced++;
    return passage_put(d->p, c, d->p->from[at < 0 ? 0 : at]);
}

static int flush_run(decomposition *d)
{
    if (d->n > 1)
        qsort(d->run, (size_t)d->n, sizeof *d->run, compare_decomposed);
    for (int64_t i = 0; i < d->n; i++)
        TRY(put_decomposed(d, d->run[i].c, d->run[i].inserted));
    d->n = 0;
    return 0;
}

static int add_decomposed(decomposition *d, uint32_t c, bool inserted)
{
    int class = unicode_class(c);
    if (class == 0) {
        TRY(flush_run(d));
        return put_decomposed(d, c, inserted);
    }
    if (d->n == d->room) {
        int64_t room = d->room == 0 ? 16 : 2 * d->room;
        TRY(memory_resize(d->p->lib, room, sizeof *d->run, "accents", (void **)&d->run));
        d->room = room;
    }
    d->run[d->n] = (decomposed){c, class, inserted, d->n};
    d->n++;
    return 0;
}

static int decompose_all(decomposition *d)
{
    for (int64_t i = 0; i < d->p->n; i++) {
        uint32_t piece[UNICODE_DECOMPOSED];
        int64_t n = unicode_decompose(d->p->c[i], piece);
        for (int64_t k = 0; k < n; k++)
            TRY(add_decomposed(d, piece[k], k > 0));
    }
    return flush_run(d);
}

static int decompose(passage *p)
{
    int64_t i = 0;
    while (i < p->n && (unicode_properties(p->c[i]) & UNICODE_NFD) == 0)
        i++;
    if (i == p->n)
        return 0;

    decomposition d = {.p = p};
    passage_rewrite(p);
    int status = decompose_all(&d);
    if (status == 0)
        passage_finish(p);
    memory_free(p->lib, d.run);
    return status;
}

static int lower(passage *p)
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

static int normalize(const void *state, passage *p)
{
    const normalizer *s = state;
    if (s->clean)
        filter(p, UNICODE_DROPPED, UNICODE_SPACE);
    if (s->chinese)
        TRY(surround_chinese(p));
    if (s->accents_off) {
        TRY(decompose(p));
        filter(p, UNICODE_ACCENT, 0);
    }
    return s->lower ? lower(p) : 0;
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
