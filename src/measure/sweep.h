/* What one call of measure holds while it works on a study's cells.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_SWEEP_H
#define IDIM_MEASURE_SWEEP_H

#include "measure/cell.h"
#include "measure/ledger.h"

typedef struct sweep {
    idim *lib;
    char *folder;
    ledger ledger;
    cell **cell;
    int64_t n_cells, at; /* at: the one being worked on */
    job job;             /* of cell `opened`; -1: none  */
    int64_t opened;
    idim_watch *watch;
    void *user;
    double began, deadline; /* seconds; deadline INFINITY: none */
    claim *claim;           /* of the run in progress           */
    char title[200];
    bool lost; /* another has taken the claim      */
    bool late; /* the run was stopped at the deadline */
} sweep;

/* Does the claimed run for which the job is aimed, and publishes it. What it cannot do because of
 * its settings is published as a failure; a claim lost to another, the deadline, or a
 * stop gives the run back. */
int sweep_train(sweep *s, claim *held);

/* The same for the linearised model at the job's d and all smaller ones. */
int sweep_linearise(sweep *s, claim *held);

#endif
