/* Parts of tokenizers that are not what they claim to be: byte-pair encoding, cutting, templates,
 * and the old files of these. Each with its status and a piece of its sentence.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>

#include "format/json.h"
#include "text/tokenizer.h"

#define WITH(x)    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, " x "}"
#define POST(x)    WITH("\"post_processor\": {\"type\": " x "}")
#define BERT_POST  "{\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 1], \"sep\": [\"[SEP]\", 2]}"
#define BPE(x)     "{\"model\": {\"type\": \"BPE\", " x "}}"
#define PAIRS(x)   BPE("\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [" x "]")
#define CUT(x)     WITH("\"pre_tokenizer\": {\"type\": " x "}")
#define SPLIT(x)   CUT("\"Split\", \"behavior\": \"Isolated\", \"invert\": false, \"pattern\": " x)
#define UNIGRAM(x) "{\"model\": {\"type\": \"Unigram\", " x "}}"
#define NORM(x)    WITH("\"normalizer\": {\"type\": " x "}")
#define MAP(x)     NORM("\"Precompiled\", \"precompiled_charsmap\": \"" x "\"")
#define REGEX(x)   SPLIT("{\"Regex\": \"" x "\"}")
#define GPT2       "{\"a\": 0, \"b\": 1, \"ab\": 2, \"<|endoftext|>\": 3}"

typedef struct document_case {
    const char *json;
    int status;
    const char *fragment;
} document_case;

static const document_case documents[] = {
    /* byte-pair encoding */
    {PAIRS("\"a b\", [\"a\", \"b\"]"), 0, ""},
    {PAIRS("\"#version: 0.2\""), 0, ""},
    {BPE("\"vocab\": [], \"merges\": []"), IDIM_EFORMAT,
     "model.vocab: expected an object, found a list"},
    {BPE("\"vocab\": {\"a\": \"0\"}, \"merges\": []"), IDIM_EFORMAT,
     "model.vocab.a: expected an integer between 0"},
    {BPE("\"vocab\": {}, \"merges\": {}"), IDIM_EFORMAT, "model.merges: expected a list"},
    {BPE("\"vocab\": {}"), IDIM_EFORMAT, "model.merges: expected a list, found nothing"},
    {BPE("\"vocab\": {}, \"merges\": [], \"dropout\": 0.5"), IDIM_EUNSUPPORTED,
     "model.dropout 0.5 is not supported"},
    {BPE("\"vocab\": {}, \"merges\": [], \"unk_token\": \"?\""), IDIM_EFORMAT,
     "model.unk_token: expected a token of the vocabulary, found \"?\""},
    {BPE("\"vocab\": {}, \"merges\": [], \"unk_token\": 0"), IDIM_EFORMAT,
     "model.unk_token: expected a string"},
    {BPE("\"vocab\": {}, \"merges\": [], \"fuse_unk\": 0"), IDIM_EFORMAT,
     "model.fuse_unk: expected true or false"},
    {BPE("\"vocab\": {}, \"merges\": [], \"end_of_word_suffix\": 0"), IDIM_EFORMAT,
     "model.end_of_word_suffix: expected a string"},
    {PAIRS("7"), IDIM_EFORMAT, "model.merges[0]: expected a list, found 7"},
    {PAIRS("\"a b\", \"ab\""), IDIM_EFORMAT,
     "model.merges[1]: expected two tokens with a blank between them, found \"ab\""},
    {PAIRS("\"a b a\""), IDIM_EFORMAT, "model.merges[0]: expected two tokens with a"},
    {PAIRS("[\"a\"]"), IDIM_EFORMAT, "model.merges[0]: expected two tokens, found 1"},
    {PAIRS("[\"a\", 1]"), IDIM_EFORMAT, "model.merges[0][1]: expected a string"},
    {PAIRS("\"a c\""), IDIM_EFORMAT,
     "model.merges[0]: expected two tokens of the vocabulary, found \"a c\""},
    {PAIRS("\"b a\""), IDIM_EFORMAT,
     "model.merges[0]: expected a pair whose text is a token, found \"ba\""},

    /* cutting */
    {CUT("\"ByteLevel\", \"trim_offsets\": true"), IDIM_EFORMAT,
     "pre_tokenizer.add_prefix_space: expected true or false"},
    {CUT("\"Split\""), IDIM_EFORMAT, "pre_tokenizer.behavior: expected a string"},
    {SPLIT("{}"), IDIM_EFORMAT, "pre_tokenizer.pattern.String: expected a string"},
    {CUT("\"Split\", \"behavior\": \"Foo\", \"invert\": false, \"pattern\": {\"String\": \"\"}"),
     IDIM_EFORMAT, "pre_tokenizer.behavior: expected Removed, Isolated,"},
    {CUT("\"Punctuation\", \"behavior\": 1"), IDIM_EFORMAT,
     "pre_tokenizer.behavior: expected a string"},
    {CUT("\"Digits\""), IDIM_EFORMAT, "individual_digits: expected true or false"},
    {CUT("\"CharDelimiterSplit\", \"delimiter\": \"ab\""), IDIM_EFORMAT,
     "pre_tokenizer.delimiter: expected a single character, found \"ab\""},
    {CUT("\"CharDelimiterSplit\", \"delimiter\": \"\""), IDIM_EFORMAT,
     "pre_tokenizer.delimiter: expected a single character"},
    {REGEX("("), IDIM_EUNSUPPORTED, "pattern.Regex: character 1: expected )"},
    {REGEX("a)"), IDIM_EUNSUPPORTED, "character 2: unexpected )"},
    {REGEX("*"), IDIM_EUNSUPPORTED, "nothing to repeat"},
    {REGEX("a|+"), IDIM_EUNSUPPORTED, "nothing to repeat"},
    {REGEX("[a"), IDIM_EUNSUPPORTED, "expected ] at the end of a set"},
    {REGEX("[b-a]"), IDIM_EUNSUPPORTED, "expected a range"},
    {REGEX("[a[b]]"), IDIM_EUNSUPPORTED, "sets inside sets"},
    {REGEX("[a&&b]"), IDIM_EUNSUPPORTED, "sets inside sets"},
    {REGEX("[\\\\d-z]"), 0, ""},
    {REGEX("[a-\\\\d]"), IDIM_EUNSUPPORTED, "expected a range"},
    {REGEX("\\\\"), IDIM_EUNSUPPORTED, "nothing behind a backslash"},
    {REGEX("\\\\1"), IDIM_EUNSUPPORTED, "this letter behind a backslash"},
    {REGEX("\\\\w"), IDIM_EUNSUPPORTED, "this letter behind a backslash"},
    {REGEX("\\\\x4"), IDIM_EUNSUPPORTED, "expected a hexadecimal digit"},
    {REGEX("\\\\p{Han}"), IDIM_EUNSUPPORTED, "expected a general category"},
    {REGEX("\\\\p{L"), IDIM_EUNSUPPORTED, "expected a general category"},
    {REGEX("\\\\pL"), IDIM_EUNSUPPORTED, "expected a general category"},
    {REGEX("(?i:\\\\p{Lu})"), IDIM_EUNSUPPORTED, "letters of one case"},
    {REGEX("(?i:\xc3\xa9)"), IDIM_EUNSUPPORTED, "letters beyond ASCII"},
    {REGEX("(?<=a)b"), IDIM_EUNSUPPORTED, "this kind of group"},
    {REGEX("a{2"), IDIM_EUNSUPPORTED, "expected a repetition like"},
    {REGEX("a{,}"), IDIM_EUNSUPPORTED, "expected a repetition like"},
    {REGEX("a{3,2}"), IDIM_EUNSUPPORTED, "expected a repetition like"},
    {REGEX("a{99999}"), IDIM_EUNSUPPORTED, "expected a repetition like"},
    {REGEX("a{2}+"), IDIM_EUNSUPPORTED, "a sign behind braces"},
    {REGEX("a+*"), IDIM_EUNSUPPORTED, "a repetition of a repetition"},
    {REGEX("(ab)++"), IDIM_EUNSUPPORTED, "+ behind a repeated group"},
    {REGEX("(a?)*"), IDIM_EUNSUPPORTED, "what may be empty cannot be repeated"},
    {REGEX("(((ab){99}){99}){99}"), IDIM_EUNSUPPORTED, "the pattern is too large"},
    {REGEX("(((((((((((((((((a)))))))))))))))))"), IDIM_EUNSUPPORTED,
     "too many groups inside one another"},
    {REGEX("(?=(?=(?=a)))"), IDIM_EUNSUPPORTED, "too many look-aheads"},

    /* Unigram */
    {UNIGRAM("\"vocab\": [[\"<unk>\", 0], [\"a\", -1.5]], \"unk_id\": 0"), 0, ""},
    {"{\"model\": {\"vocab\": [[\"<unk>\", 0]], \"unk_id\": 0}}", 0, ""},
    {UNIGRAM("\"vocab\": {}"), IDIM_EFORMAT, "model.vocab: expected a list, found an object"},
    {UNIGRAM("\"vocab\": [7], \"unk_id\": 0"), IDIM_EFORMAT,
     "model.vocab[0][0]: expected a string"},
    {UNIGRAM("\"vocab\": [[\"a\"]], \"unk_id\": 0"), IDIM_EFORMAT,
     "model.vocab[0][1]: expected a number"},
    {UNIGRAM("\"vocab\": [[\"a\", \"b\"]], \"unk_id\": 0"), IDIM_EFORMAT,
     "model.vocab[0][1]: expected a number"},
    {UNIGRAM("\"vocab\": [[\"a\", 0]], \"unk_id\": 1"), IDIM_EFORMAT,
     "model.unk_id: expected an integer between 0 and 0, found 1"},
    {UNIGRAM("\"vocab\": [[\"a\", 0]]"), IDIM_EFORMAT, "model.unk_id: expected an integer"},
    {UNIGRAM("\"vocab\": [], \"unk_id\": 0"), IDIM_EFORMAT, "model.unk_id: expected an integer"},
    {UNIGRAM("\"vocab\": [[\"a\", 0]], \"unk_id\": 0, \"byte_fallback\": 1"), IDIM_EFORMAT,
     "model.byte_fallback: expected true or false"},

    /* normalisers, Metaspace */
    {NORM("\"Strip\""), IDIM_EFORMAT, "normalizer.strip_left: expected true or false"},
    {NORM("\"Strip\", \"strip_left\": true"), IDIM_EFORMAT, "strip_right: expected true or false"},
    {NORM("\"Prepend\""), IDIM_EFORMAT, "normalizer.prepend: expected a string"},
    {NORM("\"Replace\", \"pattern\": {\"String\": \"a\"}"), IDIM_EFORMAT,
     "normalizer.content: expected a string"},
    {NORM("\"Replace\", \"content\": \"\""), IDIM_EFORMAT,
     "normalizer.pattern: expected an object"},
    {NORM("\"Replace\", \"content\": \"\", \"pattern\": {\"Regex\": \"(\"}"), IDIM_EUNSUPPORTED,
     "normalizer.pattern.Regex: character 1: expected )"},
    {NORM("\"Precompiled\""), IDIM_EFORMAT, "precompiled_charsmap: expected a string"},
    {MAP("AAA"), IDIM_EFORMAT, "precompiled_charsmap: expected base64, found other letters"},
    {MAP("AAA!"), IDIM_EFORMAT, "expected base64"},
    {MAP("A==="), IDIM_EFORMAT, "expected base64"},
    {MAP("AA=A"), IDIM_EFORMAT, "expected base64"},
    {MAP("AB=="), IDIM_EFORMAT, "expected base64"},
    {MAP(""), IDIM_EFORMAT, "precompiled_charsmap: expected a character map, found 0 other bytes"},
    {MAP("AAAAAAAAAAA="), IDIM_EFORMAT, "expected a character map, found 8 other bytes"},
    {MAP("/////wAAAAA="), IDIM_EFORMAT, "expected a character map, found 8 other bytes"},
    {MAP("BQAAAAAAAAAA"), IDIM_EFORMAT, "expected a character map, found 9 other bytes"},
    {MAP("BAAAAP////8="), 0, ""},
    {CUT("\"Metaspace\""), IDIM_EFORMAT, "pre_tokenizer.replacement: expected a string"},
    {CUT("\"Metaspace\", \"replacement\": \"ab\""), IDIM_EFORMAT, "expected a single character"},
    {CUT("\"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"x\""), IDIM_EFORMAT,
     "pre_tokenizer.prepend_scheme: expected first, never or always, found \"x\""},
    {CUT("\"Metaspace\", \"replacement\": \"_\", \"add_prefix_space\": false"), IDIM_EFORMAT,
     "pre_tokenizer: expected prepend_scheme never with add_prefix_space false"},
    {CUT("\"Metaspace\", \"replacement\": \"_\", \"split\": 1"), IDIM_EFORMAT,
     "pre_tokenizer.split: expected true or false"},

    /* post-processors */
    {POST("\"ByteLevel\""), IDIM_EFORMAT,
     "post_processor.trim_offsets: expected true or false, found nothing"},
    {POST("\"Sequence\""), IDIM_EFORMAT, "post_processor.processors: expected a list"},
    {POST("\"Sequence\", \"processors\": [" BERT_POST ", " BERT_POST "]"), IDIM_EUNSUPPORTED,
     "post_processor: expected one template and one part that trims"},
    {POST("\"RobertaProcessing\", \"trim_offsets\": true, \"add_prefix_space\": false, \"cls\": "
          "[\"[CLS]\", 1]"),
     IDIM_EFORMAT, "post_processor.sep: expected a list"},
};

