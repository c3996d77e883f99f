/* The bound: its formulas against other ways to the same numbers, and its promise against the exact
 * binomial distribution.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "measure/occam.h"
#include "subspace/adapter.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

static void divergence_is_the_integral_of_its_derivative(void **state)
{
    (void)state;
    /* d/dp kl(q || p) = (p - q) / (p (1 - p)); Simpson's rule in long double from q to p. The
     * rule's error is below 1e-10 for these intervals, which keep off 0 and 1 */
    static const double q[] = {0.1, 0.25, 0.5, 0.8}, p[] = {0.2, 0.5, 0.75, 0.9};
    enum { STEPS = 20000 };
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            long double h = ((long double)p[k] - (long double)q[i]) / STEPS, sum = 0;
            for (int s = 0; s <= STEPS; s++) {
                long double x = (long double)q[i] + h * s;
                long double weight = s == 0 || s == STEPS ? 1 : s % 2 ? 4 : 2;
                sum += weight * (x - (long double)q[i]) / (x * (1 - x));
            }
            double integral = (double)(sum * h / 3);
            assert_true(fabs(coin_divergence(q[i], p[k]) - integral) < 1e-10);
        }
}

static void the_inverse_inverts_from_above(void **state)
{
    (void)state;
    for (int i = 0; i <= 100; i++)
        for (int k = 0; k < 60; k++) {
            double q = i / 100.0, epsilon = 1e-9 * pow(1.6, k);
            double p = coin_divergence_inverse(q, epsilon);
            assert_true(p >= q && p <= 1);
            if (p < 1)
                assert_true(coin_divergence(q, p) >= epsilon);
            double less = q + (p - q) * (1 - 1e-6);
            if (less < p && q < 1 && epsilon > 1e-6)
                assert_true(coin_divergence(q, less) < epsilon + 1e-11);
            /* Pinsker: p - q <= sqrt(epsilon / 2), to the rounding that is added */
            assert_true(p - q <= sqrt((epsilon + 2e-12) / 2) + 1e-12);
        }
}

static void ends_have_closed_forms(void **state)
{
    (void)state;
    for (int k = 1; k < 50; k++) {
        double epsilon = k / 10.0;
        assert_true(fabs(coin_divergence_inverse(0, epsilon) - (1 - exp(-epsilon))) < 1e-11);
        assert_true(coin_divergence_inverse(1, epsilon) == 1);
        /* q = 1/2: 4 p (1 - p) = exp(-2 epsilon) */
        double p = (1 + sqrt(1 - exp(-2 * epsilon))) / 2;
        assert_true(fabs(coin_divergence_inverse(0.5, epsilon) - p) < 1e-9);
    }
}

/* n, training error, bits, and the bound at delta = 0.05: the root that scipy's brentq finds, five
 * digits */
static void known_bounds_come_out(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        double error, bits, bound;
    } known[] = {
        {3668, 0.1, 700, 0.31716},     {3668, 0.18, 700, 0.42168},   {3668, 0.18, 3000, 0.69497},
        {3668, 0.18, 8000, 0.90915},   {8551, 0.1, 700, 0.22997},    {8551, 0.18, 700, 0.33079},
        {8551, 0.18, 3000, 0.51658},   {8551, 0.18, 8000, 0.72636},  {67349, 0.1, 700, 0.13994},
        {67349, 0.18, 700, 0.22922},   {67349, 0.18, 3000, 0.28746}, {67349, 0.18, 8000, 0.36496},
        {363846, 0.1, 700, 0.11625},   {363846, 0.18, 700, 0.20046}, {363846, 0.18, 3000, 0.22346},
        {363846, 0.18, 8000, 0.25318},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double epsilon = (known[i].bits * log(2) + log(20)) / (double)known[i].n;
        assert_true(fabs(coin_divergence_inverse(known[i].error, epsilon) - known[i].bound) < 6e-6);
        int64_t errors = (int64_t)(known[i].error * (double)known[i].n);
        assert_true(fabs(occam_bound(errors, known[i].n, known[i].bits, 0.05) - known[i].bound) <
                    1e-3);
    }
}

