/* What measure refuses before it trains anything.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_measure_refused"
#define DATA   "test_measure_refused.csv"
#include "measure/cell.h"
#include "study.h"

static void what_cannot_be_measured_is_refused_before_any_run(void **state)
{
    idim *lib = *state;
    json_t *study, *how = settings();
    json_object_set_new(how, "model", json_pack("[s, s]", MODEL, "./no_such_model"));
    assert_int_not_equal(measure(lib, how, NULL, NULL, &study), 0);
    assert_non_null(strstr(idim_error(lib), "no_such_model"));
    assert_int_equal(count(lib, FOLDER "/runs"), 0);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *setting, *value, *preset, *fragment;
    } cases[] = {
        {"budget", "1", "standard", "budget: expected at least 10 runs"},
        {"budget", "0", "standard", "budget: expected a number of runs"},
        {"budget", "-3", "standard", "budget: expected a number of runs"},
        {"budget", "2.5", "standard", "budget: expected a number of runs"},
        {"budget", "nan", "standard", "budget: expected a number of runs"},
        {"budget", "30d", "standard", "budget: expected a number of runs"},
        {"budget", "601", "quick", "at most 600"},
        {"dims", "9:9", "quick", "dims: expected LOW:HIGH"},
        {"dims", "9:10", "quick", "three values of d"},
        {"dims", "0:10", "quick", "dims: expected LOW:HIGH"},
        {"dims", "10:99999999999999999999", "quick", "dims: expected LOW:HIGH"},
        {"dims", "10:100:1000", "quick", "dims: expected LOW:HIGH"},
        {"dims", "10:23491", "quick", "dims: expected a HIGH of at most 23490, the number of"},
    };
    idim *lib = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *study, *how = settings();
        json_object_set_new(how, cases[i].setting, json_string(cases[i].value));
        json_object_set_new(how, "preset", json_string(cases[i].preset));
        int status = measure(lib, how, NULL, NULL, &study);
        if (status != IDIM_EARGUMENT || strstr(idim_error(lib), cases[i].fragment) == NULL)
            fail_msg("case %zu: expected \"%s\", found %d: %s", i, cases[i].fragment, status,
                     idim_error(lib));
    }
    assert_int_equal(count(lib, FOLDER "/runs"), 0);
}

static void a_default_range_ends_at_the_models_weights(void **state)
{
    enum { FEW = 5000 };
    idim *lib = *state;
    json_t *how = settings();
    cell *c;
    job j;
    json_object_del(how, "dims");
    CHECK_OK(lib, cell_new(lib, how, &c));
    CHECK_OK(lib, cell_open_job(c, &j));
    /* a view of a smaller model: the last tensors go unseen */
    int64_t size = j.model->weights->size;
    j.model->weights->size = FEW;
    CHECK_OK(lib, cell_begin(c, &j));
    assert_int_equal(c->search.low, 10);
    assert_int_equal(c->search.high, FEW);
    j.model->weights->size = size;
    job_close(&j);
    cell_free(c);
    json_decref(how);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_measured_is_refused_before_any_run, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(settings_that_make_no_sense_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_default_range_ends_at_the_models_weights, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
