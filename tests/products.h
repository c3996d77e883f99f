/* Products against their definition, for the kernels that make them of operands as they are and for
 * those that round them first.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_PRODUCTS_H
#define IDIM_TESTS_PRODUCTS_H

#include <float.h>
#include <math.h>

#include "base/random.h"
#include "check.h"
#include "kernel/kernels.h"

static const int THREADS[] = {1, 2, 3, 7};

/* n numbers from -1 to 1; the caller frees */
static real *draws(uint64_t key, int64_t n)
{
    real *x = calloc((size_t)n, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        random_words(1, STREAM_SPLIT, key, (uint32_t)i, words);
        x[i] = (real)(2 * ((double)words[0] / 4294967296.0) - 1);
    }
    return x;
}

typedef struct product_case {
    int64_t m, n, k;
    bool a_turned, b_turned, add, bias;
} product_case;

typedef void product_kernel(int threads, const matmul *p);
typedef double product_operand(real x); /* as the kernel takes it */

/* k products, each rounded, are added in any order to what is there before: error <= (k + 2) eps
 * (2 + sum |a b|), taken at the usual growth of sqrt(k) of both sums, eight times over. */
static void check_product(const product_case *c, const matmul *p, const real *before,
                          product_operand *operand)
{
    for (int64_t i = 0; i < c->m; i += 1 + c->m / 140)
        for (int64_t j = 0; j < c->n; j += 1 + c->n / 140) {
            double sum = 0, size = 0;
            for (int64_t q = 0; q < c->k; q++) {
                double a = operand(p->a[c->a_turned ? q * c->m + i : i * c->k + q]);
                double b = operand(p->b[c->b_turned ? j * c->k + q : q * c->n + j]);
                sum += a * b;
                size += fabs(a * b);
            }
            sum += c->bias ? (double)p->bias[j] : 0;
            sum += c->add ? (double)before[i * c->n + j] : 0;
            double bound =
                8 * sqrt((double)c->k + 2) * (double)FLT_EPSILON * (2 + size / sqrt((double)c->k));
            if (!(fabs(sum - (double)p->c[i * c->n + j]) <= bound))
                fail_msg("%lld x %lld x %lld: [%lld][%lld]: expected %.9g, found %.9g",
                         (long long)c->m, (long long)c->n, (long long)c->k, (long long)i,
                         (long long)j, sum, (double)p->c[i * c->n + j]);
        }
}

/* right, and the same bits for any number of threads */
static void check_products(const product_case *cases, size_t n, product_kernel *multiply,
                           product_operand *operand)
{
    for (const product_case *c = cases; c < cases + n; c++) {
        size_t bytes = (size_t)(c->m * c->n) * sizeof(real);
        real *a = draws(1, c->m * c->k), *b = draws(2, c->k * c->n), *bias = draws(3, c->n);
        real *before = draws(4, c->m * c->n), *first = draws(4, c->m * c->n);
        real *found = malloc(bytes);
        matmul p = {c->m,  c->n,        c->k,        a,      b,
                    first, c->a_turned, c->b_turned, c->add, c->bias ? bias : NULL};
        multiply(THREADS[0], &p);
        check_product(c, &p, before, operand);
        p.c = found;
        for (int t = 1; t < 4; t++) {
            memcpy(found, before, bytes);
            multiply(THREADS[t], &p);
            assert_memory_equal(first, found, bytes);
        }
        free(a);
        free(b);
        free(bias);
        free(before);
        free(first);
        free(found);
    }
}

#endif
