/* One training run: from an open tune job to adapter and record, resumable at any step.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_RUN_H
#define IDIM_MEASURE_RUN_H

#include "measure/job.h"

typedef struct run_options {
    const char *folder; /* for log, checkpoint, adapters, record; NULL: nothing is written */
    idim_watch *watch;  /* may be NULL */
    void *user;
    bool in_study; /* the record also holds the predictions on dev and the score of some of the
                      train rows, best.idim and adapters above a megabyte are not kept */
} run_options;

/* Trains, or goes on from the folder's checkpoint, or finds the folder's record of this very run
 * and does nothing. The record becomes the library's result. IDIM_EMISMATCH when the folder holds
 * another run, IDIM_ESTOPPED when the watch, which is asked after every step and every batch
 * that is scored, says so (the same call goes on). */
int run_job(job *j, const run_options *options);

/* The trainer of a job's run, at its beginning. */
int run_trainer(job *j, trainer **out);

/* What a run of that trainer does beside its steps, at most; for who foresees its time. */
typedef struct run_beside {
    int64_t scored_tokens;
    int64_t codings; /* of the trained numbers */
    int64_t written; /* bytes of adapters and of the least checkpoints */
} run_beside;
run_beside run_foresee(const job *j, const trainer *t, bool in_study);

#endif
