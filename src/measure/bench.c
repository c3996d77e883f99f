/* idim_bench: what a training step of this model on this task costs, part by part, and what the
 * machine's matrix product would allow.
 *
 * The parts are taken in turns over a few real batches, and the best of the rounds counts:
 *
 *     push        x to the weights, once a step
 *     forward     the batch up to the loss
 *     backward    back to every weight's gradient, as full fine-tuning would have it
 *     pull        what folding those gradients into dx adds
 *     optimiser   clipping and the step of x
 *
 * The floating point operations are those of the dense layers, 2 for a weight and token forward and
 * 4 backward; the limit is their time at the rate of the best of some large products.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"
#include "base/clock.h"
#include "measure/record.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 3, PRODUCT = 1024, PRODUCT_ROUNDS = 4, EVALUATED = 256 };

typedef struct bench {
    job job;
    trainer *trainer;
    batch_buffer buffer;
    real *x, *dx;                                                   /* [d] to play with    */
    double push, forward, backward, with_pull, optimiser, evaluate; /* seconds, the best */
    double peak;                                                    /* operations a second */
    int64_t examples, tokens;                                       /* of the batch        */
    int64_t evaluated;                                              /* tokens              */
} bench;

static void keep_best(double *best, double since)
{
    double spent = clock_seconds() - since;
    *best = *best == 0 || spent < *best ? spent : *best;
}

static void ignore(void *user, int64_t tensor, const gradient *g)
{
    (void)user;
    (void)tensor;
    (void)g;
}

static int pass(bench *b, const idim_batch *batch, const gradient_sink *sink, double *backward)
{
    trainer *t = b->trainer;
    double loss, since = clock_seconds();
    tape_training training = {.on = t->options.dropout, .seed = 1, .step = 1};
    tape_begin(t->tape, sink->trained, training);
    TRY(model_forward(t->model, t->tape, batch, &loss, NULL));
    keep_best(&b->forward, since);
    since = clock_seconds();
    TRY(model_backward(t->model, t->tape, 1, sink));
    keep_best(backward, since);
    return 0;
}

static int time_step(bench *b)
{
    trainer *t = b->trainer;
    const split *train = &t->task->splits[SPLIT_TRAIN];
    idim_batch batch;
    int64_t n = t->options.batch < train->n ? t->options.batch : train->n;
    TRY(batch_pack(b->job.lib, train, order_of_epoch(t->order, 0), n, &b->buffer, &batch));
    b->examples = n;
    b->tokens = batch.start[batch.n];

    double since = clock_seconds();
    subspace_push(t->space, b->x, t->model->weights->theta);
    keep_best(&b->push, since);

    const gradient_sink *fold = subspace_sink(t->space);
    gradient_sink drop = {NULL, ignore, fold->trained};
    TRY(pass(b, &batch, &drop, &b->backward));
    subspace_pull_begin(t->space, b->x, b->dx);
    TRY(pass(b, &batch, fold, &b->with_pull));
    subspace_pull_end(t->space);

    since = clock_seconds();
    optimiser_clip(&t->optimiser, b->dx);
    optimiser_step(&t->optimiser, b->x, b->dx, 0, 1);
    keep_best(&b->optimiser, since);
    return 0;
}

static int time_evaluation(bench *b)
{
    trainer *t = b->trainer;
    scorer r = trainer_scorer(t);
    split some = t->task->splits[SPLIT_TRAIN];
    evaluation e;
    some.n = some.n < EVALUATED ? some.n : EVALUATED;
    b->evaluated = some.start[some.n];
    double since = clock_seconds();
    TRY(evaluate_split(&r, &some, NULL, &e));
    keep_best(&b->evaluate, since);
    return 0;
}

/* one large product in the model's precision, the best of some */
static int time_product(const bench *b, const matmul *m, double *best)
{
    idim *lib = b->job.lib;
    const kernels *k = kernels_best();
    bool rounded = b->job.model->precision == PRECISION_BF16;
    void *scratch = NULL;
    if (rounded)
        TRY(memory_new(lib, k->bf16->scratch(lib->threads, m), 1, "bench", &scratch));
    for (int i = 0; i < PRODUCT_ROUNDS; i++) {
        double since = clock_seconds();
        if (rounded)
            k->bf16->matmul(lib->threads, m, scratch);
        else
            k->matmul(lib->threads, m);
        keep_best(best, since);
    }
    memory_free(lib, scratch);
    return 0;
}

static int time_products(bench *b)
{
    idim *lib = b->job.lib;
    const int64_t n = PRODUCT;
    real *room;
    TRY(NEW(lib, real, 3 * n * n, "bench", &room));
    for (int64_t i = 0; i < 2 * n * n; i++)
        room[i] = (real)(i % 7) - 3;
    matmul m = {.m = n, .n = n, .k = n, .a = room, .b = room + n * n, .c = room + 2 * n * n};
    double best = 0;
    int status = time_product(b, &m, &best);
    memory_free(lib, room);
    TRY(status);
    double rate = 2 * (double)n * (double)n * (double)n / best;
    b->peak = rate > b->peak ? rate : b->peak;
    return 0;
}