/* for one classifier (no bits): the chance that its bound lies below its error is at most delta,
 * summed exactly over how many of n rows are wrong */
static void the_bound_fails_at_most_as_often_as_it_says(void **state)
{
    (void)state;
    static const double errors[] = {0.01, 0.1, 0.3, 0.5, 0.9}, deltas[] = {0.3, 0.05, 1e-3};
    static const int64_t rows[] = {1, 5, 50, 400};
    for (int e = 0; e < 5; e++)
        for (int d = 0; d < 3; d++)
            for (int r = 0; r < 4; r++) {
                double p = errors[e], n = (double)rows[r], failing = 0;
                for (int64_t k = 0; k <= rows[r]; k++)
                    if (occam_bound(k, rows[r], 0, deltas[d]) < p) {
                        double x = (double)k;
                        failing += exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) +
                                       x * log(p) + (n - x) * log1p(-p));
                    }
                assert_true(failing <= deltas[d]);
            }
}

static void bits_below_a_target_are_the_most_there_may_be(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        int64_t n = 3000 + 100 * i, errors = 20 * i;
        double bits = occam_bits_below(errors, n, 0.05, 0.45);
        assert_true(bits > 0);
        assert_true(occam_bound(errors, n, bits - 1, 0.05) < 0.45);
        assert_true(occam_bound(errors, n, bits + 1, 0.05) > 0.45);
    }
    assert_true(occam_bits_below(50, 100, 0.05, 0.5) < 0);
    assert_true(occam_bits_below(49, 100, 0.05, 0.5) < 0);
    assert_true(isinf(occam_bits_below(49, 100, 0.05, 1)));
}

/* sum over all codes of 2^-bits is at most 1 when they are prefix-free: here over every x of a few
 * numbers between -2 and 2, with the rest of the file fixed */
static void codes_of_small_files_keep_krafts_inequality(void **state)
{
    (void)state;
    enum { N = 6 };
    double sum = 0;
    int count = 1;
    for (int i = 0; i < N; i++)
        count *= 5;
    for (int code = 0; code < count; code++) {
        real x[N];
        for (int i = 0, rest = code; i < N; i++, rest /= 5)
            x[i] = (real)(rest % 5 - 2);
        adapter a = {.method = "did",
                     .projection = "fastfood",
                     .normalize = "balanced",
                     .groups = "block",
                     .pull = "exact",
                     .len_z = N,
                     .x = x,
                     .base = "00112233445566778899aabbccddeeff",
                     .pooling = "auto",
                     .task = "t",
                     .problem = "classes",
                     .n_labels = 2,
                     .coded = true,
                     .book = {{.step = 16 * 40}, {.step = 0}, {.step = 0}}};
        adapter_size size = adapter_coded_size(&a);
        assert_int_equal(adapter_code_bits(&a), 8 * (1 + size.file - 28 - 2) + 1);
        sum += exp2(-(double)adapter_code_bits(&a));
    }
    assert_true(sum <= 1);
}

/* ---- the command ------------------------------------------------------------------------------
 */

#define MODEL TEST_FOLDER "/fixtures/tiny"
#define RUN   "test_occam_run"

static const char ROWS[] = "test_occam.csv";

static void write_rows(idim *lib, const char *first, const char *second)
{
    char text[8192];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < 120; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "ba ki %s lo,%s\n",
                               i % 3 ? "good" : "bad", i % 3 || i % 10 == 0 ? second : first);
    CHECK_OK(lib, file_write(lib, ROWS, text, (int64_t)at));
}

static void tune(idim *lib, const char *more)
{
    char spec[512];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"train\":\"%s\",\"max_steps\":10,"
             "\"output_dir\":\"" RUN "\",%s}",
             ROWS, more);
    CHECK_OK(lib, idim_tune(lib, spec, NULL, NULL));
}

