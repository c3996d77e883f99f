/* Facts about every projection, method and normalisation, in float and in double: included by
 * test_subspace.c and test_double_subspace.c.
 *
 * Tolerances: a push entry is a sum of K products, a pull entry one of D, each through log2 K
 * rounded additions; errors of rounding add up like random numbers, so that inner products agree to
 * a small multiple of eps times the sum of the absolute products over sqrt(count). The bounds below
 * take k eps |Pz| |g| with k = 8 (log2 of the longest transform, plus the sums).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_SUBSPACE_CASES_H
#define IDIM_TESTS_SUBSPACE_CASES_H

#include "check.h"
#include "subspace/subspace.h"
#include "toy_params.h"

#include <float.h>
#include <math.h>

static const double EPS = sizeof(real) == 4 ? (double)FLT_EPSILON : DBL_EPSILON;

/* a subspace of the toy model and vectors to try it with */
typedef struct bed {
    idim *lib;
    params *p;
    subspace *s;
    int64_t d;
    real *x, *y, *dx, *theta, *g;
} bed;

static idim_subspace_options options_of(const char *how, const char *name, int64_t dim)
{
    return (idim_subspace_options){.method = how,
                                   .projection = name,
                                   .normalize = "global",
                                   .groups = "block",
                                   .pull = "exact",
                                   .dim = dim,
                                   .seed = 7};
}

static bed bed_new(int threads, const idim_subspace_options *o)
{
    bed b = {.lib = check_library(threads)};
    b.p = toy_params(b.lib);
    CHECK_OK(b.lib, subspace_new(b.p, o, &b.s));
    b.d = subspace_dim(b.s);
    CHECK_OK(b.lib, NEW(b.lib, real, b.d, "x", &b.x));
    CHECK_OK(b.lib, NEW(b.lib, real, b.d, "y", &b.y));
    CHECK_OK(b.lib, NEW(b.lib, real, b.d, "dx", &b.dx));
    CHECK_OK(b.lib, NEW(b.lib, real, b.p->size, "theta", &b.theta));
    CHECK_OK(b.lib, NEW(b.lib, real, b.p->size, "g", &b.g));
    toy_fill(2, 2, b.x, b.d);
    toy_fill(3, 3, b.y, b.d);
    toy_fill(4, 4, b.g, b.p->size);
    return b;
}

static void bed_free(bed *b)
{
    real *blocks[] = {b->x, b->y, b->dx, b->theta, b->g};
    for (int i = 0; i < 5; i++)
        memory_free(b->lib, blocks[i]);
    subspace_free(b->s);
    params_free(b->p);
    idim_close(b->lib);
}

/* dx of the gradient g, dense, tensor by tensor */
static void pull_dense(bed *b, const real *x)
{
    const gradient_sink *sink = subspace_sink(b->s);
    subspace_pull_begin(b->s, x, b->dx);
    for (int64_t i = 0; i < b->p->n; i++) {
        const param *t = &b->p->item[i];
        int64_t first = 0;
        gradient g = {b->g + t->offset, &first, 1, param_size(t)};
        sink->fold(sink->user, i, &g);
    }
    subspace_pull_end(b->s);
}

static double dot(const real *a, const real *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static const int64_t dims[] = {1, 5, 64, 65, 200, 512, 1000, 1500};
enum { N_DIMS = sizeof dims / sizeof dims[0] };

typedef void with_projection(const char *name, int64_t dim);

static void over_projections(with_projection *test)
{
    int64_t n;
    const projection *const *list = projection_list(&n);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < N_DIMS; k++)
            /* dense costs D d and has no transform whose length could matter */
            if (dims[k] <= 200 || strcmp(list[i]->name, "dense") != 0)
                test(list[i]->name, dims[k]);
}

/* theta <- theta - theta0 */
static void subtract_base(bed *b)
{
    for (int64_t j = 0; j < b->p->size; j++)
        b->theta[j] -= b->p->theta0[j];
}

