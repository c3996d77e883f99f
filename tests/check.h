/* What every test program includes: cmocka, a library handle, and places to find data.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_CHECK_H
#define IDIM_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's macro `fail` would shadow ours, which records an error; fail_msg is built on it */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

#include "base/library.h"

/* fails with the library's sentence when the call does not succeed */
#define CHECK_OK(lib, call)                                                                        \
    do {                                                                                           \
        int check_status_ = (call);                                                                \
        if (check_status_ != 0)                                                                    \
            fail_msg("%s: status %d: %s", #call, check_status_, idim_error(lib));                  \
    } while (0)

static inline idim *check_library(int threads)
{
    idim_options options = {.threads = threads};
    idim *lib;
    if (idim_open(&options, &lib) != 0)
        abort();
    return lib;
}

/* Skips the test, visibly, when a file of the shared data is absent. */
#define CHECK_SHARED(name, path)                                                                   \
    do {                                                                                           \
        snprintf((path), sizeof(path), "%s/%s", TEST_SHARED_DATA, (name));                         \
        FILE *check_file_ = fopen((path), "rb");                                                   \
        if (check_file_ == NULL) {                                                                 \
            print_message("SKIPPED: %s is absent\n", (path));                                      \
            skip();                                                                                \
        } else {                                                                                   \
            fclose(check_file_);                                                                   \
        }                                                                                          \
    } while (0)

#endif
