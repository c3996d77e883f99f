/* The tokenizer of a model: of a folder, or of a name in the Hugging Face cache.
 *
 * SPDX-License-Identifier: MIT */
#include "model/hub.h"
#include "text/tokenizer.h"

int idim_tokenizer_open(idim *lib, const char *path, idim_tokenizer **out)
{
    library_clear(lib);
    *out = NULL;
    char *folder;
    TRY(hub_find(lib, path, &folder));
    int status = tokenizer_open(lib, folder, out);
    memory_free(lib, folder);
    return status;
}
