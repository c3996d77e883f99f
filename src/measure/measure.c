/* idim_measure: from lists of models, tasks and methods to d90 of each, over a ledger that any
 * number of such calls fill together.
 *
 * A cell is worked on until its search is over or others hold all that is left of its round; then
 * the next. After every run the cell's answer, measure.json and the report are written anew.
 *
 *     DIR/cells/KEY.json   a cell's answer; measure.json is all of them
 *     DIR/runs, DIR/pending   the ledger
 *
 * SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/file.h"
#include "measure/cell.h"
#include "measure/measure.h"
#include "measure/plan.h"
#include "measure/record.h"
#include "measure/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_CELLS = 4096, WAIT_SECONDS = 1 };

/* ---- cells from lists ------------------------------------------------------------------------ */

static int add_cell(sweep *s, const json_t *settings)
{
    if (s->n_cells == MOST_CELLS)
        return fail(s->lib, IDIM_EARGUMENT, "expected at most %d combinations, found more",
                    MOST_CELLS);
    TRY(memory_resize(s->lib, s->n_cells + 1, (int64_t)sizeof(cell *), "cells", (void **)&s->cell));
    TRY(cell_new(s->lib, settings, &s->cell[s->n_cells]));
    s->n_cells++;
    return 0;
}

enum { MOST_LISTS = 8 };

/* every combination of the values given */
static int add_cells(sweep *s, const json_t *settings)
{
    const char *const *lists = idim_lists();
    size_t at[MOST_LISTS] = {0};
    int n_lists = 0;
    while (lists[n_lists] != NULL && n_lists < MOST_LISTS)
        n_lists++;
    for (;;) {
        json_t *one = json_copy((json_t *)settings);
        for (int i = 0; i < n_lists; i++) {
            const json_t *list = json_object_get(settings, lists[i]);
            if (json_is_array(list) && json_array_size(list) > 0)
                json_object_set(one, lists[i], json_array_get(list, at[i]));
        }
        int status = add_cell(s, one);
        json_decref(one);
        TRY(status);

        int i = n_lists - 1;
        for (; i >= 0; i--) {
            const json_t *list = json_object_get(settings, lists[i]);
            if (++at[i] < (json_is_array(list) ? json_array_size(list) : 1))
                break;
            at[i] = 0;
        }
        if (i < 0)
            return 0;
    }
}

/* ---- the base of a cell ---------------------------------------------------------------------- */

static int open_cell(sweep *s, int64_t i)
{
    bool begun = s->cell[i]->key[0] != '\0';
    if (s->opened >= 0 && !cell_same_base(s->cell[i], s->cell[s->opened])) {
        job_close(&s->job);
        s->opened = -1;
    }
    if (s->opened < 0) {
        int status = cell_open_job(s->cell[i], &s->job);
        if (status != 0) {
            job_close(&s->job);
            return status;
        }
    }
    s->opened = i;
    return begun ? 0 : cell_begin(s->cell[i], &s->job);
}

/* ---- answers --------------------------------------------------------------------------------- */

static int write_json(sweep *s, const char *name, const json_t *json)
{
    char *path, *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL)
        return fail_memory(s->lib, 4096, "answer");
    int status = file_join(s->lib, s->folder, name, &path);
    if (status == 0) {
        status = file_write(s->lib, path, text, (int64_t)strlen(text));
        memory_free(s->lib, path);
    }
    free(text);
    return status;
}

static int write_cell(sweep *s, cell *c)
{
    json_t *answer;
    char name[64];
    TRY(cell_json(c, &s->job, &s->ledger, &answer));
    snprintf(name, sizeof name, "cells/%s.json", c->key);
    int status = write_json(s, name, answer);
    json_decref(answer);
    TRY(status);
    return study_collect(s->lib, s->folder);
}

/* ---- runs -------------------------------------------------------------------------------------
 */

