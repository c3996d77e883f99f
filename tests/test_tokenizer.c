/* The tokenizer on small vocabularies: every option against the reference's encodings, the public
 * functions, texts long enough to show anything quadratic, memory that runs out.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "token_cases.h"

#define MODEL                                                                                      \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", "                              \
    "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, "                   \
    "\"vocab\": {\"[UNK]\": 0, \"a\": 1, \"##a\": 2, \"b\": 3}}"
#define BERT                                                                                       \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}, "                        \
    "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
#define BYTES                                                                                      \
    "{\"normalizer\": {\"type\": \"NFC\"}, "                                                       \
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "                    \
    "\"trim_offsets\": true}, \"post_processor\": {\"type\": \"RobertaProcessing\", "              \
    "\"sep\": [\"b\", 3], \"cls\": [\"a\", 1], \"trim_offsets\": true, "                           \
    "\"add_prefix_space\": true}, \"model\": {\"type\": \"BPE\", \"unk_token\": \"?\", "           \
    "\"vocab\": {\"?\": 0, \"a\": 1, \"aa\": 2, \"b\": 3}, \"merges\": [\"a a\"]}}"
#define PIECES                                                                                     \
    "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKD\"}, "           \
    "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \" \"}, "           \
    "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAP////8=\"}]}, "                  \
    "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"_\"}, \"model\": {"           \
    "\"unk_id\": 0, \"vocab\": [[\"?\", 0], [\"a\", -1], [\"aa\", -1.5], [\"_b\", -2]]}}"
#define ADDED                                                                                      \
    "\"added_tokens\": [{\"id\": 4, \"content\": \" \", \"rstrip\": true, \"normalized\": false}," \
    " {\"id\": 5, \"content\": \"[A]\", \"lstrip\": true, \"normalized\": false},"                 \
    " {\"id\": 6, \"content\": \"AB\", \"normalized\": true}], "

static int open_text(idim *lib, const char *text, idim_tokenizer **out)
{
    json_t *document;
    *out = NULL;
    TRY(json_read_text(lib, "t.json", text, (int64_t)strlen(text), &document));
    int status = tokenizer_open_document(lib, "t.json", document, out);
    json_decref(document);
    return status;
}

static void every_option_encodes_as_the_reference(void **state)
{
    (void)state;
    char path[1024];
    json_t *fixture;
    idim *lib = check_library(1);
    snprintf(path, sizeof path, "%s/fixtures/tokenizer/small.json", TEST_FOLDER);
    CHECK_OK(lib, json_read_file(lib, path, 1 << 24, &fixture));

    const json_t *tokenizers = json_object_get(fixture, "tokenizers");
    int64_t cases = 0, differences = 0;
    for (size_t i = 0; i < json_array_size(tokenizers); i++) {
        const json_t *entry = json_array_get(tokenizers, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        idim_tokenizer *t;
        CHECK_OK(lib, tokenizer_open_document(lib, name, json_object_get(entry, "document"), &t));
        const json_t *list = json_object_get(entry, "cases");
        differences += count_differences(lib, t, name, list);
        cases += (int64_t)json_array_size(list);
        tokenizer_close(t);
    }
    print_message("%lld encodings of %zu tokenizers, %lld differ\n", (long long)cases,
                  json_array_size(tokenizers), (long long)differences);
    json_decref(fixture);
    idim_close(lib);
    assert_int_equal(differences, 0);
}

static void bytes_that_are_not_utf8_are_read_as_python_reads_them(void **state)
{
    (void)state;
    /* bytes, how many U+FFFD Python's errors="replace" makes of them */
    static const struct {
        const char *bytes;
        int64_t expected;
    } cases[] = {
        {"\xff", 1},         {"\xc3", 1},         {"\xe4\xb8", 1},     {"\xf0\x9f\x98", 1},
        {"\xed\xa0\x80", 3}, {"\xc0\xaf", 2},     {"\x80\x80", 2},     {"\xf4\x90\x80\x80", 4},
        {"\xe0\x80\x80", 3}, {"\xf5\x80", 2},     {"\xf0\x80\x80", 3}, {"\xe4\xb8\xe4\xb8", 2},
        {"\xfe\xff", 2},     {"\xf1\x80\xc3", 2},
    };
    idim *lib = check_library(1);
    idim_tokenizer *t;
    CHECK_OK(lib, open_text(lib, "{" BERT MODEL "}", &t));
    encoding e = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[16] = "b";
        strcat(text, cases[i].bytes);
        strcat(text, " b");
        CHECK_OK(lib, tokenizer_encode(t, text, (int64_t)strlen(text), NULL, 0, 0, &e));
        assert_int_equal(e.n, 2);
        assert_int_equal(e.offset[1][0] - 2, cases[i].expected);
    }
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

