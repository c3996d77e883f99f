/* Records from the things a job opened.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

json_t *record_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *record_evaluation(const evaluation *e)
{
    json_t *out = json_object();
    for (int64_t i = 0; i < e->metrics.n; i++)
        json_object_set_new(out, e->metrics.name[i], record_number(e->metrics.value[i]));
    json_object_set_new(out, "loss", record_number(e->loss));
    json_object_set_new(out, "n", json_integer(e->n));
    return out;
}

json_t *record_split(const split *s)
{
    if (s->path == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "path", s->path, "sha256", s->sha256, "n",
                     (json_int_t)s->n, "truncated", (json_int_t)s->truncated, "skipped",
                     (json_int_t)s->skipped);
}

json_t *record_labels(const task *t)
{
    if (t->label_name == NULL)
        return json_null();
    json_t *out = json_array();
    for (int64_t i = 0; i < t->n_labels; i++)
        json_array_append_new(out, json_string(t->label_name[i]));
    return out;
}

json_t *record_predictions(const task *t, const float *logits, int64_t n)
{
    json_t *out = json_array();
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits + i * t->n_labels;
        if (t->kind == TASK_REGRESSION || t->kind == TASK_LANGUAGE)
            json_array_append_new(out, record_number((double)row[0]));
        else
            json_array_append_new(out, json_integer(metrics_class(row, t->n_labels)));
    }
    return out;
}

static json_t *model_part(const idim_model *m)
{
    json_t *notes = json_array();
    for (int64_t i = 0; i < m->n_notes; i++)
        json_array_append_new(notes, json_string(m->notes[i]));
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "path", m->path, "architecture",
                     m->arch->model_type, "parameters", (json_int_t)m->weights->size, "fingerprint",
                     m->fingerprint, "notes", notes);
}

static json_t *task_part(const task *t)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", t->name, "metric", t->metric,
                     "train", record_split(&t->splits[SPLIT_TRAIN]), "dev",
                     record_split(&t->splits[SPLIT_DEV]), "test",
                     record_split(&t->splits[SPLIT_TEST]), "labels", record_labels(t));
}

static json_t *settings_part(const spec *s)
{
    char *text;
    if (spec_canonical(s, &text) != 0)
        return NULL;
    json_t *settings = json_loads(text, 0, NULL);
    memory_free(spec_library(s), text);
    return settings;
}

json_t *record_adapter(const job *j)
{
    char *text;
    if (j->adapter == NULL || adapter_describe(j->adapter, &text) != 0)
        return json_null();
    json_t *out = json_loads(text, 0, NULL);
    memory_free(j->lib, text);
    return out;
}

json_t *record_begin(const job *j)
{
    json_t *settings = settings_part(j->spec);
    if (settings == NULL)
        return NULL;
    json_t *out = json_pack("{s:s, s:s}", "schema", "idim.run/1", "version", IDIM_VERSION);
    json_object_set_new(out, "model", model_part(j->model));
    json_object_set_new(out, "task", task_part(j->task));
    json_object_set_new(out, "settings", settings);
    return out;
}

json_t *record_majority(const job *j)
{
    static const char *const names[N_SPLITS] = {"train", "dev", "test"};
    json_t *out = json_object();
    for (int i = SPLIT_DEV; i < N_SPLITS; i++) {
        const split *s = &j->task->splits[i];
        evaluation e = {.n = s->n, .loss = NAN};
        if (s->label == NULL)
            continue;
        int status = metrics_majority(j->task, (split_name)i, &e.metrics);
        if (status == IDIM_EMEMORY) {
            json_decref(out);
            return NULL;
        }
        if (status == 0)
            json_object_set_new(out, names[i], record_evaluation(&e));
    }
    return out;
}

int record_finish(idim *lib, json_t *record)
{
    char *dumped = record == NULL ? NULL : json_dumps(record, JSON_COMPACT);
    json_decref(record);
    if (dumped == NULL)
        return fail_memory(lib, 4096, "record");

    char *text;
    int status = memory_text(lib, dumped, (int64_t)strlen(dumped), &text);
    free(dumped);
    if (status == 0)
        library_set_result(lib, text);
    return status;
}

int64_t record_peak_memory(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (int64_t)usage.ru_maxrss * 1024; /* Linux counts in KiB */
}
