/* The time of one training step of a real model (forward and backward, every weight trained,
 * dropout on), beside what the machine's matrix product reaches in the same minute.
 *
 *     bench_step MODEL [sequences=32] [tokens=128] [threads=0] [rounds=5]
 *
 * Prints wall and CPU time, the best of the rounds, taken in turns: the step; the dense products of
 * a step alone; one large product; and the same three in bf16 where the CPU has it. On a shared
 * machine the CPU time is the steadier. The share of the peak is the step's floating point
 * operations (dense layers and attention) by its time, over the same for a product of 2048 x 2048 x
 * 2048.
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

/* the best of each kind of work, in one precision */
typedef struct times {
    clocks forward, step, products, large;
} times;

enum { LARGE = 2048 };

typedef struct bench {
    idim *lib;
    idim_model *model;
    tape *t;
    bool *trained;
    idim_batch batch;
    real *x, *y, *w; /* operands to play with */
    void *scratch;
    times best[2]; /* by precision */
} bench;

static int step(bench *b, uint64_t number, times *best)
{
    double loss, sum = 0;
    gradient_sink sink = {&sum, ignore, b->trained};
    tape_begin(b->t, b->trained, (tape_training){true, 1, number});
    clocks start = begin();
    TRY(model_forward(b->model, b->t, &b->batch, &loss, NULL));
    end(start, &best->forward);
    TRY(model_backward(b->model, b->t, 1, &sink));
    end(start, &best->step);
    return 0;
}

static void multiply(const bench *b, const matmul *p)
{
    const kernels *k = kernels_best();
    if (b->model->precision == PRECISION_BF16)
        k->bf16->matmul(b->lib->threads, p, b->scratch);
    else
        k->matmul(b->lib->threads, p);
}

static matmul large_product(const bench *b)
{
    return (matmul){.m = LARGE, .n = LARGE, .k = LARGE, .a = b->x, .b = b->y, .c = b->w};
}

/* those of a step, forward, input gradient, weight gradient, one after the other; only_bytes: the
 * most scratch that one of them needs, and nothing is done */
static int64_t products(const bench *b, bool only_bytes)
{
    const arch_config *c = &b->model->config;
    const rounded_matmul *bf16 = kernels_best()->bf16;
    int64_t T = b->batch.start[b->batch.n], most = 0;
    const int64_t shape[6][2] = {{c->hidden, c->hidden}, {c->hidden, c->hidden},
                                 {c->hidden, c->hidden}, {c->hidden, c->hidden},
                                 {c->inner, c->hidden},  {c->hidden, c->inner}};
    for (int64_t l = 0; l < c->layers; l++)
        for (int i = 0; i < 6; i++) {
            int64_t out = shape[i][0], in = shape[i][1];
            const matmul three[] = {
                {.m = T, .n = out, .k = in, .a = b->x, .b = b->w, .b_turned = true, .c = b->y},
                {.m = T, .n = in, .k = out, .a = b->y, .b = b->w, .c = b->x},
                {.m = out, .n = in, .k = T, .a = b->y, .a_turned = true, .b = b->x, .c = b->w}};
            for (int p = 0; p < 3; p++) {
                int64_t bytes = only_bytes ? bf16->scratch(b->lib->threads, &three[p]) : 0;
                most = bytes > most ? bytes : most;
                if (!only_bytes)
                    multiply(b, &three[p]);
            }
        }
    return most;
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

static int open_room(bench *b, bool has_bf16)
{
    const arch_config *c = &b->model->config;
    int64_t T = b->batch.start[b->batch.n];
    int64_t wide = c->hidden > c->inner ? c->hidden : c->inner;
    int64_t room = T * wide > LARGE * LARGE ? T * wide : LARGE * LARGE;
    TRY(NEW(b->lib, real, room, "bench", &b->x));
    TRY(NEW(b->lib, real, room, "bench", &b->y));
    TRY(NEW(b->lib, real, room, "bench", &b->w));
    if (!has_bf16)
        return 0;
    matmul large = large_product(b);
    int64_t bytes = kernels_best()->bf16->scratch(b->lib->threads, &large);
    int64_t most = products(b, true);
    return memory_new(b->lib, bytes > most ? bytes : most, 1, "bench", &b->scratch);
}

static void close_room(bench *b)
{
    memory_free(b->lib, b->x);
    memory_free(b->lib, b->y);
    memory_free(b->lib, b->w);
    memory_free(b->lib, b->scratch);
}

static int time_round(bench *b, uint64_t number, times *best)
{
    matmul large = large_product(b);
    TRY(step(b, number, best));
    clocks start = begin();
    products(b, false);
    end(start, &best->products);
    start = begin();
    multiply(b, &large);
    end(start, &best->large);
    return 0;
}

static void print_row(const char *name, const clocks *c, double flops)
{
    printf("%-28s %9.4f %9.1f %9.4f %9.1f\n", name, c->wall, 1e-9 * flops / c->wall, c->cpu,
           1e-9 * flops / c->cpu);
}

static void print_times(const bench *b, const times *t, const char *name)
{
    double most = 2.0 * LARGE * LARGE * LARGE, flops = dense_flops(b) + attention_flops(b);
    printf("%-28s %9s %9s %9s %9s\n", name, "wall s", "GFLOP/s", "cpu s", "GFLOP/cpu s");
    print_row("step", &t->step, flops);
    printf("%-28s %9.4f %9s %9.4f\n", "  forward", t->forward.wall, "", t->forward.cpu);
    print_row("its dense products alone", &t->products, dense_flops(b));
    print_row("2048 x 2048 x 2048", &t->large, most);
    printf("share of the peak: %.0f %% by wall, %.0f %% by CPU time\n",
           100 * flops / t->step.wall * t->large.wall / most,
           100 * flops / t->step.cpu * t->large.cpu / most);
}

static int measure(bench *b, int rounds)
{
    const kernels *k = kernels_best();
    int n = k->bf16 != NULL && k->bf16->supported() ? 2 : 1;
    struct rusage usage;
    TRY(step(b, 0, &b->best[0]));
    TRY(step(b, 0, &b->best[0]));
    getrusage(RUSAGE_SELF, &usage);
    TRY(open_room(b, n == 2));
    for (int r = -1; r < rounds; r++) {
        for (int p = 0; p < n; p++) {
            b->model->precision = (precision)p;
            TRY(time_round(b, (uint64_t)(r + 2), &b->best[p]));
        }
        if (r < 0)
            b->best[0] = b->best[1] = (times){0};
    }
    printf("%s kernels, %d threads, %lld sequences, %lld tokens, %.1f GFLOP a step\n", k->name,
           b->lib->threads, (long long)b->batch.n, (long long)b->batch.start[b->batch.n],
           1e-9 * (dense_flops(b) + attention_flops(b)));
    print_times(b, &b->best[0], "fp32");
    printf("memory: tape %.1f MB, two copies of the weights %.1f MB, peak of the process %.1f MB\n",
           1e-6 * (double)tape_memory(b->t),
           2e-6 * (double)((int64_t)sizeof(real) * b->model->weights->size),
           1024e-6 * (double)usage.ru_maxrss);
    if (n == 2) {
        print_times(b, &b->best[1], "bf16");
        printf("bf16 / fp32: step %.3f by wall, %.3f by CPU time\n",
               b->best[1].step.wall / b->best[0].step.wall,
               b->best[1].step.cpu / b->best[0].step.cpu);
    }
    close_room(b);
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
