/* Tables and tasks. The first byte says what the rest is: t TSV, c CSV, j JSONL, o CoLA, m MRPC,
 * q QQP, s STS-B, r RTE.
 *
 * SPDX-License-Identifier: MIT */
#include "format/table.h"
#include "task/metrics.h"
#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    char letter;
    const char *end, *task;
} kinds[] = {
    {'t', "tsv", NULL},   {'c', "csv", NULL},  {'j', "jsonl", NULL}, {'o', "tsv", "cola"},
    {'m', "tsv", "mrpc"}, {'q', "tsv", "qqp"}, {'s', "tsv", "stsb"}, {'r', "tsv", "rte"},
};

static void check_refusal(const idim *lib, int status)
{
    if (idim_error(lib)[0] == '\0' || status != IDIM_EFORMAT)
        abort();
}

static void read_table(idim *lib, const char *path)
{
    table *t;
    int status = table_open(lib, path, TABLE_BY_NAME, true, &t);
    for (bool more = true; status == 0 && more;) {
        status = table_next(t, &more);
        for (int64_t i = 0; status == 0 && i < t->n_cells; i++)
            if (t->cell[i].text != NULL && t->cell[i].text[t->cell[i].length] != '\0')
                abort();
    }
    table_close(t);
    if (status != 0)
        check_refusal(lib, status);
    library_clear(lib);
}

static void read_task(idim *lib, const char *path, const char *name, const char *separator)
{
    task_options o = task_defaults();
    o.name = name;
    o.separator = separator;
    o.file[SPLIT_TRAIN] = path;
    task *t;
    int status = task_open(lib, &o, NULL, &t);
    if (status != 0) {
        check_refusal(lib, status);
        library_clear(lib);
        return;
    }
    const split *s = &t->splits[SPLIT_TRAIN];
    metrics m;
    for (int64_t i = 0; i < s->n; i++)
        if (s->text[2 * i] == NULL ||
            (t->kind == TASK_CLASSES && !(s->label[i] >= 0 && s->label[i] < (float)t->n_labels)))
            abort();
    if (s->n == 0 || metrics_majority(t, SPLIT_TRAIN, &m) != 0)
        abort();
    task_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t kind = 0, n_kinds = sizeof kinds / sizeof kinds[0];
    while (size > 0 && kind < n_kinds && kinds[kind].letter != (char)data[0])
        kind++;
    if (size == 0 || kind == n_kinds)
        return 0;

    char path[64];
    snprintf(path, sizeof path, "fuzz_table.%ld.%s", (long)getpid(), kinds[kind].end);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data + 1, 1, size - 1, f) != size - 1 || fclose(f) != 0)
        abort();
    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    if (kinds[kind].task == NULL)
        read_table(lib, path);
    read_task(lib, path, kinds[kind].task, NULL);
    if (kinds[kind].task == NULL)
        read_task(lib, path, NULL, ";");
    idim_close(lib);
    remove(path);
    return 0;
}
