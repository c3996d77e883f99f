/* d90 and its interval from given runs: exact on curves without noise, and every status.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "measure/estimate.h"
#include "measure/fit.h"

#include <math.h>

#define assert_near(found, expected, tolerance)                                                    \
    assert_true(fabs((found) - (expected)) <= (tolerance))

enum { ROWS = 2000, MOST = 40 };

/* run i is right on the first right[i] rows; the last entry is the majority answer */
typedef struct given {
    estimate_run run[MOST];
    double score[MOST + 1];
    int64_t n;
    double majority;
} given;

static double score(const void *user, int64_t i, const int32_t *weight)
{
    const given *g = user;
    double exact = i == g->n ? g->majority : g->score[i];
    if (weight == NULL || !isfinite(exact))
        return exact;
    int64_t right = llround(exact * ROWS), sum = 0;
    for (int64_t r = 0; r < right; r++)
        sum += weight[r];
    return (double)sum / ROWS;
}

static void give(given *g, bool full, double dim, double value)
{
    g->run[g->n] = (estimate_run){.full = full, .dim = dim};
    g->score[g->n++] = value;
}

/* majority 50, full 90, and a logistic that reaches 81 = 0.9 x 90 at exactly d = 500 */
static double logistic(double dim)
{
    double top = 0.9, low = 0.5, s = 0.9, share = (0.81 - low) / (top - low);
    double middle = log(500) - s * log(share / (1 - share));
    return low + (top - low) / (1 + exp(-(log(dim) - middle) / s));
}

static given study_of(double (*curve)(double))
{
    given g = {.majority = 0.5};
    for (int i = 0; i < 4; i++)
        give(&g, true, 0, 0.9);
    const double dims[] = {20, 60, 200, 300, 400, 600, 900, 2000, 10000, 50000};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++)
        give(&g, false, dims[i], curve(dims[i]));
    return g;
}

static estimate_input input_of(given *g)
{
    return (estimate_input){.run = g->run,
                            .n_runs = g->n,
                            .n_rows = ROWS,
                            .score = score,
                            .user = g,
                            .threshold = 0.9,
                            .low = 10,
                            .high = 100000,
                            .seed = 7,
                            .resamples = 200};
}

static estimate answer_of(given *g)
{
    idim *lib = check_library(1);
    estimate_input in = input_of(g);
    estimate e;
    CHECK_OK(lib, estimate_make(lib, &in, &e));
    idim_close(lib);
    return e;
}

static double level(double dim)
{
    (void)dim;
    return 0.7;
}

static double high(double dim)
{
    return 0.85 + 0.002 * log(dim);
}

/* the truth is one of the shapes that are averaged, but not exactly on their grid of midpoints
 * (0.38 e-folds apart) and slopes: half a percent */
static void curve_without_noise_gives_its_crossing(void **state)
{
    (void)state;
    given g = study_of(logistic);
    estimate e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_OK);
    assert_string_equal(e.relative.reason, "");
    assert_near(e.relative.target, 0.81, 1e-12);
    assert_near(e.corrected.target, 0.86, 1e-12);
    if (!(fabs(log(e.relative.d90 / 500)) < 0.02))
        fail_msg("expected 500, found %g", e.relative.d90);
    assert_true(e.relative.low < 500 && 500 < e.relative.high);
    assert_true(e.corrected.d90 > e.relative.d90);
    assert_true(e.full_low < 0.9 && 0.9 < e.full_high);
    assert_int_equal(e.n_full, 4);
    assert_int_equal(e.n_subspace, 10);
    assert_int_equal(e.n_points, ESTIMATE_POINTS);
    for (int i = 1; i < ESTIMATE_POINTS; i++)
        assert_true(e.point[i].score >= e.point[i - 1].score && e.point[i].low <= e.point[i].high);
}

static void order_of_runs_does_not_matter(void **state)
{
    (void)state;
    given g = study_of(logistic), turned = {.majority = 0.5};
    for (int64_t i = g.n - 1; i >= 0; i--)
        give(&turned, g.run[i].full, g.run[i].dim, g.score[i]);
    estimate a = answer_of(&g), b = answer_of(&turned);
    /* sums of the full scores in another order: a few ulp */
    assert_near(a.relative.d90 / b.relative.d90, 1, 1e-9);
    assert_near(a.relative.low / b.relative.low, 1, 1e-9);
    assert_near(a.corrected.high / b.corrected.high, 1, 1e-9);
}

