/* An allocator whose calls are made to fail in turn, and that counts what is held.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_FAILING_MEMORY_H
#define IDIM_TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct failing {
    int64_t left; /* calls that succeed before one fails; negative: none fails */
    int64_t held;
    bool failed;
} failing;

/* an idim_options.alloc; user is a failing */
static inline void *failing_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    failing *f = user;
    if (new_size == 0) {
        f->held -= (int64_t)old_size;
        free(p);
        return NULL;
    }
    if (f->left == 0) {
        f->left = -1;
        f->failed = true;
        return NULL;
    }
    f->left -= f->left > 0;
    f->held += (int64_t)new_size - (int64_t)old_size;
    return realloc(p, new_size);
}

#endif
