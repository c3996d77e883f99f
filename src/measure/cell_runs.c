/* A cell's runs: from jobs to finished runs, from these to the estimate and to the next runs.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/cell.h"

#include "format/json.h"
#include "measure/rescore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000 };

static double number_or_nan(const json_t *json)
{
    return json_is_number(json) ? json_number_value(json) : NAN;
}

static int read_predictions(const cell *c, const job *j, const json_place *root, cell_run *run)
{
    json_place list = json_member(root, "predictions");
    int64_t n, rows = j->task->splits[SPLIT_DEV].n;
    TRY(json_want_list(&list, &n));
    if (n != rows)
        return json_fail(&list, IDIM_EFORMAT, "expected %lld entries, one a dev row, found %lld",
                         (long long)rows, (long long)n);
    TRY(NEW(c->lib, float, n, "predictions", &run->prediction));
    bool classes = j->task->kind == TASK_CLASSES;
    int status = 0;
    for (int64_t i = 0; status == 0 && i < n; i++) {
        json_place item = json_item(&list, i);
        int64_t k = 0;
        double value = number_or_nan(item.value);
        if (classes)
            status = json_want_integer(&item, 0, j->task->n_labels - 1, &k);
        run->prediction[i] = classes ? (float)k : (float)value;
    }
    if (status != 0) {
        memory_free(c->lib, run->prediction);
        run->prediction = NULL;
    }
    return status;
}

static int read_run(const cell *c, const job *j, const json_place *root, cell_run *run)
{
    const json_t *record = root->value;
    const json_t *eval = json_object_get(record, "eval");
    run->failed = json_object_get(record, "failure") != NULL;
    run->seconds = number_or_nan(json_object_get(record, "seconds"));
    run->steps = (int64_t)json_integer_value(json_object_get(record, "steps"));
    run->rate =
        number_or_nan(json_object_get(json_object_get(record, "settings"), "learning_rate"));
    run->score = number_or_nan(json_object_get(json_object_get(eval, "dev"), j->task->metric));
    run->train = number_or_nan(json_object_get(json_object_get(eval, "train"), j->task->metric));
    if (!run->failed && !json_is_object(json_object_get(eval, "dev")))
        return json_fail(root, IDIM_EFORMAT,
                         "expected a run with scores on dev, or a failure, found neither: without "
                         "this folder the run is done again");
    run->failed = run->failed || !isfinite(run->score);
    return run->failed ? 0 : read_predictions(c, j, root, run);
}

static int add_run(cell *c, const job *j, const ledger *l, const run_request *request,
                   const char *name)
{
    if (c->n_runs == c->room) {
        c->room = 2 * c->room + 32;
        TRY(memory_resize(c->lib, c->room, (int64_t)sizeof(cell_run), "runs", (void **)&c->run));
    }
    cell_run *run = &c->run[c->n_runs];
    *run = (cell_run){.request = *request};
    snprintf(run->name, sizeof run->name, "%s", name);

    json_t *record;
    char file[128];
    snprintf(file, sizeof file, "runs/%s/record.json", name);
    TRY(ledger_read(l, name, &record));
    json_place root = json_root(c->lib, file, record);
    int status = read_run(c, j, &root, run);
    json_decref(record);
    TRY(status);
    c->n_runs++;
    return 0;
}

/* ---- what is known, what is next --------------------------------------------------------------
 */

static run_outcome *outcomes_of(const cell *c)
{
    run_outcome *done;
    if (NEW(c->lib, run_outcome, c->n_runs, "outcomes", &done) != 0)
        return NULL;
    for (int64_t i = 0; i < c->n_runs; i++)
        done[i] = (run_outcome){c->run[i].request, c->run[i].failed, c->run[i].score};
    return done;
}

