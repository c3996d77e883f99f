/* One piece is held back until the next one tells whether they are one.
 *
 * SPDX-License-Identifier: MIT */
#include "text/splitter.h"

static int emit(splitter *s)
{
    bool dropped = s->behavior == SPLIT_REMOVED && s->held_matches;
    if (!s->held || dropped || s->piece.begin == s->piece.end)
        return 0;
    return cuts_add(s->out, s->piece.begin, s->piece.end);
}

/* does a piece belong to the one that is held? */
static bool joins(const splitter *s, bool matches)
{
    switch (s->behavior) {
    case SPLIT_MERGED_WITH_PREVIOUS:
        return matches && !s->held_matches;
    case SPLIT_MERGED_WITH_NEXT:
        return !matches && s->held_matches;
    case SPLIT_CONTIGUOUS:
        return matches == s->held_matches;
    default:
        return false;
    }
}

int splitter_add(splitter *s, int64_t begin, int64_t end, bool matches)
{
    if (s->held && joins(s, matches)) {
        s->piece.end = end;
    } else {
        TRY(emit(s));
        s->piece = (cut){begin, end};
    }
    s->held = true;
    s->held_matches = matches;
    return 0;
}

int splitter_end(splitter *s)
{
    TRY(emit(s));
    s->held = false;
    return 0;
}

static int split_cut(const passage *p, cut whole, splitter *s,
                     bool (*is)(const void *state, uint32_t c), const void *state)
{
    int64_t begin = whole.begin;
    for (int64_t i = whole.begin; i < whole.end; i++) {
        if (!is(state, p->c[i]))
            continue;
        if (begin < i)
            TRY(splitter_add(s, begin, i, false));
        TRY(splitter_add(s, i, i + 1, true));
        begin = i + 1;
    }
    if (begin < whole.end)
        TRY(splitter_add(s, begin, whole.end, false));
    return splitter_end(s);
}

int split_at_letters(const passage *p, cuts *list, split_behavior behavior,
                     bool (*is)(const void *state, uint32_t c), const void *state)
{
    cuts finer = {.lib = list->lib};
    int status = 0;
    for (int64_t i = 0; status == 0 && i < list->n; i++) {
        splitter s = {.out = &finer, .behavior = behavior};
        status = split_cut(p, list->item[i], &s, is, state);
    }
    cuts_free(list);
    *list = finer;
    return status;
}
