/* The library handle. Every block carries its size in front, so that the caller's allocator is told
 * the old size, as idim_options promises.
 *
 * SPDX-License-Identifier: MIT */
#include "base/library.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* in front of every block: what the caller's allocator gave and how much of it */
typedef struct block_header {
    void *base;
    int64_t size; /* bytes asked of the allocator */
} block_header;

static void *heap_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, new_size);
}

int fail(idim *lib, int status, const char *format, ...)
{
    if (lib->error[0] != '\0')
        return status;

    va_list arguments;
    va_start(arguments, format);
    vsnprintf(lib->error, sizeof lib->error, format, arguments);
    va_end(arguments);
    return status;
}

int fail_memory(idim *lib, int64_t bytes, const char *what)
{
    return fail(lib, IDIM_EMEMORY, "%s: out of memory: %lld bytes were needed", what,
                (long long)bytes);
}

void library_clear(idim *lib)
{
    lib->error[0] = '\0';
}

void library_set_result(idim *lib, char *text)
{
    memory_free(lib, lib->result);
    lib->result = text;
}

void library_log(idim *lib, const char *format, ...)
{
    if (lib->options.log == NULL)
        return;

    char line[ERROR_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lib->options.log(lib->options.user, line);
}

static block_header *header_of(void *block)
{
    return (block_header *)((char *)block - sizeof(block_header));
}

/* the bytes a block of count x size needs, -1 when they do not fit */
static int64_t block_bytes(int64_t count, int64_t size)
{
    int64_t room = (int64_t)sizeof(block_header) + MEMORY_ALIGNMENT;
    int64_t bytes;
    if (count < 0 || size < 0 || __builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, room, &bytes))
        return -1;
    return bytes;
}

int memory_take(idim *lib, int64_t count, int64_t size, const char *what, void **out)
{
    *out = NULL;
    int64_t bytes = block_bytes(count, size);
    if (bytes < 0)
        return fail_memory(lib, INT64_MAX, what);

    char *base = lib->options.alloc(lib->options.user, NULL, 0, (size_t)bytes);
    if (base == NULL)
        return fail_memory(lib, count * size, what);

    uintptr_t after_header = (uintptr_t)base + sizeof(block_header);
    uintptr_t aligned = (after_header + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    char *block = base + (aligned - (uintptr_t)base);
    *header_of(block) = (block_header){base, bytes};
    *out = block;
    return 0;
}

int memory_new(idim *lib, int64_t count, int64_t size, const char *what, void **out)
{
    TRY(memory_take(lib, count, size, what, out));
    memset(*out, 0, (size_t)(count * size));
    return 0;
}

int memory_resize(idim *lib, int64_t count, int64_t size, const char *what, void **block)
{
    void *fresh;
    TRY(memory_new(lib, count, size, what, &fresh));
    if (*block != NULL) {
        const block_header *old = header_of(*block);
        int64_t old_bytes = old->size - ((char *)*block - (char *)old->base);
        int64_t new_bytes = count * size;
        memcpy(fresh, *block, (size_t)(old_bytes < new_bytes ? old_bytes : new_bytes));
        memory_free(lib, *block);
    }
    *block = fresh;
    return 0;
}

void memory_free(idim *lib, void *block)
{
    if (block == NULL)
        return;
    block_header header = *header_of(block);
    lib->options.alloc(lib->options.user, header.base, (size_t)header.size, 0);
}

int memory_text(idim *lib, const char *text, int64_t length, char **out)
{
    TRY(NEW(lib, char, length + 1, "text", out));
    memcpy(*out, text, (size_t)length);
    return 0;
}

int memory_format(idim *lib, char **out, const char *format, ...)
{
    *out = NULL;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);

    int status = length < 0 ? fail(lib, IDIM_EARGUMENT, "text: cannot be formatted")
                            : NEW(lib, char, length + 1, "text", out);
    if (status == 0)
        vsnprintf(*out, (size_t)length + 1, format, again);
    va_end(again);
    return status;
}

int idim_open(const idim_options *options, idim **out)
{
    idim_options used = options != NULL ? *options : (idim_options){0};
    if (used.alloc == NULL)
        used.alloc = heap_alloc;

    *out = NULL;
    idim *lib = used.alloc(used.user, NULL, 0, sizeof *lib);
    if (lib == NULL)
        return IDIM_EMEMORY;
    memset(lib, 0, sizeof *lib);
    lib->options = used;
    lib->threads = used.threads > 0 ? used.threads : omp_get_num_procs();
    *out = lib;
    return 0;
}

void idim_close(idim *lib)
{
    if (lib == NULL)
        return;
    memory_free(lib, lib->result);
    lib->options.alloc(lib->options.user, lib, sizeof *lib, 0);
}

const char *idim_error(const idim *lib)
{
    return lib->error;
}

const char *idim_result(const idim *lib)
{
    return lib->result != NULL ? lib->result : "";
}
