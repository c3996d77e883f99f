/* The pipeline: normalisers, pre-tokenisers, a model, a template, in the order tokenizer.json gives
 * them. A part is a row with its functions; the rows stand in one array in tokenizer.c. A new kind
 * of tokenizer is one new file with its parts and their lines in that array.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_PART_H
#define IDIM_TEXT_PART_H

#include "format/json.h"
#include "text/passage.h"
#include "text/vocabulary.h"

typedef enum part_kind {
    PART_NORMALIZER,
    PART_PRE_TOKENIZER,
    PART_MODEL,
    PART_POST_PROCESSOR,
    PART_KINDS
} part_kind;

typedef struct text_part {
    part_kind kind;
    const char *type; /* tokenizer.json's "type"                                                 */
    const char *mark; /* models: the key that tells the type where old files leave "type" out    */
    bool blockwise;   /* a text may be cut in front of any U+0020 and its pieces done in turn    */
    int64_t state_size;

    /* Reads the part's object into its state, which is zeroed; both may be NULL. close must cope
     * with what a failed open leaves. */
    int (*open)(const json_place *at, void *state);
    void (*close)(idim *lib, void *state);

    /* One of them, by kind. A post-processor has none: its state is a text_template. A split may
     * also rewrite the passage; its cuts are then those of the new one, which need not cover it. */
    int (*normalize)(const void *state, passage *p);
    int (*split)(const void *state, passage *p, cuts *list); /* list holds cuts: cut them finer */
    int (*tokenize)(void *state, const uint32_t *word, int64_t n, const token_sink *sink);

    const vocabulary *(*vocabulary)(const void *state); /* models */
} text_part;

/* What is laid around the texts. */
typedef struct template_piece {
    int text;   /* 0: the first text, 1: the second, -1: the token `id` */
    int32_t id; /* of the token                                         */
    int32_t segment;
} template_piece;

typedef struct text_template {
    template_piece *piece[2]; /* for a single text, for a pair */
    int64_t n[2];
    bool lays;         /* it has pieces: is not there for the offsets alone               */
    bool trims;        /* offsets leave out the blanks at a token's ends ...              */
    bool keeps_prefix; /* ... but for one at the text's beginning, which was put in front */
} text_template;

void template_free(idim *lib, text_template *t);
/* The template of a file without a post-processor: A, or A and B. */
int template_plain(idim *lib, text_template *t);

/* A string of one code point. */
int part_want_letter(const json_place *at, uint32_t *out);

/* normal_forms.c, normalizers.c: NFD, NFKD, NFC, NFKC as the two flags say; lower case. */
int normal_form(passage *p, bool compatibility, bool composed);
int lower_case(passage *p);

/* bert.c, wordpiece.c, template.c */
extern const text_part bert_normalizer, bert_pre_tokenizer;
extern const text_part wordpiece_model;
extern const text_part template_processing, bert_processing, roberta_processing,
    byte_level_processing;

/* normal_forms.c, normalizers.c, precompiled.c */
extern const text_part nfd_normalizer, nfkd_normalizer, nfc_normalizer, nfkc_normalizer;
extern const text_part lowercase_normalizer, strip_accents_normalizer, strip_normalizer,
    prepend_normalizer, replace_normalizer, nmt_normalizer;
extern const text_part precompiled_normalizer;

/* metaspace.c, unigram.c */
extern const text_part metaspace_pre_tokenizer;
extern const text_part unigram_model;

/* bpe.c, byte_level.c, split.c */
extern const text_part bpe_model;
extern const text_part byte_level_normalizer, byte_level_pre_tokenizer;
extern const text_part split_pre_tokenizer, whitespace_split, whitespace_pre_tokenizer,
    punctuation_pre_tokenizer, digits_pre_tokenizer, delimiter_split;

#endif
