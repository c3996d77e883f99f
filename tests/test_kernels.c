/* The kernel tables against their definitions, each that this CPU supports.
 *
 * SPDX-License-Identifier: MIT */
#include "products.h"

static void for_each_table(void (*check)(const kernels *k))
{
    int64_t n;
    const kernels *const *table = kernels_list(&n);
    for (int64_t i = 0; i < n; i++)
        if (table[i]->supported())
            check(table[i]);
        else
            print_message("SKIPPED: this CPU has no %s\n", table[i]->name);
}

/* ---- products -------------------------------------------------------------------------------- */

static const product_case PRODUCTS[] = {
    {1, 1, 1, false, false, false, false},
    {2, 384, 32, true, false, false, false},
    {65, 17, 33, false, true, false, true},
    {300, 800, 130, false, true, false, true},
    {257, 129, 64, false, false, true, false},
    {96, 400, 5000, true, false, false, false}, /* a library might cut so long a sum in parts */
    {384, 96, 3000, true, true, true, true},
};

static void multiply(int threads, const matmul *p)
{
    kernels_best()->matmul(threads, p);
}

static double as_it_is(real x)
{
    return (double)x;
}

static void products_are_right_and_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    check_products(PRODUCTS, sizeof PRODUCTS / sizeof *PRODUCTS, multiply, as_it_is);
}

/* NULL in another BLAS, and where there is none */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

static void the_threads_of_a_blas_change_no_bit(void **state)
{
    (void)state;
    enum { M = 512, N = 1536, K = 384, C_BYTES = M * N * (int)sizeof(real) };
    if (openblas_set_num_threads == NULL) {
        print_message("SKIPPED: this build has no OpenBLAS\n");
        skip();
    }
    real *a = draws(1, M * K), *b = draws(2, N * K), *first = draws(3, M * N);
    real *found = draws(4, M * N);
    for (int threads = 1; threads <= 4; threads++) {
        openblas_set_num_threads(threads);
        matmul p = {.m = M,
                    .n = N,
                    .k = K,
                    .a = a,
                    .b = b,
                    .c = threads == 1 ? first : found,
                    .b_turned = true};
        kernels_best()->matmul(2, &p);
        if (threads > 1)
            assert_memory_equal(first, found, C_BYTES);
    }
    free(a);
    free(b);
    free(first);
    free(found);
}

static void the_plain_product_is_the_definition(void **state)
{
    (void)state;
    const product_case c = {7, 9, 5, true, true, true, false};
    real *a = draws(1, 35), *b = draws(2, 45), *before = draws(4, 63), *found = draws(4, 63);
    gemm_plain(&(gemm_tile){7, 9, 5, a, b, found, 7, 5, 9, true, true, true});
    check_product(&c, &(matmul){.a = a, .b = b, .c = found}, before, as_it_is);
    free(a);
    free(b);
    free(before);
    free(found);
}

/* ---- activations
 * --------------------------------------------------------------------------------- */

static double textbook(unary_kind kind, double x)
{
    switch (kind) {
    case UNARY_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    case UNARY_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case UNARY_RELU:
        return x > 0 ? x : 0;
    case UNARY_SILU:
        return x / (1 + exp(-x));
    case UNARY_TANH:
        break;
    }
    return tanh(x);
}

/* 1e-6 of max(1, |x|): erf is within 5e-7, and a product with x follows */
static void check_activations(const kernels *k)
{
    enum { N = 40001 };
    real *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y), *dx = calloc(N, sizeof *dx);
    real *dy = calloc(N, sizeof *dy);
    for (int i = 0; i < N; i++) {
        x[i] = (real)((i - N / 2) * 0.001);
        dy[i] = 1;
    }
    for (int kind = UNARY_GELU; kind <= UNARY_TANH; kind++) {
        k->unary(2, (unary_kind)kind, N, x, y);
        k->unary_backward(2, (unary_kind)kind, N, x, dy, false, dx);
        for (int i = 0; i < N; i++) {
            double at = (double)x[i], size = fabs(at) > 1 ? fabs(at) : 1, h = 1e-4;
            double slope =
                (textbook((unary_kind)kind, at + h) - textbook((unary_kind)kind, at - h)) / (2 * h);
            if (!(fabs((double)y[i] - textbook((unary_kind)kind, at)) <= 1e-6 * size))
                fail_msg("%s: kind %d at %g: found %.9g", k->name, kind, at, (double)y[i]);
            /* the kink of relu is no slope */
            if (kind != UNARY_RELU || fabs(at) > h)
                if (!(fabs((double)dx[i] - slope) <= 2e-6 * size))
                    fail_msg("%s: slope of kind %d at %g: expected %.9g, found %.9g", k->name, kind,
                             at, slope, (double)dx[i]);
        }
    }
    free(x);
    free(y);
    free(dx);
    free(dy);
}