static void check_adjoint(const char *name, int64_t dim)
{
    idim_subspace_options o = options_of("did", name, dim);
    bed b = bed_new(2, &o);
    memset(b.p->theta0, 0, (size_t)b.p->size * sizeof(real));
    subspace_push(b.s, b.x, b.theta);
    pull_dense(&b, b.x);
    double left = dot(b.theta, b.g, b.p->size), right = dot(b.x, b.dx, b.d);
    double size = sqrt(dot(b.theta, b.theta, b.p->size) * dot(b.g, b.g, b.p->size));
    if (!(fabs(left - right) <= 8 * EPS * size))
        fail_msg("%s, d = %lld: <Pz, g> = %.17g, <z, P'g> = %.17g", name, (long long)dim, left,
                 right);
    bed_free(&b);
}

static void pull_is_the_adjoint_of_push(void **state)
{
    (void)state;
    over_projections(check_adjoint);
}

static void check_linear(const char *name, int64_t dim)
{
    idim_subspace_options o = options_of("did", name, dim);
    bed b = bed_new(2, &o);
    memset(b.p->theta0, 0, (size_t)b.p->size * sizeof(real));
    real *sum, *first;
    CHECK_OK(b.lib, NEW(b.lib, real, b.d, "sum", &sum));
    CHECK_OK(b.lib, NEW(b.lib, real, b.p->size, "first", &first));
    for (int64_t i = 0; i < b.d; i++)
        sum[i] = 3 * b.x[i] - b.y[i];
    subspace_push(b.s, sum, b.theta);
    subspace_push(b.s, b.x, b.g);
    subspace_push(b.s, b.y, first);
    double off = 0, size = 0;
    for (int64_t j = 0; j < b.p->size; j++) {
        double expected = 3 * (double)b.g[j] - (double)first[j];
        off += (expected - (double)b.theta[j]) * (expected - (double)b.theta[j]);
        size += expected * expected;
    }
    /* the entries' errors are independent: together they are a few eps of the length */
    if (!(sqrt(off) <= 16 * EPS * sqrt(size)))
        fail_msg("%s, d = %lld: off by %g of %g", name, (long long)dim, sqrt(off), sqrt(size));
    memory_free(b.lib, sum);
    memory_free(b.lib, first);
    bed_free(&b);
}

static void push_is_linear_in_z(void **state)
{
    (void)state;
    over_projections(check_linear);
}

/* mean of |Pz|^2 / |z|^2 over seeds */
static double mean_square_ratio(const char *name, int64_t dim, const char *normalize, int seeds)
{
    double sum = 0;
    for (int seed = 0; seed < seeds; seed++) {
        idim_subspace_options o = options_of("did", name, dim);
        o.seed = (uint64_t)seed * 1000003u;
        o.normalize = normalize;
        bed b = bed_new(2, &o);
        subspace_push(b.s, b.x, b.theta);
        subtract_base(&b);
        sum += dot(b.theta, b.theta, b.p->size) / dot(b.x, b.x, b.d);
        bed_free(&b);
    }
    return sum / seeds;
}

static void length_is_kept_on_average(void **state)
{
    (void)state;
    int64_t n;
    const projection *const *list = projection_list(&n);
    for (int64_t i = 0; i < n; i++)
        for (int k = 3; k < 6; k++) {
            double ratio = mean_square_ratio(list[i]->name, dims[k], "global", 20);
            /* |Pz|^2 / |z|^2 has a spread of at most about sqrt(2 / 64) for one seed; of the mean
             * of twenty 0.04, and 0.2 is five of these */
            if (!(fabs(ratio - 1) < 0.2))
                fail_msg("%s, d = %lld: E |Pz|^2 / |z|^2 = %g", list[i]->name, (long long)dims[k],
                         ratio);
        }
}

static void other_seeds_give_other_weights(void **state)
{
    (void)state;
    int64_t n;
    const projection *const *list = projection_list(&n);
    for (int64_t i = 0; i < n; i++)
        for (int bit = 0; bit < 64; bit += 21) {
            idim_subspace_options o = options_of("did", list[i]->name, 200);
            bed a = bed_new(1, &o);
            o.seed ^= (uint64_t)1 << bit;
            bed b = bed_new(1, &o);
            subspace_push(a.s, a.x, a.theta);
            subspace_push(b.s, b.x, b.theta);
            subtract_base(&a);
            subtract_base(&b);
            double cosine =
                dot(a.theta, b.theta, a.p->size) /
                sqrt(dot(a.theta, a.theta, a.p->size) * dot(b.theta, b.theta, a.p->size));
            /* two random directions in 200 dimensions: 5 / sqrt(200) */
            if (!(fabs(cosine) < 0.36))
                fail_msg("%s: seeds that differ in bit %d: cosine %g", list[i]->name, bit, cosine);
            bed_free(&a);
            bed_free(&b);
        }
}

