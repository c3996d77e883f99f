/* The longest token at the leftmost place, as the reference's automaton finds it, by narrowing the
 * range of the sorted tokens letter by letter.
 *
 * SPDX-License-Identifier: MIT */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

void added_free(added_tokens *a)
{
    for (int which = 0; which < 2; which++) {
        for (int64_t i = 0; i < a->n[which]; i++)
            memory_free(a->lib, a->item[which][i].c);
        memory_free(a->lib, a->item[which]);
    }
    vocabulary_free(&a->contents);
    *a = (added_tokens){.lib = a->lib};
}

static int read_token(const json_place *at, added_token *token, const char **content,
                      int64_t *told_id)
{
    json_place id = json_member(at, "id"), text = json_member(at, "content");
    TRY(json_want_integer(&id, 0, VOCABULARY_MAX_ID, told_id));
    TRY(json_want_text(&text, content));
    TRY(json_take_flag(at, "special", &token->special));
    token->normalized = !token->special;
    TRY(json_take_flag(at, "single_word", &token->single_word));
    TRY(json_take_flag(at, "lstrip", &token->lstrip));
    TRY(json_take_flag(at, "rstrip", &token->rstrip));
    return json_take_flag(at, "normalized", &token->normalized);
}

static int store_token(added_tokens *a, added_token token, const char *content)
{
    int which = token.normalized ? ADDED_NORMALIZED : ADDED_RAW;
    int64_t length = (int64_t)strlen(content), room = 0;
    TRY(vocabulary_add(&a->contents, content, length, token.id));
    TRY(passage_decode(a->lib, content, length, &token.c, &token.n, &room));
    a->item[which][a->n[which]++] = token;
    return 0;
}

int added_open(added_tokens *a, const json_place *list, const vocabulary *v)
{
    a->contents.lib = a->lib;
    if (!json_present(list))
        return 0;
    int64_t n, next = v->told > v->n ? v->told : v->n;
    TRY(json_want_list(list, &n));
    TRY(NEW(a->lib, added_token, n, "added tokens", &a->item[ADDED_RAW]));
    TRY(NEW(a->lib, added_token, n, "added tokens", &a->item[ADDED_NORMALIZED]));
    for (int64_t i = 0; i < n; i++) {
        json_place at = json_item(list, i);
        added_token token = {.id = -1};
        const char *content;
        int64_t told_id;
        TRY(read_token(&at, &token, &content, &told_id));
        int32_t known = vocabulary_find_text(&a->contents, content);
        if (content[0] == '\0' || known >= 0)
            continue;

        token.id = vocabulary_find_text(v, content);
        if (token.id < 0)
            token.id = (int32_t)next++;
        if (token.id != told_id)
            library_log(a->lib, "%s: added token \"%s\" has id %d, not %lld", list->file, content,
                        (int)token.id, (long long)told_id);
        TRY(store_token(a, token, content));
    }
    return vocabulary_seal(&a->contents);
}

/* by what is sought, then by id: of several with the same text the lowest id is found */
static int compare_tokens(const void *a, const void *b)
{
    const added_token *x = a, *y = b;
    int64_t n = x->n < y->n ? x->n : y->n;
    for (int64_t i = 0; i < n; i++)
        if (x->c[i] != y->c[i])
            return x->c[i] < y->c[i] ? -1 : 1;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int added_prepare(added_tokens *a)
{
    for (int which = 0; which < 2; which++) {
        for (int64_t i = 0; i < a->n[which]; i++)
            if (a->item[which][i].n == 0)
                return fail(a->lib, IDIM_EUNSUPPORTED,
                            "added token \"%s\": nothing is left of it after normalisation",
                            vocabulary_text(&a->contents, a->item[which][i].id));
        if (a->n[which] > 0)
            qsort(a->item[which], (size_t)a->n[which], sizeof(added_token), compare_tokens);
    }
    return 0;
}

/* the first token in [low, high) whose letter at `depth` is at least c; ended ones come first */
static int64_t bisect(const added_token *item, int64_t low, int64_t high, int64_t depth, int64_t c)
{
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int64_t letter = depth < item[middle].n ? (int64_t)item[middle].c[depth] : -1;
        if (letter < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* the longest token that c[0 .. n) begins with, NULL if there is none */
static const added_token *match(const added_token *item, int64_t count, const uint32_t *c,
                                int64_t n)
{
    const added_token *found = NULL;
    int64_t low = 0, high = count;
    for (int64_t depth = 0; depth < n; depth++) {
        low = bisect(item, low, high, depth, c[depth]);
        high = bisect(item, low, high, depth, (int64_t)c[depth] + 1);
        if (low == high)
            break;
        if (item[low].n == depth + 1)
            found = &item[low];
    }
    return found;
}

static int add_span(added_spans *out, int64_t begin, int64_t end, int32_t id)
{
    if (begin >= end)
        return 0;
    if (out->n == out->room) {
        int64_t room = out->room == 0 ? 16 : 2 * out->room;
        TRY(memory_resize(out->lib, room, sizeof *out->item, "spans", (void **)&out->item));
        out->room = room;
    }
    out->item[out->n++] = (added_span){begin, end, id};
    return 0;
}

static bool is(const uint32_t *c, int64_t at, int property)
{
    return (unicode_properties(c[at]) & property) != 0;
}

/* where a search stands: text up to `done` is in spans, white space up to `blank_end` is seen */
typedef struct search {
    const uint32_t *c;
    int64_t n, done, blank_end;
    added_spans *out;
} search;

/* the token at [begin, end), widened over white space as it asks; white space once taken is not
 * taken again */
static int take(search *s, const added_token *token, int64_t begin, int64_t end)
{
    bool touches = (begin > 0 && is(s->c, begin - 1, UNICODE_WORD)) ||
                   (end < s->n && is(s->c, end, UNICODE_WORD));
    if (token->single_word && touches)
        return 0;

    if (token->lstrip) {
        while (begin > s->done && is(s->c, begin - 1, UNICODE_SPACE))
            begin--;
        begin = begin > s->done ? begin : s->done;
    }
    if (token->rstrip) {
        if (end < s->blank_end)
            end = s->blank_end;
        while (end < s->n && is(s->c, end, UNICODE_SPACE))
            end++;
        s->blank_end = end;
    }
    TRY(add_span(s->out, s->done, begin, -1));
    TRY(add_span(s->out, begin, end, token->id));
    s->done = end;
    return 0;
}

int added_split(const added_tokens *a, int which, const uint32_t *c, int64_t n, added_spans *out)
{
    const added_token *item = a->item[which];
    search s = {.c = c, .n = n, .out = out};
    out->n = 0;
    for (int64_t at = 0; at < n && a->n[which] > 0;) {
        const added_token *token = match(item, a->n[which], c + at, n - at);
        if (token != NULL)
            TRY(take(&s, token, at, at + token->n));
        at += token != NULL ? token->n : 1;
    }
    return add_span(out, s.done, n, -1);
}