static void activations_are_close_to_their_definitions(void **state)
{
    (void)state;
    for_each_table(check_activations);
}

static void check_not_finite(const kernels *k)
{
    const real x[4] = {(real)NAN, (real)INFINITY, (real)-1e30, (real)1e30};
    real y[4];
    for (int kind = UNARY_GELU; kind <= UNARY_TANH; kind++) {
        k->unary(1, (unary_kind)kind, 4, x, y);
        assert_true(isnan(y[0]));
        assert_true(kind == UNARY_TANH ? y[1] == 1 : isinf(y[1]));
        assert_true(kind == UNARY_TANH ? y[2] == -1 : y[2] <= 0 && y[2] > -1e-6f);
        assert_true(kind == UNARY_TANH ? y[3] == 1 : y[3] == x[3]);
    }
}

static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    for_each_table(check_not_finite);
}

/* ---- dropout
 * ------------------------------------------------------------------------------------- */

static void check_dropout(const kernels *k)
{
    enum { N = 100003 };
    real *ones = calloc(N, sizeof *ones), *y = calloc(N, sizeof *y), *z = calloc(N, sizeof *z);
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    const dropout_mask mask = {5, 6, 6554, (real)(65536.0 / (65536 - 6554))};
    k->dropout(3, &mask, N, ones, NULL, y);
    int64_t kept = 0;
    for (int i = 0; i < N; i++) {
        assert_true(y[i] == 0 || y[i] == mask.scale);
        kept += y[i] != 0;
    }
    /* binomial, five standard deviations */
    double share = 1 - 6554.0 / 65536;
    assert_true(fabs((double)kept / N - share) < 5 * sqrt(share * (1 - share) / N));

    /* an entry's mask depends on nothing but its place; added to what is there */
    k->dropout(1, &mask, 777, ones, ones, z);
    for (int i = 0; i < 777; i++)
        assert_true(z[i] == y[i] + 1);

    /* draws 0 and 64 are the halves of word 0 of call 0 */
    uint32_t words[4];
    random_words(5, STREAM_DROPOUT, 6, 0, words);
    assert_true((y[0] == 0) == ((words[0] & 0xffff) < 6554));
    assert_true((y[64] == 0) == (words[0] >> 16 < 6554));
    free(ones);
    free(y);
    free(z);
}

static void dropout_is_a_function_of_the_place(void **state)
{
    (void)state;
    for_each_table(check_dropout);
}

/* ---- attention
 * ----------------------------------------------------------------------------------- */

enum { LONG_T = 133, HEADS = 2 };

/* softmax(q k' / sqrt(dh)) v of one row of one head, in double */
static void textbook_row(const real *q, const real *k, const real *v, int64_t T, int64_t dh,
                         double *out)
{
    double score[LONG_T], top = -INFINITY, sum = 0;
    const int64_t stride = HEADS * dh;
    for (int64_t j = 0; j < T; j++) {
        score[j] = 0;
        for (int64_t d = 0; d < dh; d++)
            score[j] += (double)q[d] * (double)k[j * stride + d];
        score[j] /= sqrt((double)dh);
        top = fmax(top, score[j]);
    }
    for (int64_t j = 0; j < T; j++)
        sum += score[j] = exp(score[j] - top);
    for (int64_t d = 0; d < dh; d++) {
        out[d] = 0;
        for (int64_t j = 0; j < T; j++)
            out[d] += score[j] / sum * (double)v[j * stride + d];
    }
}

