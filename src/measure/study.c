/* A study's folder as a whole: the answers of all its cells in one file, in an order that does not
 * depend on who measured what when.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/measure.h"

#include "base/file.h"
#include "base/folder.h"
#include "format/json.h"
#include "measure/ledger.h"
#include "measure/record.h"
#include "measure/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_LIMIT = 64 << 20 };

static int compare_cells(const void *a, const void *b)
{
    static const char *const keys[] = {"model", "task", "variation", "method", "key"};
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    for (int i = 0; i < 5; i++) {
        const char *p = json_string_value(json_object_get(x, keys[i]));
        const char *q = json_string_value(json_object_get(y, keys[i]));
        int order = strcmp(p != NULL ? p : "", q != NULL ? q : "");
        if (order != 0)
            return order;
    }
    return 0;
}

/* one cell's answer; one that cannot be read is left out: it is made from the runs, and written
 * anew when its cell is worked on */
static int read_answer(idim *lib, const char *path, json_t **answer, int64_t *n)
{
    json_t *read;
    int status = json_read_file(lib, path, ANSWER_LIMIT, &read);
    if (status == IDIM_EMEMORY)
        return status;
    if (status == 0 && json_is_string(json_object_get(read, "key"))) {
        answer[(*n)++] = read;
        return 0;
    }
    library_log(lib, "%s: left out, it cannot be read; measuring this cell again writes it anew",
                path);
    library_clear(lib);
    json_decref(read);
    return 0;
}

static int read_answers(idim *lib, const char *cells, const folder_names *names, json_t **answer,
                        int64_t *n)
{
    *n = 0;
    for (int64_t i = 0; i < names->n; i++) {
        size_t length = strlen(names->name[i]);
        char *path;
        if (length < 5 || strcmp(names->name[i] + length - 5, ".json") != 0)
            continue;
        TRY(file_join(lib, cells, names->name[i], &path));
        int status = read_answer(lib, path, answer, n);
        memory_free(lib, path);
        TRY(status);
    }
    return 0;
}

/* the names of the runs that a part of a cell's answer rests on */
static void add_names(json_t *seen, const json_t *part)
{
    size_t i;
    const json_t *name, *other;
    json_array_foreach(json_object_get(part, "names"), i, name)
    {
        if (json_is_string(name))
            json_object_set_new(seen, json_string_value(name), json_null());
    }
    json_array_foreach(json_object_get(part, "other_rates"), i, other)
    {
        const char *text = json_string_value(json_object_get(other, "name"));
        if (text != NULL)
            json_object_set_new(seen, text, json_null());
    }
}

/* runs of all cells; one that several share is one */
static int64_t count_runs(json_t *const *answer, int64_t n)
{
    static const char *const parts[] = {"full", "head", "bias"};
    json_t *seen = json_object();
    for (int64_t i = 0; i < n; i++) {
        size_t k;
        const json_t *point;
        for (int p = 0; p < 3; p++)
            add_names(seen, json_object_get(answer[i], parts[p]));
        json_array_foreach(json_object_get(answer[i], "points"), k, point) add_names(seen, point);
    }
    int64_t count = (int64_t)json_object_size(seen);
    json_decref(seen);
    return count;
}

static json_t *study_json(json_t **answer, int64_t n)
{
    json_t *cells = json_array();
    bool complete = n > 0;
    qsort(answer, (size_t)n, sizeof answer[0], compare_cells);
    for (int64_t i = 0; i < n; i++) {
        complete = complete && json_is_true(json_object_get(answer[i], "complete"));
        json_array_append(cells, answer[i]);
    }
    return json_pack("{s:s, s:s, s:b, s:I, s:o}", "schema", "idim.measure/1", "version",
                     IDIM_VERSION, "complete", complete, "runs_done",
                     (json_int_t)count_runs(answer, n), "cells", cells);
}

static int collect(idim *lib, const char *folder, const char *cells, const folder_names *names)
{
    json_t **answer;
    int64_t n = 0;
    TRY(NEW(lib, json_t *, names->n, "answers", &answer));
    int status = read_answers(lib, cells, names, answer, &n);
    json_t *study = status == 0 ? study_json(answer, n) : NULL;
    for (int64_t i = 0; i < names->n; i++)
        json_decref(answer[i]);
    memory_free(lib, answer);
    TRY(status);

    char *path, *text = json_dumps(study, JSON_INDENT(1));
    json_decref(study);
    if (text == NULL)
        return fail_memory(lib, 4096, "answer");
    status = file_join(lib, folder, "measure.json", &path);
    if (status == 0) {
        status = file_write(lib, path, text, (int64_t)strlen(text));
        memory_free(lib, path);
    }
    free(text);
    return status;
}

int study_collect(idim *lib, const char *folder)
{
    char *cells;
    folder_names names;
    TRY(file_join(lib, folder, "cells", &cells));
    int status = folder_list(lib, cells, &names);
    if (status == 0) {
        status = collect(lib, folder, cells, &names);
        folder_names_free(lib, &names);
    }
    memory_free(lib, cells);
    TRY(status);

    /* the page can be made at any time: no reason to end a study */
    status = report_write_page(lib, folder);
    if (status == 0 || status == IDIM_EMEMORY)
        return status;
    library_log(lib, "the page is not rewritten: %s", lib->error);
    library_clear(lib);
    return 0;
}

static int read_study(idim *lib, const char *folder, json_t **out)
{
    char *path;
    TRY(file_join(lib, folder, "measure.json", &path));
    int status = 0;
    if (!file_exists(path))
        status = fail(lib, IDIM_EIO,
                      "%s: expected the folder of a study, found no measure.json in it", folder);
    else
        status = json_read_file(lib, path, ANSWER_LIMIT, out);
    memory_free(lib, path);
    return status;
}

int study_result(idim *lib, const char *folder)
{
    json_t *study;
    TRY(read_study(lib, folder, &study));
    return record_finish(lib, study);
}

int study_status(idim *lib, const char *folder)
{
    json_t *study, *working;
    TRY(read_study(lib, folder, &study));
    int status = ledger_workers(lib, folder, &working);
    if (status != 0) {
        json_decref(study);
        return status;
    }
    json_object_set_new(study, "working", working);
    return record_finish(lib, study);
}