typedef struct folder_case {
    const char *vocab;  /* vocab.json                          */
    const char *config; /* tokenizer_config.json, NULL: absent */
    int status;
    const char *fragment;
    const char *merges; /* merges.txt                          */
} folder_case;

static const folder_case folders[] = {
    /* vocab.json and merges.txt */
    {GPT2, NULL, 0, "", "#version: 0.2\r\na b\r\n\n"},
    {GPT2, "{\"tokenizer_class\": \"Qwen2Tokenizer\"}", 0, "", ""},
    {GPT2, NULL, IDIM_EFORMAT, "model.merges[0]: expected two tokens with a blank", "ab"},
    {GPT2, NULL, IDIM_EFORMAT, "merges.txt:2: expected a pair in UTF-8", "a b\n\xff b\n"},
    {"{\"a\": 0}", NULL, IDIM_EUNSUPPORTED,
     "vocab.json: expected the tokens of RoBERTa or GPT-2, or a tokenizer_class", ""},
    {"{\"a\": 0", NULL, IDIM_EFORMAT, "vocab.json:1:", ""},
    {GPT2, "{\"tokenizer_class\": \"FooTokenizer\"}", IDIM_EUNSUPPORTED,
     "tokenizer_class 'FooTokenizer' is not supported", ""},
    {GPT2, "{\"tokenizer_class\": \"RobertaTokenizer\"}", IDIM_EFORMAT,
     "cls_token: expected a token \"<s>\", found none", ""},
    {GPT2, "{\"add_prefix_space\": 1}", IDIM_EFORMAT, "add_prefix_space: expected true", ""},
    {GPT2, "{\"unk_token\": {\"content\": \"a\", \"lstrip\": 1}}", IDIM_EFORMAT,
     "unk_token.lstrip: expected true or false", ""},
};

