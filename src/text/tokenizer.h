/* Text to token ids: normalise, split, model, template. Read from tokenizer.json or vocab.txt.
 *
 * Reference: the official `tokenizers` package 0.23.3; ids and offsets are equal to its, for any
 * bytes as input (bytes that are not UTF-8 are read as U+FFFD, as Python's errors="replace" does).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_TOKENIZER_H
#define IDIM_TEXT_TOKENIZER_H

#include "base/library.h"

/* Tokens of one text or pair. Arrays are owned by the encoding and grow as needed. */
typedef struct encoding {
    int32_t *ids;
    int32_t *segment;
    int64_t (*offset)[2]; /* [n] begin and end in code points of the text the token came from;
                             {0, 0} for tokens of the template                               */
    int64_t n, room;
    bool truncated;
} encoding;

int tokenizer_open(idim *lib, const char *model_folder, idim_tokenizer **out);
void tokenizer_close(idim_tokenizer *t);

/* pair may be NULL. max_length counts special tokens, 0: no limit; longest-first truncation, as the
 * reference does it. */
int tokenizer_encode(idim_tokenizer *t, const char *text, int64_t length, const char *pair,
                     int64_t pair_length, int64_t max_length, encoding *out);
void encoding_free(idim *lib, encoding *e);

/* The token's text ("##ing"), borrowed; NULL for an id out of range. */
const char *tokenizer_token(const idim_tokenizer *t, int32_t id);
int64_t tokenizer_size(const idim_tokenizer *t); /* ids are below this */

/* Special tokens a text pair or single text gets from the template. */
int64_t tokenizer_added(const idim_tokenizer *t, bool pair);

#endif
