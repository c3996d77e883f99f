/* Sentences.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_words.h"

#include <math.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------------------------- */

void words_count(buffer *b, int64_t n)
{
    int64_t scale = 1;
    while (n / scale >= 1000)
        scale *= 1000;
    buffer_add(b, "%lld", (long long)(n / scale));
    while (scale > 1) {
        n %= scale;
        scale /= 1000;
        buffer_add(b, ",%03lld", (long long)(n / scale));
    }
}

void words_about(buffer *b, double d)
{
    if (!isfinite(d)) {
        buffer_put(b, "-");
        return;
    }
    double unit = d >= 100 ? pow(10, floor(log10(d)) - 1) : 1;
    double rounded = round(d / unit) * unit;
    words_count(b, llround(rounded));
}

void words_size(buffer *b, int64_t n)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if ((double)n >= units[i].unit) {
            buffer_fixed(b, (double)n / units[i].unit, 1);
            buffer_add(b, " %s", units[i].name);
            return;
        }
    words_count(b, n);
}

void words_time(buffer *b, double seconds)
{
    long long whole = isfinite(seconds) ? llround(seconds) : 0;
    if (!isfinite(seconds))
        buffer_put(b, "-");
    else if (whole < 60)
        buffer_add(b, "%lld s", whole);
    else if (whole < 3600)
        buffer_add(b, "%lld min %02lld s", whole / 60, whole % 60);
    else
        buffer_add(b, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
}

bool words_is_percent(const char *metric)
{
    return strcmp(metric, "accuracy") == 0 || strcmp(metric, "f1") == 0;
}

void words_score(buffer *b, const char *metric, double score)
{
    bool percent = words_is_percent(metric);
    if (!isfinite(score)) {
        buffer_put(b, "-");
        return;
    }
    buffer_fixed(b, percent ? 100 * score : score, percent ? 1 : 3);
    if (percent)
        buffer_put(b, " %");
}

/* ---- answers --------------------------------------------------------------------------------- */

void words_d90(buffer *b, const study_answer *a)
{
    bool low = isfinite(a->low), high = isfinite(a->high);
    words_about(b, a->status == MEASURE_OK ? a->d90 : (double)NAN);
    if (a->status != MEASURE_OK || (!low && !high))
        return;
    buffer_put(b, low ? " (" : " (below ");
    words_about(b, low ? a->low : a->high);
    if (low && high) {
        buffer_put(b, " to ");
        words_about(b, a->high);
    }
    buffer_put(b, low && !high ? " and above)" : ")");
}

void words_interval(buffer *b, const study_answer *a)
{
    bool low = isfinite(a->low), high = isfinite(a->high);
    if (!low && !high)
        return;
    buffer_put(b, " (95 % interval ");
    if (!low)
        buffer_put(b, "up to ");
    words_about(b, low ? a->low : a->high);
    if (low && high) {
        buffer_put(b, " to ");
        words_about(b, a->high);
    }
    buffer_put(b, low && !high ? " and above)" : ")");
}

void words_status(buffer *b, measure_status status)
{
    for (const char *at = measure_status_name(status); *at != '\0'; at++)
        buffer_bytes(b, *at == '_' ? " " : at, 1);
}

int words_series(const char *method)
{
    return strcmp(method, "said") == 0 ? 0 : strcmp(method, "did") == 0 ? 1 : 2;
}

void words_method(buffer *b, const study_cell *c)
{
    buffer_put(b, c->method);
    if (c->variation[0] != '\0')
        buffer_add(b, ", %s", c->variation);
}

/* "90 % of full fine-tuning on reviews" */
static void add_goal(buffer *b, const study_cell *c)
{
    buffer_fixed(b, 100 * c->threshold, fmod(1000 * c->threshold, 10) == 0 ? 0 : 1);
    buffer_add(b, " %% of full fine-tuning on %s", c->task);
}

static void add_range(buffer *b, const study_cell *c)
{
    if (c->dim_high <= 0)
        return;
    buffer_put(b, ", with d between ");
    words_count(b, c->dim_low);
    buffer_put(b, " and ");
    words_count(b, c->dim_high);
}

/* the reason, or a remark on an answer, as a sentence of its own */
static void add_reason(buffer *b, const study_answer *a)
{
    const char *what = a->status == MEASURE_OK ? "Note" : "The reason";
    size_t length = strlen(a->reason);
    if (length == 0)
        return;
    char last = a->reason[length - 1];
    buffer_add(b, " %s: %s%s", what, a->reason, last == '.' || last == '!' ? "" : ".");
}

static void add_ok(buffer *b, const study_cell *c)
{
    buffer_add(b, "%s needs about ", study_base_name(c->model));
    words_about(b, c->answer.d90);
    buffer_put(b, " numbers");
    words_interval(b, &c->answer);
    if (c->parameters > 0) {
        buffer_put(b, " out of ");
        words_size(b, c->parameters);
    }
    buffer_put(b, " to reach ");
    add_goal(b, c);
    buffer_put(b, ", trained with ");
    words_method(b, c);
    buffer_put(b, ".");
    add_reason(b, &c->answer);
}

void words_answer(buffer *b, const study_cell *c)
{
    const char *model = study_base_name(c->model);
    if (c->answer.status == MEASURE_OK) {
        add_ok(b, c);
        return;
    }
    switch (c->answer.status) {
    case MEASURE_NOT_REACHED:
        buffer_add(b, "%s did not reach ", model);
        add_goal(b, c);
        add_range(b, c);
        break;
    case MEASURE_BELOW_RANGE:
        buffer_add(b, "%s needs fewer numbers than were tried to reach ", model);
        add_goal(b, c);
        add_range(b, c);
        break;
    case MEASURE_FULL_BELOW_MAJORITY:
        buffer_add(b,
                   "There is no answer for %s on %s: full fine-tuning does not beat the "
                   "majority class",
                   model, c->task);
        break;
    case MEASURE_TARGET_BELOW_MAJORITY:
        buffer_add(b, "There is no answer for %s by this rule: ", model);
        add_goal(b, c);
        buffer_put(b, " is no more than always giving the majority class");
        break;
    case MEASURE_UNSTABLE:
        buffer_add(b, "There is no answer for %s on %s: the runs are too unstable", model, c->task);
        break;
    default:
        buffer_add(b, "There is no answer for %s on %s yet: the study is not finished", model,
                   c->task);
        break;
    }
    buffer_put(b, " (");
    words_method(b, c);
    buffer_put(b, ").");
    add_reason(b, &c->answer);
}

static const char *const corrected_words[] = {
    [MEASURE_NOT_REACHED] = "was not reached",
    [MEASURE_BELOW_RANGE] = "is reached with fewer numbers than were tried",
    [MEASURE_FULL_BELOW_MAJORITY] =
        "means nothing here: full fine-tuning does not beat the majority",
    [MEASURE_TARGET_BELOW_MAJORITY] = "lies below the majority class",
    [MEASURE_UNSTABLE] = "has no answer: the runs are too unstable",
    [MEASURE_INCOMPLETE] = "has no answer yet",
};

void words_corrected(buffer *b, const study_cell *c)
{
    if (!isfinite(c->corrected.target))
        return;
    buffer_put(b, "Counted from the majority class instead of from zero, the target is ");
    words_score(b, c->metric, c->corrected.target);
    if (c->corrected.status == MEASURE_OK) {
        buffer_put(b, " and takes about ");
        words_about(b, c->corrected.d90);
        buffer_put(b, " numbers");
        words_interval(b, &c->corrected);
        buffer_put(b, ".");
    } else {
        buffer_add(b, " and %s.", corrected_words[c->corrected.status]);
    }
    add_reason(b, &c->corrected);
}

/* ---- the study ------------------------------------------------------------------------------- */

static void add_others(buffer *b, const study *s, const study_cell *first)
{
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        if (c == first || strcmp(c->model, first->model) != 0 ||
            strcmp(c->task, first->task) != 0 || c->variation[0] != '\0' ||
            c->answer.status != MEASURE_OK)
            continue;
        b->n -= 1; /* the full stop */
        buffer_add(b, "; with %s about ", c->method);
        words_about(b, c->answer.d90);
        words_interval(b, &c->answer);
        buffer_put(b, ".");
    }
}

