/* Byte-pair encoding: a word is cut into code points; of all neighbours that may be merged those of
 * the lowest rank are, the leftmost first, until none may be. A heap holds the merges that were
 * possible when they were found, so a word of n code points costs n log n; one that has become
 * impossible is passed over when it comes up, as the reference does it.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <stdio.h>
#include <string.h>

#include "text/pieces.h"
#include "text/unicode.h"

enum { FIRST_SLOTS = 256, NO_SYMBOL = -1, BYTES = 256 };

typedef struct merge {
    uint64_t pair; /* left id + 1 above, right id below; 0: an empty slot */
    int32_t rank, id;
} merge;

typedef struct symbol {
    int32_t id;
    int64_t bytes; /* of the text; 0: merged into the one before */
    int64_t previous, next;
} symbol;

typedef struct candidate {
    int64_t at; /* the left symbol */
    int32_t rank, id;
} candidate;

typedef struct bpe {
    idim *lib;
    vocabulary all;
    merge *merge; /* [slots] a power of two, at most two thirds full */
    int64_t n_merges, slots;
    int32_t unknown;     /* -1: unknown code points vanish           */
    int32_t byte[BYTES]; /* tokens <0x00> ...; -1: there is none     */
    bool fuse_unknown, byte_fallback, ignore_merges;
    const char *prefix, *suffix; /* of pieces inside a word, at its end; NULL: none */
    char *affixes;

    symbol *symbol; /* of the word at hand */
    int64_t n, room;
    candidate *heap;
    int64_t n_heap, heap_room;
} bpe;

/* ---- opening -------------------------------------------------------------------------------- */

static uint64_t pair_of(int32_t left, int32_t right)
{
    return ((uint64_t)left + 1) << 32 | (uint32_t)right;
}

static merge *slot_of(merge *table, int64_t slots, uint64_t pair)
{
    uint64_t hash = pair * 0x9e3779b97f4a7c15u;
    int64_t at = (int64_t)(hash >> 32) & (slots - 1);
    while (table[at].pair != 0 && table[at].pair != pair)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

static const merge *find_merge(const bpe *s, int32_t left, int32_t right)
{
    const merge *m = slot_of(s->merge, s->slots, pair_of(left, right));
    return m->pair != 0 ? m : NULL;
}

static int grow_merges(bpe *s)
{
    int64_t slots = s->slots == 0 ? FIRST_SLOTS : 2 * s->slots;
    merge *table;
    TRY(NEW(s->lib, merge, slots, "merges", &table));
    for (int64_t i = 0; i < s->slots; i++)
        if (s->merge[i].pair != 0)
            *slot_of(table, slots, s->merge[i].pair) = s->merge[i];
    memory_free(s->lib, s->merge);
    s->merge = table;
    s->slots = slots;
    return 0;
}

static int read_vocabulary(bpe *s, const json_place *at)
{
    int64_t n;
    TRY(json_want_object(at, &n));
    json_t *object = (json_t *)at->value; /* jansson iterates over what may be changed only */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        json_place item = json_member(at, json_object_iter_key(i));
        int64_t id;
        TRY(json_want_integer(&item, 0, VOCABULARY_MAX_ID, &id));
        TRY(vocabulary_add(&s->all, item.key, (int64_t)strlen(item.key), (int32_t)id));
    }
    return vocabulary_seal(&s->all);
}

/* "a b" or ["a", "b"] as two texts; `joined` has room for both and is the text of their token */
static int read_pair(const bpe *s, const json_place *at, char *joined, int32_t *left,
                     int32_t *right)
{
    const char *a, *b;
    size_t length, skipped = s->prefix != NULL ? strlen(s->prefix) : 0;
    if (json_is_string(at->value)) {
        TRY(json_want_text(at, &a));
        const char *blank = strchr(a, ' ');
        if (blank == NULL || strchr(blank + 1, ' ') != NULL)
            return json_fail_expected(at, "two tokens with a blank between them");
        length = (size_t)(blank - a);
        b = blank + 1;
    } else {
        int64_t n;
        TRY(json_want_list(at, &n));
        json_place first = json_item(at, 0), second = json_item(at, 1);
        if (n != 2)
            return json_fail(at, IDIM_EFORMAT, "expected two tokens, found %lld", (long long)n);
        TRY(json_want_text(&first, &a));
        TRY(json_want_text(&second, &b));
        length = strlen(a);
    }
    memcpy(joined, a, length);
    joined[length] = '\0';
    *left = vocabulary_find_text(&s->all, joined);
    *right = vocabulary_find_text(&s->all, b);
    if (*left < 0 || *right < 0 || strlen(b) < skipped)
        return json_fail_expected(at, "two tokens of the vocabulary");
    strcpy(joined + length, b + skipped);
    return 0;
}

