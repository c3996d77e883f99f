/* Binding: which tensor of the folder is which weight, and reading it into its place.
 *
 * A weight "encoder.layer.0.attention.output.LayerNorm.weight" is looked for under its name, under
 * its name with the model's prefix ("bert.") and, for layer norms, under the old names gamma and
 * beta. Values go straight into theta0; no second copy of the model exists.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_WEIGHTS_BINDING_H
#define IDIM_WEIGHTS_BINDING_H

#include "weights/params.h"

/* Sentences for the user, owned here. */
typedef struct note_list {
    char **text; /* [n] */
    int64_t n, room;
} note_list;

int notes_add(idim *lib, note_list *notes, const char *format, ...) PRINTF_LIKE(3, 4);
void notes_free(idim *lib, note_list *notes);

typedef struct binding {
    const char *prefix; /* "bert." */
    /* as arch has them: ends of names nobody needs; pairs of a name and what stands for it */
    const char *const *buffers, *const *aliases;
    uint64_t seed;   /* for the notes: what fresh tensors will be made from */
    bool own_head;   /* out: every classifier tensor came from the folder   */
    note_list notes; /* out: fresh, rounded and unused tensors              */
} binding;

/* Finds and checks every tensor p declares, then allocates p and fills theta0 but for the tensors
 * that the folder lacks, which get `fresh` (params_start fills those). A classifier whose number of
 * outputs is not the one declared is fresh as a whole. Missing and INIT_REQUIRED, or another shape:
 * IDIM_EFORMAT, nothing allocated. The notes are the caller's to free, also on failure. */
int binding_load(params *p, const char *folder, binding *b);

#endif
