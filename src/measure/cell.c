/* A cell's question: from settings to jobs, from jobs to finished runs, from these to the next.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/cell.h"

#include "base/buffer.h"
#include "format/json.h"
#include "measure/rescore.h"
#include "measure/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000, QUICK_STEPS = 600, BATCH = 16 };

static const char *const kinds[] = {"full", "head", "bias"};

static bool is_quick(const cell *c)
{
    return strcmp(spec_text(c->spec, "preset"), "quick") == 0;
}

/* ---- settings -------------------------------------------------------------------------------- */

static json_t *value_json(const spec *s, const idim_setting *row)
{
    switch (row->type) {
    case IDIM_INTEGER:
        return json_integer(spec_integer(s, row->name));
    case IDIM_NUMBER:
        return json_real(spec_number(s, row->name));
    case IDIM_FLAG:
        return json_boolean(spec_flag(s, row->name));
    default:
        return json_string(spec_text(s, row->name));
    }
}

static bool is_for_subspaces(const idim_setting *row)
{
    return strcmp(row->group, SETTINGS_SUBSPACE) == 0 || strcmp(row->group, SETTINGS_CODING) == 0;
}

/* what the user set of measure's settings that tune knows too */
static json_t *tune_settings(const cell *c, bool with_subspace)
{
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    json_t *out = json_object();
    for (int64_t i = 0; i < n; i++) {
        const idim_setting *row = &rows[i];
        if (!setting_serves(row, "measure") || !setting_serves(row, "tune") ||
            strcmp(row->group, SETTINGS_COMMAND) == 0 || strcmp(row->group, SETTINGS_RUNNING) == 0)
            continue;
        if (is_for_subspaces(row) && !with_subspace)
            continue;
        if (spec_is_set(c->spec, row->name) && !spec_is_auto(c->spec, row->name))
            json_object_set_new(out, row->name, value_json(c->spec, row));
    }
    return out;
}

/* the settings of a request, as text for tune; the caller frees with free() */
static char *request_text(const cell *c, const run_request *request)
{
    bool in_subspace = request->kind == RUN_SUBSPACE;
    json_t *s = tune_settings(c, in_subspace);
    json_object_set_new(s, "seed", json_integer(spec_integer(c->spec, "seed") + request->seed - 1));
    json_object_set_new(
        s, "method",
        json_string(in_subspace ? spec_text(c->spec, "method") : kinds[request->kind]));
    if (in_subspace)
        json_object_set_new(s, "dim", json_integer(request->dim));
    /* equal batches for all, so that a step is a step */
    if (!spec_is_set(c->spec, "per_device_train_batch_size"))
        json_object_set_new(s, "per_device_train_batch_size", json_integer(BATCH));
    if (is_quick(c) && !spec_is_set(c->spec, "max_steps") &&
        !spec_is_set(c->spec, "num_train_epochs"))
        json_object_set_new(s, "max_steps",
                            json_integer(QUICK_STEPS / search_most_runs(&c->search)));
    /* changes no result, but tune wants one */
    json_object_set_new(s, "output_dir", json_string("."));
    char *text = json_dumps(s, JSON_COMPACT);
    json_decref(s);
    return text;
}

json_t *cell_settings(const cell *c)
{
    run_request any = {.kind = RUN_SUBSPACE, .dim = c->search.high, .rate_factor = 1, .seed = 1};
    char *text = request_text(c, &any);
    json_t *out = text != NULL ? json_loads(text, 0, NULL) : NULL;
    free(text);
    json_object_del(out, "dim");
    json_object_del(out, "output_dir");
    return out;
}

/* what tells this cell from that of the same model, task and method with all defaults */
static int add_variation(cell *c)
{
    static const char *const names[] = {"projection", "normalize", "pull", "groups", "precision"};
    buffer text = {.lib = c->lib};
    int64_t n, limit = spec_integer(c->spec, "max_adapter_bytes");
    double bits = spec_number(c->spec, "bits");
    char number[NUMBER_TEXT];
    const idim_setting *rows = idim_settings(&n);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int64_t i = 0; i < n; i++)
            if (strcmp(rows[i].name, names[k]) == 0 &&
                strcmp(spec_text(c->spec, names[k]), rows[i].fallback) != 0)
                buffer_add(&text, ", %s %s", names[k], spec_text(c->spec, names[k]));
    if (limit > 0)
        buffer_add(&text, ", at most %lld bytes", (long long)limit);
    if (bits > 0) {
        number_shortest(bits, number);
        buffer_add(&text, ", %s bits a number", number);
    }
    if (spec_flag(c->spec, "for_bound"))
        buffer_put(&text, ", coded for the bound");
    int status = text.status;
    if (status == 0)
        status = memory_format(c->lib, &c->variation, "%s", text.n > 0 ? text.bytes + 2 : "");
    buffer_free(&text);
    return status;
}

