/* Convex fits against mathematics: the normal equations of ridge regression, a gradient that
 * vanishes, softmax of two classes as logistic regression, prefixes, threads.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/random.h"
#include "measure/convex.h"

#include <math.h>

enum { N = 90, MOST_ROWS = 3, STRIDE = 300 };

typedef struct bed {
    float feature[N * MOST_ROWS * STRIDE];
    double offset[N * MOST_ROWS];
    float label[N];
    convex_data data;
} bed;

static double draw(uint64_t key, int64_t i)
{
    uint32_t words[4];
    random_words(1, STREAM_SPLIT, key, (uint32_t)i, words);
    return ((double)words[0] / 4294967296.0 - 0.5) * 3.46;
}

/* features with one strong common direction, as gradients have */
static bed *bed_new(convex_loss loss, int64_t rows)
{
    bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    for (int64_t i = 0; i < N * rows * STRIDE; i++)
        b->feature[i] = (float)(0.3 * draw(1, i) + draw(2, i % STRIDE));
    for (int64_t i = 0; i < N * rows; i++)
        b->offset[i] = 0.5 * draw(3, i);
    for (int64_t i = 0; i < N; i++) {
        double seen = (double)b->feature[i * rows * STRIDE + 1] + 0.5 * draw(4, i);
        b->label[i] = loss == CONVEX_SQUARED ? (float)(2 + seen)
                      : rows > 1             ? (float)(i % rows)
                                             : (float)(seen > draw(2, 1));
    }
    b->data = (convex_data){loss, b->feature, b->offset, b->label, N, rows, STRIDE};
    return b;
}

static double objective(idim *lib, const convex_data *data, int64_t d, double ridge,
                        const double *z)
{
    double u[N * MOST_ROWS], sum = 0;
    convex_outputs(lib, data, d, z, u);
    for (int64_t j = 0; j < d; j++)
        sum += z[j] * z[j];
    return convex_loss_of(data, u) + ridge / 2 * sum;
}

/* (F'F 2/n + ridge) z = F'(y - offset) 2/n by elimination */
static void normal_equations(const convex_data *data, int d, double ridge, double *z)
{
    double a[20][21] = {{0}};
    for (int i = 0; i < N; i++) {
        const float *f = data->feature + i * STRIDE;
        for (int j = 0; j < d; j++) {
            for (int k = 0; k < d; k++)
                a[j][k] += 2.0 / N * (double)f[j] * (double)f[k];
            a[j][d] += 2.0 / N * (double)f[j] * ((double)data->label[i] - data->offset[i]);
        }
    }
    for (int j = 0; j < d; j++)
        a[j][j] += ridge;
    for (int j = 0; j < d; j++)
        for (int i = 0; i < d; i++) {
            double factor = i == j ? 0 : a[i][j] / a[j][j];
            for (int k = j; k <= d; k++)
                a[i][k] -= factor * a[j][k];
        }
    for (int j = 0; j < d; j++)
        z[j] = a[j][d] / a[j][j];
}

static void ridge_regression_solves_the_normal_equations(void **state)
{
    (void)state;
    enum { D = 20 };
    idim *lib = check_library(1);
    bed *b = bed_new(CONVEX_SQUARED, 1);
    for (double ridge = 1; ridge > 1e-4; ridge /= 10) {
        double z[D] = {0}, exact[D];
        convex_report report;
        normal_equations(&b->data, D, ridge, exact);
        CHECK_OK(lib, convex_fit(lib, &b->data, D, ridge, z, &report));
        assert_true(report.converged);
        /* five iterations that gain a millionth are the end: what is left is of that order */
        double best = objective(lib, &b->data, D, ridge, exact);
        double found = objective(lib, &b->data, D, ridge, z);
        assert_true(found >= best * (1 - 1e-12));
        if (!(found <= best * (1 + 1e-5)))
            fail_msg("ridge %g: objective %.9g, the least is %.9g", ridge, found, best);
    }
    free(b);
    idim_close(lib);
}

/* In a convex problem of curvature at least ridge the objective is within |g|^2 / (2 ridge) of the
 * least; g by central differences of the objective, which the fit does not use. */
