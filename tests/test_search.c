/* Which runs are asked for: rounds, budgets, ends, and no dependence on order or on who asks.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "measure/search.h"

#include <math.h>

enum { MOST = 600 };

typedef struct sweep {
    idim *lib;
    search_options o;
    run_outcome done[MOST];
    int64_t n, rounds;
    double (*score)(const run_request *);
    const char *why;
} sweep;

static double learns(const run_request *r)
{
    if (r->kind == RUN_FULL)
        return r->rate_factor > 2 ? 0.5 : 0.9;
    if (r->kind != RUN_SUBSPACE)
        return 0.6;
    return 0.5 + 0.4 / (1 + exp(-(log((double)r->dim) - log(200)) / 0.9));
}

static double never(const run_request *r)
{
    return r->kind == RUN_FULL ? 0.9 : 0.6;
}

static double always(const run_request *r)
{
    return r->kind == RUN_FULL ? 0.9 : 0.88;
}

static double guesses(const run_request *r)
{
    (void)r;
    return 0.5;
}

static double fails(const run_request *r)
{
    (void)r;
    return NAN;
}

static double fails_in_subspaces(const run_request *r)
{
    return r->kind == RUN_FULL ? 0.9 : NAN;
}

static double prefers_a_low_rate(const run_request *r)
{
    return r->kind == RUN_FULL ? (r->rate_factor < 1 ? 0.9 : 0.85) : learns(r);
}

static double first_full_run_collapses(const run_request *r)
{
    return r->kind == RUN_FULL && r->seed == 1 ? 0.5 : learns(r);
}

static sweep *sweep_new(const char *preset, double (*score)(const run_request *))
{
    sweep *s = calloc(1, sizeof *s);
    s->lib = check_library(1);
    s->score = score;
    CHECK_OK(s->lib, search_preset(s->lib, preset, 10, 100000, &s->o));
    s->o.majority = 0.5;
    return s;
}

static void sweep_free(sweep *s)
{
    idim_close(s->lib);
    free(s);
}

static void finish(sweep *s, const run_request *request)
{
    double value = s->score(request);
    s->done[s->n++] = (run_outcome){.request = *request, .failed = isnan(value), .score = value};
}

/* does up to `share` of each round before asking again, backwards if told */
static void run(sweep *s, int64_t share, bool backwards)
{
    for (;;) {
        run_request next[MOST];
        int64_t n;
        CHECK_OK(s->lib, search_next(s->lib, &s->o, s->done, s->n, NULL, next, MOST, &n, &s->why));
        if (n == 0)
            return;
        assert_null(s->why);
        s->rounds++;
        for (int64_t i = 0; i < n && i < share; i++)
            finish(s, &next[backwards ? n - 1 - i : i]);
    }
}

static int64_t count(const sweep *s, run_kind kind)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++)
        n += s->done[i].request.kind == kind;
    return n;
}

static void presets_keep_their_budget(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int64_t runs, full, head, bias, subspace;
    } cases[] = {
        {"quick", 12, 2, 1, 0, 9}, {"standard", 20, 6, 1, 1, 12}, {"thorough", 408, 6, 1, 1, 400}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sweep *s = sweep_new(cases[i].name, learns);
        assert_null(search_options_wrong(&s->o));
        assert_int_equal(search_most_runs(&s->o), cases[i].runs);
        run(s, MOST, false);
        assert_int_equal(s->n, cases[i].runs);
        assert_int_equal(count(s, RUN_FULL), cases[i].full);
        assert_int_equal(count(s, RUN_HEAD), cases[i].head);
        assert_int_equal(count(s, RUN_BIAS), cases[i].bias);
        assert_int_equal(count(s, RUN_SUBSPACE), cases[i].subspace);
        sweep_free(s);
    }
}

/* by kind, d, rate, seed; structures have padding, so their bytes are not compared */
static int compare(const void *left, const void *right)
{
    const run_request *a = &((const run_outcome *)left)->request;
    const run_request *b = &((const run_outcome *)right)->request;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->dim != b->dim)
        return a->dim < b->dim ? -1 : 1;
    if (a->rate_factor < b->rate_factor || a->rate_factor > b->rate_factor)
        return a->rate_factor < b->rate_factor ? -1 : 1;
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static void no_run_is_asked_for_twice(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", learns);
    s->o.budget_runs = 100;
    run(s, MOST, false);
    assert_int_equal(s->n, 100);
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = 0; j < i; j++)
            assert_int_not_equal(compare(&s->done[i], &s->done[j]), 0);
    sweep_free(s);
}

