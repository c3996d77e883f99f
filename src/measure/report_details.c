/* The page's last sections: every setting, the command that asks again, and the records behind
 * every number.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"
#include "measure/settings.h"
#include "measure/spec.h"

/* ---- settings -------------------------------------------------------------------------------- */

/* a JSON value as people write it, not escaped */
static void put_value(buffer *b, const json_t *value)
{
    if (json_is_string(value)) {
        buffer_put(b, json_string_value(value));
        return;
    }
    if (json_is_real(value)) {
        char number[NUMBER_TEXT];
        number_shortest(json_real_value(value), number);
        buffer_put(b, number);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text == NULL)
        b->status = fail_memory(b->lib, 64, "setting");
    else
        buffer_put(b, text);
    free(text);
}

static void put_value_html(buffer *b, const json_t *value)
{
    buffer plain = {.lib = b->lib};
    put_value(&plain, value);
    html_text(b, plain.bytes != NULL ? plain.bytes : "");
    if (plain.status != 0)
        b->status = plain.status;
    buffer_free(&plain);
}

typedef const json_t *cell_object(const study_cell *c);

static const json_t *search_of(const study_cell *c)
{
    return c->search;
}

static const json_t *settings_of(const study_cell *c)
{
    return c->settings;
}

static bool has_value(const study *s, cell_object *of, int64_t i, const char *key,
                      const json_t *value)
{
    const json_t *own = json_object_get(of(&s->cell[i]), key);
    return own == value || json_equal(own, value);
}

/* is cells[i]'s value of the key the first of its kind? */
static bool is_new(const study *s, cell_object *of, int64_t i, const char *key)
{
    const json_t *value = json_object_get(of(&s->cell[i]), key);
    for (int64_t k = 0; k < i; k++)
        if (has_value(s, of, k, key, value))
            return false;
    return true;
}

/* "8", or "8 (cells 1, 2), 16 (cell 3)" */
static void put_values(const page *p, cell_object *of, const char *key)
{
    int64_t kinds = 0;
    for (int64_t i = 0; i < p->s->n_cells; i++)
        kinds += is_new(p->s, of, i, key);
    for (int64_t i = 0; i < p->s->n_cells; i++) {
        const json_t *value = json_object_get(of(&p->s->cell[i]), key);
        if (!is_new(p->s, of, i, key))
            continue;
        if (i > 0)
            buffer_put(p->b, "<br>");
        if (value == NULL || json_is_null(value))
            buffer_put(p->b, "-");
        else
            put_value_html(p->b, value);
        if (kinds == 1)
            continue;
        int64_t n = 0;
        for (int64_t k = i; k < p->s->n_cells; k++)
            n += has_value(p->s, of, k, key, value);
        buffer_put(p->b, n == 1 ? " <span class='soft'>(cell" : " <span class='soft'>(cells");
        for (int64_t k = i, listed = 0; k < p->s->n_cells; k++)
            if (has_value(p->s, of, k, key, value))
                buffer_add(p->b, "%s %lld", listed++ > 0 ? "," : "", (long long)k + 1);
        buffer_put(p->b, ")</span>");
    }
}

static const char *help_of(const char *key)
{
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, key) == 0)
            return rows[i].help;
    return "";
}

static bool seen_before(const study *s, cell_object *of, int64_t i, const char *key)
{
    for (int64_t k = 0; k < i; k++)
        if (json_object_get(of(&s->cell[k]), key) != NULL)
            return true;
    return false;
}

static void put_rows(const page *p, cell_object *of)
{
    for (int64_t i = 0; i < p->s->n_cells; i++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)of(&p->s->cell[i]), key, value)
        {
            if (seen_before(p->s, of, i, key))
                continue;
            buffer_put(p->b, "<tr><th scope='row'>");
            html_text(p->b, key);
            buffer_put(p->b, "</th><td class='value'>");
            put_values(p, of, key);
            buffer_put(p->b, "</td><td class='w soft'>");
            html_text(p->b, help_of(key));
            buffer_put(p->b, "</td></tr>\n");
        }
    }
}

