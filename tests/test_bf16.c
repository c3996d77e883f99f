/* Precision bf16: products of rounded operands, a model on them, runs on them, and the refusal
 * where the CPU has none. All but the refusal is skipped there.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "model_fixture.h"
#include "products.h"

/* largest relative error of a number rounded to 8 significant bits */
static const double UNIT = 0x1p-8;

static void skip_without_bf16(void)
{
    const kernels *k = kernels_best();
    if (k->bf16 == NULL || !k->bf16->supported()) {
        print_message("SKIPPED: this CPU has no AVX512-BF16\n");
        skip();
    }
}

/* to nearest even, by the bits */
static double rounded(real x)
{
    uint32_t bits;
    float value = (float)x;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void rounded_product(int threads, const matmul *p)
{
    const rounded_matmul *bf16 = kernels_best()->bf16;
    /* not a byte more than was asked for */
    int64_t bytes = bf16->scratch(threads, p);
    uint8_t *scratch = malloc((size_t)bytes + 8);
    assert_non_null(scratch);
    memset(scratch + bytes, 0x5a, 8);
    bf16->matmul(threads, p, scratch);
    for (int i = 0; i < 8; i++)
        assert_int_equal(scratch[bytes + i], 0x5a);
    free(scratch);
}

/* ---- products -------------------------------------------------------------------------------- */

/* edges of tiles (8 rows, 16 and 48 columns), odd k, blocks of k (384), slabs of k (4096) */
static const product_case PRODUCTS[] = {
    {1, 1, 1, false, false, false, false},    {2, 384, 32, true, false, false, false},
    {65, 17, 33, false, true, false, true},   {130, 100, 385, false, true, false, true},
    {75, 129, 64, false, false, true, false}, {9, 50, 9001, true, false, false, false},
    {72, 96, 8192, true, false, true, false}, {67, 33, 4097, false, true, false, true},
    {38, 31, 77, true, true, true, true},     {64, 48, 384, false, false, false, false},
};

/* Products of two 8-bit numbers are exact in fp32, so the bound of any product holds. Operands left
 * as they are, or cut instead of rounded, would be sqrt(k) / 500 away: a hundred times that. */
static void products_are_of_rounded_operands_and_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    skip_without_bf16();
    check_products(PRODUCTS, sizeof PRODUCTS / sizeof *PRODUCTS, rounded_product, rounded);
}

