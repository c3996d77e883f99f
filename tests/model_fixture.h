/* The fixtures of tests/fixtures: model folders with PyTorch's batch, logits, loss and gradients
 * beside them (tools/make_model_fixtures.py for BERT, make_family_fixtures.py for the others).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_MODEL_FIXTURE_H
#define IDIM_TESTS_MODEL_FIXTURE_H

#include <math.h>

#include "check.h"
#include "format/safetensors.h"
#include "model/model.h"

enum { AS_LANGUAGE = -1 };

typedef struct model_case {
    const char *name;
    int64_t n_labels; /* 0: as the folder says; AS_LANGUAGE: none, losses of next tokens */
    const char *pooling;
} model_case;

/* BERT first, then a family after the other */
static const model_case model_cases[] = {
    {"bert/pairs", 0, NULL},
    {"bert/odd", 0, NULL},
    {"bert/wide-heads", 0, NULL},
    {"bert/regression", 0, NULL},
    {"bert/multi-label", 0, NULL},
    {"bert/old-names", 0, NULL},
    {"bert/bare", 3, NULL},
    {"bert/no-pooler", 2, NULL},
    {"bert/long", 0, NULL},
    {"bert/many-heads", 0, NULL},
    {"bert/mean", 0, "mean"},
    {"bert/shards", 0, NULL},
    {"bert/f16", 0, NULL},
    {"bert/bf16", 0, NULL},
    {"roberta/plain", 0, NULL},
    {"roberta/pads", 0, NULL},
    {"roberta/bare", 3, NULL},
    {"xlm-roberta/plain", 0, NULL},
    {"distilbert/plain", 0, NULL},
    {"distilbert/odd", 0, NULL},
    {"distilbert/bare", 1, NULL},
    {"electra/plain", 0, NULL},
    {"electra/same-width", 0, NULL},
    {"electra/bare", 0, NULL},
    {"albert/plain", 0, NULL},
    {"albert/groups", 0, NULL},
    {"albert/bare", 1, NULL},
    {"mpnet/plain", 0, NULL},
    {"mpnet/long", 0, NULL},
    {"mpnet/bare", 1, NULL},
    {"gpt2/plain", 0, NULL},
    {"gpt2/options", 0, NULL},
    {"gpt2/bare", 1, NULL},
    {"llama/plain", 0, NULL},
    {"llama/options", 0, NULL},
    {"llama/bare", 1, NULL},
    {"mistral/plain", 0, NULL},
    {"qwen2/plain", 0, NULL},
    {"qwen3/plain", 0, NULL},
    {"qwen3/biased", 0, NULL},
    {"t5/plain", 0, NULL},
    {"t5/gated", 0, NULL},
    {"t5/bare", 1, NULL},
    {"bart/plain", 0, NULL},
    {"bart/scaled", 0, NULL},
    {"bart/bare", 1, NULL},
    {"opt/plain", 0, NULL},
    {"opt/after", 0, NULL},
    {"opt/unbiased", 0, NULL},
    {"opt/bare", 1, NULL},
    {"xlnet/plain", 0, NULL},
    {"xlnet/options", 0, NULL},
    {"xlnet/bare", 1, NULL},
    {"deberta-v2/plain", 0, NULL},
    {"deberta-v2/buckets", 0, NULL},
    {"deberta-v2/apart", 0, NULL},
    {"deberta-v2/bare", 1, NULL},
    {"xlm-roberta/odd", 0, NULL},
    {"xlm-roberta/bare", 1, NULL},
    {"mistral/window", 0, NULL},
    {"mistral/bare", 1, NULL},
    {"qwen2/window", 0, NULL},
    {"qwen2/bare", 1, NULL},
    {"qwen3/bare", 1, NULL},
    {"bart/pads", 0, NULL},
    {"opt/pads", 0, NULL},
    {"t5/pads", 0, NULL},
    {"deberta-v2/convolved", 0, NULL},
    {"gpt2/language", AS_LANGUAGE, NULL},
    {"gpt2/untied", AS_LANGUAGE, NULL},
    {"llama/language", AS_LANGUAGE, NULL},
    {"llama/tied", AS_LANGUAGE, NULL},
    {"qwen2/language", AS_LANGUAGE, NULL},
    {"qwen3/language", AS_LANGUAGE, NULL},
    {"opt/language", AS_LANGUAGE, NULL},
};

enum { BERT_CASES = 14, MODEL_CASES = sizeof model_cases / sizeof model_cases[0] };

typedef struct model_fixture {
    idim_model *model;
    safetensors *expected;
    idim_batch batch;
    int32_t *ids, *segment, *start;
    float *label;
} model_fixture;

static inline const safetensor *fixture_tensor(const model_fixture *f, const char *name)
{
    const safetensor *t = safetensors_find(f->expected, name);
    if (t == NULL)
        fail_msg("%s: no tensor %s", f->expected->path, name);
    return t;
}

