/* Files for the tests of tasks, in a folder of the program's own: define FOLDER first.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_TASK_FILES_H
#define IDIM_TESTS_TASK_FILES_H

#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "task/task.h"
#include "write_files.h"

#define TRAIN FOLDER "/train.tsv"
#define DEV   FOLDER "/dev.tsv"
#define TEST  FOLDER "/test.tsv"
#define CSV   FOLDER "/some.data.csv"
#define JSONL FOLDER "/some.jsonl"

static inline void remove_files(void)
{
    static const char *const names[] = {TRAIN,
                                        DEV,
                                        TEST,
                                        CSV,
                                        JSONL,
                                        FOLDER "/dev_matched.tsv",
                                        FOLDER "/some.tsv",
                                        FOLDER "/dev_mismatched.tsv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
}

static inline int set_up(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, FOLDER));
    idim_close(lib);
    remove_files();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    remove_files();
    rmdir(FOLDER);
    return 0;
}

static inline task *open_task(idim *lib, const task_options *o)
{
    task *t = NULL;
    CHECK_OK(lib, task_open(lib, o, NULL, &t));
    return t;
}

static inline task_options glue(const char *name)
{
    task_options o = task_defaults();
    o.name = name;
    o.data = FOLDER;
    return o;
}

static inline task_options train_on(const char *path)
{
    task_options o = task_defaults();
    o.file[SPLIT_TRAIN] = path;
    return o;
}

#endif