static void tell_result(const sweep *s, const cell *c, const char *name)
{
    const char *so_far = "";
    char text[160] = "";
    const crossing *x = &c->estimate.relative;
    if (c->estimated && isfinite(x->d90) && isfinite(x->high))
        snprintf(text, sizeof text, "; d90 so far %.0f (%.0f to %.0f)", x->d90, x->low, x->high);
    else if (c->estimated && isfinite(x->d90))
        snprintf(text, sizeof text, "; d90 so far %.0f (%.0f or more)", x->d90, x->low);
    else if (c->estimated)
        so_far = measure_status_name(x->status);
    for (int64_t i = 0; i < c->n_runs; i++)
        if (strcmp(c->run[i].name, name) == 0 && !c->run[i].failed)
            library_log(s->lib, "%s: %.2f %% in %.0f s (run %lld)%s%s%s", s->title,
                        100 * c->run[i].score, c->run[i].seconds, (long long)c->n_runs, text,
                        so_far[0] != '\0' ? "; so far: " : "", so_far);
}

/* Takes one run of the cell's round and does it. *did false: others hold them all, or none is left.
 */
static int work_once(sweep *s, cell *c, bool *did)
{
    *did = false;
    for (int64_t i = 0; i < c->n_next && !*did; i++) {
        claim held;
        char name[LEDGER_NAME + 1], title[128];
        TRY(ledger_claim(&s->ledger, c->next_name[i], &held));
        if (held.folder == NULL)
            continue;
        cell_run_title(c, &c->next[i], title);
        snprintf(s->title, sizeof s->title, "%s%s%s", title, c->variation[0] != '\0' ? ", " : "",
                 c->variation);
        int status = cell_aim(c, &s->job, &c->next[i], name);
        if (status != 0) {
            ledger_release(&held);
            return status;
        }
        TRY(sweep_train(s, &held));
        *did = true;
        TRY(cell_refresh(c, &s->job, &s->ledger));
        tell_result(s, c, name);
        TRY(write_cell(s, c));
    }
    return 0;
}