static void check_attention(const kernels *k)
{
    static const int64_t SIZES[] = {1, 7, 16, 33, 64};
    static const int32_t START[] = {0, 1, 17, 81, 81 + LONG_T};
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        int64_t dh = SIZES[s], H = HEADS * dh, T = START[4];
        real *q = draws(1, T * H), *key = draws(2, T * H), *v = draws(3, T * H);
        real *out = draws(4, T * H), *lse = draws(5, T * HEADS);
        real *scratch = draws(6, k->attention_scratch(3, LONG_T, dh));
        attention_shape a = {.n = 4,
                             .heads = HEADS,
                             .hidden = H,
                             .start = START,
                             .longest = LONG_T,
                             .mask = {0, 0, 0, 1},
                             .q = q,
                             .k = key,
                             .v = v,
                             .lse = lse,
                             .scratch = scratch};
        k->attention(3, &a, out);
        for (int i = 0; i < 4; i++)
            for (int32_t row = START[i]; row < START[i + 1]; row += 5)
                for (int h = 0; h < HEADS; h++) {
                    double wanted[64];
                    textbook_row(q + row * H + h * dh, key + START[i] * H + h * dh,
                                 v + START[i] * H + h * dh, START[i + 1] - START[i], dh, wanted);
                    for (int64_t d = 0; d < dh; d++)
                        assert_true(fabs(wanted[d] - (double)out[row * H + h * dh + d]) < 1e-6);
                }
        free(q);
        free(key);
        free(v);
        free(out);
        free(lse);
        free(scratch);
    }
}

static void attention_is_the_textbook_one(void **state)
{
    (void)state;
    for_each_table(check_attention);
}

/* A vector added to every key changes no probability. One rounding of the first row is left, half
 * a unit in its last place; the sum in double of the others is exact. */
