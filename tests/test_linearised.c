/* The linearised model on a tiny random BERT: its outputs are the network's near theta0, a small d
 * is a prefix of a large one, it learns, and threads change nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "measure/linearised.h"
#include "write_files.h"

#include <math.h>

#define MODEL TEST_FOLDER "/fixtures/tiny"
#define SPEC                                                                                       \
    "{\"model\":\"" MODEL "\",\"train\":\"test_linearised_train.csv\",\"dev\":"                    \
    "\"test_linearised_dev.csv\",\"dim\":40,\"output_dir\":\"unused\",\"threads\":"

/* sentences whose second word says the label, a number for regression */
static void write_examples(const char *path, int n, int n_classes, unsigned seed)
{
    static const char *const part[] = {"ba", "de", "ki", "lo", "mu", "na"};
    static const char *const word[] = {"good", "bad", "demu"};
    static char text[60000];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < n; i++) {
        int class = (int)(seed >> 9) % (n_classes > 0 ? n_classes : 3);
        for (int w = 0; w < 5; w++) {
            seed = seed * 1664525u + 1013904223u;
            if (w == 1)
                at += (size_t)snprintf(text + at, sizeof text - at, "%s ", word[class]);
            else
                at += (size_t)snprintf(text + at, sizeof text - at, "%s%s ", part[(seed >> 8) % 6],
                                       part[(seed >> 16) % 6]);
        }
        if (n_classes > 0)
            at += (size_t)snprintf(text + at, sizeof text - at, ",%c\n", 'a' + class);
        else
            at += (size_t)snprintf(text + at, sizeof text - at, ",%.2f\n", class + 0.25);
    }
    write_bytes(path, text, at);
}

static void write_task(int n_classes)
{
    write_examples("test_linearised_train.csv", 160, n_classes, 3);
    write_examples("test_linearised_dev.csv", 60, n_classes, 77);
}

static void open_job(idim *lib, int threads, job *j)
{
    char settings[1024];
    snprintf(settings, sizeof settings, SPEC "%d}", threads);
    CHECK_OK(lib, job_open(lib, "tune", settings, j));
}

static linearised *fit(job *j, const int64_t *dims, int64_t n)
{
    linearised_options o = {.dims = dims, .n_dims = n};
    linearised *l;
    CHECK_OK(j->lib, linearised_run(j, &o, &l));
    return l;
}

/* logits of dev at theta0 + s P z */
static void network(job *j, const double *z, int64_t d, double s, float *logits)
{
    idim_subspace_options o = idim_subspace_defaults();
    subspace *space;
    tape *t;
    real x[64];
    evaluation e;
    o.method = "did";
    o.dim = d;
    for (int64_t i = 0; i < d; i++)
        x[i] = (real)(s * z[i]);
    CHECK_OK(j->lib, subspace_new(j->model->weights, &o, &space));
    CHECK_OK(j->lib, tape_new(j->lib, j->model->weights, &t));
    subspace_push(space, x, j->model->weights->theta);
    scorer r = {.model = j->model, .work = t, .task = j->task};
    CHECK_OK(j->lib, evaluate_split(&r, &j->task->splits[SPLIT_DEV], logits, &e));
    tape_free(t);
    subspace_free(space);
}

/* f0 + F z is what the network says at theta0 + s P z, extended in a line from small s. For d of
 * 40 and less the projection is that of d alone: they share the block of 64 (fastfood). */
static void its_outputs_are_the_tangent_of_the_network(void **state)
{
    (void)state;
    const int64_t dims[] = {10, 40};
    for (int classes = 2; classes <= 3; classes++) {
        idim *lib = check_library(1);
        job j;
        write_task(classes);
        open_job(lib, 1, &j);
        linearised *l = fit(&j, dims, 2);
        for (int p = 0; p < 2; p++) {
            const linearised_point *point = &l->point[p];
            /* a step so small that the curve is a line to a twentieth and floats still see it */
            const double s = 0.02 / point->z_norm;
            float at0[60 * 3], at[60 * 3];
            network(&j, point->z, dims[p], 0, at0);
            network(&j, point->z, dims[p], s, at);
            double largest = 0, worst = 0;
            for (int i = 0; i < 60 * classes; i++) {
                int k = i % classes;
                double line = (double)point->logits[i] - (double)at0[i];
                double real_one = ((double)at[i] - (double)at0[i]) / s;
                if (classes == 2 && k == 0)
                    continue;
                if (classes == 2) { /* only the difference is known */
                    line += (double)at0[i - 1];
                    real_one -= ((double)at[i - 1] - (double)at0[i - 1]) / s;
                }
                largest = fmax(largest, fabs(real_one));
                worst = fmax(worst, fabs(line - real_one));
            }
            print_message("%d classes, d = %lld: %g of %g\n", classes, (long long)dims[p], worst,
                          largest);
            assert_true(worst < 0.05 * largest);
        }
        linearised_free(l);
        job_close(&j);
        idim_close(lib);
    }
}