void page_settings(const page *p)
{
    if (p->s->n_cells == 0)
        return;
    buffer_put(p->b, "<section>\n<h2>Every setting</h2>\n<div class='box' tabindex='0' "
                     "role='region' aria-label='Table of settings'>\n<table>\n<thead><tr><th "
                     "scope='col'>setting</th><th scope='col'>value</th><th scope='col'>what it "
                     "is</th></tr></thead>\n<tbody>\n");
    put_rows(p, search_of);
    put_rows(p, settings_of);
    buffer_put(p->b, "</tbody>\n</table>\n</div>\n</section>\n");
}

/* ---- the command ----------------------------------------------------------------------------- */

/* a word of a shell: in single quotes unless it is plain */
static void put_word(buffer *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=:,./@%";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_put(b, word);
        return;
    }
    buffer_put(b, "'");
    for (; *word != '\0'; word++)
        if (*word == '\'')
            buffer_put(b, "'\\''");
        else
            buffer_bytes(b, word, 1);
    buffer_put(b, "'");
}

static void put_option(buffer *b, const char *setting, const char *value)
{
    buffer_put(b, " \\\n    --");
    for (const char *at = setting; *at != '\0'; at++)
        buffer_bytes(b, *at == '_' ? "-" : at, 1);
    if (value != NULL) {
        buffer_put(b, " ");
        put_word(b, value);
    }
}

/* settings that the study chooses itself, or that are options of their own above */
static bool is_own(const char *key)
{
    static const char *const own[] = {
        "model",     "method", "dim", "seed", "output_dir", "learning_rate", "lambda_learning_rate",
        "eval_steps"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i], key) == 0)
            return true;
    return false;
}

static void put_settings(buffer *b, const json_t *settings)
{
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(settings, rows[i].name);
        buffer text = {.lib = b->lib};
        if (value == NULL || json_is_null(value) || is_own(rows[i].name))
            continue;
        put_value(&text, value);
        const char *shown = text.bytes != NULL ? text.bytes : "";
        if (rows[i].type == IDIM_FLAG && json_is_true(value))
            put_option(b, rows[i].name, NULL);
        else if (rows[i].type != IDIM_FLAG && strcmp(shown, rows[i].fallback) != 0)
            put_option(b, rows[i].name, shown);
        b->status = b->status != 0 ? b->status : text.status;
        buffer_free(&text);
    }
}

/* one command asks for all models and methods of a task and variation */
static bool same_command(const study_cell *a, const study_cell *b)
{
    return strcmp(a->task, b->task) == 0 && strcmp(a->variation, b->variation) == 0;
}

static void put_each(buffer *b, const study *s, const study_cell *of, const char *option)
{
    bool models = strcmp(option, "model") == 0;
    for (int64_t i = 0; i < s->n_cells; i++) {
        const char *value = models ? s->cell[i].model : s->cell[i].method;
        bool known = !same_command(of, &s->cell[i]);
        for (int64_t k = 0; k < i && !known; k++)
            known = same_command(of, &s->cell[k]) &&
                    strcmp(models ? s->cell[k].model : s->cell[k].method, value) == 0;
        if (!known)
            put_option(b, option, value);
    }
}

static void put_search(buffer *b, const study_cell *c)
{
    static const char *const keys[] = {"preset", "threshold", "seeds", "budget"};
    if (c->dim_high > 0)
        buffer_add(b, " \\\n    --dims %lld:%lld", (long long)c->dim_low, (long long)c->dim_high);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(c->search, keys[i]);
        buffer text = {.lib = b->lib};
        if (value == NULL || json_is_null(value))
            continue;
        put_value(&text, value);
        put_option(b, keys[i], text.bytes != NULL ? text.bytes : "");
        b->status = b->status != 0 ? b->status : text.status;
        buffer_free(&text);
    }
}

void page_command(buffer *b, const study *s)
{
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        bool known = false;
        for (int64_t k = 0; k < i; k++)
            known = known || same_command(c, &s->cell[k]);
        if (known)
            continue;
        buffer_put(b, "idim measure");
        put_each(b, s, c, "model");
        put_settings(b, c->settings);
        put_each(b, s, c, "method");
        put_search(b, c);
        if (c->linearised.n > 0)
            put_option(b, "linearised", NULL);
        put_option(b, "output_dir", "again");
        buffer_put(b, "\n");
    }
}

