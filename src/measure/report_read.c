/* measure.json to cells. Every value is looked at once, here; what follows trusts the structs.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_study.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"

#define LARGEST 1e15 /* sizes and scores beyond are a damaged file */

enum { DOCUMENT_LIMIT = 64 << 20, MEASURE_STATUSES = MEASURE_INCOMPLETE + 1 };

/* ---- memory ---------------------------------------------------------------------------------- */

int study_array(study *s, int64_t count, int64_t size, void *out)
{
    int64_t taken = count > 0 ? count : 1;
    void *block = arena_take(s->memory, taken, size);
    if (block == NULL)
        return IDIM_EMEMORY;
    memset(block, 0, (size_t)(taken * size));
    *(void **)out = block;
    return 0;
}

int study_document(study *s, const char *path, json_t **out)
{
    *out = NULL;
    if (s->n_documents == s->room_documents) {
        int64_t room = 2 * s->room_documents + 16;
        TRY(memory_resize(s->lib, room, sizeof s->document[0], "documents", (void **)&s->document));
        s->room_documents = room;
    }
    TRY(json_read_file(s->lib, path, DOCUMENT_LIMIT, out));
    s->document[s->n_documents++] = *out;
    return 0;
}

bool study_is_name(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    const char *end = name + digits;
    end += *end == 'l'; /* the name of a linearised curve ends so */
    return end - name >= 16 && end - name <= 64 && *end == '\0';
}

