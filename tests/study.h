/* A small study of the tiny model, for tests. FOLDER and DATA, the study's folder and its file of
 * examples, are the program's to define before it includes this.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_STUDY_H
#define IDIM_TESTS_STUDY_H

#include "check.h"
#include "base/file.h"
#include "base/folder.h"

#include <jansson.h>
#include <unistd.h>

#define MODEL TEST_FOLDER "/fixtures/tiny"

enum { ROWS = 200 };

static inline void remove_folder(idim *lib, const char *path)
{
    folder_names names;
    CHECK_OK(lib, folder_list(lib, path, &names));
    for (int64_t i = 0; i < names.n; i++) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, names.name[i]);
        if (file_is_folder(inner))
            CHECK_OK(lib, folder_remove(lib, inner));
    }
    folder_names_free(lib, &names);
    CHECK_OK(lib, folder_remove(lib, path));
}

static inline int set_up(void **state)
{
    static idim *lib;
    char text[16384];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence,label\n");
    for (int i = 0; i < ROWS; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s muna,%s\n",
                               i % 2 == 0 ? "good bade" : "bad kilo", i % 2 == 0 ? "yes" : "no");
    lib = check_library(1);
    CHECK_OK(lib, file_write(lib, DATA, text, (int64_t)at));
    remove_folder(lib, FOLDER "/runs");
    remove_folder(lib, FOLDER "/pending");
    remove_folder(lib, FOLDER);
    *state = lib;
    return 0;
}

static inline int tear_down(void **state)
{
    idim *lib = *state;
    remove_folder(lib, FOLDER "/runs");
    remove_folder(lib, FOLDER "/pending");
    remove_folder(lib, FOLDER);
    unlink(DATA);
    idim_close(lib);
    return 0;
}

static inline json_t *settings(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "model", MODEL, "train", DATA,
                     "dev", DATA, "output_dir", FOLDER, "preset", "standard", "dims", "10:1000",
                     "max_steps", 2, "threads", 1);
}

/* takes the reference */
static inline int measure(idim *lib, json_t *how, idim_watch *watch, void *user, json_t **out)
{
    char *text = json_dumps(how, 0);
    json_decref(how);
    int status = idim_measure(lib, text, watch, user);
    free(text);
    *out = status == 0 ? json_loads(idim_result(lib), 0, NULL) : NULL;
    return status;
}

static inline const json_t *cell_of(const json_t *study, size_t i)
{
    return json_array_get(json_object_get(study, "cells"), i);
}

static inline const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

static inline int64_t count(idim *lib, const char *path)
{
    folder_names names;
    CHECK_OK(lib, folder_list(lib, path, &names));
    int64_t n = names.n;
    folder_names_free(lib, &names);
    return n;
}

#endif