void page_repeat(const page *p)
{
    buffer plain = {.lib = p->b->lib};
    if (p->s->n_cells == 0)
        return;
    page_command(&plain, p->s);
    buffer_put(p->b, "<section>\n<h2>How to repeat it</h2>\n<pre>");
    html_text(p->b, plain.bytes != NULL ? plain.bytes : "");
    buffer_add(p->b, "</pre>\n<p class='note'>With idim ");
    html_text(p->b, p->s->version);
    buffer_put(p->b, ", in the folder the study was started from. <code>idim report</code> on the "
                     "study's folder makes this page and figures/ again.</p>\n</section>\n");
    if (plain.status != 0)
        p->b->status = plain.status;
    buffer_free(&plain);
}

/* ---- records --------------------------------------------------------------------------------- */

static void put_names(buffer *b, const study_names *names)
{
    buffer_put(b, "<td class='names'>");
    for (int64_t i = 0; i < names->n; i++) {
        buffer_put(b, i > 0 ? " " : "");
        if (names->run[i] != NULL)
            buffer_add(b, "<a href='runs/%s/record.json'><code>%.8s</code></a>", names->name[i],
                       names->name[i]);
        else
            buffer_add(b, "<code>%.8s</code> (not in this folder)", names->name[i]);
    }
    buffer_put(b, names->n == 0 ? "none named</td></tr>\n" : "</td></tr>\n");
}

static void put_scores(buffer *b, const study_cell *c, double score, double low, double high)
{
    buffer_put(b, "<td class='n'>");
    words_score(b, c->metric, score);
    if (isfinite(low) && isfinite(high)) {
        buffer_put(b, " (");
        words_score(b, c->metric, low);
        buffer_put(b, " to ");
        words_score(b, c->metric, high);
        buffer_put(b, ")");
    }
    buffer_put(b, "</td>");
}

static void put_level(const page *p, const study_cell *c, const char *part, const char *word)
{
    const study_level *l = strcmp(part, "full") == 0   ? &c->full
                           : strcmp(part, "head") == 0 ? &c->head
                                                       : &c->bias;
    if (!isfinite(l->score))
        return;
    buffer_put(p->b, "<tr id='");
    page_anchor(p->b, c - p->s->cell, part);
    buffer_add(p->b, "'><th scope='row'>%s</th>", word);
    put_scores(p->b, c, l->score, l->low, l->high);
    buffer_add(p->b, "<td class='n'>%lld</td>", (long long)l->runs);
    put_names(p->b, &l->names);
}

static void put_about(const page *p, const study_cell *c)
{
    buffer_put(p->b, "<p class='note'>Model ");
    html_text(p->b, c->model);
    buffer_put(p->b, ", ");
    html_text(p->b, c->architecture);
    buffer_put(p->b, ", ");
    words_count(p->b, c->parameters);
    buffer_put(p->b, " weights, fingerprint <code>");
    html_short(p->b, c->fingerprint, 12);
    buffer_put(p->b, "</code>; ");
    words_count(p->b, c->n_train);
    buffer_put(p->b, " rows to train on, ");
    words_count(p->b, c->n_dev);
    buffer_put(p->b, " to judge; ");
    html_text(p->b, c->metric);
    buffer_put(p->b, "; ");
    words_count(p->b, c->steps);
    buffer_put(p->b, " training steps in all.</p>\n");
}

/* "rate 0.015, counts": where a d was tried at several */
static void put_rate(buffer *b, const study_point *p)
{
    char rate[NUMBER_TEXT];
    snprintf(rate, sizeof rate, "%.3g", p->rate); /* in the locale's form, which is read back */
    number_shortest(strtod(rate, NULL), rate);
    buffer_add(b, "<br><span class='soft'>rate %s%s</span>", isfinite(p->rate) ? rate : "unknown",
               p->counts ? ", counts" : "");
}

