/* idim_bound: an upper bound on the error of an adapted model from the bits of its adapter and its
 * errors on the rows it was trained on (docs/bound.md).
 *
 * SPDX-License-Identifier: MIT */
#include "measure/certificate.h"
#include "measure/record.h"

#include <math.h>

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
                        idim_watch *watch, void *user, error_count *out)
{
    idim_progress progress = {
        .phase = phase, .steps = 1, .loss = NAN, .seconds_left = -1, .score = NAN};
    if (watch != NULL && watch(user, &progress) != 0)
        return fail(j->lib, IDIM_ESTOPPED, "stopped before the end: nothing was written");
    return certificate_count(j, work, on, out);
}

/* errors on rows that had no part in the training, where there are any */
static int held_out(const job *j, tape *work, idim_watch *watch, void *user, json_t *out)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    for (int i = SPLIT_DEV; i < N_SPLITS; i++) {
        const split *s = &j->task->splits[i];
        error_count c;
        if (s->label == NULL || s->n < 1)
            continue;
        TRY(count_errors(j, work, s, names[i], watch, user, &c));
        json_object_set_new(out, names[i], certificate_errors(&c));
    }
    return 0;
}

static int bound(const job *j, tape *work, idim_watch *watch, void *user)
{
    error_count c;
    json_t *certificate = NULL;
    TRY(check(j));
    TRY(count_errors(j, work, &j->task->splits[SPLIT_TRAIN], "train", watch, user, &c));
    json_t *rows = json_object();
    int status = held_out(j, work, watch, user, rows);
    if (status == 0)
        status =
            certificate_make(j, &c, adapter_code_bits(j->adapter), j->adapter->bytes, &certificate);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    json_t *out = record_begin(j);
    json_object_set_new(out, "schema", json_string("idim.bound/1"));
    json_object_set_new(out, "adapter", record_adapter(j));
    json_object_set_new(out, "bound", certificate);
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
