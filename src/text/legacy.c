/* What the reference's BertWordPieceTokenizer makes of a vocab.txt: BERT's parts throughout.
 *
 * SPDX-License-Identifier: MIT */
#include "text/legacy.h"

#include <string.h>

#include "base/file.h"
#include "format/json.h"
#include "text/unicode.h"

enum { VOCABULARY_LIMIT = 256 << 20, CONFIG_LIMIT = 64 << 20, WORD_LIMIT = 100 };

/* classes whose vocab.txt is BERT's; a "Fast" behind the name makes no difference */
static const char *const bert_like[] = {
    "Bert",     "DistilBert", "Electra",   "MobileBert",         "SqueezeBert",       "ConvBert",
    "LayoutLM", "Lxmert",     "RetriBert", "DPRQuestionEncoder", "DPRContextEncoder", "DPRReader",
};

/* role in tokenizer_config.json, its usual text, whether it must be in the vocabulary */
static const struct {
    const char *role, *usual;
    bool needed;
} specials[] = {
    {"unk_token", "[UNK]", true},  {"sep_token", "[SEP]", true},    {"cls_token", "[CLS]", true},
    {"pad_token", "[PAD]", false}, {"mask_token", "[MASK]", false},
};

enum { N_SPECIALS = sizeof specials / sizeof specials[0], UNKNOWN = 0, SEPARATOR = 1, FIRST = 2 };

typedef struct legacy {
    idim *lib;
    const char *vocabulary_path;
    json_place config; /* the root of tokenizer_config.json, or nothing */
    json_t *vocab, *document;
    const char *special[N_SPECIALS];
} legacy;

static int no_memory(idim *lib)
{
    return fail_memory(lib, 0, "vocab.txt");
}

/* the end of the line's text without white space after it; -1 where it is not UTF-8 text */
static int64_t trimmed(const char *line, int64_t length)
{
    int64_t end = 0;
    for (int64_t at = 0; at < length;) {
        int64_t begin = at;
        uint32_t c = unicode_read((const uint8_t *)line, length, &at);
        bool written = at - begin == 3 && memcmp(line + begin, "\xef\xbf\xbd", 3) == 0;
        if (c == 0 || (c == UNICODE_REPLACEMENT && !written))
            return -1;
        if ((unicode_properties(c) & UNICODE_SPACE) == 0)
            end = at;
    }
    return end;
}

/* the file's bytes end in a zero byte of ours, so every line can be ended in place */
static int read_lines(legacy *l, char *bytes, int64_t size)
{
    int64_t id = 0;
    for (char *line = bytes, *end = bytes + size; line < end; id++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        int64_t length = trimmed(line, stop - line);
        if (length < 0)
            return fail(l->lib, IDIM_EFORMAT,
                        "%s:%lld: expected a token in UTF-8, found other bytes", l->vocabulary_path,
                        (long long)id + 1);
        line[length] = '\0';
        if (json_object_set_new(l->vocab, line, json_integer(id)) != 0)
            return no_memory(l->lib);
        line = stop + 1;
    }
    return 0;
}

static int read_vocabulary(legacy *l)
{
    char *bytes;
    int64_t size;
    TRY(file_read(l->lib, l->vocabulary_path, VOCABULARY_LIMIT, &bytes, &size));
    int status = read_lines(l, bytes, size);
    memory_free(l->lib, bytes);
    return status;
}

static int check_class(const json_place *config)
{
    json_place at = json_member(config, "tokenizer_class");
    const char *name;
    if (!json_present(&at))
        return 0;
    TRY(json_want_text(&at, &name));
    for (size_t i = 0; i < sizeof bert_like / sizeof bert_like[0]; i++) {
        size_t length = strlen(bert_like[i]);
        const char *rest = name + length;
        if (strncmp(name, bert_like[i], length) == 0 &&
            (strcmp(rest, "Tokenizer") == 0 || strcmp(rest, "TokenizerFast") == 0))
            return 0;
    }
    return json_fail_unsupported(&at, "with vocab.txt alone BertTokenizer and its like");
}

/* "[CLS]" or {"content": "[CLS]"} */
static int read_special(legacy *l, int i)
{
    json_place at = json_member(&l->config, specials[i].role), content = at;
    l->special[i] = specials[i].usual;
    if (json_is_object(at.value))
        content = json_member(&at, "content");
    if (at.value != NULL && !(json_is_null(at.value) && !specials[i].needed))
        TRY(json_want_text(&content, &l->special[i]));
    else if (at.value != NULL)
        l->special[i] = NULL;

    bool there = l->special[i] != NULL && json_object_get(l->vocab, l->special[i]) != NULL;
    if (specials[i].needed && !there)
        return fail(l->lib, IDIM_EFORMAT, "%s: %s: expected a line \"%s\", found none",
                    l->vocabulary_path, specials[i].role, l->special[i]);
    if (!there)
        l->special[i] = NULL;
    return 0;
}