static int64_t is_wrong(idim *lib, const char *what, int status, int expected, const char *fragment)
{
    if (status == expected && strstr(idim_error(lib), fragment) != NULL)
        return 0;
    print_error("%s: expected %d and \"%s\", found %d: %s\n", what, expected, fragment, status,
                idim_error(lib));
    return 1;
}

static void malformed_documents_are_refused_with_their_place(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    int64_t wrong = 0;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        const document_case *c = &documents[i];
        json_t *document;
        idim_tokenizer *t;
        library_clear(lib);
        CHECK_OK(lib, json_read_text(lib, "t.json", c->json, (int64_t)strlen(c->json), &document));
        int status = tokenizer_open_document(lib, "t.json", document, &t);
        wrong += is_wrong(lib, c->json, status, c->status, c->fragment);
        assert_true((t == NULL) == (status != 0));
        tokenizer_close(t);
        json_decref(document);
    }
    idim_close(lib);
    assert_int_equal(wrong, 0);
}

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

static void malformed_folders_are_refused_with_their_place(void **state)
{
    (void)state;
    char folder[] = "/tmp/idim-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    idim *lib = check_library(1);
    int64_t wrong = 0;
    for (size_t i = 0; i <= sizeof folders / sizeof folders[0]; i++) {
        bool last = i == sizeof folders / sizeof folders[0];
        const folder_case *c = last ? &(folder_case){.status = 0} : &folders[i];
        write_file(folder, "vocab.json", c->vocab);
        write_file(folder, "merges.txt", c->merges);
        write_file(folder, "tokenizer_config.json", c->config);
        if (last)
            break;
        library_clear(lib);
        idim_tokenizer *t;
        int status = tokenizer_open(lib, folder, &t);
        wrong += is_wrong(lib, c->vocab, status, c->status, c->fragment);
        assert_true((t == NULL) == (status != 0));
        tokenizer_close(t);
    }
    rmdir(folder);
    idim_close(lib);
    assert_int_equal(wrong, 0);
}

/* a text is not searched for ever, and the pattern is told as the reason */
static void a_pattern_that_takes_too_long_is_told(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    json_t *document;
    idim_tokenizer *t;
    encoding e = {0};
    const char *json = REGEX("((a|a)+)+b"),
               text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    CHECK_OK(lib, json_read_text(lib, "t.json", json, (int64_t)strlen(json), &document));
    CHECK_OK(lib, tokenizer_open_document(lib, "t.json", document, &t));
    json_decref(document);
    int status = tokenizer_encode(t, text, sizeof text - 1, NULL, 0, 0, &e);
    assert_int_equal(status, IDIM_EUNSUPPORTED);
    assert_non_null(strstr(idim_error(lib), "pattern of the pre-tokeniser: expected at most"));
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_documents_are_refused_with_their_place),
        cmocka_unit_test(malformed_folders_are_refused_with_their_place),
        cmocka_unit_test(a_pattern_that_takes_too_long_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
