/* idim_eval and idim_predict: a base, with an adapter or a head of its own, on a file.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"
#include "measure/untouched.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

typedef struct scoring {
    job job;
    tape *tape;
    idim_watch *watch;
    void *user;
    const char *phase; /* part k of n is being scored */
    int64_t k, n;
} scoring;

static int scoring_open(scoring *s, idim *lib, const char *command, const char *spec_json)
{
    library_clear(lib);
    TRY(job_open(lib, command, spec_json, &s->job));
    return tape_new(lib, s->job.model->weights, &s->tape);
}

static void scoring_close(scoring *s)
{
    tape_free(s->tape);
    job_close(&s->job);
}

/* IDIM_ESTOPPED when the caller asks to stop */
static int tell(void *user)
{
    const scoring *s = user;
    idim_progress progress = {.phase = s->phase,
                              .step = s->k,
                              .steps = s->n,
                              .loss = NAN,
                              .seconds_left = -1,
                              .score = NAN};
    if (s->watch != NULL && s->watch(s->user, &progress) != 0)
        return fail(s->job.lib, IDIM_ESTOPPED, "stopped before the end: nothing was written");
    return 0;
}

static int begin_part(scoring *s, const char *phase, int64_t k, int64_t n)
{
    s->phase = phase;
    s->k = k;
    s->n = n;
    return tell(s);
}

static int score(scoring *s, const split *on, float *logits, evaluation *out)
{
    scorer r = {.model = s->job.model, .work = s->tape, .task = s->job.task, .pulse = {tell, s}};
    return evaluate_split(&r, on, logits, out);
}

/* ---- eval --------------------------------------------------------------------------------------
 */

static int eval_split(scoring *s, const split *on, const char *name, json_t *out)
{
    if (on->label == NULL)
        return 0;
    evaluation e;
    TRY(score(s, on, NULL, &e));
    json_object_set_new(out, name, record_evaluation(&e));
    return 0;
}

static int eval_all(scoring *s)
{
    const task *t = s->job.task;
    double began = clock_seconds();
    json_t *scores = json_object();
    int status = begin_part(s, "eval", 0, 2);
    if (status == 0 && s->job.adapter != NULL)
        status = untouched_score(&s->job, (pulse){tell, s});
    if (status == 0)
        status = eval_split(s, &t->splits[SPLIT_DEV], "dev", scores);
    if (status == 0)
        status = eval_split(s, &t->mismatched, "dev_mm", scores);
    if (status == 0)
        status = begin_part(s, "eval", 1, 2);
    if (status == 0)
        status = eval_split(s, &t->splits[SPLIT_TEST], "test", scores);
    if (status == 0 && json_object_size(scores) == 0)
        status = fail(s->job.lib, IDIM_EARGUMENT,
                      "%s: expected a file with labels (--dev or --test), found none", t->name);
    if (status != 0) {
        json_decref(scores);
        return status;
    }

    json_t *majority = record_majority(&s->job);
    if (majority == NULL) {
        json_decref(scores);
        return fail_memory(s->job.lib, 4096, "record");
    }
    json_t *out = record_begin(&s->job);
    json_object_set_new(out, "adapter", record_adapter(&s->job));
    json_object_set_new(out, "seconds", json_real(clock_seconds() - began));
    json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
    json_object_set_new(out, "metric", json_string(t->metric));
    json_object_set_new(out, "eval", scores);
    json_object_set_new(out, "majority", majority);
    return record_finish(s->job.lib, out);
}

int idim_eval(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    scoring s = {.watch = watch, .user = user};
    int status = scoring_open(&s, lib, "eval", spec_json);
    if (status == 0)
        status = eval_all(&s);
    scoring_close(&s);
    return status;
}

/* ---- predict -----------------------------------------------------------------------------------
 */

/* the names of every label above a probability of one half */
static json_t *labels_above_half(const job *j, const float *logits)
{
    json_t *out = json_array();
    for (int64_t i = 0; i < j->model->n_labels; i++)
        if (logits[i] > 0)
            json_array_append_new(out, job_label(j, i));
    return out;
}

