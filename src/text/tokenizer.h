/* Text to token ids: normalise, split, model, template. Read from tokenizer.json or older files.
 *
 * Reference: the official `tokenizers` package 0.23.3; ids and offsets are equal to its, for any
 * bytes as input (bytes that are not UTF-8 are read as U+FFFD, as Python's errors="replace" does).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_TOKENIZER_H
#define IDIM_TEXT_TOKENIZER_H

#include <jansson.h>

#include "base/library.h"

/* Tokens of one text or pair. Begins as {0}; the arrays belong to it, grow as needed and are used
 * again by the next call. */
typedef struct encoding {
    int32_t *ids;
    int32_t *segment;
    int64_t (*offset)[2]; /* [n] begin and end in code points of the text the token came from;
                             {0, 0} for tokens of the template                               */
    int64_t n, room;
    bool truncated;
} encoding;

/* A folder with tokenizer.json, or with vocab.txt, or with vocab.json and merges.txt, and perhaps
 * tokenizer_config.json. */
int tokenizer_open(idim *lib, const char *model_folder, idim_tokenizer **out);
void tokenizer_close(idim_tokenizer *t);

/* The same from a document in memory with tokenizer.json's content; `file` is its name in
 * sentences. The document may be dropped afterwards. */
int tokenizer_open_document(idim *lib, const char *file, const json_t *document,
                            idim_tokenizer **out);

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
