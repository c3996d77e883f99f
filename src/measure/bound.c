/* idim_bound: an upper bound on the error of an adapted model from the bits of its adapter and its
 * errors on the rows it was trained on (docs/bound.md).
 *
 * SPDX-License-Identifier: MIT */
#include "measure/certificate.h"
#include "measure/record.h"

#include <math.h>

typedef struct bounding {
    job job;
    tape *work;
    idim_watch *watch;
    void *user;
    const char *phase; /* what is scored */
} bounding;

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

static int tell(void *user)
{
    const bounding *b = user;
    idim_progress progress = {
        .phase = b->phase, .steps = 1, .loss = NAN, .seconds_left = -1, .score = NAN};
    if (b->watch != NULL && b->watch(b->user, &progress) != 0)
        return fail(b->job.lib, IDIM_ESTOPPED, "stopped before the end: nothing was written");
    return 0;
}

static int count_errors(bounding *b, const split *on, const char *phase, error_count *out)
{
    scorer r = {.model = b->job.model, .work = b->work, .task = b->job.task, .pulse = {tell, b}};
    b->phase = phase;
    TRY(tell(b));
    return certificate_count(&r, on, out);
}

/* errors on rows that had no part in the training, where there are any */
static int held_out(bounding *b, json_t *out)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    for (int i = SPLIT_DEV; i < N_SPLITS; i++) {
        const split *s = &b->job.task->splits[i];
        error_count c;
        if (s->label == NULL || s->n < 1)
            continue;
        TRY(count_errors(b, s, names[i], &c));
        json_object_set_new(out, names[i], certificate_errors(&c));
    }
    return 0;
}

static int bound(bounding *b)
{
    const job *j = &b->job;
    error_count c;
    json_t *certificate = NULL;
    TRY(check(j));
    TRY(count_errors(b, &j->task->splits[SPLIT_TRAIN], "train", &c));
    json_t *rows = json_object();
    int status = held_out(b, rows);
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
    bounding b = {.watch = watch, .user = user};
    library_clear(lib);
    int status = job_open(lib, "bound", spec_json, &b.job);
    if (status == 0)
        status = tape_new(lib, b.job.model->weights, &b.work);
    if (status == 0)
        status = bound(&b);
    tape_free(b.work);
    job_close(&b.job);
    return status;
}