static json_t *prediction(const job *j, int64_t index, const float *logits, bool with_logits)
{
    json_t *out = json_object();
    json_object_set_new(out, "index", json_integer(index));
    if (j->model->problem == PROBLEM_REGRESSION)
        json_object_set_new(out, "label", record_number((double)logits[0]));
    else if (j->model->problem == PROBLEM_MULTI_LABEL)
        json_object_set_new(out, "label", labels_above_half(j, logits));
    else
        json_object_set_new(out, "label", job_label(j, metrics_class(logits, j->model->n_labels)));
    if (!with_logits)
        return out;

    json_t *values = json_array();
    for (int64_t i = 0; i < j->model->n_labels; i++)
        json_array_append_new(values, record_number((double)logits[i]));
    json_object_set_new(out, "logits", values);
    return out;
}

static int predict_rows(scoring *s, const split *on, float *logits, json_t *out)
{
    job *j = &s->job;
    evaluation e;
    TRY(score(s, on, logits, &e));
    bool with_logits = spec_flag(j->spec, "logits");
    for (int64_t i = 0; i < on->n; i++)
        json_array_append_new(out, prediction(j, i, logits + i * j->model->n_labels, with_logits));
    return 0;
}

/* the predictions of the job as it stands, as a list */
static int predict_all(scoring *s, json_t **out)
{
    const split *on = &s->job.task->splits[SPLIT_TEST];
    if (on->path == NULL)
        return fail(s->job.lib, IDIM_EARGUMENT,
                    "predict: expected a file to label (--test FILE, or --task with --data), "
                    "found none");
    float *logits;
    TRY(NEW(s->job.lib, float, on->n * s->job.model->n_labels, "logits", &logits));
    *out = json_array();
    int status = predict_rows(s, on, logits, *out);
    memory_free(s->job.lib, logits);
    return status;
}

static json_t *predictions_begin(void)
{
    return json_pack("{s:s, s:s}", "schema", "idim.predict/1", "version", IDIM_VERSION);
}

static int predict_one(idim *lib, scoring *s, const char *spec_json)
{
    json_t *list = NULL;
    int status = scoring_open(s, lib, "predict", spec_json);
    if (status == 0)
        status = begin_part(s, "predict", 0, 1);
    if (status == 0)
        status = predict_all(s, &list);
    if (status != 0) {
        json_decref(list);
        return status;
    }
    json_t *out = predictions_begin();
    json_object_set_new(out, "predictions", list);
    return record_finish(lib, out);
}

/* the job with this adapter: the weights in memory, or opened anew where they do not fit */
static int take_adapter(idim *lib, scoring *s, const json_t *settings, const json_t *path)
{
    bool fits = false;
    const char *name = json_string_value(path);
    if (name == NULL)
        return fail(lib, IDIM_EARGUMENT, "adapter: expected a list of paths");
    if (s->job.model != NULL)
        TRY(job_change_adapter(&s->job, name, &fits));
    if (fits)
        return 0;
    scoring_close(s);
    s->tape = NULL;
    json_t *one = json_copy((json_t *)settings);
    json_object_set(one, "adapter", (json_t *)path);
    char *text = json_dumps(one, JSON_COMPACT);
    json_decref(one);
    int status =
        text == NULL ? fail_memory(lib, 4096, "settings") : scoring_open(s, lib, "predict", text);
    free(text);
    return status;
}

/* several adapters on one base, one after the other */
static int predict_several(idim *lib, scoring *s, const json_t *settings, const json_t *adapters)
{
    json_t *results = json_array();
    int status = 0;
    int64_t n = (int64_t)json_array_size(adapters);
    for (int64_t i = 0; i < n && status == 0; i++) {
        json_t *list = NULL, *path = json_array_get(adapters, (size_t)i);
        status = take_adapter(lib, s, settings, path);
        if (status == 0)
            status = begin_part(s, "predict", i, n);
        if (status == 0)
            status = predict_all(s, &list);
        if (status == 0)
            json_array_append_new(results,
                                  json_pack("{s:O, s:O}", "adapter", path, "predictions", list));
        json_decref(list);
    }
    if (status != 0) {
        json_decref(results);
        return status;
    }
    json_t *out = predictions_begin();
    json_object_set_new(out, "results", results);
    return record_finish(lib, out);
}

int idim_predict(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    scoring s = {.watch = watch, .user = user};
    library_clear(lib);
    json_t *settings = json_loads(spec_json, JSON_REJECT_DUPLICATES, NULL);
    json_t *adapters = json_object_get(settings, "adapter");
    int status = json_array_size(adapters) > 0 ? predict_several(lib, &s, settings, adapters)
                                               : predict_one(lib, &s, spec_json);
    scoring_close(&s);
    json_decref(settings);
    return status;
}