/* attention's: rows of C in eights, fours, twos and ones, one, two and three vectors, odd k */
static void small_products_are_of_rounded_operands(void **state)
{
    (void)state;
    skip_without_bf16();
    static const struct {
        int64_t m, n, k;
        bool turned, add;
    } cases[] = {{1, 16, 1, false, false}, {15, 48, 33, false, true}, {23, 32, 64, true, false},
                 {64, 16, 53, true, true}, {7, 64, 31, false, false}, {18, 16, 2, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t m = cases[i].m, n = cases[i].n, k = cases[i].k;
        bool turned = cases[i].turned;
        product_case c = {m, n, k, turned, false, cases[i].add, false};
        real *a = draws(1, m * k), *b = draws(2, k * n), *before = draws(3, m * n);
        real *found = draws(3, m * n);
        uint32_t *room = malloc((size_t)small_room(m, n, k) * sizeof *room);
        small_product s = {m, n, k, a, turned ? 1 : k, turned ? m : 1, b, n, found, n, c.add};
        kernels_best()->bf16->small(&s, room);
        check_product(&c, &(matmul){.a = a, .b = b, .c = found}, before, rounded);
        free(room);
        free(a);
        free(b);
        free(before);
        free(found);
    }
}

static void operands_are_rounded_to_nearest_even(void **state)
{
    (void)state;
    skip_without_bf16();
    static const struct {
        double x, expected;
    } cases[] = {
        {1 + 0x1p-8, 1},        {1 + 3 * 0x1p-8, 1 + 0x1p-6}, {1 + 0x1.02p-8, 1 + 0x1p-7},
        {-1 - 0x1p-8, -1},      {1 + 0x0.fep-8, 1},           {0x1.fffffep127, INFINITY},
        {-INFINITY, -INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        real x = (real)cases[i].x, one = 1, left, right;
        rounded_product(1, &(matmul){.m = 1, .n = 1, .k = 1, .a = &x, .b = &one, .c = &left});
        rounded_product(1, &(matmul){.m = 1, .n = 1, .k = 1, .a = &one, .b = &x, .c = &right});
        assert_true((double)left == cases[i].expected);
        assert_true((double)right == cases[i].expected);
    }
    real nan = (real)NAN, one = 1, out = 0;
    rounded_product(1, &(matmul){.m = 1, .n = 1, .k = 1, .a = &nan, .b = &one, .c = &out});
    assert_true(isnan(out));
}

static void nothing_times_nothing_is_the_bias(void **state)
{
    (void)state;
    skip_without_bf16();
    const real bias[2] = {3, 4};
    real c[6] = {9, 9, 9, 9, 9, 9}, none = 0;
    rounded_product(2, &(matmul){.n = 2, .k = 5, .a = &none, .b = c, .c = c, .bias = bias});
    for (int i = 0; i < 6; i++)
        assert_true(c[i] == 9);
    rounded_product(2, &(matmul){.m = 3, .n = 2, .a = &none, .b = &none, .c = c, .bias = bias});
    for (int i = 0; i < 6; i++)
        assert_true(c[i] == bias[i % 2]);
}

/* ---- a model --------------------------------------------------------------------------------- */

/* of the fixture's batch; loss, logits and gradient */
typedef struct answer {
    double loss;
    real *logits, *gradient;
} answer;

static answer answer_of(model_fixture *f, precision p)
{
    const params *w = f->model->weights;
    answer a = {.logits = calloc((size_t)(f->batch.n * f->model->n_labels), sizeof(real)),
                .gradient = calloc((size_t)w->size, sizeof(real))};
    bool *trained = all_trained(w);
    tape *t;
    f->model->precision = p;
    CHECK_OK(w->lib, tape_new(w->lib, w, &t));
    tape_begin(t, NULL, (tape_training){.on = false});
    CHECK_OK(w->lib, model_forward(f->model, t, &f->batch, NULL, a.logits));
    model_gradient(f->model, t, &f->batch, trained, (tape_training){.on = false}, &a.loss,
                   a.gradient);
    tape_free(t);
    free(trained);
    return a;
}

static void answer_free(answer *a)
{
    free(a->logits);
    free(a->gradient);
}

/* |a - b| / |b| */
static double apart(const real *a, const real *b, int64_t n)
{
    double difference = 0, length = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        length += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / length);
}

/* A rounded operand is off by at most UNIT, by UNIT / 3 in the mean square; both of a product, so
 * that a product's result is off by sqrt(2) UNIT / 3 of its length. On the way to a gradient lie
 * the products of every layer, 8 forward and 8 back, one after the other at worst, with errors that
 * know nothing of each other: sqrt(number of products). Norms and residuals keep relative errors
 * about as they are; softmax and cancellation in a small model may not, so three times that. */
static double tolerance(const model_fixture *f)
{
    double products = 16 * (double)f->model->config.layers + 4;
    return 3 * sqrt(2 * products) * UNIT / 3;
}

static void gradients_are_near_those_of_fp32(void **state)
{
    (void)state;
    skip_without_bf16();
    static const int CASES[] = {0, 1, 2, 4, 9};
    idim *lib = check_library(2);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        model_fixture f = fixture_open(lib, &model_cases[CASES[i]]);
        answer exact = answer_of(&f, PRECISION_FP32), found = answer_of(&f, PRECISION_BF16);
        int64_t n_logits = f.batch.n * f.model->n_labels;
        double limit = tolerance(&f), logits = apart(found.logits, exact.logits, n_logits);
        double all = apart(found.gradient, exact.gradient, f.model->weights->size);
        if (!(logits <= limit && all <= limit))
            fail_msg("%s: logits %g, gradient %g apart, expected at most %g",
                     model_cases[CASES[i]].name, logits, all, limit);
        /* it was bf16 that answered */
        assert_true(logits > UNIT / 100 && all > UNIT / 100);
        answer_free(&exact);
        answer_free(&found);
        fixture_close(&f);
    }
    idim_close(lib);
}

static void threads_change_no_bit_of_a_gradient(void **state)
{
    (void)state;
    skip_without_bf16();
    answer first = {0};
    for (int k = 0; k < 4; k++) {
        idim *lib = check_library(THREADS[k]);
        model_fixture f = fixture_open(lib, &model_cases[9]);
        answer found = answer_of(&f, PRECISION_BF16);
        if (k == 0) {
            first = found;
        } else {
            assert_memory_equal(&found.loss, &first.loss, sizeof first.loss);
            assert_memory_equal(found.gradient, first.gradient,
                                (size_t)f.model->weights->size * sizeof(real));
            answer_free(&found);
        }
        fixture_close(&f);
        idim_close(lib);
    }
    answer_free(&first);
}

/* ---- refused --------------------------------------------------------------------------------- */

static void a_table_without_it_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    CHECK_OK(lib, kernels_check_precision(lib, &kernels_plain, PRECISION_FP32));
    assert_int_equal(kernels_check_precision(lib, &kernels_plain, PRECISION_BF16), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "precision: bf16 needs a CPU with AVX512-BF16"));

    const rounded_matmul *bf16 = kernels_best()->bf16;
    bool has = bf16 != NULL && bf16->supported();
    model_options options = model_defaults();
    idim_model *m;
    options.path = TEST_FOLDER "/fixtures/tiny";
    options.precision = PRECISION_BF16;
    assert_int_equal(model_open(lib, &options, &m), has ? 0 : IDIM_EARGUMENT);
    model_close(m);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_of_rounded_operands_and_the_same_for_any_number_of_threads),
        cmocka_unit_test(small_products_are_of_rounded_operands),
        cmocka_unit_test(operands_are_rounded_to_nearest_even),
        cmocka_unit_test(nothing_times_nothing_is_the_bias),
        cmocka_unit_test(gradients_are_near_those_of_fp32),
        cmocka_unit_test(threads_change_no_bit_of_a_gradient),
        cmocka_unit_test(a_table_without_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