static void clean(void)
{
    static const char *const names[] = {"adapter.idim", "best.idim", "record.json", "log.jsonl"};
    char path[128];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, RUN "/%s", names[i]);
        remove(path);
    }
    rmdir(RUN);
    remove(ROWS);
}

static double number_at(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_number(value))
        fail_msg("%s is not there", key);
    return json_number_value(value);
}

static void the_command_counts_what_eval_scores(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    clean();
    write_rows(lib, "no", "yes");
    tune(lib, "\"method\":\"did\",\"dim\":20,\"bits\":3");
    char spec[512];
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\",\"test\":\"%s\"}",
             ROWS);
    CHECK_OK(lib, idim_eval(lib, spec, NULL, NULL));
    json_t *scores = json_loads(idim_result(lib), 0, NULL);
    double accuracy =
        number_at(json_object_get(json_object_get(scores, "eval"), "test"), "accuracy");
    json_decref(scores);

    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"adapter\":\"" RUN
             "/adapter.idim\",\"train\":\"%s\",\"test\":\"%s\",\"delta\":0.1}",
             ROWS, ROWS);
    CHECK_OK(lib, idim_bound(lib, spec, NULL, NULL));
    json_t *result = json_loads(idim_result(lib), 0, NULL), *b = json_object_get(result, "bound");
    int64_t errors = (int64_t)number_at(b, "errors");
    assert_int_equal(number_at(b, "n"), 120);
    assert_int_equal(errors, (int64_t)llround(120 * (1 - accuracy)));
    assert_true(number_at(b, "bound") == occam_bound(errors, 120, number_at(b, "bits"), 0.1));
    assert_true(number_at(b, "bound") <= number_at(b, "bound_of_whole_file"));
    const json_t *majority = json_object_get(json_object_get(b, "baselines"), "majority");
    assert_true(fabs(number_at(majority, "error") - 36 / 120.0) < 1e-12);
    const json_t *held = json_object_get(json_object_get(result, "held_out"), "test");
    assert_int_equal(number_at(held, "errors"), errors);
    json_decref(result);
    clean();
    idim_close(lib);
}

static void what_has_no_bound_is_refused_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    clean();
    write_rows(lib, "0.5", "1.5");
    tune(lib, "\"method\":\"did\",\"dim\":20,\"bits\":3");
    static const struct {
        const char *spec;
        int status;
        const char *says;
    } cases[] = {
        {"{\"model\":\"" MODEL "\",\"train\":\"test_occam.csv\"}", IDIM_EARGUMENT, "--adapter"},
        {"{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\"}", IDIM_EARGUMENT,
         "--train"},
        {"{\"model\":\"" MODEL "\",\"adapter\":\"" RUN
         "/adapter.idim\",\"test\":\"test_occam.csv\"}",
         IDIM_EUNSUPPORTED, "classes"},
        {"{\"model\":\"" MODEL "\",\"adapter\":\"" RUN "/adapter.idim\",\"delta\":0.7}",
         IDIM_EARGUMENT, "delta"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = idim_bound(lib, cases[i].spec, NULL, NULL);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].says) == NULL)
            fail_msg("case %zu: status %d, '%s'", i, status, idim_error(lib));
    }
    clean();
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_the_integral_of_its_derivative),
        cmocka_unit_test(the_inverse_inverts_from_above),
        cmocka_unit_test(ends_have_closed_forms),
        cmocka_unit_test(known_bounds_come_out),
        cmocka_unit_test(the_bound_fails_at_most_as_often_as_it_says),
        cmocka_unit_test(bits_below_a_target_are_the_most_there_may_be),
        cmocka_unit_test(codes_of_small_files_keep_krafts_inequality),
        cmocka_unit_test(the_command_counts_what_eval_scores),
        cmocka_unit_test(what_has_no_bound_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