static void workers_that_see_part_of_a_round_ask_for_the_same_runs(void **state)
{
    (void)state;
    sweep *whole = sweep_new("standard", learns);
    run(whole, MOST, false);
    qsort(whole->done, (size_t)whole->n, sizeof whole->done[0], compare);
    for (int64_t share = 1; share <= 3; share++) {
        sweep *s = sweep_new("standard", learns);
        run(s, share, share == 2);
        assert_int_equal(s->n, whole->n);
        assert_string_equal(s->why, whole->why);
        qsort(s->done, (size_t)s->n, sizeof s->done[0], compare);
        for (int64_t i = 0; i < s->n; i++)
            assert_int_equal(compare(&s->done[i], &whole->done[i]), 0);
        sweep_free(s);
    }
    sweep_free(whole);
}

/* learns() crosses 0.81 at log d = log 200 + 0.9 log(0.31 / 0.09) = log 608 */
static void later_rounds_lie_around_the_crossing(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", learns);
    run(s, MOST, false);
    int64_t near = 0;
    for (int64_t i = 0; i < s->n; i++)
        near += s->done[i].request.kind == RUN_SUBSPACE && s->done[i].request.dim > 608 / 4 &&
                s->done[i].request.dim < 608 * 4;
    assert_true(near >= 8);
    assert_string_equal(s->why, "the budget is spent");
    sweep_free(s);
}

static void every_subspace_run_has_its_own_seed(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", learns);
    run(s, MOST, false);
    int64_t seen = 0;
    for (int64_t i = 0; i < s->n; i++)
        if (s->done[i].request.kind == RUN_SUBSPACE) {
            assert_int_equal(seen & (1 << s->done[i].request.seed), 0);
            seen |= 1 << s->done[i].request.seed;
        }
    sweep_free(s);
}

static void searches_that_cannot_succeed_stop_early(void **state)
{
    (void)state;
    const struct {
        double (*score)(const run_request *);
        int64_t most;
        const char *why;
    } cases[] = {
        {never, 20, "no d reaches the target"},
        {always, 20, "the smallest d reaches the target"},
        {guesses, 13, "full fine-tuning is no better than a constant answer"},
        {fails, 13, "full fine-tuning failed"},
        {fails_in_subspaces, 13, "every subspace run failed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sweep *s = sweep_new("standard", cases[i].score);
        run(s, MOST, false);
        assert_string_equal(s->why, cases[i].why);
        assert_true(s->n <= cases[i].most);
        sweep_free(s);
    }
}

static void a_first_full_run_that_collapsed_does_not_end_the_search(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", first_full_run_collapses);
    run(s, MOST, false);
    assert_string_equal(s->why, "the budget is spent");
    assert_int_equal(count(s, RUN_FULL), 6);
    assert_int_equal(count(s, RUN_SUBSPACE), 12);
    sweep_free(s);
}

static void ends_of_the_range_are_tried_before_giving_up(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", never);
    run(s, MOST, false);
    int64_t at_end = 0;
    for (int64_t i = 0; i < s->n; i++)
        at_end += s->done[i].request.dim == 100000;
    assert_int_equal(at_end, 2);
    sweep_free(s);
}

static void narrow_intervals_end_the_search_between_rounds_only(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", learns);
    estimate narrow = {.relative = {.status = MEASURE_OK, .low = 100, .high = 120}};
    run_request next[MOST];
    int64_t n, first;
    CHECK_OK(s->lib, search_next(s->lib, &s->o, NULL, 0, &narrow, next, MOST, &first, &s->why));
    assert_true(first > 0); /* the first round is not cut short */
    for (int64_t i = 0; i < first; i++)
        finish(s, &next[i]);
    CHECK_OK(s->lib, search_next(s->lib, &s->o, s->done, s->n, &narrow, next, MOST, &n, &s->why));
    assert_int_equal(n, 0);
    assert_string_equal(s->why, "the interval is narrow enough");

    narrow.relative.high = 1000;
    CHECK_OK(s->lib, search_next(s->lib, &s->o, s->done, s->n, &narrow, next, MOST, &n, &s->why));
    assert_true(n > 1);
    narrow.relative.high = 120;
    finish(s, &next[0]);
    int64_t left = n - 1;
    CHECK_OK(s->lib, search_next(s->lib, &s->o, s->done, s->n, &narrow, next, MOST, &n, &s->why));
    assert_int_equal(n, left); /* somebody began this round: it is finished */
    sweep_free(s);
}

static void the_best_rate_gets_the_seeds_and_counts(void **state)
{
    (void)state;
    sweep *s = sweep_new("standard", prefers_a_low_rate);
    run(s, MOST, false);
    bool counts[MOST];
    CHECK_OK(s->lib, search_counts(s->lib, &s->o, s->done, s->n, counts));
    int64_t full = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const run_request *r = &s->done[i].request;
        if (r->kind == RUN_FULL)
            assert_true(counts[i] == (r->rate_factor == 0.4));
        else
            assert_true(counts[i] == (r->kind == RUN_SUBSPACE));
        full += r->kind == RUN_FULL && counts[i];
    }
    assert_int_equal(full, 4);
    sweep_free(s);
}

