/* A cell's answer as JSON.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/cell.h"
#include "measure/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the 97.5 % point of the normal distribution */
static const double TWO_SIDED = 1.959964;

/* runs of one kind, of one d where that is meant */
typedef struct group {
    run_kind kind;
    int64_t dim;
    double rate_factor; /* negative: any */
} group;

static bool belongs(const cell_run *r, const group *g)
{
    return r->request.kind == g->kind && r->request.dim == g->dim &&
           (g->rate_factor < 0 || r->request.rate_factor == g->rate_factor);
}

/* The mean of a group as the fit and the target have it: without the runs that collapsed, unless
 * all did. */
typedef struct summary {
    double mean, square; /* square: sum of squared distances from the mean */
    int64_t n;           /* runs in the mean                               */
} summary;

/* the score's interval: spread over seeds, and the dev rows for a share of right answers */
static void add_interval(json_t *out, const job *j, const summary *s)
{
    double mean = s->mean;
    int64_t n = s->n;
    double rows = (double)j->task->splits[SPLIT_DEV].n, error = 0;
    bool share = strcmp(j->task->metric, "accuracy") == 0;
    if (share)
        error += mean * (1 - mean) / rows;
    if (n > 1)
        error += s->square / (double)(n - 1) / (double)n;
    bool known = n > 1 || (share && n == 1);
    double half = known ? TWO_SIDED * sqrt(error) : NAN;
    json_object_set_new(out, "low", record_number(mean - half));
    json_object_set_new(out, "high", record_number(mean + half));
}

static summary summarise(const cell *c, const group *g)
{
    summary out = {.mean = NAN};
    int64_t kept = 0;
    double sum = 0;
    for (int64_t i = 0; i < c->n_runs; i++)
        kept += belongs(&c->run[i], g) && !c->run[i].failed && !c->run[i].collapsed;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < c->n_runs; i++) {
            const cell_run *r = &c->run[i];
            if (!belongs(r, g) || r->failed || (r->collapsed && kept > 0))
                continue;
            if (pass == 0) {
                sum += r->score;
                out.n++;
                out.mean = sum / (double)out.n;
            } else {
                out.square += (r->score - out.mean) * (r->score - out.mean);
            }
        }
    return out;
}

/* {"score", "low", "high", "runs", "failed", "collapsed", "learning_rate", "names", "scores"} */
static json_t *group_json(const cell *c, const job *j, const group *g)
{
    json_t *out = json_object(), *names = json_array(), *scores = json_array();
    double rate = NAN;
    int64_t n = 0, failed = 0, collapsed = 0;
    for (int64_t i = 0; i < c->n_runs; i++) {
        const cell_run *r = &c->run[i];
        if (!belongs(r, g))
            continue;
        json_array_append_new(names, json_string(r->name));
        json_array_append_new(scores, record_number(r->score));
        rate = r->rate;
        n++;
        failed += r->failed;
        collapsed += r->collapsed;
    }
    summary s = summarise(c, g);
    json_object_set_new(out, "score", record_number(s.mean));
    add_interval(out, j, &s);
    json_object_set_new(out, "runs", json_integer(n));
    json_object_set_new(out, "failed", json_integer(failed));
    json_object_set_new(out, "collapsed", json_integer(collapsed));
    json_object_set_new(out, "learning_rate", record_number(rate));
    json_object_set_new(out, "names", names);
    json_object_set_new(out, "scores", scores);
    return out;
}

static json_t *kind_json(const cell *c, const job *j, run_kind kind)
{
    group g = {.kind = kind, .rate_factor = -1};
    for (int64_t i = 0; i < c->n_runs; i++)
        if (c->run[i].request.kind == kind)
            return group_json(c, j, &g);
    return json_null();
}

/* the rate factor of the full runs that enter the estimate; NaN: there is none yet */
static double full_rate_that_counts(const cell *c)
{
    for (int64_t i = 0; i < c->n_runs; i++)
        if (c->run[i].request.kind == RUN_FULL && c->run[i].counts)
            return c->run[i].request.rate_factor;
    return NAN;
}

/* full fine-tuning as the target has it, and what the other rates gave */
static json_t *full_json(const cell *c, const job *j)
{
    double best = full_rate_that_counts(c);
    if (isnan(best))
        return kind_json(c, j, RUN_FULL);
    group g = {.kind = RUN_FULL, .rate_factor = best};
    json_t *out = group_json(c, j, &g), *others = json_array();
    for (int64_t i = 0; i < c->n_runs; i++) {
        const cell_run *r = &c->run[i];
        if (r->request.kind == RUN_FULL && r->request.rate_factor != best)
            json_array_append_new(others, json_pack("{s:o, s:o, s:s}", "learning_rate",
                                                    record_number(r->rate), "score",
                                                    record_number(r->score), "name", r->name));
    }
    json_object_set_new(out, "other_rates", others);
    return out;
}

/* one for each d and rate; "counts": is it the rate that stands for this d in the estimate? */
static json_t *points_json(const cell *c, const job *j)
{
    json_t *out = json_array();
    for (int64_t i = 0; i < c->n_runs; i++) {
        const run_request *r = &c->run[i].request;
        bool first = i == 0 || c->run[i - 1].request.kind != r->kind ||
                     c->run[i - 1].request.dim != r->dim ||
                     c->run[i - 1].request.rate_factor != r->rate_factor;
        if (r->kind != RUN_SUBSPACE || !first)
            continue;
        group g = {.kind = RUN_SUBSPACE, .dim = r->dim, .rate_factor = r->rate_factor};
        json_t *point = group_json(c, j, &g);
        json_object_set_new(point, "dim", json_integer(r->dim));
        json_object_set_new(point, "counts", json_boolean(c->run[i].counts));
        json_array_append_new(out, point);
    }
    return out;
}