const study_run *study_find_run(const study *s, const char *name)
{
    int64_t low = 0, high = s->n_runs;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(s->run[middle].name, name);
        if (order == 0)
            return &s->run[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *study_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (path[0] == '\0')
        return "(no name)";
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* ---- parts of a cell ------------------------------------------------------------------------- */

static int take_score(const json_place *in, const char *key, double *out)
{
    *out = NAN;
    return json_take_number(in, key, -LARGEST, LARGEST, out);
}

static int take_size(const json_place *in, const char *key, double *out)
{
    *out = NAN;
    return json_take_number(in, key, 0, LARGEST, out);
}

static int take_count(const json_place *in, const char *key, int64_t *out)
{
    *out = 0;
    return json_take_integer(in, key, 0, (int64_t)LARGEST, out);
}

static int want_text(const json_place *in, const char *key, const char **out)
{
    json_place at = json_member(in, key);
    return json_want_text(&at, out);
}

static int read_name(const study *s, const json_place *at, study_names *out, int64_t i)
{
    TRY(json_want_text(at, &out->name[i]));
    if (!study_is_name(out->name[i]))
        return json_fail_expected(at, "the name of a run (16 to 64 hexadecimal digits)");
    out->run[i] = study_find_run(s, out->name[i]);
    return 0;
}

/* "name": one run */
static int read_one_name(study *s, const json_place *in, study_names *out)
{
    json_place at = json_member(in, "name");
    if (!json_present(&at))
        return 0;
    out->n = 1;
    TRY(study_array(s, 1, sizeof out->name[0], &out->name));
    TRY(study_array(s, 1, sizeof out->run[0], &out->run));
    return read_name(s, &at, out, 0);
}

static int read_names(study *s, const json_place *in, study_names *out)
{
    json_place list = json_member(in, "names");
    if (!json_present(&list))
        return 0;
    TRY(json_want_list(&list, &out->n));
    TRY(study_array(s, out->n, sizeof out->name[0], &out->name));
    TRY(study_array(s, out->n, sizeof out->run[0], &out->run));
    for (int64_t i = 0; i < out->n; i++) {
        json_place at = json_item(&list, i);
        TRY(read_name(s, &at, out, i));
    }
    return 0;
}

static int read_level(study *s, const json_place *cell, const char *key, study_level *out)
{
    json_place at = json_member(cell, key);
    int64_t members;
    *out = (study_level){.score = NAN, .low = NAN, .high = NAN};
    if (!json_present(&at))
        return 0;
    TRY(json_want_object(&at, &members));
    TRY(take_score(&at, "score", &out->score));
    TRY(take_score(&at, "low", &out->low));
    TRY(take_score(&at, "high", &out->high));
    TRY(read_names(s, &at, &out->names));
    out->runs = out->names.n;
    return json_take_integer(&at, "runs", 0, (int64_t)LARGEST, &out->runs);
}

static int read_answer(const json_place *in, study_answer *out)
{
    const char *word;
    TRY(want_text(in, "status", &word));
    int found = 0;
    while (found < MEASURE_STATUSES &&
           strcmp(word, measure_status_name((measure_status)found)) != 0)
        found++;
    if (found == MEASURE_STATUSES) {
        json_place at = json_member(in, "status");
        return json_fail_expected(
            &at, "one of ok|not_reached|below_range|full_below_majority|target_below_majority|"
                 "unstable|incomplete");
    }
    out->status = (measure_status)found;
    out->reason = "";
    TRY(json_take_text(in, "reason", &out->reason));
    TRY(take_score(in, "target", &out->target));
    TRY(take_size(in, "d90", &out->d90));
    TRY(take_size(in, "low", &out->low));
    TRY(take_size(in, "high", &out->high));
    /* an end of the interval at 0 is an open one */
    out->low = out->low > 0 ? out->low : (double)NAN;
    out->high = out->high > 0 ? out->high : (double)NAN;
    json_place at = json_member(in, "d90");
    if (out->status == MEASURE_OK && !(out->d90 > 0))
        return json_fail_expected(&at, "a number above 0, for the status is ok");
    return 0;
}

static int read_scores(study *s, const json_place *in, study_point *out)
{
    json_place list = json_member(in, "scores");
    double *scores;
    if (!json_present(&list))
        return 0;
    TRY(json_want_list(&list, &out->n_scores));
    TRY(study_array(s, out->n_scores, sizeof *scores, &scores));
    for (int64_t i = 0; i < out->n_scores; i++) {
        json_place at = json_item(&list, i);
        scores[i] = NAN; /* null: a run without a score */
        if (json_present(&at))
            TRY(json_want_number(&at, -LARGEST, LARGEST, &scores[i]));
    }
    out->scores = scores;
    return 0;
}

static int read_point(study *s, const json_place *at, study_point *out)
{
    json_place dim = json_member(at, "dim");
    TRY(json_want_number(&dim, 0, LARGEST, &out->dim));
    if (!(out->dim > 0))
        return json_fail_expected(&dim, "a number above 0");
    TRY(take_score(at, "score", &out->score));
    TRY(take_score(at, "low", &out->low));
    TRY(take_score(at, "high", &out->high));
    TRY(take_size(at, "learning_rate", &out->rate));
    TRY(take_count(at, "runs", &out->runs));
    TRY(take_count(at, "collapsed", &out->collapsed));
    out->counts = true;
    TRY(json_take_flag(at, "counts", &out->counts));
    TRY(read_scores(s, at, out));
    return read_names(s, at, &out->names);
}

/* points by rising d, whatever their order in the file (insertion: they come nearly sorted) */
static void sort_curve(study_curve *c)
{
    for (int64_t i = 1; i < c->n; i++) {
        study_point moved = c->point[i];
        int64_t k = i;
        for (; k > 0 && c->point[k - 1].dim > moved.dim; k--)
            c->point[k] = c->point[k - 1];
        c->point[k] = moved;
    }
}

static int read_curve(study *s, const json_place *in, const char *key, study_curve *out)
{
    json_place list = json_member(in, key);
    if (!json_present(&list))
        return 0;
    TRY(json_want_list(&list, &out->n));
    TRY(study_array(s, out->n, sizeof out->point[0], &out->point));
    for (int64_t i = 0; i < out->n; i++) {
        json_place at = json_item(&list, i);
        TRY(read_point(s, &at, &out->point[i]));
    }
    sort_curve(out);
    return 0;
}

static int read_linearised(study *s, const json_place *cell, study_cell *out)
{
    json_place at = json_member(cell, "linearised");
    int64_t members;
    out->linearised_d90 = out->linearised_seconds = NAN;
    if (!json_present(&at))
        return 0;
    TRY(json_want_object(&at, &members));
    TRY(take_size(&at, "d90", &out->linearised_d90));
    TRY(take_size(&at, "seconds", &out->linearised_seconds));
    TRY(read_one_name(s, &at, &out->linearised_name));
    return read_curve(s, &at, "points", &out->linearised);
}

static int read_object(const json_place *cell, const char *key, const json_t **out)
{
    json_place at = json_member(cell, key);
    int64_t members;
    *out = NULL;
    if (!json_present(&at))
        return 0;
    TRY(json_want_object(&at, &members));
    *out = at.value;
    return 0;
}

static int read_search(const json_place *cell, study_cell *out)
{
    TRY(read_object(cell, "settings", &out->settings));
    TRY(read_object(cell, "search", &out->search));
    json_place at = json_member(cell, "search");
    out->threshold = 0.9;
    TRY(json_take_number(&at, "threshold", 0, 1, &out->threshold));
    TRY(take_count(&at, "low", &out->dim_low));
    return take_count(&at, "high", &out->dim_high);
}

static int read_identity(const json_place *at, study_cell *out)
{
    out->variation = out->architecture = out->fingerprint = "";
    TRY(want_text(at, "model", &out->model));
    TRY(want_text(at, "task", &out->task));
    TRY(want_text(at, "method", &out->method));
    TRY(want_text(at, "metric", &out->metric));
    TRY(json_take_text(at, "variation", &out->variation));
    TRY(json_take_text(at, "architecture", &out->architecture));
    TRY(json_take_text(at, "fingerprint", &out->fingerprint));
    TRY(take_count(at, "n_train", &out->n_train));
    TRY(take_count(at, "n_dev", &out->n_dev));
    TRY(take_count(at, "parameters", &out->parameters));
    TRY(take_count(at, "runs", &out->runs));
    TRY(take_count(at, "steps", &out->steps));
    TRY(take_size(at, "seconds", &out->seconds));
    return take_size(at, "checkpoint_step", &out->checkpoint);
}

static int read_cell(study *s, const json_place *at, study_cell *out)
{
    int64_t members;
    TRY(json_want_object(at, &members));
    TRY(read_identity(at, out));
    TRY(read_search(at, out));
    TRY(read_answer(at, &out->answer));
    TRY(take_score(at, "majority", &out->majority));
    TRY(read_level(s, at, "full", &out->full));
    TRY(read_level(s, at, "head", &out->head));
    TRY(read_level(s, at, "bias", &out->bias));
    TRY(read_curve(s, at, "points", &out->points));
    TRY(read_curve(s, at, "fit", &out->fit));
    TRY(read_linearised(s, at, out));

    json_place corrected = json_member(at, "corrected");
    out->corrected = (study_answer){MEASURE_INCOMPLETE, "", NAN, NAN, NAN, NAN};
    return json_present(&corrected) ? read_answer(&corrected, &out->corrected) : 0;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static int read_measure(study *s, const char *path)
{
    json_t *document;
    TRY(study_document(s, path, &document));
    json_place root = json_root(s->lib, path, document);
    json_place schema = json_member(&root, "schema");
    const char *word;
    TRY(json_want_text(&schema, &word));
    if (strncmp(word, "idim.measure/", 13) != 0)
        return json_fail_expected(&schema, "\"idim.measure/1\"");
    if (strcmp(word, "idim.measure/1") != 0)
        return json_fail_unsupported(&schema, "idim.measure/1");

    s->version = "";
    TRY(json_take_text(&root, "version", &s->version));
    TRY(json_take_flag(&root, "complete", &s->complete));
    json_place cells = json_member(&root, "cells");
    TRY(json_want_list(&cells, &s->n_cells));
    TRY(study_array(s, s->n_cells, sizeof s->cell[0], &s->cell));
    for (int64_t i = 0; i < s->n_cells; i++) {
        json_place at = json_item(&cells, i);
        TRY(read_cell(s, &at, &s->cell[i]));
    }
    return 0;
}

int study_read(idim *lib, const char *folder, study *out)
{
    *out = (study){.lib = lib, .folder = folder};
    if (!file_exists(folder))
        return fail(lib, IDIM_EIO, "%s: expected the folder of a study, found nothing", folder);
    if (!file_is_folder(folder))
        return fail(lib, IDIM_EIO, "%s: expected the folder of a study, found a file", folder);
    TRY(arena_new(lib, &out->memory));
    TRY(study_read_runs(out));
    char *path;
    TRY(file_join(lib, folder, "measure.json", &path));
    int status = read_measure(out, path);
    memory_free(lib, path);
    return status;
}

void study_close(study *s)
{
    for (int64_t i = 0; i < s->n_documents; i++)
        json_decref(s->document[i]);
    memory_free(s->lib, s->document);
    arena_free(s->memory);
}
