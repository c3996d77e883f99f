/* idim_gradients: a row of d numbers for every example of a split, as a NumPy file.
 *
 * Rows go to the file as they are made: n x d need not fit in memory. The file takes its name when
 * all of them are there.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/gradients.h"
#include "base/clock.h"
#include "format/npy.h"
#include "measure/pulled.h"
#include "measure/record.h"

#include <math.h>
#include <string.h>

typedef struct writing {
    job job;
    pulled_of of;
    const char *path;
    const split *on;
    pulled *pulled;
    npy_writer file;
    int64_t shape[3]; /* [n][d], or [n][classes][d] */
    int rank;
    real *row;     /* [rows][d] */
    float *out;    /* [rows][d] */
    double *value; /* [rows] */
    double sum;    /* of all values */
    idim_watch *watch;
    void *user;
    double began;
} writing;

/* ---- opening -----------------------------------------------------------------------------------
 */

static int choose_split(writing *w)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    idim *lib = w->job.lib;
    const char *name = spec_text(w->job.spec, "split");
    for (int i = 0; i < N_SPLITS; i++)
        if (strcmp(names[i], name) == 0)
            w->on = &w->job.task->splits[i];
    if (w->on->path == NULL)
        return fail(lib, IDIM_EARGUMENT,
                    "split: expected one of the splits there are, found %s: name its file with "
                    "--%s, or another --split",
                    name, name);
    if (w->of == PULLED_LOSS && w->on->label == NULL)
        return fail(lib, IDIM_EARGUMENT,
                    "%s: expected labels, which a loss needs, found none: --of logits needs none",
                    w->on->path);
    return 0;
}

static int open_rows(writing *w)
{
    job *j = &w->job;
    w->of = strcmp(spec_text(j->spec, "of"), "loss") == 0 ? PULLED_LOSS : PULLED_LOGITS;
    TRY(choose_split(w));
    TRY(pulled_new(j->model, j->space, job_gradient_x(j), w->of, &w->pulled));

    int64_t rows = pulled_rows(w->pulled), d = subspace_dim(j->space);
    w->shape[w->rank++] = w->on->n;
    if (rows > 1)
        w->shape[w->rank++] = rows;
    w->shape[w->rank++] = d;
    TRY(NEW(j->lib, real, rows * d, "gradient", &w->row));
    TRY(NEW(j->lib, float, rows *d, "gradient", &w->out));
    return NEW(j->lib, double, rows, "gradient", &w->value);
}

static void close_rows(writing *w)
{
    idim *lib = w->job.lib;
    pulled_free(w->pulled);
    memory_free(lib, w->row);
    memory_free(lib, w->out);
    memory_free(lib, w->value);
}

/* ---- the rows ----------------------------------------------------------------------------------
 */

static int tell(const writing *w, int64_t done)
{
    double spent = clock_seconds() - w->began;
    idim_progress progress = {
        .phase = "gradients",
        .step = done,
        .steps = w->on->n,
        .loss = w->of == PULLED_LOSS && done > 0 ? w->sum / (double)done : NAN,
        .seconds_left = done > 0 ? spent / (double)done * (double)(w->on->n - done) : -1,
        .score = NAN};
    if (w->watch != NULL && w->watch(w->user, &progress) != 0)
        return fail(w->job.lib, IDIM_ESTOPPED, "stopped before the end: nothing was written");
    return 0;
}

static int write_rows(writing *w)
{
    int64_t rows = pulled_rows(w->pulled), n = rows * subspace_dim(w->job.space);
    TRY(tell(w, 0));
    for (int64_t i = 0; i < w->on->n; i++) {
        TRY(pulled_example(w->pulled, w->on, i, w->row, w->value));
        for (int64_t j = 0; j < n; j++)
            w->out[j] = (float)w->row[j];
        TRY(npy_put(&w->file, w->out, n));
        for (int64_t k = 0; k < rows; k++)
            w->sum += w->value[k];
        TRY(tell(w, i + 1));
    }
    return npy_finish(&w->file);
}

static json_t *shape_part(const writing *w)
{
    json_t *shape = json_array();
    for (int i = 0; i < w->rank; i++)
        json_array_append_new(shape, json_integer(w->shape[i]));
    return shape;
}

static int make_record(const writing *w)
{
    const job *j = &w->job;
    double seconds = clock_seconds() - w->began, n = (double)w->on->n;
    json_t *out = record_begin(j);
    json_object_set_new(out, "schema", json_string("idim.gradients/1"));
    json_object_set_new(out, "path", json_string(w->path));
    json_object_set_new(out, "bytes", json_integer(npy_bytes(w->shape, w->rank)));
    json_object_set_new(out, "shape", shape_part(w));
    json_object_set_new(out, "of", json_string(spec_text(j->spec, "of")));
    json_object_set_new(out, "split", json_string(spec_text(j->spec, "split")));
    json_object_set_new(out, "dim", json_integer(subspace_dim(j->space)));
    json_object_set_new(out, "loss",
                        w->of == PULLED_LOSS && n > 0 ? json_real(w->sum / n) : json_null());
    json_object_set_new(out, "adapter", record_adapter(j));
    json_object_set_new(out, "seconds", json_real(seconds));
    json_object_set_new(out, "seconds_per_example", json_real(n > 0 ? seconds / n : 0));
    json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
    return record_finish(j->lib, out);
}

static int write_file(writing *w)
{
    w->path = spec_text(w->job.spec, "output");
    TRY(npy_create(w->job.lib, w->path, w->shape, w->rank, &w->file));
    w->began = clock_seconds();
    int status = write_rows(w);
    npy_abandon(&w->file);
    return status != 0 ? status : make_record(w);
}

int idim_gradients(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    writing w = {.watch = watch, .user = user};
    library_clear(lib);
    int status = job_open(lib, "gradients", spec_json, &w.job);
    if (status == 0)
        status = open_rows(&w);
    if (status == 0)
        status = write_file(&w);
    close_rows(&w);
    job_close(&w.job);
    return status;
}

/* ---- the plan ----------------------------------------------------------------------------------
 */

/* seconds of one example, the first being there to warm up */
static int time_example(writing *w, double *seconds)
{
    *seconds = 0;
    for (int64_t i = 0; i < 3 && i < w->on->n; i++) {
        double began = clock_seconds();
        TRY(pulled_example(w->pulled, w->on, i, w->row, w->value));
        *seconds = clock_seconds() - began;
    }
    return 0;
}

int gradients_plan(const job *j, double opening, json_t *out)
{
    writing w = {.job = *j};
    double seconds = 0;
    int status = open_rows(&w);
    if (status == 0)
        status = time_example(&w, &seconds);
    if (status == 0) {
        json_object_set_new(out, "dim", json_integer(subspace_dim(j->space)));
        json_object_set_new(out, "shape", shape_part(&w));
        json_object_set_new(out, "bytes", json_integer(npy_bytes(w.shape, w.rank)));
        json_object_set_new(out, "seconds_per_example", json_real(seconds));
        json_object_set_new(out, "seconds", json_real(opening + seconds * (double)w.on->n));
    }
    close_rows(&w);
    return status;
}
