/* A job: what a spec names, opened. The model, its tokenizer, the task, an adapter, the subspace.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_JOB_H
#define IDIM_MEASURE_JOB_H

#include <jansson.h>

#include "base/hash.h"
#include "measure/spec.h"
#include "model/model.h"
#include "subspace/adapter.h"
#include "subspace/subspace.h"
#include "task/task.h"
#include "train/trainer.h"

typedef struct job {
    idim *lib;
    spec *spec;
    char *folder;              /* of the model, resolved                        */
    int64_t positions;         /* the longest text it can read, in tokens       */
    idim_tokenizer *tokenizer; /* each below is NULL until its step             */
    adapter *adapter;
    task *task;
    idim_model *model;
    subspace *space;
} job;

/* Reads the spec, then opens adapter, tokenizer, task and model as the command needs them: tune,
 * eval and predict all of these; inspect what is named. After tune the subspace is open and every
 * "auto" of the spec is resolved; with an adapter, theta is the adapted one. */
int job_open(idim *lib, const char *command, const char *text, job *out);
void job_close(job *j);

/* Puts another adapter in the place of the job's, with the weights it has in memory. *fits false:
 * another head, pooling or length of texts; nothing is changed then, and the job must be opened
 * anew. After a failure the job can only be closed. */
int job_change_adapter(job *j, const char *path, bool *fits);

/* An open tune job under other settings of how it is trained: model, data and length must be those
 * it has. The subspace is made anew, and what the seed makes; nothing is read again. */
int job_again(job *j, const char *text);

/* Writes the trained numbers x [subspace_dim] with all they need to mean the same theta again;
 * coded when the spec asks for it. */
int job_save_adapter(const job *j, const real *x, const char *path);

/* Does the spec ask for a coded adapter? Then `out` gets x as a reader of that file will have it.
 */
typedef struct job_coding {
    adapter_size size;
    int64_t code_bits; /* of adapter_code_bits       */
    double step;       /* of z, or of what is direct */
} job_coding;
bool job_codes_adapter(const job *j); /* how may be NULL */
int job_code(const job *j, const real *x, real *out, job_coding *how);

/* About how large that file will be. */
int64_t job_adapter_bytes(const job *j);

/* How a tune job trains. */
trainer_options job_trainer_options(const spec *s);

/* The name of class i as JSON text: the adapter's, the data's or the model's, else its number. */
json_t *job_label(const job *j, int64_t i);

/* gradients: the x at which they are taken, the adapter's; NULL: the origin of the space. */
const real *job_gradient_x(const job *j);

/* SHA-256 over everything that decides the numbers of a run, by content: the settings (spec_named),
 * the data files' bytes and what the tokenizer made of them, the base and its config.json, this
 * program's version. Where the files lie is no part of it. Two runs with the same name give the
 * same bytes. */
int job_name(const job *j, char text[HASH_TEXT]);

#endif
