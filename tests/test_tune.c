/* Runs from spec to adapter through the public functions, on a tiny random BERT: resuming,
 * refusing, threads, methods, adapters that mean the same again.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "kernel/kernels.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#define MODEL  TEST_FOLDER "/fixtures/tiny"
#define FOLDER "test_tune_run"

static const char TRAIN[] = "test_tune_train.csv";
static const char DEV[] = "test_tune_dev.csv";

/* sentences of the tiny model's syllables; one word decides the label */
static void write_examples(idim *lib, const char *path, int n, unsigned seed)
{
    static const char *const part[] = {"ba", "de", "ki", "lo", "mu", "na"};
    char text[60000];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < n; i++) {
        unsigned place = seed % 7;
        bool good = (seed >> 9) % 2 == 0;
        for (unsigned w = 0; w < 7; w++) {
            seed = seed * 1664525u + 1013904223u;
            if (w == place)
                at += (size_t)snprintf(text + at, sizeof text - at, "%s ", good ? "good" : "bad");
            else
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%s ", part[(seed >> 8) % 6],
                                       part[(seed >> 16) % 6]);
        }
        at += (size_t)snprintf(text + at, sizeof text - at, ",%s\n", good ? "yes" : "no");
    }
    CHECK_OK(lib, file_write(lib, path, text, (int64_t)at));
}

static void remove_folder(void)
{
    static const char *const names[] = {"adapter.idim", "best.idim", "record.json", "log.jsonl",
                                        "checkpoint.idim"};
    for (int i = 0; i < 5; i++) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "/%s", names[i]);
        remove(path);
    }
    rmdir(FOLDER);
}

typedef struct world {
    idim *lib;
} world;

static int set_up(void **state)
{
    static world w;
    w.lib = check_library(1);
    write_examples(w.lib, TRAIN, 100, 3);
    write_examples(w.lib, DEV, 60, 77);
    remove_folder();
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    remove_folder();
    remove(TRAIN);
    remove(DEV);
    idim_close(w->lib);
    return 0;
}

/* stops the run when it has done `at` steps */
static int stop_at(void *at, const idim_progress *now)
{
    return now->step == *(const int64_t *)at;
}

static int tune(idim *lib, const char *settings, int64_t stop)
{
    char spec[2048];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"dev\":\"%s\",\"output_dir\":\"" FOLDER
             "\",%s}",
             TRAIN, DEV, settings);
    return idim_tune(lib, spec, stop_at, &stop);
}

typedef struct bytes {
    char *data;
    int64_t n;
} bytes;

static bytes contents(idim *lib, const char *name)
{
    bytes b;
    char path[128];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    CHECK_OK(lib, file_read(lib, path, 1 << 26, &b.data, &b.n));
    return b;
}

static void check_same(idim *lib, const char *name, const bytes *was)
{
    bytes now = contents(lib, name);
    assert_int_equal(now.n, was->n);
    assert_memory_equal(now.data, was->data, (size_t)was->n);
    memory_free(lib, now.data);
}

static double number_at(const json_t *record, const char *a, const char *b, const char *c)
{
    const json_t *found = json_object_get(record, a);
    if (b != NULL)
        found = json_object_get(found, b);
    if (c != NULL)
        found = json_object_get(found, c);
    return json_number_value(found);
}

/* ---- resuming -----------------------------------------------------------------------------------
 */

static void check_resume(idim *lib, const char *settings, int64_t steps)
{
    CHECK_OK(lib, tune(lib, settings, -1));
    bytes adapter = contents(lib, "adapter.idim"), best = contents(lib, "best.idim");
    bytes log = contents(lib, "log.jsonl");
    for (int64_t stop = 1; stop < steps; stop += stop < 4 ? 1 : 5) {
        remove_folder();
        assert_int_equal(tune(lib, settings, stop), IDIM_ESTOPPED);
        assert_non_null(strstr(idim_error(lib), "goes on from there"));
        assert_int_equal(tune(lib, settings, stop + 1), IDIM_ESTOPPED);
        CHECK_OK(lib, tune(lib, settings, -1));
        check_same(lib, "adapter.idim", &adapter);
        check_same(lib, "best.idim", &best);
        check_same(lib, "log.jsonl", &log);
        assert_false(file_exists(FOLDER "/checkpoint.idim"));
    }
    memory_free(lib, adapter.data);
    memory_free(lib, best.data);
    memory_free(lib, log.data);
}

