/* A merged folder: opened again it is the adapted model, to the bit.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "format/safetensors_write.h"

#include <unistd.h>

#define MODEL  TEST_FOLDER "/fixtures/tiny"
#define RUN    "test_merge_run"
#define MERGED "test_merge_out"

static const char TRAIN[] = "test_merge_train.csv";

static void write_examples(idim *lib, const char *label_of[2])
{
    char text[4096];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < 40; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "ba ki %s lo,%s\n",
                               i % 3 ? "good" : "bad", label_of[i % 3 ? 1 : 0]);
    CHECK_OK(lib, file_write(lib, TRAIN, text, (int64_t)at));
}

static void clean(void)
{
    static const char *const names[] = {
        RUN "/adapter.idim",   RUN "/best.idim",    RUN "/record.json",          RUN "/log.jsonl",
        MERGED "/config.json", MERGED "/vocab.txt", MERGED "/model.safetensors", TRAIN};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(names[i]);
    rmdir(RUN);
    rmdir(MERGED);
}

static void tune(idim *lib, const char *more)
{
    char spec[512];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"max_steps\":10,"
             "\"output_dir\":\"" RUN "\",%s}",
             TRAIN, more);
    CHECK_OK(lib, idim_tune(lib, spec, NULL, NULL));
}

/* what predict says of the examples, from `from` (spec members) */
static char *predictions(idim *lib, const char *from)
{
    char spec[512], *out;
    snprintf(spec, sizeof spec, "{%s,\"test\":\"%s\",\"logits\":true}", from, TRAIN);
    CHECK_OK(lib, idim_predict(lib, spec, NULL, NULL));
    CHECK_OK(lib, memory_text(lib, idim_result(lib), (int64_t)strlen(idim_result(lib)), &out));
    return out;
}

static const char MERGE[] = "{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\","
                            "\"output_dir\":\"" MERGED "\"}";

static void check_merge(const char *labels[2], const char *more)
{
    idim *lib = check_library(1);
    clean();
    write_examples(lib, labels);
    tune(lib, more);
    CHECK_OK(lib, idim_merge(lib, MERGE));
    char *adapted =
        predictions(lib, "\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\"");
    char *merged = predictions(lib, "\"model\":\"" MERGED "\"");
    assert_string_equal(adapted, merged);
    memory_free(lib, adapted);
    memory_free(lib, merged);
    clean();
    idim_close(lib);
}

static void the_merged_folder_gives_the_same_logits(void **state)
{
    (void)state;
    const char *plain[2] = {"no", "yes"};
    const char *values[2] = {"0.25", "1.75"};
    check_merge(plain, "\"method\":\"said\",\"dim\":40");
    check_merge(plain, "\"method\":\"did\",\"dim\":30,\"bits\":3");
    check_merge(plain, "\"method\":\"full\"");
    check_merge(values, "\"method\":\"said\",\"dim\":40,\"bits\":4");
}

static void the_config_has_labels_and_class(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const char *labels[2] = {"no", "yes"};
    clean();
    write_examples(lib, labels);
    tune(lib, "\"method\":\"did\",\"dim\":30");
    CHECK_OK(lib, idim_merge(lib, MERGE));
    json_t *config;
    CHECK_OK(lib, json_read_file(lib, MERGED "/config.json", 1 << 20, &config));
    const json_t *names = json_object_get(config, "id2label");
    const json_t *numbers = json_object_get(config, "label2id");
    assert_string_equal(json_string_value(json_object_get(names, "1")), "yes");
    assert_int_equal(json_integer_value(json_object_get(numbers, "no")), 0);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
        "BertForSequenceClassification");
    assert_int_equal(json_integer_value(json_object_get(config, "hidden_size")), 32);
    assert_string_equal(json_string_value(json_object_get(config, "problem_type")),
                        "single_label_classification");
    json_decref(config);
    clean();
    idim_close(lib);
}

