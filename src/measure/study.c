/* A study's folder as a whole: the answers of all its cells in one file, in an order that does not
 * depend on who measured what when.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/measure.h"

#include "base/file.h"
#include "base/folder.h"
#include "format/json.h"
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
        int status = json_read_file(lib, path, ANSWER_LIMIT, &answer[*n]);
        memory_free(lib, path);
        TRY(status);
        (*n)++;
    }
    return 0;
}

static json_t *study_json(json_t **answer, int64_t n)
{
    json_t *cells = json_array();
    int64_t runs = 0;
    bool complete = n > 0;
    qsort(answer, (size_t)n, sizeof answer[0], compare_cells);
    for (int64_t i = 0; i < n; i++) {
        runs += (int64_t)json_integer_value(json_object_get(answer[i], "runs"));
        complete = complete && json_is_true(json_object_get(answer[i], "complete"));
        json_array_append(cells, answer[i]);
    }
    return json_pack("{s:s, s:s, s:b, s:I, s:o}", "schema", "idim.measure/1", "version",
                     IDIM_VERSION, "complete", complete, "runs_done", (json_int_t)runs, "cells",
                     cells);
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
    return report_write_page(lib, folder);
}

static int read_study(idim *lib, const char *folder, json_t **out)
{
    char *path;
    TRY(file_join(lib, folder, "measure.json", &path));
    int status = json_read_file(lib, path, ANSWER_LIMIT, out);
    memory_free(lib, path);
    return status;
}

int study_result(idim *lib, const char *folder)
{
    json_t *study;
    TRY(read_study(lib, folder, &study));
    return record_finish(lib, study);
}

/* what stands in work/: the name of a run, and who has it for how long without a sign of life */
static int list_work(idim *lib, const char *folder, json_t *out)
{
    char *work;
    folder_names names;
    TRY(file_join(lib, folder, "work", &work));
    int status = folder_list(lib, work, &names);
    for (int64_t i = 0; status == 0 && i < names.n; i++) {
        char *claim, *owner = NULL;
        int64_t length;
        status = memory_format(lib, &claim, "%s/%s/claim", work, names.name[i]);
        if (status == 0 && file_exists(claim) && file_read(lib, claim, 4096, &owner, &length) == 0)
            json_array_append_new(out,
                                  json_pack("{s:s, s:s}", "run", names.name[i], "owner", owner));
        memory_free(lib, owner);
        memory_free(lib, claim);
    }
    folder_names_free(lib, &names);
    memory_free(lib, work);
    return status;
}

int study_status(idim *lib, const char *folder)
{
    json_t *study, *working = json_array();
    int status = read_study(lib, folder, &study);
    if (status == 0)
        status = list_work(lib, folder, working);
    if (status != 0) {
        json_decref(working);
        return status;
    }
    json_object_set_new(study, "working", working);
    return record_finish(lib, study);
}
