/* The reader of adapters. The input is a file without its checksum, which is added here: a fuzzer
 * would never get past it.
 *
 * SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "subspace/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "fuzz_adapter.%ld.tmp", (long)getpid());
    remove(path);
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        abort();
    uint8_t digest[HASH_BYTES];
    hash_bytes(data, (int64_t)size, digest);
    if (fwrite(data, 1, size, f) != size || fwrite(digest, 1, HASH_BYTES, f) != HASH_BYTES)
        abort();
    fclose(f);

    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    adapter *a;
    int status = adapter_read(lib, path, &a);
    if (status == 0) {
        char *text;
        if (adapter_describe(a, &text) == 0)
            memory_free(lib, text);
        idim_subspace_options options = adapter_options(a);
        if (options.method == NULL)
            abort();
    } else if (idim_error(lib)[0] == '\0' ||
               (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED)) {
        abort();
    }
    adapter_free(a);
    idim_close(lib);
    remove(path);
    return 0;
}
