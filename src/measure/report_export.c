/* Tables as CSV (RFC 4180), Markdown and LaTeX.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_export.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "measure/report_words.h"
#include "measure/spec.h"

/* ---- fields ---------------------------------------------------------------------------------- */

void csv_text(buffer *b, const char *text, char after)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        buffer_put(b, text);
    } else {
        buffer_put(b, "\"");
        for (; *text != '\0'; text++)
            buffer_bytes(b, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
        buffer_put(b, "\"");
    }
    buffer_bytes(b, &after, 1);
}

void csv_number(buffer *b, double value, char after)
{
    char text[NUMBER_TEXT] = "";
    if (isfinite(value))
        number_shortest(value, text);
    buffer_put(b, text);
    buffer_bytes(b, &after, 1);
}

int export_write(buffer *b, const char *folder, const char *name, const char *ending)
{
    char *path = NULL;
    int status = b->status;
    if (status == 0)
        status = memory_format(b->lib, &path, "%s/%s%s", folder, name, ending);
    if (status == 0)
        status = file_write(b->lib, path, b->bytes != NULL ? b->bytes : "", b->n);
    memory_free(b->lib, path);
    buffer_free(b);
    return status;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static void put_identity(buffer *b, const study *s, const study_cell *c)
{
    buffer_add(b, "%lld,", (long long)(c - s->cell) + 1);
    csv_text(b, c->model, ',');
    csv_text(b, c->task, ',');
    csv_text(b, c->method, ',');
    csv_text(b, c->variation, ',');
}

static void put_answer(buffer *b, const study_answer *a)
{
    csv_number(b, a->target, ',');
    csv_number(b, a->d90, ',');
    csv_number(b, a->low, ',');
    csv_number(b, a->high, ',');
}

static int write_cells(const study *s, const char *folder)
{
    buffer b = {.lib = s->lib};
    buffer_put(&b, "cell,model,task,method,variation,status,reason,metric,parameters,"
                   "checkpoint_step,n_train,n_dev,full,full_low,full_high,majority,head,bias,"
                   "target,d90,low,high,corrected_status,corrected_target,corrected_d90,"
                   "corrected_low,corrected_high,linearised_d90,runs,steps,seconds\n");
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        put_identity(&b, s, c);
        csv_text(&b, measure_status_name(c->answer.status), ',');
        csv_text(&b, c->answer.reason, ',');
        csv_text(&b, c->metric, ',');
        buffer_add(&b, "%lld,", (long long)c->parameters);
        csv_number(&b, c->checkpoint, ',');
        buffer_add(&b, "%lld,%lld,", (long long)c->n_train, (long long)c->n_dev);
        csv_number(&b, c->full.score, ',');
        csv_number(&b, c->full.low, ',');
        csv_number(&b, c->full.high, ',');
        csv_number(&b, c->majority, ',');
        csv_number(&b, c->head.score, ',');
        csv_number(&b, c->bias.score, ',');
        put_answer(&b, &c->answer);
        csv_text(&b, measure_status_name(c->corrected.status), ',');
        put_answer(&b, &c->corrected);
        csv_number(&b, c->linearised_d90, ',');
        buffer_add(&b, "%lld,%lld,", (long long)c->runs, (long long)c->steps);
        csv_number(&b, c->seconds, '\n');
    }
    return export_write(&b, folder, "cells", ".csv");
}

static int write_points(const study *s, const char *folder)
{
    buffer b = {.lib = s->lib};
    buffer_put(&b, "cell,model,task,method,variation,dim,learning_rate,counts,score,low,high,runs,"
                   "collapsed,records\n");
    for (int64_t i = 0; i < s->n_cells; i++)
        for (int64_t k = 0; k < s->cell[i].points.n; k++) {
            const study_point *p = &s->cell[i].points.point[k];
            put_identity(&b, s, &s->cell[i]);
            csv_number(&b, p->dim, ',');
            csv_number(&b, p->rate, ',');
            buffer_put(&b, p->counts ? "yes," : "no,");
            csv_number(&b, p->score, ',');
            csv_number(&b, p->low, ',');
            csv_number(&b, p->high, ',');
            buffer_add(&b, "%lld,%lld,", (long long)p->runs, (long long)p->collapsed);
            for (int64_t j = 0; j < p->names.n; j++)
                buffer_add(&b, "%s%s", j > 0 ? " " : "", p->names.name[j]);
            buffer_put(&b, "\n");
        }
    return export_write(&b, folder, "points", ".csv");
}