static void check_threads(const char *name, int64_t dim)
{
    static const int threads[] = {1, 2, 3, 7};
    idim_subspace_options o = options_of(dim > 4 ? "said" : "did", name, dim);
    bed one = bed_new(1, &o);
    subspace_push(one.s, one.x, one.theta);
    pull_dense(&one, one.x);
    for (int k = 1; k < 4; k++) {
        bed b = bed_new(threads[k], &o);
        subspace_push(b.s, b.x, b.theta);
        pull_dense(&b, b.x);
        assert_memory_equal(one.theta, b.theta, (size_t)b.p->size * sizeof(real));
        assert_memory_equal(one.dx, b.dx, (size_t)b.d * sizeof(real));
        bed_free(&b);
    }
    bed_free(&one);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    over_projections(check_threads);
}

static void check_sparse(const char *name, int64_t dim)
{
    static const int64_t rows[] = {0, 3, 4, 17, 41, 49};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    idim_subspace_options o = options_of(dim > 4 ? "said" : "did", name, dim);
    bed b = bed_new(2, &o);
    const param *t = &b.p->item[0];
    real *dense, *packed, *expected;
    int64_t first[ROWS], zero = 0;
    CHECK_OK(b.lib, NEW(b.lib, real, param_size(t), "dense", &dense));
    CHECK_OK(b.lib, NEW(b.lib, real, ROWS * t->cols, "packed", &packed));
    CHECK_OK(b.lib, NEW(b.lib, real, b.d, "expected", &expected));
    for (int r = 0; r < ROWS; r++) {
        first[r] = rows[r] * t->cols;
        for (int64_t j = 0; j < t->cols; j++)
            packed[r * t->cols + j] = dense[first[r] + j] = b.g[first[r] + j];
    }
    const gradient_sink *sink = subspace_sink(b.s);
    gradient whole = {dense, &zero, 1, param_size(t)}, runs = {packed, first, ROWS, t->cols};
    subspace_pull_begin(b.s, b.x, expected);
    sink->fold(sink->user, 0, &whole);
    subspace_pull_end(b.s);
    subspace_pull_begin(b.s, b.x, b.dx);
    sink->fold(sink->user, 0, &runs);
    subspace_pull_end(b.s);
    assert_memory_equal(expected, b.dx, (size_t)b.d * sizeof(real));
    memory_free(b.lib, dense);
    memory_free(b.lib, packed);
    memory_free(b.lib, expected);
    bed_free(&b);
}

static void sparse_gradient_equals_dense(void **state)
{
    (void)state;
    over_projections(check_sparse);
}

static void origin_gives_the_published_weights(void **state)
{
    (void)state;
    static const char *const methods[] = {"said", "did", "full", "head", "bias"};
    for (int k = 0; k < 5; k++) {
        idim_subspace_options o = options_of(methods[k], "fastfood", k < 2 ? 100 : 0);
        bed b = bed_new(2, &o);
        subspace_origin(b.s, b.x);
        subspace_push(b.s, b.x, b.theta);
        assert_memory_equal(b.theta, b.p->theta0, (size_t)b.p->size * sizeof(real));
        bed_free(&b);
    }
}

