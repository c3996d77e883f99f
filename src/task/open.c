/* Opening a task: read every split's rows, settle what the labels mean, convert and encode.
 *
 * SPDX-License-Identifier: MIT */
#include "task/task.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "model/model.h"
#include "task/glue.h"
#include "task/labels.h"
#include "task/language.h"
#include "task/rows.h"

/* every split there may be: N_SPLITS and MNLI's second dev set */
enum { SPLIT_MISMATCHED = N_SPLITS, ALL_SPLITS };

typedef struct opening {
    const task_options *options;
    const glue_task *glue; /* NULL: any files */
    task *task;
    char *path[ALL_SPLITS]; /* NULL: there is no such split */
    rows rows[ALL_SPLITS];
} opening;

task_options task_defaults(void)
{
    return (task_options){.needs_labels = true, .max_length = 128};
}

static int fail_name(idim *lib, const char *name)
{
    const char *names[16];
    int64_t n = 0;
    while (n < 16 && task_glue_name(n) != NULL) {
        names[n] = task_glue_name(n);
        n++;
    }
    const char *near = idim_nearest(name, names, n);
    return fail(lib, IDIM_EARGUMENT,
                "task: expected cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte or wnli, found '%s'"
                "%s%s%s",
                name, near != NULL ? ": did you mean " : "", near != NULL ? near : "",
                near != NULL ? "?" : "");
}

/* a file of the task's folder, which is data or lies in it, if it is there */
static int find_in_folder(opening *o, const char *name, char **out)
{
    char *path;
    TRY(file_join(o->task->lib, o->options->data, name, &path));
    if (!file_exists(path)) {
        memory_free(o->task->lib, path);
        TRY(memory_format(o->task->lib, &path, "%s/%s/%s", o->options->data, o->glue->folder,
                          name));
    }
    if (file_exists(path))
        *out = path;
    else
        memory_free(o->task->lib, path);
    return 0;
}

static int find_folder_files(opening *o)
{
    idim *lib = o->task->lib;
    if (!file_is_folder(o->options->data))
        return fail(lib, IDIM_EIO, "%s: expected the folder of the task %s, found no folder",
                    o->options->data, o->glue->name);
    bool any = false;
    for (int i = 0; i < N_SPLITS; i++) {
        if (o->path[i] == NULL)
            TRY(find_in_folder(o, o->glue->file[i], &o->path[i]));
        any = any || o->path[i] != NULL;
    }
    if (o->glue->mismatched != NULL && o->options->file[SPLIT_DEV] == NULL)
        TRY(find_in_folder(o, o->glue->mismatched, &o->path[SPLIT_MISMATCHED]));
    if (!any)
        return fail(lib, IDIM_EIO, "%s: expected %s, %s or %s, found none of them",
                    o->options->data, o->glue->file[0], o->glue->file[1], o->glue->file[2]);
    return 0;
}

static int find_files(opening *o)
{
    idim *lib = o->task->lib;
    bool any = false;
    for (int i = 0; i < N_SPLITS; i++) {
        const char *file = o->options->file[i];
        any = any || file != NULL;
        if (file != NULL)
            TRY(memory_text(lib, file, (int64_t)strlen(file), &o->path[i]));
    }
    if (o->glue != NULL && o->options->data != NULL)
        return find_folder_files(o);
    if (o->glue != NULL && !any)
        return fail(lib, IDIM_EARGUMENT, "task %s: expected data, its folder, found nothing",
                    o->glue->name);
    return any ? 0
               : fail(lib, IDIM_EARGUMENT,
                      "data: expected a task with its folder, or a train, dev or test file, found "
                      "neither");
}

/* "mrpc", else the first file's name without folder and end */
static int name_task(opening *o)
{
    if (o->glue != NULL)
        return memory_text(o->task->lib, o->glue->name, (int64_t)strlen(o->glue->name),
                           &o->task->name);
    int first = 0;
    while (o->path[first] == NULL)
        first++;
    const char *slash = strrchr(o->path[first], '/');
    const char *name = slash != NULL ? slash + 1 : o->path[first], *dot = strrchr(name, '.');
    int64_t length = dot != NULL && dot > name ? dot - name : (int64_t)strlen(name);
    return memory_text(o->task->lib, name, length, &o->task->name);
}

