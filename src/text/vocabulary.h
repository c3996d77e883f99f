/* Tokens and their ids, looked up by code points: every model has one. A look-up can be spread over
 * the letters of a word, so that all its beginnings are looked up in one pass:
 *
 *     uint32_t hash = VOCABULARY_HASH;
 *     for (i = 0; i < n; i++) {
 *         hash = vocabulary_hash(hash, word[i]);
 *         id = vocabulary_find_hashed(v, hash, word, i + 1);
 *     }
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_VOCABULARY_H
#define IDIM_TEXT_VOCABULARY_H

#include "base/library.h"

enum { VOCABULARY_MAX_ID = INT32_MAX - 1 };

#define VOCABULARY_HASH 2166136261u /* of no letters */

static inline uint32_t vocabulary_hash(uint32_t hash, uint32_t c)
{
    hash = (hash ^ c) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

typedef struct vocabulary_entry {
    int64_t begin; /* into letters  */
    int64_t text;  /* into texts    */
    int32_t length, id;
} vocabulary_entry;

typedef struct vocabulary {
    idim *lib;
    vocabulary_entry *entry; /* [n] as added                           */
    int64_t n, room;
    int64_t told;      /* tokens the file has, where it has some twice: more than n */
    uint32_t *letters; /* code points of all entries, end to end        */
    int64_t n_letters, letters_room;
    char *texts; /* the same in UTF-8, each with a zero byte           */
    int64_t n_texts, texts_room;
    uint32_t *hash;  /* [slots] of the entry in that slot              */
    int32_t *slot;   /* [slots] 1 + entry, 0: empty                    */
    int64_t slots;   /* a power of two                                 */
    int32_t *by_id;  /* [n] entries in order of id, by vocabulary_seal */
    int64_t size;    /* ids are below this                             */
    int32_t longest; /* code points of the longest entry               */
} vocabulary;

/* The empty one is {.lib = lib}. */
void vocabulary_free(vocabulary *v);

/* A text that is there already keeps its first id. */
int vocabulary_add(vocabulary *v, const char *text, int64_t length, int32_t id);

/* After the last addition, before vocabulary_text. */
int vocabulary_seal(vocabulary *v);

/* The id, -1 if there is none. */
int32_t vocabulary_find(const vocabulary *v, const uint32_t *c, int64_t n);
int32_t vocabulary_find_hashed(const vocabulary *v, uint32_t hash, const uint32_t *c, int64_t n);
int32_t vocabulary_find_text(const vocabulary *v, const char *text);

/* The token with that id (the first added, if there are several), NULL if there is none. */
const char *vocabulary_text(const vocabulary *v, int32_t id);

#endif