static void resume_equals_no_resume_in_a_subspace(void **state)
{
    check_resume(((world *)*state)->lib,
                 "\"method\":\"said\",\"dim\":40,\"max_steps\":20,\"eval_steps\":4,\"seed\":3,"
                 "\"dropout\":0.1",
                 20);
}

static void resume_equals_no_resume_in_full(void **state)
{
    check_resume(((world *)*state)->lib,
                 "\"method\":\"full\",\"max_steps\":9,\"eval_steps\":2,"
                 "\"gradient_accumulation_steps\":2,\"learning_rate\":0.001,"
                 "\"warmup_steps\":0.3,\"lr_scheduler_type\":\"cosine\"",
                 9);
}

static void resume_equals_no_resume_in_bf16(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const char *settings = "\"method\":\"said\",\"dim\":40,\"max_steps\":9,\"eval_steps\":4,"
                           "\"precision\":\"bf16\"";
    const rounded_matmul *bf16 = kernels_best()->bf16;
    if (bf16 == NULL || !bf16->supported()) {
        assert_int_equal(tune(lib, settings, -1), IDIM_EARGUMENT);
        assert_non_null(strstr(idim_error(lib), "AVX512-BF16"));
        print_message("SKIPPED: this CPU has no AVX512-BF16; the run was refused\n");
        skip();
    }
    check_resume(lib, settings, 9);
}

/* asks to stop at the batch that is scored when `left` others have been */
static int stop_scoring(void *left, const idim_progress *now)
{
    return strcmp(now->phase, "score") == 0 && --*(int *)left < 0;
}

/* a sitting ends at each batch that is scored, in the middle of training or after it, in turn */
static void check_scoring(idim *lib, const char *settings, int batches)
{
    char spec[2048];
    int status = IDIM_ESTOPPED, stops = 0;
    CHECK_OK(lib, tune(lib, settings, -1));
    bytes adapter = contents(lib, "adapter.idim"), best = contents(lib, "best.idim");
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"dev\":\"%s\",\"output_dir\":\"" FOLDER
             "\",%s}",
             TRAIN, DEV, settings);
    for (; status == IDIM_ESTOPPED; stops++) {
        int left = stops;
        remove_folder();
        status = idim_tune(lib, spec, stop_scoring, &left);
        if (status == IDIM_ESTOPPED)
            CHECK_OK(lib, tune(lib, settings, -1));
        check_same(lib, "adapter.idim", &adapter);
        check_same(lib, "best.idim", &best);
    }
    assert_int_equal(status, 0);
    assert_int_equal(stops, batches + 1);
    memory_free(lib, adapter.data);
    memory_free(lib, best.data);
}

static void a_run_that_is_stopped_while_it_scores_goes_on(void **state)
{
    idim *lib = ((world *)*state)->lib;
    /* dev is one batch: at steps 3 and 6; at 5, as trained and as coded */
    check_scoring(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":6,\"eval_steps\":3", 2);
    remove_folder();
    check_scoring(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":5,\"bits\":2", 3);
}

typedef struct told {
    int scores;        /* reports before the first step of the sitting */
    double loss, rate; /* of the last of them                          */
} told;

static int tell_scores(void *user, const idim_progress *now)
{
    told *t = user;
    if (strcmp(now->phase, "score") != 0)
        return 1;
    t->scores++;
    t->loss = now->loss;
    t->rate = now->learning_rate;
    return 0;
}

/* stopped while it scored, a sitting scores before its first step */
static void there_is_no_loss_before_the_first_step(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const char *settings = "\"method\":\"did\",\"dim\":20,\"max_steps\":6,\"eval_steps\":3";
    char spec[2048];
    told t = {0};
    assert_int_equal(tune(lib, settings, 3), IDIM_ESTOPPED);
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"dev\":\"%s\",\"output_dir\":\"" FOLDER
             "\",%s}",
             TRAIN, DEV, settings);
    assert_int_equal(idim_tune(lib, spec, tell_scores, &t), IDIM_ESTOPPED);
    assert_true(t.scores > 0);
    assert_true(isnan(t.loss));
    assert_true(t.rate == 0);
}

static void a_finished_run_is_not_done_again(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const char *settings = "\"method\":\"did\",\"dim\":20,\"max_steps\":5";
    CHECK_OK(lib, tune(lib, settings, -1));
    char *first = strdup(idim_result(lib));
    CHECK_OK(lib, tune(lib, settings, -1));
    assert_string_equal(idim_result(lib), first);
    free(first);
}