static split *split_at(task *t, int i)
{
    return i == SPLIT_MISMATCHED ? &t->mismatched : &t->splits[i];
}

static int read_rows(opening *o)
{
    const rows *there[ALL_SPLITS];
    int64_t n = 0;
    for (int i = 0; i < ALL_SPLITS; i++) {
        if (o->path[i] == NULL)
            continue;
        split_name which = i == SPLIT_MISMATCHED ? SPLIT_DEV : (split_name)i;
        TRY(o->options->language
                ? language_read(o->task->lib, o->path[i], o->options, &o->rows[i])
                : rows_read(o->task->lib, o->path[i], o->options, o->glue, which, &o->rows[i]));
        there[n++] = &o->rows[i];
    }
    if (o->options->language) {
        o->task->kind = TASK_LANGUAGE;
        o->task->n_labels = LANGUAGE_OUTPUTS;
        return 0;
    }
    return labels_settle(o->task, o->options, o->glue, there, n, o->path[SPLIT_TRAIN] != NULL);
}

static void choose_metric(opening *o)
{
    task *t = o->task;
    static const char *const by_kind[] = {[TASK_CLASSES] = "accuracy",
                                          [TASK_REGRESSION] = "pearson",
                                          [TASK_MULTI_LABEL] = "f1_micro",
                                          [TASK_LANGUAGE] = "bits_saved"};
    t->metric = by_kind[t->kind];
    if (o->glue != NULL) {
        t->metric = o->glue->metric;
        t->combined = o->glue->combined;
    }
}

/* room in ids and segment for `more` tokens behind the n there are */
static int grow_tokens(idim *lib, split *s, int64_t n, int64_t more, int64_t *room)
{
    if (n + more <= *room)
        return 0;
    int64_t wanted = 2 * (n + more);
    wanted = wanted < 1 << 12 ? 1 << 12 : wanted;
    TRY(memory_resize(lib, wanted, sizeof *s->ids, s->path, (void **)&s->ids));
    TRY(memory_resize(lib, wanted, sizeof *s->segment, s->path, (void **)&s->segment));
    *room = wanted;
    return 0;
}

static int encode_rows(idim *lib, const rows *r, idim_tokenizer *tokenizer, int64_t max_length,
                       encoding *e, split *s)
{
    int64_t room = 0;
    for (int64_t i = 0; i < r->n; i++) {
        const row *one = &r->item[i];
        TRY(tokenizer_encode(tokenizer, row_text(r, i, ROW_TEXT), one->length[ROW_TEXT],
                             row_text(r, i, ROW_PAIR), one->length[ROW_PAIR], max_length, e));
        int64_t at = s->start[i];
        TRY(grow_tokens(lib, s, at, e->n, &room));
        memcpy(s->ids + at, e->ids, (size_t)e->n * sizeof *s->ids);
        memcpy(s->segment + at, e->segment, (size_t)e->n * sizeof *s->segment);
        s->start[i + 1] = at + e->n;
        s->truncated += e->truncated;
    }
    return 0;
}

static int encode_split(idim *lib, const rows *r, idim_tokenizer *tokenizer, int64_t max_length,
                        split *s)
{
    TRY(NEW(lib, int64_t, r->n + 1, s->path, &s->start));
    encoding e = {0};
    int status = encode_rows(lib, r, tokenizer, max_length, &e, s);
    encoding_free(lib, &e);
    return status;
}

static int hash_encoded(idim *lib, const split *s, hasher *h)
{
    int64_t n = s->start[s->n];
    TRY(hash_add(lib, h, s->start, (s->n + 1) * (int64_t)sizeof *s->start));
    TRY(hash_add(lib, h, s->ids, n * (int64_t)sizeof *s->ids));
    TRY(hash_add(lib, h, s->segment, n * (int64_t)sizeof *s->segment));
    if (s->label == NULL)
        return 0;
    return hash_add(lib, h, s->label, s->n * s->label_width * (int64_t)sizeof *s->label);
}

static int name_encoded(idim *lib, split *s)
{
    hasher *h;
    uint8_t digest[HASH_BYTES];
    TRY(hash_begin(lib, &h));
    int status = hash_encoded(lib, s, h);
    int ended = hash_end(lib, h, digest);
    TRY(status);
    TRY(ended);
    hash_text(digest, s->encoded);
    return 0;
}

