/* The file that is shipped: everything needed to have the same theta again on the same base. A
 * container (format/container.h) with the magic "IDIMADP1"; docs/adapter.md describes it.
 *
 *     adapter *a;
 *     TRY(adapter_read(lib, "out/adapter.idim", &a));
 *     TRY(adapter_check(a, model->fingerprint));            another base: IDIM_EMISMATCH
 *     idim_subspace_options options = adapter_options(a);
 *     TRY(subspace_new(model->weights, &options, &s));
 *     TRY(adapter_place(a, s, model->weights->theta));
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_ADAPTER_H
#define IDIM_SUBSPACE_ADAPTER_H

#include <jansson.h>

#include "subspace/subspace.h"

typedef struct adapter {
    /* how x moves the weights: the names of idim_subspace_options */
    const char *method, *projection, *normalize, *groups, *pull;
    uint64_t seed; /* of the projection and of fresh tensors */
    int64_t len_z, n_lambda, n_direct;
    const real *x; /* [len_z + n_lambda + n_direct] */

    /* the model it belongs to */
    const char *base;         /* fingerprint: SHA-256 of the base tensors, 64 digits */
    const char *architecture; /* "bert"                                              */
    int64_t weights;          /* D                                                   */
    double initializer_range; /* of fresh tensors                                    */
    const char *pooling;      /* "auto", "cls", "mean", "last"                       */

    /* what it was trained for */
    const char *task;              /* "mrpc", or a file's name                       */
    const char *problem;           /* "classes", "regression", "multi-label"         */
    int64_t n_labels;              /* outputs of the head                            */
    const char *const *label_name; /* [n_labels], or NULL when they have no names    */
    int64_t max_seq_length;

    /* filled by adapter_read */
    idim *lib;
    const char *version; /* of the idim that wrote it */
    int64_t bytes;       /* size of the file          */
    char *path;
    json_t *header;      /* the texts above point into it */
    real *values;        /* what x points to              */
    const char **labels; /* what label_name points to     */
} adapter;

/* Replaces path atomically. The fields down to max_seq_length are the caller's and borrowed. */
int adapter_write(idim *lib, const adapter *a, const char *path);

/* IDIM_EFORMAT for what is malformed, IDIM_EUNSUPPORTED for a format, projection version, encoding
 * or name this version does not know. Memory taken is bounded by the size of the file. */
int adapter_read(idim *lib, const char *path, adapter **out);
void adapter_free(adapter *a);

/* IDIM_EMISMATCH naming both when the base is not the one it was trained on. */
int adapter_check(const adapter *a, const char *fingerprint);

/* What subspace_new needs to make the same subspace. */
idim_subspace_options adapter_options(const adapter *a);

/* theta <- x. IDIM_EMISMATCH when the subspace counts other numbers than the file holds. */
int adapter_place(const adapter *a, subspace *s, real *theta);

/* The header as JSON text, with "schema" and "bytes"; the caller frees with memory_free. */
int adapter_describe(const adapter *a, char **out);

#endif
