/* Specs: what is refused and with which sentence, defaults, and the canonical text.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/buffer.h"
#include "measure/settings.h"
#include "measure/spec.h"

#include <locale.h>

#define MINIMAL "\"model\":\"M\",\"train\":\"a.csv\",\"dim\":10,\"output_dir\":\"o\""

static void wrong_specs_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *command, *text, *sentence;
    } cases[] = {
        {"tune", "", "settings: line 1"},
        {"tune", "[]", "settings: expected a JSON object, found an array"},
        {"tune", "{} x", "settings: line 1"},
        {"tune", "{\"model\":\"M\",\"model\":\"M\"}", "duplicate"},
        {"tune", "{\"model\":\"M\\u0000\"}", "settings: line 1"},
        {"tune", "{}", "model: is missing"},
        {"tune", "{\"modl\":\"M\"}", "modl: tune has no such setting: did you mean model?"},
        {"tune", "{\"maxsteps\":1}", "did you mean max_steps?"},
        {"tune", "{" MINIMAL ",\"max-steps\":1,\"max_steps\":1}",
         "max_steps: expected once, found twice"},
        {"tune", "{" MINIMAL ",\"adapter\":\"x\"}", "is a setting of eval predict inspect"},
        {"tune", "{" MINIMAL ",\"json\":true}", "json: is an option of the command"},
        {"tune", "{\"model\":3}", "model: expected a text, found a number"},
        {"tune", "{\"model\":\"\"}", "model: expected a text, found an empty one"},
        {"tune", "{\"dim\":\"10\"}", "dim: expected a whole number, found a text"},
        {"tune", "{\"dim\":1.5}", "dim: expected a whole number, found 1.5"},
        {"tune", "{\"dim\":0}", "dim: expected a number from 1 to"},
        {"tune", "{\"dim\":-3}", "found -3: the nearest is 1"},
        {"tune", "{\"dim\":1e300}", "the nearest is 9007199254740992"},
        {"tune", "{\"dropout\":1}", "dropout: expected a number from 0 to 0.99, found 1"},
        {"tune", "{\"method\":\"siad\"}",
         "method: expected one of said|did|full|head|bias, found \"siad\": did you mean said?"},
        {"tune", "{\"task\":\"mrcp\"}", "did you mean mrpc?"},
        {"tune", "{\"precision\":\"auto\"}", "precision: expected one of fp32"},
        {"tune", "{" MINIMAL ",\"method\":\"full\"}", "dim: cannot be given with method full"},
        {"tune", "{" MINIMAL ",\"method\":\"bias\"}", "dim: cannot be given with method bias"},
        {"tune", "{\"model\":\"M\",\"train\":\"a.csv\",\"output_dir\":\"o\"}", "dim: is missing"},
        {"tune", "{\"model\":\"M\",\"train\":\"a.csv\",\"dim\":1}", "output_dir: is missing"},
        {"tune", "{\"model\":\"M\",\"dim\":1}", "train: is missing"},
        {"tune", "{" MINIMAL ",\"task\":\"rte\",\"data\":\"d\"}",
         "train: cannot be given together with task"},
        {"tune", "{" MINIMAL ",\"data\":\"d\"}", "task: is missing"},
        {"tune", "{\"model\":\"M\",\"task\":\"rte\"}", "data: is missing"},
        {"tune", "{" MINIMAL ",\"num_train_epochs\":1,\"max_steps\":1}",
         "num_train_epochs: cannot be given together with max_steps"},
        {"tune", "{" MINIMAL ",\"warmup_steps\":1.5}", "warmup_steps: expected a whole number"},
        {"tune", "{" MINIMAL ",\"pull\":\"public\"}", "pull: public is a mode of"},
        {"eval", "{\"model\":\"M\"}", "test: is missing: a labelled file"},
        {"predict", "{\"model\":\"M\"}", "test: is missing: a file to label"},
        {"predict", "{\"model\":\"M\",\"test\":\"t\",\"logits\":1}",
         "logits: expected true or false, found a number"},
        {"tokenize", "{}", "model: is missing"},
        {"selftest", "{\"model\":\"M\"}",
         "is a setting of tune measure eval predict inspect tokenize gradients bench"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spec *s;
        library_clear(lib);
        int status = spec_parse(lib, cases[i].command, cases[i].text, &s);
        if (status != IDIM_EARGUMENT || strstr(idim_error(lib), cases[i].sentence) == NULL)
            fail_msg("%s %s: expected \"%s\", found %d \"%s\"", cases[i].command, cases[i].text,
                     cases[i].sentence, status, idim_error(lib));
        assert_null(s);
    }
    idim_close(lib);
}

static void defaults_are_in_place_and_given_values_win(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    spec *s;
    CHECK_OK(lib, spec_parse(lib, "tune",
                             "{" MINIMAL ",\"max-grad-norm\":0.5,\"learning_rate\":\"auto\","
                             "\"text\":null,\"seed\":7.0}",
                             &s));
    assert_string_equal(spec_text(s, "model"), "M");
    assert_string_equal(spec_text(s, "method"), "said");
    assert_int_equal(spec_integer(s, "dim"), 10);
    assert_true(spec_number(s, "max_grad_norm") == 0.5);
    assert_int_equal(spec_integer(s, "seed"), 7);
    assert_true(spec_is_set(s, "seed"));
    assert_false(spec_is_set(s, "weight_decay"));
    assert_false(spec_is_set(s, "text"));
    assert_null(spec_text(s, "text"));
    assert_true(spec_is_auto(s, "learning_rate"));
    spec_set_number(s, "learning_rate", 0.03);
    assert_false(spec_is_auto(s, "learning_rate"));
    assert_true(spec_number(s, "learning_rate") == 0.03);
    spec_free(s);
    idim_close(lib);
}

static void canonical_text_is_sorted_complete_and_blind_to_how_it_runs(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    spec *a, *b;
    CHECK_OK(lib, spec_parse(lib, "predict", "{\"model\":\"M\",\"test\":\"t \\\"\"}", &a));
    CHECK_OK(lib, spec_parse(lib, "predict",
                             "{\"threads\":3,\"logits\":false,\"test\":\"t \\\"\",\"model\":\"M\"}",
                             &b));
    char *text, *other;
    CHECK_OK(lib, spec_canonical(a, &text));
    CHECK_OK(lib, spec_canonical(b, &other));
    assert_string_equal(text, other);
    assert_string_equal(
        text,
        "{\"adapter\":null,\"data\":null,\"label\":null,\"label_separator\":null,\"logits\":false,"
        "\"max_seq_length\":\"auto\",\"model\":\"M\",\"pooling\":\"auto\","
        "\"precision\":\"fp32\",\"task\":null,\"test\":\"t \\\"\",\"text\":null}");

    memory_free(lib, text);
    memory_free(lib, other);
    spec_free(a);
    spec_free(b);
    idim_close(lib);
}

/* what a run is named by, of tune settings beside the minimal ones */
static char *named(idim *lib, const char *more)
{
    char text[512], *out;
    spec *s;
    snprintf(text, sizeof text, "{\"output_dir\":\"o\"%s%s}", more[0] != '\0' ? "," : "", more);
    CHECK_OK(lib, spec_parse(lib, "tune", text, &s));
    CHECK_OK(lib, spec_named(s, &out));
    spec_free(s);
    return out;
}

