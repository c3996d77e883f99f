/* Ours in bench/race.py: a training step of the real library, done and timed when it is told to.
 *
 *     bench_race MODEL METHOD DIM PRECISION THREADS BATCHES...
 *
 * A file of batches is text: "batch N", then N lines "label length first id id ...", `first` being
 * where the second segment begins; N is the same in all files. Lines of standard input, each
 * answered by one line of JSON:
 *
 *     step W K    K steps on file W, its batches in turns: seconds, tokens and flop of each, loss
 *     parts W     one step, by part: push, forward, backward, pull, optimiser
 *     gemm W      the best rate of products as a step on W has them, and of two large ones
 *     state       what is held: weights, bytes before the first step and after the last, those of
 *                 the tape among them
 *
 * The floating point operations of a step are those of the dense layers (2 a weight and token
 * forward, 4 backward) and of attention (2 products forward, 5 backward).
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "train/trainer.h"

#include <jansson.h>

enum { MAX_FILES = 16, MAX_BATCHES = 64, PRODUCT_ROUNDS = 3 };

typedef struct workload {
    task batch[MAX_BATCHES]; /* each batch is a task that one step goes through */
    int64_t n, next;
} workload;

typedef struct racer {
    idim *lib;
    idim_model *model;
    subspace *space;
    trainer *trainer;
    workload work[MAX_FILES];
    int64_t n_files;
    int64_t held, before_steps; /* bytes of the library's blocks */
} racer;

/* realloc that counts; `user` is the count */
static void *counted(void *user, void *p, size_t old_size, size_t new_size)
{
    int64_t *held = user;
    *held += (int64_t)new_size - (int64_t)old_size;
    if (new_size != 0)
        return realloc(p, new_size);
    free(p);
    return NULL;
}

/* ---- batches --------------------------------------------------------------------------------- */

static int read_example(idim *lib, FILE *in, split *s, int64_t i)
{
    long long length, first;
    if (fscanf(in, "%f %lld %lld", &s->label[i], &length, &first) != 3 || length < 1)
        return fail(lib, IDIM_EFORMAT, "batches: expected 'label length first'");
    int64_t begin = s->start[i], end = begin + length;
    s->start[i + 1] = end;
    TRY(memory_resize(lib, end, sizeof *s->ids, "batches", (void **)&s->ids));
    TRY(memory_resize(lib, end, sizeof *s->segment, "batches", (void **)&s->segment));
    for (int64_t j = 0; j < length; j++) {
        if (fscanf(in, "%d", &s->ids[begin + j]) != 1)
            return fail(lib, IDIM_EFORMAT, "batches: expected %lld ids", length);
        s->segment[begin + j] = j >= first;
    }
    return 0;
}

static int read_batch(idim *lib, FILE *in, int64_t n, task *out)
{
    split *s = &out->splits[SPLIT_TRAIN];
    *out = (task){.lib = lib, .name = "race", .kind = TASK_CLASSES, .n_labels = 2};
    s->n = n;
    s->label_width = 1;
    TRY(NEW(lib, int64_t, n + 1, "batches", &s->start));
    TRY(NEW(lib, float, n, "batches", &s->label));
    for (int64_t i = 0; i < n; i++)
        TRY(read_example(lib, in, s, i));
    return 0;
}

/* of every batch: the trainer plans its order once */
static int64_t examples_of(const racer *r)
{
    return r->work[0].batch[0].splits[SPLIT_TRAIN].n;
}

static int read_batches(racer *r, const char *path, workload *w)
{
    idim *lib = r->lib;
    long long n;
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return fail(lib, IDIM_EIO, "%s: cannot be opened", path);
    int status = 0;
    while (status == 0 && w->n < MAX_BATCHES && fscanf(in, " batch %lld", &n) == 1)
        status = read_batch(lib, in, n, &w->batch[w->n++]);
    if (status == 0 && w->n == 0)
        status = fail(lib, IDIM_EFORMAT, "%s: expected 'batch N', found none", path);
    for (int64_t b = 0; status == 0 && b < w->n; b++)
        if (w->batch[b].splits[SPLIT_TRAIN].n != examples_of(r))
            status = fail(lib, IDIM_EFORMAT, "%s: expected %lld examples in every batch", path,
                          (long long)examples_of(r));
    fclose(in);
    return status;
}