static int append(legacy *l, json_t *list, json_t *item)
{
    return json_array_append_new(list, item) == 0 ? 0 : no_memory(l->lib);
}

/* {"30522": {"content": "[NEW]", ...}}: as added_tokens, the id inside */
static int add_decoder(legacy *l, json_t *list)
{
    json_place decoder = json_member(&l->config, "added_tokens_decoder");
    if (!json_present(&decoder))
        return 0;
    int64_t n;
    TRY(json_want_object(&decoder, &n));
    json_t *object = (json_t *)decoder.value; /* jansson iterates over what may be changed only */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        json_place item = json_member(&decoder, json_object_iter_key(i));
        TRY(json_want_object(&item, &n));
        int64_t id = 0;
        const char *digit = item.key;
        for (; *digit >= '0' && *digit <= '9' && id < INT32_MAX / 16; digit++)
            id = 10 * id + (*digit - '0');
        if (*digit != '\0' || digit == item.key)
            return json_fail(&item, IDIM_EFORMAT, "expected a token id as the key");
        json_t *token = json_copy((json_t *)item.value);
        if (token == NULL || json_object_set_new(token, "id", json_integer(id)) != 0) {
            json_decref(token);
            return no_memory(l->lib);
        }
        TRY(append(l, list, token));
    }
    return 0;
}

static int add_specials(legacy *l, json_t *list)
{
    for (int i = 0; i < N_SPECIALS; i++) {
        if (l->special[i] == NULL)
            continue;
        json_t *id = json_object_get(l->vocab, l->special[i]);
        TRY(append(l, list,
                   json_pack("{s:O, s:s, s:b, s:b}", "id", id, "content", l->special[i], "special",
                             1, "normalized", 0)));
    }
    return 0;
}

static int build(legacy *l)
{
    bool lower = true, chinese = true, strip = true;
    TRY(check_class(&l->config));
    TRY(json_take_flag(&l->config, "do_lower_case", &lower));
    TRY(json_take_flag(&l->config, "tokenize_chinese_chars", &chinese));
    strip = lower;
    TRY(json_take_flag(&l->config, "strip_accents", &strip));
    for (int i = 0; i < N_SPECIALS; i++)
        TRY(read_special(l, i));

    l->document =
        json_pack("{s:[], s:{s:s, s:b, s:b, s:b}, s:{s:s}, s:{s:s, s:[s,O], s:[s,O]},"
                  " s:{s:s, s:s, s:s, s:i, s:O}}",
                  "added_tokens", "normalizer", "type", "BertNormalizer", "handle_chinese_chars",
                  chinese, "strip_accents", strip, "lowercase", lower, "pre_tokenizer", "type",
                  "BertPreTokenizer", "post_processor", "type", "BertProcessing", "sep",
                  l->special[SEPARATOR], json_object_get(l->vocab, l->special[SEPARATOR]), "cls",
                  l->special[FIRST], json_object_get(l->vocab, l->special[FIRST]), "model", "type",
                  "WordPiece", "unk_token", l->special[UNKNOWN], "continuing_subword_prefix", "##",
                  "max_input_chars_per_word", WORD_LIMIT, "vocab", l->vocab);
    if (l->document == NULL)
        return no_memory(l->lib);
    json_t *list = json_object_get(l->document, "added_tokens");
    TRY(add_decoder(l, list));
    return add_specials(l, list);
}

int legacy_read(idim *lib, const char *folder, const char *vocabulary, json_t **out)
{
    *out = NULL;
    if (!file_exists(vocabulary))
        return fail(lib, IDIM_EUNSUPPORTED,
                    "%s: expected tokenizer.json or vocab.txt in it, found neither", folder);
    char *config_path;
    json_t *config = NULL;
    TRY(file_join(lib, folder, "tokenizer_config.json", &config_path));
    int status = 0;
    if (file_exists(config_path))
        status = json_read_file(lib, config_path, CONFIG_LIMIT, &config);

    legacy l = {.lib = lib, .vocabulary_path = vocabulary, .vocab = json_object()};
    l.config = json_root(lib, config_path, config);
    if (status == 0 && l.vocab == NULL)
        status = no_memory(lib);
    if (status == 0)
        status = read_vocabulary(&l);
    if (status == 0)
        status = build(&l);
    if (status != 0)
        json_decref(l.document);
    else
        *out = l.document;
    json_decref(l.vocab);
    json_decref(config);
    memory_free(lib, config_path);
    return status;
}
