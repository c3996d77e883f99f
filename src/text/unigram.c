/* Unigram: of all ways to cut a word into tokens the one whose scores (logarithms of probabilities)
 * add up to most, found letter by letter:
 *
 *     best(end) = max over tokens t that end there of  best(begin of t) + score(t)
 *
 * Which tokens begin at a letter is found by look-ups of longer and longer beginnings. A table of
 * bits, two for each hash, says whether a token may go on or end with such a beginning, so that few
 * look-ups are in vain and none goes further than a token does.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/pieces.h"
#include "text/unicode.h"

enum { GOES_ON = 1, ENDS = 2, BYTES = 256 };

#define UNKNOWN_PENALTY 10.0

typedef struct step {
    double score;  /* of the best way to here                       */
    int64_t begin; /* where its last token begins; -1: no way to here */
    int32_t id;
} step;

typedef struct unigram {
    idim *lib;
    vocabulary all;
    double *score; /* [n] by id */
    int64_t n;
    double unknown_score;
    uint8_t *beginnings; /* [mask + 1] */
    uint32_t mask;
    int32_t unknown;
    int32_t byte[BYTES]; /* tokens <0x00> ...; -1: there is none */
    bool byte_fallback;

    step *step; /* [room] of the word at hand */
    int64_t room;
} unigram;

/* [["text", -1.5], ...], the last first: of equal texts the last counts */
static int read_vocabulary(unigram *s, const json_place *at)
{
    TRY(json_want_list(at, &s->n));
    TRY(NEW(s->lib, double, s->n, "scores", &s->score));
    if (s->n > VOCABULARY_MAX_ID)
        return json_fail(at, IDIM_EUNSUPPORTED, "expected at most %d tokens, found %lld",
                         VOCABULARY_MAX_ID, (long long)s->n);
    double least = INFINITY;
    for (int64_t i = s->n - 1; i >= 0; i--) {
        json_place item = json_item(at, i);
        json_place text = json_item(&item, 0), score = json_item(&item, 1);
        const char *content;
        TRY(json_want_text(&text, &content));
        TRY(json_want_number(&score, -1e30, 1e30, &s->score[i]));
        TRY(vocabulary_add(&s->all, content, (int64_t)strlen(content), (int32_t)i));
        least = s->score[i] < least ? s->score[i] : least;
    }
    s->unknown_score = least - UNKNOWN_PENALTY;
    s->all.told = s->n;
    return vocabulary_seal(&s->all);
}

/* XLNet and ALBERT never end a token with a digit and a comma */
static bool is_number_and_comma(const sentencepiece_piece *piece)
{
    uint32_t c = 0, before = 0;
    for (int64_t at = 0; at < piece->length;) {
        before = c;
        c = unicode_read((const uint8_t *)piece->text, piece->length, &at);
    }
    return c == ',' && unicode_category_of(before) == UNICODE_ND;
}

static int read_pieces(unigram *s, const json_place *at)
{
    enum { NUMBER_PENALTY = 100 };
    pieces p;
    sentencepiece_piece piece;
    bool numbers_alone = json_is_true(json_object_get(at->value, "(numbers alone)"));
    double least = INFINITY;
    TRY(pieces_open(at, &p));
    int64_t room =
        p.file.n_pieces + (int64_t)json_array_size(p.head) + (int64_t)json_array_size(p.tail);
    TRY(NEW(s->lib, double, room, "scores", &s->score));
    for (; s->n < room && pieces_next(&p, &piece); s->n++) {
        bool penalised = numbers_alone && is_number_and_comma(&piece);
        double score = piece.score - (penalised ? NUMBER_PENALTY : 0);
        s->score[s->n] = score;
        least = score < least ? score : least;
        TRY(vocabulary_add(&s->all, piece.text, piece.length, (int32_t)s->n));
    }
    s->unknown_score = least - UNKNOWN_PENALTY;
    s->all.told = s->n;
    return vocabulary_seal(&s->all);
}

static int note_beginnings(unigram *s)
{
    uint32_t size = 64;
    while (size < s->all.n_letters && size < 1u << 30)
        size *= 2;
    TRY(NEW(s->lib, uint8_t, size, "beginnings of tokens", &s->beginnings));
    s->mask = size - 1;
    for (int64_t i = 0; i < s->all.n; i++) {
        const vocabulary_entry *e = &s->all.entry[i];
        uint32_t hash = VOCABULARY_HASH;
        for (int32_t k = 0; k < e->length; k++) {
            hash = vocabulary_hash(hash, s->all.letters[e->begin + k]);
            s->beginnings[hash & s->mask] |= k + 1 < e->length ? GOES_ON : ENDS;
        }
    }
    return 0;
}

