/* Features, then a path of ridges for each d.
 *
 * The examples are taken in a random order and the last tenth of the training rows is held out:
 * every fit sees a stretch of one array. A fit starts where the same ridge ended for the d before,
 * or where the larger ridge ended for this d, whichever is the better start.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/linearised.h"
#include "base/clock.h"
#include "base/random.h"
#include "measure/convex.h"
#include "measure/pulled.h"
#include "measure/record.h"

#include <math.h>
#include <string.h>

enum {
    RIDGES = 13,      /* from RIDGE_FIRST down by half a decade each      */
    HELD_OUT = 10,    /* one in so many                                   */
    FEWEST_ROWS = 20, /* fewer leave nothing to choose a ridge on         */
    SPLIT_KEY = 1     /* names the held-out tenth in the stream of splits */
};

static const double RIDGE_FIRST = 0.1; /* times the mean of |F_i|^2 */
static const double WORSE = 1.05;      /* a held-out loss so much above the best ends the path */

typedef struct features {
    float *value;   /* [n][rows][d_max] */
    double *offset; /* [n][rows]        */
    float *label;   /* [n]              */
    int64_t n;
} features;

typedef struct fitter {
    job *job;
    const linearised_options *options;
    linearised *result;
    subspace *space;
    pulled *pulled;
    convex_loss loss;
    int64_t rows;
    real *row;     /* [rows][d_max] */
    double *value; /* [rows]        */
    int32_t *order;
    features train, dev;
    double *path;   /* [RIDGES][d_max] where each ridge ended for the d before */
    double *best;   /* [d_max] */
    double *output; /* [n][rows] of dev or the held-out rows */
    double began;
} fitter;

