/* What the reference makes of SentencePiece's models: their pieces as Unigram or BPE, laid out as
 * T5, XLNet, ALBERT, XLM-RoBERTa or Llama do it.
 *
 * SPDX-License-Identifier: MIT */
#include "text/legacy.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "text/sentencepiece.h"

enum { MAX_SPECIALS = 8, MAX_CLASSES = 4, MAX_MARKS = 3, MAX_TEXTS = 4, EXTRA_IDS = 100 };

typedef enum layout {
    LAYOUT_T5,
    LAYOUT_XLNET,
    LAYOUT_ALBERT,
    LAYOUT_XLM_ROBERTA,
    LAYOUT_LLAMA
} layout;

/* Of folders without a tokenizer_class the first family whose marks the vocabulary has, all of
 * them. */
static const struct {
    const char *class[MAX_CLASSES];
    const char *mark[MAX_MARKS];
    layout layout;
    bool own_normalizers; /* XLNet's and ALBERT's, and their rule for numbers            */
    bool lower;           /* do_lower_case, if the configuration does not say            */
    int skip;             /* pieces of the file that the head stands for                 */
    const char *head[MAX_TEXTS];
    const char *tail[MAX_TEXTS];
    const char *single, *pair; /* A and B are the texts, other letters the special tokens in order:
                                  a the first; a digit behind one is its segment, else 0         */
    legacy_special special[MAX_SPECIALS];
} families[] = {
    {.class = {"XLNet"},
     .mark = {"<cls>", "<sep>", "<eop>"},
     .layout = LAYOUT_XLNET,
     .own_normalizers = true,
     .single = "Aab2",
     .pair = "AaB1a1b2",
     .special = {{"sep_token", "<sep>", true, false},
                 {"cls_token", "<cls>", true, false},
                 {"unk_token", "<unk>", true, false},
                 {"bos_token", "<s>", false, false},
                 {"eos_token", "</s>", false, false},
                 {"pad_token", "<pad>", false, false},
                 {"mask_token", "<mask>", false, true}}},
    {.class = {"Albert"},
     .mark = {"[CLS]", "[SEP]", "[MASK]"},
     .layout = LAYOUT_ALBERT,
     .own_normalizers = true,
     .lower = true,
     .single = "aAb",
     .pair = "aAbB1b1",
     .special = {{"cls_token", "[CLS]", true, false},
                 {"sep_token", "[SEP]", true, false},
                 {"unk_token", "<unk>", true, false},
                 {"pad_token", "<pad>", false, false},
                 {"mask_token", "[MASK]", false, true}}},
    {.class = {"XLMRoberta"},
     .layout = LAYOUT_XLM_ROBERTA,
     .skip = 3,
     .head = {"<s>", "<pad>", "</s>", "<unk>"},
     .tail = {"<mask>"},
     .single = "aAb",
     .pair = "aAbbBb",
     .special = {{"cls_token", "<s>", true, false},
                 {"sep_token", "</s>", true, false},
                 {"unk_token", "<unk>", true, false},
                 {"pad_token", "<pad>", false, false},
                 {"mask_token", "<mask>", false, true}}},
    {.class = {"Llama"},
     .layout = LAYOUT_LLAMA,
     .single = "aA",
     .pair = "aAa1B1",
     .special = {{"bos_token", "<s>", true, false},
                 {"eos_token", "</s>", false, false},
                 {"unk_token", "<unk>", false, false}}},
    {.class = {"T5", "MT5"},
     .mark = {"<pad>", "</s>", "<unk>"},
     .layout = LAYOUT_T5,
     .single = "Aa",
     .pair = "AaBa",
     .special = {{"eos_token", "</s>", true, false},
                 {"unk_token", "<unk>", true, false},
                 {"pad_token", "<pad>", false, false}}},
};

enum { N_FAMILIES = sizeof families / sizeof families[0] };

