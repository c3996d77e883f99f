/* A cell: one model, one task, one way to span the subspace; the question d90 is the answer to.
 *
 * Its runs are named by their settings and live in the ledger, so a cell has no state of its own:
 * what is known, what is to be done next and the answer are all functions of the finished runs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_CELL_H
#define IDIM_MEASURE_CELL_H

#include <jansson.h>

#include "measure/estimate.h"
#include "measure/job.h"
#include "measure/ledger.h"
#include "measure/search.h"

enum { CELL_NEXT = 512 };

typedef struct cell_run {
    run_request request;
    char name[LEDGER_NAME + 1];
    bool failed, collapsed;
    bool counts;  /* enters the estimate */
    double score; /* the judging metric on dev; NaN when failed */
    double train; /* on some train rows; NaN: not known         */
    double rate;
    double seconds;
    int64_t steps;
    float *prediction; /* [dev.n], NULL when failed; owned */
} cell_run;

typedef struct cell_name {
    run_request request;
    char name[LEDGER_NAME + 1];
} cell_name;

typedef struct cell {
    idim *lib;
    spec *spec;      /* of measure, one value each */
    char *variation; /* the subspace settings that are not the defaults, for people */
    char key[LEDGER_NAME + 1];
    search_options search;
    cell_run *run; /* [n_runs] finished, in the order of their requests' kind, d, rate, seed */
    int64_t n_runs, room;
    run_request next[CELL_NEXT]; /* [n_next] of this round, not finished */
    char next_name[CELL_NEXT][LEDGER_NAME + 1];
    int64_t n_next;
    cell_name *named; /* [n_named] requests whose names are known */
    int64_t n_named, named_room;
    char linearised[LEDGER_NAME + 1]; /* its name once it is known */
    const char *why;                  /* why the search is over; NULL: it is not */
    bool done;                        /* nothing is left to do, the linearised model included */
    bool estimated;
    estimate estimate;
} cell;

/* "20" runs, or "90m" as seconds (runs is then 0, and seconds INFINITY otherwise). false: neither.
 */
bool cell_budget(const char *text, int64_t *runs, double *seconds);

/* settings: those of measure, one value each. */
int cell_new(idim *lib, const json_t *settings, cell **out);
void cell_free(cell *c);

/* Do the two read the same model and data? Then one job serves both. */
bool cell_same_base(const cell *a, const cell *b);

/* Opens the job that the cell's runs need. */
int cell_open_job(cell *c, job *out);

/* Points an open job at this cell: its range of d, the plan of its search. */
int cell_begin(cell *c, job *j);

/* Makes the job the one that a request asks for, and names its run. */
int cell_aim(const cell *c, job *j, const run_request *request, char name[LEDGER_NAME + 1]);

/* Takes in what has been finished, and finds what is next. */
int cell_refresh(cell *c, job *j, const ledger *l);

/* The settings common to the cell's runs: tune's, without dim. */
json_t *cell_settings(const cell *c);

/* The linearised model of the cell is a run of the ledger, too: its name, and its record's curve
 * with the d where that crosses the cell's target; null before it is there. Only where the settings
 * ask for it (--linearised). */
bool cell_wants_linearised(const cell *c);
int cell_linearised_name(const cell *c, job *j, char name[LEDGER_NAME + 1]);
int cell_linearised_json(const cell *c, job *j, const ledger *l, json_t **out);

/* The answer so far, as measure.json holds it. */
int cell_json(const cell *c, job *j, const ledger *l, json_t **out);

/* "said d = 200, seed 43", for people */
void cell_run_title(const cell *c, const run_request *request, char text[128]);

#endif
