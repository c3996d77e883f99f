/* Where a model is: a folder, or a name in the Hugging Face cache.
 *
 *     $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
 *     ~/.cache/huggingface/hub
 *         models--ORG--NAME/refs/main         the commit
 *         models--ORG--NAME/snapshots/COMMIT  the folder
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MODEL_HUB_H
#define IDIM_MODEL_HUB_H

#include "base/library.h"

/* "DIR", "NAME", "ORG/NAME", the last two also with "@REVISION" (a branch, tag or commit; main
 * without). A folder of that name wins over the cache. Nothing is downloaded. The caller frees
 * *folder with memory_free. */
int hub_find(idim *lib, const char *path, char **folder);

#endif