void words_headline(buffer *b, const study *s)
{
    const study_cell *first = NULL;
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        if (c->answer.status != MEASURE_OK)
            continue;
        if (first == NULL ||
            (strcmp(c->model, first->model) == 0 && strcmp(c->task, first->task) == 0 &&
             strcmp(c->variation, first->variation) == 0 &&
             words_series(c->method) < words_series(first->method)))
            first = c;
    }
    if (first != NULL) {
        words_answer(b, first);
        add_others(b, s, first);
    } else if (s->n_cells > 0) {
        words_answer(b, &s->cell[0]);
    } else {
        buffer_put(b, "This study has no results yet.");
    }
}

static void add_end(buffer *b, const study_cell *c)
{
    words_about(b, c->answer.d90);
    buffer_add(b, " (%s on %s, ", study_base_name(c->model), c->task);
    words_method(b, c);
    buffer_put(b, ")");
}

void words_overall(buffer *b, const study *s)
{
    const study_cell *least = NULL, *most = NULL;
    int64_t answered = 0;
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        if (c->answer.status != MEASURE_OK)
            continue;
        answered++;
        least = least == NULL || c->answer.d90 < least->answer.d90 ? c : least;
        most = most == NULL || c->answer.d90 > most->answer.d90 ? c : most;
    }
    if (s->n_cells < 3 && answered == s->n_cells)
        return;
    buffer_add(b, "%lld of %lld cells have an answer", (long long)answered, (long long)s->n_cells);
    if (answered > 1) {
        buffer_put(b, ": d90 lies between about ");
        add_end(b, least);
        buffer_put(b, " and about ");
        add_end(b, most);
    }
    buffer_put(b, ".");
}