static int count(const char *const *texts, int room)
{
    int n = 0;
    while (n < room && texts[n] != NULL)
        n++;
    return n;
}

static int count_specials(int family)
{
    int n = 0;
    while (n < MAX_SPECIALS && families[family].special[n].role != NULL)
        n++;
    return n;
}

/* ---- which tokens there are ----------------------------------------------------------------- */

static bool is_text(const sentencepiece_piece *piece, const char *text)
{
    return piece->length == (int64_t)strlen(text) &&
           memcmp(piece->text, text, (size_t)piece->length) == 0;
}

/* -1 if there is no such piece */
static int64_t find_piece(const sentencepiece *file, const char *text)
{
    sentencepiece_piece piece;
    int64_t at = 0;
    for (int64_t id = 0; sentencepiece_next(file, &at, &piece); id++)
        if (is_text(&piece, text))
            return id;
    return -1;
}

static int64_t id_of(const sentencepiece *file, int family, const char *text)
{
    int n_head = count(families[family].head, MAX_TEXTS);
    int n_tail = count(families[family].tail, MAX_TEXTS);
    int64_t shift = n_head - families[family].skip;
    for (int i = 0; i < n_head; i++)
        if (strcmp(families[family].head[i], text) == 0)
            return i;
    for (int i = 0; i < n_tail; i++)
        if (strcmp(families[family].tail[i], text) == 0)
            return file->n_pieces + shift + i;
    int64_t id = find_piece(file, text);
    return id >= families[family].skip ? id + shift : -1;
}

/* l->vocab has the ids of the special tokens alone: nobody asks for others */
static int note_special(const legacy *l, const sentencepiece *file, int family,
                        const legacy_special *s)
{
    json_place told = json_member(&l->config, s->role);
    const json_t *content = json_object_get(told.value, "content");
    const char *text = json_string_value(content != NULL ? content : told.value);
    const char *names[2] = {s->usual, text != NULL ? text : s->usual};
    for (int i = 0; i < 2; i++) {
        int64_t id = id_of(file, family, names[i]);
        if (id >= 0 && json_object_set_new(l->vocab, names[i], json_integer(id)) != 0)
            return legacy_no_memory(l);
    }
    return 0;
}

static bool has_marks(const sentencepiece *file, int family)
{
    int n = count(families[family].mark, MAX_MARKS), found = 0;
    for (int i = 0; i < n; i++)
        found += find_piece(file, families[family].mark[i]) >= 0;
    return n > 0 && found == n;
}

static int choose_family(const legacy *l, const sentencepiece *file, int *family)
{
    json_place class = json_member(&l->config, "tokenizer_class");
    bool told = json_present(&class);
    for (*family = 0; *family < N_FAMILIES; ++*family) {
        const char *const *names = families[*family].class;
        if (told ? legacy_has_class(l, names, count(names, MAX_CLASSES)) : has_marks(file, *family))
            return 0;
    }
    if (told)
        return json_fail_unsupported(&class, "with a SentencePiece model XLNetTokenizer, "
                                             "AlbertTokenizer, XLMRobertaTokenizer, "
                                             "LlamaTokenizer, T5Tokenizer");
    return fail(l->lib, IDIM_EUNSUPPORTED,
                "%s: expected the tokens of XLNet, ALBERT or T5, or a tokenizer_class in "
                "tokenizer_config.json, found neither",
                l->path);
}

/* ---- the parts ------------------------------------------------------------------------------ */

static int add(const legacy *l, json_t *list, json_t *item)
{
    return json_array_append_new(list, item) == 0 ? 0 : legacy_no_memory(l);
}

static int add_replacement(const legacy *l, json_t *list, const char *text, const char *content)
{
    return add(l, list,
               json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", text,
                         "content", content));
}