int64_t linearised_dims(int64_t d_max, int64_t out[32])
{
    static const int64_t steps[] = {1, 2, 5};
    int64_t n = 0;
    for (int64_t power = 10; power < d_max && n < 29; power *= 10)
        for (int i = 0; i < 3; i++)
            if (steps[i] * power < d_max)
                out[n++] = steps[i] * power;
    out[n++] = d_max;
    return n;
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static int check_splits(const job *j)
{
    const split *train = &j->task->splits[SPLIT_TRAIN], *dev = &j->task->splits[SPLIT_DEV];
    if (train->n < FEWEST_ROWS)
        return fail(j->lib, IDIM_EARGUMENT,
                    "%s: expected at least %d training rows for a linearised model, found %lld",
                    j->task->name, FEWEST_ROWS, (long long)train->n);
    if (j->task->kind == TASK_MULTI_LABEL)
        return fail(j->lib, IDIM_EUNSUPPORTED,
                    "%s: label: a linearised model takes one label a row, found lists",
                    j->task->name);
    if (j->task->kind == TASK_LANGUAGE)
        return fail(j->lib, IDIM_EUNSUPPORTED,
                    "linearised: expected a task with labels, found causal-lm: %s", j->task->name);
    if (dev->label == NULL || dev->n < 1)
        return fail(j->lib, IDIM_EARGUMENT,
                    "%s: expected a dev split with labels to score a linearised model on, found "
                    "none",
                    j->task->name);
    return 0;
}

static int64_t rows_of(const idim_model *m)
{
    return m->problem == PROBLEM_CLASSES && m->n_labels > 2 ? m->n_labels : 1;
}

/* how many of the dims are kept */
static int choose_dims(fitter *f)
{
    linearised *l = f->result;
    int64_t examples = l->n_train + l->n_dev;
    int64_t most = LINEARISED_BYTES / (int64_t)sizeof(float) / (examples * f->rows);
    l->n = f->options->n_dims;
    while (l->n > 0 && f->options->dims[l->n - 1] > most)
        l->n--;
    l->dropped = f->options->n_dims - l->n;
    if (l->n == 0)
        return fail(f->job->lib, IDIM_EARGUMENT,
                    "linearised model: expected a smallest d of at most %lld, found %lld: %lld "
                    "examples would need more than %lld bytes; --max-train-samples takes fewer",
                    (long long)most, (long long)f->options->dims[0], (long long)examples,
                    (long long)LINEARISED_BYTES);
    l->d_max = f->options->dims[l->n - 1];
    if (l->dropped > 0)
        library_log(f->job->lib,
                    "linearised model: d ends at %lld: more would need over %lld bytes",
                    (long long)l->d_max, (long long)LINEARISED_BYTES);
    return 0;
}

static int features_room(fitter *f, const split *s, features *out)
{
    idim *lib = f->job->lib;
    out->n = s->n;
    TRY(NEW(lib, float, s->n * f->rows * f->result->d_max, "linearised model", &out->value));
    TRY(NEW(lib, double, s->n * f->rows, "linearised model", &out->offset));
    return NEW(lib, float, s->n, "linearised model", &out->label);
}

static int make_room(fitter *f)
{
    idim *lib = f->job->lib;
    const linearised *l = f->result;
    int64_t d = l->d_max, most = l->n_train > l->n_dev ? l->n_train : l->n_dev;
    TRY(features_room(f, &f->job->task->splits[SPLIT_TRAIN], &f->train));
    TRY(features_room(f, &f->job->task->splits[SPLIT_DEV], &f->dev));
    TRY(NEW(lib, real, f->rows * d, "linearised model", &f->row));
    TRY(NEW(lib, double, f->rows, "linearised model", &f->value));
    TRY(NEW(lib, int32_t, most, "linearised model", &f->order));
    TRY(NEW(lib, double, RIDGES *d, "linearised model", &f->path));
    TRY(NEW(lib, double, d, "linearised model", &f->best));
    TRY(NEW(lib, double, most * f->rows, "linearised model", &f->output));
    return NEW(lib, linearised_point, l->n, "linearised model", &f->result->point);
}

/* did: lambda has no gradient at theta0 */
static int open_space(fitter *f)
{
    const spec *s = f->job->spec;
    idim_model *m = f->job->model;
    idim_subspace_options o = idim_subspace_defaults();
    o.method = "did";
    o.projection = spec_text(s, "projection");
    o.normalize = spec_text(s, "normalize");
    o.pull = spec_text(s, "pull");
    o.dim = f->result->d_max;
    o.seed = (uint64_t)spec_integer(s, "seed");
    TRY(subspace_new(m->weights, &o, &f->space));
    memcpy(m->weights->theta, m->weights->theta0, (size_t)m->weights->size * sizeof(real));
    return pulled_new(m, f->space, NULL, PULLED_LOGITS, &f->pulled);
}

static int open_fitter(fitter *f)
{
    const job *j = f->job;
    TRY(check_splits(j));
    f->rows = rows_of(j->model);
    f->loss = j->model->problem == PROBLEM_REGRESSION ? CONVEX_SQUARED
              : f->rows == 1                          ? CONVEX_LOGISTIC
                                                      : CONVEX_SOFTMAX;
    f->result->n_train = j->task->splits[SPLIT_TRAIN].n;
    f->result->n_dev = j->task->splits[SPLIT_DEV].n;
    TRY(choose_dims(f));
    TRY(open_space(f));
    return make_room(f);
}

static void close_fitter(fitter *f)
{
    idim *lib = f->job->lib;
    pulled_free(f->pulled);
    subspace_free(f->space);
    void *blocks[] = {f->row,         f->value,     f->order,       f->path,
                      f->best,        f->output,    f->train.value, f->train.offset,
                      f->train.label, f->dev.value, f->dev.offset,  f->dev.label};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        memory_free(lib, blocks[i]);
}

/* ---- features ----------------------------------------------------------------------------------
 */

static int tell(const fitter *f, const char *phase, int64_t done, int64_t steps, double began)
{
    double spent = clock_seconds() - began;
    idim_progress progress = {.phase = phase,
                              .step = done,
                              .steps = steps,
                              .loss = NAN,
                              .seconds_left =
                                  done > 0 ? spent / (double)done * (double)(steps - done) : -1,
                              .score = NAN};
    const linearised_options *o = f->options;
    if (o->watch != NULL && o->watch(o->user, &progress) != 0)
        return fail(f->job->lib, IDIM_ESTOPPED, "stopped before the linearised model was fitted");
    return 0;
}

/* example `index` of a split to place i */
static int take_example(fitter *f, const split *s, int64_t index, features *out, int64_t i)
{
    int64_t n = f->rows * f->result->d_max;
    TRY(pulled_example(f->pulled, s, index, f->row, f->value));
    for (int64_t j = 0; j < n; j++)
        out->value[i * n + j] = (float)f->row[j];
    memcpy(out->offset + i * f->rows, f->value, (size_t)f->rows * sizeof(double));
    out->label[i] = s->label[index];
    return 0;
}

static int take_features(fitter *f)
{
    linearised *l = f->result;
    const split *train = &f->job->task->splits[SPLIT_TRAIN];
    uint64_t seed = (uint64_t)spec_integer(f->job->spec, "seed");
    int64_t steps = l->n_train + l->n_dev;
    double began = clock_seconds();
    random_permutation(seed, STREAM_SPLIT, SPLIT_KEY, f->order, l->n_train);
    for (int64_t i = 0; i < l->n_train; i++) {
        TRY(tell(f, "gradients", i, steps, began));
        TRY(take_example(f, train, f->order[i], &f->train, i));
    }
    for (int64_t i = 0; i < l->n_dev; i++) {
        TRY(tell(f, "gradients", l->n_train + i, steps, began));
        TRY(take_example(f, &f->job->task->splits[SPLIT_DEV], i, &f->dev, i));
    }
    l->feature_seconds = clock_seconds() - began;
    l->feature_bytes = steps * f->rows * l->d_max * (int64_t)sizeof(float);
    return 0;
}

/* ---- fits --------------------------------------------------------------------------------------
 */

/* examples [first, end) of some features */
static convex_data stretch(const fitter *f, const features *of, int64_t first, int64_t end)
{
    return (convex_data){.loss = f->loss,
                         .feature = of->value + first * f->rows * f->result->d_max,
                         .offset = of->offset + first * f->rows,
                         .label = of->label + first,
                         .n = end - first,
                         .rows = f->rows,
                         .stride = f->result->d_max};
}

static double loss_at(const fitter *f, const convex_data *data, int64_t d, const double *z)
{
    convex_outputs(f->job->lib, data, d, z, f->output);
    return convex_loss_of(data, f->output);
}

static double squares(const double *z, int64_t d)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++)
        sum += z[j] * z[j];
    return sum;
}

