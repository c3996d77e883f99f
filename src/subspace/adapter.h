/* The file that is shipped: everything needed to have the same theta again on the same base, plain
 * (a container, format/container.h, with the magic "IDIMADP1") or coded ("IDIMADP2": compact fields
 * and range-coded numbers); docs/adapter.md specifies both.
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

#include "subspace/coding.h"
#include "subspace/subspace.h"

/* the parts of x, in order */
enum { PART_Z, PART_LAMBDA, PART_DIRECT, ADAPTER_PARTS };

typedef struct adapter {
    /* how x moves the weights: the names of idim_subspace_options */
    const char *method, *projection, *normalize, *groups, *pull;
    uint64_t seed; /* of the projection and of fresh tensors */
    int64_t len_z, n_lambda, n_direct;
    const real *x; /* [len_z + n_lambda + n_direct] */

    /* the model it belongs to */
    const char *base;         /* fingerprint: SHA-256 of the base tensors, 64 digits; of a coded
                                 file the first 32                                   */
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

    /* how x is stored: as it is, or as multiples of steps (adapter_fit chooses them) */
    bool coded;
    codebook book[ADAPTER_PARTS];

    /* filled by adapter_read */
    idim *lib;
    const char *version; /* of the idim that wrote it; coded: NULL, as architecture */
    int64_t bytes;       /* size of the file          */
    char *path;
    json_t *header;      /* what adapter_describe tells   */
    char *texts;         /* coded: task and label names   */
    real *values;        /* what x points to              */
    const char **labels; /* what label_name points to     */
} adapter;

/* Replaces path atomically. The fields down to book are the caller's and borrowed. */
int adapter_write(idim *lib, const adapter *a, const char *path);

/* How small a coded file is to be. */
typedef struct adapter_limits {
    int64_t bytes; /* of the whole file; 0: no limit                                     */
    double bits;   /* that a number of z (of direct, where there is no z) takes; 0: none */
} adapter_limits;

/* Makes a coded: sets its codebooks to the finest that keep both limits. IDIM_EARGUMENT when none
 * does, IDIM_ENOTFINITE when a number of x is not finite. */
int adapter_fit(idim *lib, adapter *a, const adapter_limits *limits);

/* x as a reader of the coded file will have it. */
void adapter_coded_values(const adapter *a, real *out);

/* The bytes of the coded file; of those that code all numbers; of those that code z or direct; the
 * task's and the labels' names. */
typedef struct adapter_size {
    int64_t file, numbers, main, names;
} adapter_size;
adapter_size adapter_coded_size(const adapter *a);

/* Bits of a prefix-free code of the classifier that a's file says, given the base and the set of
 * labels (docs/bound.md). A plain file counts whole. */
int64_t adapter_code_bits(const adapter *a);

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