/* ---- the record ------------------------------------------------------------------------------ */

/* of the dense layers of the body, forward and backward */
static double operations(const bench *b)
{
    const params *p = b->job.model->weights;
    double weights = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->item[i].is_output || (p->item[i].role == ROLE_BODY && p->item[i].block > 0 &&
                                     p->item[i].rows > 1 && p->item[i].cols > 1))
            weights += (double)param_size(&p->item[i]);
    return 6 * weights * (double)b->tokens;
}

static json_t *memory_json(const bench *b)
{
    const params *p = b->job.model->weights;
    return json_pack("{s:I, s:I, s:I, s:I}", "weights", 2 * (json_int_t)sizeof(real) * p->size,
                     "step", (json_int_t)tape_memory(b->trainer->tape), "trained",
                     4 * (json_int_t)sizeof(real) * b->trainer->d, "peak",
                     (json_int_t)record_peak_memory());
}

static json_t *parts_json(const bench *b)
{
    double pull = b->with_pull > b->backward ? b->with_pull - b->backward : 0;
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "push", b->push, "forward", b->forward,
                     "backward", b->backward, "pull", pull, "optimiser", b->optimiser);
}

static int bench_record(const bench *b)
{
    double back = b->with_pull > b->backward ? b->with_pull : b->backward;
    double step = b->push + b->forward + back + b->optimiser;
    double work = operations(b);
    json_t *out = record_begin(&b->job);
    json_object_set_new(out, "schema", json_string("idim.bench/1"));
    json_object_set_new(out, "kernels", json_string(kernels_best()->name));
    json_object_set_new(out, "threads", json_integer(b->job.lib->threads));
    json_object_set_new(out, "dim", json_integer(b->trainer->d));
    json_object_set_new(out, "examples", json_integer(b->examples));
    json_object_set_new(out, "tokens", json_integer(b->tokens));
    json_object_set_new(out, "seconds_per_step", json_real(step));
    json_object_set_new(out, "parts", parts_json(b));
    json_object_set_new(out, "tokens_per_second", json_real((double)b->tokens / step));
    json_object_set_new(out, "evaluated_tokens_per_second",
                        json_real((double)b->evaluated / b->evaluate));
    json_object_set_new(out, "product_operations_per_second", json_real(b->peak));
    json_object_set_new(out, "operations_per_step", json_real(work));
    json_object_set_new(out, "limit_seconds_per_step", json_real(work / b->peak));
    json_object_set_new(out, "share_of_limit", json_real(work / b->peak / step));
    json_object_set_new(out, "memory_bytes", memory_json(b));
    json_object_set_new(out, "steps", json_integer(b->trainer->steps));
    json_object_set_new(out, "seconds", json_real(step * (double)b->trainer->steps));
    return record_finish(b->job.lib, out);
}

static int tell(const bench *b, int round, idim_watch *watch, void *user)
{
    idim_progress now = {.phase = "bench",
                         .step = round,
                         .steps = ROUNDS,
                         .loss = NAN,
                         .seconds_left = -1,
                         .score = NAN};
    if (watch != NULL && watch(user, &now) != 0)
        return fail(b->job.lib, IDIM_ESTOPPED, "stopped: nothing was written");
    return 0;
}

static int bench_all(bench *b, idim_watch *watch, void *user)
{
    idim *lib = b->job.lib;
    trainer_options options = job_trainer_options(b->job.spec);
    TRY(trainer_new(b->job.model, b->job.task, b->job.space, &options, &b->trainer));
    TRY(NEW(lib, real, b->trainer->d, "bench", &b->x));
    TRY(NEW(lib, real, b->trainer->d, "bench", &b->dx));
    subspace_origin(b->job.space, b->x);
    /* the first round pays for pages and tables: it does not count */
    TRY(time_step(b));
    b->push = b->forward = b->backward = b->with_pull = b->optimiser = 0;
    for (int round = 0; round < ROUNDS; round++) {
        TRY(tell(b, round, watch, user));
        TRY(time_step(b));
        TRY(time_products(b));
        TRY(time_evaluation(b));
    }
    return bench_record(b);
}

/* bench takes tune's settings; tune wants a folder, which is not touched */
static int open_job(idim *lib, const char *spec_json, job *out)
{
    json_error_t error;
    json_t *settings = json_loads(spec_json, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(settings)) {
        json_decref(settings);
        return fail(lib, IDIM_EARGUMENT, "settings: expected a JSON object");
    }
    json_object_set_new(settings, "output_dir", json_string("."));
    char *text = json_dumps(settings, JSON_COMPACT);
    json_decref(settings);
    if (text == NULL)
        return fail_memory(lib, 4096, "settings");
    int status = job_open(lib, "tune", text, out);
    free(text);
    return status;
}

int idim_bench(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    bench b = {0};
    library_clear(lib);
    int status = open_job(lib, spec_json, &b.job);
    if (status == 0)
        status = bench_all(&b, watch, user);
    trainer_free(b.trainer);
    batch_free(lib, &b.buffer);
    memory_free(lib, b.x);
    memory_free(lib, b.dx);
    job_close(&b.job);
    return status;
}