/* the mean of |F_i|^2 over the rows of the training features */
static double mean_square(const fitter *f, int64_t d)
{
    double sum = 0;
    int64_t n = f->train.n * f->rows, stride = f->result->d_max;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            sum += (double)f->train.value[i * stride + j] * (double)f->train.value[i * stride + j];
    return sum / (double)n;
}

/* Fits one ridge of the path; z (its place in the path) holds the end for the d before, beside it
 * that of the larger ridge. */
static int fit_ridge(fitter *f, const convex_data *fitted, int64_t d, double ridge, double *z,
                     const double *beside, linearised_point *point)
{
    convex_report report;
    if (beside != NULL) {
        double own = loss_at(f, fitted, d, z) + ridge / 2 * squares(z, d);
        double other = loss_at(f, fitted, d, beside) + ridge / 2 * squares(beside, d);
        if (other < own)
            memcpy(z, beside, (size_t)d * sizeof *z);
    }
    TRY(convex_fit(f->job->lib, fitted, d, ridge, z, &report));
    point->iterations += report.iterations;
    return 0;
}

/* point->ridge and f->best become the best of the path on the held-out rows */
static int choose_ridge(fitter *f, linearised_point *point)
{
    int64_t d = point->dim, held = f->train.n / HELD_OUT, kept = f->train.n - held;
    convex_data fitted = stretch(f, &f->train, 0, kept);
    convex_data judging = stretch(f, &f->train, kept, f->train.n);
    double ridge = RIDGE_FIRST * mean_square(f, d);
    point->held_out = INFINITY;
    for (int k = 0; k < RIDGES; k++, ridge /= sqrt(10)) {
        double *z = f->path + k * f->result->d_max;
        TRY(fit_ridge(f, &fitted, d, ridge, z, k > 0 ? z - f->result->d_max : NULL, point));
        double loss = loss_at(f, &judging, d, z);
        if (loss > WORSE * point->held_out)
            break;
        if (loss < point->held_out) {
            point->held_out = loss;
            point->ridge = ridge;
            memcpy(f->best, z, (size_t)d * sizeof *z);
        }
    }
    return 0;
}

