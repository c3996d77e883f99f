/* Growing arrays of code points, cuts and tokens; each at least doubles, so adding is cheap on
 * average, and what has grown is used again for the next text.
 *
 * SPDX-License-Identifier: MIT */
#include "text/passage.h"

#include <string.h>

#include "text/unicode.h"

static int64_t grown(int64_t room, int64_t wanted)
{
    int64_t twice = room < INT64_MAX / 2 ? 2 * room : INT64_MAX;
    int64_t at_least = wanted < 64 ? 64 : wanted;
    return twice > at_least ? twice : at_least;
}

void passage_free(passage *p)
{
    memory_free(p->lib, p->c);
    memory_free(p->lib, p->from);
    memory_free(p->lib, p->next_c);
    memory_free(p->lib, p->next_from);
    *p = (passage){.lib = p->lib};
}

static int reserve(idim *lib, int64_t wanted, uint32_t **c, int32_t **from, int64_t *room)
{
    if (wanted <= *room)
        return 0;
    if (wanted > TEXT_LIMIT)
        return fail(lib, IDIM_EARGUMENT,
                    "text: expected at most %d code points after normalisation, found more",
                    TEXT_LIMIT);
    int64_t larger = grown(*room, wanted);
    TRY(memory_resize(lib, larger, (int64_t)sizeof **c, "text", (void **)c));
    TRY(memory_resize(lib, larger, (int64_t)sizeof **from, "text", (void **)from));
    *room = larger;
    return 0;
}

int passage_set(passage *p, const uint32_t *c, int64_t first, int64_t n)
{
    TRY(reserve(p->lib, n, &p->c, &p->from, &p->room));
    if (n > 0)
        memcpy(p->c, c, (size_t)n * sizeof *c);
    for (int64_t i = 0; i < n; i++)
        p->from[i] = (int32_t)(first + i);
    p->n = n;
    return 0;
}

int passage_copy(passage *p, const passage *source, int64_t begin, int64_t end)
{
    p->n = end - begin;
    TRY(reserve(p->lib, p->n, &p->c, &p->from, &p->room));
    if (p->n > 0) {
        memcpy(p->c, source->c + begin, (size_t)p->n * sizeof *p->c);
        memcpy(p->from, source->from + begin, (size_t)p->n * sizeof *p->from);
    }
    return 0;
}

void passage_rewrite(passage *p)
{
    p->next_n = p->taken = 0;
    p->waits = false;
}

int passage_put(passage *p, uint32_t c, int32_t from)
{
    TRY(reserve(p->lib, p->next_n + 1, &p->next_c, &p->next_from, &p->next_room));
    p->next_c[p->next_n] = c;
    p->next_from[p->next_n++] = from;
    return 0;
}

void passage_finish(passage *p)
{
    passage old = *p;
    p->c = old.next_c;
    p->from = old.next_from;
    p->n = old.next_n;
    p->room = old.next_room;
    p->next_c = old.c;
    p->next_from = old.from;
    p->next_room = old.room;
}

static int put_waiting(passage *p)
{
    int64_t at = p->change > 0 ? p->taken - 1 : p->taken;
    if (!p->waits || p->n == 0)
        return 0;
    at = at < 0 ? 0 : (at < p->n ? at : p->n - 1);
    p->waits = false;
    p->taken += p->change > 0 ? 0 : 1 - p->change;
    return passage_put(p, p->waiting, p->from[at]);
}

int passage_change(passage *p, uint32_t c, int64_t change)
{
    TRY(put_waiting(p));
    p->waiting = c;
    p->change = change;
    p->waits = true;
    return 0;
}

void passage_vanish(passage *p, int64_t n)
{
    p->change -= n;
}

int passage_change_end(passage *p)
{
    TRY(put_waiting(p));
    passage_finish(p);
    return 0;
}

int passage_decode(idim *lib, const char *bytes, int64_t length, uint32_t **c, int64_t *n,
                   int64_t *room)
{
    if (length > TEXT_LIMIT)
        return fail(lib, IDIM_EARGUMENT, "text: expected at most %d bytes, found %lld", TEXT_LIMIT,
                    (long long)length);
    if (length > *room) {
        int64_t larger = grown(*room, length);
        TRY(memory_resize(lib, larger, (int64_t)sizeof **c, "text", (void **)c));
        *room = larger;
    }

    *n = 0;
    for (int64_t at = 0; at < length;)
        (*c)[(*n)++] = unicode_read((const uint8_t *)bytes, length, &at);
    return 0;
}

int cuts_add(cuts *list, int64_t begin, int64_t end)
{
    if (list->n == list->room) {
        int64_t larger = grown(list->room, list->n + 1);
        TRY(memory_resize(list->lib, larger, (int64_t)sizeof *list->item, "words of a text",
                          (void **)&list->item));
        list->room = larger;
    }
    list->item[list->n++] = (cut){begin, end};
    return 0;
}

void cuts_free(cuts *list)
{
    memory_free(list->lib, list->item);
    *list = (cuts){.lib = list->lib};
}

static bool lacks(const passage *p, cut piece, uint32_t c, bool only_first)
{
    return p->c[piece.begin] != c && !(only_first && p->from[piece.begin] != 0);
}

int passage_prepend(passage *p, cuts *list, uint32_t c, bool only_first)
{
    bool any = false;
    for (int64_t i = 0; i < list->n; i++)
        any = any || lacks(p, list->item[i], c, only_first);
    if (!any)
        return 0;

    passage_rewrite(p);
    for (int64_t i = 0; i < list->n; i++) {
        cut piece = list->item[i];
        list->item[i].begin = p->next_n;
        if (lacks(p, piece, c, only_first))
            TRY(passage_put(p, c, p->from[piece.begin]));
        for (int64_t k = piece.begin; k < piece.end; k++)
            TRY(passage_put(p, p->c[k], p->from[k]));
        list->item[i].end = p->next_n;
    }
    passage_finish(p);
    return 0;
}

int token_put(const token_sink *sink, int32_t id, int64_t begin, int64_t end)
{
    const int32_t *from = sink->p->from + sink->begin;
    return encoding_put(sink->p->lib, sink->out, id, 0, from[begin], (int64_t)from[end - 1] + 1);
}

int encoding_put(idim *lib, encoding *e, int32_t id, int32_t segment, int64_t begin, int64_t end)
{
    if (e->n == e->room) {
        int64_t larger = grown(e->room, e->n + 1);
        TRY(memory_resize(lib, larger, (int64_t)sizeof *e->ids, "tokens", (void **)&e->ids));
        TRY(memory_resize(lib, larger, (int64_t)sizeof *e->segment, "tokens",
                          (void **)&e->segment));
        TRY(memory_resize(lib, larger, (int64_t)sizeof *e->offset, "tokens", (void **)&e->offset));
        e->room = larger;
    }
    e->ids[e->n] = id;
    e->segment[e->n] = segment;
    e->offset[e->n][0] = begin;
    e->offset[e->n++][1] = end;
    return 0;
}

void encoding_free(idim *lib, encoding *e)
{
    memory_free(lib, e->ids);
    memory_free(lib, e->segment);
    memory_free(lib, e->offset);
    *e = (encoding){0};
}
