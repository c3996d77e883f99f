/* A training run from its job to its record.
 *
 * In its folder: log.jsonl grows a line a step; the checkpoint is replaced so often that it
 * costs at most CHECKPOINT_SHARE of the time; best.idim is replaced when dev says so; adapter.idim
 * and record.json come at the end, and then the checkpoint goes. A run that finds its own record
 * does nothing; one that finds another's is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/run.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "measure/certificate.h"
#include "measure/record.h"
#include "measure/shipping.h"
#include "measure/untouched.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double CHECKPOINT_SHARE = 0.02; /* of the run's time */
static const double CHECKPOINT_SECONDS = 1;  /* at least between two */

/* in a study: rows of train that are scored, and the largest adapter that is kept */
enum { STUDY_TRAIN_ROWS = 1000, STUDY_ADAPTER_BYTES = 1 << 20 };

typedef struct run {
    job *job;
    run_options options;
    trainer *trainer;
    char name[HASH_TEXT];
    char *adapter_path, *best_path, *record_path, *log_path, *checkpoint_path;
    run_state state;
    double began;           /* of this sitting                      */
    double last_checkpoint; /* seconds since began                  */
    double checkpoint_cost; /* of the last one                      */
    evaluation dev;         /* the last score on dev ...            */
    int64_t dev_step;       /* ... and its step; -1: none yet       */
    float *logits;          /* [dev.n][n_labels] of it, in a study  */
    int64_t eval_every;     /* steps; 0: at the end only            */
    json_t *coding;         /* of the adapter, for the record       */
    json_t *bound;          /* that it certifies, for the record    */
    step_report last;       /* loss NAN: no step in this sitting    */
    bool ships;             /* the trainer holds what is shipped; the checkpoint is older */
} run;

static double elapsed(const run *r)
{
    return clock_seconds() - r->began;
}

static int name_files(run *r)
{
    idim *lib = r->job->lib;
    const char *folder = r->options.folder;
    if (folder == NULL)
        return 0;
    TRY(file_join(lib, folder, "adapter.idim", &r->adapter_path));
    TRY(file_join(lib, folder, "best.idim", &r->best_path));
    TRY(file_join(lib, folder, "record.json", &r->record_path));
    TRY(file_join(lib, folder, "log.jsonl", &r->log_path));
    return file_join(lib, folder, "checkpoint.idim", &r->checkpoint_path);
}

static void run_close(run *r)
{
    idim *lib = r->job->lib;
    trainer_free(r->trainer);
    json_decref(r->coding);
    json_decref(r->bound);
    memory_free(lib, r->logits);
    memory_free(lib, r->adapter_path);
    memory_free(lib, r->best_path);
    memory_free(lib, r->record_path);
    memory_free(lib, r->log_path);
    memory_free(lib, r->checkpoint_path);
}

/* ---- what is in the folder already ----------------------------------------------------------- */

/* the record of a finished run: ours becomes the result (*done), another's is refused */
static int find_record(run *r, bool *done)
{
    enum { LIMIT = 64 << 20 };
    idim *lib = r->job->lib;
    *done = false;
    if (r->options.folder == NULL || !file_exists(r->record_path))
        return 0;

    char *text;
    int64_t size;
    TRY(file_read(lib, r->record_path, LIMIT, &text, &size));
    json_t *record = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(record, "run"));
    int status = 0;
    if (name == NULL)
        status = fail(lib, IDIM_EFORMAT, "%s: run: expected the name of a run, found none",
                      r->record_path);
    else if (strcmp(name, r->name) != 0)
        status = fail(lib, IDIM_EMISMATCH,
                      "%s: run: expected %.12s, found %.12s: settings, data or base are not those "
                      "of before; choose another --output-dir",
                      r->record_path, r->name, name);
    json_decref(record);
    /* killed after it wrote the record */
    if (status == 0)
        status = file_remove(lib, r->checkpoint_path);
    if (status == 0) {
        library_set_result(lib, text);
        *done = true;
    } else {
        memory_free(lib, text);
    }
    return status;
}

/* what a sitting that was killed while it wrote has left */
static int remove_leftovers(const run *r)
{
    idim *lib = r->job->lib;
    TRY(file_remove_leftovers(lib, r->adapter_path));
    TRY(file_remove_leftovers(lib, r->best_path));
    TRY(file_remove_leftovers(lib, r->record_path));
    return file_remove_leftovers(lib, r->checkpoint_path);
}