#define NAMED_BY "\"method\":\"full\",\"label\":\"l\","

static void paths_name_no_run(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char *here = named(lib, NAMED_BY "\"model\":\"M\",\"train\":\"a.csv\",\"dev\":\"b.csv\"");
    char *there = named(lib, NAMED_BY "\"model\":\"/x/M\",\"train\":\"/x/a.csv\"");
    assert_string_equal(here, there);
    assert_null(strstr(here, "model"));
    memory_free(lib, here);
    memory_free(lib, there);
    idim_close(lib);
}

static void a_later_setting_names_a_run_only_where_it_is_used(void **state)
{
    (void)state;
    static const char *const unused[] = {"", "\"bits\":0,", "\"coding_steps\":0.3,",
                                         "\"for_bound\":false,\"delta\":0.05,",
                                         "\"max_adapter_bytes\":0,"};
    static const char *const used[] = {"\"bits\":2,", "\"coding_steps\":0.25,",
                                       "\"for_bound\":true,", "\"label_separator\":\";\","};
    idim *lib = check_library(1);
    char text[256], *plain = named(lib, NAMED_BY "\"model\":\"M\",\"train\":\"a.csv\"");
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        snprintf(text, sizeof text, "%s" NAMED_BY "\"model\":\"M\",\"train\":\"a.csv\"", unused[i]);
        char *again = named(lib, text);
        assert_string_equal(plain, again);
        memory_free(lib, again);
    }
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        snprintf(text, sizeof text, "%s" NAMED_BY "\"model\":\"M\",\"train\":\"a.csv\"", used[i]);
        char *other = named(lib, text);
        assert_string_not_equal(plain, other);
        memory_free(lib, other);
    }
    memory_free(lib, plain);
    idim_close(lib);
}