/* the longest text a pair can have, so that there is room for it */
static size_t text_size(const json_t *value)
{
    return json_string_length(value) + json_string_length(json_array_get(value, 0)) +
           json_string_length(json_array_get(value, 1)) + 1;
}

static int add_merge(bpe *s, int32_t left, int32_t right, int32_t rank, int32_t id)
{
    if (s->n_merges >= s->slots / 3 * 2)
        TRY(grow_merges(s));
    merge *m = slot_of(s->merge, s->slots, pair_of(left, right));
    s->n_merges += m->pair == 0;
    *m = (merge){pair_of(left, right), rank, id};
    return 0;
}

/* a pair that comes again has the later rank */
static int read_merge(bpe *s, const json_place *at, int32_t rank)
{
    int32_t left = 0, right = 0;
    char *joined;
    TRY(NEW(s->lib, char, (int64_t)text_size(at->value), "merge", &joined));
    int status = read_pair(s, at, joined, &left, &right);
    int32_t id = status == 0 ? vocabulary_find_text(&s->all, joined) : -1;
    if (status == 0 && id < 0)
        status = json_fail(at, IDIM_EFORMAT, "expected a pair whose text is a token, found \"%s\"",
                           joined);
    memory_free(s->lib, joined);
    return status != 0 ? status : add_merge(s, left, right, rank, id);
}

static int read_merges(bpe *s, const json_place *at)
{
    int64_t n;
    TRY(json_want_list(at, &n));
    TRY(grow_merges(s));
    int32_t rank = 0;
    for (int64_t i = 0; i < n; i++) {
        json_place item = json_item(at, i);
        const char *text = json_string_value(item.value);
        if (text != NULL && strncmp(text, "#version", 8) == 0)
            continue;
        TRY(read_merge(s, &item, rank++));
    }
    return 0;
}

/* SentencePiece's models have no merges: any two tokens whose text is a token may be merged, the
 * token with the lower id first */
static int find_merges(bpe *s)
{
    enum { LONGEST = 1024 };
    int32_t rank = 0;
    TRY(grow_merges(s));
    for (int64_t i = 0; i < s->all.n; i++) {
        const vocabulary_entry *e = &s->all.entry[i];
        const uint32_t *c = s->all.letters + e->begin;
        uint32_t hash = VOCABULARY_HASH;
        if (e->length > LONGEST)
            return fail(s->lib, IDIM_EUNSUPPORTED,
                        "piece %lld: expected at most %d code points, found %d", (long long)i,
                        LONGEST, (int)e->length);
        for (int32_t k = 1; k < e->length; k++) {
            hash = vocabulary_hash(hash, c[k - 1]);
            int32_t left = vocabulary_find_hashed(&s->all, hash, c, k), right = -1;
            if (left >= 0)
                right = vocabulary_find(&s->all, c + k, e->length - k);
            if (right >= 0)
                TRY(add_merge(s, left, right, rank++, e->id));
        }
    }
    return 0;
}

static int read_pieces(bpe *s, const json_place *at)
{
    pieces p;
    sentencepiece_piece piece;
    TRY(pieces_open(at, &p));
    for (int32_t id = 0; id < VOCABULARY_MAX_ID && pieces_next(&p, &piece); id++)
        TRY(vocabulary_add(&s->all, piece.text, piece.length, id));
    TRY(vocabulary_seal(&s->all));
    return find_merges(s);
}

static int take_affix(const json_place *at, const char *key, const char **out)
{
    json_place affix = json_member(at, key);
    *out = NULL;
    if (json_present(&affix))
        TRY(json_want_text(&affix, out));
    return 0;
}

/* the two affixes must outlive the document */
static int keep_affixes(bpe *s, const json_place *at)
{
    const char *prefix, *suffix;
    TRY(take_affix(at, "continuing_subword_prefix", &prefix));
    TRY(take_affix(at, "end_of_word_suffix", &suffix));
    size_t first = prefix != NULL ? strlen(prefix) + 1 : 0;
    size_t second = suffix != NULL ? strlen(suffix) + 1 : 0;
    TRY(NEW(s->lib, char, (int64_t)(first + second), "affixes", &s->affixes));
    if (prefix != NULL && prefix[0] != '\0')
        s->prefix = strcpy(s->affixes, prefix);
    if (suffix != NULL && suffix[0] != '\0')
        s->suffix = strcpy(s->affixes + first, suffix);
    return 0;
}