static void free_batches(idim *lib, workload *w)
{
    for (int64_t b = 0; b < w->n; b++) {
        split *s = &w->batch[b].splits[SPLIT_TRAIN];
        memory_free(lib, s->ids);
        memory_free(lib, s->segment);
        memory_free(lib, s->start);
        memory_free(lib, s->label);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static double operations(const idim_model *m, const split *s)
{
    const arch_config *c = &m->config;
    double H = (double)c->hidden, squares = 0;
    for (int64_t i = 0; i < s->n; i++) {
        double n = (double)(s->start[i + 1] - s->start[i]);
        squares += n * n;
    }
    double dense = 6 * (double)s->start[s->n] * (4 * H * H + 2 * H * (double)c->inner);
    return (double)c->layers * (dense + 14 * squares * H);
}

static const task *next_batch(workload *w)
{
    return &w->batch[w->next++ % w->n];
}

static int do_steps(racer *r, workload *w, int64_t n)
{
    json_t *seconds = json_array(), *tokens = json_array(), *flop = json_array();
    step_report report = {0};
    int status = 0;
    for (int64_t i = 0; status == 0 && i < n; i++) {
        const task *batch = next_batch(w);
        const split *s = &batch->splits[SPLIT_TRAIN];
        r->trainer->task = batch;
        double since = clock_seconds();
        status = trainer_step(r->trainer, &report);
        json_array_append_new(seconds, json_real(clock_seconds() - since));
        json_array_append_new(tokens, json_integer((json_int_t)s->start[s->n]));
        json_array_append_new(flop, json_real(operations(r->model, s)));
    }
    json_t *out = json_pack("{s:o, s:o, s:o, s:f}", "seconds", seconds, "tokens", tokens, "flop",
                            flop, "loss", report.loss);
    if (status == 0)
        json_dumpf(out, stdout, JSON_COMPACT);
    json_decref(out);
    return status;
}

/* folds as the subspace does, and adds up how long it takes */
typedef struct timed_sink {
    const gradient_sink *inner;
    double seconds;
} timed_sink;

static void timed_fold(void *user, int64_t tensor, const gradient *g)
{
    timed_sink *t = user;
    double since = clock_seconds();
    t->inner->fold(t->inner->user, tensor, g);
    t->seconds += clock_seconds() - since;
}

static int do_parts(racer *r, workload *w)
{
    trainer *t = r->trainer;
    const split *s = &next_batch(w)->splits[SPLIT_TRAIN];
    idim_batch batch = {s->ids, s->segment, NULL, s->label, s->n};
    int32_t *start;
    double loss, clock[6];
    TRY(NEW(r->lib, int32_t, s->n + 1, "starts", &start));
    for (int64_t i = 0; i <= s->n; i++)
        start[i] = (int32_t)s->start[i];
    batch.start = start;

    timed_sink folds = {subspace_sink(r->space), 0};
    gradient_sink sink = {&folds, timed_fold, folds.inner->trained};
    clock[0] = clock_seconds();
    subspace_push(r->space, t->x, r->model->weights->theta);
    clock[1] = clock_seconds();
    tape_begin(t->tape, sink.trained, (tape_training){t->options.dropout, 1, 1});
    TRY(model_forward(r->model, t->tape, &batch, &loss, NULL));
    clock[2] = clock_seconds();
    subspace_pull_begin(r->space, t->x, t->dx);
    clock[3] = clock_seconds();
    TRY(model_backward(r->model, t->tape, 1, &sink));
    clock[4] = clock_seconds();
    subspace_pull_end(r->space);
    clock[5] = clock_seconds();
    double pull = folds.seconds + clock[3] - clock[2] + clock[5] - clock[4];
    optimiser_clip(&t->optimiser, t->dx);
    optimiser_step(&t->optimiser, t->x, t->dx, 0, t->step + 1);
    double moved = clock_seconds() - clock[5];
    t->theta_is_current = false;
    printf("{\"push\": %.6f, \"forward\": %.6f, \"backward\": %.6f, \"pull\": %.6f, "
           "\"optimiser\": %.6f}",
           clock[1] - clock[0], clock[2] - clock[1], clock[4] - clock[3] - folds.seconds, pull,
           moved);
    memory_free(r->lib, start);
    return 0;
}

/* ---- what the machine can do ----------------------------------------------------------------- */

static double product_rate(racer *r, const matmul *p)
{
    double best = 0;
    for (int i = 0; i < PRODUCT_ROUNDS; i++) {
        double since = clock_seconds();
        kernels_best()->matmul(r->lib->threads, p);
        double rate = 2 * (double)p->m * (double)p->n * (double)p->k / (clock_seconds() - since);
        best = rate > best ? rate : best;
    }
    return best;
}

static int do_gemm(racer *r, const workload *w)
{
    const arch_config *c = &r->model->config;
    const split *s = &w->batch[0].splits[SPLIT_TRAIN];
    int64_t T = s->start[s->n], H = c->hidden, inner = c->inner;
    const int64_t shape[][3] = {
        {T, H, H},     {T, inner, H},      {T, H, inner},      {H, H, T},         {inner, H, T},
        {H, inner, T}, {1024, 1024, 1024}, {2048, 2048, 2048}, {2048, 2048, 512},
    };
    int64_t room = 2048 * 2048;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int j = 0; j < 3; j++) {
            int64_t size = shape[i][j] * shape[i][(j + 1) % 3];
            room = size > room ? size : room;
        }
    real *a;
    TRY(NEW(r->lib, real, 3 * room, "products", &a));
    for (int64_t i = 0; i < 2 * room; i++)
        a[i] = (real)(i % 7) - 3;
    double best = 0;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        matmul p = {.m = shape[i][0], .n = shape[i][1], .k = shape[i][2], .a = a, .b = a + room};
        p.c = a + 2 * room;
        p.b_turned = p.m == T;
        p.a_turned = p.k == T;
        double rate = product_rate(r, &p);
        best = rate > best ? rate : best;
    }
    memory_free(r->lib, a);
    printf("{\"flop_per_second\": %.0f}", best);
    return 0;
}

