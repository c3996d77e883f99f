/* SentencePiece's model files: protocol buffers with the pieces and how a text is normalised.
 *
 *     1 pieces: 1 text, 2 score (float), 3 type
 *     2 trainer: 3 model type, 35 byte fallback, 40 id of the unknown piece
 *     3 normaliser: 2 character map
 *
 * What else is in them is passed over. The file is checked as a whole when it is opened.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_SENTENCEPIECE_H
#define IDIM_TEXT_SENTENCEPIECE_H

#include "base/library.h"

enum { SENTENCEPIECE_UNIGRAM = 1, SENTENCEPIECE_BPE = 2 };

typedef struct sentencepiece {
    const uint8_t *bytes; /* [n] must outlive it */
    int64_t n;
    int64_t n_pieces;
    const uint8_t *charsmap; /* [n_charsmap] in the bytes; none: 0 */
    int64_t n_charsmap;
    int64_t type, unknown;
    bool byte_fallback;
} sentencepiece;

typedef struct sentencepiece_piece {
    const char *text; /* [length] UTF-8, no zero byte in it or behind it */
    int64_t length;
    double score;
} sentencepiece_piece;

/* `path` stands for the file in sentences. */
int sentencepiece_open(idim *lib, const char *path, const uint8_t *bytes, int64_t n,
                       sentencepiece *out);

/* The next piece behind *at, which begins as 0; false when there is none any more. */
bool sentencepiece_next(const sentencepiece *s, int64_t *at, sentencepiece_piece *out);

#endif
