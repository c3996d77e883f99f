/* Metrics equal to scikit-learn's and scipy's; the majority baseline.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "task/metrics.h"

#include <math.h>

#include "fixtures/metrics.h"

static const char *const names[7] = {
    "accuracy", "f1", "matthews_correlation", "pearson", "spearmanr", "mse", "f1_micro"};

static double value_of(const metrics *m, const char *name)
{
    for (int64_t i = 0; i < m->n; i++)
        if (strcmp(m->name[i], name) == 0)
            return m->value[i];
    return NAN;
}

/* 60 terms of size 1: a few rounding errors of 1e-16 each; large values are compared by ratio */
static void metrics_equal_the_reference(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof metric_cases / sizeof metric_cases[0]; i++) {
        int64_t n_labels = metric_cases[i].n_labels;
        task t = {.lib = lib,
                  .kind = metric_cases[i].multi_label ? TASK_MULTI_LABEL
                          : n_labels == 1             ? TASK_REGRESSION
                                                      : TASK_CLASSES,
                  .n_labels = n_labels};
        metrics m;
        CHECK_OK(lib, metrics_compute(&t, metric_cases[i].logits, metric_cases[i].label,
                                      metric_cases[i].n, &m));
        for (int k = 0; k < 7; k++) {
            double expected = metric_cases[i].expected[k], found = value_of(&m, names[k]);
            double size = fabs(expected) > 1 ? fabs(expected) : 1;
            bool both_undefined = isnan(expected) && isnan(found);
            if (!both_undefined && !(fabs(expected - found) <= 1e-12 * size))
                fail_msg("%s: %s: expected %.17g, found %.17g", metric_cases[i].name, names[k],
                         expected, found);
        }
    }
    idim_close(lib);
}

static void combined_score_is_the_mean_of_two(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const float logits[8] = {0, 1, 0, 1, 1, 0, 1, 0}, label[4] = {1, 0, 1, 0};
    task t = {.lib = lib, .n_labels = 2, .metric = "accuracy", .combined = true};
    metrics m;
    CHECK_OK(lib, metrics_compute(&t, logits, label, 4, &m));
    assert_true(value_of(&m, "accuracy") == 0.5 && value_of(&m, "f1") == 0.5);
    assert_true(value_of(&m, "combined_score") == 0.5);
    assert_true(metrics_score(&t, &m) == 0.5);

    const float said[4] = {1, 2, 3, 5}, is[4] = {1, 2, 3, 4};
    t = (task){
        .lib = lib, .kind = TASK_REGRESSION, .n_labels = 1, .metric = "pearson", .combined = true};
    CHECK_OK(lib, metrics_compute(&t, said, is, 4, &m));
    double mean = (value_of(&m, "pearson") + value_of(&m, "spearmanr")) / 2;
    assert_true(value_of(&m, "combined_score") == mean);
    assert_true(metrics_score(&t, &m) == value_of(&m, "pearson"));
    idim_close(lib);
}

static void scores_of_nothing_or_of_nan_are_not_numbers(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const float said[3] = {1, NAN, 2}, is[3] = {1, 2, 3};
    task t = {.lib = lib, .kind = TASK_REGRESSION, .n_labels = 1, .metric = "pearson"};
    metrics m;
    CHECK_OK(lib, metrics_compute(&t, said, is, 3, &m));
    for (int64_t i = 0; i < m.n; i++)
        assert_true(isnan(m.value[i]));
    t.kind = TASK_CLASSES;
    t.n_labels = 2;
    CHECK_OK(lib, metrics_compute(&t, said, is, 0, &m));
    assert_true(m.n > 0);
    for (int64_t i = 0; i < m.n; i++)
        assert_true(isnan(m.value[i]));
    idim_close(lib);
}

static void majority_comes_from_the_train_split(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    float train[5] = {1, 1, 0, 1, 0}, dev[4] = {0, 0, 0, 1};
    task t = {.lib = lib, .n_labels = 2, .metric = "accuracy"};
    t.splits[SPLIT_TRAIN].label = train;
    t.splits[SPLIT_TRAIN].n = 5;
    t.splits[SPLIT_DEV].label = dev;
    t.splits[SPLIT_DEV].n = 4;
    metrics m;
    CHECK_OK(lib, metrics_majority(&t, SPLIT_DEV, &m));
    assert_true(metrics_score(&t, &m) == 0.25);
    t.splits[SPLIT_TRAIN] = (split){0};
    CHECK_OK(lib, metrics_majority(&t, SPLIT_DEV, &m));
    assert_true(metrics_score(&t, &m) == 0.75);

    t.kind = TASK_REGRESSION;
    t.n_labels = 1;
    t.metric = "pearson";
    CHECK_OK(lib, metrics_majority(&t, SPLIT_DEV, &m));
    assert_true(metrics_score(&t, &m) == 0);
    assert_true(fabs(value_of(&m, "mse") - 0.1875) < 1e-15);

    /* more than half of the train rows have label 0, half have label 1 */
    float sets[] = {1, 0, 1, 1, 0, 1, 1, 0}, others[] = {1, 0, 1, 1, 0, 0};
    t = (task){.lib = lib, .kind = TASK_MULTI_LABEL, .n_labels = 2, .metric = "f1_micro"};
    t.splits[SPLIT_TRAIN] = (split){.label = sets, .label_width = 2, .n = 4};
    t.splits[SPLIT_DEV] = (split){.label = others, .label_width = 2, .n = 3};
    CHECK_OK(lib, metrics_majority(&t, SPLIT_DEV, &m));
    assert_true(value_of(&m, "accuracy") == 1 / 3.0);
    assert_true(fabs(metrics_score(&t, &m) - 4.0 / 6) < 1e-15);
    t.splits[SPLIT_DEV].label = NULL;

    t.name = (char[]){"x"};
    assert_int_equal(metrics_majority(&t, SPLIT_TEST, &m), IDIM_EARGUMENT);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_equal_the_reference),
        cmocka_unit_test(combined_score_is_the_mean_of_two),
        cmocka_unit_test(scores_of_nothing_or_of_nan_are_not_numbers),
        cmocka_unit_test(majority_comes_from_the_train_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
