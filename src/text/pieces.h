/* The tokens of a model that comes from SentencePiece's file, in order of their ids, as the
 * document made of an old folder tells them:
 *
 *     {"(file)": the bytes, "(head)": ["<s>", ...], "(skip)": 3, "(tail)": ["<mask>"]}
 *
 * the head's texts with score 0, the file's pieces but for the first few, the tail's texts. No
 * tokenizer.json has such keys: bytes are no text.
 *
 *     pieces p;
 *     TRY(pieces_open(at, &p));
 *     while (pieces_next(&p, &piece)) ...
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_PIECES_H
#define IDIM_TEXT_PIECES_H

#include "format/json.h"
#include "text/sentencepiece.h"

typedef struct pieces {
    sentencepiece file;
    const json_t *head, *tail; /* NULL: nothing */
    int64_t skip, at;          /* in the file   */
    int64_t n_head, n_tail;    /* told          */
} pieces;

bool pieces_are_there(const json_place *model);
int pieces_open(const json_place *model, pieces *p);
bool pieces_next(pieces *p, sentencepiece_piece *out);

#endif
