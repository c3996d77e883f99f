/* The page from its head to the table of cells and the training curves. The answer comes first.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_page.h"

#include <math.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_models.h"
#include "measure/report_words.h"

enum { MOST_CARDS = 8 };

void page_anchor(buffer *b, int64_t cell, const char *part)
{
    buffer_add(b, "c%lld-%s", (long long)cell + 1, part);
}

static void put_escaped(const page *p, buffer *plain)
{
    if (plain->n > 0)
        html_text(p->b, plain->bytes);
    if (plain->status != 0)
        p->b->status = plain->status;
    buffer_free(plain);
}

typedef void cell_words(buffer *b, const study_cell *c);

static void put_words(const page *p, const study_cell *c, cell_words *words)
{
    buffer plain = {.lib = p->b->lib};
    words(&plain, c);
    put_escaped(p, &plain);
}

static int64_t index_of(const page *p, const study_cell *c)
{
    return c - p->s->cell;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_head(const page *p)
{
    buffer_put(p->b, "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
                     "<meta name='viewport' content='width=device-width,initial-scale=1'>\n"
                     "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; "
                     "style-src 'unsafe-inline'\">\n<title>Intrinsic dimension");
    if (p->s->n_cells > 0) {
        buffer_put(p->b, " of ");
        html_text(p->b, study_base_name(p->s->cell[0].model));
        buffer_put(p->b, " on ");
        html_text(p->b, p->s->cell[0].task);
    }
    buffer_put(p->b, "</title>\n<style>\n");
    for (int i = 0; page_style[i] != NULL; i++)
        buffer_put(p->b, page_style[i]);
    buffer_put(p->b, "</style>\n</head>\n<body>\n");
}

static void put_headline(const page *p)
{
    buffer answer = {.lib = p->b->lib}, overall = {.lib = p->b->lib};
    words_headline(&answer, p->s);
    words_overall(&overall, p->s);
    buffer_put(p->b, "<header>\n<p class='over'>Intrinsic dimension, measured with idim</p>\n<h1>");
    put_escaped(p, &answer);
    buffer_put(p->b, "</h1>\n");
    if (overall.n > 0) {
        buffer_put(p->b, "<p>");
        put_escaped(p, &overall);
        buffer_put(p->b, "</p>\n");
    }
    if (!p->s->complete)
        buffer_put(p->b, "<p><strong>The study is not finished.</strong> What stands here is what "
                         "the runs so far say.</p>\n");
    buffer_add(p->b,
               "<p class='note'>From %lld finished runs. d is how many numbers are trained: a "
               "fixed random map turns them into a change of all weights at once. d90 is the "
               "smallest d that reaches the target.</p>\n</header>\n",
               (long long)p->s->n_runs);
}

static void put_share(const page *p, const study_cell *c)
{
    double share = 100 * c->answer.d90 / (double)c->parameters;
    int decimals = 1;
    for (double s = share; s < 1 && decimals < 7; s *= 10)
        decimals++;
    buffer_fixed(p->b, share, decimals);
    buffer_put(p->b, " % of ");
    words_size(p->b, c->parameters);
    buffer_put(p->b, " weights");
}

static void put_card(const page *p, const study_cell *c)
{
    buffer_add(p->b, "<div class='card s%d'>\n<p class='soft'>", words_series(c->method));
    html_text(p->b, study_base_name(c->model));
    buffer_put(p->b, " &middot; ");
    html_text(p->b, c->task);
    buffer_put(p->b, " &middot; ");
    put_words(p, c, words_method);
    buffer_put(p->b, "</p>\n");
    if (c->answer.status == MEASURE_OK) {
        buffer_put(p->b, "<b>");
        words_about(p->b, c->answer.d90);
        buffer_put(p->b, "</b>\n<p>numbers");
        words_interval(p->b, &c->answer);
        if (c->parameters > 0) {
            buffer_put(p->b, "<br>");
            put_share(p, c);
        }
        buffer_put(p->b, "</p>\n");
    } else {
        buffer_put(p->b, "<b class='none'>no answer: ");
        words_status(p->b, c->answer.status);
        buffer_put(p->b, "</b>\n<p>");
        html_text(p->b, c->answer.reason);
        buffer_put(p->b, "</p>\n");
    }
    buffer_put(p->b, "</div>\n");
}

static void put_cards(const page *p)
{
    int64_t n = 0;
    for (int64_t g = 0; g < p->n_groups; g++)
        n += p->group[g].n;
    if (n == 0 || n > MOST_CARDS)
        return;
    buffer_put(p->b, "<div class='cards'>\n");
    for (int64_t g = 0; g < p->n_groups; g++)
        for (int64_t i = 0; i < p->group[g].n; i++)
            put_card(p, p->group[g].cell[i]);
    buffer_put(p->b, "</div>\n");
}

/* ---- figures --------------------------------------------------------------------------------- */