static int go_on_or_begin(run *r)
{
    idim *lib = r->job->lib;
    if (r->options.folder == NULL)
        return 0;
    /* a study's folder is made by its claim: if it is gone, another has it */
    if (!r->options.in_study)
        TRY(file_make_folder(lib, r->options.folder));
    TRY(remove_leftovers(r));
    if (!file_exists(r->checkpoint_path))
        return file_write(lib, r->log_path, "", 0);

    TRY(checkpoint_read(r->trainer, r->name, &r->state, r->checkpoint_path));
    library_log(lib, "going on from step %lld of %lld", (long long)r->trainer->step,
                (long long)r->trainer->steps);
    return file_truncate(lib, r->log_path, r->state.log_bytes);
}

/* ---- during the run ---------------------------------------------------------------------------
 */

static int write_log(run *r, const step_report *s)
{
    if (r->options.folder == NULL)
        return 0;
    char line[256], loss[NUMBER_TEXT], rate[NUMBER_TEXT], norm[NUMBER_TEXT], epoch[NUMBER_TEXT];
    number_shortest(s->loss, loss);
    number_shortest(s->learning_rate, rate);
    number_shortest(s->grad_norm, norm);
    number_shortest(s->epoch, epoch);
    int length = snprintf(line, sizeof line,
                          "{\"step\":%lld,\"epoch\":%s,\"loss\":%s,\"learning_rate\":%s,"
                          "\"grad_norm\":%s}\n",
                          (long long)s->step, epoch, loss, rate, norm);
    TRY(file_append(r->job->lib, r->log_path, line, length));
    r->state.log_bytes += length;
    return 0;
}

static int save_adapter(run *r, const char *path)
{
    return job_save_adapter(r->job, r->trainer->x, path);
}

static int save_checkpoint(run *r)
{
    if (r->options.folder == NULL)
        return 0;
    double begin = elapsed(r);
    run_state state = r->state;
    state.seconds += begin;
    TRY(checkpoint_write(r->trainer, r->name, &state, r->checkpoint_path));
    r->last_checkpoint = elapsed(r);
    r->checkpoint_cost = r->last_checkpoint - begin;
    return 0;
}

static bool checkpoint_is_due(const run *r)
{
    double since = elapsed(r) - r->last_checkpoint;
    return since >= CHECKPOINT_SECONDS && r->checkpoint_cost <= CHECKPOINT_SHARE * since;
}

static double score_of(const run *r)
{
    return r->dev_step < 0 ? NAN : metrics_score(r->job->task, &r->dev.metrics);
}

/* dev at the present step, once */
static int evaluate_dev(run *r)
{
    if (r->dev_step == r->trainer->step)
        return 0;
    TRY(trainer_evaluate(r->trainer, &r->job->task->splits[SPLIT_DEV], r->logits, &r->dev));
    r->dev_step = r->trainer->step;
    return 0;
}

static int score_dev(run *r)
{
    TRY(evaluate_dev(r));
    double score = score_of(r);
    if (isfinite(score) && (r->state.best_step == 0 || score > r->state.best_score)) {
        r->state.best_step = r->trainer->step;
        r->state.best_score = score;
        if (r->options.folder != NULL && !r->options.in_study)
            TRY(save_adapter(r, r->best_path));
    }
    return 0;
}

static bool score_is_due(const run *r)
{
    if (r->job->task->splits[SPLIT_DEV].label == NULL)
        return false;
    int64_t step = r->trainer->step;
    return step == r->trainer->steps || (r->eval_every > 0 && step % r->eval_every == 0);
}

static int tell(const run *r, const char *phase)
{
    const trainer *t = r->trainer;
    if (r->options.watch == NULL)
        return 0;
    double spent = r->state.seconds + elapsed(r);
    double left = t->step > 0 ? spent / (double)t->step * (double)(t->steps - t->step) : -1;
    idim_progress progress = {.phase = phase,
                              .step = t->step,
                              .steps = t->steps,
                              .loss = r->last.loss,
                              .learning_rate = r->last.learning_rate,
                              .seconds_left = left,
                              .score = score_of(r)};
    return r->options.watch(r->options.user, &progress);
}