static int open_unigram(const json_place *at, void *state)
{
    unigram *s = state;
    s->lib = s->all.lib = at->lib;
    json_place vocab = json_member(at, "vocab"), unknown = json_member(at, "unk_id");
    int64_t id;
    TRY(json_take_flag(at, "byte_fallback", &s->byte_fallback));
    TRY(pieces_are_there(at) ? read_pieces(s, at) : read_vocabulary(s, &vocab));
    TRY(json_want_integer(&unknown, 0, s->n - 1, &id));
    s->unknown = (int32_t)id;
    for (int b = 0; b < BYTES; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)b);
        s->byte[b] = vocabulary_find_text(&s->all, text);
    }
    return note_beginnings(s);
}

static void close_unigram(idim *lib, void *state)
{
    unigram *s = state;
    vocabulary_free(&s->all);
    memory_free(lib, s->score);
    memory_free(lib, s->beginnings);
    memory_free(lib, s->step);
}

static void offer(unigram *s, int64_t begin, int64_t end, int32_t id, double score)
{
    step *to = &s->step[end];
    double sum = score + s->step[begin].score;
    if (to->begin < 0 || sum > to->score)
        *to = (step){sum, begin, id};
}

static void offer_tokens(unigram *s, const uint32_t *word, int64_t n, int64_t begin)
{
    uint32_t hash = VOCABULARY_HASH;
    bool whole = false; /* the letter is a token */
    for (int64_t end = begin; end < n; end++) {
        hash = vocabulary_hash(hash, word[end]);
        uint8_t seen = s->beginnings[hash & s->mask];
        int32_t id = -1;
        if (seen & ENDS)
            id = vocabulary_find_hashed(&s->all, hash, word + begin, end + 1 - begin);
        if (id >= 0) {
            offer(s, begin, end + 1, id, s->score[id]);
            whole = whole || end == begin;
        }
        if ((seen & GOES_ON) == 0)
            break;
    }
    if (!whole)
        offer(s, begin, begin + 1, s->unknown, s->unknown_score);
}

/* turns the links around: step[begin].begin becomes the end of the token that begins there */
static void turn(unigram *s, int64_t n)
{
    int64_t end = n, after = -1;
    int32_t id = -1;
    for (;;) {
        step here = s->step[end];
        s->step[end].begin = after;
        s->step[end].id = id;
        if (end == 0)
            return;
        after = end;
        id = here.id;
        end = here.begin;
    }
}

/* a text that is not a token by the model: it may be one all the same, or be told in bytes */
static int put_unknown(const unigram *s, const uint32_t *word, int64_t begin, int64_t end,
                       const token_sink *sink)
{
    int32_t id = vocabulary_find(&s->all, word + begin, end - begin);
    bool in_bytes = id < 0 && s->byte_fallback;
    uint8_t bytes[4];
    for (int64_t i = begin; in_bytes && i < end; i++)
        for (int k = unicode_write(word[i], bytes) - 1; k >= 0; k--)
            in_bytes = in_bytes && s->byte[bytes[k]] >= 0;
    if (!in_bytes)
        return token_put(sink, id >= 0 ? id : s->unknown, begin, end);
    for (int64_t i = begin; i < end; i++) {
        int size = unicode_write(word[i], bytes);
        for (int k = 0; k < size; k++)
            TRY(token_put(sink, s->byte[bytes[k]], begin, end));
    }
    return 0;
}

static int tokenize(void *state, const uint32_t *word, int64_t n, const token_sink *sink)
{
    unigram *s = state;
    if (n + 1 > s->room) {
        int64_t room = 2 * (n + 1);
        TRY(memory_resize(s->lib, room, sizeof *s->step, "word", (void **)&s->step));
        s->room = room;
    }
    s->step[0].score = 0;
    for (int64_t i = 1; i <= n; i++)
        s->step[i].begin = -1;
    for (int64_t i = 0; i < n; i++)
        offer_tokens(s, word, n, i);

    turn(s, n);
    for (int64_t at = 0; at < n;) {
        int64_t end = s->step[at].begin, begin = at;
        int32_t id = s->step[at].id;
        at = end;
        if (id != s->unknown) {
            TRY(token_put(sink, id, begin, end));
            continue;
        }
        for (; at < n && s->step[at].id == s->unknown; at = end)
            end = s->step[at].begin;
        TRY(put_unknown(s, word, begin, end, sink));
    }
    return 0;
}

static const vocabulary *vocabulary_of(const void *state)
{
    return &((const unigram *)state)->all;
}

const text_part unigram_model = {
    .kind = PART_MODEL,
    .type = "Unigram",
    .mark = "unk_id",
    .state_size = sizeof(unigram),
    .open = open_unigram,
    .close = close_unigram,
    .tokenize = tokenize,
    .vocabulary = vocabulary_of,
};
