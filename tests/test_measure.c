/* Studies through the public function. The runs of most are written by the test, with scores that
 * it chooses: what is asked for, what is made of it, and what is done about damage can be seen
 * without training.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "base/folder.h"
#include "measure/cell.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

#define FOLDER "test_measure_study"
#define DATA   "test_measure.csv"
#include "study.h"

/* ---- runs that the test wrote ---------------------------------------------------------------- */

/* the score of a run; NaN: it failed */
typedef double score_rule(const run_request *r);

/* a record whose predictions have that score: which rows are wrong differs from run to run */
static json_t *record_of(const job *j, const char *name, double score, uint32_t seed)
{
    const split *dev = &j->task->splits[SPLIT_DEV];
    json_t *predictions = json_array();
    int64_t wrong = llround((1 - score) * (double)dev->n), from = (int64_t)(seed * 7919u) % dev->n;
    for (int64_t i = 0; i < dev->n; i++) {
        bool right = (i - from + dev->n) % dev->n >= wrong;
        json_array_append_new(predictions,
                              json_integer(right ? (int)dev->label[i] : 1 - (int)dev->label[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:{s:{s:f}}, s:i, s:f, s:{s:f}, s:o}", "schema", "idim.run/1",
                     "run", name, "metric", "accuracy", "eval", "dev", "accuracy",
                     1 - (double)wrong / (double)dev->n, "steps", 2, "seconds", 1.0, "settings",
                     "learning_rate", 0.001, "predictions", predictions);
}

static json_t *failure_of(const char *name)
{
    return json_pack("{s:s, s:s, s:s}", "schema", "idim.run/1", "run", name, "failure", "it did");
}

static void publish(const ledger *l, const char *name, json_t *record)
{
    claim c;
    char path[512], *text = json_dumps(record, 0);
    json_decref(record);
    CHECK_OK(l->lib, ledger_claim(l, name, &c));
    assert_non_null(c.folder);
    snprintf(path, sizeof path, "%s/record.json", c.folder);
    CHECK_OK(l->lib, file_write(l->lib, path, text, (int64_t)strlen(text)));
    CHECK_OK(l->lib, ledger_publish(&c));
    free(text);
}

static void finish_round(cell *c, job *j, const ledger *l, score_rule *score)
{
    for (int64_t i = 0; i < c->n_next; i++) {
        double s = score(&c->next[i]);
        json_t *record = isnan(s)
                             ? failure_of(c->next_name[i])
                             : record_of(j, c->next_name[i], s, (uint32_t)c->n_runs + (uint32_t)i);
        publish(l, c->next_name[i], record);
    }
}

/* rounds: so many, or all that are asked for (0); how is borrowed */
static void fill(idim *lib, const json_t *how, score_rule *score, int rounds)
{
    cell *c;
    job j;
    ledger l;
    CHECK_OK(lib, cell_new(lib, how, &c));
    CHECK_OK(lib, cell_open_job(c, &j));
    CHECK_OK(lib, cell_begin(c, &j));
    CHECK_OK(lib, ledger_open(lib, FOLDER, &l));
    for (int round = 0; rounds == 0 || round < rounds; round++) {
        CHECK_OK(lib, cell_refresh(c, &j, &l));
        if (c->n_next == 0)
            break;
        finish_round(c, &j, &l, score);
    }
    ledger_close(&l);
    job_close(&j);
    cell_free(c);
}

/* the answer of a study all of whose runs are there */
static json_t *answer(idim *lib, json_t *how, score_rule *score)
{
    json_t *study;
    fill(lib, how, score, 0);
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    assert_true(json_is_true(json_object_get(study, "complete")));
    return study;
}

static bool is_baseline(const run_request *r)
{
    return r->kind == RUN_HEAD || r->kind == RUN_BIAS;
}

static double rising(const run_request *r)
{
    if (r->kind == RUN_FULL)
        return 0.95;
    return is_baseline(r) ? 0.6 : 0.5 + 0.45 / (1 + pow((double)r->dim / 40, -2));
}

static void fill_first_round(idim *lib)
{
    json_t *how = settings();
    fill(lib, how, rising, 1);
    json_decref(how);
}

static double level(const run_request *r)
{
    return r->kind == RUN_FULL ? 0.95 : 0.7;
}

static double high(const run_request *r)
{
    return is_baseline(r) ? 0.6 : 0.95;
}

static double full_at_chance(const run_request *r)
{
    return r->kind == RUN_FULL ? 0.5 : 0.7;
}

static double every_second_collapses(const run_request *r)
{
    return r->kind == RUN_SUBSPACE && r->seed % 2 == 0 ? 0.5 : rising(r);
}

static double full_fails(const run_request *r)
{
    return r->kind == RUN_FULL ? NAN : 0.7;
}

static double subspace_fails(const run_request *r)
{
    return r->kind == RUN_SUBSPACE ? NAN : level(r);
}

static void every_status_is_an_answer(void **state)
{
    static const struct {
        score_rule *score;
        double threshold;
        const char *status, *reason;
    } cases[] = {
        {rising, 0.9, "ok", ""},
        {level, 0.9, "not_reached", "no d of the range reaches the target"},
        {high, 0.9, "below_range", "the smallest d of the range reaches the target"},
        {full_at_chance, 0.9, "full_below_majority", "no better than a constant answer"},
        {rising, 0.5, "target_below_majority", "a constant answer reaches the target"},
        {every_second_collapses, 0.9, "unstable", "runs near the threshold collapsed"},
        {full_fails, 0.9, "unstable", "every run of full fine-tuning failed"},
        {subspace_fails, 0.9, "unstable", "too many subspace runs failed or collapsed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *again = NULL;
        set_up(&again);
        idim_close(again);
        idim *lib = *state;
        json_t *how = settings();
        json_object_set_new(how, "threshold", json_real(cases[i].threshold));
        json_t *study = answer(lib, how, cases[i].score);
        const json_t *one = cell_of(study, 0);
        if (strcmp(text_of(one, "status"), cases[i].status) != 0 ||
            strstr(text_of(one, "reason"), cases[i].reason) == NULL)
            fail_msg("case %zu: expected %s (%s), found %s (%s)", i, cases[i].status,
                     cases[i].reason, text_of(one, "status"), text_of(one, "reason"));
        json_decref(study);
    }
}

/* the curve crosses 0.855 at 40 (0.355 / 0.095)^(1/2) = 77 */
static void the_answer_lies_where_the_scores_cross(void **state)
{
    json_t *study = answer(*state, settings(), rising);
    const json_t *one = cell_of(study, 0);
    double d90 = json_number_value(json_object_get(one, "d90"));
    double low = json_number_value(json_object_get(one, "low"));
    double above = json_number_value(json_object_get(one, "high"));
    assert_true(low < 77 && 77 < above && 50 < d90 && d90 < 120);
    json_decref(study);
}

/* of three rates the second is best by less than the margin: it is not the one that counts */
static double second_rate_slightly_better(const run_request *r)
{
    return r->kind == RUN_FULL && r->rate_factor < 1 ? 0.955 : rising(r);
}

static void full_is_the_rate_that_makes_the_target(void **state)
{
    json_t *study = answer(*state, settings(), second_rate_slightly_better);
    const json_t *one = cell_of(study, 0), *full = json_object_get(one, "full");
    double score = json_number_value(json_object_get(full, "score"));
    double target = json_number_value(json_object_get(one, "target"));
    assert_true(fabs(target - 0.9 * score) < 1e-9);
    assert_int_equal(json_integer_value(json_object_get(full, "runs")), 4);
    json_decref(study);
}

static double second_seed_collapses(const run_request *r)
{
    return r->kind == RUN_FULL && r->seed == 2 ? 0.5 : rising(r);
}

static void full_is_without_the_runs_that_collapsed(void **state)
{
    json_t *study = answer(*state, settings(), second_seed_collapses);
    const json_t *one = cell_of(study, 0), *full = json_object_get(one, "full");
    double score = json_number_value(json_object_get(full, "score"));
    assert_true(fabs(json_number_value(json_object_get(one, "target")) - 0.9 * score) < 1e-9);
    assert_true(fabs(score - 0.95) < 1e-9);
    assert_int_equal(json_integer_value(json_object_get(full, "collapsed")), 1);
    assert_int_equal(json_integer_value(json_object_get(full, "runs")), 4);
    json_decref(study);
}

static void a_linearised_model_that_cannot_be_is_recorded_as_such(void **state)
{
    json_t *how = settings();
    json_object_set_new(how, "max_train_samples", json_integer(4));
    json_object_set_new(how, "linearised", json_true());
    json_t *study = answer(*state, how, rising);
    const json_t *curve = json_object_get(cell_of(study, 0), "linearised");
    assert_non_null(strstr(text_of(curve, "failure"), "at least 20 training rows"));
    json_decref(study);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void no_time_is_an_incomplete_answer(void **state)
{
    json_t *how = settings(), *study;
    json_object_set_new(how, "budget", json_string("0.000001s"));
    CHECK_OK(*state, measure(*state, how, NULL, NULL, &study));
    assert_string_equal(text_of(cell_of(study, 0), "status"), "incomplete");
    assert_false(json_is_true(json_object_get(study, "complete")));
    json_decref(study);
}

/* asks to stop when the study has taken `left` steps or scored so many batches; a run of 4 steps
 * scores dev and train, which are 4 batches each */
static int stop_after(void *user, const idim_progress *now)
{
    int *left = user;
    return strcmp(now->phase, "reads") != 0 && --*left < 0;
}

static json_t *workers(idim *lib)
{
    json_t *study;
    CHECK_OK(lib, measure(lib, json_pack("{s:s}", "status", FOLDER), NULL, NULL, &study));
    json_t *working = json_incref(json_object_get(study, "working"));
    json_decref(study);
    return working;
}

/* the settings of a small study that was stopped after so many calls of the watch */
static json_t *stopped_study(idim *lib, int calls)
{
    json_t *study, *how = settings();
    json_object_set_new(how, "preset", json_string("quick"));
    json_object_set_new(how, "max_steps", json_integer(4));
    assert_int_equal(measure(lib, json_incref(how), stop_after, &calls, &study), IDIM_ESTOPPED);
    return how;
}

static void a_stopped_study_gives_its_run_back_and_goes_on(void **state)
{
    idim *lib = *state;
    json_t *study, *how = stopped_study(lib, 13);
    assert_int_equal(count(lib, FOLDER "/runs"), 1);
    assert_int_equal(count(lib, FOLDER "/pending"), 1);
    json_t *working = workers(lib);
    assert_int_equal(json_array_size(working), 0);
    json_decref(working);
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    assert_true(json_is_true(json_object_get(study, "complete")));
    assert_int_equal(count(lib, FOLDER "/pending"), 0);
    assert_int_equal(json_integer_value(json_object_get(study, "runs_done")),
                     count(lib, FOLDER "/runs"));
    json_decref(study);
}

static void the_deadline_stops_a_run_that_goes_on_later(void **state)
{
    idim *lib = *state;
    json_t *study, *how = settings();
    json_object_set_new(how, "max_steps", json_integer(1000000));
    json_object_set_new(how, "budget", json_string("0.2s"));
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    assert_false(json_is_true(json_object_get(study, "complete")));
    assert_int_equal(count(lib, FOLDER "/runs"), 0);
    json_decref(study);
}

static void status_names_who_is_at_work(void **state)
{
    idim *lib = *state;
    ledger l;
    claim c;
    fill_first_round(lib);
    json_t *study, *how = settings();
    json_object_set_new(how, "budget", json_string("0.000001s"));
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    json_decref(study);
    CHECK_OK(lib, ledger_open(lib, FOLDER, &l));
    CHECK_OK(lib, ledger_claim(&l, "0123456789abcdef", &c));
    json_t *working = workers(lib);
    assert_int_equal(json_array_size(working), 1);
    const json_t *one = json_array_get(working, 0);
    assert_true(json_is_true(json_object_get(one, "alive")));
    assert_int_equal(json_integer_value(json_object_get(one, "process")), getpid());
    json_decref(working);

    /* no process has this number */
    CHECK_OK(lib, file_write(lib, c.file, "999999999 1 ", 12));
    char owner[512];
    snprintf(owner, sizeof owner, "999999999 1 %s", strchr(strchr(l.owner, ' ') + 1, ' ') + 1);
    CHECK_OK(lib, file_write(lib, c.file, owner, (int64_t)strlen(owner)));
    working = workers(lib);
    assert_false(json_is_true(json_object_get(json_array_get(working, 0), "alive")));
    json_decref(working);
    CHECK_OK(lib, ledger_release(&c));
    ledger_close(&l);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void damaged_answers_are_written_anew(void **state)
{
    idim *lib = *state;
    json_t *study = answer(lib, settings(), rising);
    char path[256];
    snprintf(path, sizeof path, FOLDER "/cells/%s.json", text_of(cell_of(study, 0), "key"));
    CHECK_OK(lib, file_write(lib, path, "{\"key\":", 7));
    CHECK_OK(lib, file_write(lib, FOLDER "/cells/other.json", "{}", 2));
    CHECK_OK(lib, file_write(lib, FOLDER "/measure.json", "", 0));
    json_t *again;
    CHECK_OK(lib, measure(lib, settings(), NULL, NULL, &again));
    assert_true(json_equal(study, again));
    json_decref(study);
    json_decref(again);
}

static void a_damaged_run_is_named(void **state)
{
    static const struct {
        const char *record, *fragment;
    } cases[] = {
        {"{\"run\"", "record.json"},
        {"{}", "expected a run with scores on dev, or a failure, found neither"},
        {"{\"eval\":{\"dev\":{\"accuracy\":0.5}}}", "predictions"},
        {"{\"eval\":{\"dev\":{\"accuracy\":0.5}},\"predictions\":[1]}", "expected 200 entries"},
    };
    idim *lib = *state;
    fill_first_round(lib);
    folder_names runs;
    CHECK_OK(lib, folder_list(lib, FOLDER "/runs", &runs));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[256];
        json_t *study;
        snprintf(path, sizeof path, FOLDER "/runs/%s/record.json", runs.name[0]);
        CHECK_OK(lib, file_write(lib, path, cases[i].record, (int64_t)strlen(cases[i].record)));
        assert_int_equal(measure(lib, settings(), NULL, NULL, &study), IDIM_EFORMAT);
        if (strstr(idim_error(lib), cases[i].fragment) == NULL ||
            strstr(idim_error(lib), runs.name[0]) == NULL)
            fail_msg("case %zu: %s", i, idim_error(lib));
    }
    folder_names_free(lib, &runs);
}

static void a_prediction_of_no_class_is_refused(void **state)
{
    idim *lib = *state;
    json_t *record, *study;
    ledger l;
    fill_first_round(lib);
    folder_names runs;
    CHECK_OK(lib, folder_list(lib, FOLDER "/runs", &runs));
    CHECK_OK(lib, ledger_open(lib, FOLDER, &l));
    CHECK_OK(lib, ledger_read(&l, runs.name[0], &record));
    json_array_set_new(json_object_get(record, "predictions"), 3, json_integer(2));
    char path[256], *text = json_dumps(record, 0);
    snprintf(path, sizeof path, FOLDER "/runs/%s/record.json", runs.name[0]);
    CHECK_OK(lib, file_write(lib, path, text, (int64_t)strlen(text)));
    free(text);
    json_decref(record);
    assert_int_equal(measure(lib, settings(), NULL, NULL, &study), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "predictions[3]"));
    ledger_close(&l);
    folder_names_free(lib, &runs);
}

/* as a power cut may leave it: the log shorter than the checkpoint says, or the checkpoint torn */
static void a_torn_checkpoint_starts_the_run_over(void **state)
{
    idim *lib = *state;
    json_t *study, *how = stopped_study(lib, 2);
    folder_names work;
    char path[256];
    CHECK_OK(lib, folder_list(lib, FOLDER "/pending", &work));
    assert_int_equal(work.n, 1);
    snprintf(path, sizeof path, FOLDER "/pending/%s/log.jsonl", work.name[0]);
    CHECK_OK(lib, file_truncate(lib, path, 3));
    folder_names_free(lib, &work);
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    assert_true(json_is_true(json_object_get(study, "complete")));
    json_decref(study);
}

/* ---- room --------------------------------------------------------------------------------------
 */

/* more seeds of full fine-tuning take nothing from the search */
static void seeds_have_room_beside_the_budget(void **state)
{
    json_t *how = settings(), *study;
    json_object_set_new(how, "seeds", json_integer(30));
    study = answer(*state, how, rising);
    assert_string_equal(text_of(cell_of(study, 0), "status"), "ok");
    json_decref(study);
    how = settings();
    json_object_set_new(how, "seeds", json_integer(30));
    json_object_set_new(how, "budget", json_string("20"));
    assert_int_equal(measure(*state, how, NULL, NULL, &study), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(*state), "budget: expected at least"));
}

static void runs_that_cells_share_are_counted_once(void **state)
{
    idim *lib = *state;
    static const char *const methods[] = {"said", "did"};
    json_t *how = settings(), *study;
    for (int i = 0; i < 2; i++) {
        json_object_set_new(how, "method", json_string(methods[i]));
        fill(lib, how, rising, 0);
    }
    json_object_set_new(how, "method", json_pack("[s, s]", methods[0], methods[1]));
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    assert_int_equal(json_array_size(json_object_get(study, "cells")), 2);
    assert_int_equal(json_integer_value(json_object_get(study, "runs_done")),
                     count(lib, FOLDER "/runs"));
    json_decref(study);
}

static json_t *record_named(idim *lib, const char *name)
{
    char path[256], *text;
    int64_t size;
    snprintf(path, sizeof path, FOLDER "/runs/%s/record.json", name);
    CHECK_OK(lib, file_read(lib, path, 1 << 24, &text, &size));
    json_t *record = json_loads(text, 0, NULL);
    memory_free(lib, text);
    assert_non_null(record);
    return record;
}

/* the score of a run is that of the file it leaves; classifier, biases and full have no coding */
static void coded_cells_score_and_bound_what_they_ship(void **state)
{
    idim *lib = *state;
    json_t *how = settings(), *study;
    json_object_set_new(how, "bits", json_real(2.5));
    CHECK_OK(lib, measure(lib, how, NULL, NULL, &study));
    const json_t *one = cell_of(study, 0), *points = json_object_get(one, "points");
    assert_string_equal(text_of(one, "variation"), "2.5 bits a number");
    assert_true(json_array_size(points) > 2);
    const char *name =
        json_string_value(json_array_get(json_object_get(json_array_get(points, 0), "names"), 0));
    json_t *record = record_named(lib, name);
    const json_t *coding = json_object_get(record, "coding");
    const json_t *bound = json_object_get(record, "bound");
    assert_true(json_number_value(json_object_get(coding, "bits")) > 0);
    assert_true(json_number_value(json_object_get(bound, "bits")) > 0);
    assert_int_equal(json_integer_value(json_object_get(bound, "n")), ROWS);
    double score = json_number_value(
        json_object_get(json_object_get(json_object_get(record, "eval"), "dev"), "accuracy"));
    double error = json_number_value(
        json_object_get(json_object_get(json_object_get(bound, "held_out"), "dev"), "error"));
    assert_true(fabs(1 - score - error) < 1e-9);
    json_decref(record);

    name = json_string_value(
        json_array_get(json_object_get(json_object_get(one, "full"), "names"), 0));
    record = record_named(lib, name);
    assert_null(json_object_get(record, "coding"));
    json_decref(record);
    json_decref(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_status_is_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_answer_lies_where_the_scores_cross, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_is_the_rate_that_makes_the_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_is_without_the_runs_that_collapsed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_linearised_model_that_cannot_be_is_recorded_as_such,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_time_is_an_incomplete_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_study_gives_its_run_back_and_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_deadline_stops_a_run_that_goes_on_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(status_names_who_is_at_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_answers_are_written_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_run_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prediction_of_no_class_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_torn_checkpoint_starts_the_run_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seeds_have_room_beside_the_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_that_cells_share_are_counted_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(coded_cells_score_and_bound_what_they_ship, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
