/* A checkpoint: {x, moments, step} and what identifies the run, enough to go on as if it had never
 * stopped. Written atomically; a container (format/container.h) with the magic "IDIMCKP1" whose
 * payload is x, m, v as d native values each.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TRAIN_CHECKPOINT_H
#define IDIM_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* What a run keeps beside the trainer's own state. */
typedef struct run_state {
    int64_t log_bytes; /* length of log.jsonl at this step               */
    int64_t best_step; /* 0: nothing scored yet                          */
    double best_score;
    double seconds; /* spent so far, over all sittings                */
} run_state;

/* `run` is the hash that names the run (settings, data, base). */
int checkpoint_write(const trainer *t, const char *run, const run_state *state, const char *path);

/* IDIM_EMISMATCH when it belongs to another run; IDIM_EFORMAT when it is damaged. */
int checkpoint_read(trainer *t, const char *run, run_state *state, const char *path);

#endif