static void refusals_name_choices_and_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *method, *projection, *normalize, *groups, *pull;
        int64_t dim;
        const char *sentence;
    } cases[] = {
        {"sad", "fastfood", "global", "block", "exact", 9,
         "method: expected one of said, did, full, head, bias; found 'sad'"},
        {"said", "slowfood", "global", "block", "exact", 9, "projection: expected one of fastfood"},
        {"said", "fastfood", "local", "block", "exact", 9,
         "normalize: expected one of global, tensor, weight, capped, balanced"},
        {"said", "fastfood", "global", "blocks", "exact", 9,
         "groups: expected one of block, module, tensor, none; found 'blocks'"},
        {"said", "fastfood", "global", "block", "private", 9,
         "pull: expected one of exact, public"},
        {"said", "fastfood", "global", "block", "public", 9, "pull: 'public' belongs to"},
        {"said", "fastfood", "global", "tensor", "exact", 10,
         "said with groups 'tensor' needs dim above 10: it has 10 groups"},
        {"said", "fastfood", "global", "none", "exact", 1, "needs dim above 1"},
        {"did", "fastfood", "global", "block", "exact", 0, "expects at least 1, found 0"},
        {"did", "fastfood", "global", "block", "exact", -5, "expects at least 1, found -5"},
        {"did", "fastfood", "global", "block", "exact", INT64_MAX, "expected at most 16777216"},
        {"full", "fastfood", "global", "block", "exact", 10, "expected 0, found 10"},
        {NULL, "fastfood", "global", "block", "exact", 10, "found '(nothing)'"},
    };
    idim *lib = check_library(1);
    params *p = toy_params(lib);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim_subspace_options o = {cases[i].method,
                                   cases[i].projection,
                                   cases[i].normalize,
                                   cases[i].groups,
                                   cases[i].pull,
                                   cases[i].dim,
                                   1};
        subspace *s;
        library_clear(lib);
        assert_int_equal(subspace_new(p, &o, &s), IDIM_EARGUMENT);
        assert_null(s);
        if (strstr(idim_error(lib), cases[i].sentence) == NULL)
            fail_msg("case %zu: %s", i, idim_error(lib));
    }
    params_free(p);
    idim_close(lib);
}

static void groups_are_counted_in_d(void **state)
{
    (void)state;
    static const struct {
        const char *groups;
        int64_t n;
        const char *first, *last;
    } cases[] = {{"block", 4, "embeddings", "head"},
                 {"module", 6, "embeddings.word", "classifier"},
                 {"tensor", 10, "embeddings.word.weight", "classifier.bias"},
                 {"none", 1, "all", "all"}};
    for (int k = 0; k < 4; k++) {
        idim_subspace_options o = options_of("said", "fastfood", 50);
        o.groups = cases[k].groups;
        bed b = bed_new(1, &o);
        assert_int_equal(b.d, 50);
        assert_int_equal(subspace_n_lambda(b.s), cases[k].n);
        assert_int_equal(subspace_len_z(b.s), 50 - cases[k].n);
        assert_string_equal(subspace_group_name(b.s, 0), cases[k].first);
        assert_string_equal(subspace_group_name(b.s, cases[k].n - 1), cases[k].last);
        assert_int_equal(subspace_group(b.s, TOY_TENSORS - 1), cases[k].n - 1);
        bed_free(&b);
    }
}

static void direct_entries_move_alone(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        int64_t d;
    } cases[] = {{"full", 0}, {"head", 50}, {"bias", 96 + 64 + 24 + 50}};
    for (int k = 0; k < 3; k++) {
        idim_subspace_options o = options_of(cases[k].method, "fastfood", 0);
        bed b = bed_new(2, &o);
        assert_int_equal(b.d, k > 0 ? cases[k].d : b.p->size);
        assert_int_equal(subspace_n_direct(b.s), b.d);
        subspace_push(b.s, b.x, b.theta);
        pull_dense(&b, b.x);
        int64_t at = 0;
        for (int64_t i = 0; i < b.p->n; i++) {
            const param *t = &b.p->item[i];
            bool trained = subspace_sink(b.s)->trained[i];
            for (int64_t j = 0; j < param_size(t); j++) {
                real expected = trained ? b.x[at] : b.p->theta0[t->offset + j];
                assert_true(b.theta[t->offset + j] == expected);
                if (trained)
                    assert_true(b.dx[at++] == b.g[t->offset + j]);
            }
        }
        assert_int_equal(at, b.d);
        bed_free(&b);
    }
}