/* the linearised model, when the trained curve is done; *open: it is not there yet */
static int linearise_once(sweep *s, cell *c, bool *did, bool *open)
{
    claim held;
    char name[LEDGER_NAME + 1];
    TRY(cell_linearised_name(c, &s->job, name));
    memcpy(c->linearised, name, sizeof name);
    if (ledger_has(&s->ledger, name))
        return 0;
    *open = true;
    TRY(ledger_claim(&s->ledger, name, &held));
    if (held.folder == NULL)
        return 0;
    snprintf(s->title, sizeof s->title, "linearised model");
    TRY(sweep_linearise(s, &held));
    *did = true;
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int stopped(sweep *s)
{
    return fail(s->lib, IDIM_ESTOPPED, "stopped: the same command goes on from there");
}

/* lets others go on; a little at a time, so that a signal is heard */
static int wait_a_moment(sweep *s)
{
    struct timespec pause = {.tv_sec = WAIT_SECONDS};
    idim_progress told = {
        .phase = "waits", .loss = NAN, .seconds_left = -1, .score = NAN, .steps = 1};
    nanosleep(&pause, NULL);
    return s->watch != NULL && s->watch(s->user, &told) != 0 ? stopped(s) : 0;
}

/* opens every cell once, before hours go into the first: what cannot be measured is refused at
 * once, and measure.json names them all from the start */
static int begin(sweep *s)
{
    for (int64_t i = 0; i < s->n_cells; i++) {
        idim_progress told = {.phase = "reads",
                              .step = i,
                              .steps = s->n_cells,
                              .loss = NAN,
                              .seconds_left = -1,
                              .score = NAN};
        if (s->watch != NULL && s->watch(s->user, &told) != 0)
            return stopped(s);
        TRY(open_cell(s, i));
        TRY(cell_refresh(s->cell[i], &s->job, &s->ledger));
        TRY(write_cell(s, s->cell[i]));
    }
    return 0;
}

/* all that is left of the cell's round is in other hands: no need to open its model */
static int is_held(const sweep *s, const cell *c, bool *held)
{
    *held = c->n_next > 0 || c->linearised[0] != '\0';
    for (int64_t k = 0; k < c->n_next && *held; k++)
        TRY(ledger_held(&s->ledger, c->next_name[k], held));
    if (c->n_next == 0 && *held)
        TRY(ledger_held(&s->ledger, c->linearised, held));
    return 0;
}

/* one visit to a cell: *did says that a run was done, *open that its search is not over */
static int visit(sweep *s, int64_t i, bool *did, bool *open)
{
    cell *c = s->cell[i];
    TRY(open_cell(s, i));
    TRY(cell_refresh(c, &s->job, &s->ledger));
    TRY(work_once(s, c, did));
    *open = c->why == NULL;
    if (!*open && cell_wants_linearised(c))
        TRY(linearise_once(s, c, did, open));
    c->done = !*open;
    return c->done ? write_cell(s, c) : 0;
}

/* visits a cell as long as there is something to do for us */
static int work_on(sweep *s, int64_t i, bool *any_did)
{
    bool did = true, open = true, held;
    TRY(is_held(s, s->cell[i], &held));
    while (!held && did && open && clock_seconds() <= s->deadline) {
        did = false;
        TRY(visit(s, i, &did, &open));
        *any_did = *any_did || did;
    }
    return 0;
}

static int work(sweep *s)
{
    TRY(begin(s));
    for (;;) {
        bool any_did = false, any_open = false;
        for (int64_t i = 0; i < s->n_cells; i++) {
            if (!s->cell[i]->done)
                TRY(work_on(s, i, &any_did));
            any_open = any_open || !s->cell[i]->done;
        }
        if (clock_seconds() > s->deadline)
            return 0;
        if (!any_open)
            return 0;
        if (!any_did)
            TRY(wait_a_moment(s));
    }
}

/* what a process that was killed while it wrote an answer or a figure has left */
static int tidy(sweep *s)
{
    static const char *const parts[] = {".", "cells", "figures"};
    for (int i = 0; i < 3; i++) {
        char *path;
        TRY(file_join(s->lib, s->folder, parts[i], &path));
        int status = ledger_tidy(&s->ledger, path);
        memory_free(s->lib, path);
        TRY(status);
    }
    return 0;
}

static int sweep_open(sweep *s, const json_t *settings)
{
    TRY(add_cells(s, settings));
    const spec *first = s->cell[0]->spec;
    int64_t threads = spec_integer(first, "threads");
    if (threads > 0)
        s->lib->threads = (int)threads;
    const char *budget = spec_text(first, "budget");
    int64_t runs;
    double seconds = INFINITY;
    if (budget != NULL)
        cell_budget(budget, &runs, &seconds);
    s->deadline = s->began + seconds;
    const char *folder = spec_text(first, "output_dir");
    char *cells;
    TRY(memory_text(s->lib, folder, (int64_t)strlen(folder), &s->folder));
    TRY(file_join(s->lib, folder, "cells", &cells));
    int status = file_make_folder(s->lib, cells);
    memory_free(s->lib, cells);
    TRY(status);
    TRY(ledger_open(s->lib, folder, &s->ledger));
    return tidy(s);
}

static void sweep_close(sweep *s)
{
    if (s->opened >= 0)
        job_close(&s->job);
    for (int64_t i = 0; i < s->n_cells; i++)
        cell_free(s->cell[i]);
    memory_free(s->lib, s->cell);
    memory_free(s->lib, s->folder);
    ledger_close(&s->ledger);
}

static int parse(idim *lib, const char *text, json_t **out)
{
    json_error_t error;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*out))
        return 0;
    int status = *out == NULL ? fail(lib, IDIM_EARGUMENT, "settings: line %d, column %d: %s",
                                     error.line, error.column, error.text)
                              : fail(lib, IDIM_EARGUMENT, "settings: expected a JSON object");
    json_decref(*out);
    return status;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* a run of that kind; the job is then that run's */
static int plan_run(sweep *s, run_request of, job_plan *out, char name[LEDGER_NAME + 1])
{
    TRY(cell_aim(s->cell[s->opened], &s->job, &of, name));
    return plan_job(&s->job, true, out);
}