/* the run as it was trained is kept, whatever it is that is stopped */
static int stop(run *r)
{
    const trainer *t = r->trainer;
    if (!r->ships)
        TRY(save_checkpoint(r));
    return fail(r->job->lib, IDIM_ESTOPPED,
                "stopped after step %lld of %lld: the same command goes on from there",
                (long long)t->step, (long long)t->steps);
}

/* as the trainer's pulse */
static int beat(void *user)
{
    run *r = user;
    return tell(r, "score") != 0 ? stop(r) : 0;
}

static int train(run *r)
{
    trainer *t = r->trainer;
    /* a sitting may have been stopped while it scored */
    if (t->step > 0 && score_is_due(r))
        TRY(score_dev(r));
    while (t->step < t->steps) {
        TRY(trainer_step(t, &r->last));
        TRY(write_log(r, &r->last));
        if (score_is_due(r))
            TRY(score_dev(r));
        if (tell(r, "train") != 0)
            return stop(r);
        if (checkpoint_is_due(r))
            TRY(save_checkpoint(r));
    }
    return 0;
}

/* ---- the record -------------------------------------------------------------------------------
 */

static int score_split(run *r, const split *s, const char *name, json_t *out)
{
    evaluation e;
    if (s->label == NULL)
        return 0;
    TRY(trainer_evaluate(r->trainer, s, NULL, &e));
    json_object_set_new(out, name, record_evaluation(&e));
    return 0;
}

static int score_splits(run *r, json_t *out)
{
    const task *t = r->job->task;
    if (r->options.in_study) {
        /* a view of the first rows; nothing of it is freed */
        split some = t->splits[SPLIT_TRAIN];
        some.n = some.n < STUDY_TRAIN_ROWS ? some.n : STUDY_TRAIN_ROWS;
        TRY(score_split(r, &some, "train", out));
    }
    if (t->splits[SPLIT_DEV].label != NULL) {
        TRY(evaluate_dev(r));
        json_object_set_new(out, "dev", record_evaluation(&r->dev));
    }
    TRY(score_split(r, &t->splits[SPLIT_TEST], "test", out));
    return score_split(r, &t->mismatched, "dev_mm", out);
}

static json_t *trained_part(const run *r)
{
    const subspace *s = r->job->space;
    return json_pack("{s:I, s:I, s:I}", "z", (json_int_t)subspace_len_z(s), "lambda",
                     (json_int_t)subspace_n_lambda(s), "direct", (json_int_t)subspace_n_direct(s));
}

static json_t *lambda_part(const run *r)
{
    json_t *out = json_object();
    const subspace *s = r->job->space;
    for (int64_t g = 0; g < subspace_n_lambda(s); g++)
        json_object_set_new(out, subspace_group_name(s, g),
                            record_number((double)r->trainer->x[subspace_len_z(s) + g]));
    return out;
}

static json_t *adapter_part(const run *r)
{
    file_reader f;
    if (r->options.folder == NULL || !file_exists(r->adapter_path) ||
        file_open(r->job->lib, r->adapter_path, &f) != 0)
        return json_null();
    /* the folder of a study's run is moved when it is finished: the adapter lies beside its record
     */
    const char *path = r->options.in_study ? "adapter.idim" : r->adapter_path;
    json_t *out = json_pack("{s:s, s:I}", "path", path, "bytes", (json_int_t)f.size);
    file_close(&f);
    return out;
}

static double length_of_z(const run *r)
{
    double sum = 0;
    for (int64_t i = 0; i < subspace_len_z(r->job->space); i++)
        sum += (double)r->trainer->x[i] * (double)r->trainer->x[i];
    return sqrt(sum);
}