static void do_state(const racer *r)
{
    printf("{\"version\": \"%s\", \"kernels\": \"%s\", \"threads\": %d, \"weights\": %lld, "
           "\"trained\": %lld, \"state_bytes\": %lld, \"held_bytes\": %lld, \"tape_bytes\": %lld}",
           IDIM_VERSION, kernels_best()->name, r->lib->threads, (long long)r->model->weights->size,
           (long long)r->trainer->d, (long long)r->before_steps, (long long)r->held,
           (long long)tape_memory(r->trainer->tape));
}

/* ---- the conversation ------------------------------------------------------------------------ */

static int answer(racer *r, const char *line)
{
    char word[16];
    long long file = 0, n = 1;
    if (sscanf(line, "%15s %lld %lld", word, &file, &n) < 1 || file < 0 || file >= r->n_files)
        return fail(r->lib, IDIM_EARGUMENT, "expected 'step W K', found '%s'", line);
    workload *w = &r->work[file];
    if (strcmp(word, "step") == 0)
        TRY(do_steps(r, w, n));
    else if (strcmp(word, "parts") == 0)
        TRY(do_parts(r, w));
    else if (strcmp(word, "gemm") == 0)
        TRY(do_gemm(r, w));
    else if (strcmp(word, "state") == 0)
        do_state(r);
    else
        return fail(r->lib, IDIM_EARGUMENT, "expected step, parts, gemm or state, found '%s'",
                    word);
    puts("");
    fflush(stdout);
    return 0;
}

static int open_racer(racer *r, char **argv)
{
    model_options options = model_defaults();
    options.path = argv[1];
    options.n_labels = 2;
    options.precision = strcmp(argv[4], "bf16") == 0 ? PRECISION_BF16 : PRECISION_FP32;
    TRY(model_open(r->lib, &options, &r->model));
    idim_subspace_options chosen = idim_subspace_defaults();
    chosen.method = argv[2];
    chosen.dim = atoll(argv[3]);
    TRY(subspace_new(r->model->weights, &chosen, &r->space));

    trainer_options how = trainer_defaults();
    how.schedule.rate = 1e-4;
    how.max_steps = 1000000;
    how.batch = 1 << 20; /* all there is: one file's batch is one step */
    TRY(trainer_new(r->model, &r->work[0].batch[0], r->space, &how, &r->trainer));
    r->before_steps = r->held;
    return 0;
}

static int run(racer *r, char **argv)
{
    char line[128];
    for (int64_t i = 0; i < MAX_FILES && argv[6 + i] != NULL; i++) {
        TRY(read_batches(r, argv[6 + i], &r->work[i]));
        r->n_files++;
    }
    TRY(open_racer(r, argv));
    while (fgets(line, sizeof line, stdin) != NULL)
        TRY(answer(r, line));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fputs("usage: bench_race MODEL METHOD DIM PRECISION THREADS BATCHES...\n", stderr);
        return 2;
    }
    racer *r = calloc(1, sizeof *r);
    if (r == NULL)
        return 5;
    idim_options options = {.alloc = counted, .user = &r->held, .threads = atoi(argv[5])};
    if (idim_open(&options, &r->lib) != 0)
        return 5;
    int status = run(r, argv);
    if (status != 0)
        fprintf(stderr, "bench_race: %s\n", idim_error(r->lib));
    trainer_free(r->trainer);
    subspace_free(r->space);
    model_close(r->model);
    for (int64_t i = 0; i < r->n_files; i++)
        free_batches(r->lib, &r->work[i]);
    idim_close(r->lib);
    free(r);
    return status == 0 ? 0 : 5;
}
