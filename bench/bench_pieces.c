/* bench_pieces [threads]: the pieces of a step by themselves, with the shapes of a batch of
 * 32 x 128 tokens: matrix products of MiniLM-L6 and BERT-base (in bf16 too), attention, and the
 * functions that go through rows. The median of a few repetitions. Rate: GFLOP/s for products and
 * attention, GB/s (every array read or written once) for the rest; "copy" is a copy of as many
 * bytes.
 *
 * SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "kernel/kernels.h"

enum { SEQUENCES = 32, LENGTH = 128, T = SEQUENCES * LENGTH, REPEATS = 7 };

typedef struct pieces {
    idim *lib;
    const kernels *k;
    int64_t hidden, heads;
    real *a, *b, *c, *d, *e; /* [4 T hidden] each */
    real *small;             /* [T heads]         */
    real *scratch;
    int64_t scratch_bytes;
    const rounded_matmul *rounded; /* products of bf16, or NULL */
    int32_t start[SEQUENCES + 1];
    double work; /* of what is timed: operations, or bytes */
} pieces;

typedef struct piece {
    const char *name, *unit;
    void (*what)(pieces *p);
} piece;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_seconds(pieces *p, void (*what)(pieces *p))
{
    double seconds[REPEATS];
    what(p);
    for (int i = 0; i < REPEATS; i++) {
        double since = clock_seconds();
        what(p);
        seconds[i] = clock_seconds() - since;
    }
    qsort(seconds, REPEATS, sizeof *seconds, by_size);
    return seconds[REPEATS / 2];
}

static void show(pieces *p, const char *suffix, const piece *which)
{
    char name[32];
    snprintf(name, sizeof name, "%s%s", which->name, suffix);
    double seconds = median_seconds(p, which->what);
    printf("%-24s %6lld %10.3f %10.1f %s\n", name, (long long)p->hidden, 1e3 * seconds,
           1e-9 * p->work / seconds, which->unit);
}

/* ---- products -------------------------------------------------------------------------------- */

/* forward: x W'; to the input: dy W; to the weights: dy' x */
static void product(pieces *p, int64_t m, int64_t n, int64_t k, bool a_turned, bool b_turned)
{
    matmul product = {.m = m, .n = n, .k = k, .a = p->a, .b = p->b, .c = p->c};
    product.a_turned = a_turned;
    product.b_turned = b_turned;
    p->work = 2.0 * (double)m * (double)n * (double)k;
    if (p->rounded == NULL) {
        p->k->matmul(p->lib->threads, &product);
        return;
    }
    assert(p->rounded->scratch(p->lib->threads, &product) <= p->scratch_bytes);
    p->rounded->matmul(p->lib->threads, &product, p->scratch);
}

static void square(pieces *p)
{
    product(p, T, p->hidden, p->hidden, false, true);
}

static void square_to_input(pieces *p)
{
    product(p, T, p->hidden, p->hidden, false, false);
}

static void square_to_weights(pieces *p)
{
    product(p, p->hidden, p->hidden, T, true, false);
}

static void wide(pieces *p)
{
    product(p, T, 4 * p->hidden, p->hidden, false, true);
}

static void wide_to_input(pieces *p)
{
    product(p, T, p->hidden, 4 * p->hidden, false, false);
}

static void wide_to_weights(pieces *p)
{
    product(p, 4 * p->hidden, p->hidden, T, true, false);
}

/* ---- attention ------------------------------------------------------------------------------- */

static attention_shape shape_of(pieces *p)
{
    int64_t size = T * p->hidden;
    return (attention_shape){
        .n = SEQUENCES,
        .heads = p->heads,
        .hidden = p->hidden,
        .start = p->start,
        .longest = LENGTH,
        .mask = {.seed = 1, .key = 1, .threshold = 6554, .scale = (real)(1 / 0.9)},
        .q = p->a,
        .k = p->a + size,
        .v = p->a + 2 * size,
        .lse = p->small,
        .scratch = p->scratch,
    };
}

static void attention_forward(pieces *p)
{
    attention_shape s = shape_of(p);
    p->work = 4.0 * SEQUENCES * LENGTH * LENGTH * (double)p->hidden;
    p->k->attention(p->lib->threads, &s, p->b);
}

