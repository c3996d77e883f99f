/* The section on what is shipped: for each model and task, over all its cells, score against bytes,
 * bound against held-out error, and the table of both.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_page.h"

#include <math.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

/* the means over the runs of one d, at the rate that counts, that left an adapter; NAN: none of
 * them says */
typedef struct shipped {
    int64_t runs;
    double bytes, score, uncoded, bits, train_error, bound, held_error;
    bool beaten; /* the majority class's error, by the bound of every run */
} shipped;

static bool same_base(const study_cell *a, const study_cell *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->task, b->task) == 0;
}

/* all cells of group g's model and task; n = 0 where an earlier group had them */
static int gather(const page *p, int64_t g, study_group *out)
{
    const study_cell *first = p->group[g].cell[0];
    *out = (study_group){.slug = p->group[g].slug};
    for (int64_t i = 0; i < g; i++)
        if (same_base(p->group[i].cell[0], first))
            return 0;
    TRY(study_array(p->s, p->s->n_cells, sizeof out->cell[0], &out->cell));
    for (int64_t i = g; i < p->n_groups; i++)
        for (int64_t k = 0; same_base(p->group[i].cell[0], first) && k < p->group[i].n; k++)
            out->cell[out->n++] = p->group[i].cell[k];
    return 0;
}

static void put_method(const page *p, const study_cell *c)
{
    buffer plain = {.lib = p->b->lib};
    words_method(&plain, c);
    if (plain.n > 0)
        html_text(p->b, plain.bytes);
    if (plain.status != 0)
        p->b->status = plain.status;
    buffer_free(&plain);
}

static void put_legend(const page *p, const study_group *g)
{
    enum { SERIES = 6 };
    buffer_put(p->b, "<p class='keys'>");
    for (int64_t i = 0; i < g->n; i++) {
        buffer_add(p->b, "<span class='s%lld'><i></i>", (long long)(i % SERIES));
        put_method(p, g->cell[i]);
        buffer_put(p->b, "</span> ");
    }
    buffer_put(p->b, "</p>\n");
}

/* ---- the table ------------------------------------------------------------------------------- */

static shipped means(const study_point *point)
{
    shipped m = {.beaten = true};
    const study_names *names = counted_names(point);
    for (int64_t j = 0; j < names->n; j++) {
        const study_run *r = names->run[j];
        if (r == NULL || r->bytes <= 0 || !isfinite(r->score))
            continue;
        m.runs++;
        m.bytes += (double)r->bytes;
        m.score += r->score;
        m.uncoded += r->uncoded;
        m.bits += (double)r->code_bits;
        m.train_error += r->train_error;
        m.bound += r->bound;
        m.held_error += r->held_error;
        m.beaten = m.beaten && r->beaten;
    }
    double *each[] = {&m.bytes,       &m.score, &m.uncoded,   &m.bits,
                      &m.train_error, &m.bound, &m.held_error};
    for (size_t i = 0; m.runs > 0 && i < sizeof each / sizeof each[0]; i++)
        *each[i] /= (double)m.runs;
    return m;
}

static void put_percent(buffer *b, double share)
{
    buffer_put(b, "<td class='n'>");
    if (isfinite(share)) {
        buffer_fixed(b, 100 * share, 1);
        buffer_put(b, " %");
    } else {
        buffer_put(b, "-");
    }
    buffer_put(b, "</td>");
}

static void put_number(buffer *b, double value)
{
    buffer_put(b, "<td class='n'>");
    words_count(b, llround(value));
    buffer_put(b, "</td>");
}

static void put_score(buffer *b, const study_cell *c, double score)
{
    buffer_put(b, "<td class='n'>");
    words_score(b, c->metric, score);
    buffer_put(b, "</td>");
}

static void put_bound(buffer *b, const shipped *m)
{
    bool beats = isfinite(m->bound) && m->beaten;
    if (isfinite(m->bound))
        put_number(b, m->bits);
    else
        buffer_put(b, "<td class='n'>-</td>");
    put_percent(b, m->train_error);
    if (beats)
        buffer_put(b, "<td class='n'><strong>");
    else
        buffer_put(b, "<td class='n'>");
    if (isfinite(m->bound)) {
        buffer_fixed(b, 100 * m->bound, 1);
        buffer_put(b, " %");
    } else {
        buffer_put(b, "-");
    }
    buffer_put(b, beats ? "</strong></td>" : "</td>");
    put_percent(b, m->held_error);
}