static int make_record(run *r, json_t *scores)
{
    const trainer *t = r->trainer;
    double seconds = r->state.seconds + elapsed(r);
    double steps = t->step > 0 ? (double)t->step : 1;
    json_t *majority = record_majority(r->job);
    if (majority == NULL)
        return fail_memory(r->job->lib, 4096, "record");
    json_t *out = record_begin(r->job);
    json_object_set_new(out, "run", json_string(r->name));
    json_object_set_new(out, "method", json_string(spec_text(r->job->spec, "method")));
    json_object_set_new(out, "dim", json_integer(t->d));
    json_object_set_new(out, "trained", trained_part(r));
    json_object_set_new(out, "projection", json_string(spec_text(r->job->spec, "projection")));
    json_object_set_new(out, "seed", json_integer(spec_integer(r->job->spec, "seed")));
    json_object_set_new(out, "lambda", lambda_part(r));
    json_object_set_new(out, "z_norm", record_number(length_of_z(r)));
    json_object_set_new(out, "steps", json_integer(t->step));
    json_object_set_new(out, "seconds", json_real(seconds));
    json_object_set_new(out, "seconds_per_step", json_real(seconds / steps));
    json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
    json_object_set_new(out, "train_loss", record_number(t->loss_sum / steps));
    json_object_set_new(out, "metric", json_string(r->job->task->metric));
    json_object_set(out, "eval", scores);
    if (r->state.best_step > 0)
        json_object_set_new(out, "best",
                            json_pack("{s:I, s:f}", "step", (json_int_t)r->state.best_step, "score",
                                      r->state.best_score));
    else
        json_object_set_new(out, "best", json_null());
    json_object_set_new(out, "majority", majority);
    json_object_set_new(out, "adapter", adapter_part(r));
    if (r->coding != NULL)
        json_object_set(out, "coding", r->coding);
    if (r->bound != NULL)
        json_object_set(out, "bound", r->bound);
    if (r->options.in_study)
        json_object_set_new(out, "predictions",
                            record_predictions(r->job->task, r->logits, r->dev.n));
    return record_finish(r->job->lib, out);
}

/* the errors of what is shipped on every row: a study shows its bound, for_bound asks for it */
static int certify(run *r, const job_coding *how)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    const job *j = r->job;
    scorer as = trainer_scorer(r->trainer);
    error_count c;
    if (j->task->kind != TASK_CLASSES || !(r->options.in_study || spec_flag(j->spec, "for_bound")))
        return 0;
    /* what was placed is not yet in the weights */
    subspace_push(j->space, r->trainer->x, j->model->weights->theta);
    TRY(certificate_count(&as, &j->task->splits[SPLIT_TRAIN], &c));
    TRY(certificate_make(j, &c, how->code_bits, how->size.file, &r->bound));
    json_t *held_out = json_object();
    json_object_set_new(r->bound, "held_out", held_out);
    for (int i = SPLIT_DEV; i < N_SPLITS; i++) {
        const split *s = &j->task->splits[i];
        if (s->label == NULL || s->n < 1)
            continue;
        TRY(certificate_count(&as, s, &c));
        json_object_set_new(held_out, names[i], certificate_errors(&c));
    }
    return 0;
}

/* scores x as it was trained, then puts what the coded adapter says in its place */
static int ship(run *r)
{
    trainer *t = r->trainer;
    real *shipped;
    job_coding how;
    if (!job_codes_adapter(r->job))
        return 0;
    TRY(save_checkpoint(r));
    r->ships = true;
    TRY(NEW(r->job->lib, real, t->d, "coded numbers", &shipped));
    json_t *scores = json_object();
    int status = job_code(r->job, t->x, shipped, &how);
    trainer_place(t, t->x);
    r->dev_step = -1;
    if (status == 0)
        status = score_splits(r, scores);
    if (status == 0) {
        trainer_place(t, shipped);
        r->dev_step = -1;
        r->coding = json_pack("{s:I, s:I, s:f, s:f, s:O}", "bytes", (json_int_t)how.size.file,
                              "number_bytes", (json_int_t)how.size.numbers, "bits",
                              8 * (double)how.size.numbers / (double)t->d, "step", how.step,
                              "uncoded", scores);
        status = certify(r, &how);
    }
    json_decref(scores);
    memory_free(r->job->lib, shipped);
    return status;
}

static int finish(run *r)
{
    idim *lib = r->job->lib;
    json_t *tried;
    bool kept = !r->options.in_study || job_adapter_bytes(r->job) <= STUDY_ADAPTER_BYTES;
    int status = shipping_choose(r->job, r->trainer, &tried);
    if (status == 0 && r->options.folder != NULL && kept)
        status = save_adapter(r, r->adapter_path);
    if (status == 0)
        status = ship(r);
    if (status == 0 && tried != NULL)
        json_object_set(r->coding, "tried", tried);
    json_decref(tried);
    TRY(status);

    json_t *scores = json_object();
    status = score_splits(r, scores);
    if (status == 0)
        status = make_record(r, scores);
    json_decref(scores);
    if (status != 0 || r->options.folder == NULL)
        return status;
    TRY(file_write(lib, r->record_path, lib->result, (int64_t)strlen(lib->result)));
    return file_remove(lib, r->checkpoint_path);
}

