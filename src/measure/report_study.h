/* A study folder in memory, as the report needs it: the cells of measure.json, and the record and
 * the log of every run in runs/.
 *
 *     study s;
 *     int status = study_read(lib, "DIR", &s);
 *     ...
 *     study_close(&s);                                          also after a failure
 *
 * Everything hangs on one arena and on the parsed documents; all pointers are borrowed from the
 * study. What a file leaves out is NAN, NULL or 0.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_STUDY_H
#define IDIM_MEASURE_REPORT_STUDY_H

#include <jansson.h>

#include "base/arena.h"
#include "base/library.h"
#include "measure/estimate.h"

typedef struct study_answer {
    measure_status status;
    const char *reason;
    double target, d90, low, high;
} study_answer;

/* one finished run: runs/<name>/ */
typedef struct study_run {
    const char *name;           /* hexadecimal digits           */
    const char *method, *error; /* error: why it failed         */
    const json_t *record;
    int64_t dim, seed, steps, bytes; /* bytes of the adapter, 0: none */
    double score, train, rate, seconds;
    double uncoded;                        /* the score before the numbers were coded    */
    double train_error, bound, held_error; /* what a coded adapter certifies; held: test,
                                              where there is none dev */
    double majority_error;                 /* of train's largest class on its rows */
    bool beaten;                           /* the bound lies below it */
    int64_t code_bits;                     /* that the bound counts */
    int64_t n_log;
    const double *step, *loss; /* [n_log] */
} study_run;

/* the runs behind a number; run[i] is NULL where the folder has no record of it */
typedef struct study_names {
    int64_t n;
    const char **name;
    const study_run **run;
} study_names;

/* full, head and bias; runs = 0: there is none */
typedef struct study_level {
    double score, low, high;
    int64_t runs;
    study_names names;
} study_level;

typedef struct study_point {
    double dim, score, low, high, rate;
    int64_t runs, collapsed, n_scores;
    bool counts;          /* false: of a rate that was only tried, no part of the fit */
    const double *scores; /* [n_scores] */
    study_names names;
} study_point;

typedef struct study_curve {
    int64_t n;
    study_point *point; /* without scores and names where it is a fit */
} study_curve;

typedef struct study_cell {
    const char *model, *task, *method, *variation, *metric, *architecture, *fingerprint;
    int64_t n_train, n_dev, parameters, runs, steps;
    double majority, seconds, threshold, checkpoint, linearised_d90, linearised_seconds;
    int64_t dim_low, dim_high; /* of the search */
    study_answer answer, corrected;
    study_level full, head, bias;
    study_curve points, fit, linearised;
    study_names linearised_name;     /* one, or none */
    const json_t *settings, *search; /* objects, or NULL */
} study_cell;

typedef struct study {
    idim *lib;
    const char *folder;
    arena *memory;
    json_t **document; /* [n_documents] */
    int64_t n_documents, room_documents;
    const char *version;
    bool complete;
    int64_t n_cells, n_runs;
    study_cell *cell;
    study_run *run; /* by name */
} study;

int study_read(idim *lib, const char *folder, study *out);
void study_close(study *s);

/* Reads runs/ into s->run; part of study_read, with a file of its own. */
int study_read_runs(study *s);

/* Reads a JSON document that the study keeps. */
int study_document(study *s, const char *path, json_t **out);

/* An array of the arena, zeroed; room for one where count is 0. */
int study_array(study *s, int64_t count, int64_t size, void *out);

/* The run of that name, NULL where there is none. */
const study_run *study_find_run(const study *s, const char *name);

/* Is the name of a run well formed: 16 to 64 lower-case hexadecimal digits, the last of which may
 * be an l? */
bool study_is_name(const char *name);

/* The last part of a path, for people; never empty. */
const char *study_base_name(const char *path);

#endif
