/* What the reference's BertWordPieceTokenizer makes of a vocab.txt: BERT's parts throughout.
 *
 * SPDX-License-Identifier: MIT */
#include "text/legacy.h"

#include <string.h>

#include "base/file.h"
#include "text/unicode.h"

enum { WORD_LIMIT = 100 };

/* classes whose vocab.txt is BERT's; a "Fast" behind the name makes no difference */
static const char *const bert_like[] = {
    "Bert",     "DistilBert", "Electra",   "MobileBert",         "SqueezeBert",       "ConvBert",
    "LayoutLM", "Lxmert",     "RetriBert", "DPRQuestionEncoder", "DPRContextEncoder", "DPRReader",
};

static const legacy_special specials[] = {
    {"unk_token", "[UNK]", true, false},    {"sep_token", "[SEP]", true, false},
    {"cls_token", "[CLS]", true, false},    {"pad_token", "[PAD]", false, false},
    {"mask_token", "[MASK]", false, false},
};

enum { N_SPECIALS = sizeof specials / sizeof specials[0], UNKNOWN = 0, SEPARATOR = 1, FIRST = 2 };

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
                        "%s:%lld: expected a token in UTF-8, found other bytes", l->path,
                        (long long)id + 1);
        line[length] = '\0';
        if (json_object_set_new(l->vocab, line, json_integer(id)) != 0)
            return legacy_no_memory(l);
        line = stop + 1;
    }
    return 0;
}

static int read_vocabulary(legacy *l)
{
    char *bytes;
    int64_t size;
    TRY(file_read(l->lib, l->path, LEGACY_VOCABULARY_LIMIT, &bytes, &size));
    int status = read_lines(l, bytes, size);
    memory_free(l->lib, bytes);
    return status;
}

int legacy_read_bert(legacy *l)
{
    bool lower = true, chinese = true, strip = true;
    const char *special[N_SPECIALS];
    json_place class = json_member(&l->config, "tokenizer_class");
    int64_t n_like = sizeof bert_like / sizeof bert_like[0];
    TRY(read_vocabulary(l));
    if (json_present(&class) && !legacy_has_class(l, bert_like, n_like))
        return json_fail_unsupported(&class, "with vocab.txt alone BertTokenizer and its like");
    TRY(json_take_flag(&l->config, "do_lower_case", &lower));
    TRY(json_take_flag(&l->config, "tokenize_chinese_chars", &chinese));
    strip = lower;
    TRY(json_take_flag(&l->config, "strip_accents", &strip));
    for (int i = 0; i < N_SPECIALS; i++)
        TRY(legacy_find_special(l, &specials[i], &special[i]));

    l->document =
        json_pack("{s:[], s:{s:s, s:b, s:b, s:b}, s:{s:s}, s:{s:s, s:[s,O], s:[s,O]},"
                  " s:{s:s, s:s, s:s, s:i, s:O}}",
                  "added_tokens", "normalizer", "type", "BertNormalizer", "handle_chinese_chars",
                  chinese, "strip_accents", strip, "lowercase", lower, "pre_tokenizer", "type",
                  "BertPreTokenizer", "post_processor", "type", "BertProcessing", "sep",
                  special[SEPARATOR], json_object_get(l->vocab, special[SEPARATOR]), "cls",
                  special[FIRST], json_object_get(l->vocab, special[FIRST]), "model", "type",
                  "WordPiece", "unk_token", special[UNKNOWN], "continuing_subword_prefix", "##",
                  "max_input_chars_per_word", WORD_LIMIT, "vocab", l->vocab);
    return l->document != NULL ? legacy_add_tokens(l, specials, special, N_SPECIALS)
                               : legacy_no_memory(l);
}
