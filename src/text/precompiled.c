/* The normaliser of tokenizer.json that carries SentencePiece's character map in base64. The
 * reference asks the map for a whole grapheme cluster first, if it has at most five bytes, and puts
 * the replacement of the cluster's shortest known beginning for all of it; else it asks code point
 * by code point.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

#include "text/base64.h"
#include "text/charsmap.h"
#include "text/unicode.h"

enum { CLUSTER_BYTES = 5 };

typedef struct precompiled {
    uint8_t *bytes;
    charsmap map;
} precompiled;

static int open_precompiled(const json_place *at, void *state)
{
    precompiled *s = state;
    json_place map = json_member(at, "precompiled_charsmap");
    const json_t *bytes = json_object_get(at->value, "(bytes)"); /* see text/pieces.h */
    int64_t n = (int64_t)json_string_length(bytes);
    if (json_is_string(bytes)) {
        TRY(NEW(at->lib, uint8_t, n, "character map", &s->bytes));
        memcpy(s->bytes, json_string_value(bytes), (size_t)n);
    } else {
        TRY(base64_read(&map, &s->bytes, &n));
    }
    return charsmap_open(&s->map, s->bytes, n)
               ? 0
               : json_fail(&map, IDIM_EFORMAT, "expected a character map, found %lld other bytes",
                           (long long)n);
}

static void close_precompiled(idim *lib, void *state)
{
    memory_free(lib, ((precompiled *)state)->bytes);
}

/* The end of the cluster that begins at `at`. Only clusters of at most CLUSTER_BYTES count, so the
 * rules for syllables, flags and joined pictures, which need more, are not here. */
static int64_t end_of_cluster(const passage *p, int64_t at)
{
    int64_t i = at + 1;
    if (p->c[at] == '\r' && i < p->n && p->c[i] == '\n')
        return i + 1;
    for (; i < p->n; i++) {
        int before = unicode_clinging(p->c[i - 1]), after = unicode_clinging(p->c[i]);
        bool joined = (after & UNICODE_EXTENDS) != 0 && (before & UNICODE_CONTROL) == 0;
        bool prepended = (before & UNICODE_PREPEND) != 0 && (after & UNICODE_CONTROL) == 0;
        if (!joined && !prepended)
            break;
    }
    return i;
}

/* n code points of the text give way to bytes put[0 .. put_n) */
static int put_replacement(passage *p, int64_t n, const uint8_t *put, int64_t put_n)
{
    int64_t made = 0;
    for (int64_t at = 0; at < put_n; made++)
        TRY(passage_change(p, unicode_read(put, put_n, &at), made >= n));
    if (made < n)
        passage_vanish(p, n - made);
    return 0;
}

/* code points [begin, end), if the map knows a beginning of them; *done tells */
static int replace(const precompiled *s, passage *p, int64_t begin, int64_t end, bool *done)
{
    uint8_t text[CLUSTER_BYTES + 4];
    const uint8_t *put;
    int64_t n = 0, put_n;
    for (int64_t i = begin; i < end; i++)
        n += unicode_write(p->c[i], text + n);
    *done = charsmap_find(&s->map, text, n, false, &put, &put_n) > 0;
    return *done ? put_replacement(p, end - begin, put, put_n) : 0;
}

static bool is_short(const passage *p, int64_t begin, int64_t end)
{
    int64_t n = 0;
    for (int64_t i = begin; i < end && n <= CLUSTER_BYTES; i++)
        n += p->c[i] < 0x80 ? 1 : (p->c[i] < 0x800 ? 2 : (p->c[i] < 0x10000 ? 3 : 4));
    return n <= CLUSTER_BYTES;
}

static int normalize(const void *state, passage *p)
{
    const precompiled *s = state;
    passage_rewrite(p);
    for (int64_t at = 0; at < p->n;) {
        int64_t end = end_of_cluster(p, at);
        bool done = false;
        if (is_short(p, at, end))
            TRY(replace(s, p, at, end, &done));
        for (; at < end && !done; at++) {
            bool one;
            TRY(replace(s, p, at, at + 1, &one));
            if (!one)
                TRY(passage_change(p, p->c[at], 0));
        }
        at = end;
    }
    return passage_change_end(p);
}

const text_part precompiled_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "Precompiled",
    .state_size = sizeof(precompiled),
    .open = open_precompiled,
    .close = close_precompiled,
    .normalize = normalize,
};
