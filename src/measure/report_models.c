/* Families and their relations.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_models.h"

#include <math.h>
#include <string.h>

enum { FEWEST = 3 };

/* ---- families -------------------------------------------------------------------------------- */

static bool is_relative(const study_cell *a, const study_cell *b)
{
    return b->answer.status == MEASURE_OK && strcmp(a->task, b->task) == 0 &&
           strcmp(a->method, b->method) == 0 && strcmp(a->variation, b->variation) == 0;
}

/* (train - dev) / (1 - dev) of accuracies, mean over the runs of the point nearest d90 */
static double gap_at_d90(const study_cell *c)
{
    const study_point *nearest = NULL;
    double best = INFINITY, train = 0, dev = 0;
    int64_t n = 0;
    if (strcmp(c->metric, "accuracy") != 0)
        return NAN;
    for (int64_t i = 0; i < c->points.n; i++) {
        double distance = fabs(log(c->points.point[i].dim / c->answer.d90));
        if (c->points.point[i].counts && distance < best) {
            best = distance;
            nearest = &c->points.point[i];
        }
    }
    for (int64_t i = 0; nearest != NULL && i < nearest->names.n; i++) {
        const study_run *r = nearest->names.run[i];
        if (r == NULL || !isfinite(r->train) || !isfinite(r->score))
            continue;
        train += r->train;
        dev += r->score;
        n++;
    }
    return n > 0 && dev < (double)n ? (train - dev) / ((double)n - dev) : (double)NAN;
}

static int gather(study *s, int64_t first, family *out)
{
    out->n = 0;
    TRY(study_array(s, s->n_cells, sizeof out->member[0], &out->member));
    for (int64_t i = first; i < s->n_cells; i++)
        if (is_relative(&s->cell[first], &s->cell[i]))
            out->member[out->n++] = (family_member){&s->cell[i], gap_at_d90(&s->cell[i])};
    return 0;
}

int families_find(study *s, family **out, int64_t *n)
{
    *n = 0;
    TRY(study_array(s, s->n_cells, sizeof **out, out));
    for (int64_t i = 0; i < s->n_cells; i++) {
        bool known = s->cell[i].answer.status != MEASURE_OK;
        int64_t members = 0;
        for (int64_t k = 0; k < i; k++)
            known = known || (is_relative(&s->cell[i], &s->cell[k]));
        for (int64_t k = i; k < s->n_cells; k++)
            members += is_relative(&s->cell[i], &s->cell[k]);
        if (known || members < FEWEST)
            continue;
        TRY(gather(s, i, &(*out)[*n]));
        *n += 1;
    }
    return 0;
}

/* ---- relations ------------------------------------------------------------------------------- */

static const relation_data relations[N_RELATIONS] = {
    [D90_BY_PARAMETERS] = {D90_BY_PARAMETERS,
                           "d90-parameters",
                           "weights of the model (log)",
                           "d90 (log)",
                           true,
                           true,
                           false,
                           NULL,
                           0,
                           {NAN, NAN, NAN}},
    [D90_BY_STEP] = {D90_BY_STEP,
                     "d90-step",
                     "training step of the checkpoint",
                     "d90 (log)",
                     false,
                     true,
                     false,
                     NULL,
                     0,
                     {NAN, NAN, NAN}},
    [ACCURACY_BY_D90] = {ACCURACY_BY_D90,
                         "accuracy-d90",
                         "d90 (log)",
                         "score of full fine-tuning on dev",
                         true,
                         false,
                         true,
                         NULL,
                         0,
                         {NAN, NAN, NAN}},
    [GAP_BY_D90] = {GAP_BY_D90,
                    "gap-d90",
                    "d90 (log)",
                    "relative generalisation gap",
                    true,
                    false,
                    true,
                    NULL,
                    0,
                    {NAN, NAN, NAN}},
};

static relation_point point_of(const family_member *m, relation kind, int64_t index)
{
    const study_answer *a = &m->cell->answer;
    bool checkpoint = isfinite(m->cell->checkpoint);
    relation_point p = {index, a->d90, a->d90, a->low, a->high};
    switch (kind) {
    case D90_BY_PARAMETERS:
        p.x = checkpoint || m->cell->parameters == 0 ? (double)NAN : (double)m->cell->parameters;
        break;
    case D90_BY_STEP:
        p.x = m->cell->checkpoint;
        break;
    case ACCURACY_BY_D90:
        p.y = m->cell->full.score;
        break;
    default:
        p.y = m->gap;
        break;
    }
    return p;
}

/* the standard error of log d90 that its interval stands for; an open end is taken as the other */
static double log_error(const relation_point *p, double d90)
{
    double down = p->low > 0 ? log(d90 / p->low) : (double)NAN;
    double up = isfinite(p->high) ? log(p->high / d90) : (double)NAN;
    if (!isfinite(down) && !isfinite(up))
        return 0;
    down = isfinite(down) ? down : up;
    up = isfinite(up) ? up : down;
    double error = (down + up) / (2 * 1.96);
    return error > 0 ? error : 0;
}

static int correlate(study *s, relation_data *r)
{
    rank_sample *sample;
    TRY(study_array(s, r->n, sizeof *sample, &sample));
    for (int64_t i = 0; i < r->n; i++) {
        const relation_point *p = &r->point[i];
        /* log d90, so that its error is one number; ranks do not change */
        sample[i] = r->across ? (rank_sample){log(p->x), p->y, log_error(p, p->x), 0}
                              : (rank_sample){p->x, log(p->y), 0, log_error(p, p->y)};
    }
    return rank_correlation(s->lib, sample, r->n, &r->rank);
}

static void insert(relation_data *r, relation_point p)
{
    int64_t k = r->n++;
    for (; k > 0 && r->point[k - 1].x > p.x; k--)
        r->point[k] = r->point[k - 1];
    r->point[k] = p;
}

int family_relation(study *s, const family *f, relation kind, relation_data *out)
{
    *out = relations[kind];
    TRY(study_array(s, f->n, sizeof out->point[0], &out->point));
    for (int64_t i = 0; i < f->n; i++) {
        relation_point p = point_of(&f->member[i], kind, i);
        if (isfinite(p.x) && isfinite(p.y))
            insert(out, p);
    }
    if (out->n < FEWEST || !(out->point[0].x < out->point[out->n - 1].x)) {
        out->n = 0;
        return 0;
    }
    /* steps over more than two decades are read on a logarithmic axis */
    if (kind == D90_BY_STEP && out->point[0].x > 0 &&
        out->point[out->n - 1].x / out->point[0].x > 100)
        out->x_log = true;
    return correlate(s, out);
}
