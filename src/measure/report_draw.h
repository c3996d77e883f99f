/* The figures of a study, each drawn twice: for a desk and for a phone.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_DRAW_H
#define IDIM_MEASURE_REPORT_DRAW_H

#include "base/buffer.h"
#include "measure/report_study.h"

/* Cells of one model, task and variation: what is drawn over each other. */
typedef struct study_group {
    const study_cell **cell; /* [n] */
    int64_t n;
    const char *slug; /* a file name: letters of the model and the task */
} study_group;

/* Groups in the order of their first cells, those without a variation before the others; from the
 * study's arena. */
int study_groups(study *s, study_group **out, int64_t *n);

/* Score against d; `narrow` for a phone. Nothing where no cell has a point. */
void draw_score(buffer *b, const study_group *g, bool narrow);
bool has_score(const study_group *g);

/* Was some d tried at a rate that does not count? */
bool has_other_rates(const study_cell *c);

/* The runs of a point; none where its rate does not count. */
const study_names *counted_names(const study_point *p);

/* Training loss against the step, a line a dimension. */
void draw_training(buffer *b, const study_cell *c, bool narrow);
bool has_training(const study_cell *c);

/* Full fine-tuning's score and the target; NAN where the cells do not share one. */
double group_full(const study_group *g);
double group_target(const study_group *g);

/* Score against the bytes of the adapters, as wide as a phone; cell i has series i. */
void draw_bytes(buffer *b, const study_group *g);
bool has_bytes(const study_group *g);

/* The bound of coded adapters against their error on rows that were held out, as draw_bytes. */
void draw_bounds(buffer *b, const study_group *g);
bool has_bounds(const study_group *g);

/* d90 with its interval, a row a cell with an answer, in the order of the groups. */
void draw_intervals(buffer *b, const study *s, const study_group *groups, int64_t n, bool narrow);
bool has_intervals(const study *s);

enum { TRAINING_BINS = 30 };

/* The mean loss of some runs in n_bins equal parts of the training (TRAINING_BINS at most), NAN
 * where there is none; *steps is the last step of the longest. */
void training_bins(const study_run *const *run, int64_t n, int64_t n_bins, double *bin,
                   double *steps);

#endif
