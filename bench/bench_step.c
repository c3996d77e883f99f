/* The time of one training step of a real model (forward and backward, every weight trained,
 * dropout on), beside what the machine's matrix product reaches in the same minute.
 *
 *     bench_step MODEL [sequences=32] [tokens=128] [threads=0] [rounds=5]
 *
 * Prints wall and CPU time, the best of the rounds, taken in turns: the step; the dense products of
 * a step alone; one large product. On a shared machine the CPU time is the steadier.
 * The share of the peak is the step's floating point operations (dense layers and attention) by
 * its time, over the same for a product of 2048 x 2048 x 2048.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "model/model.h"
#include "tape/tape.h"

typedef struct clocks {
    double wall, cpu;
} clocks;

static double seconds(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static clocks begin(void)
{
    return (clocks){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void end(clocks since, clocks *best)
{
    double wall = seconds(CLOCK_MONOTONIC) - since.wall;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - since.cpu;
    best->wall = best->wall == 0 || wall < best->wall ? wall : best->wall;
    best->cpu = best->cpu == 0 || cpu < best->cpu ? cpu : best->cpu;
}

static void ignore(void *user, int64_t i, const gradient *g)
{
    (void)i;
    *(double *)user += (double)g->value[0];
}

typedef struct bench {
    idim *lib;
    idim_model *model;
    tape *t;
    bool *trained;
    idim_batch batch;
    double forward_cpu;
} bench;

static int step(bench *b, uint64_t number)
{
    double loss, sum = 0;
    gradient_sink sink = {&sum, ignore, b->trained};
    tape_begin(b->t, b->trained, (tape_training){true, 1, number});
    clocks start = begin();
    clocks forward = {0};
    TRY(model_forward(b->model, b->t, &b->batch, &loss, NULL));
    end(start, &forward);
    if (b->forward_cpu == 0 || forward.cpu < b->forward_cpu)
        b->forward_cpu = forward.cpu;
    return model_backward(b->model, b->t, 1, &sink);
}

/* the products of a step, forward, input gradient, weight gradient, one after the other */
static void products(const bench *b, const kernels *k, real *x, real *y, real *w)
{
    const arch_config *c = &b->model->config;
    int64_t T = b->batch.start[b->batch.n];
    const int64_t shape[6][2] = {{c->hidden, c->hidden}, {c->hidden, c->hidden},
                                 {c->hidden, c->hidden}, {c->hidden, c->hidden},
                                 {c->inner, c->hidden},  {c->hidden, c->inner}};
    for (int64_t l = 0; l < c->layers; l++)
        for (int i = 0; i < 6; i++) {
            int64_t out = shape[i][0], in = shape[i][1];
            k->matmul(
                b->lib->threads,
                &(matmul){.m = T, .n = out, .k = in, .a = x, .b = w, .b_turned = true, .c = y});
            k->matmul(b->lib->threads,
                      &(matmul){.m = T, .n = in, .k = out, .a = y, .b = w, .c = x});
            k->matmul(
                b->lib->threads,
                &(matmul){.m = out, .n = in, .k = T, .a = y, .a_turned = true, .b = x, .c = w});
        }
}

static double dense_flops(const bench *b)
{
    const arch_config *c = &b->model->config;
    double T = b->batch.start[b->batch.n], H = (double)c->hidden;
    return 3 * 2 * T * (double)c->layers * (4 * H * H + 2 * H * (double)c->inner);
}

/* 2 products forward, 5 backward */
static double attention_flops(const bench *b)
{
    const arch_config *c = &b->model->config;
    double sum = 0;
    for (int64_t i = 0; i < b->batch.n; i++) {
        double n = b->batch.start[i + 1] - b->batch.start[i];
        sum += 7 * 2 * n * n * (double)c->hidden;
    }
    return sum * (double)c->layers;
}

