/* Every allocation of gradients and of the linearised model made to fail in turn: the failure is
 * said, nothing stays behind, and no half file either.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "failing_memory.h"
#include "base/file.h"
#include "measure/linearised.h"
#include "write_files.h"

#include <unistd.h>

#define MODEL TEST_FOLDER "/fixtures/tiny"
#define CSV   "test_gradients_memory.csv"
#define NPY   "test_gradients_memory.npy"

static int write_gradients(idim *lib)
{
    return idim_gradients(lib,
                          "{\"model\":\"" MODEL "\",\"train\":\"" CSV "\",\"dim\":20,\"threads\":1,"
                          "\"output\":\"" NPY "\"}",
                          NULL, NULL);
}

static int fit(idim *lib)
{
    const int64_t dims[] = {3, 10};
    linearised_options o = {.dims = dims, .n_dims = 2};
    linearised *l = NULL;
    job j;
    int status = job_open(lib, "tune",
                          "{\"model\":\"" MODEL "\",\"train\":\"" CSV "\",\"dev\":\"" CSV
                          "\",\"dim\":20,\"threads\":1,\"output_dir\":\"unused\"}",
                          &j);
    if (status == 0)
        status = linearised_run(&j, &o, &l);
    linearised_free(l);
    job_close(&j);
    return status;
}

/* absent, or all of it (when only the record failed): the header and 20 rows of 20 numbers */
static void check_whole(idim *lib)
{
    file_reader f;
    if (!file_exists(NPY))
        return;
    CHECK_OK(lib, file_open(lib, NPY, &f));
    assert_int_equal(f.size, 128 + 20 * 20 * 4);
    file_close(&f);
}

/* Opening model and task has a test of its own, so of the first allocations only some are failed.
 */
static void fail_each(int (*call)(idim *), int64_t sparse, int64_t every)
{
    for (int64_t n = 1;; n += n < sparse ? every : 1) {
        failing f = {.left = n};
        idim_options options = {.alloc = failing_alloc, .user = &f, .threads = 1};
        idim *lib;
        assert_int_equal(idim_open(&options, &lib), 0);
        remove(NPY);
        int status = call(lib);
        if (f.failed) {
            if (status != IDIM_EMEMORY || strstr(idim_error(lib), "out of memory") == NULL)
                fail_msg("allocation %lld: %d %s", (long long)n, status, idim_error(lib));
            check_whole(lib);
        } else {
            CHECK_OK(lib, status);
        }
        idim_close(lib);
        if (f.held != 0)
            fail_msg("allocation %lld: %lld bytes stay behind", (long long)n, (long long)f.held);
        if (!f.failed) {
            print_message("%lld allocations\n", (long long)n);
            assert_true(n > sparse + 10);
            return;
        }
    }
}

static int write_examples(void **state)
{
    (void)state;
    char text[2000] = "sentence,label\n";
    for (int i = 0; i < 20; i++)
        strcat(text, i % 3 == 0 ? "good bade,y\n" : "bad kilo muna,n\n");
    write_text(CSV, text);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    remove(CSV);
    remove(NPY);
    return 0;
}

static void gradients_survive_every_failed_allocation(void **state)
{
    (void)state;
    fail_each(write_gradients, 10, 5);
}

static void the_linearised_model_survives_every_failed_allocation(void **state)
{
    (void)state;
    fail_each(fit, 10, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_survive_every_failed_allocation),
        cmocka_unit_test(the_linearised_model_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, write_examples, clean);
}
