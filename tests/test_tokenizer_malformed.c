/* Tokenizer files that are not what they claim to be: each with its status and a piece of its
 * sentence. Whatever is not said here to be refused must open.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>

#include "text/tokenizer.h"

#define VOCAB "\"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3}"
#define REST                                                                                       \
    "\"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "                            \
    "\"max_input_chars_per_word\": 100"
#define MODEL     "\"model\": {\"type\": \"WordPiece\", " REST ", " VOCAB "}"
#define WITH(x)   "{" MODEL ", " x "}"
#define POST(x)   WITH("\"post_processor\": {\"type\": " x "}")
#define ADDED(x)  WITH("\"added_tokens\": [" x "]")
#define VOCAB_TXT "[UNK]\n[CLS]\n[SEP]\na\n"
#define TEMPLATE(single, pair)                                                                     \
    POST("\"TemplateProcessing\", \"single\": " single ", \"pair\": " pair                         \
         ", \"special_tokens\": {\"[CLS]\": {\"id\": \"[CLS]\", \"ids\": [1]}}")

typedef struct folder_case {
    const char *json;   /* tokenizer.json, NULL: absent        */
    const char *vocab;  /* vocab.txt, NULL: absent             */
    const char *config; /* tokenizer_config.json, NULL: absent */
    int status;
    const char *fragment;
} folder_case;