/* a tensor's part of dz is 1/L of the exact one; the gradients of the lambdas are exact */
static void public_pull_weights_dz_by_length(void **state)
{
    (void)state;
    idim_subspace_options o = options_of("said", "fastfood-tensor", 100);
    bed a = bed_new(2, &o);
    o.pull = "public";
    bed b = bed_new(2, &o);
    static const double length[] = {2048, 128, 4096, 128, 8192, 128, 1024, 128, 128, 128};
    for (int64_t i = 0; i < a.p->n; i++) {
        bed *both[] = {&a, &b};
        for (int k = 0; k < 2; k++) {
            const param *t = &a.p->item[i];
            const gradient_sink *sink = subspace_sink(both[k]->s);
            int64_t first = 0;
            gradient g = {a.g + t->offset, &first, 1, param_size(t)};
            subspace_pull_begin(both[k]->s, a.x, both[k]->dx);
            sink->fold(sink->user, i, &g);
            subspace_pull_end(both[k]->s);
        }
        for (int64_t j = 0; j < 96; j++)
            assert_true((double)a.dx[j] == length[i] * (double)b.dx[j]);
        assert_memory_equal(a.dx + 96, b.dx + 96, 4 * sizeof(real));
    }
    bed_free(&a);
    bed_free(&b);
}

static double moved(const bed *b, int64_t tensor)
{
    const param *t = &b->p->item[tensor];
    return sqrt(dot(b->theta + t->offset, b->theta + t->offset, param_size(t)) /
                (double)param_size(t));
}

/* root mean square of a tensor's movement for |z| = 1, averaged over seeds */
static void normalisations_give_each_tensor_its_movement(void **state)
{
    (void)state;
    static const char *const rules[] = {"global", "tensor", "weight", "capped", "balanced"};
    for (int r = 0; r < 5; r++) {
        double squares[2] = {0, 0}, expected[2] = {0, 0};
        for (uint64_t seed = 0; seed < 40; seed++) {
            idim_subspace_options o = options_of("did", "fastfood", 1000);
            o.normalize = rules[r];
            o.seed = seed;
            bed b = bed_new(1, &o);
            double total = sqrt(dot(b.p->theta0, b.p->theta0, b.p->size)),
                   length = sqrt(dot(b.x, b.x, b.d)), size = (double)b.p->size;
            /* the big matrix and the bias of the head, which is zero */
            const double by_rule[5][2] = {
                {1 / sqrt(size), 1 / sqrt(size)},    {1 / sqrt(8192), 1 / sqrt(2)},
                {0.05 / total, 0.1 / sqrt(size)},    {1 / sqrt(10192), 1 / sqrt(2002)},
                {1 / sqrt(10192), 0.1 / sqrt(2002)},
            };
            subspace_push(b.s, b.x, b.theta);
            subtract_base(&b);
            for (int k = 0; k < 2; k++) {
                double moves = moved(&b, k == 0 ? 4 : TOY_TENSORS - 1) / length;
                squares[k] += moves * moves / 40;
                expected[k] = by_rule[r][k];
            }
            bed_free(&b);
        }
        /* of 8192 x 40 entries, and of 2 x 40, whose mean square has a spread of sqrt(2 / 80);
         * theta0's own spread is 1 % */
        assert_true(fabs(sqrt(squares[0]) / expected[0] - 1) < 0.03);
        assert_true(fabs(squares[1] / expected[1] / expected[1] - 1) < 5 * sqrt(2.0 / 80));
    }
}

#define SUBSPACE_CASES                                                                             \
    cmocka_unit_test(pull_is_the_adjoint_of_push), cmocka_unit_test(push_is_linear_in_z),          \
        cmocka_unit_test(length_is_kept_on_average),                                               \
        cmocka_unit_test(other_seeds_give_other_weights), cmocka_unit_test(threads_change_no_bit), \
        cmocka_unit_test(sparse_gradient_equals_dense),                                            \
        cmocka_unit_test(origin_gives_the_published_weights),                                      \
        cmocka_unit_test(public_pull_weights_dz_by_length),                                        \
        cmocka_unit_test(normalisations_give_each_tensor_its_movement),                            \
        cmocka_unit_test(refusals_name_choices_and_numbers),                                       \
        cmocka_unit_test(groups_are_counted_in_d), cmocka_unit_test(direct_entries_move_alone)

#endif