/* a value that the row's type cannot have would stand in every name */
static void what_goes_unnamed_is_a_value_of_its_row(void **state)
{
    (void)state;
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++) {
        const char *value = rows[i].unnamed;
        char shortest[NUMBER_TEXT];
        if (value == NULL || value[0] == '\0' || strcmp(value, "auto") == 0)
            continue;
        switch (rows[i].type) {
        case IDIM_INTEGER:
        case IDIM_NUMBER:
            number_shortest(strtod(value, NULL), shortest);
            assert_string_equal(value, shortest);
            break;
        case IDIM_FLAG:
            assert_true(strcmp(value, "true") == 0 || strcmp(value, "false") == 0);
            break;
        case IDIM_CHOICE:
            assert_non_null(strstr(rows[i].choices, value));
            break;
        case IDIM_TEXT:
            break;
        case IDIM_PATH:
            fail_msg("%s: paths are in no name", rows[i].name);
        }
    }
}

static void canonical_text_reads_back_as_itself(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"eval", "{\"model\":\"M\",\"task\":\"rte\",\"data\":\"d\",\"adapter\":\"a\"}"},
        {"tune", "{" MINIMAL ",\"max_steps\":5,\"learning_rate\":1e-5,\"text\":\"a,b\"}"},
        {"tune", "{" MINIMAL ",\"num_train_epochs\":0.5}"},
        {"inspect", "{\"adapter\":\"a\"}"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spec *s;
        char *text, *again;
        CHECK_OK(lib, spec_parse(lib, cases[i][0], cases[i][1], &s));
        CHECK_OK(lib, spec_canonical(s, &text));
        spec_free(s);

        char full[4096];
        bool tunes = strcmp(cases[i][0], "tune") == 0;
        snprintf(full, sizeof full, "{%s%s", tunes ? "\"output_dir\":\"o\"," : "", text + 1);
        CHECK_OK(lib, spec_parse(lib, cases[i][0], full, &s));
        CHECK_OK(lib, spec_canonical(s, &again));
        assert_string_equal(text, again);
        memory_free(lib, text);
        memory_free(lib, again);
        spec_free(s);
    }
    idim_close(lib);
}

static void numbers_are_shortest_and_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {5e-5, "5e-05"},
                 {3, "3"},
                 {-0.25, "-0.25"},
                 {100000, "100000"},
                 {1e300, "1e+300"},
                 {1.0 / 3, "0.3333333333333333"},
                 {9007199254740992.0, "9007199254740992"}};
    char text[NUMBER_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        number_shortest(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_true(strtod(text, NULL) == cases[i].value);
    }
}

/* a row that cannot hold its own default, or sits under two names, would only be found by a user */
static void table_rows_are_sound(void **state)
{
    (void)state;
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++) {
        const idim_setting *row = &rows[i];
        assert_true(strlen(row->help) > 10 && strlen(row->group) > 0);
        assert_true((row->type == IDIM_CHOICE) == (row->choices != NULL));
        for (int64_t j = 0; j < i; j++)
            assert_string_not_equal(rows[j].name, row->name);
        if ((row->type == IDIM_NUMBER || row->type == IDIM_INTEGER) && row->fallback[0] != '\0' &&
            strcmp(row->fallback, "auto") != 0) {
            double fallback = strtod(row->fallback, NULL);
            assert_true(fallback >= row->low && fallback <= row->high);
        }
    }
    assert_true(setting_serves(&rows[0], "tune") && !setting_serves(&rows[0], "tun"));
}

static void nearest_is_the_word_with_the_fewest_changes(void **state)
{
    (void)state;
    const char *const words[] = {"tune", "tokenize", "eval"};
    assert_string_equal(idim_nearest("tun", words, 3), "tune");
    assert_string_equal(idim_nearest("tokenise", words, 3), "tokenize");
    assert_string_equal(idim_nearest("evla", words, 3), "eval");
    assert_null(idim_nearest("x", words, 0));
    assert_null(idim_nearest("zzz", words, 3));
    static const char *const options[] = {"--groups", "--num-train-epochs", "--test",
                                          "--max_steps"};
    assert_string_equal(idim_nearest("--epochs", options, 4), "--num-train-epochs");
    assert_string_equal(idim_nearest("max-step", options, 4), "--max_steps");
    assert_string_equal(idim_nearest("--best", options, 4), "--test");
    assert_null(idim_nearest("--lr", options, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_specs_are_refused_by_name),
        cmocka_unit_test(defaults_are_in_place_and_given_values_win),
        cmocka_unit_test(canonical_text_is_sorted_complete_and_blind_to_how_it_runs),
        cmocka_unit_test(paths_name_no_run),
        cmocka_unit_test(a_later_setting_names_a_run_only_where_it_is_used),
        cmocka_unit_test(what_goes_unnamed_is_a_value_of_its_row),
        cmocka_unit_test(canonical_text_reads_back_as_itself),
        cmocka_unit_test(numbers_are_shortest_and_read_back),
        cmocka_unit_test(table_rows_are_sound),
        cmocka_unit_test(nearest_is_the_word_with_the_fewest_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