static void zero_bytes_are_text_like_any_other(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *t;
    CHECK_OK(lib, open_text(lib, "{" BERT MODEL "}", &t));
    encoding e = {0};
    CHECK_OK(lib, tokenizer_encode(t, "a\0a b\0", 6, NULL, 0, 0, &e));
    assert_int_equal(e.n, 3);
    assert_int_equal(e.ids[1], 2);
    assert_int_equal(e.offset[1][0], 2);
    assert_int_equal(e.offset[2][0], 4);
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

static void tokens_and_sizes_are_told(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *t;
    CHECK_OK(lib, open_text(lib,
                            "{" BERT ADDED MODEL ", \"post_processor\": {\"type\": "
                            "\"BertProcessing\", \"sep\": [\"b\", 3], \"cls\": [\"a\", 1]}}",
                            &t));
    assert_string_equal(tokenizer_token(t, 2), "##a");
    assert_string_equal(tokenizer_token(t, 6), "AB");
    assert_null(tokenizer_token(t, 7));
    assert_null(tokenizer_token(t, -1));
    assert_int_equal(tokenizer_size(t), 7);
    assert_int_equal(tokenizer_added(t, false), 2);
    assert_int_equal(tokenizer_added(t, true), 3);

    encoding e = {0};
    CHECK_OK(lib, tokenizer_encode(t, "bb,b", 4, "b", 1, 5, &e));
    assert_true(e.truncated);
    assert_int_equal(e.n, 5);
    CHECK_OK(lib, tokenizer_encode(t, "b", 1, "b", 1, 5, &e));
    assert_false(e.truncated);
    CHECK_OK(lib, tokenizer_encode(t, "bbb", 3, NULL, 0, 3, &e));
    assert_false(e.truncated);
    CHECK_OK(lib, tokenizer_encode(t, "b,b", 3, NULL, 0, 3, &e));
    assert_true(e.truncated);
    assert_int_equal(tokenizer_encode(t, "b", 1, "b", 1, 2, &e), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "max_length: expected 0 or at least 3"));
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

/* the reference picks any of them, another one in each run */
static void of_added_tokens_that_normalise_alike_the_lowest_id_is_found(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *t;
    CHECK_OK(lib,
             open_text(lib,
                       "{" BERT "\"added_tokens\": [{\"id\": 4, \"content\": \"XY\"}, "
                       "{\"id\": 5, \"content\": \"xy\"}, {\"id\": 6, \"content\": \"Xy\"}], " MODEL
                       "}",
                       &t));
    encoding e = {0};
    CHECK_OK(lib, tokenizer_encode(t, "xy Xy", 5, NULL, 0, 0, &e));
    assert_int_equal(e.n, 2);
    assert_int_equal(e.ids[0], 4);
    assert_int_equal(e.ids[1], 4);
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

static void public_encode_writes_at_most_capacity(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *t;
    CHECK_OK(lib, open_text(lib, "{" BERT MODEL "}", &t));
    int32_t ids[4] = {-1, -1, -1, -1}, segment[4] = {-1, -1, -1, -1};
    int64_t n;
    CHECK_OK(lib, idim_tokenizer_encode(t, "a b", "b a", 0, 3, ids, segment, &n));
    assert_int_equal(n, 4);
    assert_int_equal(ids[2], 3);
    assert_int_equal(segment[1], 0);
    assert_int_equal(segment[2], 1);
    assert_int_equal(ids[3], -1);
    assert_int_equal(segment[3], -1);
    CHECK_OK(lib, idim_tokenizer_encode(t, "a b", NULL, 1, 0, NULL, NULL, &n));
    assert_int_equal(n, 1);
    assert_int_equal(idim_tokenizer_encode(t, "a", NULL, -1, 0, NULL, NULL, &n), IDIM_EARGUMENT);
    idim_tokenizer_close(t);
    idim_tokenizer_close(NULL);
    idim_close(lib);
}

/* Anything quadratic would take minutes over so many letters. */
static void long_texts_are_no_trouble(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    static const char *const patterns[] = {
        "a", "b", " ", "[A", "[A] ", "\xcc\x81", "\xcd\x84", "a ", "\xe4\xb8\xad", "\xff", ",", "A",
    };
    static const char *const documents[] = {
        "{" BERT MODEL "}",
        "{" BERT ADDED MODEL "}",
        "{" MODEL "}",
        BYTES,
        PIECES,
        "{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"b\", "
        "\"continuing_subword_prefix\": \"\", \"max_input_chars_per_word\": 1000000000000, "
        "\"vocab\": {\"a\": 0, \"b\": 1}}}",
    };
    idim *lib = check_library(1);
    char *text = malloc(N + 8);
    assert_non_null(text);
    for (size_t d = 0; d < sizeof documents / sizeof documents[0]; d++) {
        idim_tokenizer *t;
        CHECK_OK(lib, open_text(lib, documents[d], &t));
        encoding e = {0};
        for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
            int64_t n = 0, piece = (int64_t)strlen(patterns[p]);
            for (; n < N; n += piece)
                memcpy(text + n, patterns[p], (size_t)piece);
            CHECK_OK(lib, tokenizer_encode(t, text, n, NULL, 0, 0, &e));
            CHECK_OK(lib, tokenizer_encode(t, text, n, "b", 1, 9, &e));
            assert_true(e.n <= 9);
        }
        encoding_free(lib, &e);
        tokenizer_close(t);
    }
    free(text);
    idim_close(lib);
}

/* ---- memory that runs out -------------------------------------------------------------------- */

typedef struct scarce {
    int64_t left, live; /* calls that will succeed; blocks not freed yet */
} scarce;

static void *scarce_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    scarce *s = user;
    (void)old_size;
    if (new_size == 0) {
        s->live -= p != NULL;
        free(p);
        return NULL;
    }
    if (s->left-- <= 0)
        return NULL;
    s->live++;
    return realloc(p, new_size);
}