int run_trainer(job *j, trainer **out)
{
    trainer_options options = job_trainer_options(j->spec);
    bool coded = job_codes_adapter(j);
    TRY(shipping_check(j));
    if (coded && subspace_len_z(j->space) > 0)
        options.round_steps = spec_number(j->spec, "coding_steps");
    TRY(trainer_new(j->model, j->task, j->space, &options, out));
    (*out)->round = coded ? shipping_round : NULL;
    (*out)->round_user = j;
    return 0;
}

static int64_t eval_every(const job *j, const trainer *t)
{
    return spec_is_auto(j->spec, "eval_steps") ? t->steps_per_epoch
                                               : spec_integer(j->spec, "eval_steps");
}

static int64_t labelled_tokens(const split *s, int64_t rows)
{
    return s->label == NULL ? 0 : s->start[rows < s->n ? rows : s->n];
}

/* as train, shipping_choose, ship, certify and score_splits do it */
run_beside run_foresee(const job *j, const trainer *t, bool in_study)
{
    const split *s = j->task->splits;
    bool for_bound = spec_flag(j->spec, "for_bound"), coded = for_bound || job_codes_adapter(j);
    bool certified = coded && j->task->kind == TASK_CLASSES && (in_study || for_bound);
    int64_t train = labelled_tokens(&s[SPLIT_TRAIN], INT64_MAX);
    int64_t dev = labelled_tokens(&s[SPLIT_DEV], INT64_MAX);
    int64_t test = labelled_tokens(&s[SPLIT_TEST], INT64_MAX);
    int64_t others = test + labelled_tokens(&j->task->mismatched, INT64_MAX) +
                     (in_study ? labelled_tokens(&s[SPLIT_TRAIN], STUDY_TRAIN_ROWS) : 0);

    int64_t every = eval_every(j, t), bytes = job_adapter_bytes(j);
    int64_t times = 1 + (every > 0 ? (t->steps - 1) / every : 0);
    run_beside out = {.scored_tokens = times * dev + others + shipping_tried_tokens(j),
                      .codings = (int64_t)(t->options.round_steps * (double)t->steps),
                      .written = 3 * (int64_t)sizeof(real) * t->d};
    if (coded)
        out.scored_tokens += 2 * dev + others;
    if (certified)
        out.scored_tokens += train + dev + test;
    if (j->task->kind == TASK_LANGUAGE)
        out.scored_tokens += dev + test;
    if (!in_study)
        out.written += (1 + times) * bytes;
    else if (bytes <= STUDY_ADAPTER_BYTES)
        out.written += bytes;
    return out;
}

static int run_open(run *r)
{
    const job *j = r->job;
    TRY(job_name(j, r->name));
    TRY(name_files(r));
    TRY(run_trainer(r->job, &r->trainer));
    /* a limit that not even zeros keep is refused before the training */
    if (job_codes_adapter(j))
        TRY(job_code(j, r->trainer->x, r->trainer->dx, NULL));
    r->trainer->pulse = (pulse){beat, r};
    r->dev_step = -1;
    if (r->options.in_study)
        TRY(NEW(j->lib, float, j->task->splits[SPLIT_DEV].n * j->model->n_labels, "logits",
                &r->logits));
    r->eval_every = eval_every(j, r->trainer);
    return 0;
}

static int run_all(run *r)
{
    bool done;
    TRY(run_open(r));
    TRY(find_record(r, &done));
    if (done)
        return 0;
    TRY(go_on_or_begin(r));
    TRY(untouched_score(r->job, (pulse){beat, r}));
    TRY(train(r));
    return finish(r);
}

int run_job(job *j, const run_options *options)
{
    run r = {
        .job = j, .options = *options, .began = clock_seconds(), .last = {.loss = (double)NAN}};
    int status = run_all(&r);
    run_close(&r);
    return status;
}
