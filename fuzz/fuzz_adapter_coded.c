/* The reader of coded adapters. The input is a file without its checksum, which is added here: a
 * fuzzer would hardly get past it. What is read must write to the same bytes again.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "format/crc.h"
#include "subspace/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    uint32_t crc = crc32_of(data, (int64_t)size);
    uint8_t sum[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                      (uint8_t)(crc >> 24)};
    if (f == NULL || fwrite(data, 1, size, f) != size || fwrite(sum, 1, 4, f) != 4)
        abort();
    fclose(f);
}

static void check_same(idim *lib, const char *path, const uint8_t *data, size_t size)
{
    char *bytes;
    int64_t n;
    if (file_read(lib, path, INT32_MAX, &bytes, &n) != 0 || n != (int64_t)size + 4 ||
        memcmp(bytes, data, size) != 0)
        abort();
    memory_free(lib, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "fuzz_adapter_coded.%ld.tmp", (long)getpid());
    put(path, data, size);
    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    adapter *a;
    int status = adapter_read(lib, path, &a);
    if (status == 0) {
        char *text;
        if (adapter_describe(a, &text) != 0)
            abort();
        memory_free(lib, text);
        if (a->coded && adapter_write(lib, a, path) == 0)
            check_same(lib, path, data, size);
    } else if (idim_error(lib)[0] == '\0' ||
               (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED)) {
        abort();
    }
    adapter_free(a);
    idim_close(lib);
    remove(path);
    return 0;
}
