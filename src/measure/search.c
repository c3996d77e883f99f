/* The search, replayed from its start at every call: the rounds that are finished are planned
 * again from their outcomes, which gives the round at hand without any state kept between calls.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/search.h"
#include "measure/fit.h"

#include <math.h>
#include <string.h>

/* another rate than the first must win by this much: one run each says little */
static const double RATE_MARGIN = 0.01;

/* values of d are taken from so many a decade, rounded to two digits */
static const double STEPS_PER_DECADE = 8;

/* runs of a round lie within this many e-folds of the crossing */
static const double SPREAD = 0.5;

enum { NEIGHBOURS = 5 }; /* of a d, each way, that help to judge its rates */

typedef struct planned {
    run_request request;
    const run_outcome *outcome; /* NULL: not done */
} planned;

typedef struct plan {
    idim *lib;
    const search_options *o;
    const run_outcome *done;
    int64_t n_done;
    planned *run; /* [n], room for most */
    int64_t n, most, n_subspace;
    /* scratch of a round, [most] each */
    double *dim, *score, *full;
    bool *collapsed;
} plan;

int search_preset(idim *lib, const char *name, int64_t low, int64_t high, search_options *out)
{
    *out = (search_options){.threshold = 0.9, .majority = NAN, .low = low, .high = high};
    out->head = true;
    out->n_subspace_rates = 1;
    out->subspace_rate[0] = 1;
    if (low < 1 || high <= low)
        return fail(lib, IDIM_EARGUMENT,
                    "dims: expected LOW:HIGH with 1 <= LOW < HIGH, found %lld:%lld", (long long)low,
                    (long long)high);

    if (strcmp(name, "quick") == 0) {
        out->budget_runs = 12;
        out->n_full_rates = 1;
        out->full_rate[0] = 1;
        out->full_seeds = 2;
        out->coarse = 4;
        out->batch = 3;
        out->narrow = 2;
        return 0;
    }

    out->bias = true;
    out->n_full_rates = 3;
    const double rates[3] = {1, 0.4, 2.5};
    memcpy(out->full_rate, rates, sizeof rates);
    out->full_seeds = 4;
    if (strcmp(name, "standard") == 0) {
        out->budget_runs = 20;
        out->coarse = 5;
        out->batch = 4;
        out->narrow = 1.3;
        return 0;
    }
    if (strcmp(name, "thorough") == 0) {
        out->coarse = 100;
        out->n_subspace_rates = 4;
        const double four[4] = {1, 0.5, 2, 4};
        memcpy(out->subspace_rate, four, sizeof four);
        out->budget_runs = 400 + 3 + 3 + 2;
        out->narrow = 1;
        return 0;
    }
    return fail(lib, IDIM_EARGUMENT, "preset: expected quick, standard or thorough, found \"%s\"",
                name);
}

static bool rates_wrong(const double *rate, int64_t n)
{
    if (n < 1 || n > SEARCH_RATES)
        return true;
    for (int64_t i = 0; i < n; i++)
        if (!(rate[i] > 0 && isfinite(rate[i])))
            return true;
    return false;
}

const char *search_options_wrong(const search_options *o)
{
    if (!(o->threshold > 0 && o->threshold <= 1))
        return "threshold: expected more than 0 and at most 1";
    if (o->low < 1 || o->high <= o->low)
        return "dims: expected LOW:HIGH with 1 <= LOW < HIGH";
    if (rates_wrong(o->full_rate, o->n_full_rates) ||
        rates_wrong(o->subspace_rate, o->n_subspace_rates))
        return "rates: expected 1 to 8 factors above 0";
    if (o->full_seeds < 1 || o->seeds < 0 || o->batch < 0)
        return "seeds: expected at least one for full fine-tuning";
    if (o->coarse < 3 || o->coarse > 100000)
        return "grid: expected 3 or more values of d";
    int64_t least = o->n_full_rates + o->head + o->bias + o->coarse;
    if (o->budget_runs < least || o->budget_runs > 1000000)
        return "budget: expected room for full fine-tuning, head, bias and the first grid";
    return NULL;
}