static int add_normalizers(const legacy *l, const sentencepiece *file, int family, json_t *list)
{
    bool lower = families[family].lower, keep_accents = false;
    TRY(json_take_flag(&l->config, "do_lower_case", &lower));
    TRY(json_take_flag(&l->config, "keep_accents", &keep_accents));
    if (families[family].own_normalizers) {
        TRY(add_replacement(l, list, "``", "\""));
        TRY(add_replacement(l, list, "''", "\""));
        if (!keep_accents) {
            TRY(add(l, list, json_pack("{s:s}", "type", "NFKD")));
            TRY(add(l, list, json_pack("{s:s}", "type", "StripAccents")));
        }
        if (lower)
            TRY(add(l, list, json_pack("{s:s}", "type", "Lowercase")));
    }
    if (file->n_charsmap == 0 || families[family].layout == LAYOUT_LLAMA)
        return 0;
    json_t *bytes = json_stringn_nocheck((const char *)file->charsmap, (size_t)file->n_charsmap);
    return add(l, list, json_pack("{s:s, s:o}", "type", "Precompiled", "(bytes)", bytes));
}

static json_t *pre_tokenizer(const legacy *l, int family, bool prefix)
{
    bool legacy_layout = true;
    const json_t *told = json_object_get(l->config.value, "legacy");
    if (json_is_boolean(told))
        legacy_layout = json_is_true(told);
    bool llama = families[family].layout == LAYOUT_LLAMA;
    const char *always = llama && !legacy_layout ? "first" : "always";
    json_t *metaspace =
        json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", "\xe2\x96\x81",
                  "prepend_scheme", prefix ? always : "never", "split", !llama);
    if (llama)
        return metaspace;
    return json_pack("{s:s, s:[{s:s}, o]}", "type", "Sequence", "pretokenizers", "type",
                     "WhitespaceSplit", metaspace);
}

/* "aAb2": the special token a, the text A, the special token b of segment 2 */
static int add_pieces(const legacy *l, const char *spelled, const char *const *special,
                      json_t *list)
{
    for (const char *c = spelled; *c != '\0'; c++) {
        int segment = c[1] >= '0' && c[1] <= '9' ? c[1] - '0' : 0;
        bool is_text_piece = *c == 'A' || *c == 'B';
        char name[2] = {*c, '\0'};
        TRY(add(l, list,
                json_pack("{s:{s:s, s:i}}", is_text_piece ? "Sequence" : "SpecialToken", "id",
                          is_text_piece ? name : special[*c - 'a'], "type_id", segment)));
        c += c[1] >= '0' && c[1] <= '9';
    }
    return 0;
}

static int add_template(const legacy *l, int family, const char *const *special)
{
    json_t *tokens = json_object(),
           *template = json_pack("{s:s, s:[], s:[], s:o}", "type", "TemplateProcessing", "single",
                                 "pair", "special_tokens", tokens);
    if (template == NULL || json_object_set_new(l->document, "post_processor", template) != 0)
        return legacy_no_memory(l);
    for (int i = 0; i < count_specials(family); i++)
        if (special[i] != NULL &&
            json_object_set_new(
                tokens, special[i],
                json_pack("{s:[O]}", "ids", json_object_get(l->vocab, special[i]))) != 0)
            return legacy_no_memory(l);
    TRY(add_pieces(l, families[family].single, special, json_object_get(template, "single")));
    return add_pieces(l, families[family].pair, special, json_object_get(template, "pair"));
}

/* T5's last tokens: <extra_id_99> ... <extra_id_0> */
static int add_extra_ids(const legacy *l, const sentencepiece *file, json_t *tail)
{
    int64_t n = EXTRA_IDS;
    TRY(json_take_integer(&l->config, "extra_ids", 0, 10000, &n));
    json_t *added = json_object_get(l->document, "added_tokens");
    for (int64_t i = 0; i < n; i++) {
        char text[32];
        snprintf(text, sizeof text, "<extra_id_%d>", (int)(n - 1 - i));
        TRY(add(l, tail, json_string(text)));
        TRY(add(l, added,
                json_pack("{s:I, s:s, s:b, s:b}", "id", (json_int_t)(file->n_pieces + i), "content",
                          text, "special", 1, "normalized", 0)));
    }
    return 0;
}

