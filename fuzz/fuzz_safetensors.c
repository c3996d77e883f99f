/* The reader of safetensors: the input is the file. What it accepts, it must be able to read or
 * refuse, and its tensors must fill the data exactly.
 *
 * SPDX-License-Identifier: MIT */
#include "format/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_tensors(idim *lib, const safetensors *s, int64_t size)
{
    int64_t total = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const safetensor *t = &s->item[i];
        char shape[SAFETENSORS_SHAPE_TEXT];
        safetensor_shape(t, shape);
        total += t->size;
        if (t->size > size || strlen(t->name) > (size_t)size || safetensors_find(s, t->name) != t)
            abort();
        /* F16 has the fewest bytes an element of all types that are read */
        real *values = malloc(((size_t)size / 2 + 1) * sizeof(real));
        int64_t rounded;
        if (values == NULL)
            abort();
        if (safetensors_read(s, t, values, &rounded) != 0 && idim_error(lib)[0] == '\0')
            abort();
        free(values);
        library_clear(lib);
    }
    if (total > size - 8)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "fuzz_safetensors.%ld.tmp", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        abort();

    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    safetensors *s;
    int status = safetensors_open(lib, path, &s);
    if (status == 0)
        read_tensors(lib, s, (int64_t)size);
    else if (idim_error(lib)[0] == '\0' || (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED))
        abort();
    safetensors_close(s);
    idim_close(lib);
    remove(path);
    return 0;
}
