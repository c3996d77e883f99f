/* Sums are in double and in the order of the examples.
 *
 * SPDX-License-Identifier: MIT */
#include "task/metrics.h"
#include "model/model.h"
#include "task/language.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* a value and the example it belongs to */
typedef struct ranked {
    double value;
    int64_t example;
} ranked;

static void add(metrics *m, const char *name, double value)
{
    m->name[m->n] = name;
    m->value[m->n++] = value;
}

int64_t metrics_class(const float *logits, int64_t n)
{
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++)
        if (logits[k] > logits[best])
            best = k;
    return best;
}

/* The multi-class form (Gorodkin 2004), from c right answers of n, t_k examples and p_k answers of
 * class k:  (c n - sum t_k p_k) / sqrt((n^2 - sum p_k^2)(n^2 - sum t_k^2)) */
static double matthews(const int64_t *true_of, const int64_t *said_of, int64_t n_labels,
                       int64_t right, int64_t n)
{
    double total = (double)n, both = 0, trues = 0, said = 0;
    for (int64_t k = 0; k < n_labels; k++) {
        both += (double)true_of[k] * (double)said_of[k];
        trues += (double)true_of[k] * (double)true_of[k];
        said += (double)said_of[k] * (double)said_of[k];
    }
    double spread = (total * total - said) * (total * total - trues);
    return spread > 0 ? ((double)right * total - both) / sqrt(spread) : 0;
}

/* counts [2 n_labels + 1]: true, said, and said rightly of class 1 */
static void score_classes(const task *t, const float *logits, const float *label, int64_t n,
                          int64_t *counts, metrics *out)
{
    int64_t *true_of = counts, *said_of = counts + t->n_labels, right = 0, positive = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t said = metrics_class(logits + i * t->n_labels, t->n_labels), is = (int64_t)label[i];
        true_of[is]++;
        said_of[said]++;
        right += said == is;
        positive += said == is && is == 1;
    }

    double accuracy = (double)right / (double)n, f1 = 0;
    add(out, "accuracy", accuracy);
    if (t->n_labels == 2) {
        int64_t both = true_of[1] + said_of[1];
        f1 = both > 0 ? 2 * (double)positive / (double)both : 0;
        add(out, "f1", f1);
    }
    add(out, "matthews_correlation", matthews(true_of, said_of, t->n_labels, right, n));
    if (t->combined)
        add(out, "combined_score", (accuracy + f1) / 2);
}

static void score_sets(const task *t, const float *logits, const float *label, int64_t n,
                       metrics *out)
{
    int64_t both = 0, wrong = 0, right_rows = 0, K = t->n_labels;
    for (int64_t i = 0; i < n; i++) {
        int64_t wrong_here = 0;
        for (int64_t k = i * K; k < (i + 1) * K; k++) {
            bool said = logits[k] > 0, is = label[k] > 0;
            both += said && is;
            wrong_here += said != is;
        }
        wrong += wrong_here;
        right_rows += wrong_here == 0;
    }
    add(out, "accuracy", (double)right_rows / (double)n);
    add(out, "f1_micro", both + wrong > 0 ? 2 * (double)both / (double)(2 * both + wrong) : 0);
}

static double pearson(const double *x, const double *y, int64_t n)
{
    double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        mean_x += x[i];
        mean_y += y[i];
    }
    mean_x /= (double)n;
    mean_y /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    double norm_x = sqrt(xx), norm_y = sqrt(yy);
    for (int64_t i = 0; i < n; i++)
        xy += (x[i] - mean_x) / norm_x * ((y[i] - mean_y) / norm_y);
    return xy > 1 ? 1 : xy < -1 ? -1 : xy;
}

static int by_value(const void *a, const void *b)
{
    double x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

/* value becomes its rank, from 1; equal ones share their mean */
static void rank(double *value, ranked *work, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        work[i] = (ranked){value[i], i};
    qsort(work, (size_t)n, sizeof *work, by_value);
    for (int64_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && work[end].value == work[i].value)
            end++;
        for (int64_t k = i; k < end; k++)
            value[work[k].example] = (double)(i + 1 + end) / 2;
    }
}

static bool all_equal(const double *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return false;
    return true;
}

/* x, y, work have n entries; x and y become ranks */
static void score_values(const task *t, double *x, double *y, ranked *work, int64_t n, metrics *out)
{
    double mse = 0, correlation = NAN, rank_correlation = NAN;
    for (int64_t i = 0; i < n; i++)
        mse += (x[i] - y[i]) * (x[i] - y[i]);
    mse /= (double)n;
    /* also false when there is anything that is not finite */
    if (isfinite(mse) && !all_equal(x, n) && !all_equal(y, n)) {
        correlation = pearson(x, y, n);
        rank(x, work, n);
        rank(y, work, n);
        rank_correlation = pearson(x, y, n);
    }
    add(out, "pearson", correlation);
    add(out, "spearmanr", rank_correlation);
    add(out, "mse", mse);
    if (t->combined)
        add(out, "combined_score", (correlation + rank_correlation) / 2);
}

