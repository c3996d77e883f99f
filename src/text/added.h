/* Added tokens: texts that are found before the pipeline sees them, "[MASK]" in a sentence. Those
 * with normalized = false are sought in the text as it is, the others, normalised themselves, in
 * the normalised text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_ADDED_H
#define IDIM_TEXT_ADDED_H

#include "format/json.h"
#include "text/passage.h"
#include "text/vocabulary.h"

typedef struct added_token {
    uint32_t *c; /* [n] what is sought, sorted by it */
    int64_t n;
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} added_token;

typedef struct added_tokens {
    idim *lib;
    added_token *item[2]; /* [n] sought in the text as it is, in the normalised text */
    int64_t n[2];
    vocabulary contents; /* as given */
} added_tokens;

enum { ADDED_RAW, ADDED_NORMALIZED };

/* Reads the list (nothing: there are none); {.lib = lib} before. As in the reference a content that
 * the vocabulary has gets its id, others get ids from the number of the vocabulary's tokens on,
 * whatever the file says. What is sought is the content until added_prepare. */
int added_open(added_tokens *a, const json_place *list, const vocabulary *v);

/* Sorts what is sought, after the caller has normalised it. */
int added_prepare(added_tokens *a);

void added_free(added_tokens *a);

/* One piece of a text: a token, or (id -1) text between tokens. */
typedef struct added_span {
    int64_t begin, end;
    int32_t id;
} added_span;

typedef struct added_spans {
    idim *lib;
    added_span *item; /* [n] none is empty, together the whole text */
    int64_t n, room;
} added_spans;

int added_split(const added_tokens *a, int which, const uint32_t *c, int64_t n, added_spans *out);

#endif