static void another_run_in_the_same_folder_is_refused(void **state)
{
    idim *lib = ((world *)*state)->lib;
    CHECK_OK(lib, tune(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":5", -1));
    assert_int_equal(tune(lib, "\"method\":\"did\",\"dim\":21,\"max_steps\":5", -1),
                     IDIM_EMISMATCH);
    assert_non_null(strstr(idim_error(lib), "--output-dir"));
    remove_folder();
    assert_int_equal(tune(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":5", 2), IDIM_ESTOPPED);
    assert_int_equal(tune(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":6", -1),
                     IDIM_EMISMATCH);
    write_examples(lib, TRAIN, 100, 4);
    assert_int_equal(tune(lib, "\"method\":\"did\",\"dim\":20,\"max_steps\":5", -1),
                     IDIM_EMISMATCH);
}

static void a_damaged_checkpoint_is_refused_by_name(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const char *settings = "\"method\":\"did\",\"dim\":20,\"max_steps\":5";
    assert_int_equal(tune(lib, settings, 2), IDIM_ESTOPPED);
    CHECK_OK(lib, file_append(lib, FOLDER "/checkpoint.idim", "x", 1));
    assert_int_equal(tune(lib, settings, -1), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "checkpoint.idim"));
}

/* ---- threads ------------------------------------------------------------------------------------
 */

static void threads_do_not_change_a_byte(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const int threads[] = {1, 2, 3, 7};
    const char *const methods[] = {"\"said\",\"dim\":40", "\"full\""};
    for (int m = 0; m < 2; m++) {
        bytes adapter = {0}, log = {0};
        for (int k = 0; k < 4; k++) {
            char settings[256];
            snprintf(settings, sizeof settings,
                     "\"method\":%s,\"max_steps\":6,\"dropout\":0.1,\"threads\":%d", methods[m],
                     threads[k]);
            remove_folder();
            CHECK_OK(lib, tune(lib, settings, -1));
            if (k == 0) {
                adapter = contents(lib, "adapter.idim");
                log = contents(lib, "log.jsonl");
                continue;
            }
            check_same(lib, "adapter.idim", &adapter);
            check_same(lib, "log.jsonl", &log);
        }
        memory_free(lib, adapter.data);
        memory_free(lib, log.data);
    }
}

/* ---- methods ------------------------------------------------------------------------------------
 */

static void every_method_learns_and_its_adapter_means_the_same_again(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const char *const methods[] = {"\"said\",\"dim\":60", "\"did\",\"dim\":60",
                                   "\"full\",\"learning_rate\":0.002", "\"head\"",
                                   "\"bias\",\"learning_rate\":0.01"};
    for (int i = 0; i < 5; i++) {
        char settings[256];
        snprintf(settings, sizeof settings, "\"method\":%s,\"max_steps\":200,\"seed\":9",
                 methods[i]);
        remove_folder();
        CHECK_OK(lib, tune(lib, settings, -1));
        json_t *record = json_loads(idim_result(lib), 0, NULL);
        double dev = number_at(record, "eval", "dev", "loss");
        print_message("%-40s train %.3f dev %.3f accuracy %.2f\n", methods[i],
                      number_at(record, "train_loss", NULL, NULL), dev,
                      number_at(record, "eval", "dev", "accuracy"));
        /* the whole network can tell the word; the head or biases of a random one hardly: below
         * the ln 2 of knowing nothing is all that is asked of them */
        bool moves_all = i < 3;
        assert_true(dev < (moves_all ? 0.4 : 0.6931));

        char spec[1024];
        snprintf(spec, sizeof spec,
                 "{\"model\":\"" MODEL "\",\"adapter\":\"" FOLDER "/adapter.idim\",\"dev\":\"%s\"}",
                 DEV);
        CHECK_OK(lib, idim_eval(lib, spec, NULL, NULL));
        json_t *again = json_loads(idim_result(lib), 0, NULL);
        assert_true(number_at(again, "eval", "dev", "loss") == dev);
        json_decref(record);
        json_decref(again);
    }
}

static void accumulated_batches_equal_one_large_batch(void **state)
{
    idim *lib = ((world *)*state)->lib;
    double loss[2];
    const char *const cut[] = {"\"per_device_train_batch_size\":20",
                               "\"per_device_train_batch_size\":5,"
                               "\"gradient_accumulation_steps\":4"};
    for (int i = 0; i < 2; i++) {
        char settings[256];
        snprintf(settings, sizeof settings,
                 "\"method\":\"said\",\"dim\":40,\"max_steps\":10,\"dropout\":0,%s", cut[i]);
        remove_folder();
        CHECK_OK(lib, tune(lib, settings, -1));
        json_t *record = json_loads(idim_result(lib), 0, NULL);
        loss[i] = number_at(record, "train_loss", NULL, NULL);
        json_decref(record);
    }
    /* the same sums in another order, carried through ten steps of Adam */
    assert_true(fabs(loss[0] - loss[1]) < 1e-4);
}