/* the best rate falls with d */
static double rates_cross(const run_request *r)
{
    if (r->kind != RUN_SUBSPACE)
        return learns(r);
    double best = r->dim < 1000 ? 2 : 0.5;
    return learns(r) - 0.02 * fabs(log(r->rate_factor / best));
}

static void each_d_counts_at_its_best_rate(void **state)
{
    (void)state;
    sweep *s = sweep_new("thorough", rates_cross);
    run(s, MOST, false);
    bool counts[MOST];
    CHECK_OK(s->lib, search_counts(s->lib, &s->o, s->done, s->n, counts));
    for (int64_t i = 0; i < s->n; i++) {
        const run_request *r = &s->done[i].request;
        if (r->kind == RUN_SUBSPACE && (r->dim < 500 || r->dim > 2000))
            assert_true(counts[i] == (r->rate_factor == (r->dim < 1000 ? 2 : 0.5)));
    }
    sweep_free(s);
}

static void values_of_d_stay_in_the_range(void **state)
{
    (void)state;
    const int64_t ranges[][2] = {{1, 2}, {1, 10}, {7, 13}, {200, 90000}, {1000, 1001}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        sweep *s = sweep_new("standard", learns);
        s->o.low = ranges[i][0];
        s->o.high = ranges[i][1];
        run(s, MOST, false);
        for (int64_t j = 0; j < s->n; j++)
            if (s->done[j].request.kind == RUN_SUBSPACE)
                assert_in_range(s->done[j].request.dim, s->o.low, s->o.high);
        sweep_free(s);
    }
}

static void impossible_options_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    search_options o;
    assert_int_equal(search_preset(lib, "fast", 10, 100, &o), IDIM_EARGUMENT);
    assert_non_null(
        strstr(idim_error(lib), "expected quick, standard or thorough, found \"fast\""));
    library_clear(lib);
    assert_int_equal(search_preset(lib, "quick", 100, 100, &o), IDIM_EARGUMENT);
    library_clear(lib);
    CHECK_OK(lib, search_preset(lib, "quick", 10, 100, &o));
    search_options wrong[7];
    for (int i = 0; i < 7; i++)
        wrong[i] = o;
    wrong[0].threshold = 0;
    wrong[1].low = 0;
    wrong[2].n_full_rates = 0;
    wrong[3].subspace_rate[0] = -1;
    wrong[4].full_seeds = 0;
    wrong[5].coarse = 2;
    wrong[6].budget_runs = 3;
    for (int i = 0; i < 7; i++) {
        run_request next[1];
        int64_t n;
        const char *why;
        library_clear(lib);
        assert_int_equal(search_next(lib, &wrong[i], NULL, 0, NULL, next, 1, &n, &why),
                         IDIM_EARGUMENT);
        assert_non_null(strstr(idim_error(lib), "expected"));
    }
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_keep_their_budget),
        cmocka_unit_test(no_run_is_asked_for_twice),
        cmocka_unit_test(workers_that_see_part_of_a_round_ask_for_the_same_runs),
        cmocka_unit_test(later_rounds_lie_around_the_crossing),
        cmocka_unit_test(every_subspace_run_has_its_own_seed),
        cmocka_unit_test(searches_that_cannot_succeed_stop_early),
        cmocka_unit_test(a_first_full_run_that_collapsed_does_not_end_the_search),
        cmocka_unit_test(ends_of_the_range_are_tried_before_giving_up),
        cmocka_unit_test(narrow_intervals_end_the_search_between_rounds_only),
        cmocka_unit_test(the_best_rate_gets_the_seeds_and_counts),
        cmocka_unit_test(each_d_counts_at_its_best_rate),
        cmocka_unit_test(values_of_d_stay_in_the_range),
        cmocka_unit_test(impossible_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
