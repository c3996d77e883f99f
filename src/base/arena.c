/* A list of chunks. A rewind that finds more than one joins them into a single chunk of the same
 * total size, so that the second step runs in one piece.
 *
 * SPDX-License-Identifier: MIT */
#include "base/arena.h"

enum { FIRST_CHUNK = 1 << 20 };

typedef struct chunk {
    struct chunk *older;
    char *bytes;
    int64_t size, used;
} chunk;

struct arena {
    idim *lib;
    chunk *newest;
    int64_t held, in_use, peak;
};

int arena_new(idim *lib, arena **out)
{
    TRY(NEW(lib, arena, 1, "arena", out));
    (*out)->lib = lib;
    return 0;
}

static void drop_chunks(arena *a)
{
    while (a->newest != NULL) {
        chunk *c = a->newest;
        a->newest = c->older;
        memory_free(a->lib, c->bytes);
        memory_free(a->lib, c);
    }
    a->held = 0;
}

void arena_free(arena *a)
{
    if (a == NULL)
        return;
    drop_chunks(a);
    memory_free(a->lib, a);
}

static int add_chunk(arena *a, int64_t size)
{
    chunk *c;
    TRY(NEW(a->lib, chunk, 1, "step memory", &c));
    if (memory_take(a->lib, size, 1, "step memory", (void **)&c->bytes) != 0) {
        memory_free(a->lib, c);
        return IDIM_EMEMORY;
    }
    c->size = size;
    c->older = a->newest;
    a->newest = c;
    a->held += size;
    return 0;
}

void *arena_take(arena *a, int64_t count, int64_t size)
{
    int64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > INT64_MAX / 2) {
        fail_memory(a->lib, INT64_MAX, "step memory");
        return NULL;
    }
    bytes = (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;

    if (a->newest == NULL || a->newest->size - a->newest->used < bytes) {
        int64_t wanted = a->held / 4 > FIRST_CHUNK ? a->held / 4 : FIRST_CHUNK;
        if (add_chunk(a, bytes > wanted ? bytes : wanted) != 0)
            return NULL;
    }
    char *taken = a->newest->bytes + a->newest->used;
    a->newest->used += bytes;
    a->in_use += bytes;
    if (a->in_use > a->peak)
        a->peak = a->in_use;
    return taken;
}

void arena_rewind(arena *a)
{
    a->in_use = 0;
    if (a->newest != NULL && a->newest->older != NULL) {
        /* what the next take cannot get is said then */
        drop_chunks(a);
        int64_t size = a->peak + a->peak / 16;
        char recorded = a->lib->error[0];
        if (add_chunk(a, size) != 0 && recorded == '\0')
            library_clear(a->lib);
    } else if (a->newest != NULL) {
        a->newest->used = 0;
    }
}

int64_t arena_held(const arena *a)
{
    return a->held;
}