static int measure(bench *b, int rounds)
{
    enum { N = 2048 };
    const arch_config *c = &b->model->config;
    int64_t T = b->batch.start[b->batch.n];
    int64_t wide = c->hidden > c->inner ? c->hidden : c->inner;
    int64_t room = T * wide > N * N ? T * wide : N * N;
    const kernels *k = kernels_best();
    clocks whole = {0}, dense = {0}, peak = {0};
    real *x, *y, *w;
    struct rusage usage;
    TRY(step(b, 0));
    TRY(step(b, 0));
    getrusage(RUSAGE_SELF, &usage);
    TRY(NEW(b->lib, real, room, "bench", &x));
    TRY(NEW(b->lib, real, room, "bench", &y));
    TRY(NEW(b->lib, real, room, "bench", &w));
    for (int r = -1; r < rounds; r++) {
        clocks skip = {0}, start = begin();
        TRY(step(b, (uint64_t)(r + 2)));
        end(start, r < 0 ? &skip : &whole);
        start = begin();
        products(b, k, x, y, w);
        end(start, r < 0 ? &skip : &dense);
        start = begin();
        k->matmul(b->lib->threads, &(matmul){.m = N, .n = N, .k = N, .a = x, .b = y, .c = w});
        end(start, r < 0 ? &skip : &peak);
    }
    double flops = dense_flops(b) + attention_flops(b), most = 2.0 * N * N * N;
    printf("%s kernels, %d threads, %lld sequences, %lld tokens, %.1f GFLOP a step\n", k->name,
           b->lib->threads, (long long)b->batch.n, (long long)T, 1e-9 * flops);
    printf("%-28s %9s %9s %9s %9s\n", "", "wall s", "GFLOP/s", "cpu s", "GFLOP/cpu s");
    printf("%-28s %9.4f %9.1f %9.4f %9.1f\n", "step", whole.wall, 1e-9 * flops / whole.wall,
           whole.cpu, 1e-9 * flops / whole.cpu);
    printf("%-28s %9s %9s %9.4f\n", "  forward", "", "", b->forward_cpu);
    printf("%-28s %9.4f %9.1f %9.4f %9.1f\n", "its dense products alone", dense.wall,
           1e-9 * dense_flops(b) / dense.wall, dense.cpu, 1e-9 * dense_flops(b) / dense.cpu);
    printf("%-28s %9.4f %9.1f %9.4f %9.1f\n", "2048 x 2048 x 2048", peak.wall,
           1e-9 * most / peak.wall, peak.cpu, 1e-9 * most / peak.cpu);
    printf("memory: tape %.1f MB, two copies of the weights %.1f MB, peak of the process %.1f MB\n",
           1e-6 * (double)tape_memory(b->t),
           2e-6 * (double)((int64_t)sizeof(real) * b->model->weights->size),
           1024e-6 * (double)usage.ru_maxrss);
    printf("share of the peak: %.0f %% by wall, %.0f %% by CPU time\n",
           100 * flops / whole.wall * peak.wall / most, 100 * flops / whole.cpu * peak.cpu / most);
    memory_free(b->lib, x);
    memory_free(b->lib, y);
    memory_free(b->lib, w);
    return 0;
}

static int run(idim *lib, const char *path, const int64_t *number)
{
    bench b = {.lib = lib};
    model_options options = model_defaults();
    options.path = path;
    TRY(model_open(lib, &options, &b.model));
    int64_t n = number[0], length = number[1];
    int32_t *ids, *start;
    float *label;
    TRY(NEW(lib, int32_t, n * length, "ids", &ids));
    TRY(NEW(lib, int32_t, n + 1, "start", &start));
    TRY(NEW(lib, float, n, "labels", &label));
    TRY(NEW(lib, bool, b.model->weights->n, "trained", &b.trained));
    for (int64_t i = 0; i < n * length; i++)
        ids[i] = (int32_t)((1 + i * 7919) % b.model->config.vocab);
    for (int64_t i = 0; i <= n; i++)
        start[i] = (int32_t)(i * length);
    for (int64_t i = 0; i < b.model->weights->n; i++)
        b.trained[i] = true;
    b.batch = (idim_batch){ids, NULL, start, label, n};
    TRY(tape_new(lib, b.model->weights, &b.t));
    TRY(measure(&b, (int)number[3]));
    tape_free(b.t);
    memory_free(lib, b.trained);
    memory_free(lib, label);
    memory_free(lib, start);
    memory_free(lib, ids);
    model_close(b.model);
    return 0;
}

int main(int argc, char **argv)
{
    int64_t number[] = {32, 128, 0, 5};
    if (argc < 2) {
        fputs("usage: bench_step MODEL [sequences] [tokens] [threads] [rounds]\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc && i < 6; i++)
        number[i - 2] = atoll(argv[i]);
    idim_options options = {.threads = (int)number[2]};
    idim *lib;
    if (idim_open(&options, &lib) != 0)
        return 5;
    int status = run(lib, argv[1], number);
    if (status != 0)
        fprintf(stderr, "%s\n", idim_error(lib));
    idim_close(lib);
    return status == 0 ? 0 : 5;
}
