/* A cell's question: from settings to jobs and to the search that names its runs.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/cell.h"

#include "base/buffer.h"
#include "format/json.h"
#include "measure/rescore.h"
#include "measure/settings.h"
#include "measure/untouched.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUICK_STEPS = 600, BATCH = 16 };

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

/* a language model has no fresh classifier that could be trained beside the biases it lacks */
static bool has_biases(const idim_model *m)
{
    bool any = m->problem != PROBLEM_LANGUAGE;
    for (int64_t i = 0; i < m->weights->n; i++)
        any = any || m->weights->item[i].is_bias;
    return any;
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
    TRY(plan_search(c, low, high));
    c->search.bias = c->search.bias && has_biases(j->model);
    return 0;
}

int cell_begin(cell *c, job *j)
{
    TRY(set_range(c, j));
    TRY(check_grid(c));
    TRY(untouched_score(j, (pulse){NULL, NULL}));

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