static void put_cell(const page *p, const study_cell *c)
{
    bool rates = has_other_rates(c);
    buffer_put(p->b, "<h3 id='");
    page_anchor(p->b, c - p->s->cell, "points");
    buffer_add(p->b, "'>Cell %lld: ", (long long)(c - p->s->cell) + 1);
    html_text(p->b, study_base_name(c->model));
    buffer_put(p->b, " on ");
    html_text(p->b, c->task);
    buffer_put(p->b, ", ");
    html_text(p->b, c->method);
    if (c->variation[0] != '\0') {
        buffer_put(p->b, ", ");
        html_text(p->b, c->variation);
    }
    buffer_put(p->b, "</h3>\n");
    put_about(p, c);
    buffer_put(p->b, "<div class='box' tabindex='0' role='region' aria-label='Records'>\n<table>\n"
                     "<thead><tr><th scope='col'>what</th><th scope='col' class='n'>score "
                     "(95 %)</th><th scope='col' class='n'>runs</th><th scope='col'>records</th>"
                     "</tr></thead>\n<tbody>\n");
    put_level(p, c, "full", "full fine-tuning");
    put_level(p, c, "head", "classifier alone");
    put_level(p, c, "bias", "biases alone");
    for (int64_t i = 0; i < c->points.n; i++) {
        const study_point *point = &c->points.point[i];
        buffer_put(p->b, "<tr><th scope='row'>d = ");
        words_count(p->b, (int64_t)point->dim);
        if (rates)
            put_rate(p->b, point);
        buffer_put(p->b, "</th>");
        put_scores(p->b, c, point->score, point->low, point->high);
        buffer_add(p->b, "<td class='n'>%lld", (long long)point->runs);
        if (point->collapsed > 0)
            buffer_add(p->b, ", %lld collapsed", (long long)point->collapsed);
        buffer_put(p->b, "</td>");
        put_names(p->b, &point->names);
    }
    if (c->linearised_name.n > 0) {
        buffer_put(p->b, "<tr><th scope='row'>linearised</th><td></td><td class='n'>1</td>");
        put_names(p->b, &c->linearised_name);
    }
    buffer_put(p->b, "</tbody>\n</table>\n</div>\n");
}

static bool is_named(const study_names *names, const study_run *r)
{
    for (int64_t i = 0; i < names->n; i++)
        if (names->run[i] == r)
            return true;
    return false;
}

/* does a number of some cell rest on the run? */
static bool is_used(const study *s, const study_run *r)
{
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_cell *c = &s->cell[i];
        if (is_named(&c->full.names, r) || is_named(&c->head.names, r) ||
            is_named(&c->bias.names, r) || is_named(&c->linearised_name, r))
            return true;
        for (int64_t k = 0; k < c->points.n; k++)
            if (is_named(&c->points.point[k].names, r))
                return true;
    }
    return false;
}

static void put_other_runs(const page *p)
{
    const char *before = "<h3>Other runs</h3>\n<p class='note'>Finished runs that no number above "
                         "rests on, such as those of a search for the learning rate: ";
    bool any = false;
    for (int64_t i = 0; i < p->s->n_runs; i++) {
        const study_run *r = &p->s->run[i];
        if (is_used(p->s, r))
            continue;
        buffer_add(p->b, "%s<a href='runs/%s/record.json'><code>%.8s</code></a>", before, r->name,
                   r->name);
        if (r->error != NULL) {
            buffer_put(p->b, " (failed: ");
            html_text(p->b, r->error);
            buffer_put(p->b, ")");
        }
        before = ", ";
        any = true;
    }
    buffer_put(p->b, any ? ".</p>\n" : "");
}

void page_records(const page *p)
{
    if (p->s->n_cells == 0 && p->s->n_runs == 0)
        return;
    buffer_put(p->b, "<section>\n<h2>Records behind the numbers</h2>\n");
    for (int64_t i = 0; i < p->s->n_cells; i++)
        put_cell(p, &p->s->cell[i]);
    put_other_runs(p);
    buffer_put(p->b, "</section>\n");
}