static int compute_values(const task *t, const float *predicted, const float *label, int64_t n,
                          metrics *out)
{
    double *values;
    ranked *work = NULL;
    TRY(NEW(t->lib, double, 2 * n, "metrics", &values));
    int status = NEW(t->lib, ranked, n, "metrics", &work);
    for (int64_t i = 0; status == 0 && i < n; i++) {
        values[i] = (double)predicted[i];
        values[n + i] = (double)label[i];
    }
    if (status == 0)
        score_values(t, values, values + n, work, n, out);
    memory_free(t->lib, work);
    memory_free(t->lib, values);
    return status;
}

static int compute_classes(const task *t, const float *logits, const float *label, int64_t n,
                           metrics *out)
{
    int64_t *counts;
    TRY(NEW(t->lib, int64_t, 2 * t->n_labels, "metrics", &counts));
    score_classes(t, logits, label, n, counts, out);
    memory_free(t->lib, counts);
    return 0;
}

static void score_language(const float *output, const float *fact, int64_t n, metrics *out)
{
    double nats = 0, hits = 0, tokens = 0, bytes = 0, untouched = 0;
    for (int64_t i = 0; i < n; i++, output += LANGUAGE_OUTPUTS, fact += N_FACTS) {
        nats += (double)output[LANGUAGE_NATS];
        hits += (double)output[LANGUAGE_HITS];
        tokens += (double)fact[FACT_TOKENS];
        bytes += (double)fact[FACT_BYTES];
        untouched += (double)fact[FACT_NATS];
    }
    add(out, "perplexity", exp(nats / tokens));
    add(out, "bits_per_byte", bytes > 0 ? nats / log(2) / bytes : NAN);
    add(out, "accuracy", hits / tokens);
    add(out, "bits_saved", 1 - nats / untouched);
}

/* the untouched model's score is in the facts */
static int untouched(const task *t, const split *s, metrics *out)
{
    float *output;
    double nats, bytes = 0;
    TRY(language_unigram(t, s, &nats));
    TRY(NEW(t->lib, float, s->n *LANGUAGE_OUTPUTS, "metrics", &output));
    for (int64_t i = 0; i < s->n; i++) {
        output[i * LANGUAGE_OUTPUTS + LANGUAGE_NATS] = s->label[i * N_FACTS + FACT_NATS];
        output[i * LANGUAGE_OUTPUTS + LANGUAGE_HITS] = s->label[i * N_FACTS + FACT_HITS];
        bytes += (double)s->label[i * N_FACTS + FACT_BYTES];
    }
    score_language(output, s->label, s->n, out);
    add(out, "unigram_bits_per_byte", bytes > 0 ? nats / log(2) / bytes : NAN);
    memory_free(t->lib, output);
    return 0;
}

int metrics_compute(const task *t, const float *logits, const float *label, int64_t n, metrics *out)
{
    *out = (metrics){0};
    if (t->kind == TASK_MULTI_LABEL)
        score_sets(t, logits, label, n, out);
    else if (t->kind == TASK_LANGUAGE)
        score_language(logits, label, n, out);
    else
        TRY(t->kind == TASK_REGRESSION ? compute_values(t, logits, label, n, out)
                                       : compute_classes(t, logits, label, n, out));
    for (int64_t i = 0; n == 0 && i < out->n; i++)
        out->value[i] = NAN;
    return 0;
}

double metrics_score(const task *t, const metrics *m)
{
    for (int64_t i = 0; i < m->n; i++)
        if (strcmp(m->name[i], t->metric) == 0)
            return m->value[i];
    return NAN;
}

/* logits [n_labels] of the constant answer */
static void constant_answer(const task *t, const split *from, float *logits)
{
    double sum = 0;
    for (int64_t i = 0; t->kind == TASK_MULTI_LABEL && i < from->n; i++)
        for (int64_t k = 0; k < t->n_labels; k++)
            logits[k] += from->label[i * t->n_labels + k] > 0 ? 1 : -1;
    for (int64_t i = 0; t->kind != TASK_MULTI_LABEL && i < from->n; i++) {
        if (t->kind == TASK_REGRESSION)
            sum += (double)from->label[i];
        else
            logits[(int64_t)from->label[i]]++;
    }
    if (t->kind == TASK_REGRESSION)
        logits[0] = (float)(sum / (double)from->n);
}

int metrics_majority(const task *t, split_name on, metrics *out)
{
    *out = (metrics){0};
    const split *s = &t->splits[on], *train = &t->splits[SPLIT_TRAIN];
    const split *from = train->label != NULL && train->n > 0 ? train : s;
    if (s->label == NULL)
        return fail(t->lib, IDIM_EARGUMENT, "task %s: majority: expected labels, found none",
                    t->name);

    if (t->kind == TASK_LANGUAGE)
        return untouched(t, s, out);
    float *logits;
    TRY(NEW(t->lib, float, (s->n + 1) * t->n_labels, "metrics", &logits));
    constant_answer(t, from, logits);
    for (int64_t i = 1; i < s->n; i++)
        memcpy(logits + i * t->n_labels, logits, (size_t)t->n_labels * sizeof *logits);
    int status = metrics_compute(t, logits, s->label, s->n, out);
    memory_free(t->lib, logits);
    for (int64_t i = 0; t->kind == TASK_REGRESSION && i < out->n; i++)
        if (strcmp(out->name[i], "mse") != 0)
            out->value[i] = 0;
    return status;
}