int64_t search_most_runs(const search_options *o)
{
    int64_t fixed =
        o->n_full_rates + o->full_seeds - 1 + o->head + o->bias + o->coarse * o->n_subspace_rates;
    return o->batch == 0 && fixed < o->budget_runs ? fixed : o->budget_runs;
}

static bool same_rate(double a, double b)
{
    return fabs(a - b) <= 1e-9 * b;
}

static bool same(const run_request *a, const run_request *b)
{
    return a->kind == b->kind && a->dim == b->dim && a->seed == b->seed &&
           same_rate(a->rate_factor, b->rate_factor);
}

static void add(plan *p, run_request request)
{
    for (int64_t i = 0; i < p->n; i++)
        if (same(&p->run[i].request, &request))
            return;
    if (p->n == p->most)
        return;
    planned *run = &p->run[p->n++];
    *run = (planned){.request = request};
    p->n_subspace += request.kind == RUN_SUBSPACE;
    for (int64_t i = 0; i < p->n_done && run->outcome == NULL; i++)
        if (same(&p->done[i].request, &request))
            run->outcome = &p->done[i];
}

static void add_full(plan *p, double rate, int64_t first_seed, int64_t last_seed)
{
    for (int64_t seed = first_seed; seed <= last_seed; seed++)
        add(p, (run_request){.kind = RUN_FULL, .rate_factor = rate, .seed = seed});
}

/* two digits, of a grid even in log d */
static int64_t round_dim(const search_options *o, double log_dim)
{
    double d = pow(10, round(STEPS_PER_DECADE * log_dim / log(10)) / STEPS_PER_DECADE);
    double unit = pow(10, floor(log10(d) + 1e-9) - 1);
    if (unit < 1)
        unit = 1;
    int64_t dim = (int64_t)(round(d / unit) * unit);
    return dim < o->low ? o->low : dim > o->high ? o->high : dim;
}

/* a short grid keeps half a step from the ends of the range, a long one starts and ends there */
static void add_grid(plan *p)
{
    const search_options *o = p->o;
    double low = log((double)o->low), range = log((double)o->high) - low;
    for (int64_t i = 0; i < o->coarse; i++) {
        bool few = o->coarse < 10;
        double at =
            few ? ((double)i + 0.5) / (double)o->coarse : (double)i / (double)(o->coarse - 1);
        int64_t dim = few ? round_dim(o, low + at * range) : llround(exp(low + at * range));
        for (int64_t k = 0; k < o->n_subspace_rates; k++)
            add(p, (run_request){.kind = RUN_SUBSPACE,
                                 .dim = dim,
                                 .rate_factor = o->subspace_rate[k],
                                 .seed = i + 1});
    }
}

static void plan_first(plan *p)
{
    const search_options *o = p->o;
    if (o->n_full_rates == 1)
        add_full(p, o->full_rate[0], 1, o->full_seeds);
    for (int64_t k = 0; k < o->n_full_rates; k++)
        add_full(p, o->full_rate[k], 1, 1);
    if (o->head)
        add(p, (run_request){.kind = RUN_HEAD, .rate_factor = 1, .seed = 1});
    if (o->bias)
        add(p, (run_request){.kind = RUN_BIAS, .rate_factor = 1, .seed = 1});
    add_grid(p);
}

static const run_outcome *find(const run_outcome *done, int64_t n, run_kind kind, double rate)
{
    run_request request = {.kind = kind, .rate_factor = rate, .seed = 1};
    for (int64_t i = 0; i < n; i++)
        if (same(&done[i].request, &request))
            return &done[i];
    return NULL;
}

static double score_of(const run_outcome *outcome)
{
    return outcome == NULL || outcome->failed || !isfinite(outcome->score) ? NAN : outcome->score;
}

/* the first rate, or the one whose first run beats it clearly */
static double best_full_rate(const search_options *o, const run_outcome *done, int64_t n)
{
    double rate = o->full_rate[0], best = score_of(find(done, n, RUN_FULL, rate)) + RATE_MARGIN;
    for (int64_t k = 1; k < o->n_full_rates; k++) {
        double score = score_of(find(done, n, RUN_FULL, o->full_rate[k]));
        if (score > best || (isnan(best) && isfinite(score))) {
            best = score;
            rate = o->full_rate[k];
        }
    }
    return rate;
}

