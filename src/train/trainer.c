/* The training step and the evaluation.
 *
 * SPDX-License-Identifier: MIT */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

/* of one forward pass when only scoring long blocks */
enum { EVALUATION_TOKENS = 8192 };

trainer_options trainer_defaults(void)
{
    return (trainer_options){.optimiser = optimiser_defaults(),
                             .schedule = {.kind = SCHEDULE_LINEAR, .rate = 5e-5},
                             .epochs = 3,
                             .batch = 8,
                             .accumulation = 1,
                             .dropout = true,
                             .seed = 42};
}

/* fills what follows from the number of examples */
static void plan_steps(trainer *t)
{
    const trainer_options *o = &t->options;
    int64_t n = t->task->splits[SPLIT_TRAIN].n;
    int64_t per_step = o->batch * o->accumulation;
    t->steps_per_epoch = (n + per_step - 1) / per_step;
    t->steps =
        o->max_steps > 0 ? o->max_steps : (int64_t)ceil(o->epochs * (double)t->steps_per_epoch);

    schedule *s = &t->options.schedule;
    s->steps = t->steps;
    s->warmup = (int64_t)(o->warmup < 1 ? ceil(o->warmup * (double)t->steps) : o->warmup);
}

int trainer_new(idim_model *m, const task *what, subspace *s, const trainer_options *options,
                trainer **out)
{
    idim *lib = m->lib;
    *out = NULL;
    if (what->splits[SPLIT_TRAIN].n < 1)
        return fail(lib, IDIM_EARGUMENT, "%s: expected at least one training example, found none",
                    what->name);

    trainer *t;
    TRY(NEW(lib, trainer, 1, "trainer", &t));
    t->lib = lib;
    t->model = m;
    t->task = what;
    t->space = s;
    t->options = *options;
    t->d = subspace_dim(s);
    plan_steps(t);

    optimiser_options *o = &t->options.optimiser;
    o->len_z = subspace_len_z(s);
    o->n_lambda = subspace_n_lambda(s);
    int status = optimiser_new(lib, o, t->d, &t->optimiser);
    if (status == 0)
        status = tape_new(lib, m->weights, &t->tape);
    if (status == 0)
        status = NEW(lib, real, t->d, "trained numbers", &t->x);
    if (status == 0)
        status = NEW(lib, real, t->d, "gradient", &t->dx);
    if (status == 0 && options->round_steps > 0)
        status = NEW(lib, real, t->d, "rounded numbers", &t->rounded);
    if (status == 0)
        status = order_new(what, options->order, options->seed, &t->order);
    if (status != 0) {
        trainer_free(t);
        return status;
    }
    subspace_origin(s, t->x);
    *out = t;
    return 0;
}

void trainer_free(trainer *t)
{
    if (t == NULL)
        return;
    optimiser_free(t->lib, &t->optimiser);
    tape_free(t->tape);
    batch_free(t->lib, &t->batch);
    memory_free(t->lib, t->x);
    memory_free(t->lib, t->dx);
    memory_free(t->lib, t->rounded);
    order_free(t->order);
    memory_free(t->lib, t);
}

static bool is_rounded(const trainer *t)
{
    double last = t->options.round_steps * (double)t->steps;
    return t->round != NULL && t->rounded != NULL && (double)(t->steps - t->step) <= last;
}

/* the numbers theta is made from */
static const real *used(const trainer *t)
{
    return is_rounded(t) ? t->rounded : t->x;
}

static int push(trainer *t)
{
    if (t->theta_is_current)
        return 0;
    if (is_rounded(t))
        TRY(t->round(t->round_user, t->x, t->rounded));
    subspace_push(t->space, used(t), t->model->weights->theta);
    t->theta_is_current = true;
    return 0;
}

/* what the loss of some examples is the mean of */
static int64_t terms_of(const trainer *t, const int32_t *example, int64_t n)
{
    const split *train = &t->task->splits[SPLIT_TRAIN];
    int64_t tokens = 0;
    for (int64_t i = 0; i < n; i++)
        tokens += train->start[example[i] + 1] - train->start[example[i]];
    return model_terms(t->model, n, tokens);
}

/* forward and backward of the examples indices[0 .. n), weighted by their share of the step's terms
 * into dx */
static int micro_batch(trainer *t, const int32_t *indices, int64_t n, int64_t total,
                       tape_training training, double *loss)
{
    const split *train = &t->task->splits[SPLIT_TRAIN];
    const gradient_sink *sink = subspace_sink(t->space);
    double weight = (double)terms_of(t, indices, n) / (double)total, mean;
    idim_batch batch;
    TRY(batch_pack(t->lib, train, indices, n, &t->batch, &batch));
    tape_begin(t->tape, sink->trained, training);
    TRY(model_forward(t->model, t->tape, &batch, &mean, NULL));
    if (!isfinite(mean))
        return fail(t->lib, IDIM_ENOTFINITE,
                    "step %lld: the loss is not finite (%g): a smaller --learning-rate, or "
                    "--warmup-steps, may help; the last good state is kept",
                    (long long)t->step + 1, mean);
    TRY(model_backward(t->model, t->tape, weight, sink));
    *loss += weight * mean;
    return 0;
}

