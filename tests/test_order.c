/* The order of an epoch: a permutation, and what stratifying it promises.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "task/order.h"

#include <math.h>

enum { N = 1000, BATCH = 16 };

/* n examples, of which label(i) says the class or value */
static task with_labels(idim *lib, task_kind kind, int64_t n_labels, float *label, int64_t n)
{
    task t = {.lib = lib, .kind = kind, .n_labels = n_labels};
    t.splits[SPLIT_TRAIN] = (split){.n = n, .label = label, .label_width = 1};
    return t;
}

static void epoch(const task *t, order_kind kind, uint64_t seed, int64_t number, int32_t *out)
{
    epoch_order *o;
    CHECK_OK(t->lib, order_new(t, kind, seed, &o));
    /* asked for another epoch before: the answer depends on the last question alone */
    order_of_epoch(o, number + 1);
    memcpy(out, order_of_epoch(o, number), (size_t)t->splits[SPLIT_TRAIN].n * sizeof *out);
    order_free(o);
}

static void check_permutation(const int32_t *a, int64_t n)
{
    bool seen[N] = {false};
    for (int64_t i = 0; i < n; i++) {
        assert_in_range(a[i], 0, n - 1);
        assert_false(seen[a[i]]);
        seen[a[i]] = true;
    }
}

static void an_order_is_a_permutation_of_seed_and_epoch(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static float label[N];
    for (int i = 0; i < N; i++)
        label[i] = (float)(i % 7 == 0);
    task t = with_labels(lib, TASK_CLASSES, 2, label, N);
    for (order_kind kind = ORDER_STRATIFIED; kind <= ORDER_SHUFFLED; kind++) {
        int32_t a[N], b[N];
        epoch(&t, kind, 5, 2, a);
        check_permutation(a, N);
        epoch(&t, kind, 5, 2, b);
        assert_memory_equal(a, b, sizeof a);
        epoch(&t, kind, 5, 3, b);
        assert_memory_not_equal(a, b, sizeof a);
        epoch(&t, kind, 6, 2, b);
        assert_memory_not_equal(a, b, sizeof a);
    }
    idim_close(lib);
}

/* A window of w examples of an order holds those of a class whose places, all 1 / share apart, fall
 * into it: share * w of them to within one at either end. */
static void every_window_holds_every_class_in_its_share(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static float label[N];
    int64_t count[3] = {0};
    for (int i = 0; i < N; i++) {
        label[i] = (float)(i < 40 ? 2 : i < 350 ? 1 : 0); /* sorted, as files often are */
        count[(int)label[i]]++;
    }
    task t = with_labels(lib, TASK_CLASSES, 3, label, N);
    int32_t a[N];
    epoch(&t, ORDER_STRATIFIED, 1, 0, a);
    for (int begin = 0; begin + BATCH <= N; begin++)
        for (int class = 0; class < 3; class ++) {
            double here = 0, share = (double)count[class] / N;
            for (int i = begin; i < begin + BATCH; i++)
                here += (int)label[a[i]] == class;
            assert_true(fabs(here - share * BATCH) <= 2);
        }
    idim_close(lib);
}

/* Many classes of one size must not come in a block with the large one behind them: 20 examples of
 * each of 24 classes, and 520 of one, of which a shuffled batch of 16 holds 8.3 with a deviation
 * of 2. */
static void many_equal_classes_do_not_crowd(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static float label[N];
    for (int i = 0; i < N; i++)
        label[i] = (float)(i < 480 ? 1 + i / 20 : 0);
    task t = with_labels(lib, TASK_CLASSES, 25, label, N);
    int32_t a[N];
    epoch(&t, ORDER_STRATIFIED, 1, 0, a);
    double squares = 0;
    for (int begin = 0; begin + BATCH <= N; begin += BATCH) {
        double large = 0;
        for (int i = begin; i < begin + BATCH; i++)
            large += label[a[i]] == 0;
        squares += (large - 0.52 * BATCH) * (large - 0.52 * BATCH);
    }
    assert_true(sqrt(squares / (N / BATCH)) < 1);
    idim_close(lib);
}

static void a_regression_is_stratified_by_eighths_of_its_values(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static float label[N];
    for (int i = 0; i < N; i++)
        label[i] = (float)(i * i);
    task t = with_labels(lib, TASK_REGRESSION, 1, label, N);
    int32_t a[N];
    epoch(&t, ORDER_STRATIFIED, 1, 0, a);
    check_permutation(a, N);
    for (int begin = 0; begin + 8 <= N; begin += 8) {
        bool seen[8] = {false};
        for (int i = begin; i < begin + 8; i++)
            seen[a[i] * 8 / N] = true;
        for (int i = 0; i < 8; i++)
            assert_true(seen[i]);
    }
    idim_close(lib);
}

static void few_examples_and_empty_classes_have_an_order(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    float label[3] = {4, 4, 0};
    for (int64_t n = 1; n <= 3; n++) {
        int32_t a[3];
        task classes = with_labels(lib, TASK_CLASSES, 6, label, n);
        epoch(&classes, ORDER_STRATIFIED, 9, 0, a);
        check_permutation(a, n);
        task values = with_labels(lib, TASK_REGRESSION, 1, label, n);
        epoch(&values, ORDER_STRATIFIED, 9, 0, a);
        check_permutation(a, n);
    }
    idim_close(lib);
}

static void any_number_of_labels_is_only_shuffled(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static float label[N * 2];
    task t = with_labels(lib, TASK_MULTI_LABEL, 2, label, N);
    int32_t a[N], b[N];
    epoch(&t, ORDER_STRATIFIED, 3, 1, a);
    epoch(&t, ORDER_SHUFFLED, 3, 1, b);
    assert_memory_equal(a, b, sizeof a);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_a_permutation_of_seed_and_epoch),
        cmocka_unit_test(every_window_holds_every_class_in_its_share),
        cmocka_unit_test(many_equal_classes_do_not_crowd),
        cmocka_unit_test(a_regression_is_stratified_by_eighths_of_its_values),
        cmocka_unit_test(few_examples_and_empty_classes_have_an_order),
        cmocka_unit_test(any_number_of_labels_is_only_shuffled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