static void attention_back(pieces *p)
{
    attention_shape s = shape_of(p);
    int64_t size = T * p->hidden;
    attention_gradients g = {.out = p->b, .q = p->c, .k = p->c + size, .v = p->c + 2 * size};
    p->work = 10.0 * SEQUENCES * LENGTH * LENGTH * (double)p->hidden;
    p->k->attention_backward(p->lib->threads, &s, &g);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void count_bytes(pieces *p, double arrays, int64_t cols)
{
    p->work = arrays * T * (double)cols * (double)sizeof(real);
}

static void copy(pieces *p)
{
    count_bytes(p, 2, p->hidden);
    p->k->scale(p->lib->threads, T * p->hidden, 1, p->a, false, p->b);
}

static void gelu(pieces *p)
{
    count_bytes(p, 2, 4 * p->hidden);
    p->k->unary(p->lib->threads, UNARY_GELU, 4 * T * p->hidden, p->a, p->b);
}

static void gelu_back(pieces *p)
{
    count_bytes(p, 3, 4 * p->hidden);
    p->k->unary_backward(p->lib->threads, UNARY_GELU, 4 * T * p->hidden, p->a, p->c, false, p->b);
}

static layernorm_shape norm_of(pieces *p)
{
    return (layernorm_shape){.rows = T,
                             .cols = p->hidden,
                             .x = p->a,
                             .weight = p->d,
                             .bias = p->e,
                             .eps = 1e-12,
                             .mean = p->small,
                             .rstd = p->small + T};
}

static void norm(pieces *p)
{
    layernorm_shape s = norm_of(p);
    count_bytes(p, 2, p->hidden);
    p->k->layernorm(p->lib->threads, &s, p->b);
}

static void norm_back(pieces *p)
{
    layernorm_shape s = norm_of(p);
    count_bytes(p, 3, p->hidden);
    p->k->layernorm_backward(p->lib->threads, &s, p->b, false, p->c, p->scratch);
}

static void dropout_and_add(pieces *p)
{
    const dropout_mask mask = {.seed = 1, .key = 1, .threshold = 6554, .scale = (real)(1 / 0.9)};
    count_bytes(p, 3, p->hidden);
    p->k->dropout(p->lib->threads, &mask, T * p->hidden, p->a, p->b, p->c);
}

static void bias_sums(pieces *p)
{
    count_bytes(p, 1, 4 * p->hidden);
    p->k->column_sums(p->lib->threads, T, 4 * p->hidden, p->a, p->scratch, p->b);
}

/* ---- all of them ----------------------------------------------------------------------------- */

enum { PRODUCTS = 6 }; /* the first of: */

static const piece PIECES[] = {
    {"H-to-H", "GFLOP/s", square},
    {"H-to-H,input", "GFLOP/s", square_to_input},
    {"H-to-H,weights", "GFLOP/s", square_to_weights},
    {"H-to-4H", "GFLOP/s", wide},
    {"H-to-4H,input", "GFLOP/s", wide_to_input},
    {"H-to-4H,weights", "GFLOP/s", wide_to_weights},
    {"attention", "GFLOP/s", attention_forward},
    {"attention,backward", "GFLOP/s", attention_back},
    {"gelu", "GB/s", gelu},
    {"gelu,backward", "GB/s", gelu_back},
    {"layernorm", "GB/s", norm},
    {"layernorm,backward", "GB/s", norm_back},
    {"dropout+residual", "GB/s", dropout_and_add},
    {"bias-sums", "GB/s", bias_sums},
    {"copy", "GB/s", copy},
};

static int run(idim *lib, int64_t hidden, int64_t heads)
{
    pieces p = {.lib = lib, .k = kernels_best(), .hidden = hidden, .heads = heads};
    real **room[] = {&p.a, &p.b, &p.c, &p.d, &p.e};
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        TRY(NEW(lib, real, 4 * T * hidden, "pieces", room[i]));
        for (int64_t j = 0; j < 4 * T * hidden; j++)
            (*room[i])[j] = (real)((double)(j * 7919 % 2003) / 1001 - 1);
    }
    int64_t scratch = p.k->attention_scratch(lib->threads, LENGTH, hidden / heads);
    int64_t rounded = 8 * T * hidden; /* more than both operands of any product here, in bf16 */
    TRY(NEW(lib, real, T * (heads > 2 ? heads : 2), "pieces", &p.small));
    scratch = scratch > rounded ? scratch : rounded;
    p.scratch_bytes = scratch * (int64_t)sizeof(real);
    TRY(NEW(lib, real, scratch, "pieces", &p.scratch));
    for (int32_t i = 0; i <= SEQUENCES; i++)
        p.start[i] = i * LENGTH;
    for (size_t i = 0; i < sizeof PIECES / sizeof *PIECES; i++)
        show(&p, "", &PIECES[i]);
    p.rounded = p.k->bf16 != NULL && p.k->bf16->supported() ? p.k->bf16 : NULL;
    for (size_t i = 0; p.rounded != NULL && i < PRODUCTS; i++)
        show(&p, ",bf16", &PIECES[i]);
    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        memory_free(lib, *room[i]);
    memory_free(lib, p.small);
    memory_free(lib, p.scratch);
    return 0;
}

int main(int argc, char **argv)
{
    idim_options options = {.threads = argc > 1 ? atoi(argv[1]) : 0};
    idim *lib;
    if (idim_open(&options, &lib) != 0)
        return 5;
    printf("Pieces of a step, %d x %d tokens, %s kernels, %d threads\n", SEQUENCES, LENGTH,
           kernels_best()->name, lib->threads);
    printf("%-24s %6s %10s %10s %s\n", "piece", " H", " ms", "  rate", "  unit");
    int status = run(lib, 384, 12);
    if (status == 0)
        status = run(lib, 768, 12);
    if (status != 0)
        fprintf(stderr, "bench_pieces: %s\n", idim_error(lib));
    idim_close(lib);
    return status == 0 ? 0 : 5;
}
