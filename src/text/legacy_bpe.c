/* What the reference makes of vocab.json and merges.txt: byte-level BPE, laid out as GPT-2, RoBERTa
 * or Qwen do it.
 *
 * SPDX-License-Identifier: MIT */
#include "text/legacy.h"

#include <string.h>

#include "base/file.h"

static const char qwen_words[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                                 "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                                 "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

enum { MAX_SPECIALS = 5, MAX_CLASSES = 8 };

/* How a family lays its texts out; of those without a tokenizer_class the first whose marks the
 * vocabulary has. In a family with cls and sep they are the first two special tokens. */
static const struct {
    const char *class[MAX_CLASSES];
    const char *mark[3];
    const char *words; /* expression; NULL: GPT-2's */
    bool nfc, has_template;
    legacy_special special[MAX_SPECIALS];
} families[] = {
    {.class = {"Roberta", "Bart", "Longformer", "LED", "MVP"},
     .mark = {"<s>", "</s>", "<mask>"},
     .has_template = true,
     .special = {{"cls_token", "<s>", true, false},
                 {"sep_token", "</s>", true, false},
                 {"unk_token", "<unk>", false, false},
                 {"pad_token", "<pad>", false, false},
                 {"mask_token", "<mask>", false, true}}},
    {.class = {"GPT2"},
     .mark = {"<|endoftext|>"},
     .special = {{"unk_token", "<|endoftext|>", false, false},
                 {"bos_token", "<|endoftext|>", false, false},
                 {"eos_token", "<|endoftext|>", false, false}}},
    {.class = {"Qwen2"}, .words = qwen_words, .nfc = true},
};

enum { N_FAMILIES = sizeof families / sizeof families[0], FIRST = 0, SEPARATOR = 1 };

static int count(const char *const *texts, int room)
{
    int n = 0;
    while (n < room && texts[n] != NULL)
        n++;
    return n;
}

static bool has_marks(const legacy *l, int family)
{
    int n = count(families[family].mark, 3), found = 0;
    for (int i = 0; i < n; i++)
        found += json_object_get(l->vocab, families[family].mark[i]) != NULL;
    return n > 0 && found == n;
}

static int choose_family(const legacy *l, int *family)
{
    json_place class = json_member(&l->config, "tokenizer_class");
    bool told = json_present(&class);
    for (*family = 0; *family < N_FAMILIES; ++*family) {
        const char *const *names = families[*family].class;
        bool is =
            told ? legacy_has_class(l, names, count(names, MAX_CLASSES)) : has_marks(l, *family);
        if (is)
            return 0;
    }
    if (told)
        return json_fail_unsupported(&class, "with vocab.json GPT2Tokenizer, RobertaTokenizer, "
                                             "BartTokenizer, Qwen2Tokenizer");
    return fail(l->lib, IDIM_EUNSUPPORTED,
                "%s: expected the tokens of RoBERTa or GPT-2, or a tokenizer_class in "
                "tokenizer_config.json, found neither",
                l->path);
}

/* "a b", one pair a line; the bytes end in a zero byte of ours, so a line can be ended in place */
static int read_lines(const legacy *l, const char *path, char *bytes, int64_t size, json_t *merges)
{
    int64_t number = 1;
    for (char *line = bytes, *end = bytes + size; line < end; number++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        char *next = stop + 1;
        if (stop > line && stop[-1] == '\r')
            stop--;
        *stop = '\0';
        bool is_pair = stop > line && strncmp(line, "#version", 8) != 0;
        if (is_pair &&
            json_array_append_new(merges, json_stringn(line, (size_t)(stop - line))) != 0)
            return fail(l->lib, IDIM_EFORMAT,
                        "%s:%lld: expected a pair in UTF-8, found other bytes", path,
                        (long long)number);
        line = next;
    }
    return 0;
}

static int read_merges(const legacy *l, json_t *merges)
{
    char *path, *bytes;
    int64_t size;
    TRY(file_join(l->lib, l->folder, "merges.txt", &path));
    int status = file_read(l->lib, path, LEGACY_VOCABULARY_LIMIT, &bytes, &size);
    if (status == 0) {
        status = read_lines(l, path, bytes, size, merges);
        memory_free(l->lib, bytes);
    }
    memory_free(l->lib, path);
    return status;
}

static int set(const legacy *l, const char *key, json_t *value)
{
    return json_object_set_new(l->document, key, value) == 0 ? 0 : legacy_no_memory(l);
}

static int build(legacy *l, int family, json_t *merges)
{
    const legacy_special *specials = families[family].special;
    const char *special[MAX_SPECIALS] = {NULL}, *words = families[family].words;
    bool prefix = false, trim = families[family].has_template;
    int n = 0;
    TRY(json_take_flag(&l->config, "add_prefix_space", &prefix));
    TRY(json_take_flag(&l->config, "trim_offsets", &trim));
    for (; n < MAX_SPECIALS && specials[n].role != NULL; n++)
        TRY(legacy_find_special(l, &specials[n], &special[n]));

    l->document = json_pack("{s:[], s:{s:s, s:O, s:O}}", "added_tokens", "model", "type", "BPE",
                            "vocab", l->vocab, "merges", merges);
    if (l->document == NULL)
        return legacy_no_memory(l);
    json_t *bytes = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space",
                              prefix, "trim_offsets", trim, "use_regex", words == NULL);
    if (words != NULL)
        bytes = json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, o]}", "type", "Sequence",
                          "pretokenizers", "type", "Split", "pattern", "Regex", words, "behavior",
                          "Isolated", "invert", 0, bytes);
    TRY(set(l, "pre_tokenizer", bytes));
    if (families[family].nfc)
        TRY(set(l, "normalizer", json_pack("{s:s}", "type", "NFC")));
    if (families[family].has_template)
        TRY(set(l, "post_processor",
                json_pack("{s:s, s:[s,O], s:[s,O], s:b, s:b}", "type", "RobertaProcessing", "cls",
                          special[FIRST], json_object_get(l->vocab, special[FIRST]), "sep",
                          special[SEPARATOR], json_object_get(l->vocab, special[SEPARATOR]),
                          "trim_offsets", trim, "add_prefix_space", prefix)));
    return legacy_add_tokens(l, specials, special, n);
}

int legacy_read_bpe(legacy *l)
{
    int family;
    json_decref(l->vocab);
    TRY(json_read_file(l->lib, l->path, LEGACY_VOCABULARY_LIMIT, &l->vocab));
    TRY(choose_family(l, &family));
    json_t *merges = json_array();
    int status = merges != NULL ? read_merges(l, merges) : legacy_no_memory(l);
    if (status == 0)
        status = build(l, family, merges);
    json_decref(merges);
    return status;
}
