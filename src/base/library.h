/* The library handle: memory, threads, the last error. No state lives beside it.
 *
 * Every fallible internal function takes the library first and returns an idim_status (0 is
 * success). fail() records one sentence and returns the status; TRY() forwards it. The first
 * sentence since the last library_clear() wins, so that the cause is told, not its echo.
 * A sentence reads "path: what: expected X, found Y".
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_LIBRARY_H
#define IDIM_BASE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdarg.h>

#include "idim.h"

/* The type along the path a value travels (weights, activations, gradients, x). The real-double
 * build makes it double, so that gradients can be checked by finite differences to 1e-6. */
#ifdef IDIM_REAL_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_status_ = (call);                                                                  \
        if (try_status_ != 0)                                                                      \
            return try_status_;                                                                    \
    } while (0)

#if defined(__GNUC__)
#define PRINTF_LIKE(text, rest) __attribute__((format(printf, text, rest)))
#else
#define PRINTF_LIKE(text, rest)
#endif

enum { ERROR_LENGTH = 1024, MEMORY_ALIGNMENT = 64 };

struct idim {
    idim_options options;
    int threads;              /* at least 1 */
    char error[ERROR_LENGTH]; /* "" after library_clear() */
    char *result;             /* JSON text of the last command; owned here */
};

/* Records the sentence if none is recorded yet; returns status. */
int fail(idim *lib, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Out of memory, said with the amount and the thing that needed it. */
int fail_memory(idim *lib, int64_t bytes, const char *what);

/* Forgets the recorded sentence. Called at the entry of every public function. */
void library_clear(idim *lib);

/* Replaces the text idim_result() gives; takes ownership of text (from memory_*). */
void library_set_result(idim *lib, char *text);

/* One line to the caller's log, if there is one. */
void library_log(idim *lib, const char *format, ...) PRINTF_LIKE(2, 3);

/* count x size bytes, zeroed, aligned to MEMORY_ALIGNMENT. *out is NULL on failure. count = 0 is
 * legal and gives a pointer that may be freed. `what` names the thing in the error sentence. */
int memory_new(idim *lib, int64_t count, int64_t size, const char *what, void **out);

/* The same, not zeroed: pages that nobody writes to stay the system's. */
int memory_take(idim *lib, int64_t count, int64_t size, const char *what, void **out);

/* Grows or shrinks *block (NULL is legal); new bytes are not zeroed. On failure *block is kept. */
int memory_resize(idim *lib, int64_t count, int64_t size, const char *what, void **block);

/* NULL is legal. */
void memory_free(idim *lib, void *block);

/* A zero-terminated copy of text[0 .. length). */
int memory_text(idim *lib, const char *text, int64_t length, char **out);

/* printf into a new block. */
int memory_format(idim *lib, char **out, const char *format, ...) PRINTF_LIKE(3, 4);

/* Typed forms: NEW(lib, int64_t, n, "table", &p) */
#define NEW(lib, type, count, what, out)                                                           \
    memory_new((lib), (count), (int64_t)sizeof(type), (what), (void **)(out))

#endif
