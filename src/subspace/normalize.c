/* The rules, one function each.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/normalize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* every weight moves alike: E |P z|^2 = |z|^2 over the model (Li et al. 2018) */
static double global_rms(const normalize_tensor *t, const normalize_model *m)
{
    (void)t;
    return 1 / sqrt(m->size);
}

/* every tensor moves by |z| (the public code of Aghajanyan et al. 2021) */
static double tensor_rms(const normalize_tensor *t, const normalize_model *m)
{
    (void)m;
    return 1 / sqrt(t->size);
}

/* Every tensor moves in proportion to its own norm. A tensor of (nearly) zeros, a fresh bias, moves
 * as if its entries were a tenth of the model's typical entry. */
static double weight_rms(const normalize_tensor *t, const normalize_model *m)
{
    if (m->squares == 0)
        return 1;
    double mean = t->squares / t->size, least = m->squares / m->size / 100;
    return sqrt(mean > least ? mean : least);
}

/* as tensor, with a tensor of few entries taken for one of 2000 more */
static double capped_rms(const normalize_tensor *t, const normalize_model *m)
{
    (void)m;
    return 1 / sqrt(t->size + 2000);
}

/* As capped, with what moves every input alike (biases, embedding tables) held back tenfold: they
 * jitter first and teach least (docs/defaults.md). Norms keep theirs. */
static double balanced_rms(const normalize_tensor *t, const normalize_model *m)
{
    bool is_bias = t->param->is_bias && !t->param->is_norm;
    bool is_table = t->param->block == 0 && t->param->rows > 1;
    return (is_bias || is_table ? 0.1 : 1) * capped_rms(t, m);
}

static const normalize rules[] = {
    {"global", "every weight moves alike", global_rms, false},
    {"tensor", "every tensor moves by the same length", tensor_rms, false},
    {"weight", "every tensor moves in proportion to its norm", weight_rms, true},
    {"capped", "as tensor, but a tensor of n entries as one of n + 2000", capped_rms, false},
    {"balanced", "as capped, biases and embedding tables a tenth of that", balanced_rms, false},
};

enum { N_RULES = sizeof rules / sizeof rules[0] };

const normalize *normalize_find(const char *name)
{
    for (int64_t i = 0; i < N_RULES; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

void normalize_names(char *out, size_t room)
{
    size_t used = 0;
    for (int64_t i = 0; i < N_RULES && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? ", " : "", rules[i].name);
}

static double sum_of_squares(const real *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

void normalize_all(const normalize *rule, const params *p, const bool *projected, double *rms)
{
    /* rms holds the sums of squares until the model's is known */
    normalize_model m = {0};
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        rms[i] = projected[i] ? sum_of_squares(p->theta0 + t->offset, param_size(t)) : 0;
        m.squares += rms[i];
        m.size += projected[i] ? (double)param_size(t) : 0;
    }

    double total = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (!projected[i])
            continue;
        normalize_tensor t = {&p->item[i], (double)param_size(&p->item[i]), rms[i]};
        rms[i] = rule->rms(&t, &m);
        total += t.size * rms[i] * rms[i];
    }
    if (rule->unit && total > 0)
        for (int64_t i = 0; i < p->n; i++)
            rms[i] = rms[i] / sqrt(total);
}
