/* runs/<name>/record.json and log.jsonl. A folder without a record is a run under way, and is
 * passed over.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_study.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"

#define LARGEST 1e15

enum { LOG_LIMIT = 256 << 20 };

/* ---- the names ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const study_run *)a)->name, ((const study_run *)b)->name);
}

/* every well-formed name in the folder, in the order of their letters: readdir has none */
static int list_runs(study *s, const char *folder, DIR *open_folder)
{
    int64_t room = 0;
    study_run *list = NULL;
    int status = 0;
    struct dirent *entry;
    while (status == 0 && (entry = readdir(open_folder)) != NULL) {
        if (!study_is_name(entry->d_name))
            continue;
        if (s->n_runs == room) {
            room = 2 * room + 64;
            status = memory_resize(s->lib, room, sizeof *list, folder, (void **)&list);
        }
        size_t length = strlen(entry->d_name) + 1;
        char *name = status == 0 ? arena_take(s->memory, (int64_t)length, 1) : NULL;
        if (name == NULL) {
            status = IDIM_EMEMORY;
            break;
        }
        memcpy(name, entry->d_name, length);
        list[s->n_runs++] = (study_run){.name = name};
    }
    if (status == 0)
        status = study_array(s, s->n_runs, sizeof s->run[0], &s->run);
    if (status == 0 && s->n_runs > 0) {
        memcpy(s->run, list, (size_t)s->n_runs * sizeof *list);
        qsort(s->run, (size_t)s->n_runs, sizeof s->run[0], compare_names);
    }
    memory_free(s->lib, list);
    return status;
}

/* ---- one run --------------------------------------------------------------------------------- */

static int read_record(study *s, const char *path, study_run *r)
{
    json_t *document;
    TRY(study_document(s, path, &document));
    r->record = document;
    json_place root = json_root(s->lib, path, document);
    json_place schema = json_member(&root, "schema"), eval = json_member(&root, "eval");
    json_place dev = json_member(&eval, "dev"), train = json_member(&eval, "train");
    json_place settings = json_member(&root, "settings"), adapter = json_member(&root, "adapter");
    const char *word, *metric = "";
    TRY(json_want_text(&schema, &word));
    if (strncmp(word, "idim.run/", 9) != 0)
        return json_fail_expected(&schema, "\"idim.run/1\"");
    if (strcmp(word, "idim.run/1") != 0)
        return json_fail_unsupported(&schema, "idim.run/1");

    r->score = r->train = r->rate = r->seconds = NAN;
    r->method = "";
    TRY(json_take_text(&root, "error", &r->error));
    TRY(json_take_text(&root, "metric", &metric));
    TRY(json_take_text(&root, "method", &r->method));
    TRY(json_take_integer(&root, "dim", 0, (int64_t)LARGEST, &r->dim));
    TRY(json_take_integer(&root, "seed", 0, (int64_t)LARGEST * 9, &r->seed));
    TRY(json_take_integer(&root, "steps", 0, (int64_t)LARGEST, &r->steps));
    TRY(json_take_number(&root, "seconds", 0, LARGEST, &r->seconds));
    TRY(json_take_number(&settings, "learning_rate", 0, LARGEST, &r->rate));
    TRY(json_take_number(&dev, metric, -LARGEST, LARGEST, &r->score));
    TRY(json_take_number(&train, metric, -LARGEST, LARGEST, &r->train));
    return json_take_integer(&adapter, "bytes", 0, (int64_t)LARGEST, &r->bytes);
}

static int read_step(const json_place *line, double *step, double *loss)
{
    json_place at_step = json_member(line, "step"), at_loss = json_member(line, "loss");
    TRY(json_want_number(&at_step, 0, LARGEST, step));
    return json_want_number(&at_loss, -LARGEST, LARGEST, loss);
}

static int read_line(study *s, const char *path, int64_t number, const char *line, int64_t length,
                     double *to)
{
    char *name;
    json_t *document;
    TRY(memory_format(s->lib, &name, "%s: line %lld", path, (long long)number));
    int status = json_read_text(s->lib, name, line, length, &document);
    if (status == 0) {
        json_place root = json_root(s->lib, name, document);
        status = read_step(&root, &to[0], &to[1]);
        json_decref(document);
    }
    memory_free(s->lib, name);
    return status;
}

static int parse_log(study *s, const char *path, const char *text, int64_t size, study_run *r)
{
    int64_t lines = size > 0 && text[size - 1] != '\n';
    for (int64_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    double *steps, *losses;
    TRY(study_array(s, lines, sizeof *steps, &steps));
    TRY(study_array(s, lines, sizeof *losses, &losses));

    int64_t at = 0;
    for (int64_t i = 0; i < lines; i++) {
        const char *end = memchr(text + at, '\n', (size_t)(size - at));
        int64_t length = end != NULL ? end - (text + at) : size - at;
        double pair[2];
        TRY(read_line(s, path, i + 1, text + at, length, pair));
        steps[i] = pair[0];
        losses[i] = pair[1];
        at += length + 1;
    }
    r->step = steps;
    r->loss = losses;
    r->n_log = lines;
    return 0;
}

static int read_log(study *s, const char *path, study_run *r)
{
    char *text;
    int64_t size;
    if (!file_exists(path))
        return 0;
    TRY(file_read(s->lib, path, LOG_LIMIT, &text, &size));
    int status = parse_log(s, path, text, size, r);
    memory_free(s->lib, text);
    return status;
}

/* *found stays false where there is no record */
static int read_run(study *s, const char *folder, study_run *r, bool *found)
{
    char *record, *log = NULL;
    TRY(memory_format(s->lib, &record, "%s/%s/record.json", folder, r->name));
    int status = memory_format(s->lib, &log, "%s/%s/log.jsonl", folder, r->name);
    *found = file_exists(record);
    if (status == 0 && *found)
        status = read_record(s, record, r);
    if (status == 0 && *found)
        status = read_log(s, log, r);
    memory_free(s->lib, record);
    memory_free(s->lib, log);
    return status;
}

static int read_all(study *s, const char *folder)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_runs; i++) {
        bool found;
        study_run r = s->run[i];
        TRY(read_run(s, folder, &r, &found));
        if (found)
            s->run[n++] = r;
    }
    s->n_runs = n;
    return 0;
}

int study_read_runs(study *s)
{
    char *folder;
    TRY(file_join(s->lib, s->folder, "runs", &folder));
    int status = 0;
    DIR *open_folder = opendir(folder);
    if (open_folder != NULL) {
        status = list_runs(s, folder, open_folder);
        closedir(open_folder);
    } else if (errno == ENOENT) { /* a study before its first run */
        status = study_array(s, 0, sizeof s->run[0], &s->run);
    } else {
        status = fail(s->lib, IDIM_EIO, "%s: cannot be opened: %s", folder, strerror(errno));
    }
    if (status == 0)
        status = read_all(s, folder);
    memory_free(s->lib, folder);
    return status;
}