/* what evaluate_split gives of a network, from the linear outputs */
static int score_dev(fitter *f, linearised_point *point)
{
    const job *j = f->job;
    int64_t K = j->model->n_labels, n = f->dev.n;
    convex_data dev = stretch(f, &f->dev, 0, n);
    convex_outputs(j->lib, &dev, point->dim, point->z, f->output);
    TRY(NEW(j->lib, float, n *K, "logits", &point->logits));
    for (int64_t i = 0; i < n * K; i++) {
        /* of two classes the difference is known: 0 and the difference are logits of the same */
        bool difference = f->loss == CONVEX_LOGISTIC;
        point->logits[i] =
            difference ? (i % 2 == 1 ? (float)f->output[i / 2] : 0) : (float)f->output[i];
    }
    point->dev = (evaluation){.n = n, .loss = convex_loss_of(&dev, f->output)};
    TRY(metrics_compute(j->task, point->logits, f->dev.label, n, &point->dev.metrics));
    point->score = metrics_score(j->task, &point->dev.metrics);
    return 0;
}

static int fit_point(fitter *f, int64_t dim, linearised_point *point)
{
    double began = clock_seconds();
    convex_data all = stretch(f, &f->train, 0, f->train.n);
    convex_report report;
    point->dim = dim;
    TRY(NEW(f->job->lib, double, dim, "linearised model", &point->z));
    TRY(choose_ridge(f, point));
    memcpy(point->z, f->best, (size_t)dim * sizeof *point->z);
    TRY(convex_fit(f->job->lib, &all, dim, point->ridge, point->z, &report));
    point->iterations += report.iterations;
    point->train_loss = report.loss;
    point->z_norm = sqrt(squares(point->z, dim));
    TRY(score_dev(f, point));
    point->seconds = clock_seconds() - began;
    return 0;
}

static int fit_all(fitter *f)
{
    double began = clock_seconds();
    TRY(open_fitter(f));
    TRY(take_features(f));
    began = clock_seconds();
    for (int64_t i = 0; i < f->result->n; i++) {
        TRY(tell(f, "fit", i, f->result->n, began));
        TRY(fit_point(f, f->options->dims[i], &f->result->point[i]));
    }
    return 0;
}

int linearised_run(job *j, const linearised_options *options, linearised **out)
{
    *out = NULL;
    linearised *l;
    TRY(NEW(j->lib, linearised, 1, "linearised model", &l));
    l->lib = j->lib;
    fitter f = {.job = j, .options = options, .result = l};
    int status = fit_all(&f);
    close_fitter(&f);
    if (status != 0) {
        linearised_free(l);
        return status;
    }
    *out = l;
    return 0;
}

void linearised_free(linearised *l)
{
    if (l == NULL)
        return;
    for (int64_t i = 0; l->point != NULL && i < l->n; i++) {
        memory_free(l->lib, l->point[i].z);
        memory_free(l->lib, l->point[i].logits);
    }
    memory_free(l->lib, l->point);
    memory_free(l->lib, l);
}

static json_t *point_json(const linearised_point *p, const task *t)
{
    json_t *out = json_pack("{s:I, s:o, s:o, s:f, s:f}", "dim", (json_int_t)p->dim, "score",
                            record_number(p->score), "dev", record_evaluation(&p->dev), "ridge",
                            p->ridge, "z_norm", p->z_norm);
    json_object_set_new(out, "train_loss", record_number(p->train_loss));
    json_object_set_new(out, "held_out_loss", record_number(p->held_out));
    json_object_set_new(out, "iterations", json_integer(p->iterations));
    json_object_set_new(out, "seconds", json_real(p->seconds));
    json_object_set_new(out, "predictions", record_predictions(t, p->logits, p->dev.n));
    return out;
}

json_t *linearised_json(const linearised *l, const task *t)
{
    json_t *points = json_array();
    for (int64_t i = 0; i < l->n; i++)
        json_array_append_new(points, point_json(&l->point[i], t));
    return json_pack("{s:I, s:I, s:f, s:I, s:I, s:o}", "train", (json_int_t)l->n_train, "dev",
                     (json_int_t)l->n_dev, "feature_seconds", l->feature_seconds, "feature_bytes",
                     (json_int_t)l->feature_bytes, "dropped", (json_int_t)l->dropped, "points",
                     points);
}