static void put_group_title(const page *p, const study_group *g)
{
    html_text(p->b, study_base_name(g->cell[0]->model));
    buffer_put(p->b, " on ");
    html_text(p->b, g->cell[0]->task);
    if (g->cell[0]->variation[0] != '\0') {
        buffer_put(p->b, ", ");
        html_text(p->b, g->cell[0]->variation);
    }
}

/* what the headline has said already is not said again */
static void put_answers(const page *p, const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        const study_cell *c = g->cell[i];
        bool said = p->n_groups == 1 && c->answer.status == MEASURE_OK;
        buffer_put(p->b, said ? "<p><strong>" : "<p>");
        if (said)
            html_text(p->b, c->method);
        buffer_put(p->b, said ? "</strong>: " : "");
        if (said)
            words_d90(p->b, &c->answer);
        else
            put_words(p, c, words_answer);
        buffer_put(p->b, said ? ". " : " ");
        put_words(p, c, words_corrected);
        buffer_put(p->b, "</p>\n");
    }
}

static void put_score_figure(const page *p, const study_group *g)
{
    buffer_add(p->b, "<h3 id='figure-%s'>", g->slug);
    put_group_title(p, g);
    buffer_put(p->b, "</h3>\n");
    put_answers(p, g);
    if (!has_score(g))
        return;
    buffer_put(p->b, "<figure>\n");
    draw_score(p->b, g, false);
    draw_score(p->b, g, true);
    buffer_put(p->b, "</figure>\n");
}

static void put_figures(const page *p)
{
    if (p->n_groups == 0)
        return;
    buffer_put(p->b,
               "<section>\n<h2>Score against d</h2>\n<p class='note'>Small dots are runs (each "
               "leads to its record), crosses runs that never left the majority class, large "
               "dots means with their 95 % interval; the line is the fit, its band the 95 % "
               "interval of the fit. In the strip at the foot: d90 with its interval, where "
               "the fit meets the target (filled), and the same for the target counted from "
               "the majority class (open). said and did train in the same random subspaces; said "
               "learns a scale for each part of the model besides.");
    for (int64_t i = 0; i < p->s->n_cells; i++)
        if (has_other_rates(&p->s->cell[i])) {
            buffer_put(p->b, " Small rings are runs at learning rates that did not count: each d "
                             "was tried at several, and the fit takes the one that is best there "
                             "and at the d beside it.");
            break;
        }
    buffer_put(p->b, "</p>\n");
    bool in_pair = false;
    for (int64_t g = 0; g < p->n_groups; g++) {
        bool varied = p->group[g].cell[0]->variation[0] != '\0';
        if (varied != in_pair)
            buffer_put(p->b, varied ? "<div class='pair'>\n" : "</div>\n");
        in_pair = varied;
        buffer_put(p->b, "<div>\n");
        put_score_figure(p, &p->group[g]);
        buffer_put(p->b, "</div>\n");
    }
    buffer_put(p->b, in_pair ? "</div>\n</section>\n" : "</section>\n");
}

static void put_intervals(const page *p)
{
    if (!has_intervals(p->s))
        return;
    buffer_put(p->b, "<section>\n<h2>d90 side by side</h2>\n<figure>\n");
    draw_intervals(p->b, p->s, p->group, p->n_groups, false);
    draw_intervals(p->b, p->s, p->group, p->n_groups, true);
    buffer_put(p->b, "<figcaption>d90 and its 95 % interval of every cell with an answer. Where "
                     "intervals overlap widely, the study does not tell the cells "
                     "apart.</figcaption>\n</figure>\n</section>\n");
}

static void put_training(const page *p)
{
    bool any = false;
    for (int64_t g = 0; g < p->n_groups; g++)
        for (int64_t i = 0; i < p->group[g].n; i++) {
            const study_cell *c = p->group[g].cell[i];
            if (!has_training(c))
                continue;
            if (!any)
                buffer_put(p->b, "<section>\n<h2>Training curves</h2>\n<p class='note'>Training "
                                 "loss, averaged over the runs of one d and over short stretches "
                                 "of steps; at most six d are shown, figures/ has them "
                                 "all.</p>\n<div class='pair'>\n");
            any = true;
            buffer_put(p->b, "<div>\n<h3>");
            put_group_title(p, &p->group[g]);
            buffer_put(p->b, ", ");
            html_text(p->b, c->method);
            buffer_put(p->b, "</h3>\n<figure>\n");
            draw_training(p->b, c, true);
            buffer_put(p->b, "</figure>\n</div>\n");
        }
    if (any)
        buffer_put(p->b, "</div>\n</section>\n");
}

