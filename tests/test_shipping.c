/* Runs that ship a coded adapter: what is scored is what is written, resuming is exact, the search
 * for a bound takes the lowest.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#define MODEL  TEST_FOLDER "/fixtures/tiny"
#define FOLDER "test_shipping_run"

static const char ROWS[] = "test_shipping.csv";

static void write_rows(idim *lib, const char *no, const char *yes)
{
    char text[16384];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < 200; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "ba ki %s lo %s,%s\n",
                               i % 3 ? "good" : "bad", i % 5 ? "na" : "mu", i % 3 ? yes : no);
    CHECK_OK(lib, file_write(lib, ROWS, text, (int64_t)at));
}

static void clean(void)
{
    static const char *const names[] = {"adapter.idim", "best.idim", "record.json", "log.jsonl",
                                        "checkpoint.idim"};
    char path[128];
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, FOLDER "/%s", names[i]);
        remove(path);
    }
    rmdir(FOLDER);
    remove(ROWS);
}

static int tune(idim *lib, const char *more, idim_watch *watch, void *user)
{
    char spec[512];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"dev\":\"%s\",\"max_steps\":30,"
             "\"method\":\"did\",\"dim\":60,\"output_dir\":\"" FOLDER "\",%s}",
             ROWS, ROWS, more);
    return idim_tune(lib, spec, watch, user);
}

static const json_t *member(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (value == NULL)
        fail_msg("%s is not there", key);
    return value;
}

static double number_at(const json_t *json, const char *key)
{
    return json_number_value(member(json, key));
}

/* the loss on dev that eval finds with the adapter in the folder */
static double loss_of_file(idim *lib)
{
    char spec[256];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"adapter\":\"" FOLDER "/adapter.idim\",\"dev\":\"%s\"}",
             ROWS);
    CHECK_OK(lib, idim_eval(lib, spec, NULL, NULL));
    json_t *result = json_loads(idim_result(lib), 0, NULL);
    double loss = number_at(member(member(result, "eval"), "dev"), "loss");
    json_decref(result);
    return loss;
}

static void the_record_scores_the_file_that_is_written(void **state)
{
    (void)state;
    static const char *const wishes[] = {"\"bits\":1.5", "\"max_adapter_bytes\":90",
                                         "\"bits\":1,\"coding_steps\":0.5"};
    idim *lib = check_library(1);
    for (int i = 0; i < 3; i++) {
        clean();
        write_rows(lib, "no", "yes");
        CHECK_OK(lib, tune(lib, wishes[i], NULL, NULL));
        json_t *record = json_loads(idim_result(lib), 0, NULL);
        double loss = number_at(member(member(record, "eval"), "dev"), "loss");
        const json_t *coding = member(record, "coding");
        double uncoded = number_at(member(member(coding, "uncoded"), "dev"), "loss");
        assert_true(loss == loss_of_file(lib));
        assert_true(loss != uncoded);
        assert_true(number_at(coding, "bytes") == number_at(member(record, "adapter"), "bytes"));
        if (i == 1)
            assert_true(number_at(coding, "bytes") <= 90);
        json_decref(record);
    }
    clean();
    idim_close(lib);
}

static int stop_at_25(void *user, const idim_progress *now)
{
    (void)user;
    return now->step == 25;
}

static void a_stopped_run_codes_the_same_file(void **state)
{
    (void)state;
    static const char wish[] = "\"bits\":1,\"coding_steps\":0.5";
    idim *lib = check_library(1);
    char *whole, *resumed;
    int64_t n, m;
    clean();
    write_rows(lib, "no", "yes");
    CHECK_OK(lib, tune(lib, wish, NULL, NULL));
    CHECK_OK(lib, file_read(lib, FOLDER "/adapter.idim", 1 << 16, &whole, &n));
    clean();
    write_rows(lib, "no", "yes");
    assert_int_equal(tune(lib, wish, stop_at_25, NULL), IDIM_ESTOPPED);
    CHECK_OK(lib, tune(lib, wish, NULL, NULL));
    CHECK_OK(lib, file_read(lib, FOLDER "/adapter.idim", 1 << 16, &resumed, &m));
    assert_int_equal(n, m);
    assert_memory_equal(whole, resumed, (size_t)n);
    memory_free(lib, whole);
    memory_free(lib, resumed);
    clean();
    idim_close(lib);
}

static void for_bound_takes_the_lowest_of_what_it_tried(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    clean();
    write_rows(lib, "no", "yes");
    CHECK_OK(lib, tune(lib, "\"for_bound\":true", NULL, NULL));
    json_t *record = json_loads(idim_result(lib), 0, NULL);
    const json_t *tried = member(member(record, "coding"), "tried");
    double lowest = INFINITY, bits = 0;
    assert_true(json_array_size(tried) > 3);
    for (size_t i = 0; i < json_array_size(tried); i++) {
        const json_t *one = json_array_get(tried, i);
        if (number_at(one, "bound") < lowest) {
            lowest = number_at(one, "bound");
            bits = number_at(one, "bits");
        }
    }
    assert_true(number_at(member(record, "settings"), "bits") == bits);
    assert_true(number_at(member(member(record, "eval"), "dev"), "loss") == loss_of_file(lib));

    /* the record says what the command says of the file */
    char spec[256];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"adapter\":\"" FOLDER
             "/adapter.idim\",\"train\":\"%s\",\"dev\":\"%s\"}",
             ROWS, ROWS);
    CHECK_OK(lib, idim_bound(lib, spec, NULL, NULL));
    json_t *result = json_loads(idim_result(lib), 0, NULL);
    assert_true(number_at(member(result, "bound"), "bound") == lowest);
    json_t *recorded = json_copy((json_t *)member(record, "bound"));
    assert_true(json_equal(member(recorded, "held_out"), member(result, "held_out")));
    json_object_del(recorded, "held_out");
    assert_true(json_equal(recorded, member(result, "bound")));
    json_decref(recorded);
    json_decref(record);
    json_decref(result);
    clean();
    idim_close(lib);
}

static void wishes_that_contradict_are_refused_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    clean();
    write_rows(lib, "no", "yes");
    assert_int_equal(tune(lib, "\"for_bound\":true,\"bits\":2", NULL, NULL), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "for_bound"));
    assert_int_equal(tune(lib, "\"max_adapter_bytes\":40", NULL, NULL), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "limit of 40 bytes"));
    clean();
    write_rows(lib, "0.5", "1.5");
    assert_int_equal(tune(lib, "\"for_bound\":true", NULL, NULL), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "classes"));
    clean();
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_scores_the_file_that_is_written),
        cmocka_unit_test(a_stopped_run_codes_the_same_file),
        cmocka_unit_test(for_bound_takes_the_lowest_of_what_it_tried),
        cmocka_unit_test(wishes_that_contradict_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
