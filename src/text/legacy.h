/* Folders from before tokenizer.json: vocab.txt, one token a line; vocab.json with merges.txt;
 * a SentencePiece model; and beside them tokenizer_config.json. They are turned into the document
 * that tokenizer.json would be, so that one reader serves all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_LEGACY_H
#define IDIM_TEXT_LEGACY_H

#include "format/json.h"

/* *name is what stands for the document in sentences. The caller frees it, and drops *out with
 * json_decref; both are NULL on failure. */
int legacy_read(idim *lib, const char *folder, char **name, json_t **out);

/* ---- for the readers ------------------------------------------------------------------------ */

enum { LEGACY_VOCABULARY_LIMIT = 256 << 20 };

typedef struct legacy {
    idim *lib;
    const char *folder;
    const char *path;  /* of the vocabulary                           */
    const char *entry; /* what it has: "line", "token"                */
    json_place config; /* the root of tokenizer_config.json, or nothing */
    json_t *vocab;     /* token to id                                 */
    json_t *document;  /* what is made                                */
} legacy;

/* A role in tokenizer_config.json, its usual text, whether it must be in the vocabulary. */
typedef struct legacy_special {
    const char *role, *usual;
    bool needed;
    bool lstrip; /* unless the configuration says otherwise */
} legacy_special;

/* Is the configuration's tokenizer_class one of `names` ("Bert", "DistilBert"), with "Tokenizer" or
 * "TokenizerFast" behind it? */
bool legacy_has_class(const legacy *l, const char *const *names, int64_t n);

/* *text is NULL for one that is not there and need not be. */
int legacy_find_special(const legacy *l, const legacy_special *s, const char **text);

/* The configuration's added_tokens_decoder, then the special tokens that have a text, as the
 * document's added_tokens. */
int legacy_add_tokens(const legacy *l, const legacy_special *s, const char *const *text, int64_t n);

int legacy_no_memory(const legacy *l);

/* One reader a kind of file: l->vocab and l->document, both freed by the caller. */
int legacy_read_bert(legacy *l);
int legacy_read_bpe(legacy *l);
int legacy_read_sentencepiece(legacy *l);

#endif
