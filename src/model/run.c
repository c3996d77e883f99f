/* A batch through the model: logits, loss, gradients.
 *
 * SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <string.h>

#include "tape/ops.h"

static loss_kind loss_of(model_problem problem)
{
    switch (problem) {
    case PROBLEM_REGRESSION:
        return LOSS_SQUARED;
    case PROBLEM_MULTI_LABEL:
        return LOSS_BINARY;
    case PROBLEM_CLASSES:
    case PROBLEM_LANGUAGE: /* not by labels */
        break;
    }
    return LOSS_CROSS_ENTROPY;
}

int64_t model_terms(const idim_model *m, int64_t examples, int64_t tokens)
{
    return m->problem == PROBLEM_LANGUAGE ? tokens - examples : examples;
}

/* there must be something that the loss is the mean of */
static int check_terms(const idim_model *m, const idim_batch *b)
{
    for (int64_t i = 0; i < b->n; i++)
        if (b->start[i + 1] - b->start[i] < 2)
            return fail(m->lib, IDIM_EARGUMENT,
                        "batch: sequence %lld: expected at least 2 tokens, found %d", (long long)i,
                        b->start[i + 1] - b->start[i]);
    return 0;
}

static int check_labels(const idim_model *m, const idim_batch *b)
{
    if (m->problem == PROBLEM_LANGUAGE)
        return check_terms(m, b);
    if (b->label == NULL)
        return fail(m->lib, IDIM_EARGUMENT, "batch: label: expected labels for a loss, found none");
    for (int64_t i = 0; i < b->n && m->problem == PROBLEM_CLASSES; i++) {
        float label = b->label[i];
        /* a NaN is in no range */
        if (!(label >= 0 && label < (float)m->n_labels) || label != (float)(int64_t)label)
            return fail(m->lib, IDIM_EARGUMENT,
                        "batch: label[%lld]: expected a class from 0 to %lld, found %g",
                        (long long)i, (long long)m->n_labels - 1, (double)label);
    }
    return 0;
}

int model_forward(const idim_model *m, tape *t, const idim_batch *batch, double *mean_loss,
                  real *logits)
{
    TRY(arch_check_batch(m->lib, &m->config, batch));
    if (mean_loss != NULL)
        TRY(check_labels(m, batch));

    tape_set_precision(t, m->precision);
    var *out = m->arch->forward(t, &m->config, batch);
    TRY(tape_status(t));
    if (logits != NULL)
        tape_read(t, out, logits);
    if (mean_loss != NULL) {
        out = m->problem == PROBLEM_LANGUAGE
                  ? mean_of_first(t, out, model_terms(m, batch->n, batch->start[batch->n]))
                  : loss(t, out, loss_of(m->problem), batch->label);
        TRY(tape_status(t));
        real value;
        tape_read(t, out, &value);
        *mean_loss = (double)value;
    }
    return 0;
}

int model_backward(const idim_model *m, tape *t, double weight, const gradient_sink *sink)
{
    (void)m;
    const real seed = (real)weight;
    return tape_backward(t, tape_last(t), &seed, sink);
}

/* ---- the public calls ---------------------------------------------------------------------------
 */

static int ready(idim_model *m, const bool *trained)
{
    library_clear(m->lib);
    if (m->scratch == NULL)
        TRY(tape_new(m->lib, m->weights, &m->scratch));
    tape_begin(m->scratch, trained, (tape_training){.on = false});
    return 0;
}

int idim_model_predict(idim_model *model, const idim_batch *batch, float *logits)
{
    TRY(ready(model, NULL));
    int64_t count = batch->n * model->n_labels;
    real *values;
    TRY(NEW(model->lib, real, count > 0 ? count : 0, "logits", &values));
    int status = model_forward(model, model->scratch, batch, NULL, values);
    for (int64_t i = 0; i < count && status == 0; i++)
        logits[i] = (float)values[i];
    memory_free(model->lib, values);
    return status;
}

typedef struct full_gradient {
    const params *weights;
    float *out; /* [D] */
} full_gradient;

static void fold_full(void *user, int64_t i, const gradient *g)
{
    const full_gradient *full = user;
    float *out = full->out + full->weights->item[i].offset;
    for (int64_t run = 0; run < g->n; run++)
        for (int64_t j = 0; j < g->length; j++)
            out[g->first[run] + j] += (float)g->value[run * g->length + j];
}

int idim_model_loss(idim_model *model, const idim_batch *batch, double *mean_loss, float *out)
{
    const params *p = model->weights;
    bool *trained = NULL;
    library_clear(model->lib);
    if (out != NULL) {
        TRY(NEW(model->lib, bool, p->n, "trained weights", &trained));
        for (int64_t i = 0; i < p->n; i++)
            trained[i] = true;
        memset(out, 0, (size_t)p->size * sizeof *out);
    }
    full_gradient full = {p, out};
    gradient_sink sink = {&full, fold_full, trained};
    int status = ready(model, trained);
    if (status == 0)
        status = model_forward(model, model->scratch, batch, mean_loss, NULL);
    if (status == 0 && out != NULL)
        status = model_backward(model, model->scratch, 1, &sink);
    memory_free(model->lib, trained);
    return status;
}