static int read_dims(cell *c, int64_t *low, int64_t *high)
{
    const char *text = spec_text(c->spec, "dims");
    char *colon, *end;
    long long from = strtoll(text, &colon, 10), to = 0;
    if (*colon == ':')
        to = strtoll(colon + 1, &end, 10);
    if (*colon != ':' || end == colon + 1 || *end != '\0' || from < 1 || to <= from ||
        to > (long long)1 << 24)
        return fail(c->lib, IDIM_EARGUMENT,
                    "dims: expected LOW:HIGH, two whole numbers with 1 <= LOW < HIGH <= 16777216, "
                    "found %s",
                    text);
    *low = from;
    *high = to;
    return 0;
}

bool cell_budget(const char *text, int64_t *runs, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}};
    char *end;
    double value = strtod(text, &end);
    *runs = 0;
    *seconds = INFINITY;
    if (end == text || !(value > 0) || value > 1e9)
        return false;
    for (int i = 0; i < 3; i++)
        if (strcmp(end, units[i].unit) == 0) {
            *seconds = value * units[i].seconds;
            return true;
        }
    *runs = (int64_t)value;
    return *end == '\0' && (double)*runs == value;
}

/* *runs: 0 without a budget of runs */
static int read_budget(const cell *c, int64_t *runs)
{
    const char *text = spec_text(c->spec, "budget");
    double seconds;
    *runs = 0;
    if (text == NULL || cell_budget(text, runs, &seconds))
        return 0;
    return fail(c->lib, IDIM_EARGUMENT,
                "budget: expected a number of runs (20) or a time (90m, 2h, 600s), found %s", text);
}

/* room for the baselines and the first grid of d; quick: at least one step a run */
static int set_budget(cell *c, int64_t usual_seeds)
{
    search_options *o = &c->search;
    /* of seeds nobody asked for a small budget leaves out some */
    int64_t more_seeds = spec_is_auto(c->spec, "seeds") ? 0 : o->full_seeds - 1;
    int64_t runs, n_full = o->n_full_rates + more_seeds;
    int64_t least = n_full + o->head + o->bias + o->coarse,
            most = is_quick(c) ? QUICK_STEPS : 1000000;
    TRY(read_budget(c, &runs));
    if (runs > 0)
        o->budget_runs = runs;
    else if (o->full_seeds > usual_seeds)
        o->budget_runs += o->full_seeds - usual_seeds;
    if (o->budget_runs >= least && o->budget_runs <= most)
        return 0;
    return fail(c->lib, IDIM_EARGUMENT,
                "budget: expected at least %lld runs (%lld of full fine-tuning, %d of classifier "
                "and biases, %lld values of d) and at most %lld, found %lld",
                (long long)least, (long long)n_full, o->head + o->bias, (long long)o->coarse,
                (long long)most, (long long)o->budget_runs);
}

static int plan_search(cell *c, int64_t low, int64_t high)
{
    search_options *o = &c->search;
    TRY(search_preset(c->lib, spec_text(c->spec, "preset"), low, high, o));
    int64_t usual_seeds = o->full_seeds;
    o->threshold = spec_number(c->spec, "threshold");
    if (!spec_is_auto(c->spec, "seeds"))
        o->full_seeds = spec_integer(c->spec, "seeds");
    TRY(set_budget(c, usual_seeds));
    const char *wrong = search_options_wrong(o);
    return wrong == NULL ? 0 : fail(c->lib, IDIM_EARGUMENT, "measure: %s", wrong);
}

static int read_spec(cell *c, const char *text)
{
    int64_t low = 0, high = 0;
    TRY(spec_parse(c->lib, "measure", text, &c->spec));
    TRY(read_dims(c, &low, &high));
    TRY(plan_search(c, low, high));
    return add_variation(c);
}

int cell_new(idim *lib, const json_t *settings, cell **out)
{
    char *text = json_dumps(settings, JSON_COMPACT);
    *out = NULL;
    if (text == NULL)
        return fail_memory(lib, 4096, "settings");
    cell *c;
    int status = NEW(lib, cell, 1, "cell", &c);
    if (status == 0) {
        c->lib = lib;
        status = read_spec(c, text);
    }
    free(text);
    if (status != 0) {
        cell_free(c);
        return status;
    }
    *out = c;
    return 0;
}

