/* Backtracking with a stack of our own. A repeated set leaves one frame, not one for each code
 * point, so the stack stays as small as the pattern.
 *
 * SPDX-License-Identifier: MIT */
#include "text/pattern.h"

#include "text/unicode.h"

enum { STEPS_BASE = 20000000, STEPS_PER_LETTER = 1000 };

bool letter_set_has(const letter_set *s, uint32_t c)
{
    if (c < 128)
        return s->ascii[c >> 6] >> (c & 63) & 1;
    bool has = s->categories != 0 && (s->categories >> unicode_category_of(c) & 1) != 0;
    if (!has && (s->properties | s->not_properties) != 0) {
        int properties = unicode_properties(c);
        has = (properties & s->properties) != 0 || (~properties & s->not_properties) != 0;
    }
    for (int64_t i = 0; !has && i < s->n; i++)
        has = c >= s->range[i].first && c <= s->range[i].last;
    return has != s->negated;
}

void pattern_search_begin(pattern_search *s, const uint32_t *c, int64_t n)
{
    s->c = c;
    s->n = n;
    s->next = s->last_end = 0;
    s->steps = STEPS_BASE + STEPS_PER_LETTER * n;
}

void pattern_search_free(pattern_search *s)
{
    memory_free(s->lib, s->frame);
    s->frame = NULL;
    s->n_frames = s->frames_room = 0;
}

static int push(pattern_search *s, int64_t at, int64_t low, int64_t high)
{
    if (s->n_frames == s->frames_room) {
        int64_t room = s->frames_room == 0 ? 32 : 2 * s->frames_room;
        TRY(memory_resize(s->lib, room, sizeof *s->frame, "pattern", (void **)&s->frame));
        s->frames_room = room;
    }
    s->frame[s->n_frames++] = (pattern_frame){at, low, high};
    return 0;
}

/* the place of the topmost frame, which is then gone or one place shorter; false: there is none
 * above `base` */
static bool pop(pattern_search *s, int64_t base, int64_t *at, int64_t *place)
{
    if (s->n_frames == base)
        return false;
    pattern_frame *f = &s->frame[s->n_frames - 1];
    *at = f->at;
    *place = f->high--;
    if (f->high < f->low)
        s->n_frames--;
    return true;
}

static bool holds(pattern_op op, const pattern_search *s, int64_t place)
{
    switch (op) {
    case OP_BEGIN:
        return place == 0;
    case OP_END:
        return place == s->n;
    case OP_BEGIN_LINE:
        return place == 0 || (place < s->n && s->c[place - 1] == '\n');
    default:
        return place == s->n || s->c[place] == '\n';
    }
}

/* the longest run of the set that the loop takes; -1: too short */
static int64_t run_of(const pattern *p, const instruction *i, pattern_search *s, int64_t place)
{
    const letter_set *set = &p->set[i->x];
    int64_t limit = i->max < s->n - place ? i->max : s->n - place, n = 0;
    while (n < limit && letter_set_has(set, s->c[place + n]))
        n++;
    s->steps -= n;
    return n < i->min ? -1 : n;
}

/* The end of the match of code[at ..] that begins at `place`, -1 if there is none. Looking ahead
 * calls it again; how often inside one another, the compiler limits. */
static int match(const pattern *p, pattern_search *s, int64_t at, int64_t place, int64_t *end)
{
    int64_t base = s->n_frames;
    *end = -1;
    for (;;) {
        const instruction *i = &p->code[at];
        bool go_on = true;
        if (--s->steps < 0)
            return fail(s->lib, IDIM_EUNSUPPORTED,
                        "pattern of the pre-tokeniser: expected at most %d steps for a code point "
                        "of a text, found more",
                        STEPS_PER_LETTER);
        switch (i->op) {
        case OP_SET:
            go_on = place < s->n && letter_set_has(&p->set[i->x], s->c[place]);
            place++;
            at++;
            break;
        case OP_LOOP: {
            int64_t n = run_of(p, i, s, place);
            go_on = n >= 0;
            if (n > i->min && !i->possessive)
                TRY(push(s, at + 1, place + i->min, place + n - 1));
            place += n;
            at++;
            break;
        }
        case OP_SPLIT:
            TRY(push(s, at + i->y, place, place));
            at += i->x;
            break;
        case OP_JUMP:
            at += i->x;
            break;
        case OP_LOOK:
        case OP_LOOK_NOT: {
            int64_t there;
            TRY(match(p, s, at + 1, place, &there));
            go_on = (there >= 0) == (i->op == OP_LOOK);
            at += i->x;
            break;
        }
        case OP_MATCH:
            *end = place;
            s->n_frames = base;
            return 0;
        default:
            go_on = holds(i->op, s, place);
            at++;
        }
        if (!go_on && !pop(s, base, &at, &place))
            return 0;
    }
}

/* an empty match right behind the last one does not count */
int pattern_next(const pattern *p, pattern_search *s, bool *found, int64_t *begin, int64_t *end)
{
    *found = false;
    for (; s->next <= s->n; s->next++) {
        s->n_frames = 0;
        TRY(match(p, s, 0, s->next, end));
        if (*end < 0 || (*end == s->next && s->last_end == *end + 1))
            continue;
        *begin = s->next;
        s->next = *end;
        s->last_end = *end + 1;
        *found = true;
        return 0;
    }
    return 0;
}