static int open_bpe(const json_place *at, void *state)
{
    bpe *s = state;
    s->lib = s->all.lib = at->lib;
    json_place vocab = json_member(at, "vocab"), merges = json_member(at, "merges");
    json_place unknown = json_member(at, "unk_token"), dropout = json_member(at, "dropout");
    if (json_present(&dropout) && json_number_value(dropout.value) != 0)
        return json_fail_unsupported(&dropout, "null and 0");
    TRY(keep_affixes(s, at));
    TRY(json_take_flag(at, "fuse_unk", &s->fuse_unknown));
    TRY(json_take_flag(at, "byte_fallback", &s->byte_fallback));
    TRY(json_take_flag(at, "ignore_merges", &s->ignore_merges));
    if (pieces_are_there(at)) {
        TRY(read_pieces(s, at));
    } else {
        TRY(read_vocabulary(s, &vocab));
        TRY(read_merges(s, &merges));
    }

    s->unknown = -1;
    if (json_present(&unknown)) {
        const char *text;
        TRY(json_want_text(&unknown, &text));
        s->unknown = vocabulary_find_text(&s->all, text);
        if (s->unknown < 0)
            return json_fail_expected(&unknown, "a token of the vocabulary");
    }
    for (int b = 0; b < BYTES; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)b);
        s->byte[b] = vocabulary_find_text(&s->all, text);
    }
    return 0;
}

static void close_bpe(idim *lib, void *state)
{
    bpe *s = state;
    vocabulary_free(&s->all);
    memory_free(lib, s->merge);
    memory_free(lib, s->affixes);
    memory_free(lib, s->symbol);
    memory_free(lib, s->heap);
}

/* ---- the symbols of a word ------------------------------------------------------------------ */

static int add_symbol(bpe *s, int32_t id, int64_t bytes)
{
    if (s->n == s->room) {
        int64_t room = s->room == 0 ? 64 : 2 * s->room;
        TRY(memory_resize(s->lib, room, sizeof *s->symbol, "word", (void **)&s->symbol));
        s->room = room;
    }
    s->symbol[s->n] = (symbol){id, bytes, s->n - 1, s->n + 1};
    s->n++;
    return 0;
}

static int32_t find_with_affixes(const bpe *s, uint32_t c, bool first, bool last)
{
    uint32_t hash = VOCABULARY_HASH, letters[64];
    int64_t n = 0;
    const char *affix[3] = {first ? NULL : s->prefix, NULL, last ? s->suffix : NULL};
    for (int part = 0; part < 3; part++) {
        int64_t length = affix[part] != NULL ? (int64_t)strlen(affix[part]) : 0;
        for (int64_t at = 0; at < length && n < 63; n++)
            letters[n] = unicode_read((const uint8_t *)affix[part], length, &at);
        if (part == 1)
            letters[n++] = c;
    }
    for (int64_t i = 0; i < n; i++)
        hash = vocabulary_hash(hash, letters[i]);
    return vocabulary_find_hashed(&s->all, hash, letters, n);
}

/* the code point's own bytes as tokens; *done is false if one of them is none */
static int add_bytes(bpe *s, uint32_t c, bool *done)
{
    uint8_t bytes[4];
    int n = unicode_write(c, bytes);
    *done = s->byte_fallback;
    for (int i = 0; i < n; i++)
        *done = *done && s->byte[bytes[i]] >= 0;
    for (int i = 0; *done && i < n; i++)
        TRY(add_symbol(s, s->byte[bytes[i]], 1));
    return 0;
}

static int make_symbols(bpe *s, const uint32_t *word, int64_t n)
{
    int64_t unknown = 0; /* bytes of an unknown token that is not added yet */
    bool affixes = s->prefix != NULL || s->suffix != NULL;
    s->n = 0;
    for (int64_t i = 0; i < n; i++) {
        uint8_t bytes[4];
        int size = unicode_write(word[i], bytes);
        int32_t id = affixes ? find_with_affixes(s, word[i], i == 0, i == n - 1)
                             : vocabulary_find(&s->all, word + i, 1);
        if (id >= 0) {
            if (unknown > 0)
                TRY(add_symbol(s, s->unknown, unknown));
            unknown = 0;
            TRY(add_symbol(s, id, size));
            continue;
        }
        /* the reference lets an unknown token wait while bytes are added: it comes behind them */
        bool done;
        TRY(add_bytes(s, word[i], &done));
        if (done || s->unknown < 0)
            continue;
        if (unknown > 0 && !s->fuse_unknown) {
            TRY(add_symbol(s, s->unknown, unknown));
            unknown = 0;
        }
        unknown += size;
    }
    return unknown > 0 ? add_symbol(s, s->unknown, unknown) : 0;
}