/* two adapters of one head, and one of another length of texts, which needs the model anew */
static void several_adapters_predict_as_each_alone(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const char *labels[2] = {"no", "yes"};
    static const char *const wishes[] = {"\"method\":\"said\",\"dim\":40,\"seed\":1",
                                         "\"method\":\"did\",\"dim\":30,\"bits\":3",
                                         "\"method\":\"head\",\"max_seq_length\":6"};
    static const char *const files[] = {"test_merge_a.idim", "test_merge_b.idim",
                                        "test_merge_c.idim"};
    json_t *alone[3];
    for (int i = 0; i < 3; i++) {
        char from[256];
        clean();
        write_examples(lib, labels);
        tune(lib, wishes[i]);
        assert_int_equal(rename(RUN "/adapter.idim", files[i]), 0);
        snprintf(from, sizeof from, "\"model\":\"" MODEL "\",\"adapter\":\"%s\"", files[i]);
        char *text = predictions(lib, from);
        alone[i] = json_loads(text, 0, NULL);
        memory_free(lib, text);
    }
    char *text = predictions(lib, "\"model\":\"" MODEL
                                  "\",\"adapter\":[\"test_merge_a.idim\",\"test_merge_b.idim\","
                                  "\"test_merge_c.idim\",\"test_merge_a.idim\"]");
    json_t *all = json_loads(text, 0, NULL), *results = json_object_get(all, "results");
    assert_int_equal(json_array_size(results), 4);
    for (int i = 0; i < 4; i++) {
        const json_t *one = json_array_get(results, (size_t)i);
        assert_string_equal(json_string_value(json_object_get(one, "adapter")), files[i % 3]);
        assert_true(json_equal(json_object_get(one, "predictions"),
                               json_object_get(alone[i % 3], "predictions")));
    }
    memory_free(lib, text);
    json_decref(all);
    for (int i = 0; i < 3; i++) {
        json_decref(alone[i]);
        remove(files[i]);
    }
    assert_int_equal(idim_predict(lib,
                                  "{\"model\":\"" MODEL "\",\"adapter\":[\"no.idim\","
                                  "\"a.idim\"],\"test\":\"test_merge_train.csv\"}",
                                  NULL, NULL),
                     IDIM_EIO);
    assert_int_equal(idim_predict(lib,
                                  "{\"model\":\"" MODEL "\",\"adapter\":[7],"
                                  "\"test\":\"test_merge_train.csv\"}",
                                  NULL, NULL),
                     IDIM_EARGUMENT);
    clean();
    idim_close(lib);
}

static void impossible_merges_are_refused_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const char *labels[2] = {"no", "yes"};
    clean();
    write_examples(lib, labels);
    tune(lib, "\"method\":\"did\",\"dim\":30,\"pooling\":\"mean\"");
    static const struct {
        const char *spec;
        int status;
        const char *says;
    } cases[] = {
        {"{\"model\":\"" MODEL "\",\"output_dir\":\"" MERGED "\"}", IDIM_EARGUMENT, "--adapter"},
        {"{\"adapter\":\"" RUN "/adapter.idim\",\"output_dir\":\"" MERGED "\"}", IDIM_EARGUMENT,
         "model: "},
        {"{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\"}", IDIM_EARGUMENT,
         "--output-dir"},
        {"{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\",\"output_dir\":\"" MERGED
         "\"}",
         IDIM_EUNSUPPORTED, "--pooling auto"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = idim_merge(lib, cases[i].spec);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].says) == NULL)
            fail_msg("case %zu: status %d, '%s'", i, status, idim_error(lib));
    }
    assert_false(file_exists(MERGED "/model.safetensors"));

    clean();
    write_examples(lib, labels);
    tune(lib, "\"method\":\"did\",\"dim\":30");
    assert_int_equal(idim_merge(lib, "{\"model\":\"" MODEL "\",\"adapter\":\"" RUN
                                     "/adapter.idim\",\"output_dir\":\"" MODEL "/../tiny\"}"),
                     IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "another folder than the base's"));
    clean();
    idim_close(lib);
}

static void what_the_writer_writes_the_reader_reads(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static const char path[] = "test_merge.safetensors";
    real value[6] = {1, -2, 3, (real)0.1, (real)1e-30, 0}, back[6];
    tensor_out item[] = {{.name = "z.weight", .shape = {2, 3}, .rank = 2, .value = value},
                         {.name = "b\xc3\xa9.row", .shape = {1, 3}, .rank = 2, .value = value + 3},
                         {.name = "a.bias", .shape = {5}, .rank = 1, .value = value}};
    CHECK_OK(lib, safetensors_write(lib, path, item, 3));
    safetensors *s;
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    assert_int_equal(s->n, 3);
    const safetensor *t = safetensors_find(s, "z.weight");
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->shape[1], 3);
    CHECK_OK(lib, safetensors_read(s, t, back, NULL));
    assert_memory_equal(back, value, sizeof value);
    assert_int_equal(safetensors_find(s, "a.bias")->begin % 8, 0);
    assert_int_equal(safetensors_find(s, "b\xc3\xa9.row")->rank, 2);
    safetensors_close(s);
    remove(path);
    assert_int_equal(safetensors_write(lib, "no/such/folder.safetensors", item, 3), IDIM_EIO);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_merged_folder_gives_the_same_logits),
        cmocka_unit_test(the_config_has_labels_and_class),
        cmocka_unit_test(several_adapters_predict_as_each_alone),
        cmocka_unit_test(impossible_merges_are_refused_by_name),
        cmocka_unit_test(what_the_writer_writes_the_reader_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
