/* Folders from before tokenizer.json: vocab.txt, one token a line, and tokenizer_config.json. They
 * are turned into the document that tokenizer.json would be, so that one reader serves both.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_LEGACY_H
#define IDIM_TEXT_LEGACY_H

#include <jansson.h>

#include "base/library.h"

/* vocabulary is the path of vocab.txt. Of tokenizer_config.json, which may be absent, count:
 * do_lower_case (true), strip_accents, tokenize_chinese_chars, the special tokens,
 * added_tokens_decoder, tokenizer_class. The caller drops *out with json_decref. */
int legacy_read(idim *lib, const char *folder, const char *vocabulary, json_t **out);

#endif