/* ---- merging -------------------------------------------------------------------------------- */

static bool is_before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static int push(bpe *s, int64_t at)
{
    const merge *m = find_merge(s, s->symbol[at].id, s->symbol[s->symbol[at].next].id);
    if (m == NULL)
        return 0;
    if (s->n_heap == s->heap_room) {
        int64_t room = s->heap_room == 0 ? 64 : 2 * s->heap_room;
        TRY(memory_resize(s->lib, room, sizeof *s->heap, "word", (void **)&s->heap));
        s->heap_room = room;
    }
    candidate new = {at, m->rank, m->id};
    int64_t place = s->n_heap++;
    while (place > 0 && is_before(&new, &s->heap[(place - 1) / 2])) {
        s->heap[place] = s->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    s->heap[place] = new;
    return 0;
}

static candidate pop(bpe *s)
{
    candidate top = s->heap[0], last = s->heap[--s->n_heap];
    int64_t place = 0;
    for (;;) {
        int64_t child = 2 * place + 1;
        if (child >= s->n_heap)
            break;
        if (child + 1 < s->n_heap && is_before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!is_before(&s->heap[child], &last))
            break;
        s->heap[place] = s->heap[child];
        place = child;
    }
    s->heap[place] = last;
    return top;
}

static int merge_all(bpe *s)
{
    s->n_heap = 0;
    for (int64_t i = 0; i + 1 < s->n; i++)
        TRY(push(s, i));
    while (s->n_heap > 0) {
        candidate top = pop(s);
        symbol *left = &s->symbol[top.at];
        if (left->bytes == 0 || left->next == s->n)
            continue;
        symbol *right = &s->symbol[left->next];
        const merge *m = find_merge(s, left->id, right->id);
        if (m == NULL || m->id != top.id)
            continue;

        left->id = top.id;
        left->bytes += right->bytes;
        left->next = right->next;
        right->bytes = 0;
        if (left->next < s->n) {
            s->symbol[left->next].previous = top.at;
            TRY(push(s, top.at));
        }
        if (left->previous != NO_SYMBOL)
            TRY(push(s, left->previous));
    }
    return 0;
}

/* Offsets are counted in bytes, as the reference counts them, and then told in code points. */
static int put_tokens(const bpe *s, const uint32_t *word, int64_t n, const token_sink *sink)
{
    int64_t at = 0, first_byte = 0, bytes = 0; /* code point `at` begins with byte first_byte */
    for (int64_t i = 0; i < s->n; i = s->symbol[i].next) {
        int64_t end = bytes + s->symbol[i].bytes, begin = -1;
        for (;;) {
            uint8_t ignored[4];
            int size = unicode_write(word[at], ignored);
            if (begin < 0 && bytes < first_byte + size)
                begin = at;
            if (end <= first_byte + size || at == n - 1)
                break;
            first_byte += size;
            at++;
        }
        TRY(token_put(sink, s->symbol[i].id, begin < 0 ? at : begin, at + 1));
        bytes = end;
    }
    return 0;
}

static int tokenize(void *state, const uint32_t *word, int64_t n, const token_sink *sink)
{
    bpe *s = state;
    if (s->ignore_merges) {
        int32_t id = vocabulary_find(&s->all, word, n);
        if (id >= 0)
            return token_put(sink, id, 0, n);
    }
    TRY(make_symbols(s, word, n));
    TRY(merge_all(s));
    return put_tokens(s, word, n, sink);
}

static const vocabulary *vocabulary_of(const void *state)
{
    return &((const bpe *)state)->all;
}

const text_part bpe_model = {
    .kind = PART_MODEL,
    .type = "BPE",
    .mark = "merges",
    .state_size = sizeof(bpe),
    .open = open_bpe,
    .close = close_bpe,
    .tokenize = tokenize,
    .vocabulary = vocabulary_of,
};
