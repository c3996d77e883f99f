/* Studies over models: how d90 goes with the size of a model and with the training step of its
 * checkpoints, and how accuracy and generalisation go with d90.
 *
 * A family is one task, method and variation asked of at least three models or checkpoints with an
 * answer. Relations that fewer than three of them can show are left out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_MODELS_H
#define IDIM_MEASURE_REPORT_MODELS_H

#include "measure/report_page.h"
#include "measure/report_rank.h"

typedef enum relation {
    D90_BY_PARAMETERS,
    D90_BY_STEP,
    ACCURACY_BY_D90, /* of full fine-tuning                                           */
    GAP_BY_D90,      /* (train - dev) / (1 - dev) of the runs with the d nearest d90  */
    N_RELATIONS
} relation;

typedef struct family_member {
    const study_cell *cell;
    double gap; /* NAN: no run near d90 was scored on its training rows */
} family_member;

typedef struct family {
    family_member *member; /* [n], cells with an answer */
    int64_t n;
} family;

typedef struct relation_point {
    int64_t member; /* its index */
    double x, y, low, high;
} relation_point;

typedef struct relation_data {
    relation kind;
    const char *name, *x_name, *y_name; /* name: letters for a file */
    bool x_log, y_log, across;          /* across: low and high are along x */
    relation_point *point;              /* [n], by rising x */
    int64_t n;
    rank_result rank;
} relation_data;

/* From the study's arena. *n is 0 where no task was asked of three models. */
int families_find(study *s, family **out, int64_t *n);

/* out->n is 0 where fewer than three members, or only one x, can show it. */
int family_relation(study *s, const family *f, relation kind, relation_data *out);

/* The section of the page. */
int page_models(const page *p);

/* figures/: models-K.csv and NAME-K.csv, .gp of every relation of family K. */
int export_models(study *s, const char *folder, buffer *names);

#endif