/* the estimate from the runs that count; sets estimated */
static int estimate_cell(cell *c, const job *j, const run_outcome *done, bool *counts,
                         estimate_run *run, const float **prediction)
{
    TRY(search_counts(c->lib, &c->search, done, c->n_runs, counts));
    int64_t n = 0, n_full = 0;
    for (int64_t i = 0; i < c->n_runs; i++) {
        c->run[i].counts = counts[i];
        if (!counts[i])
            continue;
        bool full = c->run[i].request.kind == RUN_FULL;
        n_full += full;
        prediction[n] = c->run[i].prediction;
        run[n++] = (estimate_run){.full = full, .dim = (double)c->run[i].request.dim};
    }
    c->estimated = false;
    if (n_full == 0 || n_full == n)
        return 0;

    rescore r;
    TRY(rescore_new(j->task, prediction, n, &r));
    estimate_input in = {.run = run,
                         .n_runs = n,
                         .n_rows = j->task->splits[SPLIT_DEV].n,
                         .score = rescore_draw,
                         .user = &r,
                         .threshold = c->search.threshold,
                         .low = (double)c->search.low,
                         .high = (double)c->search.high,
                         .seed = (uint64_t)spec_integer(c->spec, "seed"),
                         .resamples = RESAMPLES};
    int status = estimate_make(c->lib, &in, &c->estimate);
    rescore_free(&r);
    c->estimated = status == 0;
    for (int64_t i = 0, k = 0; i < c->n_runs; i++)
        c->run[i].collapsed = counts[i] && run[k++].collapsed;
    return status;
}

static int estimate_now(cell *c, const job *j, const run_outcome *done)
{
    bool *counts = NULL;
    estimate_run *run = NULL;
    const float **prediction = NULL;
    int status = NEW(c->lib, bool, c->n_runs, "runs", &counts);
    if (status == 0)
        status = NEW(c->lib, estimate_run, c->n_runs, "runs", &run);
    if (status == 0)
        status = NEW(c->lib, const float *, c->n_runs, "runs", &prediction);
    if (status == 0)
        status = estimate_cell(c, j, done, counts, run, prediction);
    memory_free(c->lib, counts);
    memory_free(c->lib, run);
    memory_free(c->lib, prediction);
    return status;
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int compare_requests(const run_request *a, const run_request *b)
{
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (a->dim != b->dim)
        return a->dim < b->dim ? -1 : 1;
    if (a->rate_factor != b->rate_factor)
        return compare_numbers(a->rate_factor, b->rate_factor);
    return (a->seed > b->seed) - (a->seed < b->seed);
}

static int compare_runs(const void *a, const void *b)
{
    return compare_requests(&((const cell_run *)a)->request, &((const cell_run *)b)->request);
}

/* naming a run means making its settings: remembered */
static int name_of(cell *c, job *j, const run_request *request, const char **out)
{
    for (int64_t i = 0; i < c->n_named; i++)
        if (compare_requests(&c->named[i].request, request) == 0) {
            *out = c->named[i].name;
            return 0;
        }
    if (c->n_named == c->named_room) {
        c->named_room = 2 * c->named_room + 32;
        TRY(memory_resize(c->lib, c->named_room, (int64_t)sizeof(cell_name), "names",
                          (void **)&c->named));
    }
    cell_name *known = &c->named[c->n_named];
    known->request = *request;
    TRY(cell_aim(c, j, request, known->name));
    c->n_named++;
    *out = known->name;
    return 0;
}

/* the next requests; those that are finished already are taken in: *took says so */
static int look_ahead(cell *c, job *j, const ledger *l, bool *took)
{
    run_outcome *done = outcomes_of(c);
    if (done == NULL)
        return IDIM_EMEMORY;
    int status = c->n_runs > 0 ? estimate_now(c, j, done) : 0;
    if (status == 0)
        status =
            search_next(c->lib, &c->search, done, c->n_runs, c->estimated ? &c->estimate : NULL,
                        c->next, CELL_NEXT, &c->n_next, &c->why);
    memory_free(c->lib, done);
    TRY(status);
    if (c->n_next > 0)
        c->why = NULL;

    int64_t left = 0, had = c->n_runs;
    for (int64_t i = 0; i < c->n_next; i++) {
        const char *name;
        TRY(name_of(c, j, &c->next[i], &name));
        if (ledger_has(l, name)) {
            TRY(add_run(c, j, l, &c->next[i], name));
        } else {
            c->next[left] = c->next[i];
            memcpy(c->next_name[left++], name, LEDGER_NAME + 1);
        }
    }
    c->n_next = left;
    *took = c->n_runs > had;
    if (*took)
        qsort(c->run, (size_t)c->n_runs, sizeof c->run[0], compare_runs);
    return 0;
}

int cell_refresh(cell *c, job *j, const ledger *l)
{
    for (bool took = true; took;)
        TRY(look_ahead(c, j, l, &took));
    return 0;
}