static void check_key_sums(const kernels *k)
{
    enum { DH = 24, H = HEADS * DH, T = 1 + LONG_T };
    static const int32_t START[] = {0, 1, T};
    real *q = draws(1, T * H), *key = draws(2, T * H), *v = draws(3, T * H), *dy = draws(4, T * H);
    real *out = draws(5, T * H), *lse = draws(6, T * HEADS), *dq = draws(7, T * H);
    real *dk = draws(8, T * H), *dv = draws(9, T * H);
    real *scratch = draws(10, k->attention_scratch(2, LONG_T, DH));
    attention_shape a = {.n = 2,
                         .heads = HEADS,
                         .hidden = H,
                         .start = START,
                         .longest = LONG_T,
                         .mask = {5, 6, 6554, 1},
                         .q = q,
                         .k = key,
                         .v = v,
                         .lse = lse,
                         .scratch = scratch};
    k->attention(2, &a, out);
    k->attention_backward(2, &a, &(attention_gradients){dy, dq, dk, dv, NULL, NULL});
    for (int column = 0; column < H; column++) {
        double sum = 0, size = 0;
        for (int row = START[1]; row < START[2]; row++) {
            sum += (double)dk[row * H + column];
            size += fabs((double)dk[row * H + column]);
        }
        assert_true(size > 0.1);
        assert_true(fabs(sum) <= (double)FLT_EPSILON / 2 * fabs((double)dk[H + column]));
    }
    real *const all[] = {q, key, v, dy, out, lse, dq, dk, dv, scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void the_gradients_of_the_keys_add_up_to_nothing(void **state)
{
    (void)state;
    for_each_table(check_key_sums);
}

/* ---- scores of pairs ----------------------------------------------------------------------------
 */

enum { PAIR_DH = 5, PAIR_H = HEADS * PAIR_DH, PAIR_ROWS = 19, PAIR_SCORES = HEADS * LONG_T };

typedef struct pair_buffers {
    real *x, *y, *sum, *out, *dx, *dy, *scratch;
    int32_t row[2 * LONG_T - 1], segment[4 + LONG_T];
} pair_buffers;

/* The textbook: every sequence, pair and head. Partial sums stay below 5, 30 and 300: dy has up to
 * 133^2 terms that go either way; a rounding each time, sqrt(n) of them, is far less. */
static void check_pairs_against(const pair_shape *s, const pair_buffers *b, const real *dscores)
{
    double *dx = calloc((size_t)(s->start[s->n] * PAIR_H), sizeof *dx);
    double *dy = calloc((size_t)(s->n * PAIR_ROWS * PAIR_H), sizeof *dy);
    for (int64_t q = 0; q < s->n; q++)
        for (int64_t i = s->start[q]; i < s->start[q + 1]; i++)
            for (int64_t at = 0; at < HEADS * LONG_T; at++) {
                int64_t h = at / LONG_T, j = s->start[q] + at % LONG_T;
                double wanted = (double)b->sum[i * PAIR_SCORES + at];
                int64_t r = s->segment != NULL
                                ? s->segment[i] != s->segment[j < s->start[q + 1] ? j : i]
                                : s->row[(j - i) + LONG_T - 1];
                for (int64_t d = h * PAIR_DH; d < (h + 1) * PAIR_DH && j < s->start[q + 1]; d++) {
                    int64_t from = (s->by_key ? j : i) * PAIR_H + d, to = r * PAIR_H + d;
                    double g = (double)dscores[i * PAIR_SCORES + at];
                    wanted += (double)b->x[from] * (double)b->y[to];
                    dx[from] += g * (double)b->y[to];
                    dy[q * PAIR_ROWS * PAIR_H + to] += g * (double)b->x[from];
                }
                assert_true(fabs(wanted - (double)b->out[i * PAIR_SCORES + at]) < 2e-6);
            }
    for (int64_t i = 0; i < s->start[s->n] * PAIR_H; i++)
        assert_true(fabs(dx[i] + 1 - (double)b->dx[i]) < 2e-5);
    for (int64_t i = 0; i < s->n * s->rows * PAIR_H; i++)
        assert_true(fabs(dy[i / (s->rows * PAIR_H) * PAIR_ROWS * PAIR_H + i % (s->rows * PAIR_H)] -
                         (double)b->dy[i]) < 2e-4);
    free(dx);
    free(dy);
}

static void check_pairs(const kernels *k)
{
    static const int32_t START[] = {0, 1, 4, 4 + LONG_T};
    const int64_t T = START[3];
    pair_buffers b = {
        draws(1, T * PAIR_H), draws(2, PAIR_ROWS * PAIR_H), NULL, NULL, NULL, NULL, NULL, {0}, {0}};
    real *dscores = draws(3, T * PAIR_SCORES);
    for (int32_t i = 0; i < 2 * LONG_T - 1; i++)
        b.row[i] = i * 7 % PAIR_ROWS;
    for (int32_t i = 0; i < T; i++)
        b.segment[i] = i % 5 / 2;
    for (int kind = 0; kind < 3; kind++) {
        pair_shape s = {.n = 3,
                        .heads = HEADS,
                        .hidden = PAIR_H,
                        .longest = LONG_T,
                        .start = START,
                        .x = b.x,
                        .y = b.y,
                        .rows = kind == 2 ? 2 : PAIR_ROWS,
                        .by_key = kind == 1,
                        .row = b.row,
                        .segment = kind == 2 ? b.segment : NULL};
        b.sum = draws(4, T * PAIR_SCORES), b.out = draws(4, T * PAIR_SCORES);
        b.dx = draws(5, T * PAIR_H), b.dy = draws(6, 3 * PAIR_ROWS * PAIR_H);
        b.scratch = s.scratch = draws(7, k->pair_scratch(2, &s));
        for (int64_t i = 0; i < T * PAIR_H; i++)
            b.dx[i] = 1;
        k->pair_scores(2, &s, true, b.out);
        k->pair_scores_backward(2, &s, &(pair_gradients){dscores, b.dx, b.dy, true});
        check_pairs_against(&s, &b, dscores);
        memset(b.sum, 0, (size_t)(T * PAIR_SCORES) * sizeof *b.sum);
        for (int64_t i = 0; i < T * PAIR_H; i++)
            b.dx[i] = NAN;
        k->pair_scores(1, &s, false, b.out);
        k->pair_scores_backward(1, &s, &(pair_gradients){dscores, b.dx, b.dy, false});
        for (int64_t i = 0; i < T * PAIR_H; i++)
            b.dx[i] += 1;
        check_pairs_against(&s, &b, dscores);
        real *const all[] = {b.sum, b.out, b.dx, b.dy, b.scratch};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            free(all[i]);
    }
    free(b.x);
    free(b.y);
    free(dscores);
}

static void scores_of_pairs_and_their_gradients_are_the_textbook_ones(void **state)
{
    (void)state;
    for_each_table(check_pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right_and_the_same_for_any_number_of_threads),
        cmocka_unit_test(the_threads_of_a_blas_change_no_bit),
        cmocka_unit_test(the_plain_product_is_the_definition),
        cmocka_unit_test(activations_are_close_to_their_definitions),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(dropout_is_a_function_of_the_place),
        cmocka_unit_test(attention_is_the_textbook_one),
        cmocka_unit_test(the_gradients_of_the_keys_add_up_to_nothing),
        cmocka_unit_test(scores_of_pairs_and_their_gradients_are_the_textbook_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