/* ---- the crossing ---------------------------------------------------------------------------- */

static void set_crossing(json_t *out, const crossing *x)
{
    json_object_set_new(out, "status", json_string(measure_status_name(x->status)));
    json_object_set_new(out, "reason", json_string(x->reason));
    json_object_set_new(out, "target", record_number(x->target));
    json_object_set_new(out, "d90", record_number(x->d90));
    json_object_set_new(out, "low", record_number(x->low));
    json_object_set_new(out, "high", record_number(x->high));
}

static void set_estimate(const cell *c, json_t *out)
{
    static const crossing none = {.status = MEASURE_INCOMPLETE,
                                  .target = NAN,
                                  .d90 = NAN,
                                  .low = NAN,
                                  .high = NAN,
                                  .reason = "not enough runs yet"};
    const estimate *e = &c->estimate;
    json_t *corrected = json_object(), *fit = json_array();
    set_crossing(out, c->estimated ? &e->relative : &none);
    set_crossing(corrected, c->estimated ? &e->corrected : &none);
    json_object_set_new(out, "corrected", corrected);
    for (int64_t i = 0; c->estimated && i < e->n_points; i++)
        json_array_append_new(
            fit, json_pack("{s:o, s:o, s:o, s:o}", "dim", record_number(e->point[i].dim), "score",
                           record_number(e->point[i].score), "low", record_number(e->point[i].low),
                           "high", record_number(e->point[i].high)));
    json_object_set_new(out, "fit", fit);
    json_object_set_new(out, "collapsed",
                        json_integer(c->estimated ? e->n_collapsed + e->n_full_collapsed : 0));
}

/* "checkpoint-4000", "step_4000": the 4000; null for other names */
static json_t *checkpoint_step(const char *path)
{
    size_t length = strlen(path), digits = 0;
    while (length > 0 && path[length - 1] == '/')
        length--;
    while (digits < length && strchr("0123456789", path[length - digits - 1]) != NULL)
        digits++;
    size_t rest = length - digits;
    if (digits == 0 || rest == 0 || strchr("-_", path[rest - 1]) == NULL)
        return json_null();
    bool named = (rest >= 5 && strncmp(path + rest - 5, "step", 4) == 0) ||
                 (rest >= 11 && strncmp(path + rest - 11, "checkpoint", 10) == 0);
    return named ? json_integer(strtoll(path + rest, NULL, 10)) : json_null();
}

static json_t *search_json(const cell *c)
{
    const search_options *s = &c->search;
    return json_pack("{s:s, s:I, s:I, s:f, s:I, s:I}", "preset", spec_text(c->spec, "preset"),
                     "low", (json_int_t)s->low, "high", (json_int_t)s->high, "threshold",
                     s->threshold, "budget", (json_int_t)s->budget_runs, "seeds",
                     (json_int_t)s->full_seeds);
}

static void set_base(const cell *c, const job *j, json_t *out)
{
    const idim_model *m = j->model;
    json_object_set_new(out, "key", json_string(c->key));
    json_object_set_new(out, "model", json_string(spec_text(c->spec, "model")));
    json_object_set_new(out, "task", json_string(j->task->name));
    json_object_set_new(out, "method", json_string(spec_text(c->spec, "method")));
    json_object_set_new(out, "variation", json_string(c->variation));
    json_object_set_new(out, "architecture", json_string(m->arch->model_type));
    json_object_set_new(out, "parameters", json_integer(m->weights->size));
    json_object_set_new(out, "fingerprint", json_string(m->fingerprint));
    json_object_set_new(out, "checkpoint_step", checkpoint_step(spec_text(c->spec, "model")));
    json_object_set_new(out, "metric", json_string(j->task->metric));
    json_object_set_new(out, "n_train", json_integer(j->task->splits[SPLIT_TRAIN].n));
    json_object_set_new(out, "n_dev", json_integer(j->task->splits[SPLIT_DEV].n));
    json_object_set_new(out, "search", search_json(c));
}

int cell_json(const cell *c, job *j, const ledger *l, json_t **out)
{
    json_t *linearised;
    TRY(cell_linearised_json(c, j, l, &linearised));
    double seconds = 0;
    int64_t steps = 0;
    for (int64_t i = 0; i < c->n_runs; i++) {
        seconds += isfinite(c->run[i].seconds) ? c->run[i].seconds : 0;
        steps += c->run[i].steps;
    }
    json_t *answer = json_object();
    set_base(c, j, answer);
    json_object_set_new(answer, "settings", cell_settings(c));
    json_object_set_new(answer, "linearised", linearised);
    json_object_set_new(answer, "complete", json_boolean(c->why != NULL));
    json_object_set_new(answer, "why", json_string(c->why != NULL ? c->why : ""));
    set_estimate(c, answer);
    json_object_set_new(answer, "majority", record_number(c->search.majority));
    json_object_set_new(answer, "full", full_json(c, j));
    json_object_set_new(answer, "head", kind_json(c, j, RUN_HEAD));
    json_object_set_new(answer, "bias", kind_json(c, j, RUN_BIAS));
    json_object_set_new(answer, "runs", json_integer(c->n_runs));
    json_object_set_new(answer, "steps", json_integer(steps));
    json_object_set_new(answer, "seconds", json_real(seconds));
    json_object_set_new(answer, "points", points_json(c, j));
    *out = answer;
    return 0;
}