static const folder_case cases[] = {
    /* what opens */
    {WITH("\"version\": \"1.0\", \"unknown\": 1"), NULL, NULL, 0, ""},
    {"{\"model\": {" REST ", " VOCAB "}}", NULL, NULL, 0, ""},
    {WITH("\"truncation\": {\"max_length\": \"x\"}, \"padding\": 7, \"decoder\": []"), NULL, NULL,
     0, ""},
    {ADDED("{\"id\": 9, \"content\": \"\"}, {\"id\": 77, \"content\": \"[CLS]\"}"), NULL, NULL, 0,
     ""},
    {NULL, VOCAB_TXT, NULL, 0, ""},
    {NULL, "[UNK]\r\n[CLS]\r\n[SEP]\r\n\r\na \t\n\xef\xbf\xbd\na", NULL, 0, ""},
    {NULL, VOCAB_TXT, "{\"tokenizer_class\": \"DistilBertTokenizerFast\", \"mask_token\": null}", 0,
     ""},

    /* not JSON, or not an object */
    {"", NULL, NULL, IDIM_EFORMAT, "tokenizer.json:1:0: "},
    {"{\"model\": {", NULL, NULL, IDIM_EFORMAT, "tokenizer.json:1:"},
    {"[]", NULL, NULL, IDIM_EFORMAT, "expected an object, found a list"},
    {"{\"model\": {" REST ", \"vocab\": {\"a\": 0, \"a\": 1}}}", NULL, NULL, IDIM_EFORMAT,
     "duplicate object key"},
    {WITH("\"x\": \"\xff\""), NULL, NULL, IDIM_EFORMAT, "unable to decode byte 0xff"},
    {WITH("\"version\": \"2.0\""), NULL, NULL, IDIM_EUNSUPPORTED, "version '2.0'"},
    {WITH("\"version\": 1"), NULL, NULL, IDIM_EUNSUPPORTED, "version 1"},

    /* the model */
    {"{}", NULL, NULL, IDIM_EFORMAT, "model: expected an object, found nothing"},
    {"{\"model\": null}", NULL, NULL, IDIM_EFORMAT, "model: expected an object, found null"},
    {"{\"model\": {}}", NULL, NULL, IDIM_EFORMAT, "model.type: expected a string, found nothing"},
    {"{\"model\": {\"type\": 3}}", NULL, NULL, IDIM_EFORMAT, "model.type: expected a string"},
    {"{\"model\": {\"type\": \"Foo\"}}", NULL, NULL, IDIM_EUNSUPPORTED,
     "model.type 'Foo' is not supported by this version (WordPiece, BPE"},
    {"{\"model\": {\"type\": \"WordPiece\"}}", NULL, NULL, IDIM_EFORMAT,
     "model.unk_token: expected a string, found nothing"},
    {"{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\"}}", NULL, NULL, IDIM_EFORMAT,
     "model.continuing_subword_prefix: expected a string"},
    {"{\"model\": {" REST "}}", NULL, NULL, IDIM_EFORMAT, "model.vocab: expected an object"},
    {"{\"model\": {" REST ", \"vocab\": []}}", NULL, NULL, IDIM_EFORMAT,
     "model.vocab: expected an object, found a list"},
    {"{\"model\": {" REST ", \"vocab\": {}}}", NULL, NULL, IDIM_EFORMAT,
     "model.unk_token: expected a token of the vocabulary, found \"[UNK]\""},
    {"{\"model\": {" REST ", \"vocab\": {\"[UNK]\": -1}}}", NULL, NULL, IDIM_EFORMAT,
     "model.vocab.[UNK]: expected an integer between 0 and 2147483646, found -1"},
    {"{\"model\": {" REST ", \"vocab\": {\"[UNK]\": 2147483647}}}", NULL, NULL, IDIM_EFORMAT,
     "found 2147483647"},
    {"{\"model\": {" REST ", \"vocab\": {\"[UNK]\": 0.5}}}", NULL, NULL, IDIM_EFORMAT, "found 0.5"},
    {"{\"model\": {\"unk_token\": \"a\", \"continuing_subword_prefix\": \"##\", "
     "\"max_input_chars_per_word\": -1, " VOCAB "}}",
     NULL, NULL, IDIM_EFORMAT, "model.max_input_chars_per_word: expected an integer between 0"},

    /* normalisers and pre-tokenisers */
    {WITH("\"normalizer\": \"BertNormalizer\""), NULL, NULL, IDIM_EFORMAT,
     "normalizer: expected an object, found \"BertNormalizer\""},
    {WITH("\"normalizer\": {}"), NULL, NULL, IDIM_EFORMAT, "normalizer.type: expected a string"},
    {WITH("\"normalizer\": {\"type\": \"Foo\\nbar\"}"), NULL, NULL, IDIM_EUNSUPPORTED,
     "normalizer.type 'Foo\\nbar' is not supported by this version (BertNormalizer,"},
    {WITH("\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": 1}"), NULL, NULL,
     IDIM_EFORMAT, "normalizer.lowercase: expected true or false, found 1"},
    {WITH("\"normalizer\": {\"type\": \"BertNormalizer\", \"strip_accents\": \"\"}"), NULL, NULL,
     IDIM_EFORMAT, "normalizer.strip_accents: expected true or false"},
    {WITH("\"normalizer\": {\"type\": \"Sequence\"}"), NULL, NULL, IDIM_EFORMAT,
     "normalizer.normalizers: expected a list, found nothing"},
    {WITH("\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
          "[{\"type\": \"BertPreTokenizer\"}, {\"type\": \"Foo\"}]}"),
     NULL, NULL, IDIM_EUNSUPPORTED, "pre_tokenizer.pretokenizers[1].type 'Foo' is not supported"},
    {WITH("\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [3]}"), NULL, NULL,
     IDIM_EFORMAT, "pre_tokenizer.pretokenizers[0]: expected an object, found 3"},
    {WITH("\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
          "[{\"type\": \"Sequence\", \"pretokenizers\": []}]}"),
     NULL, NULL, IDIM_EUNSUPPORTED, "pre_tokenizer.pretokenizers[0].type 'Sequence'"},

    /* templates */
    {POST("\"Foo\""), NULL, NULL, IDIM_EUNSUPPORTED, "post_processor.type 'Foo'"},
    {POST("\"TemplateProcessing\""), NULL, NULL, IDIM_EFORMAT,
     "post_processor.special_tokens: expected an object"},
    {TEMPLATE("3", "[]"), NULL, NULL, IDIM_EFORMAT, "post_processor.single: expected a list"},
    {TEMPLATE("[{}]", "[]"), NULL, NULL, IDIM_EFORMAT,
     "post_processor.single[0]: expected {\"Sequence\""},
    {TEMPLATE("[{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}]", "[]"), NULL, NULL, IDIM_EFORMAT,
     "post_processor.single[0].Sequence.id: expected \"A\", found \"B\""},
    {TEMPLATE("[]", "[{\"Sequence\": {\"id\": \"C\", \"type_id\": 0}}]"), NULL, NULL, IDIM_EFORMAT,
     "post_processor.pair[0].Sequence.id: expected \"A\" or \"B\", found \"C\""},
    {TEMPLATE("[{\"Sequence\": {\"id\": \"A\", \"type_id\": -1}}]", "[]"), NULL, NULL, IDIM_EFORMAT,
     "post_processor.single[0].Sequence.type_id: expected an integer between 0"},
    {TEMPLATE("[{\"SpecialToken\": {\"id\": \"[X]\", \"type_id\": 0}}]", "[]"), NULL, NULL,
     IDIM_EFORMAT, "SpecialToken.id: expected a key of special_tokens, found \"[X]\""},
    {POST("\"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": "
          "0}}], \"pair\": [], \"special_tokens\": {\"x\": {\"ids\": [\"1\"]}}"),
     NULL, NULL, IDIM_EFORMAT, "post_processor.special_tokens.x.ids[0]: expected an integer"},
    {POST("\"BertProcessing\", \"cls\": [\"[CLS]\", 1]"), NULL, NULL, IDIM_EFORMAT,
     "post_processor.sep: expected a list, found nothing"},
    {POST("\"BertProcessing\", \"cls\": [\"[CLS]\"], \"sep\": [\"[SEP]\", 2]"), NULL, NULL,
     IDIM_EFORMAT, "post_processor.cls[1]: expected an integer between 0"},

    /* added tokens */
    {WITH("\"added_tokens\": {}"), NULL, NULL, IDIM_EFORMAT,
     "added_tokens: expected a list, found an object"},
    {ADDED("7"), NULL, NULL, IDIM_EFORMAT, "added_tokens[0].id: expected an integer"},
    {ADDED("{\"id\": 0}"), NULL, NULL, IDIM_EFORMAT, "added_tokens[0].content: expected a string"},
    {ADDED("{\"id\": -5, \"content\": \"x\"}"), NULL, NULL, IDIM_EFORMAT, "found -5"},
    {ADDED("{\"id\": 0, \"content\": \"x\", \"lstrip\": \"no\"}"), NULL, NULL, IDIM_EFORMAT,
     "added_tokens[0].lstrip: expected true or false, found \"no\""},
    {WITH("\"normalizer\": {\"type\": \"BertNormalizer\"}, \"added_tokens\": [{\"id\": 9, "
          "\"content\": \"\xcc\x81\"}]"),
     NULL, NULL, IDIM_EUNSUPPORTED, "nothing is left of it after normalisation"},

    /* vocab.txt and tokenizer_config.json */
    {NULL, NULL, NULL, IDIM_EUNSUPPORTED, "expected tokenizer.json, vocab.txt, vocab.json,"},
    {NULL, NULL, "{}", IDIM_EUNSUPPORTED, "expected tokenizer.json, vocab.txt, vocab.json,"},
    {NULL, "", NULL, IDIM_EFORMAT, "vocab.txt: unk_token: expected a line \"[UNK]\", found none"},
    {NULL, "[UNK]\n[CLS]\n", NULL, IDIM_EFORMAT, "sep_token: expected a line \"[SEP]\""},
    {NULL, "[UNK]\n[SEP]\n", NULL, IDIM_EFORMAT, "cls_token: expected a line \"[CLS]\""},
    {NULL, VOCAB_TXT "\xff\n", NULL, IDIM_EFORMAT, "vocab.txt:5: expected a token in UTF-8"},
    {NULL, VOCAB_TXT "b\xc3", NULL, IDIM_EFORMAT, "vocab.txt:5: expected a token in UTF-8"},
    {NULL, VOCAB_TXT, "{", IDIM_EFORMAT, "tokenizer_config.json:1:1: "},
    {NULL, VOCAB_TXT, "{\"do_lower_case\": \"yes\"}", IDIM_EFORMAT,
     "tokenizer_config.json: do_lower_case: expected true or false, found \"yes\""},
    {NULL, VOCAB_TXT, "{\"strip_accents\": 0}", IDIM_EFORMAT, "strip_accents: expected true or"},
    {NULL, VOCAB_TXT, "{\"tokenize_chinese_chars\": []}", IDIM_EFORMAT,
     "tokenize_chinese_chars: expected true or false, found a list"},
    {NULL, VOCAB_TXT, "{\"unk_token\": \"<unk>\"}", IDIM_EFORMAT,
     "unk_token: expected a line \"<unk>\", found none"},
    {NULL, VOCAB_TXT, "{\"cls_token\": null}", IDIM_EFORMAT, "cls_token: expected a string"},
    {NULL, VOCAB_TXT, "{\"pad_token\": {\"content\": 3}}", IDIM_EFORMAT,
     "pad_token.content: expected a string, found 3"},
    {NULL, VOCAB_TXT, "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}", IDIM_EUNSUPPORTED,
     "tokenizer_class 'BertJapaneseTokenizer' is not supported"},
    {NULL, VOCAB_TXT, "{\"tokenizer_class\": 1}", IDIM_EFORMAT, "tokenizer_class: expected a"},
    {NULL, VOCAB_TXT, "{\"added_tokens_decoder\": []}", IDIM_EFORMAT,
     "added_tokens_decoder: expected an object"},
    {NULL, VOCAB_TXT, "{\"added_tokens_decoder\": {\"x\": {}}}", IDIM_EFORMAT,
     "added_tokens_decoder.x: expected a token id as the key"},
    {NULL, VOCAB_TXT, "{\"added_tokens_decoder\": {\"99999999999\": {}}}", IDIM_EFORMAT,
     "expected a token id as the key"},
    {NULL, VOCAB_TXT, "{\"added_tokens_decoder\": {\"4\": {\"content\": 1}}}", IDIM_EFORMAT,
     "content: expected a string, found 1"},
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    if (text == NULL)
        return;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void write_folder(const char *folder, const folder_case *c)
{
    write_file(folder, "tokenizer.json", c->json);
    write_file(folder, "vocab.txt", c->vocab);
    write_file(folder, "tokenizer_config.json", c->config);
}

static void malformed_files_are_refused_with_their_place(void **state)
{
    (void)state;
    char folder[] = "/tmp/idim-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    idim *lib = check_library(1);
    int64_t refused = 0, wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const folder_case *c = &cases[i];
        write_folder(folder, c);
        library_clear(lib);
        idim_tokenizer *t;
        int status = tokenizer_open(lib, folder, &t);
        refused += c->status != 0;
        if (status != c->status || strstr(idim_error(lib), c->fragment) == NULL ||
            (t == NULL) != (status != 0)) {
            print_error("case %zu (%s): expected %d and \"%s\", found %d: %s\n", i,
                        c->json != NULL ? c->json : (c->config != NULL ? c->config : "vocab.txt"),
                        c->status, c->fragment, status, idim_error(lib));
            wrong++;
        }
        tokenizer_close(t);
    }
    write_folder(folder, &(folder_case){NULL, NULL, NULL, 0, NULL});
    rmdir(folder);
    idim_close(lib);
    print_message("%lld malformed inputs, %lld wrong\n", (long long)refused, (long long)wrong);
    assert_int_equal(wrong, 0);
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *t;
    assert_int_equal(tokenizer_open(lib, "/nowhere/at/all", &t), IDIM_EUNSUPPORTED);
    assert_null(t);
    assert_non_null(strstr(idim_error(lib), "/nowhere/at/all: expected tokenizer.json"));
    assert_true(idim_tokenizer_open(lib, "/nowhere/at/all", &t) != 0);
    assert_null(t);
    idim_close(lib);
}

/* cut off anywhere, a file is refused: no crash, no half tokenizer */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char whole[] =
        TEMPLATE("[{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}]", "[]");
    char folder[] = "/tmp/idim-test-XXXXXX", text[sizeof whole];
    assert_non_null(mkdtemp(folder));
    idim *lib = check_library(1);
    for (size_t n = 0; n < sizeof whole; n++) {
        memcpy(text, whole, n);
        text[n] = '\0';
        write_file(folder, "tokenizer.json", text);
        library_clear(lib);
        idim_tokenizer *t;
        int status = tokenizer_open(lib, folder, &t);
        assert_int_equal(status, n + 1 < sizeof whole ? IDIM_EFORMAT : 0);
        tokenizer_close(t);
    }
    write_file(folder, "tokenizer.json", NULL);
    rmdir(folder);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_files_are_refused_with_their_place),
        cmocka_unit_test(a_folder_that_is_not_there_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