static void it_learns_more_with_more_numbers(void **state)
{
    (void)state;
    const int64_t dims[] = {2, 20, 200};
    const int classes[] = {2, 3, 0};
    for (int c = 0; c < 3; c++) {
        idim *lib = check_library(1);
        job j;
        write_task(classes[c]);
        open_job(lib, 1, &j);
        linearised *l = fit(&j, dims, 3);
        assert_int_equal(l->n, 3);
        for (int p = 0; p < 3; p++)
            print_message("%d classes, d = %lld: %s %.3f, loss %.3f, |z| %.2f, ridge %.1e, %lld\n",
                          classes[c], (long long)dims[p], j.task->metric, l->point[p].score,
                          l->point[p].dev.loss, l->point[p].z_norm, l->point[p].ridge,
                          (long long)l->point[p].iterations);
        /* the word is plain to see; a constant answer scores a half, a third, nothing */
        assert_true(l->point[2].score > 0.8);
        assert_true(l->point[2].dev.loss < l->point[0].dev.loss);
        linearised_free(l);
        job_close(&j);
        idim_close(lib);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    const int64_t dims[] = {20, 300};
    double first[300];
    float logits[60 * 2];
    write_task(2);
    for (int threads = 1; threads <= 3; threads++) {
        idim *lib = check_library(threads);
        job j;
        open_job(lib, threads, &j);
        linearised *l = fit(&j, dims, 2);
        if (threads == 1) {
            memcpy(first, l->point[1].z, sizeof first);
            memcpy(logits, l->point[1].logits, sizeof logits);
        }
        assert_memory_equal(first, l->point[1].z, sizeof first);
        assert_memory_equal(logits, l->point[1].logits, sizeof logits);
        linearised_free(l);
        job_close(&j);
        idim_close(lib);
    }
}

static void what_does_not_fit_in_memory_is_dropped_and_said(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    job j;
    write_task(2);
    open_job(lib, 1, &j);
    /* 220 examples of 4 bytes a number: 2.4 million numbers fill two gibibytes */
    const int64_t dims[] = {15, 2500000}, one[] = {2500000};
    linearised *l = fit(&j, dims, 2);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->dropped, 1);
    assert_int_equal(l->d_max, 15);
    json_t *json = linearised_json(l, j.task);
    const json_t *point = json_array_get(json_object_get(json, "points"), 0);
    assert_int_equal(json_integer_value(json_object_get(point, "dim")), 15);
    assert_int_equal(json_array_size(json_object_get(point, "predictions")), 60);
    json_decref(json);
    linearised_free(l);

    linearised_options o = {.dims = one, .n_dims = 1};
    assert_int_equal(linearised_run(&j, &o, &l), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "--max-train-samples"));
    assert_null(l);
    job_close(&j);
    idim_close(lib);
}

static int stop_while(void *phase, const idim_progress *now)
{
    return strcmp(phase, now->phase) == 0 && now->step == 1;
}

static void it_stops_when_asked_and_refuses_what_it_lacks(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const int64_t dims[] = {5, 10};
    linearised_options o = {dims, 2, stop_while, "gradients"};
    linearised *l;
    job j;
    write_task(2);
    open_job(lib, 1, &j);
    assert_int_equal(linearised_run(&j, &o, &l), IDIM_ESTOPPED);
    o.user = "fit";
    library_clear(lib);
    assert_int_equal(linearised_run(&j, &o, &l), IDIM_ESTOPPED);
    job_close(&j);

    library_clear(lib);
    write_examples("test_linearised_train.csv", 12, 2, 3);
    open_job(lib, 1, &j);
    assert_int_equal(linearised_run(&j, &o, &l), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "at least 20 training rows"));
    job_close(&j);

    library_clear(lib);
    CHECK_OK(lib, job_open(lib, "tune",
                           "{\"model\":\"" MODEL "\",\"train\":\"test_linearised_dev.csv\","
                           "\"dim\":40,\"output_dir\":\"unused\"}",
                           &j));
    assert_int_equal(linearised_run(&j, &o, &l), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "dev split"));
    job_close(&j);
    idim_close(lib);
}

static void dims_are_spaced_by_1_2_5(void **state)
{
    (void)state;
    int64_t dims[32];
    assert_int_equal(linearised_dims(4096, dims), 9);
    const int64_t expected[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 4096};
    assert_memory_equal(dims, expected, sizeof expected);
    assert_int_equal(linearised_dims(1000, dims), 7);
    assert_int_equal(dims[6], 1000);
    assert_int_equal(linearised_dims(3, dims), 1);
    assert_int_equal(dims[0], 3);
    assert_int_equal(linearised_dims((int64_t)1 << 52, dims), 31);
    assert_true(dims[30] == (int64_t)1 << 52);
}

static int clean(void **state)
{
    (void)state;
    remove("test_linearised_train.csv");
    remove("test_linearised_dev.csv");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_outputs_are_the_tangent_of_the_network),
        cmocka_unit_test(it_learns_more_with_more_numbers),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(what_does_not_fit_in_memory_is_dropped_and_said),
        cmocka_unit_test(it_stops_when_asked_and_refuses_what_it_lacks),
        cmocka_unit_test(dims_are_spaced_by_1_2_5),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
