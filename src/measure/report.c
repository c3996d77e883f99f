/* From the folder to the page and the figures.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report.h"

#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "measure/record.h"
#include "measure/report_export.h"
#include "measure/report_models.h"
#include "measure/report_words.h"

/* ---- groups ---------------------------------------------------------------------------------- */

static bool belong_together(const study_cell *a, const study_cell *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->task, b->task) == 0 &&
           strcmp(a->variation, b->variation) == 0;
}

/* appends letters and digits of the text, everything between them as one "-" */
static void add_slug(buffer *b, const char *text)
{
    enum { MOST = 40 };
    int64_t end = b->n + MOST;
    if (b->n > 0)
        buffer_put(b, "-");
    for (; *text != '\0' && b->n < end; text++) {
        unsigned char letter = (unsigned char)*text;
        if (letter < 128 && isalnum(letter)) {
            char low = (char)tolower(letter);
            buffer_bytes(b, &low, 1);
        } else if (b->n > 0 && b->bytes[b->n - 1] != '-') {
            buffer_put(b, "-");
        }
    }
    while (b->n > 0 && b->bytes[b->n - 1] == '-')
        b->n--;
}

/* the slug of group n; one that an earlier group has gets the group's number */
static int name_group(study *s, study_group *groups, int64_t n, const study_cell *c)
{
    buffer b = {.lib = s->lib};
    add_slug(&b, study_base_name(c->model));
    add_slug(&b, c->task);
    if (c->variation[0] != '\0')
        add_slug(&b, c->variation);
    if (b.n == 0)
        buffer_put(&b, "study");
    bool taken = false;
    for (int64_t i = 0; i < n && b.status == 0; i++)
        taken = taken || ((int64_t)strlen(groups[i].slug) == b.n &&
                          memcmp(groups[i].slug, b.bytes, (size_t)b.n) == 0);
    if (taken)
        buffer_add(&b, "-%lld", (long long)n + 1);

    char *slug = NULL;
    int status = b.status;
    if (status == 0)
        status = study_array(s, b.n + 1, 1, &slug);
    if (status == 0)
        memcpy(slug, b.bytes, (size_t)b.n);
    groups[n].slug = slug;
    buffer_free(&b);
    return status;
}

int study_groups(study *s, study_group **out, int64_t *n)
{
    *n = 0;
    TRY(study_array(s, s->n_cells, sizeof **out, out));
    for (int varied = 0; varied < 2; varied++)
        for (int64_t i = 0; i < s->n_cells; i++) {
            study_cell *c = &s->cell[i];
            int64_t g = 0;
            if ((c->variation[0] != '\0') != (varied == 1))
                continue;
            while (g < *n && !belong_together((*out)[g].cell[0], c))
                g++;
            study_group *group = &(*out)[g];
            if (g == *n) {
                TRY(study_array(s, s->n_cells, sizeof group->cell[0], &group->cell));
                TRY(name_group(s, *out, g, c));
                *n += 1;
            }
            int64_t k = group->n++; /* said before did before others */
            for (; k > 0 && words_series(group->cell[k - 1]->method) > words_series(c->method); k--)
                group->cell[k] = group->cell[k - 1];
            group->cell[k] = c;
        }
    return 0;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static int write_page(study *s, study_group *groups, int64_t n)
{
    buffer b = {.lib = s->lib};
    page p = {.b = &b, .s = s, .group = groups, .n_groups = n};
    int status = page_write(&p);
    if (status != 0) {
        buffer_free(&b);
        return status;
    }
    return export_write(&b, s->folder, "report", ".html");
}

int report_write_page(idim *lib, const char *folder)
{
    study s;
    study_group *groups;
    int64_t n;
    int status = study_read(lib, folder, &s);
    if (status == 0)
        status = study_groups(&s, &groups, &n);
    if (status == 0)
        status = write_page(&s, groups, n);
    study_close(&s);
    return status;
}

/* data, scripts and tables, then the pictures gnuplot makes of them */
static int write_figures(study *s, study_group *groups, int64_t n, buffer *note, int64_t *drawn)
{
    char *folder;
    buffer names = {.lib = s->lib};
    TRY(file_join(s->lib, s->folder, "figures", &folder));
    int status = file_make_folder(s->lib, folder);
    if (status == 0)
        status = export_tables(s, folder);
    if (status == 0)
        status = export_figures(s, groups, n, folder, &names);
    if (status == 0)
        status = export_models(s, folder, &names);
    if (status == 0)
        status = export_pictures(s->lib, folder, &names, note, drawn);
    buffer_free(&names);
    memory_free(s->lib, folder);
    return status;
}

static int write_result(const study *s, const buffer *note, int64_t drawn)
{
    char *path, *figures = NULL;
    TRY(file_join(s->lib, s->folder, "report.html", &path));
    int status = file_join(s->lib, s->folder, "figures", &figures);
    json_t *out = NULL;
    if (status == 0)
        out = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s?}", "schema", "idim.report/1",
                        "version", IDIM_VERSION, "page", path, "figures", figures, "cells",
                        (json_int_t)s->n_cells, "runs", (json_int_t)s->n_runs, "drawn",
                        (json_int_t)drawn, "note", note->n > 0 ? note->bytes : NULL);
    memory_free(s->lib, path);
    memory_free(s->lib, figures);
    return status != 0 ? status : record_finish(s->lib, out);
}

static int write_all(study *s, buffer *note)
{
    study_group *groups;
    int64_t n, drawn = 0;
    TRY(study_groups(s, &groups, &n));
    TRY(write_page(s, groups, n));
    TRY(write_figures(s, groups, n, note, &drawn));
    return write_result(s, note, drawn);
}

int idim_report(idim *lib, const char *study_dir)
{
    study s;
    buffer note = {.lib = lib};
    library_clear(lib);
    int status = study_read(lib, study_dir, &s);
    if (status == 0)
        status = write_all(&s, &note);
    buffer_free(&note);
    study_close(&s);
    return status;
}