/* to be freed with free() */
static inline real *fixture_values(const model_fixture *f, const char *name, int64_t *n)
{
    const safetensor *t = fixture_tensor(f, name);
    real *value = calloc((size_t)t->elements, sizeof *value);
    assert_non_null(value);
    CHECK_OK(f->expected->lib, safetensors_read(f->expected, t, value, NULL));
    *n = t->elements;
    return value;
}

static inline int32_t *fixture_indices(const model_fixture *f, const char *name, int64_t *n)
{
    real *value = fixture_values(f, name, n);
    int32_t *index = calloc((size_t)*n, sizeof *index);
    assert_non_null(index);
    for (int64_t i = 0; i < *n; i++)
        index[i] = (int32_t)value[i];
    free(value);
    return index;
}

/* the formula of make_model_fixtures.py, for what the folder lacks */
static inline void fixture_fill_fresh(params *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        for (int64_t j = 0; j < param_size(t) && t->fresh; j++)
            p->theta[t->offset + j] = t->is_bias ? 0 : (real)(float)(0.3 * sin(1 + (double)j));
    }
}

static inline model_fixture fixture_open(idim *lib, const model_case *c)
{
    char path[512];
    model_fixture f;
    model_options options = model_defaults();
    snprintf(path, sizeof path, "%s/fixtures/%s", TEST_FOLDER, c->name);
    options.path = path;
    options.n_labels = c->n_labels == AS_LANGUAGE ? 0 : c->n_labels;
    options.problem = c->n_labels == AS_LANGUAGE ? "causal-lm" : NULL;
    if (c->pooling != NULL)
        options.pooling = c->pooling;
    CHECK_OK(lib, model_open(lib, &options, &f.model));
    fixture_fill_fresh(f.model->weights);

    int64_t n;
    snprintf(path, sizeof path, "%s/fixtures/%s/expected.safetensors", TEST_FOLDER, c->name);
    CHECK_OK(lib, safetensors_open(lib, path, &f.expected));
    f.ids = fixture_indices(&f, "ids", &n);
    f.segment = fixture_indices(&f, "segment", &n);
    real *label = fixture_values(&f, "label", &n);
    f.label = calloc((size_t)n, sizeof *f.label);
    for (int64_t i = 0; i < n; i++)
        f.label[i] = (float)label[i];
    free(label);
    f.start = fixture_indices(&f, "start", &n);
    f.batch = (idim_batch){f.ids, f.segment, f.start, f.label, n - 1};
    return f;
}

static inline void fixture_close(model_fixture *f)
{
    free(f->ids);
    free(f->segment);
    free(f->start);
    free(f->label);
    safetensors_close(f->expected);
    model_close(f->model);
}

/* ---- a sink that adds everything into one vector -----------------------------------------------
 */

typedef struct full_sum {
    const params *weights;
    real *value; /* [D] */
    int64_t folds;
} full_sum;

static inline void full_sum_fold(void *user, int64_t i, const gradient *g)
{
    full_sum *s = user;
    s->folds++;
    real *out = s->value + s->weights->item[i].offset;
    for (int64_t run = 0; run < g->n; run++) {
        assert_true(run == 0 || g->first[run] >= g->first[run - 1] + g->length);
        for (int64_t j = 0; j < g->length; j++)
            out[g->first[run] + j] += g->value[run * g->length + j];
    }
}

/* loss and, unless `out` is NULL, the gradient [D] of the trained weights; gives the folds */
static inline int64_t model_gradient(idim_model *m, tape *t, const idim_batch *batch,
                                     const bool *trained, tape_training training, double *loss,
                                     real *out)
{
    full_sum sum = {m->weights, out, 0};
    gradient_sink sink = {&sum, full_sum_fold, trained};
    tape_begin(t, out != NULL ? trained : NULL, training);
    CHECK_OK(m->lib, model_forward(m, t, batch, loss, NULL));
    if (out != NULL) {
        memset(out, 0, (size_t)m->weights->size * sizeof *out);
        CHECK_OK(m->lib, model_backward(m, t, 1, &sink));
    }
    return sum.folds;
}

static inline bool *all_trained(const params *p)
{
    bool *trained = calloc((size_t)p->n, sizeof *trained);
    assert_non_null(trained);
    for (int64_t i = 0; i < p->n; i++)
        trained[i] = true;
    return trained;
}

/* max |found - wanted| / max(largest wanted, floor); infinite when there is a NaN */
static inline double ratio_of(const real *found, const real *wanted, int64_t n, double floor)
{
    double worst = 0, largest = floor;
    for (int64_t i = 0; i < n; i++) {
        double difference = fabs((double)(found[i] - wanted[i]));
        if (!(difference <= worst))
            worst = isnan(difference) ? INFINITY : difference;
        largest = fmax(largest, fabs((double)wanted[i]));
    }
    return worst == 0 ? 0 : worst / largest;
}

static inline double largest_of(const real *x, int64_t n)
{
    double top = 0;
    for (int64_t i = 0; i < n; i++)
        top = fabs((double)x[i]) > top ? fabs((double)x[i]) : top;
    return top;
}

#endif