/* the *n examples of the step */
static const int32_t *step_examples(trainer *t, int64_t *n)
{
    const int32_t *epoch = order_of_epoch(t->order, t->step / t->steps_per_epoch);
    int64_t per_step = t->options.batch * t->options.accumulation;
    int64_t begin = t->step % t->steps_per_epoch * per_step;
    int64_t left = t->task->splits[SPLIT_TRAIN].n - begin;
    *n = per_step < left ? per_step : left;
    return epoch + begin;
}

/* dx = d loss / d x over the examples of the step */
static int step_gradient(trainer *t, double *loss)
{
    int64_t total;
    const int32_t *example = step_examples(t, &total);
    int64_t terms = terms_of(t, example, total);
    TRY(push(t));
    subspace_pull_begin(t->space, used(t), t->dx);
    *loss = 0;
    for (int64_t i = 0, micro = 0; i < total; i += t->options.batch, micro++) {
        int64_t n = i + t->options.batch < total ? t->options.batch : total - i;
        uint64_t pass = (uint64_t)(t->step * t->options.accumulation + micro);
        tape_training training = {.on = t->options.dropout, .seed = t->options.seed, .step = pass};
        TRY(micro_batch(t, example + i, n, terms, training, loss));
    }
    subspace_pull_end(t->space);
    return 0;
}

int trainer_step(trainer *t, step_report *out)
{
    double rate = schedule_rate(&t->options.schedule, t->step), loss;
    TRY(step_gradient(t, &loss));
    double norm = optimiser_clip(&t->optimiser, t->dx);
    if (!isfinite(norm))
        return fail(t->lib, IDIM_ENOTFINITE,
                    "step %lld: the gradient is not finite (|dx| = %g): a smaller "
                    "--learning-rate may help; the last good state is kept",
                    (long long)t->step + 1, norm);

    t->step++;
    optimiser_step(&t->optimiser, t->x, t->dx, rate, t->step);
    t->theta_is_current = false;
    t->loss_sum += loss;
    *out = (step_report){.step = t->step,
                         .epoch = (double)t->step / (double)t->steps_per_epoch,
                         .loss = loss,
                         .learning_rate = rate,
                         .grad_norm = norm};
    return 0;
}

void trainer_place(trainer *t, const real *x)
{
    memmove(t->x, x, (size_t)t->d * sizeof *x);
    t->theta_is_current = false;
    t->round = NULL;
}

/* logits and summed loss of one stretch of a split */
static int score_batch(const scorer *r, const idim_batch *batch, double *loss, float *logits)
{
    idim_model *m = r->model;
    tape *work = r->work;
    real *out;
    int64_t entries = batch->n * m->n_labels;
    TRY(NEW(m->lib, real, entries, "logits", &out));
    tape_begin(work, NULL, (tape_training){.on = false});
    double mean = NAN;
    int status = model_forward(m, work, batch, batch->label != NULL ? &mean : NULL, out);
    for (int64_t i = 0; status == 0 && i < entries; i++)
        logits[i] = (float)out[i];
    *loss += mean * (double)model_terms(m, batch->n, batch->start[batch->n]);
    memory_free(m->lib, out);
    return status;
}

/* how many examples from `first` on are scored at once */
static int64_t batch_from(const split *s, task_kind kind, int64_t first)
{
    int64_t n = s->n - first < EVALUATION_BATCH ? s->n - first : EVALUATION_BATCH;
    while (kind == TASK_LANGUAGE && n > 1 &&
           s->start[first + n] - s->start[first] > EVALUATION_TOKENS)
        n--;
    return n;
}

static int score_split(const scorer *r, const split *s, float *logits, double *loss)
{
    batch_buffer buffer = {0};
    int32_t indices[EVALUATION_BATCH];
    int status = 0;
    *loss = 0;
    for (int64_t i = 0, n; status == 0 && i < s->n; i += n) {
        n = batch_from(s, r->task->kind, i);
        for (int64_t k = 0; k < n; k++)
            indices[k] = (int32_t)(i + k);
        idim_batch batch;
        status = batch_pack(r->model->lib, s, indices, n, &buffer, &batch);
        if (status == 0)
            status = score_batch(r, &batch, loss, logits + i * r->model->n_labels);
        if (status == 0 && r->pulse.beat != NULL)
            status = r->pulse.beat(r->pulse.user);
    }
    *loss = s->n > 0 ? *loss / (double)model_terms(r->model, s->n, s->start[s->n]) : NAN;
    batch_free(r->model->lib, &buffer);
    return status;
}

int evaluate_split(const scorer *r, const split *s, float *logits, evaluation *out)
{
    idim *lib = r->model->lib;
    float *own = NULL;
    if (logits == NULL)
        TRY(NEW(lib, float, s->n * r->model->n_labels, "logits", &own));

    float *used = logits != NULL ? logits : own;
    *out = (evaluation){.n = s->n};
    int status = score_split(r, s, used, &out->loss);
    if (status == 0 && s->label != NULL)
        status = metrics_compute(r->task, used, s->label, s->n, &out->metrics);
    memory_free(lib, own);
    return status;
}

scorer trainer_scorer(const trainer *t)
{
    return (scorer){.model = t->model, .work = t->tape, .task = t->task, .pulse = t->pulse};
}

int trainer_evaluate(trainer *t, const split *s, float *logits, evaluation *out)
{
    TRY(push(t));
    scorer r = trainer_scorer(t);
    return evaluate_split(&r, s, logits, out);
}