static int write_runs(const study *s, const char *folder)
{
    buffer b = {.lib = s->lib};
    buffer_put(&b, "run,method,dim,seed,learning_rate,steps,seconds,score,train_score,"
                   "adapter_bytes,uncoded_score,code_bits,train_error,bound,held_out_error,"
                   "error\n");
    for (int64_t i = 0; i < s->n_runs; i++) {
        const study_run *r = &s->run[i];
        csv_text(&b, r->name, ',');
        csv_text(&b, r->method, ',');
        buffer_add(&b, "%lld,%lld,", (long long)r->dim, (long long)r->seed);
        csv_number(&b, r->rate, ',');
        buffer_add(&b, "%lld,", (long long)r->steps);
        csv_number(&b, r->seconds, ',');
        csv_number(&b, r->score, ',');
        csv_number(&b, r->train, ',');
        csv_number(&b, r->bytes > 0 ? (double)r->bytes : (double)NAN, ',');
        csv_number(&b, r->uncoded, ',');
        csv_number(&b, isfinite(r->bound) ? (double)r->code_bits : (double)NAN, ',');
        csv_number(&b, r->train_error, ',');
        csv_number(&b, r->bound, ',');
        csv_number(&b, r->held_error, ',');
        csv_text(&b, r->error != NULL ? r->error : "", '\n');
    }
    return export_write(&b, folder, "runs", ".csv");
}

/* ---- the table for people -------------------------------------------------------------------- */

/* How a kind of document writes a table. */
typedef struct table_form {
    const char *before, *between, *after; /* of a row */
    const char *name;                     /* of the file's ending */
    bool latex;
} table_form;

static const table_form markdown = {"| ", " | ", " |\n", ".md", false};
static const table_form latex = {"", " & ", " \\\\\n", ".tex", true};

static void put_latex(buffer *b, char letter)
{
    switch (letter) {
    case '\\':
        buffer_put(b, "\\textbackslash{}");
        break;
    case '~':
        buffer_put(b, "\\textasciitilde{}");
        break;
    case '^':
        buffer_put(b, "\\textasciicircum{}");
        break;
    default:
        buffer_add(b, "%s%c", strchr("&%$#_{}", letter) != NULL ? "\\" : "", letter);
        break;
    }
}

/* plain text as the document writes it; control characters become blanks */
static void put_plain(buffer *b, const table_form *form, const char *text)
{
    for (; *text != '\0'; text++) {
        char letter = (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text;
        if (form->latex)
            put_latex(b, letter);
        else if (letter == '<')
            buffer_put(b, "&lt;");
        else
            buffer_add(b, "%s%c", strchr("\\|*_`[]", letter) != NULL ? "\\" : "", letter);
    }
}

enum { COLUMNS = 11 };

static void column_text(buffer *b, const study_cell *c, int column)
{
    switch (column) {
    case 0:
        buffer_put(b, study_base_name(c->model));
        break;
    case 1:
        buffer_put(b, c->task);
        break;
    case 2:
        words_method(b, c);
        break;
    case 3:
        words_size(b, c->parameters);
        break;
    case 4:
        words_score(b, c->metric, c->full.score);
        break;
    case 5:
        words_score(b, c->metric, c->answer.target);
        break;
    case 6:
        words_score(b, c->metric, c->majority);
        break;
    case 7:
        words_score(b, c->metric, c->head.score);
        break;
    case 8:
        words_score(b, c->metric, c->bias.score);
        break;
    default: {
        const study_answer *a = column == 9 ? &c->answer : &c->corrected;
        if (a->status == MEASURE_OK)
            words_d90(b, a);
        else
            words_status(b, a->status);
        break;
    }
    }
}

static void put_head(buffer *b, const table_form *form)
{
    static const char *const heads[COLUMNS] = {"model",
                                               "task",
                                               "method",
                                               "weights",
                                               "full",
                                               "target",
                                               "majority",
                                               "classifier",
                                               "biases",
                                               "d90 (95 %)",
                                               "corrected d90 (95 %)"};
    if (form->latex)
        buffer_put(b, "% \\usepackage{booktabs}\n\\begin{tabular}{lllrrrrrrrr}\n\\toprule\n");
    for (int k = 0; k < COLUMNS; k++) {
        buffer_put(b, k > 0 ? form->between : form->before);
        put_plain(b, form, heads[k]);
    }
    buffer_put(b, form->after);
    buffer_put(b, form->latex ? "\\midrule\n"
                              : "| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: | "
                                "--: |\n");
}

static int write_table(const study *s, const char *folder, const table_form *form)
{
    buffer b = {.lib = s->lib};
    put_head(&b, form);
    for (int64_t i = 0; i < s->n_cells; i++) {
        for (int k = 0; k < COLUMNS; k++) {
            buffer field = {.lib = s->lib};
            column_text(&field, &s->cell[i], k);
            buffer_put(&b, k > 0 ? form->between : form->before);
            put_plain(&b, form, field.bytes != NULL ? field.bytes : "");
            b.status = b.status != 0 ? b.status : field.status;
            buffer_free(&field);
        }
        buffer_put(&b, form->after);
    }
    if (form->latex)
        buffer_put(&b, "\\bottomrule\n\\end{tabular}\n");
    return export_write(&b, folder, "table", form->name);
}

int export_tables(const study *s, const char *folder)
{
    TRY(write_cells(s, folder));
    TRY(write_points(s, folder));
    TRY(write_runs(s, folder));
    TRY(write_table(s, folder, &markdown));
    return write_table(s, folder, &latex);
}
