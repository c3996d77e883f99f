/* The ledger: a folder of finished runs that any number of processes fill together, on one machine
 * or on many, over any file system that renames folders atomically.
 *
 *     DIR/runs/NAME/        a finished run: record.json, log.jsonl, a small adapter.idim
 *     DIR/pending/NAME.G/   a run being done; G counts who has taken it
 *     DIR/pending/NAME.G/claim  who does it; its time of last change says that they live
 *
 * A run is a function of its name, so nothing is lost if two should do it at once: the first to
 * publish wins, and both had the same answer. Claims only save the work. They need no locks:
 *
 *   claim     mkdir pending/NAME.1, or, where the claim of NAME.G is stale, rename NAME.G NAME.G+1
 *   renew     touch pending/NAME.G/claim; if it is gone, someone took over
 *   publish   rename pending/NAME.G runs/NAME: refused when a finished run is there; half a copy,
 *             a folder without a record, makes room
 *
 * A claim is stale when its process (same host) is dead, when it was released, or when it was not
 * renewed for LEDGER_LEASE seconds of the file system's clock.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_LEDGER_H
#define IDIM_MEASURE_LEDGER_H

#include <jansson.h>

#include "base/library.h"

enum { LEDGER_NAME = 16, LEDGER_LEASE = 600 };

typedef struct ledger {
    idim *lib;
    char *runs, *pending; /* the two folders */
    char *clock;          /* a file of this process, touched to ask the time */
    char *owner;          /* this process: host, process, its start   */
} ledger;

/* Makes the folders as needed, and removes what killed processes left in them (ledger_tidy). */
int ledger_open(idim *lib, const char *folder, ledger *out);

/* Removes files of a folder that a killed process has left: half-written ones (NAME.DIGITS.tmp)
 * that nobody touched for an hour, and clocks (.clock-PID) of processes that have ended. */
int ledger_tidy(const ledger *l, const char *folder);
void ledger_close(ledger *l);

/* Is the run of this name finished? */
bool ledger_has(const ledger *l, const char *name);

/* The record of a finished run; the caller drops it. IDIM_EFORMAT when it cannot be read. */
int ledger_read(const ledger *l, const char *name, json_t **out);

/* *held: others have it, and it is not finished. Without trying to take it. */
int ledger_held(const ledger *l, const char *name, bool *held);

/* Who is at work in the folder, as a list for people; nothing is written. Of each claim that was
 * not given back: {"run", "process", "host", "seconds_silent", "alive"}; alive is false for a
 * process that is known to have ended, and after a lease of silence. The caller drops it. */
int ledger_workers(idim *lib, const char *folder, json_t **out);

typedef struct claim {
    const ledger *ledger;
    char name[LEDGER_NAME + 1];
    char *folder; /* to work in; NULL: not ours */
    char *file;   /* the claim itself           */
    double renewed;
} claim;

/* Takes the run if it is neither finished nor in living hands: then out->folder is the folder to
 * work in, with what its last owner left there. */
int ledger_claim(const ledger *l, const char *name, claim *out);

/* Says that the work goes on; cheap to call often. *lost: someone else has it now. */
int ledger_renew(claim *c, bool *lost);

/* The folder, with its record.json, becomes the finished run. Frees the claim. */
int ledger_publish(claim *c);

/* Gives the run back as it is: the next claim goes on from its checkpoint. Frees the claim. */
int ledger_release(claim *c);

#endif
