/* An architecture: a table that binds published tensor names to weights, and one forward function.
 *
 * A family is one file, src/arch/x.c, and one line in the array in arch.c. It has three functions:
 * configure reads config.json, declare adds every tensor to params (in a fixed order, remembering
 * their numbers), forward makes logits from a batch on the tape.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_ARCH_ARCH_H
#define IDIM_ARCH_ARCH_H

#include <jansson.h>

#include "tape/tape.h"
#include "weights/params.h"

enum { ARCH_MAX_LAYERS = 1024 };

/* The numbers of config.json that shape the arithmetic. Families use the fields they need. */
typedef struct arch_config {
    int64_t vocab, positions, types; /* rows of the embedding tables                    */
    int64_t hidden, layers, heads, inner;
    double norm_eps;
    double dropout, attention_dropout, classifier_dropout;
    double initializer_range;
    unary_kind activation; /* of the feed-forward layers */
    bool mean_pooling;     /* --pooling mean: the mean over the tokens of the last layer goes to the
                              classifier, and there is no pooler                               */
    int64_t n_labels;
    int64_t *tensor; /* [n_tensors] numbers of the tensors, laid out as the family likes */
    int64_t n_tensors;
} arch_config;

typedef struct arch {
    const char *model_type; /* config.json's model_type                 */
    const char *prefix;     /* "bert.": names may carry it or not       */
    /* Fills *out from the object of config.json (path is for sentences); n_labels and mean_pooling
     * are the caller's to set before declare. */
    int (*configure)(idim *lib, const json_t *config, const char *path, arch_config *out);
    /* Adds the tensors; allocates c->tensor, the caller's to free. */
    int (*declare)(params *p, arch_config *c);
    /* logits [batch.n][n_labels]; NULL when the tape has failed. The batch has been checked
     * (arch_check_batch). */
    var *(*forward)(tape *t, const arch_config *c, const idim_batch *batch);
} arch;

/* NULL if there is none; arch_names() lists what there is, for the error sentence. */
const arch *arch_find(const char *model_type);
const char *arch_names(void);

/* Ids, segments and lengths within the model's tables; IDIM_EARGUMENT names the first that is not.
 * Labels are not looked at. */
int arch_check_batch(idim *lib, const arch_config *c, const idim_batch *batch);

#endif
