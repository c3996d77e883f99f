/* Rows are spread out as often as they were drawn and go through the task's own metrics; accuracy,
 * the common case, is counted.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/rescore.h"

#include <math.h>
#include <string.h>

static const split *dev_of(const task *t)
{
    return &t->splits[SPLIT_DEV];
}

static float majority_class(const task *t)
{
    const split *train = &t->splits[SPLIT_TRAIN];
    int64_t best = 0, best_count = -1;
    for (int64_t k = 0; k < t->n_labels; k++) {
        int64_t count = 0;
        for (int64_t i = 0; i < train->n; i++)
            count += train->label[i] == (float)k;
        if (count > best_count) {
            best = k;
            best_count = count;
        }
    }
    return (float)best;
}

static float mean_value(const task *t)
{
    const split *train = &t->splits[SPLIT_TRAIN];
    double sum = 0;
    for (int64_t i = 0; i < train->n; i++)
        sum += (double)train->label[i];
    return train->n > 0 ? (float)(sum / (double)train->n) : 0;
}

int rescore_new(const task *t, const float *const *prediction, int64_t n_runs, rescore *out)
{
    int64_t n = dev_of(t)->n;
    *out = (rescore){.task = t, .prediction = prediction, .n_runs = n_runs};
    int status = NEW(t->lib, float, n, "scores", &out->constant);
    if (status == 0)
        status = NEW(t->lib, float, n * t->n_labels, "scores", &out->logits);
    if (status == 0)
        status = NEW(t->lib, float, n, "scores", &out->label);
    if (status != 0) {
        rescore_free(out);
        return status;
    }
    if (t->kind == TASK_LANGUAGE)
        return 0;
    float answer = t->kind == TASK_REGRESSION ? mean_value(t) : majority_class(t);
    for (int64_t i = 0; i < n; i++)
        out->constant[i] = answer;
    return 0;
}

void rescore_free(rescore *r)
{
    if (r->task == NULL)
        return;
    idim *lib = r->task->lib;
    memory_free(lib, r->constant);
    memory_free(lib, r->logits);
    memory_free(lib, r->label);
    *r = (rescore){0};
}

/* bits_saved of some blocks; the untouched model's where said is NULL */
static double saved(const split *dev, const float *said, const int32_t *weight)
{
    double nats = 0, untouched = 0;
    for (int64_t i = 0; i < dev->n; i++) {
        double w = weight != NULL ? weight[i] : 1,
               own = (double)dev->label[i * N_FACTS + FACT_NATS];
        nats += w * (said != NULL ? (double)said[i] : own);
        untouched += w * own;
    }
    return 1 - nats / untouched;
}

static double accuracy(const split *dev, const float *said, const int32_t *weight)
{
    int64_t right = 0, all = 0;
    for (int64_t i = 0; i < dev->n; i++) {
        int64_t w = weight != NULL ? weight[i] : 1;
        right += said[i] == dev->label[i] ? w : 0;
        all += w;
    }
    return all > 0 ? (double)right / (double)all : NAN;
}

/* one row as the model could have put it */
static void write_logits(const task *t, float said, float *logits)
{
    if (t->kind == TASK_REGRESSION) {
        logits[0] = said;
        return;
    }
    memset(logits, 0, (size_t)t->n_labels * sizeof *logits);
    int64_t k = (int64_t)said;
    if (k >= 0 && k < t->n_labels)
        logits[k] = 1;
}

double rescore_draw(const void *user, int64_t i, const int32_t *weight)
{
    const rescore *r = user;
    const split *dev = dev_of(r->task);
    const float *said = i < r->n_runs ? r->prediction[i] : r->constant;
    if (said == NULL)
        return NAN;
    if (r->task->kind == TASK_LANGUAGE)
        return saved(dev, i < r->n_runs ? said : NULL, weight);
    if (strcmp(r->task->metric, "accuracy") == 0)
        return accuracy(dev, said, weight);

    int64_t n = 0;
    for (int64_t k = 0; k < dev->n; k++)
        for (int64_t times = weight != NULL ? weight[k] : 1; times > 0 && n < dev->n; times--) {
            write_logits(r->task, said[k], r->logits + n * r->task->n_labels);
            r->label[n++] = dev->label[k];
        }
    metrics m = {.n = 0};
    if (metrics_compute(r->task, r->logits, r->label, n, &m) != 0)
        return NAN;
    double score = metrics_score(r->task, &m);
    /* a constant correlates with nothing */
    return isfinite(score) || i < r->n_runs ? score : 0;
}
