/* Texts of a language model: from rows of text to blocks of tokens.
 *
 * The texts of a split become one stream of tokens, each what the tokenizer makes of it, an
 * end-of-text token before it (where the model has one; not before the first if the tokenizer
 * begins texts itself). The stream is cut into blocks of max_length tokens, the last one shorter; a
 * block begins with the last token of the one before it, so that every token of the stream but the
 * first is predicted once, and losses and bytes add up to those of the texts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_LANGUAGE_H
#define IDIM_TASK_LANGUAGE_H

#include "task/rows.h"

/* A .tsv, .csv or .jsonl file: a text a row; any other file is one text. */
int language_read(idim *lib, const char *path, const task_options *options, rows *out);

/* ids, segment, start, label and n of s, whose path is set; at most `most` blocks, 0: all. */
int language_blocks(const rows *r, const task_options *options, idim_tokenizer *tokenizer,
                    int64_t most, split *s);

/* The nats of a split under the shares of the train split's tokens (one added to each count); NaN
 * without a train split. */
int language_unigram(const task *t, const split *s, double *nats);

#endif