static void take_names(rows *r, split *s)
{
    s->path = r->path;
    s->columns = r->columns;
    r->path = r->columns = NULL;
    memcpy(s->sha256, r->sha256, sizeof s->sha256);
}

/* rows become a split; path, columns and, at the end, the pool of texts change hands */
static int make_split(opening *o, rows *r, idim_tokenizer *tokenizer, split *s)
{
    idim *lib = o->task->lib;
    take_names(r, s);
    s->n = r->n;
    s->skipped = r->skipped;

    TRY(NEW(lib, char *, 2 * r->n, s->path, &s->text));
    for (int64_t i = 0; i < r->n; i++) {
        s->text[2 * i] = (char *)row_text(r, i, ROW_TEXT);
        s->text[2 * i + 1] = (char *)row_text(r, i, ROW_PAIR);
    }
    if (tokenizer != NULL)
        TRY(encode_split(lib, r, tokenizer, o->options->max_length, s));
    if (tokenizer != NULL)
        TRY(name_encoded(lib, s));
    s->text_pool = r->pool;
    r->pool = NULL;
    return 0;
}

static int make_blocks(opening *o, int i, idim_tokenizer *tokenizer)
{
    split *s = split_at(o->task, i);
    take_names(&o->rows[i], s);
    o->task->vocabulary = tokenizer_size(tokenizer);
    TRY(language_blocks(&o->rows[i], o->options, tokenizer, o->options->max_samples[i], s));
    return name_encoded(o->task->lib, s);
}

static int make_splits(opening *o, idim_tokenizer *tokenizer)
{
    for (int i = 0; i < ALL_SPLITS; i++) {
        rows *r = &o->rows[i];
        split *s = split_at(o->task, i);
        if (o->path[i] == NULL)
            continue;
        if (o->options->language) {
            TRY(make_blocks(o, i, tokenizer));
            continue;
        }
        s->label_width = o->task->kind == TASK_MULTI_LABEL ? o->task->n_labels : 1;
        if (r->labelled) {
            int64_t n;
            if (__builtin_mul_overflow(r->n, s->label_width, &n))
                return fail_memory(o->task->lib, INT64_MAX, o->path[i]);
            TRY(NEW(o->task->lib, float, n, o->path[i], &s->label));
            TRY(labels_convert(o->task, r, s->label));
        }
        TRY(make_split(o, r, tokenizer, s));
    }
    return 0;
}

static int open_parts(opening *o, idim_tokenizer *tokenizer)
{
    TRY(find_files(o));
    TRY(name_task(o));
    TRY(read_rows(o));
    choose_metric(o);
    return make_splits(o, tokenizer);
}

int task_open(idim *lib, const task_options *options, idim_tokenizer *tokenizer, task **out)
{
    *out = NULL;
    opening o = {.options = options};
    if (options->name != NULL) {
        o.glue = glue_find(options->name);
        if (o.glue == NULL)
            return fail_name(lib, options->name);
    }
    TRY(NEW(lib, task, 1, "task", &o.task));
    o.task->lib = lib;
    for (int i = 0; i < ALL_SPLITS; i++)
        o.rows[i].lib = lib;

    int status = open_parts(&o, tokenizer);
    for (int i = 0; i < ALL_SPLITS; i++) {
        memory_free(lib, o.path[i]);
        rows_free(&o.rows[i]);
    }
    if (status != 0) {
        task_close(o.task);
        return status;
    }
    *out = o.task;
    return 0;
}

void task_close(task *t)
{
    if (t == NULL)
        return;
    for (int i = 0; i < ALL_SPLITS; i++) {
        split *s = split_at(t, i);
        memory_free(t->lib, s->path);
        memory_free(t->lib, s->columns);
        memory_free(t->lib, s->text_pool);
        memory_free(t->lib, s->text);
        memory_free(t->lib, s->label);
        memory_free(t->lib, s->ids);
        memory_free(t->lib, s->segment);
        memory_free(t->lib, s->start);
    }
    for (int64_t i = 0; t->label_name != NULL && i < t->n_labels; i++)
        memory_free(t->lib, t->label_name[i]);
    memory_free(t->lib, t->label_name);
    memory_free(t->lib, t->name);
    memory_free(t->lib, t);
}