static void put_row(const page *p, const study_cell *c, const study_point *point, bool coded)
{
    shipped m = means(point);
    if (m.runs == 0)
        return;
    buffer_put(p->b, "<tr>");
    put_number(p->b, point->dim);
    put_number(p->b, (double)m.runs);
    put_number(p->b, m.bytes);
    put_score(p->b, c, m.score);
    if (coded) {
        put_score(p->b, c, m.uncoded);
        put_bound(p->b, &m);
    }
    buffer_put(p->b, "</tr>\n");
}

/* the columns that tell of coding only where something was coded */
static void put_table(const page *p, const study_group *g, bool coded)
{
    static const char *const columns[] = {
        "d",    "runs",           "bytes", "score",         "uncoded",
        "bits", "training error", "bound", "held-out error"};
    int n = coded ? (int)(sizeof columns / sizeof columns[0]) : 4;
    buffer_put(p->b, "<div class='box' tabindex='0' role='region' aria-label='Table of bytes, "
                     "scores and bounds'>\n<table>\n<thead><tr>");
    for (int i = 0; i < n; i++)
        buffer_add(p->b, "<th scope='col' class='n'>%s</th>", columns[i]);
    buffer_put(p->b, "</tr></thead>\n");
    for (int64_t i = 0; i < g->n; i++) {
        buffer_add(p->b, "<tbody><tr><th colspan='%d' scope='rowgroup'>", n);
        put_method(p, g->cell[i]);
        buffer_put(p->b, "</th></tr>\n");
        for (int64_t k = 0; k < g->cell[i]->points.n; k++)
            put_row(p, g->cell[i], &g->cell[i]->points.point[k], coded);
        buffer_put(p->b, "</tbody>\n");
    }
    buffer_put(p->b, "</table>\n</div>\n");
}

/* is there a run with a coded adapter? */
static bool has_coded(const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++)
            if (isfinite(means(&g->cell[i]->points.point[k]).uncoded))
                return true;
    return has_bounds(g);
}

/* ---- the section ----------------------------------------------------------------------------- */

static void put_figures(const page *p, const study_group *g, bool bounds)
{
    buffer_put(p->b, "<h3>");
    html_text(p->b, study_base_name(g->cell[0]->model));
    buffer_put(p->b, " on ");
    html_text(p->b, g->cell[0]->task);
    buffer_put(p->b, "</h3>\n");
    put_legend(p, g);
    buffer_put(p->b, "<div class='pair'>\n<figure>\n");
    draw_bytes(p->b, g);
    buffer_put(p->b, "<figcaption>Score on dev against the bytes of the file, a point a "
                     "run.</figcaption>\n</figure>\n");
    if (bounds) {
        buffer_put(p->b, "<figure>\n");
        draw_bounds(p->b, g);
        buffer_put(p->b, "<figcaption>The bound that the file and the training errors give, "
                         "against the error on held-out rows. On the broken line they would be "
                         "equal; below the majority class&#39;s error the bound says that "
                         "something was learned.</figcaption>\n</figure>\n");
    }
    buffer_put(p->b, "</div>\n");
}

static void put_notes(const page *p, const study_group *g, bool coded, bool bounds)
{
    bool others = false;
    for (int64_t i = 0; i < g->n; i++)
        others = others || has_other_rates(g->cell[i]);
    buffer_add(p->b, "<p class='note'>Means over the runs of one d%s.",
               others ? ", at the rate that counts" : "");
    if (coded)
        buffer_put(p->b, " score: of the file that was written; uncoded: of the same numbers "
                         "before they were coded.");
    if (bounds)
        buffer_put(
            p->b,
            " bits: of a prefix-free code of the classifier, which the bound counts; "
            "bold: every run&#39;s lies below the majority class&#39;s error. A "
            "bound holds when the training rows are independent and the base has not seen them.");
    buffer_put(p->b, "</p>\n");
}

int page_shipped(const page *p)
{
    bool any = false;
    for (int64_t i = 0; i < p->n_groups; i++) {
        study_group g;
        TRY(gather(p, i, &g));
        if (g.n == 0 || !has_bytes(&g))
            continue;
        if (!any)
            buffer_put(p->b, "<section>\n<h2>Size of what is shipped</h2>\n<p class='note'>The "
                             "file that a run left; full fine-tuning would ship every "
                             "weight.</p>\n");
        any = true;
        bool bounds = has_bounds(&g);
        put_figures(p, &g, bounds);
        bool coded = has_coded(&g);
        put_table(p, &g, coded);
        put_notes(p, &g, coded, bounds);
    }
    if (any)
        buffer_put(p->b, "</section>\n");
    return 0;
}