void cell_free(cell *c)
{
    if (c == NULL)
        return;
    for (int64_t i = 0; i < c->n_runs; i++)
        memory_free(c->lib, c->run[i].prediction);
    memory_free(c->lib, c->run);
    memory_free(c->lib, c->named);
    memory_free(c->lib, c->variation);
    spec_free(c->spec);
    memory_free(c->lib, c);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool cell_same_base(const cell *a, const cell *b)
{
    return same_text(spec_text(a->spec, "model"), spec_text(b->spec, "model")) &&
           same_text(spec_text(a->spec, "task"), spec_text(b->spec, "task")) &&
           same_text(spec_text(a->spec, "data"), spec_text(b->spec, "data"));
}

/* ---- the range and the plan ------------------------------------------------------------------ */

int cell_open_job(cell *c, job *out)
{
    /* any run will do: full fine-tuning needs no range of d */
    run_request any = {.kind = RUN_FULL, .rate_factor = 1, .seed = 1};
    char *text = request_text(c, &any);
    if (text == NULL)
        return fail_memory(c->lib, 4096, "settings");
    int status = job_open(c->lib, "tune", text, out);
    free(text);
    if (status == 0 && out->task->splits[SPLIT_DEV].label == NULL)
        status = fail(c->lib, IDIM_EARGUMENT, "dev: expected labelled rows to score, found none");
    if (status == 0 && out->task->kind == TASK_MULTI_LABEL)
        status = fail(c->lib, IDIM_EUNSUPPORTED,
                      "%s: label: measure takes one label a row, found lists", out->task->name);
    return status;
}

/* said needs one number more than it has groups */
static int least_dim(const cell *c, job *j, int64_t *least)
{
    idim_subspace_options o = idim_subspace_defaults();
    subspace *probe;
    o.method = spec_text(c->spec, "method");
    o.groups = spec_text(c->spec, "groups");
    o.dim = j->model->weights->n + 64;
    TRY(subspace_new(j->model->weights, &o, &probe));
    *least = subspace_n_lambda(probe) + 1;
    subspace_free(probe);
    return 0;
}

/* an answer needs three values of d */
static int check_grid(const cell *c)
{
    enum { LEAST = 3 };
    run_request first[CELL_NEXT];
    const char *why;
    int64_t n, last = 0, distinct = 0;
    TRY(search_next(c->lib, &c->search, NULL, 0, NULL, first, CELL_NEXT, &n, &why));
    for (int64_t i = 0; i < n; i++) {
        distinct += first[i].kind == RUN_SUBSPACE && first[i].dim != last;
        last = first[i].kind == RUN_SUBSPACE ? first[i].dim : last;
    }
    return distinct >= LEAST
               ? 0
               : fail(c->lib, IDIM_EARGUMENT,
                      "dims: expected a range with at least three values of d to try, found "
                      "%lld:%lld",
                      (long long)c->search.low, (long long)c->search.high);
}

static int name_cell(cell *c, job *j)
{
    run_request first = {.kind = RUN_SUBSPACE, .dim = c->search.high, .rate_factor = 1, .seed = 1};
    return cell_aim(c, j, &first, c->key);
}

/* a range nobody asked for ends at the model's weights */
static int set_range(cell *c, job *j)
{
    int64_t least = 0, most = j->model->weights->size;
    int64_t low = c->search.low, high = c->search.high;
    TRY(least_dim(c, j, &least));
    if (high > most && spec_is_set(c->spec, "dims"))
        return fail(c->lib, IDIM_EARGUMENT,
                    "dims: expected a HIGH of at most %lld, the number of weights of %s, found "
                    "%lld",
                    (long long)most, j->folder, (long long)high);
    if (high > most) {
        library_log(c->lib, "%s: d is searched up to %lld, the number of its weights", j->folder,
                    (long long)most);
        high = most;
    }
    if (high <= least)
        return fail(c->lib, IDIM_EARGUMENT,
                    "dims: %s with groups %s trains at least %lld numbers: expected a HIGH above "
                    "that, found %lld",
                    spec_text(c->spec, "method"), spec_text(c->spec, "groups"), (long long)least,
                    (long long)high);
    low = low < least ? least : low;
    return plan_search(c, low, high);
}

int cell_begin(cell *c, job *j)
{
    TRY(set_range(c, j));
    TRY(check_grid(c));

    rescore r;
    TRY(rescore_new(j->task, NULL, 0, &r));
    c->search.majority = rescore_draw(&r, 0, NULL);
    rescore_free(&r);
    return name_cell(c, j);
}

/* ---- runs ------------------------------------------------------------------------------------ */

int cell_aim(const cell *c, job *j, const run_request *request, char name[LEDGER_NAME + 1])
{
    char whole[HASH_TEXT], *text = request_text(c, request);
    if (text == NULL)
        return fail_memory(c->lib, 4096, "settings");
    int status = job_again(j, text);
    free(text);
    TRY(status);
    if (request->rate_factor != 1)
        spec_set_number(j->spec, "learning_rate",
                        spec_number(j->spec, "learning_rate") * request->rate_factor);
    TRY(job_name(j, whole));
    snprintf(name, LEDGER_NAME + 1, "%.*s", LEDGER_NAME, whole);
    return 0;
}

void cell_run_title(const cell *c, const run_request *request, char text[128])
{
    int64_t seed = spec_integer(c->spec, "seed") + request->seed - 1;
    char rate[32] = "";
    if (request->rate_factor != 1)
        snprintf(rate, sizeof rate, ", rate x %g", request->rate_factor);
    if (request->kind == RUN_SUBSPACE)
        snprintf(text, 128, "%s d = %lld, seed %lld%s", spec_text(c->spec, "method"),
                 (long long)request->dim, (long long)seed, rate);
    else
        snprintf(text, 128, "%s, seed %lld%s", kinds[request->kind], (long long)seed, rate);
}

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
    bool classes = j->task->kind != TASK_REGRESSION;
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
