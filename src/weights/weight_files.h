/* The safetensors of a model folder: model.safetensors, or the shards that
 * model.safetensors.index.json names.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_WEIGHTS_WEIGHT_FILES_H
#define IDIM_WEIGHTS_WEIGHT_FILES_H

#include "format/safetensors.h"

typedef struct weight_files {
    idim *lib;
    char *path;         /* of the single file or of the index */
    safetensors **file; /* [n] */
    int64_t n, room;
} weight_files;

/* Every tensor the index maps must stand in its shard, and none in two. */
int weight_files_open(idim *lib, const char *folder, weight_files **out);
void weight_files_close(weight_files *w);

/* The tensor and the file it is in; NULL if there is none. */
const safetensor *weight_files_find(const weight_files *w, const char *name,
                                    const safetensors **in);

#endif