static void at_the_end_no_direction_leads_down(void **state)
{
    (void)state;
    enum { D = 40 };
    idim *lib = check_library(1);
    const convex_loss losses[] = {CONVEX_LOGISTIC, CONVEX_SOFTMAX, CONVEX_SQUARED};
    for (int l = 0; l < 3; l++) {
        bed *b = bed_new(losses[l], losses[l] == CONVEX_SOFTMAX ? 3 : 1);
        double z[D] = {0}, squares = 0;
        convex_report report;
        const double ridge = 0.1, h = 1e-5;
        CHECK_OK(lib, convex_fit(lib, &b->data, D, ridge, z, &report));
        double here = objective(lib, &b->data, D, ridge, z);
        for (int j = 0; j < D; j++) {
            double kept = z[j];
            z[j] = kept + h;
            double above = objective(lib, &b->data, D, ridge, z);
            z[j] = kept - h;
            double below = objective(lib, &b->data, D, ridge, z);
            z[j] = kept;
            squares += (above - below) * (above - below) / (4 * h * h);
        }
        if (!(squares / (2 * ridge) <= 1e-4 * here))
            fail_msg("loss %d: objective %g may be %g too large", l, here, squares / (2 * ridge));
        free(b);
    }
    idim_close(lib);
}

static void two_classes_of_softmax_are_logistic(void **state)
{
    (void)state;
    enum { D = 30 };
    idim *lib = check_library(1);
    bed *one = bed_new(CONVEX_LOGISTIC, 1), *two = bed_new(CONVEX_SOFTMAX, 2);
    for (int i = 0; i < N; i++) {
        two->label[i] = one->label[i];
        for (int k = 0; k < 2; k++) {
            float half = k == 0 ? -0.5f : 0.5f;
            two->offset[2 * i + k] = (double)half * one->offset[i];
            for (int j = 0; j < STRIDE; j++)
                two->feature[(2 * i + k) * STRIDE + j] = half * one->feature[i * STRIDE + j];
        }
    }
    double z[D] = {0}, w[D] = {0};
    convex_report a, b;
    CHECK_OK(lib, convex_fit(lib, &one->data, D, 0.01, z, &a));
    CHECK_OK(lib, convex_fit(lib, &two->data, D, 0.01, w, &b));
    assert_int_equal(a.iterations, b.iterations);
    assert_true(fabs(a.loss - b.loss) < 1e-9);
    for (int j = 0; j < D; j++)
        assert_true(fabs(z[j] - w[j]) < 1e-6);
    free(one);
    free(two);
    idim_close(lib);
}

static void a_prefix_is_a_problem_of_its_own(void **state)
{
    (void)state;
    enum { D = 37 };
    idim *lib = check_library(1);
    bed *b = bed_new(CONVEX_LOGISTIC, 1), *alone = bed_new(CONVEX_LOGISTIC, 1);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < STRIDE; j++)
            alone->feature[i * STRIDE + j] = j < D ? b->feature[i * STRIDE + j] : NAN;
    double z[D] = {0}, w[D] = {0};
    convex_report report;
    CHECK_OK(lib, convex_fit(lib, &b->data, D, 0.01, z, &report));
    CHECK_OK(lib, convex_fit(lib, &alone->data, D, 0.01, w, &report));
    assert_memory_equal(z, w, sizeof z);
    free(b);
    free(alone);
    idim_close(lib);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    double first[STRIDE];
    for (int threads = 1; threads <= 4; threads++) {
        idim *lib = check_library(threads);
        bed *b = bed_new(CONVEX_SOFTMAX, 3);
        double z[STRIDE] = {0};
        convex_report report;
        CHECK_OK(lib, convex_fit(lib, &b->data, STRIDE, 1e-3, z, &report));
        if (threads == 1)
            memcpy(first, z, sizeof z);
        assert_memory_equal(first, z, sizeof z);
        free(b);
        idim_close(lib);
    }
}

/* more numbers than examples separate any labels: only the ridge holds z */
static void separable_data_stay_finite(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    bed *b = bed_new(CONVEX_LOGISTIC, 1);
    double z[STRIDE] = {0}, u[N];
    convex_report report;
    CHECK_OK(lib, convex_fit(lib, &b->data, STRIDE, 1e-8, z, &report));
    assert_true(report.converged);
    assert_true(report.loss >= 0 && report.loss < 0.01);
    convex_outputs(lib, &b->data, STRIDE, z, u);
    for (int i = 0; i < N; i++)
        assert_true((u[i] > 0) == (b->label[i] > 0));
    free(b);
    idim_close(lib);
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    bed *b = bed_new(CONVEX_LOGISTIC, 1);
    double z[10] = {0};
    convex_report report;
    b->feature[3] = NAN;
    assert_int_equal(convex_fit(lib, &b->data, 10, 0.1, z, &report), IDIM_ENOTFINITE);
    free(b);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ridge_regression_solves_the_normal_equations),
        cmocka_unit_test(at_the_end_no_direction_leads_down),
        cmocka_unit_test(two_classes_of_softmax_are_logistic),
        cmocka_unit_test(a_prefix_is_a_problem_of_its_own),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(separable_data_stay_finite),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
