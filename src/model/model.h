/* A model assembled: config + weights + architecture + head, read from a Hugging Face folder.
 *
 * const after opening but for weights->theta. What one step needs lives in a tape.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MODEL_MODEL_H
#define IDIM_MODEL_MODEL_H

#include "arch/arch.h"
#include "tape/tape.h"
#include "weights/params.h"

typedef enum model_problem {
    PROBLEM_CLASSES,     /* cross entropy, one class of n_labels     */
    PROBLEM_REGRESSION,  /* mean squared error, n_labels = 1         */
    PROBLEM_MULTI_LABEL, /* binary cross entropy, n_labels of 0 or 1 */
    PROBLEM_LANGUAGE     /* cross entropy of every next token        */
} model_problem;

/* A language model has no labels. What comes out for a sequence, its n_labels numbers, are the sum
 * of its losses in nats, and how many of its tokens were the likeliest (tape/ops.h, next_tokens).
 */
enum { LANGUAGE_NATS, LANGUAGE_HITS, LANGUAGE_OUTPUTS };

typedef struct model_options {
    const char *path;    /* a folder, or a name in the Hugging Face cache              */
    int64_t n_labels;    /* 0: as the folder says (2 if it says nothing)               */
    const char *problem; /* "classes", "regression", "multi-label", "causal-lm"; NULL: as the folder
                            says, else regression for one label                              */
    const char *pooling; /* "auto" (the family's own), "cls", "mean" or "last"         */
    double dropout;      /* negative: as config.json says                              */
    uint64_t seed;       /* fresh tensors                                              */
    precision precision; /* of dense layers, attention; one the CPU lacks is refused   */
} model_options;

model_options model_defaults(void);

struct idim_model {
    idim *lib;
    char *path; /* the folder, resolved */
    const arch *arch;
    arch_config config;
    params *weights;
    model_problem problem;
    int64_t n_labels;
    char **label_name; /* [n_labels], from id2label, or NULL where the folder has none */
    bool own_head;     /* the folder's classifier is in use                            */
    double initializer_range;
    uint64_t seed;
    precision precision;
    char fingerprint[65];   /* of the base tensors                                          */
    char config_sha256[65]; /* of config.json's bytes                                     */
    char **notes; /* [n_notes] sentences to be told: what was missing, unused, made anew */
    int64_t n_notes;
    tape *scratch; /* for idim_model_predict/loss; made on first use               */
};

int model_open(idim *lib, const model_options *options, idim_model **out);

/* What config.json alone says: everything but the weights. */
int model_open_config(idim *lib, const model_options *options, idim_model **out);
void model_close(idim_model *m);

/* Makes what the folder lacks anew, as if opened with this seed; theta is theta0 again. */
void model_reseed(idim_model *m, uint64_t seed);

/* How many terms the loss of a batch is the mean of: its examples or, of a language model, its
 * tokens that follow another. */
int64_t model_terms(const idim_model *m, int64_t examples, int64_t tokens);

/* Runs the batch forward on t, after tape_begin. loss (may be NULL) is the mean over the
 * batch's labels or next tokens; logits (may be NULL) gets [n][n_labels]. Dropout as the tape's
 * training state says. A non-finite loss is returned as it is: the trainer decides. */
int model_forward(const idim_model *m, tape *t, const idim_batch *batch, double *loss,
                  real *logits);

/* Gradients of weight x loss of the last model_forward on t, to the sink. */
int model_backward(const idim_model *m, tape *t, double weight, const gradient_sink *sink);

#endif
