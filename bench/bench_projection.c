/* bench_projection [threads] [projection]: nanoseconds per weight of push and of a dense pull over
 * a model with the shapes of MiniLM-L6 (22.7 million weights), for every kernel table of this CPU
 * and several d, and GB/s: push reads and writes every weight, pull reads every gradient. The least
 * of a few repetitions; "copy" is what moving the weights alone costs.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HIDDEN = 384, LAYERS = 6, REPEATS = 7 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(idim *lib, int status)
{
    if (status == 0)
        return;
    fprintf(stderr, "bench_projection: %s\n", idim_error(lib));
    exit(1);
}

static void add(params *p, const char *name, int64_t rows, int64_t cols, int32_t block)
{
    char text[64];
    snprintf(text, sizeof text, "%d.%s", block, name);
    param like = {.name = text, .rows = rows, .cols = cols, .block = block, .module = block};
    check(p->lib, params_add(p, &like, NULL));
}

static void dense(params *p, const char *name, int64_t out, int64_t in, int32_t block)
{
    char bias[48];
    snprintf(bias, sizeof bias, "%s.bias", name);
    add(p, name, out, in, block);
    add(p, bias, 1, out, block);
}

static params *minilm(idim *lib)
{
    params *p;
    check(lib, params_new(lib, &p));
    add(p, "word", 30522, HIDDEN, 0);
    add(p, "position", 512, HIDDEN, 0);
    add(p, "type", 2, HIDDEN, 0);
    dense(p, "norm", 1, HIDDEN, 0);
    for (int32_t l = 1; l <= LAYERS; l++) {
        static const char *const square[] = {"query", "key", "value", "output"};
        for (int i = 0; i < 4; i++)
            dense(p, square[i], HIDDEN, HIDDEN, l);
        dense(p, "inner", 4 * HIDDEN, HIDDEN, l);
        dense(p, "outer", HIDDEN, 4 * HIDDEN, l);
        dense(p, "norm1", 1, HIDDEN, l);
        dense(p, "norm2", 1, HIDDEN, l);
    }
    dense(p, "pooler", HIDDEN, HIDDEN, LAYERS + 1);
    dense(p, "classifier", 2, HIDDEN, LAYERS + 1);
    check(lib, params_allocate(p));
    for (int64_t j = 0; j < p->size; j++)
        p->theta0[j] = p->theta[j] = (real)(0.01 * (double)(j % 7 - 3));
    return p;
}

static void pull_all(subspace *s, const params *p, const real *x, real *dx)
{
    const gradient_sink *sink = subspace_sink(s);
    subspace_pull_begin(s, x, dx);
    for (int64_t i = 0; i < p->n; i++) {
        int64_t first = 0;
        gradient g = {p->theta0 + p->item[i].offset, &first, 1, param_size(&p->item[i])};
        sink->fold(sink->user, i, &g);
    }
    subspace_pull_end(s);
}

static void bench(idim *lib, params *p, const char *projection_name, int64_t dim,
                  const transform_kernels *kernels)
{
    idim_subspace_options o = idim_subspace_defaults();
    o.method = "did";
    o.projection = projection_name;
    o.dim = dim;
    subspace *s;
    check(lib, subspace_new(p, &o, &s));
    s->projection->kernels = kernels;
    real *x, *dx;
    check(lib, NEW(lib, real, dim, "x", &x));
    check(lib, NEW(lib, real, dim, "dx", &dx));
    for (int64_t i = 0; i < dim; i++)
        x[i] = (real)(0.1 * (double)(i % 11 - 5));

    double push = 1e9, pull = 1e9;
    for (int k = 0; k < REPEATS; k++) {
        double start = seconds();
        subspace_push(s, x, p->theta);
        double middle = seconds();
        pull_all(s, p, x, dx);
        double end = seconds();
        push = middle - start < push ? middle - start : push;
        pull = end - middle < pull ? end - middle : pull;
    }
    double unit = 1e9 / (double)p->size;
    double width = (double)sizeof(real);
    printf("%-16s %-7s %7lld %8.3f %8.3f %8.3f %10.1f %10.1f\n", projection_name, kernels->name,
           (long long)dim, push * unit, pull * unit, (push + pull) * unit,
           2 * width / (push * unit), width / (pull * unit));
    memory_free(lib, x);
    memory_free(lib, dx);
    subspace_free(s);
}

static void bench_copy(const params *p)
{
    double least = 1e9;
    for (int k = 0; k < REPEATS; k++) {
        double start = seconds();
#pragma omp parallel for num_threads(p->lib->threads) schedule(static)
        for (int64_t j = 0; j < p->size; j++)
            p->theta[j] = p->theta0[j];
        double end = seconds();
        least = end - start < least ? end - start : least;
    }
    double unit = least * 1e9 / (double)p->size;
    printf("%-16s %-7s %7s %8.3f %8s %8s %10.1f %10s\n", "copy", "-", "-", unit, "-", "-",
           2 * (double)sizeof(real) / unit, "-");
}

int main(int argc, char **argv)
{
    static const int64_t dims[] = {64, 256, 1024, 4096, 16384, 65536, 131072};
    idim_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0};
    const char *name = argc > 2 ? argv[2] : "fastfood";
    idim *lib;
    if (idim_open(&options, &lib) != 0)
        return 1;
    params *p = minilm(lib);
    int64_t n;
    const transform_kernels *const *list = transform_list(&n);

    printf("Push and pull of %lld weights, %d threads; nanoseconds per weight\n",
           (long long)p->size, lib->threads);
    printf("%-16s %-7s %7s %8s %8s %8s %10s %10s\n", "projection", "kernels", "  d", "push", "pull",
           "sum", "  push GB/s", "  pull GB/s");
    for (int64_t k = 0; k < n; k++)
        for (size_t i = 0; i < sizeof dims / sizeof dims[0] && list[k]->supported(); i++)
            bench(lib, p, name, dims[i], list[k]);
    bench_copy(p);
    params_free(p);
    idim_close(lib);
    return 0;
}
