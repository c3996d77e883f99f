/* Optimisers and schedules against their textbook forms.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "train/optimiser.h"
#include "train/schedule.h"

#include <math.h>

enum { D = 40000 }; /* more than one piece of the fixed work division */

static real *numbers(idim *lib, unsigned seed)
{
    real *out;
    CHECK_OK(lib, NEW(lib, real, D, "test", &out));
    for (int i = 0; i < D; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (real)((double)(seed >> 8) / 8388608.0 - 1.0);
    }
    return out;
}

/* torch.optim.AdamW's update, one number in double */
static double adamw_reference(double x, const double *g, int steps, double rate, double decay)
{
    double m = 0, v = 0;
    for (int t = 1; t <= steps; t++) {
        x *= 1 - rate * decay;
        m = 0.9 * m + 0.1 * g[t - 1];
        v = 0.999 * v + 0.001 * g[t - 1] * g[t - 1];
        x -= rate / (1 - pow(0.9, t)) * m / (sqrt(v) / sqrt(1 - pow(0.999, t)) + 1e-8);
    }
    return x;
}

static void adamw_equals_its_formula(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    optimiser_options options = optimiser_defaults();
    options.weight_decay = 0.1;
    options.len_z = D - 3;
    options.n_lambda = 3;
    options.lambda_rate = 0.5;
    optimiser o;
    CHECK_OK(lib, optimiser_new(lib, &options, D, &o));
    real *x = numbers(lib, 1), *g[3];
    double start[4], seen[4][3];
    const int watched[4] = {0, 20000, D - 4, D - 1};
    for (int k = 0; k < 4; k++)
        start[k] = (double)x[watched[k]];
    for (int t = 0; t < 3; t++) {
        g[t] = numbers(lib, 7u + (unsigned)t);
        for (int k = 0; k < 4; k++)
            seen[k][t] = (double)g[t][watched[k]];
        optimiser_step(&o, x, g[t], 0.01, t + 1);
        memory_free(lib, g[t]);
    }
    for (int k = 0; k < 4; k++) {
        bool is_lambda = k == 3;
        double want =
            adamw_reference(start[k], seen[k], 3, is_lambda ? 0.005 : 0.01, is_lambda ? 0 : 0.1);
        /* three steps of a few roundings of values near 1 */
        assert_true(fabs((double)x[watched[k]] - want) < 20 * 1.2e-7);
    }
    memory_free(lib, x);
    optimiser_free(lib, &o);
    idim_close(lib);
}

static void shared_second_moment_does_not_depend_on_the_basis(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    optimiser_options options = optimiser_defaults();
    options.kind = OPTIMISER_ADAMW_SHARED;
    options.len_z = 2;
    optimiser a, b;
    CHECK_OK(lib, optimiser_new(lib, &options, 2, &a));
    CHECK_OK(lib, optimiser_new(lib, &options, 2, &b));
    real x[2] = {0, 0}, y[2] = {0, 0}, c = (real)0.6, s = (real)0.8;
    for (int t = 1; t <= 5; t++) {
        real g[2] = {(real)t, (real)(1 - t * t)};
        real turned[2] = {c * g[0] - s * g[1], s * g[0] + c * g[1]};
        optimiser_step(&a, x, g, 0.1, t);
        optimiser_step(&b, y, turned, 0.1, t);
    }
    assert_true(fabs((double)(c * x[0] - s * x[1] - y[0])) < 1e-6);
    assert_true(fabs((double)(s * x[0] + c * x[1] - y[1])) < 1e-6);
    optimiser_free(lib, &a);
    optimiser_free(lib, &b);
    idim_close(lib);
}

static void clipping_has_the_same_bits_for_any_thread_count(void **state)
{
    (void)state;
    double norm[4];
    uint8_t *bytes[4];
    const int threads[4] = {1, 2, 3, 7};
    for (int k = 0; k < 4; k++) {
        idim *lib = check_library(threads[k]);
        optimiser_options options = optimiser_defaults();
        optimiser o;
        CHECK_OK(lib, optimiser_new(lib, &options, D, &o));
        real *g = numbers(lib, 5);
        norm[k] = optimiser_clip(&o, g);
        bytes[k] = malloc(D * sizeof(real));
        memcpy(bytes[k], g, D * sizeof(real));
        double after = 0;
        for (int i = 0; i < D; i++)
            after += (double)g[i] * (double)g[i];
        assert_true(fabs(sqrt(after) - 1) < 1e-5);
        memory_free(lib, g);
        optimiser_free(lib, &o);
        idim_close(lib);
    }
    for (int k = 1; k < 4; k++) {
        assert_true(norm[k] == norm[0]);
        assert_memory_equal(bytes[k], bytes[0], D * sizeof(real));
    }
    for (int k = 0; k < 4; k++)
        free(bytes[k]);
}

static void clipping_at_zero_is_off(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    optimiser_options options = optimiser_defaults();
    options.max_grad_norm = 0;
    optimiser o;
    CHECK_OK(lib, optimiser_new(lib, &options, 2, &o));
    real g[2] = {3, 4};
    assert_true(optimiser_clip(&o, g) == 5);
    assert_true(g[0] == 3 && g[1] == 4);
    optimiser_free(lib, &o);
    idim_close(lib);
}

/* values of transformers' get_linear/cosine/constant_schedule_with_warmup */
static void schedules_equal_those_of_transformers(void **state)
{
    (void)state;
    schedule s = {SCHEDULE_LINEAR, 1.0, 10, 110};
    assert_true(schedule_rate(&s, 0) == 0);
    assert_true(fabs(schedule_rate(&s, 5) - 0.5) < 1e-15);
    assert_true(fabs(schedule_rate(&s, 10) - 1.0) < 1e-15);
    assert_true(fabs(schedule_rate(&s, 60) - 0.5) < 1e-15);
    assert_true(schedule_rate(&s, 110) == 0);
    s.kind = SCHEDULE_COSINE;
    assert_true(fabs(schedule_rate(&s, 35) - 0.85355339059327373) < 1e-15);
    s.kind = SCHEDULE_CONSTANT;
    assert_true(schedule_rate(&s, 109) == 1.0);
}

static void names_of_kinds_are_known(void **state)
{
    (void)state;
    assert_int_equal(schedule_kind_of("cosine"), SCHEDULE_COSINE);
    assert_int_equal(schedule_kind_of("square"), -1);
    assert_int_equal(optimiser_kind_of("sgd"), OPTIMISER_SGD);
    assert_int_equal(optimiser_kind_of("adam"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw_equals_its_formula),
        cmocka_unit_test(shared_second_moment_does_not_depend_on_the_basis),
        cmocka_unit_test(clipping_has_the_same_bits_for_any_thread_count),
        cmocka_unit_test(clipping_at_zero_is_off),
        cmocka_unit_test(schedules_equal_those_of_transformers),
        cmocka_unit_test(names_of_kinds_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
