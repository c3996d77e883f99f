/* Unicode's normal forms with the reference's alignments. Decomposition: a run of code points with
 * a combining class is put in order of class, and with each goes whether it replaces a code point
 * of the text or was inserted behind one. Composition joins a starter with what follows it and is
 * not blocked, and their changes with them.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <stdlib.h>

#include "text/unicode.h"

typedef struct change {
    uint32_t c;
    int class;
    int64_t change; /* see passage_change  */
    int64_t order;  /* keeps the sort stable */
} change;

typedef struct run {
    idim *lib;
    change *item; /* [n] */
    int64_t n, room;
} run;

typedef struct normaliser {
    passage *p;
    bool composes;
    run marks;   /* decomposed, waiting for the next of class 0      */
    run blocked; /* behind the starter, waiting for the next of class 0 */
    bool has_starter;
    change starter;
} normaliser;

static int append(run *r, change item)
{
    if (r->n == r->room) {
        int64_t room = r->room == 0 ? 16 : 2 * r->room;
        TRY(memory_resize(r->lib, room, sizeof *r->item, "accents", (void **)&r->item));
        r->room = room;
    }
    item.order = r->n;
    r->item[r->n++] = item;
    return 0;
}

static int put(normaliser *s, change item)
{
    return passage_change(s->p, item.c, item.change);
}

/* the starter and what was not joined to it */
static int put_starter(normaliser *s)
{
    if (s->has_starter)
        TRY(put(s, s->starter));
    for (int64_t i = 0; i < s->blocked.n; i++)
        TRY(put(s, s->blocked.item[i]));
    s->blocked.n = 0;
    s->has_starter = false;
    return 0;
}

static int compose(normaliser *s, change item)
{
    if (!s->has_starter && item.class != 0)
        return put(s, item);
    bool blocks = s->blocked.n > 0 && s->blocked.item[s->blocked.n - 1].class >= item.class;
    uint32_t joined = s->has_starter && !blocks ? unicode_compose(s->starter.c, item.c) : 0;
    if (joined != 0) {
        s->starter.c = joined;
        s->starter.change += item.change - 1;
        return 0;
    }
    if (item.class != 0)
        return append(&s->blocked, item);
    TRY(put_starter(s));
    s->starter = item;
    s->has_starter = true;
    return 0;
}

static int compare_classes(const void *a, const void *b)
{
    const change *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int flush_marks(normaliser *s)
{
    if (s->marks.n > 1)
        qsort(s->marks.item, (size_t)s->marks.n, sizeof *s->marks.item, compare_classes);
    for (int64_t i = 0; i < s->marks.n; i++)
        TRY(s->composes ? compose(s, s->marks.item[i]) : put(s, s->marks.item[i]));
    s->marks.n = 0;
    return 0;
}

static int take(normaliser *s, change item)
{
    if (item.class != 0)
        return append(&s->marks, item);
    TRY(flush_marks(s));
    return s->composes ? compose(s, item) : put(s, item);
}

static int take_all(normaliser *s, bool compatibility)
{
    for (int64_t i = 0; i < s->p->n; i++) {
        uint32_t piece[UNICODE_DECOMPOSED];
        int64_t n = unicode_decompose(s->p->c[i], compatibility, piece);
        for (int64_t k = 0; k < n; k++)
            TRY(take(s, (change){piece[k], unicode_class(piece[k]), k > 0, 0}));
    }
    TRY(flush_marks(s));
    return put_starter(s);
}

int normal_form(passage *p, bool compatibility, bool composed)
{
    int wanted = UNICODE_NFD | (compatibility ? UNICODE_NFKD : 0);
    int64_t i = 0;
    while (i < p->n && (composed ? p->c[i] < 128 : (unicode_properties(p->c[i]) & wanted) == 0))
        i++;
    if (i == p->n)
        return 0;

    normaliser s = {.p = p, .composes = composed};
    s.marks.lib = s.blocked.lib = p->lib;
    passage_rewrite(p);
    int status = take_all(&s, compatibility);
    if (status == 0)
        status = passage_change_end(p);
    memory_free(p->lib, s.marks.item);
    memory_free(p->lib, s.blocked.item);
    return status;
}

static int nfd(const void *state, passage *p)
{
    (void)state;
    return normal_form(p, false, false);
}

static int nfkd(const void *state, passage *p)
{
    (void)state;
    return normal_form(p, true, false);
}

static int nfc(const void *state, passage *p)
{
    (void)state;
    return normal_form(p, false, true);
}

static int nfkc(const void *state, passage *p)
{
    (void)state;
    return normal_form(p, true, true);
}

const text_part nfd_normalizer = {.kind = PART_NORMALIZER, .type = "NFD", .normalize = nfd};
const text_part nfkd_normalizer = {.kind = PART_NORMALIZER, .type = "NFKD", .normalize = nfkd};
const text_part nfc_normalizer = {.kind = PART_NORMALIZER, .type = "NFC", .normalize = nfc};
const text_part nfkc_normalizer = {.kind = PART_NORMALIZER, .type = "NFKC", .normalize = nfkc};
