/* An arena: memory for things that live exactly as long as one step. It is rewound, never freed
 * piecemeal and never given back before arena_free (fresh pages are very expensive). After the
 * first step it has found its size and allocates nothing more.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_ARENA_H
#define IDIM_BASE_ARENA_H

#include "base/library.h"

typedef struct arena arena;

int arena_new(idim *lib, arena **out);
void arena_free(arena *a);

/* count x size bytes, not zeroed, aligned to MEMORY_ALIGNMENT; NULL when out of memory (the
 * sentence is then recorded in the library). */
void *arena_take(arena *a, int64_t count, int64_t size);

/* Everything taken becomes free again; the memory stays. */
void arena_rewind(arena *a);

/* Bytes held from the system. */
int64_t arena_held(const arena *a);

#endif
