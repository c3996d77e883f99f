/* idim_plan: what a command would do, found by doing a little of it in memory; no file is written.
 *
 *     steps     a few of the run's own, seconds a token, times the tokens of all its steps
 *     scoring   a few batches from all over the rows, seconds a token, times all that is scored
 *     writing   the hash of a piece, seconds a byte, times all that is written
 *     opening   as it was done for this
 *
 * Memory is the peak of this process: the largest batch of the run and the largest of its scoring
 * are among what is done.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/plan.h"
#include "base/clock.h"
#include "measure/gradients.h"
#include "measure/measure.h"
#include "measure/record.h"
#include "measure/run.h"

#include <math.h>
#include <string.h>

/* a sample is at least so many steps, at most so many, and ends after so many seconds */
enum { LEAST_STEPS = 3, MOST_STEPS = 64, SCORED_BATCHES = 8, SEARCHED_EPOCHS = 8 };
static const double SAMPLE_SECONDS = 2;

enum { HASHED_BYTES = 16 << 20 };
static const double WRITE_PER_HASH =
    3; /* to the disk takes about two of the hashes it begins with */

/* ---- steps ----------------------------------------------------------------------------------- */

static int64_t tokens_of(const split *s, const int32_t *example, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += s->start[example[i] + 1] - s->start[example[i]];
    return sum;
}

/* of steps begin .. end of an epoch */
static int64_t tokens_of_steps(trainer *t, int64_t epoch, int64_t begin, int64_t end)
{
    const split *train = &t->task->splits[SPLIT_TRAIN];
    int64_t per_step = t->options.batch * t->options.accumulation;
    int64_t first = begin * per_step, last = end * per_step < train->n ? end * per_step : train->n;
    return tokens_of(train, order_of_epoch(t->order, epoch) + first, last - first);
}

static double mean_tokens(trainer *t)
{
    const split *train = &t->task->splits[SPLIT_TRAIN];
    int64_t whole = t->steps / t->steps_per_epoch, rest = t->steps % t->steps_per_epoch;
    double sum = (double)whole * (double)train->start[train->n];
    sum += rest > 0 ? (double)tokens_of_steps(t, whole, 0, rest) : 0;
    return sum / (double)t->steps;
}

/* the step with the batch that has most tokens */
static int64_t largest_step(trainer *t)
{
    const split *train = &t->task->splits[SPLIT_TRAIN];
    int64_t best = 0, most = -1, batch = t->options.batch;
    for (int64_t epoch = 0; epoch < SEARCHED_EPOCHS; epoch++) {
        const int32_t *order = order_of_epoch(t->order, epoch);
        for (int64_t i = 0; i < train->n; i += batch) {
            int64_t step = epoch * t->steps_per_epoch + i / (batch * t->options.accumulation);
            int64_t n = i + batch < train->n ? batch : train->n - i;
            int64_t tokens = tokens_of(train, order + i, n);
            if (step >= t->steps)
                return best;
            if (tokens > most) {
                most = tokens;
                best = step;
            }
        }
    }
    return best;
}

static int time_steps(trainer *t, job_plan *out)
{
    step_report report;
    double began = clock_seconds(), tokens = 0, spent = 0;
    t->step = largest_step(t);
    TRY(trainer_step(t, &report));
    double first = clock_seconds() - began;
    int64_t largest = report.step - 1, epoch = largest / t->steps_per_epoch;
    int64_t at = largest % t->steps_per_epoch;
    double first_tokens = (double)tokens_of_steps(t, epoch, at, at + 1);

    t->step = 0;
    began = clock_seconds();
    while (t->step < t->steps && t->step < MOST_STEPS &&
           (t->step < LEAST_STEPS || spent < SAMPLE_SECONDS)) {
        at = t->step % t->steps_per_epoch;
        tokens += (double)tokens_of_steps(t, t->step / t->steps_per_epoch, at, at + 1);
        TRY(trainer_step(t, &report));
        spent = clock_seconds() - began;
    }
    /* the first step pays for pages and tables, too */
    double extra = first - first_tokens * spent / tokens;
    out->step_seconds = mean_tokens(t) * spent / tokens;
    out->train_seconds = (double)t->steps * out->step_seconds + (extra > 0 ? extra : 0);
    return 0;
}

