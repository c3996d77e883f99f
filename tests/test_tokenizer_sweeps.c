/* BERT's tokenizers on much text (sweep.h), and the ids and pieces that other people stored in the
 * data.
 *
 * SPDX-License-Identifier: MIT */
#include "sweep.h"

/* ---- what other people stored ---------------------------------------------------------------- */

static json_t *shared_json(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/parity/%s", TEST_SHARED_DATA, name);
    json_t *document = json_load_file(path, 0, NULL);
    assert_non_null(document);
    return document;
}

static void encode(idim *lib, idim_tokenizer *t, const json_t *text, encoding *e)
{
    CHECK_OK(lib, tokenizer_encode(t, json_string_value(text), (int64_t)json_string_length(text),
                                   NULL, 0, 0, e));
}

/* 1 if ids[first ..] of the encoding, `last` fewer, are not those listed */
static int64_t ids_differ(const encoding *e, int64_t first, int64_t last, const json_t *ids)
{
    int64_t n = e->n - first - last;
    if (n != (int64_t)json_array_size(ids))
        return 1;
    for (int64_t i = 0; i < n; i++)
        if (e->ids[first + i] != json_integer_value(json_array_get(ids, (size_t)i)))
            return 1;
    return 0;
}

static void squad_questions_have_the_stored_ids_and_pieces(void **state)
{
    (void)state;
    char path[1024];
    CHECK_SHARED("parity/bert_uncased_squad/question_tokens.json", path);
    idim *lib = check_library(1);
    idim_tokenizer *t = open_tokenizer(lib, "bert-base-uncased", true);
    json_t *questions = shared_json("bert_uncased_squad/question_tokens.json");
    json_t *ids = shared_json("bert_uncased_squad/tokenized_questions.json");
    size_t n = json_array_size(questions);
    assert_int_equal(n, json_array_size(ids));

    encoding e = {0};
    int64_t differences = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *question = json_array_get(questions, i);
        const json_t *pieces = json_object_get(question, "wordpiece");
        encode(lib, t, json_object_get(question, "original"), &e);
        int64_t differs = ids_differ(&e, 1, 1, json_array_get(ids, i));
        for (size_t k = 0; !differs && k < json_array_size(pieces); k++)
            differs = strcmp(tokenizer_token(t, e.ids[1 + k]),
                             json_string_value(json_array_get(pieces, k))) != 0;
        differences += differs;
    }
    print_message("%zu questions, %lld differ\n", n, (long long)differences);
    assert_int_equal(differences, 0);
    json_decref(questions);
    json_decref(ids);
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
}

static void encoded_texts_have_the_stored_ids(void **state)
{
    (void)state;
    static const struct {
        const char *key, *tokenizer;
        bool lower;
    } groups[] = {
        {"bert-base-uncased", "bert-base-uncased", true},
        {"google-bert/bert-base-uncased", "bert-base-uncased", true},
        {"distilbert/distilbert-base-multilingual-cased", "bert-base-multilingual-cased", false},
        {"distilgpt2", "gpt2", true},
        {"t5-base", "t5-base", true},
    };
    char path[1024];
    CHECK_SHARED("parity/hf_encoded/tokenizer_tests.json", path);
    idim *lib = check_library(1);
    json_t *tests = shared_json("hf_encoded/tokenizer_tests.json");
    encoding e = {0};
    int64_t n = 0, differences = 0;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        idim_tokenizer *t = open_tokenizer(lib, groups[g].tokenizer, groups[g].lower);
        const json_t *cases = json_object_get(tests, groups[g].key);
        assert_true(json_array_size(cases) > 0);
        for (size_t i = 0; i < json_array_size(cases); i++, n++) {
            const json_t *c = json_array_get(cases, i);
            encode(lib, t, json_object_get(c, "input"), &e);
            const json_t *encoded = json_object_get(c, "encoded");
            differences += ids_differ(&e, 0, 0, json_object_get(encoded, "input_ids"));
        }
        tokenizer_close(t);
    }
    json_decref(tests);

    static const char *const stored[][2] = {
        {"hf_encoded/bert_uncased_encoded.json", "bert-base-uncased"},
        {"hf_encoded/distilbert_cased_encoded.json", "bert-base-multilingual-cased"},
        {"hf_encoded/gpt2_encoded_tokens.json", "gpt2"},
        {"hf_encoded/t5_base_encoded.json", "t5-base"}};
    for (int i = 0; i < 4; i++, n++) {
        idim_tokenizer *t = open_tokenizer(lib, stored[i][1], i != 1);
        json_t *c = shared_json(stored[i][0]);
        encode(lib, t, json_object_get(c, "text"), &e);
        differences += ids_differ(&e, 0, 0, json_object_get(c, "token_ids"));
        json_decref(c);
        tokenizer_close(t);
    }
    print_message("%lld texts, %lld differ\n", (long long)n, (long long)differences);
    encoding_free(lib, &e);
    idim_close(lib);
    assert_int_equal(differences, 0);
}

static void bert_tokens_equal_the_reference(void **state)
{
    (void)state;
    check_sweeps("sweeps.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squad_questions_have_the_stored_ids_and_pieces),
        cmocka_unit_test(encoded_texts_have_the_stored_ids),
        cmocka_unit_test(bert_tokens_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
