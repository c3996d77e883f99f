/* config.json: labels and architecture. The folder's weights are an empty
 * safetensors file, so that a config that is accepted ends at the first tensor
 * that is missing.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *folder, const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char weights[] = "\2\0\0\0\0\0\0\0{}";
    char folder[64], path[128];
    snprintf(folder, sizeof folder, "fuzz_config.%ld.tmp", (long)getpid());
    idim *lib;
    if (idim_open(NULL, &lib) != 0 || file_make_folder(lib, folder) != 0)
        abort();
    put(folder, "config.json", data, size);
    put(folder, "model.safetensors", weights, sizeof weights - 1);

    idim_model *m;
    int status = idim_model_open(lib, folder, 0, 1, &m);
    if (idim_error(lib)[0] == '\0' || (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED))
        abort();
    idim_close(lib);
    static const char *const names[] = {"config.json", "model.safetensors"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    rmdir(folder);
    return 0;
}