/* ---- the table of cells ---------------------------------------------------------------------- */

static void put_link(const page *p, const study_cell *c, const char *part, double score)
{
    if (!isfinite(score)) {
        buffer_put(p->b, "<td class='n'>-</td>");
        return;
    }
    buffer_put(p->b, "<td class='n'><a href='#");
    page_anchor(p->b, index_of(p, c), part);
    buffer_put(p->b, "'>");
    words_score(p->b, c->metric, score);
    buffer_put(p->b, "</a></td>");
}

static void put_answer_link(const page *p, const study_cell *c, const study_answer *a)
{
    if (a->status != MEASURE_OK) {
        words_status(p->b, a->status);
        return;
    }
    buffer_put(p->b, "<a href='#");
    page_anchor(p->b, index_of(p, c), "points");
    buffer_put(p->b, "'>");
    words_d90(p->b, a);
    buffer_put(p->b, "</a>");
}

static void put_row(const page *p, const study_cell *c)
{
    buffer_add(p->b, "<tr><td class='n soft'>%lld</td><th scope='row'>",
               (long long)index_of(p, c) + 1);
    html_text(p->b, study_base_name(c->model));
    buffer_put(p->b, "</th><td>");
    html_text(p->b, c->task);
    buffer_put(p->b, "</td><td>");
    put_words(p, c, words_method);
    buffer_put(p->b, "</td>");
    buffer_put(p->b, "<td class='n'>");
    put_answer_link(p, c, &c->answer);
    buffer_put(p->b, "<br><span class='soft'>corrected ");
    put_answer_link(p, c, &c->corrected);
    buffer_put(p->b, "</span></td>");
    put_link(p, c, "full", c->full.score);
    buffer_put(p->b, "<td class='n'>");
    words_score(p->b, c->metric, c->answer.target);
    buffer_put(p->b, "</td><td class='n'>");
    words_score(p->b, c->metric, c->majority);
    buffer_put(p->b, "</td>");
    put_link(p, c, "head", c->head.score);
    put_link(p, c, "bias", c->bias.score);
    buffer_put(p->b, "<td class='n'>");
    words_count(p->b, c->runs);
    buffer_put(p->b, "</td><td class='n'>");
    words_time(p->b, c->seconds);
    buffer_put(p->b, "</td></tr>\n");
}

static void put_table(const page *p)
{
    if (p->n_groups == 0)
        return;
    buffer_put(p->b, "<section>\n<h2>All cells</h2>\n<div class='box' tabindex='0' role='region' "
                     "aria-label='Table of all cells'>\n<table>\n<thead><tr><th scope='col' "
                     "class='n'>cell</th>");
    static const char *const left[] = {"model", "task", "method"};
    static const char *const right[] = {"d90 (95 %)", "full",   "target", "majority",
                                        "classifier", "biases", "runs",   "time"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        buffer_add(p->b, "<th scope='col'>%s</th>", left[i]);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        buffer_add(p->b, "<th scope='col' class='n'>%s</th>", right[i]);
    buffer_put(p->b, "</tr></thead>\n<tbody>\n");
    for (int64_t g = 0; g < p->n_groups; g++)
        for (int64_t i = 0; i < p->group[g].n; i++)
            put_row(p, p->group[g].cell[i]);
    buffer_put(p->b,
               "</tbody>\n</table>\n</div>\n<p class='note'>Scores are on the dev rows, means "
               "over seeds. Numbers lead to the records they came from. classifier: only the "
               "last layer is trained; biases: it and all biases.</p>\n</section>\n");
}

int page_write(const page *p)
{
    put_head(p);
    put_headline(p);
    put_cards(p);
    buffer_put(p->b, "<main>\n");
    if (p->n_groups > 1)
        put_intervals(p);
    put_figures(p);
    if (p->n_groups == 1)
        put_intervals(p);
    put_table(p);
    TRY(page_models(p));
    put_training(p);
    TRY(page_shipped(p));
    page_settings(p);
    page_repeat(p);
    page_records(p);
    buffer_put(p->b, "</main>\n</body>\n</html>\n");
    return 0;
}
