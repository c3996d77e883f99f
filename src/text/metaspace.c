/* Blanks made visible: U+0020 becomes "▁" (or another letter), one is put in front, and a word
 * begins with each.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

#include "text/splitter.h"

typedef enum prepend_scheme { PREPEND_FIRST, PREPEND_NEVER, PREPEND_ALWAYS } prepend_scheme;

typedef struct metaspace {
    uint32_t replacement;
    prepend_scheme scheme;
    bool split;
} metaspace;

static int open_metaspace(const json_place *at, void *state)
{
    static const char *const names[] = {"first", "never", "always"};
    metaspace *s = state;
    json_place replacement = json_member(at, "replacement");
    json_place scheme = json_member(at, "prepend_scheme");
    bool prefix = true;
    s->split = true;
    s->scheme = PREPEND_ALWAYS;
    TRY(part_want_letter(&replacement, &s->replacement));
    TRY(json_take_flag(at, "split", &s->split));
    TRY(json_take_flag(at, "add_prefix_space", &prefix));
    if (scheme.value != NULL) {
        const char *name;
        TRY(json_want_text(&scheme, &name));
        int i = 0;
        while (i < 3 && strcmp(name, names[i]) != 0)
            i++;
        if (i == 3)
            return json_fail_expected(&scheme, "first, never or always");
        s->scheme = (prepend_scheme)i;
    }
    if (!prefix && s->scheme != PREPEND_NEVER)
        return json_fail(at, IDIM_EFORMAT,
                         "expected prepend_scheme never with add_prefix_space false");
    return 0;
}

static bool is_replacement(const void *state, uint32_t c)
{
    return c == ((const metaspace *)state)->replacement;
}

static int split(const void *state, passage *p, cuts *list)
{
    const metaspace *s = state;
    for (int64_t i = 0; i < list->n; i++)
        for (int64_t k = list->item[i].begin; k < list->item[i].end; k++)
            if (p->c[k] == ' ')
                p->c[k] = s->replacement;
    if (s->scheme != PREPEND_NEVER)
        TRY(passage_prepend(p, list, s->replacement, s->scheme == PREPEND_FIRST));
    return s->split ? split_at_letters(p, list, SPLIT_MERGED_WITH_NEXT, is_replacement, s) : 0;
}

const text_part metaspace_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "Metaspace",
    .state_size = sizeof(metaspace),
    .open = open_metaspace,
    .split = split,
};