/* ---- scoring --------------------------------------------------------------------------------- */

/* n rows of a split, of which nothing is freed */
static split some_rows(const split *s, int64_t begin, int64_t n)
{
    split view = *s;
    view.n = n < s->n - begin ? n : s->n - begin;
    view.start += begin;
    view.label = s->label != NULL ? s->label + begin * s->label_width : NULL;
    return view;
}

static split scored_batch(const split *s, int64_t i)
{
    return some_rows(s, i * EVALUATION_BATCH, EVALUATION_BATCH);
}

static int64_t n_batches(const split *s)
{
    return (s->n + EVALUATION_BATCH - 1) / EVALUATION_BATCH;
}

static split largest_batch(const split *s)
{
    int64_t best = 0, most = -1;
    for (int64_t i = 0; i < n_batches(s); i++) {
        split b = scored_batch(s, i);
        int64_t tokens = b.start[b.n] - b.start[0];
        best = tokens > most ? i : best;
        most = tokens > most ? tokens : most;
    }
    return scored_batch(s, best);
}

/* seconds a token of scoring the split */
static int time_scoring(const scorer *r, const split *s, double *seconds)
{
    double tokens = 0, spent = 0;
    evaluation e;
    split batch = largest_batch(s);
    TRY(evaluate_split(r, &batch, NULL, &e));
    int64_t n = n_batches(s), sampled = n < SCORED_BATCHES ? n : SCORED_BATCHES;
    for (int64_t i = 0; i < sampled && spent < SAMPLE_SECONDS; i++) {
        batch = scored_batch(s, i * n / sampled);
        double began = clock_seconds();
        TRY(evaluate_split(r, &batch, NULL, &e));
        spent += clock_seconds() - began;
        tokens += (double)(batch.start[batch.n] - batch.start[0]);
    }
    *seconds = spent / tokens;
    return 0;
}

