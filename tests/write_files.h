/* Small files for tests: any bytes, and safetensors made of parts, right or wrong as the test
 * likes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_WRITE_FILES_H
#define IDIM_TESTS_WRITE_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}

static inline void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

/* the eight bytes of the length, the header, the data */
static inline void write_safetensors_raw(const char *path, const char *header, size_t header_length,
                                         const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        abort();
    for (int i = 0; i < 8; i++)
        fputc((int)((uint64_t)header_length >> (8 * i) & 255), f);
    fwrite(header, 1, header_length, f);
    fwrite(data, 1, n, f);
    if (fclose(f) != 0)
        abort();
}

typedef struct tensor_part {
    const char *name, *dtype, *shape; /* "encoder.x", "F32", "[2, 3]" */
    const void *data;                 /* little-endian; NULL: zeros   */
    size_t size;                      /* bytes                        */
} tensor_part;

static inline void write_safetensors(const char *path, const tensor_part *part, int n)
{
    size_t room = 65536, at = 0, size = 0;
    char *header = malloc(room);
    for (int i = 0; i < n; i++)
        size += part[i].size;
    char *data = calloc(size + 1, 1);
    if (header == NULL || data == NULL)
        abort();
    at += (size_t)snprintf(header, room, "{\"__metadata__\":{\"format\":\"pt\"}");
    size = 0;
    for (int i = 0; i < n; i++) {
        at +=
            (size_t)snprintf(header + at, room - at,
                             ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                             part[i].name, part[i].dtype, part[i].shape, size, size + part[i].size);
        if (part[i].data != NULL)
            memcpy(data + size, part[i].data, part[i].size);
        size += part[i].size;
    }
    at += (size_t)snprintf(header + at, room - at, "}");
    write_safetensors_raw(path, header, at, data, size);
    free(header);
    free(data);
}

#endif
