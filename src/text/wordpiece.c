/* WordPiece: the longest token that begins the word, then the longest that continues it ("##..."),
 * to its end; a word that cannot be finished so, or that is too long, is the unknown token.
 *
 * Two vocabularies: all tokens, and those that continue, without their prefix. The hashes of all
 * beginnings of what is left are made in one pass, then tried from the longest on, so a word costs
 * at most its length times that of the longest token.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

typedef struct wordpiece {
    vocabulary all, inside;
    uint32_t *hash;    /* [longest token] of the beginnings of what is left */
    int64_t max_chars; /* longer words are unknown                          */
    int32_t unknown;
} wordpiece;

static int add_token(wordpiece *s, const char *prefix, const char *text, int32_t id)
{
    size_t length = strlen(text), skipped = strlen(prefix);
    TRY(vocabulary_add(&s->all, text, (int64_t)length, id));
    if (strncmp(text, prefix, skipped) != 0)
        return 0;
    return vocabulary_add(&s->inside, text + skipped, (int64_t)(length - skipped), id);
}

static int read_vocabulary(wordpiece *s, const json_place *at, const char *prefix)
{
    int64_t n;
    TRY(json_want_object(at, &n));
    json_t *object = (json_t *)at->value; /* jansson iterates over what may be changed only */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        json_place item = json_member(at, json_object_iter_key(i));
        int64_t id;
        TRY(json_want_integer(&item, 0, VOCABULARY_MAX_ID, &id));
        TRY(add_token(s, prefix, item.key, (int32_t)id));
    }
    TRY(vocabulary_seal(&s->all));
    TRY(vocabulary_seal(&s->inside));
    return NEW(at->lib, uint32_t, s->all.longest, "vocabulary", &s->hash);
}

static int open_wordpiece(const json_place *at, void *state)
{
    wordpiece *s = state;
    s->all.lib = s->inside.lib = at->lib;
    json_place unknown = json_member(at, "unk_token");
    json_place prefix = json_member(at, "continuing_subword_prefix");
    json_place max_chars = json_member(at, "max_input_chars_per_word");
    json_place vocab = json_member(at, "vocab");
    const char *unknown_text, *prefix_text;
    TRY(json_want_text(&unknown, &unknown_text));
    TRY(json_want_text(&prefix, &prefix_text));
    TRY(json_want_integer(&max_chars, 0, INT64_MAX, &s->max_chars));
    TRY(read_vocabulary(s, &vocab, prefix_text));

    s->unknown = vocabulary_find_text(&s->all, unknown_text);
    return s->unknown >= 0 ? 0 : json_fail_expected(&unknown, "a token of the vocabulary");
}

static void close_wordpiece(idim *lib, void *state)
{
    wordpiece *s = state;
    vocabulary_free(&s->all);
    vocabulary_free(&s->inside);
    memory_free(lib, s->hash);
}

/* length of the longest token that c[0 .. n) begins with, 0 if there is none */
static int64_t longest_token(const wordpiece *s, const vocabulary *v, const uint32_t *c, int64_t n,
                             int32_t *id)
{
    int64_t longest = n < v->longest ? n : v->longest;
    uint32_t hash = VOCABULARY_HASH;
    for (int64_t i = 0; i < longest; i++)
        s->hash[i] = hash = vocabulary_hash(hash, c[i]);
    for (int64_t length = longest; length > 0; length--) {
        *id = vocabulary_find_hashed(v, s->hash[length - 1], c, length);
        if (*id >= 0)
            return length;
    }
    return 0;
}

static int tokenize(void *state, const uint32_t *word, int64_t n, const token_sink *sink)
{
    wordpiece *s = state;
    int64_t kept = sink->out->n, at = 0;
    while (at < n && n <= s->max_chars) {
        int32_t id;
        int64_t length = longest_token(s, at == 0 ? &s->all : &s->inside, word + at, n - at, &id);
        if (length == 0)
            break;
        TRY(token_put(sink, id, at, at + length));
        at += length;
    }
    if (at == n)
        return 0;
    sink->out->n = kept;
    return token_put(sink, s->unknown, 0, n);
}

static const vocabulary *vocabulary_of(const void *state)
{
    return &((const wordpiece *)state)->all;
}

const text_part wordpiece_model = {
    .kind = PART_MODEL,
    .type = "WordPiece",
    .mark = "max_input_chars_per_word",
    .state_size = sizeof(wordpiece),
    .open = open_wordpiece,
    .close = close_wordpiece,
    .tokenize = tokenize,
    .vocabulary = vocabulary_of,
};