/* ---- refusals -----------------------------------------------------------------------------------
 */

static void huge_rates_end_as_not_finite(void **state)
{
    idim *lib = ((world *)*state)->lib;
    assert_int_equal(tune(lib,
                          "\"method\":\"full\",\"weight_decay\":1e6,\"learning_rate\":1e6,"
                          "\"max_steps\":50,\"lr_scheduler_type\":\"constant\"",
                          -1),
                     IDIM_ENOTFINITE);
    assert_non_null(strstr(idim_error(lib), "not finite"));
    assert_non_null(strstr(idim_error(lib), "--learning-rate"));
}

typedef struct refusal {
    const char *spec; /* what follows the model */
    int status;
    const char *says;
} refusal;

static void impossible_wishes_are_refused_by_name(void **state)
{
    idim *lib = ((world *)*state)->lib;
    const refusal cases[] = {
        {"\"method\":\"said\",\"dim\":3", IDIM_EARGUMENT, "groups"},
        {"\"method\":\"full\",\"dim\":3", IDIM_EARGUMENT, "dim"},
        {"\"method\":\"did\",\"dim\":23491", IDIM_EARGUMENT,
         "dim: expected at most 23490, the number of weights of"},
        {"\"method\":\"sad\",\"dim\":30", IDIM_EARGUMENT, "said"},
        {"\"method\":\"did\"", IDIM_EARGUMENT, "dim"},
        {"\"method\":\"did\",\"dim\":30,\"learning_rat\":1", IDIM_EARGUMENT, "learning_rate"},
        {"\"method\":\"did\",\"dim\":30,\"max_seq_length\":65", IDIM_EARGUMENT, "at most 64"},
        {"\"method\":\"did\",\"dim\":30,\"label\":\"lable\"", IDIM_EFORMAT, "lable"},
        {"\"method\":\"did\",\"dim\":30,\"pull\":\"public\"", IDIM_EARGUMENT, "fastfood-tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = tune(lib, cases[i].spec, -1);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].says) == NULL)
            fail_msg("case %zu (%s): status %d, '%s'; expected %d and '%s'", i, cases[i].spec,
                     status, idim_error(lib), cases[i].status, cases[i].says);
    }
    assert_false(file_exists(FOLDER "/record.json"));
}

static void a_headless_folder_needs_an_adapter(void **state)
{
    idim *lib = ((world *)*state)->lib;
    assert_int_equal(
        idim_predict(lib, "{\"model\":\"" MODEL "\",\"test\":\"test_tune_dev.csv\"}", NULL, NULL),
        IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "--adapter"));
}

static void the_plan_touches_nothing(void **state)
{
    idim *lib = ((world *)*state)->lib;
    CHECK_OK(lib, idim_plan(lib, "tune",
                            "{\"model\":\"" MODEL "\",\"train\":\"test_tune_train.csv\",\"method\":"
                            "\"said\",\"dim\":40,\"output_dir\":\"" FOLDER "\"}"));
    json_t *plan = json_loads(idim_result(lib), 0, NULL);
    assert_int_equal(number_at(plan, "dim", NULL, NULL), 40);
    assert_int_equal(number_at(plan, "trained", "z", NULL), 36);
    assert_true(number_at(plan, "seconds_per_step", NULL, NULL) > 0);
    assert_false(file_exists(FOLDER));
    json_decref(plan);
}

#define RUN_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(resume_equals_no_resume_in_a_subspace),
        RUN_TEST(resume_equals_no_resume_in_full),
        RUN_TEST(resume_equals_no_resume_in_bf16),
        RUN_TEST(a_run_that_is_stopped_while_it_scores_goes_on),
        RUN_TEST(there_is_no_loss_before_the_first_step),
        RUN_TEST(a_finished_run_is_not_done_again),
        RUN_TEST(another_run_in_the_same_folder_is_refused),
        RUN_TEST(a_damaged_checkpoint_is_refused_by_name),
        RUN_TEST(threads_do_not_change_a_byte),
        RUN_TEST(every_method_learns_and_its_adapter_means_the_same_again),
        RUN_TEST(accumulated_batches_equal_one_large_batch),
        RUN_TEST(huge_rates_end_as_not_finite),
        RUN_TEST(impossible_wishes_are_refused_by_name),
        RUN_TEST(a_headless_folder_needs_an_adapter),
        RUN_TEST(the_plan_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