/* the labelled rows that a run scores most of, NULL: it scores none */
static const split *scored_split(const task *t)
{
    static const split_name order[] = {SPLIT_DEV, SPLIT_TEST, SPLIT_TRAIN};
    for (int i = 0; i < N_SPLITS; i++)
        if (t->splits[order[i]].label != NULL && t->splits[order[i]].n > 0)
            return &t->splits[order[i]];
    return NULL;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static int time_writing(const job *j, trainer *t, const run_beside *beside, double *seconds)
{
    const params *p = j->model->weights;
    int64_t bytes = p->size * (int64_t)sizeof(real);
    uint8_t digest[HASH_BYTES];
    bytes = bytes < HASHED_BYTES ? bytes : HASHED_BYTES;
    double began = clock_seconds();
    hash_bytes(p->theta, bytes, digest);
    double a_byte = (clock_seconds() - began) / (double)bytes;
    *seconds = WRITE_PER_HASH * a_byte * (double)beside->written;
    if (beside->codings == 0)
        return 0;
    began = clock_seconds();
    TRY(job_code(j, t->x, t->dx, NULL));
    *seconds += (clock_seconds() - began) * (double)beside->codings;
    return 0;
}

static int time_run(const job *j, trainer *t, bool in_study, job_plan *out)
{
    run_beside beside = run_foresee(j, t, in_study);
    const split *scored = scored_split(j->task);
    scorer r = trainer_scorer(t);
    double a_token;
    TRY(time_steps(t, out));
    TRY(time_writing(j, t, &beside, &out->write_seconds));
    if (scored == NULL || beside.scored_tokens == 0)
        return 0;
    TRY(time_scoring(&r, scored, &a_token));
    out->score_seconds = a_token * (double)beside.scored_tokens;
    return 0;
}

int plan_job(job *j, bool in_study, job_plan *out)
{
    trainer *t = NULL;
    int status = run_trainer(j, &t);
    if (status == 0) {
        *out = (job_plan){.dim = t->d, .steps = t->steps};
        status = time_run(j, t, in_study, out);
    }
    if (status == 0)
        out->step_memory = tape_memory(t->tape);
    trainer_free(t);
    return status;
}

double plan_seconds(const job_plan *p)
{
    return p->train_seconds + p->score_seconds + p->write_seconds;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int plan_tune(job *j, double opening, json_t *out)
{
    job_plan plan;
    TRY(plan_job(j, false, &plan));
    json_object_set_new(out, "dim", json_integer(plan.dim));
    json_object_set_new(out, "trained",
                        json_pack("{s:I, s:I, s:I}", "z", (json_int_t)subspace_len_z(j->space),
                                  "lambda", (json_int_t)subspace_n_lambda(j->space), "direct",
                                  (json_int_t)subspace_n_direct(j->space)));
    json_object_set_new(out, "steps", json_integer(plan.steps));
    json_object_set_new(out, "seconds_per_step", json_real(plan.step_seconds));
    json_object_set_new(out, "parts",
                        json_pack("{s:f, s:f, s:f, s:f}", "open", opening, "train",
                                  plan.train_seconds, "score", plan.score_seconds, "write",
                                  plan.write_seconds));
    json_object_set_new(out, "seconds", json_real(opening + plan_seconds(&plan)));
    json_object_set_new(out, "step_memory_bytes", json_integer(plan.step_memory));
    json_object_set_new(out, "adapter_bytes", json_integer(job_adapter_bytes(j)));
    /* the bytes of a plain adapter lie beside all that while it is written */
    json_object_set_new(out, "peak_memory_bytes",
                        json_integer(record_peak_memory() + job_adapter_bytes(j)));
    return 0;
}

/* eval and predict: every row once */
static int plan_scoring(const job *j, double opening, json_t *out)
{
    tape *work;
    double seconds = opening;
    const split *parts[] = {&j->task->splits[SPLIT_DEV], &j->task->splits[SPLIT_TEST],
                            &j->task->mismatched};
    TRY(tape_new(j->lib, j->model->weights, &work));
    scorer r = {.model = j->model, .work = work, .task = j->task};
    int status = 0;
    for (int i = 0; i < 3 && status == 0; i++) {
        double a_token = 0;
        if (parts[i]->n < 1)
            continue;
        status = time_scoring(&r, parts[i], &a_token);
        seconds += a_token * (double)parts[i]->start[parts[i]->n];
    }
    tape_free(work);
    json_object_set_new(out, "seconds", json_real(seconds));
    return status;
}

static int plan_command(job *j, const char *command, double opening, json_t *out)
{
    if (strcmp(command, "tune") == 0)
        return plan_tune(j, opening, out);
    if (strcmp(command, "gradients") == 0)
        return gradients_plan(j, opening, out);
    return plan_scoring(j, opening, out);
}

int idim_plan(idim *lib, const char *command, const char *spec_json)
{
    job j;
    double began = clock_seconds();
    library_clear(lib);
    if (strcmp(command, "measure") == 0)
        return study_plan(lib, spec_json);
    int status = job_open(lib, command, spec_json, &j);
    double opening = clock_seconds() - began;
    if (status == 0 && j.model == NULL)
        status =
            fail(lib, IDIM_EARGUMENT, "plan: expected tune, eval or predict, found '%s'", command);
    if (status == 0) {
        json_t *out = record_begin(&j);
        json_object_set_new(out, "schema", json_string("idim.plan/1"));
        json_object_set_new(out, "command", json_string(command));
        status = plan_command(&j, command, opening, out);
        if (json_object_get(out, "peak_memory_bytes") == NULL)
            json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
        if (status == 0)
            status = record_finish(lib, out);
        else
            json_decref(out);
    }
    job_close(&j);
    return status;
}
