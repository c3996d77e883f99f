/* idim_bound: an upper bound on the error of an adapted model from the bits of its adapter and its
 * errors on the rows it was trained on (docs/bound.md).
 *
 * SPDX-License-Identifier: MIT */
#include "measure/occam.h"
#include "measure/record.h"

#include <math.h>
#include <string.h>

typedef struct count {
    int64_t errors, n;
} count;

static int check(const job *j)
{
    const task *t = j->task;
    if (t->kind != TASK_CLASSES || j->model->problem != PROBLEM_CLASSES)
        return fail(j->lib, IDIM_EUNSUPPORTED,
                    "%s: expected a task with classes: errors are counted", t->name);
    if (t->splits[SPLIT_TRAIN].label == NULL)
        return fail(
            j->lib, IDIM_EARGUMENT,
            "%s: expected the rows it was trained on (--train FILE, or --task with --data), "
            "found none",
            t->name);
    return 0;
}

static int count_errors(const job *j, tape *work, const split *on, const char *phase,
                        idim_watch *watch, void *user, count *out)
{
    idim_progress progress = {
        .phase = phase, .steps = 1, .loss = NAN, .seconds_left = -1, .score = NAN};
    if (watch != NULL && watch(user, &progress) != 0)
        return fail(j->lib, IDIM_ESTOPPED, "stopped before the end: nothing was written");
    int64_t k = j->model->n_labels;
    float *logits;
    evaluation e;
    TRY(NEW(j->lib, float, on->n *k, "logits", &logits));
    int status = evaluate_split(j->model, work, j->task, on, logits, &e);
    out->errors = 0;
    out->n = on->n;
    for (int64_t i = 0; status == 0 && i < on->n; i++)
        out->errors += metrics_class(logits + i * k, k) != (int64_t)on->label[i];
    memory_free(j->lib, logits);
    return status;
}

/* the share of rows that are not of the train split's largest class */
static int majority_error(const job *j, double *out)
{
    metrics m;
    *out = NAN;
    TRY(metrics_majority(j->task, SPLIT_TRAIN, &m));
    for (int64_t i = 0; i < m.n; i++)
        if (strcmp(m.name[i], "accuracy") == 0)
            *out = 1 - m.value[i];
    return 0;
}

static json_t *baseline(const count *c, double delta, double bound, double error)
{
    json_t *bits = record_number(occam_bits_below(c->errors, c->n, delta, error));
    return json_pack("{s:f, s:b, s:o}", "error", error, "beaten", bound < error, "bits", bits);
}

static json_t *bound_part(const job *j, const count *c, double majority)
{
    double delta = spec_number(j->spec, "delta");
    const adapter *a = j->adapter;
    int64_t bits = adapter_code_bits(a), all_bits = 8 * (a->bytes + 2);
    double bound = occam_bound(c->errors, c->n, (double)bits, delta);
    json_t *beats = json_object();
    json_object_set_new(beats, "one", baseline(c, delta, bound, 1));
    json_object_set_new(beats, "chance",
                        baseline(c, delta, bound, 1 - 1 / (double)j->model->n_labels));
    json_object_set_new(beats, "majority", baseline(c, delta, bound, majority));
    return json_pack("{s:f, s:I, s:I, s:f, s:I, s:f, s:f, s:f, s:I, s:o}", "delta", delta, "n",
                     (json_int_t)c->n, "errors", (json_int_t)c->errors, "train_error",
                     (double)c->errors / (double)c->n, "bits", (json_int_t)bits, "bound", bound,
                     "bound_of_whole_file", occam_bound(c->errors, c->n, (double)all_bits, delta),
                     "bound_without_bits", occam_bound(c->errors, c->n, 0, delta), "file_bytes",
                     (json_int_t)a->bytes, "baselines", beats);
}

/* errors on rows that had no part in the training, where there are any */
static int held_out(const job *j, tape *work, idim_watch *watch, void *user, json_t *out)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    for (int i = SPLIT_DEV; i < N_SPLITS; i++) {
        const split *s = &j->task->splits[i];
        count c;
        if (s->label == NULL || s->n < 1)
            continue;
        TRY(count_errors(j, work, s, names[i], watch, user, &c));
        json_object_set_new(out, names[i],
                            json_pack("{s:I, s:I, s:f}", "n", (json_int_t)c.n, "errors",
                                      (json_int_t)c.errors, "error",
                                      (double)c.errors / (double)c.n));
    }
    return 0;
}

static int bound(const job *j, tape *work, idim_watch *watch, void *user)
{
    count c;
    double majority;
    TRY(check(j));
    TRY(majority_error(j, &majority));
    TRY(count_errors(j, work, &j->task->splits[SPLIT_TRAIN], "train", watch, user, &c));
    json_t *rows = json_object();
    int status = held_out(j, work, watch, user, rows);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    json_t *out = record_begin(j);
    json_object_set_new(out, "schema", json_string("idim.bound/1"));
    json_object_set_new(out, "adapter", record_adapter(j));
    json_object_set_new(out, "bound", bound_part(j, &c, majority));
    json_object_set_new(out, "held_out", rows);
    return record_finish(j->lib, out);
}

int idim_bound(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    job j;
    tape *work = NULL;
    library_clear(lib);
    int status = job_open(lib, "bound", spec_json, &j);
    if (status == 0)
        status = tape_new(lib, j.model->weights, &work);
    if (status == 0)
        status = bound(&j, work, watch, user);
    tape_free(work);
    job_close(&j);
    return status;
}
