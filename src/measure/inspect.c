/* idim_inspect: what a folder, a task or an adapter holds, before anything is run.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"

#include <string.h>

enum { SHOWN_EXAMPLES = 3 };

static json_t *tensor_part(const param *t)
{
    static const char *const roles[] = {"body", "pooler", "classifier", "language"};
    return json_pack("{s:s, s:[I,I], s:I, s:I, s:s, s:b}", "name", t->name, "shape",
                     (json_int_t)t->rows, (json_int_t)t->cols, "block", (json_int_t)t->block,
                     "module", (json_int_t)t->module, "role", roles[t->role], "fresh", t->fresh);
}

/* how many lambdas --groups would make */
static json_t *groups_part(const params *p)
{
    int64_t blocks = 0, modules = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (p->item[i].block >= blocks)
            blocks = p->item[i].block + 1;
        if (p->item[i].module >= modules)
            modules = p->item[i].module + 1;
    }
    return json_pack("{s:I, s:I, s:I, s:i}", "block", (json_int_t)blocks, "module",
                     (json_int_t)modules, "tensor", (json_int_t)p->n, "none", 1);
}

static json_t *model_part(const idim_model *m)
{
    json_t *tensors = json_array(), *notes = json_array(), *labels = json_null();
    for (int64_t i = 0; i < m->weights->n; i++)
        json_array_append_new(tensors, tensor_part(&m->weights->item[i]));
    for (int64_t i = 0; i < m->n_notes; i++)
        json_array_append_new(notes, json_string(m->notes[i]));
    if (m->label_name != NULL) {
        labels = json_array();
        for (int64_t i = 0; i < m->n_labels; i++)
            json_array_append_new(labels, json_string(m->label_name[i]));
    }
    const arch_config *c = &m->config;
    return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o}",
                     "path", m->path, "architecture", m->arch->model_type, "parameters",
                     (json_int_t)m->weights->size, "fingerprint", m->fingerprint, "hidden",
                     (json_int_t)c->hidden, "layers", (json_int_t)c->layers, "heads",
                     (json_int_t)c->heads, "vocabulary", (json_int_t)c->vocab, "positions",
                     (json_int_t)c->positions, "outputs", (json_int_t)m->n_labels, "own_head",
                     m->own_head, "labels", labels, "groups", groups_part(m->weights), "notes",
                     notes, "tensors", tensors);
}

/* examples of each class; null for regression or without labels */
static json_t *balance_part(const task *t, const split *s)
{
    if (s->label == NULL || t->label_name == NULL)
        return json_null();
    json_t *out = json_object();
    for (int64_t k = 0; k < t->n_labels; k++) {
        int64_t n = 0;
        for (int64_t i = 0; i < s->n; i++)
            n += t->kind == TASK_MULTI_LABEL ? s->label[i * t->n_labels + k] > 0
                                             : (int64_t)s->label[i] == k;
        json_object_set_new(out, t->label_name[k], json_integer(n));
    }
    return out;
}

static json_t *length_part(const split *s)
{
    int64_t shortest = s->n > 0 ? INT64_MAX : 0, longest = 0;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t length = s->start[i + 1] - s->start[i];
        shortest = length < shortest ? length : shortest;
        longest = length > longest ? length : longest;
    }
    double mean = s->n > 0 ? (double)s->start[s->n] / (double)s->n : 0;
    return json_pack("{s:I, s:f, s:I}", "shortest", (json_int_t)shortest, "mean", mean, "longest",
                     (json_int_t)longest);
}

static json_t *text_part(const char *text)
{
    json_t *out = text == NULL ? json_null() : json_string(text);
    return out != NULL ? out : json_string("(not UTF-8)");
}

static json_t *label_set(const task *t, const float *label)
{
    json_t *out = json_array();
    for (int64_t k = 0; k < t->n_labels; k++)
        if (label[k] > 0)
            json_array_append_new(out, json_string(t->label_name[k]));
    return out;
}

static json_t *examples_part(const task *t, const split *s)
{
    json_t *out = json_array();
    for (int64_t i = 0; s->text != NULL && i < s->n && i < SHOWN_EXAMPLES; i++) {
        json_t *label = json_null();
        if (s->label != NULL && t->kind == TASK_MULTI_LABEL)
            label = label_set(t, s->label + i * t->n_labels);
        else if (s->label != NULL && t->kind == TASK_CLASSES)
            label = json_string(t->label_name[(int64_t)s->label[i]]);
        else if (s->label != NULL)
            label = record_number((double)s->label[i]);
        json_array_append_new(out,
                              json_pack("{s:o, s:o, s:o}", "text", text_part(s->text[2 * i]),
                                        "pair", text_part(s->text[2 * i + 1]), "label", label));
    }
    return out;
}

static json_t *split_part(const task *t, const split *s)
{
    json_t *out = record_split(s);
    if (json_is_null(out))
        return out;
    json_object_set_new(out, "balance", balance_part(t, s));
    json_object_set_new(out, "tokens", length_part(s));
    json_object_set_new(out, "examples", examples_part(t, s));
    return out;
}

static json_t *task_part(const task *t)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", t->name, "metric", t->metric,
                     "labels", record_labels(t), "train", split_part(t, &t->splits[SPLIT_TRAIN]),
                     "dev", split_part(t, &t->splits[SPLIT_DEV]), "test",
                     split_part(t, &t->splits[SPLIT_TEST]));
}

int idim_inspect(idim *lib, const char *spec_json)
{
    job j;
    library_clear(lib);
    int status = job_open(lib, "inspect", spec_json, &j);
    if (status == 0) {
        json_t *out = json_pack("{s:s, s:s}", "schema", "idim.inspect/1", "version", IDIM_VERSION);
        if (j.model != NULL)
            json_object_set_new(out, "model", model_part(j.model));
        if (j.task != NULL)
            json_object_set_new(out, "task", task_part(j.task));
        if (j.adapter != NULL)
            json_object_set_new(out, "adapter", record_adapter(&j));
        status = record_finish(lib, out);
    }
    job_close(&j);
    return status;
}