static void same_seed_gives_the_same_interval(void **state)
{
    (void)state;
    given g = study_of(logistic);
    estimate a = answer_of(&g), b = answer_of(&g);
    assert_true(a.relative.d90 == b.relative.d90 && a.relative.low == b.relative.low &&
                a.relative.high == b.relative.high && a.corrected.high == b.corrected.high);
}

static void collapsed_and_failed_runs_are_flagged_and_left_out(void **state)
{
    (void)state;
    given g = study_of(logistic), clean = g;
    give(&g, false, 4000, 0.5);
    give(&g, false, 8000, NAN);
    give(&g, true, 0, 0.51);
    estimate e = answer_of(&g), without = answer_of(&clean);
    for (int64_t i = 0; i < g.n; i++)
        assert_true(g.run[i].collapsed == (i >= clean.n));
    assert_int_equal(e.n_collapsed, 2);
    assert_int_equal(e.n_full_collapsed, 1);
    assert_true(e.relative.d90 == without.relative.d90);
    assert_int_equal(e.relative.status, MEASURE_OK);
}

static void low_scores_at_small_d_are_no_collapse(void **state)
{
    (void)state;
    given g = study_of(logistic);
    give(&g, false, 10, 0.5);
    estimate e = answer_of(&g);
    assert_int_equal(e.n_collapsed, 0);
}

/* nobody at a smaller d learned, but the curve through those that did says they should have */
static void collapses_below_the_smallest_learner_are_flagged(void **state)
{
    (void)state;
    given g = {.majority = 0.5};
    const double dims[] = {520, 600, 700, 900, 2000, 5000, 10000};
    for (int i = 0; i < 4; i++)
        give(&g, true, 0, 0.9);
    for (int i = 0; i < 7; i++)
        give(&g, false, dims[i], logistic(dims[i]));
    give(&g, false, 400, 0.5);
    estimate e = answer_of(&g);
    assert_int_equal(e.n_collapsed, 1);
    assert_true(g.run[11].collapsed);
    assert_int_equal(e.relative.status, MEASURE_OK);
}

static void a_study_half_of_which_collapsed_is_unstable(void **state)
{
    (void)state;
    given g = study_of(logistic);
    for (int i = 0; i < 10; i++)
        give(&g, false, 20000 + i, 0.5);
    estimate e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_UNSTABLE);
    assert_string_equal(e.relative.reason, "10 of 20 subspace runs collapsed");
}

static void many_collapses_near_the_threshold_are_unstable(void **state)
{
    (void)state;
    given g = study_of(logistic);
    for (int i = 0; i < 4; i++)
        give(&g, false, 700, 0.5);
    estimate e = answer_of(&g);
    assert_int_equal(e.n_collapsed, 4);
    assert_int_equal(e.relative.status, MEASURE_UNSTABLE);
    assert_non_null(strstr(e.relative.reason, "4 of "));
}

static void ends_of_the_range_are_answers(void **state)
{
    (void)state;
    given g = study_of(level);
    estimate e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_NOT_REACHED);
    assert_true(isinf(e.relative.d90) && isinf(e.relative.high));
    assert_non_null(strstr(e.relative.reason, "no d of the range"));

    g = study_of(high);
    e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_BELOW_RANGE);
    assert_true(e.relative.d90 == 10 && e.relative.low == 10);
    assert_non_null(strstr(e.relative.reason, "smallest d"));
}

static void targets_below_the_majority_are_no_targets(void **state)
{
    (void)state;
    given g = study_of(high);
    g.majority = 0.84; /* 0.9 x 0.9 = 0.81 */
    estimate e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_TARGET_BELOW_MAJORITY);
    assert_true(isnan(e.relative.d90));
    assert_near(e.corrected.target, 0.84 + 0.9 * 0.06, 1e-12);
    assert_true(e.corrected.status == MEASURE_OK || e.corrected.status == MEASURE_NOT_REACHED);

    g.majority = 0.9;
    e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_FULL_BELOW_MAJORITY);
    assert_int_equal(e.corrected.status, MEASURE_FULL_BELOW_MAJORITY);
    assert_true(e.relative.reason[0] != 0);
}