/* mean full score at the best rate without collapses, NaN if there is none */
static double mean_full(const plan *p, double rate, double majority)
{
    int64_t n = 0, kept = 0;
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->run[i].request.kind == RUN_FULL && same_rate(p->run[i].request.rate_factor, rate))
            p->full[n++] = score_of(p->run[i].outcome);
    fit_full_collapsed(p->full, n, majority, p->collapsed);
    for (int64_t i = 0; i < n; i++)
        if (!p->collapsed[i]) {
            kept++;
            sum += p->full[i];
        }
    return kept > 0 ? sum / (double)kept : NAN;
}

static int64_t runs_at(const plan *p, int64_t dim)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->n; i++)
        n += p->run[i].request.kind == RUN_SUBSPACE && p->run[i].request.dim == dim;
    return n;
}

static bool add_subspace(plan *p, int64_t dim)
{
    if (p->n == p->most || (p->o->seeds > 0 && runs_at(p, dim) >= p->o->seeds))
        return false;
    add(p, (run_request){.kind = RUN_SUBSPACE,
                         .dim = dim,
                         .rate_factor = p->o->subspace_rate[0],
                         .seed = p->n_subspace + 1});
    return true;
}

/* batch runs, evenly around log_dim */
static void add_around(plan *p, double log_dim)
{
    int64_t n = p->o->batch;
    for (int64_t i = 0; i < n; i++) {
        double at = n == 1 ? 0 : 2 * (double)i / (double)(n - 1) - 1;
        add_subspace(p, round_dim(p->o, log_dim + at * SPREAD));
    }
}

/* log d where the runs so far cross the target: the relative one, unless a constant reaches it */
static int crossing_so_far(plan *p, double full, double *log_dim)
{
    const search_options *o = p->o;
    double majority = isfinite(o->majority) ? o->majority : 0, target = o->threshold * full;
    if (target <= majority)
        target = majority + o->threshold * (full - majority);

    int64_t n = 0, kept = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->run[i].request.kind == RUN_SUBSPACE) {
            p->dim[n] = (double)p->run[i].request.dim;
            p->score[n++] = score_of(p->run[i].outcome);
        }
    TRY(fit_collapsed(p->lib, p->dim, p->score, n, majority, full, p->collapsed));
    for (int64_t i = 0; i < n; i++)
        if (!p->collapsed[i]) {
            p->dim[kept] = p->dim[i];
            p->score[kept++] = p->score[i];
        }

    *log_dim = NAN;
    if (kept == 0)
        return 0;
    fit *f;
    double curve[FIT_POINTS];
    TRY(fit_new(p->lib, p->dim, kept, (double)o->low, (double)o->high, &f));
    fit_curve(f, p->score, majority, full, curve);
    *log_dim = fit_crossing(f, curve, target);
    fit_free(f);
    return 0;
}

/* adds the round after the ones planned, all of which are done; adds nothing and says why if there
 * is none */
static int plan_next(plan *p, const char **why)
{
    const search_options *o = p->o;
    double majority = isfinite(o->majority) ? o->majority : 0;
    double rate = best_full_rate(o, p->done, p->n_done);
    double full = mean_full(p, rate, majority);
    *why = NULL;
    int64_t before = p->n;
    add_full(p, rate, 2, o->full_seeds);
    bool learns = full > majority; /* if not, perhaps its other seeds do */
    if (!learns && p->n == before)
        *why = isnan(full) ? "full fine-tuning failed"
                           : "full fine-tuning is no better than a constant answer";
    if (!learns)
        return 0;

    if (o->batch > 0) {
        double at;
        TRY(crossing_so_far(p, full, &at));
        int64_t end = at < 0 ? o->low : o->high;
        if (isnan(at))
            *why = "every subspace run failed";
        else if (isfinite(at))
            add_around(p, at);
        else if (runs_at(p, end) < 2)
            for (int64_t i = runs_at(p, end); i < 2; i++)
                add_subspace(p, end);
        else
            *why = at < 0 ? "the smallest d reaches the target" : "no d reaches the target";
    }
    if (p->n == before && *why == NULL)
        *why = o->batch == 0     ? "the plan is done"
               : p->n >= p->most ? "the budget is spent"
                                 : "each d around the crossing has all its seeds";
    return 0;
}

