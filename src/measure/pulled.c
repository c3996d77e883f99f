/* One example is one batch; its weight gradients are folded into d numbers as they are finished.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/pulled.h"

#include <math.h>
#include <string.h>

struct pulled {
    idim *lib;
    idim_model *model;
    subspace *space;
    tape *tape;
    pulled_of of;
    int64_t rows, d;
    real *x;             /* [d] */
    real *logits, *seed; /* [n_labels] */
    batch_buffer batch;
};

static int make(pulled *p, const real *x)
{
    int64_t n_labels = p->model->n_labels;
    TRY(tape_new(p->lib, p->model->weights, &p->tape));
    TRY(NEW(p->lib, real, p->d, "trained numbers", &p->x));
    TRY(NEW(p->lib, real, n_labels, "logits", &p->logits));
    TRY(NEW(p->lib, real, n_labels, "logits", &p->seed));
    if (x != NULL)
        memcpy(p->x, x, (size_t)p->d * sizeof *x);
    else
        subspace_origin(p->space, p->x);
    return 0;
}

int pulled_new(idim_model *m, subspace *s, const real *x, pulled_of of, pulled **out)
{
    *out = NULL;
    if (m->problem == PROBLEM_MULTI_LABEL)
        return fail(m->lib, IDIM_EUNSUPPORTED,
                    "%s: expected a head of classes or of one value, found one of several labels "
                    "at a time",
                    m->path);
    if (of == PULLED_LOGITS && m->problem == PROBLEM_LANGUAGE)
        return fail(m->lib, IDIM_EUNSUPPORTED,
                    "of: expected loss: the logits of a language model are as many as its "
                    "vocabulary, for every token");
    pulled *p;
    TRY(NEW(m->lib, pulled, 1, "gradients", &p));
    p->lib = m->lib;
    p->model = m;
    p->space = s;
    p->of = of;
    p->d = subspace_dim(s);
    p->rows = of == PULLED_LOGITS && m->n_labels > 2 ? m->n_labels : 1;
    int status = make(p, x);
    if (status != 0) {
        pulled_free(p);
        return status;
    }
    *out = p;
    return 0;
}

void pulled_free(pulled *p)
{
    if (p == NULL)
        return;
    tape_free(p->tape);
    batch_free(p->lib, &p->batch);
    memory_free(p->lib, p->x);
    memory_free(p->lib, p->logits);
    memory_free(p->lib, p->seed);
    memory_free(p->lib, p);
}

int64_t pulled_rows(const pulled *p)
{
    return p->rows;
}

/* d (row k of what the head says) / d logits, and its value */
static double aim(pulled *p, int64_t k)
{
    int64_t n = p->model->n_labels;
    for (int64_t i = 0; i < n; i++)
        p->seed[i] = i == k;
    if (n != 2)
        return (double)p->logits[k];
    p->seed[0] = -1;
    p->seed[1] = 1;
    return (double)p->logits[1] - (double)p->logits[0];
}

static int pull_row(pulled *p, const idim_batch *batch, int64_t k, real *row, double *value)
{
    const gradient_sink *sink = subspace_sink(p->space);
    subspace_pull_begin(p->space, p->x, row);
    tape_begin(p->tape, sink->trained, (tape_training){.on = false});
    if (p->of == PULLED_LOSS) {
        TRY(model_forward(p->model, p->tape, batch, value, NULL));
        TRY(model_backward(p->model, p->tape, 1, sink));
    } else {
        TRY(model_forward(p->model, p->tape, batch, NULL, p->logits));
        *value = aim(p, k);
        TRY(tape_backward(p->tape, tape_last(p->tape), p->seed, sink));
    }
    subspace_pull_end(p->space);
    return 0;
}

static bool is_finite(const real *row, int64_t n, double value)
{
    double sum = value;
    for (int64_t i = 0; i < n; i++)
        sum += (double)row[i];
    return isfinite(sum);
}

int pulled_example(pulled *p, const split *s, int64_t i, real *row, double *value)
{
    int32_t index = (int32_t)i;
    idim_batch batch;
    TRY(batch_pack(p->lib, s, &index, 1, &p->batch, &batch));
    for (int64_t k = 0; k < p->rows; k++) {
        TRY(pull_row(p, &batch, k, row + k * p->d, &value[k]));
        if (!is_finite(row + k * p->d, p->d, value[k]))
            return fail(p->lib, IDIM_ENOTFINITE,
                        "%s: example %lld: expected a finite gradient, found one that is not",
                        s->path, (long long)i);
    }
    return 0;
}
