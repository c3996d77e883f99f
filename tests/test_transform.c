/* The transform kernels: the plain ones against the textbook, the others against the plain ones to
 * the bit.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "kernel/transform.h"

#include <math.h>

enum { LONGEST = 1 << 17 };

static real *values(idim *lib, uint64_t seed, int64_t n)
{
    real *x;
    CHECK_OK(lib, NEW(lib, real, n, "values", &x));
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        random_words(seed, STREAM_SPLIT, 0, (uint32_t)i, words);
        /* half of them small whole numbers, so that sums cancel to zeros of both signs */
        x[i] = words[0] & 1 ? (real)(int32_t)words[1] / 3e9f : (real)((int)(words[1] % 7) - 3);
    }
    return x;
}

/* the table number k, or NULL with a line that says why not */
static const transform_kernels *table_at(int64_t k)
{
    int64_t n;
    const transform_kernels *t = transform_list(&n)[k];
    if (t->supported())
        return t;
    print_message("SKIPPED: this CPU does not have what '%s' needs\n", t->name);
    return NULL;
}

static int64_t n_tables(void)
{
    int64_t n;
    transform_list(&n);
    return n;
}

static void plain_hadamard_equals_the_matrix(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const int64_t n = 128;
    real *x = values(lib, 1, n), *y = values(lib, 1, n);
    transform_plain.hadamard(y, n);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, size = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += __builtin_parityll((unsigned long long)(i & j)) ? -(double)x[j] : (double)x[j];
            size += fabs((double)x[j]);
        }
        /* seven rounded additions on the way to each sum */
        assert_true(fabs(sum - (double)y[i]) <= 7 * 6e-8 * size);
    }
    memory_free(lib, x);
    memory_free(lib, y);
    idim_close(lib);
}

static void folded_transform_equals_the_first_outputs(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (int64_t n = 64; n <= 1024; n *= 2)
        for (int64_t m = 64; m <= n; m *= 2) {
            real *x = values(lib, 2, n), *y = values(lib, 2, n);
            transform_plain.hadamard(x, n);
            transform_fold(y, n, m);
            transform_plain.hadamard(y, m);
            assert_memory_equal(x, y, (size_t)m * sizeof(real));
            memory_free(lib, x);
            memory_free(lib, y);
        }
    idim_close(lib);
}

static void random_words_are_laid_out_in_groups(void **state)
{
    (void)state;
    random_source source = {0xfedcba9876543210u, 0x0123456789abcdefu, STREAM_GAUSS};
    uint32_t words[3 * RANDOM_GROUP], call[4];
    for (int64_t k = 0; k < n_tables(); k++) {
        const transform_kernels *t = table_at(k);
        if (t == NULL)
            continue;
        /* the last group of all: positions 2^32 - 16 ... */
        static const int64_t firsts[] = {0, 5, (1 << 28) - 3};
        for (int f = 0; f < 3; f++) {
            t->random(&source, firsts[f], 3, words);
            for (int64_t i = 0; i < 3 * RANDOM_GROUP; i++) {
                int64_t position = 16 * (firsts[f] + i / 64) + i % 16;
                random_words(source.seed, source.stream, source.key, (uint32_t)position, call);
                assert_int_equal(words[i], call[i % 64 / 16]);
            }
        }
    }
}

static void hadamard_is_the_same_to_the_bit(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (int64_t k = 1; k < n_tables(); k++) {
        const transform_kernels *t = table_at(k);
        for (int64_t n = 64; t != NULL && n <= LONGEST; n *= 2) {
            real *x = values(lib, 3, n), *y = values(lib, 3, n);
            transform_plain.hadamard(x, n);
            t->hadamard(y, n);
            assert_memory_equal(x, y, (size_t)n * sizeof(real));
            memory_free(lib, x);
            memory_free(lib, y);
        }
    }
    idim_close(lib);
}

static void normals_are_the_same_to_the_bit(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    enum { N = 1024 };
    random_source source = {1, 2, STREAM_GAUSS};
    uint32_t words[N / 4];
    transform_plain.random(&source, 0, N / 256, words);
    real *x = values(lib, 4, N);
    for (int64_t k = 1; k < n_tables(); k++) {
        const transform_kernels *t = table_at(k);
        for (int64_t period = 64; t != NULL && period <= N; period *= 2) {
            real *a = values(lib, 5, N), *b = values(lib, 5, N);
            transform_plain.gauss_add(words, N, x, period, a);
            t->gauss_add(words, N, x, period, b);
            assert_memory_equal(a, b, N * sizeof(real));
            transform_plain.gauss_times(words, N, x, a);
            t->gauss_times(words, N, x, b);
            assert_memory_equal(a, b, N * sizeof(real));
            memory_free(lib, a);
            memory_free(lib, b);
        }
    }
    memory_free(lib, x);
    idim_close(lib);
}

static void signs_are_the_same_to_the_bit(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    enum { N = 256 };
    random_source source = {1, 2, STREAM_GAUSS};
    uint32_t words[4 * RANDOM_GROUP];
    transform_plain.random(&source, 0, 4, words);
    real *x = values(lib, 6, N), *base = values(lib, 7, N);
    for (int64_t k = 1; k < n_tables(); k++) {
        const transform_kernels *t = table_at(k);
        for (int64_t n = 1; t != NULL && n <= N; n += n < 40 ? 1 : 31)
            for (int kind = 0; kind < 4; kind++) {
                random_signs signs = {words, kind % 2 ? 6 : 17, kind % 2 ? 8 : 2};
                const real *to = kind / 2 ? base : NULL;
                real *a = values(lib, 8, N), *b = values(lib, 8, N);
                transform_plain.sign_times(&signs, n, 0.3f, x, to, a);
                t->sign_times(&signs, n, 0.3f, x, to, b);
                assert_memory_equal(a, b, N * sizeof(real));
                memory_free(lib, a);
                memory_free(lib, b);
            }
    }
    memory_free(lib, x);
    memory_free(lib, base);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_hadamard_equals_the_matrix),
        cmocka_unit_test(folded_transform_equals_the_first_outputs),
        cmocka_unit_test(random_words_are_laid_out_in_groups),
        cmocka_unit_test(hadamard_is_the_same_to_the_bit),
        cmocka_unit_test(normals_are_the_same_to_the_bit),
        cmocka_unit_test(signs_are_the_same_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