static int add_model(const legacy *l, const sentencepiece *file, int family, const char *unknown)
{
    json_t *bytes = json_stringn_nocheck((const char *)file->bytes, (size_t)file->n);
    json_t *head = json_array(), *tail = json_array();
    bool bpe = file->type == SENTENCEPIECE_BPE;
    json_t *model =
        json_pack("{s:s, s:o, s:o, s:o, s:i, s:b}", "type", bpe ? "BPE" : "Unigram", "(file)",
                  bytes, "(head)", head, "(tail)", tail, "(skip)", families[family].skip,
                  "(numbers alone)", families[family].own_normalizers);
    if (model == NULL || json_object_set_new(l->document, "model", model) != 0)
        return legacy_no_memory(l);
    for (int i = 0; i < count(families[family].head, MAX_TEXTS); i++)
        TRY(add(l, head, json_string(families[family].head[i])));
    for (int i = 0; i < count(families[family].tail, MAX_TEXTS); i++)
        TRY(add(l, tail, json_string(families[family].tail[i])));
    if (families[family].layout == LAYOUT_T5)
        TRY(add_extra_ids(l, file, tail));

    json_t *unknown_id = json_object_get(l->vocab, unknown);
    int status =
        json_object_set_new(model, "byte_fallback", json_boolean(file->byte_fallback && bpe));
    if (bpe)
        status |= json_object_set_new(model, "fuse_unk", json_true()) |
                  json_object_set_new(model, "unk_token", json_string(unknown));
    else
        status |= json_object_set(model, "unk_id", unknown_id);
    return status == 0 ? 0 : legacy_no_memory(l);
}

static int build(legacy *l, const sentencepiece *file)
{
    int family;
    const char *special[MAX_SPECIALS] = {NULL}, *unknown = NULL;
    bool prefix = true;
    TRY(choose_family(l, file, &family));
    TRY(json_take_flag(&l->config, "add_prefix_space", &prefix));
    for (int i = 0; i < count_specials(family); i++) {
        const legacy_special *s = &families[family].special[i];
        TRY(note_special(l, file, family, s));
        TRY(legacy_find_special(l, s, &special[i]));
        if (strcmp(s->role, "unk_token") == 0)
            unknown = special[i];
    }
    if (unknown == NULL)
        return fail(l->lib, IDIM_EFORMAT, "%s: unk_token: expected a token, found none", l->path);

    l->document =
        json_pack("{s:[], s:{s:s, s:[]}, s:o}", "added_tokens", "normalizer", "type", "Sequence",
                  "normalizers", "pre_tokenizer", pre_tokenizer(l, family, prefix));
    if (l->document == NULL)
        return legacy_no_memory(l);
    json_t *list = json_object_get(json_object_get(l->document, "normalizer"), "normalizers");
    TRY(add_normalizers(l, file, family, list));
    TRY(add_model(l, file, family, unknown));
    TRY(add_template(l, family, special));
    return legacy_add_tokens(l, families[family].special, special, count_specials(family));
}

int legacy_read_sentencepiece(legacy *l)
{
    char *bytes;
    int64_t n;
    sentencepiece file;
    TRY(file_read(l->lib, l->path, LEGACY_VOCABULARY_LIMIT, &bytes, &n));
    int status = sentencepiece_open(l->lib, l->path, (const uint8_t *)bytes, n, &file);
    if (status == 0 && file.type != SENTENCEPIECE_UNIGRAM && file.type != SENTENCEPIECE_BPE)
        status = fail(l->lib, IDIM_EUNSUPPORTED,
                      "%s: expected a Unigram or BPE model (type 1 or 2), found type %lld", l->path,
                      (long long)file.type);
    if (status == 0)
        status = build(l, &file);
    memory_free(l->lib, bytes);
    return status;
}
