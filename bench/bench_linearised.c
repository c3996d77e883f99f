/* The curve of the linearised model beside what the network itself says at its solutions.
 *
 *     bench_linearised SETTINGS.json FOLDER [DIM...]
 *
 * SETTINGS.json is what idim tune takes (model, train, dev, method did, dim = d_max, output_dir).
 * Prints a row a d: score and loss on dev, ridge, |z|, iterations, seconds; then the score of the
 * network at theta0 + s P z, s from 1/64 doubled as long as the loss of 512 training rows falls.
 * FOLDER gets z as an adapter for each d whose projection is the one made for it (those that share
 * the block of d_max, docs/linearised.md), at that s.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "measure/linearised.h"

enum { SMALLEST = 64, SOME_ROWS = 512, MOST_DIMS = 32 };

typedef struct bench {
    idim *lib;
    job job;
    linearised *model;
} bench;

static int fail_here(bench *b)
{
    fprintf(stderr, "bench_linearised: %s\n", idim_error(b->lib));
    return 1;
}

/* the network at the first p->dim numbers of z times s */
static int score_network(bench *b, const linearised_point *p, double s, const split *on,
                         evaluation *out)
{
    tape *t;
    real *x;
    TRY(NEW(b->lib, real, subspace_dim(b->job.space), "x", &x));
    for (int64_t i = 0; i < p->dim; i++)
        x[i] = (real)(s * p->z[i]);
    subspace_push(b->job.space, x, b->job.model->weights->theta);
    TRY(tape_new(b->lib, b->job.model->weights, &t));
    TRY(evaluate_split(b->job.model, t, b->job.task, on, NULL, out));
    tape_free(t);
    memory_free(b->lib, x);
    return 0;
}

static int best_scale(bench *b, const linearised_point *p, double *scale, evaluation *dev)
{
    split some = b->job.task->splits[SPLIT_TRAIN];
    double least = 0;
    some.n = some.n < SOME_ROWS ? some.n : SOME_ROWS;
    *scale = 0;
    for (double s = 1.0 / SMALLEST; s <= 1; s *= 2) {
        evaluation train;
        TRY(score_network(b, p, s, &some, &train));
        if (*scale > 0 && train.loss > least)
            break;
        least = train.loss;
        *scale = s;
    }
    return score_network(b, p, *scale, &b->job.task->splits[SPLIT_DEV], dev);
}

static int print_point(bench *b, const linearised_point *p, const char *folder)
{
    double scale;
    evaluation dev;
    TRY(best_scale(b, p, &scale, &dev));
    printf("%6lld %7.4f %7.4f  ridge %.2e  |z| %9.3f  %5lld iterations %7.2f s   network at %.4f z "
           "%7.4f %7.4f\n",
           (long long)p->dim, p->score, p->dev.loss, p->ridge, p->z_norm, (long long)p->iterations,
           p->seconds, scale, metrics_score(b->job.task, &dev.metrics), dev.loss);
    fflush(stdout);
    if (p->dim != subspace_dim(b->job.space))
        return 0;

    char *path;
    real *x;
    TRY(NEW(b->lib, real, p->dim, "x", &x));
    for (int64_t i = 0; i < p->dim; i++)
        x[i] = (real)(scale * p->z[i]);
    TRY(file_make_folder(b->lib, folder));
    TRY(file_join(b->lib, folder, "linearised.idim", &path));
    TRY(job_save_adapter(&b->job, x, path));
    memory_free(b->lib, path);
    memory_free(b->lib, x);
    return 0;
}

static int run(bench *b, const char *settings, const char *folder, char **dims, int n)
{
    int64_t list[MOST_DIMS];
    TRY(job_open(b->lib, "tune", settings, &b->job));
    linearised_options o = {.dims = list,
                            .n_dims = linearised_dims(subspace_dim(b->job.space), list)};
    for (int i = 0; i < n && i < MOST_DIMS; i++)
        list[i] = strtoll(dims[i], NULL, 10);
    if (n > 0)
        o.n_dims = n < MOST_DIMS ? n : MOST_DIMS;
    TRY(linearised_run(&b->job, &o, &b->model));
    printf("%lld + %lld features in %.1f s, %lld bytes\n", (long long)b->model->n_train,
           (long long)b->model->n_dev, b->model->feature_seconds,
           (long long)b->model->feature_bytes);
    fflush(stdout);
    for (int64_t i = 0; i < b->model->n; i++)
        TRY(print_point(b, &b->model->point[i], folder));
    return 0;
}

int main(int n, char **argument)
{
    bench b = {0};
    char *settings = NULL;
    int64_t size;
    if (n < 3) {
        fputs("bench_linearised SETTINGS.json FOLDER [DIM...]\n", stderr);
        return 2;
    }
    if (idim_open(NULL, &b.lib) != 0)
        return 1;
    int status = file_read(b.lib, argument[1], 1 << 20, &settings, &size);
    if (status == 0)
        status = run(&b, settings, argument[2], argument + 3, n - 3);
    if (status != 0)
        status = fail_here(&b);
    linearised_free(b.model);
    job_close(&b.job);
    memory_free(b.lib, settings);
    idim_close(b.lib);
    return status;
}
