/* Which runs a cell needs next. Pure: settings and outcomes in, requests out.
 *
 *     round 0   full fine-tuning at each rate, head, bias, a coarse grid of d
 *     round 1   full fine-tuning at the best rate with more seeds, and d nearer to the target
 *     round 2.. subspace runs around the crossing
 *
 * until the interval is narrow enough or the budget is spent. What a round asks for depends on the
 * outcomes of the rounds before it and on nothing else, so workers that see part of a round
 * all ask for what is left of the same round.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SEARCH_H
#define IDIM_MEASURE_SEARCH_H

#include "measure/estimate.h"

typedef enum run_kind { RUN_FULL, RUN_HEAD, RUN_BIAS, RUN_SUBSPACE } run_kind;

typedef struct run_request {
    run_kind kind;
    int64_t dim;        /* 0 unless RUN_SUBSPACE                                           */
    double rate_factor; /* times the default rate of that kind and d                      */
    int64_t seed;       /* 1, 2, ...: every subspace run of a cell has its own, every full
                           run of one rate too, so that their errors are independent       */
} run_request;

typedef struct run_outcome {
    run_request request;
    bool failed; /* no score: diverged, say */
    double score;
} run_outcome;

enum { SEARCH_RATES = 8 };

/* Start from search_preset(), then change what the user wants otherwise. */
typedef struct search_options {
    double threshold;    /* 0.9                                                   */
    double majority;     /* the constant answer's score on dev; NaN: not known    */
    int64_t low, high;   /* range of d                                            */
    int64_t budget_runs; /* of the whole cell, baselines included                 */
    int64_t seeds;       /* at most so many runs of one d; 0: no limit            */
    double narrow;       /* stop when high / low of the interval is at most this  */

    int64_t n_full_rates; /* one run each in round 0 ... */
    double full_rate[SEARCH_RATES];
    int64_t full_seeds; /* ... then the best gets so many in all                 */
    bool head, bias;
    int64_t coarse;           /* d values of the first grid                          */
    int64_t batch;            /* subspace runs of a later round                      */
    int64_t n_subspace_rates; /* rates each d of the coarse grid is tried at         */
    double subspace_rate[SEARCH_RATES];
} search_options;

/* "quick", "standard" or "thorough" for d from low to high; IDIM_EARGUMENT for another name, or a
 * range that is none. */
int search_preset(idim *lib, const char *name, int64_t low, int64_t high, search_options *out);

/* A sentence if the options make no sense, NULL if they do. */
const char *search_options_wrong(const search_options *o);

/* Writes the requests of the current round that are not among done[n_done] (at most capacity; *n
 * says how many). *n = 0: the search is over, *why says why. Outcomes the search did not ask for
 * are welcome as far as they answer a request (same kind, d, rate and seed) and ignored otherwise.
 * now is the estimate from all that is done, NULL until there is one; it decides only whether the
 * interval is narrow enough to stop, between two rounds. */
int search_next(idim *lib, const search_options *o, const run_outcome *done, int64_t n_done,
                const estimate *now, run_request *out, int64_t capacity, int64_t *n,
                const char **why);

/* counts[i] = whether outcome i enters the estimate: full runs at the best rate; of each d the
 * runs at the best rate for it, judged by that rate's scores at neighbouring d, too. */
int search_counts(idim *lib, const search_options *o, const run_outcome *done, int64_t n_done,
                  bool *counts);

/* At most how many runs the search can ask for (for --dry-run). */
int64_t search_most_runs(const search_options *o);

#endif
