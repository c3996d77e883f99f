/* runs/<name>/record.json and log.jsonl. A folder without a record is a run under way, and is
 * passed over.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_study.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "format/json.h"

#define LARGEST 1e15

enum { LOG_LIMIT = 256 << 20 };

/* ---- the names ------------------------------------------------------------------------------- */

/* the well-formed names of the folder, in their order */
static int take_names(study *s, const folder_names *names)
{
    TRY(study_array(s, names->n, sizeof s->run[0], &s->run));
    for (int64_t i = 0; i < names->n; i++) {
        char *name;
        int64_t size = (int64_t)strlen(names->name[i]) + 1;
        if (!study_is_name(names->name[i]))
            continue;
        TRY(study_array(s, size, 1, &name));
        memcpy(name, names->name[i], (size_t)size);
        s->run[s->n_runs++] = (study_run){.name = name};
    }
    return 0;
}

/* ---- one run --------------------------------------------------------------------------------- */

/* what a coded adapter lost and certifies, where the record says so */
static int read_coding(const json_place *root, const char *metric, study_run *r)
{
    json_place coding = json_member(root, "coding"), bound = json_member(root, "bound");
    json_place uncoded = json_member(&coding, "uncoded"), dev = json_member(&uncoded, "dev");
    json_place held = json_member(&bound, "held_out"), on = json_member(&held, "test");
    if (!json_present(&on))
        on = json_member(&held, "dev");
    json_place baselines = json_member(&bound, "baselines");
    json_place majority = json_member(&baselines, "majority");
    r->uncoded = r->train_error = r->bound = r->held_error = r->majority_error = NAN;
    TRY(json_take_number(&dev, metric, -LARGEST, LARGEST, &r->uncoded));
    TRY(json_take_number(&bound, "train_error", 0, 1, &r->train_error));
    TRY(json_take_number(&bound, "bound", 0, 1, &r->bound));
    TRY(json_take_integer(&bound, "bits", 0, (int64_t)LARGEST, &r->code_bits));
    TRY(json_take_number(&majority, "error", 0, 1, &r->majority_error));
    TRY(json_take_flag(&majority, "beaten", &r->beaten));
    return json_take_number(&on, "error", 0, 1, &r->held_error);
}

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
    TRY(json_take_text(&root, "failure", &r->error));
    TRY(json_take_text(&root, "metric", &metric));
    TRY(json_take_text(&root, "method", &r->method));
    TRY(json_take_integer(&root, "dim", 0, (int64_t)LARGEST, &r->dim));
    TRY(json_take_integer(&root, "seed", 0, (int64_t)LARGEST * 9, &r->seed));
    TRY(json_take_integer(&root, "steps", 0, (int64_t)LARGEST, &r->steps));
    TRY(json_take_number(&root, "seconds", 0, LARGEST, &r->seconds));
    TRY(json_take_number(&settings, "learning_rate", 0, LARGEST, &r->rate));
    TRY(json_take_number(&dev, metric, -LARGEST, LARGEST, &r->score));
    TRY(json_take_number(&train, metric, -LARGEST, LARGEST, &r->train));
    TRY(read_coding(&root, metric, r));
    return json_take_integer(&adapter, "bytes", 0, (int64_t)LARGEST, &r->bytes);
}

/* a run that diverges logs any loss on its way: it is drawn at LARGEST */
static int read_step(const json_place *line, double *step, double *loss)
{
    json_place at_step = json_member(line, "step"), at_loss = json_member(line, "loss");
    TRY(json_want_number(&at_step, 0, LARGEST, step));
    TRY(json_want_number(&at_loss, -DBL_MAX, DBL_MAX, loss));
    *loss = fmax(-LARGEST, fmin(LARGEST, *loss));
    return 0;
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
    folder_names names = {0};
    TRY(file_join(s->lib, s->folder, "runs", &folder));
    int status = folder_list(s->lib, folder, &names);
    if (status == 0)
        status = take_names(s, &names);
    if (status == 0)
        status = read_all(s, folder);
    folder_names_free(s->lib, &names);
    memory_free(s->lib, folder);
    return status;
}
