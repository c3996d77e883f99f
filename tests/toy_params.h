/* A model of a few tensors for the tests of the subspace: two layers, embeddings, a head, of sizes
 * that are and are not powers of two.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_TOY_PARAMS_H
#define IDIM_TESTS_TOY_PARAMS_H

#include "base/random.h"
#include "weights/params.h"

typedef struct toy_row {
    const char *name;
    int64_t rows, cols;
    int32_t block, module;
    param_role role;
    bool is_bias;
} toy_row;

static const toy_row toy_rows[] = {
    {"embeddings.word.weight", 50, 24, 0, 0, ROLE_BODY, false},
    {"embeddings.norm.weight", 1, 24, 0, 1, ROLE_BODY, false},
    {"layer.0.dense.weight", 96, 24, 1, 2, ROLE_BODY, false},
    {"layer.0.dense.bias", 1, 96, 1, 2, ROLE_BODY, true},
    {"layer.1.dense.weight", 64, 128, 2, 3, ROLE_BODY, false},
    {"layer.1.dense.bias", 1, 64, 2, 3, ROLE_BODY, true},
    {"pooler.weight", 24, 24, 3, 4, ROLE_POOLER, false},
    {"pooler.bias", 1, 24, 3, 4, ROLE_POOLER, true},
    {"classifier.weight", 2, 24, 3, 5, ROLE_CLASSIFIER, false},
    {"classifier.bias", 1, 2, 3, 5, ROLE_CLASSIFIER, true},
};

enum { TOY_TENSORS = sizeof toy_rows / sizeof toy_rows[0] };

/* n draws of about unit variance, a function of (seed, key) */
static inline void toy_fill(uint64_t seed, uint64_t key, real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        random_words(seed, STREAM_SPLIT, key, (uint32_t)(i / 4), words);
        x[i] = (real)(((double)words[i % 4] / 4294967296.0 - 0.5) * 3.4641016151377544);
    }
}

/* theta0 about 0.05, biases of the head 0 */
static inline params *toy_params(idim *lib)
{
    params *p;
    if (params_new(lib, &p) != 0)
        abort();
    for (int i = 0; i < TOY_TENSORS; i++) {
        const toy_row *r = &toy_rows[i];
        param like = {.name = (char *)(uintptr_t)r->name,
                      .rows = r->rows,
                      .cols = r->cols,
                      .block = r->block,
                      .module = r->module,
                      .role = r->role,
                      .is_bias = r->is_bias};
        if (params_add(p, &like, NULL) != 0)
            abort();
    }
    if (params_allocate(p) != 0)
        abort();
    toy_fill(1, 1, p->theta0, p->size);
    for (int64_t j = 0; j < p->size; j++)
        p->theta0[j] *= (real)0.05;
    const param *last = &p->item[p->n - 1];
    for (int64_t j = 0; j < param_size(last); j++)
        p->theta0[last->offset + j] = 0;
    return p;
}

#endif