/* full, head and bias: those that another cell has too are that cell's */
static int plan_baselines(sweep *s, json_t *seen, int64_t *runs, int64_t *steps, double *seconds)
{
    const search_options *o = &s->cell[s->opened]->search;
    int64_t n[] = {o->n_full_rates + o->full_seeds - 1, o->head, o->bias};
    *runs = *steps = 0;
    *seconds = 0;
    for (int kind = RUN_FULL; kind <= RUN_BIAS; kind++) {
        run_request one = {.kind = (run_kind)kind, .rate_factor = 1, .seed = 1};
        char name[LEDGER_NAME + 1];
        job_plan plan;
        *runs += n[kind];
        if (n[kind] == 0)
            continue;
        TRY(cell_aim(s->cell[s->opened], &s->job, &one, name));
        if (json_object_get(seen, name) != NULL)
            continue;
        json_object_set_new(seen, name, json_true());
        TRY(plan_run(s, one, &plan, name));
        *steps += n[kind] * plan.steps;
        *seconds += (double)n[kind] * plan_seconds(&plan);
    }
    return 0;
}

/* at most so many runs, of so many steps, and about how long: each kind of run timed */
static int plan_cell(sweep *s, int64_t i, json_t *seen, json_t *out)
{
    cell *c = s->cell[i];
    char name[LEDGER_NAME + 1];
    run_request sub = {.kind = RUN_SUBSPACE, .rate_factor = 1, .seed = 1};
    job_plan plan;
    int64_t baselines, steps, runs;
    double seconds, began = clock_seconds();
    TRY(open_cell(s, i));
    double opening = clock_seconds() - began;
    sub.dim = (int64_t)sqrt((double)c->search.low * (double)c->search.high);
    TRY(plan_baselines(s, seen, &baselines, &steps, &seconds));
    TRY(plan_run(s, sub, &plan, name));

    runs = search_most_runs(&c->search);
    steps += (runs - baselines) * plan.steps;
    seconds += (double)(runs - baselines) * plan_seconds(&plan) + opening;
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "model",
                  spec_text(c->spec, "model"), "task", s->job.task->name, "method",
                  spec_text(c->spec, "method"), "variation", c->variation, "low",
                  (json_int_t)c->search.low, "high", (json_int_t)c->search.high, "runs",
                  (json_int_t)runs, "steps_per_run", (json_int_t)plan.steps, "steps",
                  (json_int_t)steps, "seconds_per_step", plan.step_seconds, "seconds", seconds);
    json_array_append_new(json_object_get(out, "cells"), row);
    return 0;
}

static double sum_of(const json_t *cells, const char *key)
{
    size_t i;
    const json_t *plan;
    double sum = 0;
    json_array_foreach(cells, i, plan) sum += json_number_value(json_object_get(plan, key));
    return sum;
}

int study_plan(idim *lib, const char *spec_json)
{
    sweep s = {.lib = lib, .opened = -1, .began = clock_seconds()};
    json_t *settings, *out, *seen;
    TRY(parse(lib, spec_json, &settings));
    seen = json_object();
    out = json_pack("{s:s, s:s, s:s, s:[]}", "schema", "idim.plan/1", "version", IDIM_VERSION,
                    "command", "measure", "cells");
    int status = add_cells(&s, settings);
    for (int64_t i = 0; status == 0 && i < s.n_cells; i++)
        status = plan_cell(&s, i, seen, out);
    const json_t *cells = json_object_get(out, "cells");
    json_object_set_new(out, "runs", json_integer((json_int_t)sum_of(cells, "runs")));
    json_object_set_new(out, "steps", json_integer((json_int_t)sum_of(cells, "steps")));
    json_object_set_new(out, "seconds", json_real(sum_of(cells, "seconds")));
    json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
    json_decref(seen);
    json_decref(settings);
    sweep_close(&s);
    if (status == 0)
        return record_finish(lib, out);
    json_decref(out);
    return status;
}

/* ---- entry ----------------------------------------------------------------------------------- */

int idim_measure(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    sweep s = {.lib = lib, .watch = watch, .user = user, .opened = -1, .began = clock_seconds()};
    json_t *settings;
    library_clear(lib);
    TRY(parse(lib, spec_json, &settings));
    const char *folder = json_string_value(json_object_get(settings, "status"));
    int status;
    if (folder != NULL) {
        status = study_status(lib, folder);
    } else {
        status = sweep_open(&s, settings);
        if (status == 0)
            status = work(&s);
        if (status == 0)
            status = idim_report(lib, s.folder);
        if (status == 0)
            status = study_result(lib, s.folder);
    }
    json_decref(settings);
    sweep_close(&s);
    return status;
}