static void too_few_runs_are_incomplete(void **state)
{
    (void)state;
    given g = {.majority = 0.5};
    estimate e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_INCOMPLETE);
    give(&g, true, 0, 0.9);
    give(&g, false, 100, 0.7);
    give(&g, false, 100, 0.72);
    give(&g, false, 1000, 0.85);
    e = answer_of(&g);
    assert_int_equal(e.relative.status, MEASURE_INCOMPLETE);
    assert_int_equal(e.n_points, 0);
    assert_true(e.full_score == 0.9);

    given failed = {.majority = 0.5};
    give(&failed, true, 0, NAN);
    give(&failed, true, 0, NAN);
    e = answer_of(&failed);
    assert_int_equal(e.relative.status, MEASURE_UNSTABLE);
    assert_string_equal(e.relative.reason, "every run of full fine-tuning failed");

    given lost = {.majority = 0.5};
    give(&lost, true, 0, 0.9);
    for (int i = 0; i < 5; i++)
        give(&lost, false, 10 * (i + 1), NAN);
    e = answer_of(&lost);
    assert_int_equal(e.relative.status, MEASURE_UNSTABLE);
    assert_string_equal(e.relative.reason, "too many subspace runs failed or collapsed");
}

static void without_resamples_there_is_no_interval(void **state)
{
    (void)state;
    given g = study_of(logistic);
    idim *lib = check_library(1);
    estimate_input in = input_of(&g);
    in.resamples = 0;
    estimate e;
    CHECK_OK(lib, estimate_make(lib, &in, &e));
    assert_true(e.relative.low == e.relative.high);
    assert_near(e.relative.low / e.relative.d90, 1, 1e-12);
    idim_close(lib);
}

static void impossible_input_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    given g = study_of(logistic);
    const struct {
        double low, high, threshold, dim;
        const char *expected;
    } cases[] = {{0, 10, 0.9, 5, "range of d: expected 0 < low < high, found 0:10"},
                 {10, 10, 0.9, 5, "found 10:10"},
                 {10, INFINITY, 0.9, 5, "range of d"},
                 {NAN, 10, 0.9, 5, "range of d"},
                 {10, 100, 0, 5, "threshold: expected (0, 1], found 0"},
                 {10, 100, 1.1, 5, "threshold"},
                 {10, 100, NAN, 5, "threshold"},
                 {10, 100, 0.9, 0, "run 5: expected d above 0, found 0"},
                 {10, 100, 0.9, NAN, "run 5"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        estimate_input in = input_of(&g);
        in.low = cases[i].low;
        in.high = cases[i].high;
        in.threshold = cases[i].threshold;
        g.run[5].dim = cases[i].dim;
        estimate e;
        library_clear(lib);
        assert_int_equal(estimate_make(lib, &in, &e), IDIM_EARGUMENT);
        if (strstr(idim_error(lib), cases[i].expected) == NULL)
            fail_msg("expected \"%s\", found \"%s\"", cases[i].expected, idim_error(lib));
    }
    idim_close(lib);
}

static void statuses_have_the_names_of_the_report(void **state)
{
    (void)state;
    const char *names[] = {
        "ok",       "not_reached", "below_range", "full_below_majority", "target_below_majority",
        "unstable", "incomplete"};
    for (int i = 0; i < 7; i++)
        assert_string_equal(measure_status_name((measure_status)i), names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_without_noise_gives_its_crossing),
        cmocka_unit_test(order_of_runs_does_not_matter),
        cmocka_unit_test(same_seed_gives_the_same_interval),
        cmocka_unit_test(collapsed_and_failed_runs_are_flagged_and_left_out),
        cmocka_unit_test(low_scores_at_small_d_are_no_collapse),
        cmocka_unit_test(collapses_below_the_smallest_learner_are_flagged),
        cmocka_unit_test(a_study_half_of_which_collapsed_is_unstable),
        cmocka_unit_test(many_collapses_near_the_threshold_are_unstable),
        cmocka_unit_test(ends_of_the_range_are_answers),
        cmocka_unit_test(targets_below_the_majority_are_no_targets),
        cmocka_unit_test(too_few_runs_are_incomplete),
        cmocka_unit_test(without_resamples_there_is_no_interval),
        cmocka_unit_test(impossible_input_is_refused),
        cmocka_unit_test(statuses_have_the_names_of_the_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
