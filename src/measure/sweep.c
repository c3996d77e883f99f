/* Claimed work: done, recorded, published.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/sweep.h"
#include "base/clock.h"

#include "base/file.h"
#include "measure/linearised.h"
#include "measure/record.h"
#include "measure/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* what is left of the study beyond the run in progress, by the runs so far; negative: not known */
static double seconds_beyond(const sweep *s)
{
    double spent = 0, left = 0;
    int64_t done = 0;
    for (int64_t i = 0; i < s->n_cells; i++) {
        const cell *c = s->cell[i];
        if (c->why == NULL)
            left += (double)(search_most_runs(&c->search) - c->n_runs);
        for (int64_t k = 0; k < c->n_runs; k++)
            spent += c->run[k].failed ? 0 : c->run[k].seconds;
        done += c->n_runs;
    }
    return done > 0 ? spent / (double)done * (left > 1 ? left - 1 : 0) : -1;
}

static void renew(sweep *s)
{
    if (!s->lost && s->claim != NULL && ledger_renew(s->claim, &s->lost) != 0)
        s->lost = true;
}

/* as the trainer's watch, for the whole study */
static int watch_run(void *user, const idim_progress *now)
{
    sweep *s = user;
    renew(s);
    s->late = clock_seconds() > s->deadline;
    if (s->lost || s->late)
        return 1;
    if (s->watch == NULL)
        return 0;
    idim_progress told = *now;
    told.phase = s->title;
    double beyond = seconds_beyond(s);
    if (told.seconds_left >= 0 && beyond >= 0)
        told.seconds_left += beyond;
    return s->watch(s->user, &told);
}

static int remove_file(const sweep *s, const claim *held, const char *name)
{
    char *path;
    TRY(file_join(s->lib, held->folder, name, &path));
    int status = file_remove(s->lib, path);
    memory_free(s->lib, path);
    return status;
}

/* takes the record's reference */
static int write_record(const sweep *s, const claim *held, json_t *record)
{
    char *path, *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (text == NULL)
        return fail_memory(s->lib, 4096, "record");
    int status = file_join(s->lib, held->folder, "record.json", &path);
    if (status == 0) {
        status = file_write(s->lib, path, text, (int64_t)strlen(text));
        memory_free(s->lib, path);
    }
    free(text);
    return status;
}

/* a run that cannot be done is an answer too */
static int write_failure(const sweep *s, const claim *held, const char *reason)
{
    json_t *record = record_begin(&s->job);
    json_object_set_new(record, "run", json_string(held->name));
    json_object_set_new(record, "failure", json_string(reason));
    json_object_set_new(record, "method", json_string(spec_text(s->job.spec, "method")));
    json_object_set_new(record, "steps", json_integer(0));
    return write_record(s, held, record);
}

static int train(sweep *s, const claim *held)
{
    run_options options = {.folder = held->folder, .watch = watch_run, .user = s, .in_study = true};
    int status = run_job(&s->job, &options);
    if (status != IDIM_EFORMAT && status != IDIM_EMISMATCH)
        return status;

    /* what the last sitting left cannot be used, after a power cut, say: once more from the start
     */
    library_log(s->lib, "%s: starts over: %s", s->title, s->lib->error);
    library_clear(s->lib);
    TRY(remove_file(s, held, "checkpoint.idim"));
    TRY(remove_file(s, held, "record.json"));
    return run_job(&s->job, &options);
}

static int linearise(sweep *s, const claim *held)
{
    int64_t dims[32];
    double began = clock_seconds();
    linearised *l;
    linearised_options options = {.dims = dims,
                                  .n_dims = linearised_dims(spec_integer(s->job.spec, "dim"), dims),
                                  .watch = watch_run,
                                  .user = s};
    TRY(linearised_run(&s->job, &options, &l));
    json_t *record = record_begin(&s->job);
    json_object_set_new(record, "run", json_string(held->name));
    json_object_set_new(record, "linearised", linearised_json(l, s->job.task));
    json_object_set_new(record, "seconds", json_real(clock_seconds() - began));
    linearised_free(l);
    return write_record(s, held, record);
}

/* one run from claim to ledger */
static int do_claimed(sweep *s, claim *held, int (*work)(sweep *s, const claim *held))
{
    s->claim = held;
    s->lost = s->late = false;
    int status = work(s, held);
    s->claim = NULL;
    if (s->lost || (status != 0 && !file_is_folder(held->folder))) {
        library_clear(s->lib);
        return ledger_release(held);
    }
    if (status == IDIM_ESTOPPED && s->late) {
        library_clear(s->lib);
        library_log(s->lib, "%s: stopped, the time is spent: the same command goes on from there",
                    s->title);
        return ledger_release(held);
    }
    /* a linearised model has limits of its own (few rows, many labels) */
    bool no_such = work == linearise && (status == IDIM_EARGUMENT || status == IDIM_EUNSUPPORTED);
    if (no_such || status == IDIM_ENOTFINITE || status == IDIM_EMEMORY) {
        char reason[ERROR_LENGTH];
        snprintf(reason, sizeof reason, "%s", s->lib->error);
        library_clear(s->lib);
        library_log(s->lib, "%s: failed: %s", s->title, reason);
        /* a failed run does not go on */
        status = remove_file(s, held, "checkpoint.idim");
        if (status == 0)
            status = write_failure(s, held, reason);
    }
    if (status == 0)
        return ledger_publish(held);
    ledger_release(held);
    return status;
}

int sweep_train(sweep *s, claim *held)
{
    return do_claimed(s, held, train);
}

int sweep_linearise(sweep *s, claim *held)
{
    return do_claimed(s, held, linearise);
}