static int open_and_encode(idim *lib, const char *document)
{
    idim_tokenizer *t;
    encoding e = {0};
    static const char text[] = "b \xcc\x81\xe1\xba\xad\xe4\xb8\xad\xc4\xb0 [A] ab,,,,,, aab";
    library_clear(lib);
    int status = open_text(lib, document, &t);
    if (status == 0)
        status = tokenizer_encode(t, text, sizeof text - 1, "a, b", 4, 0, &e);
    encoding_free(lib, &e);
    tokenizer_close(t);
    return status;
}

static void memory_that_runs_out_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "{" BERT ADDED MODEL
        ", \"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"b\", "
        "3], \"cls\": [\"a\", 1]}}",
        BYTES,
        PIECES,
    };
    for (size_t d = 0; d < sizeof documents / sizeof documents[0]; d++) {
        int64_t n = 0;
        for (int status = IDIM_EMEMORY; status != 0; n++) {
            scarce s = {.left = n + 1};
            idim_options options = {.alloc = scarce_alloc, .user = &s, .threads = 1};
            idim *lib;
            assert_int_equal(idim_open(&options, &lib), 0);
            status = open_and_encode(lib, documents[d]);
            assert_true(status == 0 || status == IDIM_EMEMORY);
            assert_true((status != 0) == (idim_error(lib)[0] != '\0'));
            idim_close(lib);
            assert_int_equal(s.live, 0);
        }
        assert_true(n > 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_encodes_as_the_reference),
        cmocka_unit_test(bytes_that_are_not_utf8_are_read_as_python_reads_them),
        cmocka_unit_test(zero_bytes_are_text_like_any_other),
        cmocka_unit_test(tokens_and_sizes_are_told),
        cmocka_unit_test(of_added_tokens_that_normalise_alike_the_lowest_id_is_found),
        cmocka_unit_test(public_encode_writes_at_most_capacity),
        cmocka_unit_test(long_texts_are_no_trouble),
        cmocka_unit_test(memory_that_runs_out_is_told_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
