/* Byte-level texts: every byte of the UTF-8 is one code point that can be printed, as GPT-2 has it
 * ("Ġ" is a blank). As a pre-tokeniser it cuts by GPT-2's expression first. (As a post-processor it
 * takes blanks off the offsets: template.c.)
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include "text/pattern.h"
#include "text/unicode.h"

static const char gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef struct byte_level {
    uint16_t letter[256]; /* of a byte */
    bool add_prefix_space, use_regex;
} byte_level;

/* bytes that print stand for themselves, the others for U+0100, U+0101, ... in order */
static void make_letters(uint16_t letter[256])
{
    uint16_t next = 0x100;
    for (uint16_t b = 0; b < 256; b++) {
        bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        letter[b] = prints ? b : next++;
    }
}

static int put_bytes(const byte_level *s, passage *p, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        uint8_t bytes[4];
        int n = unicode_write(p->c[i], bytes);
        for (int k = 0; k < n; k++)
            TRY(passage_put(p, s->letter[bytes[k]], p->from[i]));
    }
    return 0;
}

static int open_normalizer(const json_place *at, void *state)
{
    (void)at;
    make_letters(((byte_level *)state)->letter);
    return 0;
}

static int normalize(const void *state, passage *p)
{
    passage_rewrite(p);
    TRY(put_bytes(state, p, 0, p->n));
    passage_finish(p);
    return 0;
}

const text_part byte_level_normalizer = {
    .kind = PART_NORMALIZER,
    .type = "ByteLevel",
    .state_size = sizeof(byte_level),
    .open = open_normalizer,
    .normalize = normalize,
};

typedef struct byte_level_words {
    byte_level bytes;
    pattern pattern;
} byte_level_words;

static int open_pre_tokenizer(const json_place *at, void *state)
{
    byte_level_words *s = state;
    json_place prefix = json_member(at, "add_prefix_space"), trim = json_member(at, "trim_offsets");
    bool ignored;
    make_letters(s->bytes.letter);
    s->bytes.use_regex = true;
    TRY(json_want_flag(&prefix, &s->bytes.add_prefix_space));
    TRY(json_want_flag(&trim, &ignored));
    TRY(json_take_flag(at, "use_regex", &s->bytes.use_regex));
    return pattern_compile(at, gpt2, &s->pattern);
}

static void close_pre_tokenizer(idim *lib, void *state)
{
    pattern_free(lib, &((byte_level_words *)state)->pattern);
}

/* the expression matches everywhere, so its matches are the words */
static int cut_words(const byte_level_words *s, const passage *p, cuts *list)
{
    cuts finer = {.lib = list->lib};
    pattern_search search = {.lib = list->lib};
    int status = 0;
    for (int64_t i = 0; status == 0 && i < list->n; i++) {
        int64_t first = list->item[i].begin, begin, end;
        bool found = true;
        pattern_search_begin(&search, p->c + first, list->item[i].end - first);
        while (status == 0 && found) {
            status = pattern_next(&s->pattern, &search, &found, &begin, &end);
            if (status == 0 && found)
                status = cuts_add(&finer, first + begin, first + end);
        }
    }
    pattern_search_free(&search);
    cuts_free(list);
    *list = finer;
    return status;
}

static int split(const void *state, passage *p, cuts *list)
{
    const byte_level_words *s = state;
    if (s->bytes.add_prefix_space)
        TRY(passage_prepend(p, list, ' ', false));
    if (s->bytes.use_regex)
        TRY(cut_words(s, p, list));

    passage_rewrite(p);
    for (int64_t i = 0; i < list->n; i++) {
        cut piece = list->item[i];
        list->item[i].begin = p->next_n;
        TRY(put_bytes(&s->bytes, p, piece.begin, piece.end));
        list->item[i].end = p->next_n;
    }
    passage_finish(p);
    return 0;
}

const text_part byte_level_pre_tokenizer = {
    .kind = PART_PRE_TOKENIZER,
    .type = "ByteLevel",
    .state_size = sizeof(byte_level_words),
    .open = open_pre_tokenizer,
    .close = close_pre_tokenizer,
    .split = split,
};