static int64_t missing(const plan *p, int64_t from)
{
    int64_t n = 0;
    for (int64_t i = from; i < p->n; i++)
        n += p->run[i].outcome == NULL;
    return n;
}

static bool narrow_enough(const search_options *o, const estimate *now)
{
    if (now == NULL)
        return false;
    const crossing *c =
        now->relative.status == MEASURE_TARGET_BELOW_MAJORITY ? &now->corrected : &now->relative;
    return c->status == MEASURE_OK && c->high <= o->narrow * c->low;
}

static int replay(plan *p, const estimate *now, const char **why)
{
    *why = NULL;
    plan_first(p);
    while (missing(p, 0) == 0) {
        int64_t before = p->n;
        TRY(plan_next(p, why));
        if (p->n == before)
            return 0;
        bool started = missing(p, before) < p->n - before;
        if (!started && narrow_enough(p->o, now)) {
            p->n = before;
            *why = "the interval is narrow enough";
            return 0;
        }
    }
    *why = NULL;
    return 0;
}

static int plan_allocate(plan *p)
{
    TRY(NEW(p->lib, planned, p->most, "plan", &p->run));
    TRY(NEW(p->lib, double, p->most, "plan", &p->dim));
    TRY(NEW(p->lib, double, p->most, "plan", &p->score));
    TRY(NEW(p->lib, double, p->most, "plan", &p->full));
    return NEW(p->lib, bool, p->most, "plan", &p->collapsed);
}

int search_next(idim *lib, const search_options *o, const run_outcome *done, int64_t n_done,
                const estimate *now, run_request *out, int64_t capacity, int64_t *n,
                const char **why)
{
    *n = 0;
    *why = NULL;
    const char *wrong = search_options_wrong(o);
    if (wrong != NULL)
        return fail(lib, IDIM_EARGUMENT, "%s", wrong);
    plan p = {.lib = lib, .o = o, .done = done, .n_done = n_done, .most = search_most_runs(o)};
    int status = plan_allocate(&p);
    if (status == 0)
        status = replay(&p, now, why);
    if (status == 0)
        for (int64_t i = 0; i < p.n && *n < capacity; i++)
            if (p.run[i].outcome == NULL)
                out[(*n)++] = p.run[i].request;
    memory_free(lib, p.run);
    memory_free(lib, p.dim);
    memory_free(lib, p.score);
    memory_free(lib, p.full);
    memory_free(lib, p.collapsed);
    return status;
}

/* the mean score of a rate over the runs at d and up to NEIGHBOURS steps of the grid beside it; NaN
 * without any */
static double score_nearby(const search_options *o, const run_outcome *done, int64_t n_done,
                           double rate, int64_t dim)
{
    double step = log((double)o->high / (double)o->low) / (double)o->coarse, sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < n_done; i++) {
        const run_request *r = &done[i].request;
        if (r->kind != RUN_SUBSPACE || !same_rate(r->rate_factor, rate) ||
            isnan(score_of(&done[i])) ||
            fabs(log((double)r->dim / (double)dim)) > (NEIGHBOURS + 0.5) * step)
            continue;
        sum += done[i].score;
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

int search_counts(idim *lib, const search_options *o, const run_outcome *done, int64_t n_done,
                  bool *counts)
{
    const char *wrong = search_options_wrong(o);
    if (wrong != NULL)
        return fail(lib, IDIM_EARGUMENT, "%s", wrong);
    double full = best_full_rate(o, done, n_done);
    for (int64_t i = 0; i < n_done; i++) {
        const run_request *r = &done[i].request;
        counts[i] = r->kind == RUN_FULL && same_rate(r->rate_factor, full);
        if (r->kind != RUN_SUBSPACE)
            continue;
        double rate = o->subspace_rate[0], best = NAN;
        for (int64_t k = 0; k < o->n_subspace_rates && o->n_subspace_rates > 1; k++) {
            double score = score_nearby(o, done, n_done, o->subspace_rate[k], r->dim);
            if (score > best || (isnan(best) && isfinite(score))) {
                best = score;
                rate = o->subspace_rate[k];
            }
        }
        counts[i] = same_rate(r->rate_factor, rate);
    }
    return 0;
}
