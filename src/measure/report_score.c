/* Score against d: every run a dot, the means, the fit with its band, the levels it is held
 * against, and at the foot of the plot a strip with each method's d90 and its interval. Nothing is
 * labelled inside the plot; levels are labelled at the right, spread so that no two labels touch.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

enum { MOST_LEVELS = 48, STRIP_ROW = 16, LEGEND_ROW = 20, DODGE = 6, BESIDE = 7 };

bool has_score(const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        if (g->cell[i]->points.n > 0 || g->cell[i]->linearised.n > 0)
            return true;
    return false;
}

bool has_other_rates(const study_cell *c)
{
    for (int64_t i = 0; i < c->points.n; i++)
        if (!c->points.point[i].counts)
            return true;
    return false;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static void take_curve(const study_curve *c, frame *f)
{
    for (int64_t i = 0; i < c->n; i++) {
        const study_point *p = &c->point[i];
        range_take(&f->x.low, &f->x.high, p->dim);
        range_take(&f->y.low, &f->y.high, p->score);
        for (int64_t k = 0; k < p->n_scores; k++)
            range_take(&f->y.low, &f->y.high, p->scores[k]);
    }
}

static void take_answer(const study_answer *a, frame *f)
{
    range_take(&f->y.low, &f->y.high, a->target);
    if (a->status != MEASURE_OK)
        return;
    range_take(&f->x.low, &f->x.high, a->d90);
    range_take(&f->x.low, &f->x.high, a->low);
    range_take(&f->x.low, &f->x.high, a->high);
}

static void find_ranges(const study_group *g, frame *f)
{
    f->x = (axis){INFINITY, -INFINITY, f->left, f->right, true};
    f->y = (axis){INFINITY, -INFINITY, f->bottom - (double)(STRIP_ROW * g->n + 6), f->top, false};
    for (int64_t i = 0; i < g->n; i++) {
        const study_cell *c = g->cell[i];
        take_curve(&c->points, f);
        take_curve(&c->linearised, f);
        take_answer(&c->answer, f);
        take_answer(&c->corrected, f);
        range_take(&f->y.low, &f->y.high, c->majority);
        range_take(&f->y.low, &f->y.high, c->full.score);
        range_take(&f->y.low, &f->y.high, c->full.high);
        range_take(&f->y.low, &f->y.high, c->head.score);
        range_take(&f->y.low, &f->y.high, c->bias.score);
    }
    f->x.low = f->x.low / 1.3 > 0 ? f->x.low / 1.3 : f->x.low;
    f->x.high *= 1.3;
    double room = f->y.high > f->y.low ? 0.04 * (f->y.high - f->y.low) : 0.1;
    f->y.low -= room;
    f->y.high += room;
}

/* ---- levels ---------------------------------------------------------------------------------- */

typedef struct level {
    double y;
    const char *class, *word, *metric;
} level;

typedef struct level_list {
    level item[MOST_LEVELS]; /* from the top of the plot down */
    int64_t n;
} level_list;

/* a level that stands there already (another method's baseline) is not drawn again */
static void add_level(level_list *l, double y, level added)
{
    added.y = y;
    if (!isfinite(y) || l->n == MOST_LEVELS)
        return;
    for (int64_t i = 0; i < l->n; i++)
        if (strcmp(l->item[i].class, added.class) == 0 && fabs(l->item[i].y - y) < 1e-9)
            return;
    int64_t k = l->n++;
    for (; k > 0 && l->item[k - 1].y < y; k--)
        l->item[k] = l->item[k - 1];
    l->item[k] = added;
}

static void find_levels(const study_group *g, bool narrow, level_list *l)
{
    l->n = 0;
    for (int64_t i = 0; i < g->n; i++) {
        const study_cell *c = g->cell[i];
        const char *m = c->metric;
        add_level(l, c->full.score, (level){0, "full", narrow ? "full" : "full fine-tuning", m});
        add_level(l, c->answer.target, (level){0, "target", "target", m});
        add_level(l, c->corrected.target,
                  (level){0, "corrected", narrow ? "corr." : "corrected target", m});
        add_level(l, c->bias.score, (level){0, "bias", narrow ? "biases" : "biases alone", m});
        add_level(l, c->head.score, (level){0, "head", narrow ? "head" : "classifier alone", m});
        add_level(l, c->majority, (level){0, "majority", narrow ? "major." : "majority class", m});
    }
}

static void draw_levels(const frame *f, const study_group *g)
{
    level_list l;
    double place[MOST_LEVELS];
    find_levels(g, f->narrow, &l);
    for (int64_t i = 0; i < l.n; i++)
        place[i] = axis_at(&f->y, l.item[i].y);
    labels_spread(place, l.n, f->narrow ? 14 : 17, f->top, f->bottom);
    for (int64_t i = 0; i < l.n; i++) {
        double y = axis_at(&f->y, l.item[i].y);
        buffer_add(f->b, "<path class='level %s'", l.item[i].class);
        BUFFER_DRAW(f->b, " d='M~ ~H~'/>", f->left, y, f->right);
        BUFFER_DRAW(f->b, "<path class='leader' d='M~ ~L~ ~h3'/>", f->right, y,
                    f->right + (f->narrow ? 6 : 10), place[i]);
        buffer_add(f->b, "<text class='label %s'", l.item[i].class);
        BUFFER_DRAW(f->b, " x='~' y='~'>", f->right + (f->narrow ? 11 : 16), place[i] + 4);
        buffer_add(f->b, "%s ", l.item[i].word);
        words_score(f->b, l.item[i].metric, l.item[i].y);
        if (f->narrow && f->y_scale == 100)
            f->b->n -= 2; /* " %": the axis says it */
        buffer_put(f->b, "</text>\n");
    }
}

/* ---- curves ---------------------------------------------------------------------------------- */

static void draw_band(const frame *f, const study_curve *fit)
{
    int64_t n = 0;
    for (int64_t i = 0; i < fit->n; i++)
        if (isfinite(fit->point[i].low) && isfinite(fit->point[i].high))
            BUFFER_DRAW(f->b, n++ == 0 ? "<path class='band' d='M~ ~" : "L~ ~",
                        axis_at(&f->x, fit->point[i].dim), axis_at(&f->y, fit->point[i].high));
    for (int64_t i = fit->n - 1; n > 0 && i >= 0; i--)
        if (isfinite(fit->point[i].low) && isfinite(fit->point[i].high))
            BUFFER_DRAW(f->b, "L~ ~", axis_at(&f->x, fit->point[i].dim),
                        axis_at(&f->y, fit->point[i].low));
    if (n > 0)
        buffer_put(f->b, "z'/>\n");
}

static void draw_line(const frame *f, const study_curve *c, const char *class)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->n; i++) {
        if (!isfinite(c->point[i].score))
            continue;
        if (n == 0)
            buffer_add(f->b, "<path class='%s' d='", class);
        BUFFER_DRAW(f->b, n == 0 ? "M~ ~" : "L~ ~", axis_at(&f->x, c->point[i].dim),
                    axis_at(&f->y, c->point[i].score));
        n++;
    }
    if (n > 0)
        buffer_put(f->b, "'/>\n");
}

/* is scores[k] among the `collapsed` lowest? those are the runs that stayed at the majority */
static bool is_collapsed(const study_point *p, int64_t k)
{
    int64_t below = 0;
    for (int64_t i = 0; i < p->n_scores; i++)
        below += p->scores[i] < p->scores[k] || (p->scores[i] == p->scores[k] && i < k);
    return below < p->collapsed;
}

static void draw_run(const frame *f, const study_cell *c, const study_point *p, int64_t k,
                     double shift)
{
    double x = axis_at(&f->x, p->dim) + shift, y = axis_at(&f->y, p->scores[k]);
    bool named = p->names.n == p->n_scores && p->names.run[k] != NULL;
    if (named)
        buffer_add(f->b, "<a href='runs/%s/record.json' tabindex='-1'>", p->names.name[k]);
    if (is_collapsed(p, k) && p->counts)
        BUFFER_DRAW(f->b, "<path class='collapsed' d='M~ ~l6 6m-6 0l6-6'>", x - 3, y - 3);
    else
        BUFFER_DRAW(f->b,
                    p->counts ? "<circle class='run' cx='~' cy='~' r='2.6'>"
                              : "<circle class='other' cx='~' cy='~' r='2.2'>",
                    x, y);
    buffer_put(f->b, "<title>");
    html_text(f->b, c->method);
    buffer_add(f->b, ", d %lld: ", (long long)p->dim);
    words_score(f->b, c->metric, p->scores[k]);
    if (named)
        buffer_add(f->b, ", run %.8s", p->names.name[k]);
    if (!p->counts)
        buffer_put(f->b, ", a rate that does not count");
    buffer_put(f->b, is_collapsed(p, k) && p->counts ? "</title></path>" : "</title></circle>");
    buffer_put(f->b, named ? "</a>\n" : "\n");
}

static void draw_points(const frame *f, const study_cell *c, double shift)
{
    for (int64_t i = 0; i < c->points.n; i++) {
        const study_point *p = &c->points.point[i];
        double x = axis_at(&f->x, p->dim) + shift;
        if (p->counts && isfinite(p->low) && isfinite(p->high))
            BUFFER_DRAW(f->b, "<path class='whisker' d='M~ ~V~'/>", x, axis_at(&f->y, p->low),
                        axis_at(&f->y, p->high));
        /* beside the mean, on the side away from the other methods */
        for (int64_t k = 0; k < p->n_scores; k++)
            if (isfinite(p->scores[k]))
                draw_run(f, c, p, k, shift < 0 ? shift - BESIDE : shift + BESIDE);
        if (p->counts && isfinite(p->score))
            BUFFER_DRAW(f->b, "<circle class='mean' cx='~' cy='~' r='4.2'/>\n", x,
                        axis_at(&f->y, p->score));
    }
}

/* ---- d90 ------------------------------------------------------------------------------------- */

/* one answer: a line from the crossing down to its row, and the interval in the row */
static void draw_answer(const frame *f, const study_answer *a, double row, const char *class)
{
    if (a->status != MEASURE_OK)
        return;
    double x = axis_at(&f->x, a->d90);
    double from = axis_at(&f->x, isfinite(a->low) ? a->low : f->x.low);
    double to = axis_at(&f->x, isfinite(a->high) ? a->high : f->x.high);
    buffer_add(f->b, "<g class='%s'>", class);
    if (isfinite(a->target))
        BUFFER_DRAW(f->b, "<path class='drop' d='M~ ~V~'/>", x, axis_at(&f->y, a->target), row);
    BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~H~'/>", from, row, to);
    if (isfinite(a->low))
        BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~v8'/>", from, row - 4);
    if (isfinite(a->high))
        BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~v8'/>", to, row - 4);
    BUFFER_DRAW(f->b, "<circle class='answer' cx='~' cy='~' r='4'/></g>\n", x, row);
}

static double strip_top(const frame *f)
{
    return f->y.from + 2;
}

static void draw_strip(const frame *f)
{
    BUFFER_DRAW(f->b, "<rect class='strip' x='~' y='~' width='~' height='~'/>\n", f->left,
                strip_top(f), f->right - f->left, f->bottom - strip_top(f));
}

static void draw_answers(const frame *f, const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        double row = strip_top(f) + STRIP_ROW * ((double)i + 0.5) + 1;
        buffer_add(f->b, "<g class='s%d'>", words_series(g->cell[i]->method));
        draw_answer(f, &g->cell[i]->corrected, row, "open");
        draw_answer(f, &g->cell[i]->answer, row, "closed");
        buffer_put(f->b, "</g>\n");
    }
}

static void draw_legend(const frame *f, const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        const study_cell *c = g->cell[i];
        double y = 14 + LEGEND_ROW * (double)i;
        buffer_add(f->b, "<g class='s%d'>", words_series(g->cell[i]->method));
        BUFFER_DRAW(f->b, "<path class='fit' d='M~ ~h22'/>", f->left, y - 4);
        BUFFER_DRAW(f->b, "<circle class='mean' cx='~' cy='~' r='4.2'/>", f->left + 11, y - 4);
        BUFFER_DRAW(f->b, "</g><text class='key' x='~' y='~'>", f->left + 30, y);
        html_short(f->b, c->method, 24);
        if (c->answer.status == MEASURE_OK) {
            buffer_put(f->b, ": d90 ");
            words_d90(f->b, &c->answer);
        } else {
            buffer_put(f->b, ": no d90");
        }
        if (c->corrected.status == MEASURE_OK && !f->narrow) {
            buffer_put(f->b, "; corrected for chance ");
            words_d90(f->b, &c->corrected);
        }
        if (c->linearised.n > 0 && !f->narrow) {
            buffer_put(f->b, "; linearised (dashed) ");
            words_about(f->b, c->linearised_d90);
        }
        buffer_put(f->b, "</text>\n");
    }
}

/* ---- the figure ------------------------------------------------------------------------------ */

static frame make_frame(buffer *b, const study_group *g, bool narrow)
{
    double legend = LEGEND_ROW * (double)g->n, strip = STRIP_ROW * (double)g->n;
    frame f = {.b = b,
               .width = narrow ? FIGURE_NARROW : FIGURE_WIDE,
               .left = narrow ? 34 : 52,
               .narrow = narrow};
    f.right = f.width - (narrow ? 92 : 200);
    f.top = legend + 30;
    f.bottom = f.top + (narrow ? 250 : 350) + strip;
    f.height = f.bottom + 46;
    f.y_scale = words_is_percent(g->cell[0]->metric) ? 100 : 1;
    find_ranges(g, &f);
    return f;
}

static void describe(const study_group *g, buffer *title, buffer *about)
{
    buffer_put(title, "Score against d for ");
    buffer_add(title, "%s on %s", study_base_name(g->cell[0]->model), g->cell[0]->task);
    for (int64_t i = 0; i < g->n; i++) {
        if (i > 0)
            buffer_put(about, " ");
        words_answer(about, g->cell[i]);
    }
}

void draw_score(buffer *b, const study_group *g, bool narrow)
{
    buffer title = {.lib = b->lib}, about = {.lib = b->lib}, name = {.lib = b->lib};
    frame f = make_frame(b, g, narrow);
    describe(g, &title, &about);
    buffer_add(&name, "%s on dev%s", g->cell[0]->metric, f.y_scale == 100 ? ", %" : "");
    if (title.status == 0 && about.status == 0 && name.status == 0) {
        frame_begin(&f, title.bytes, about.bytes);
        frame_axes(&f, narrow ? "d, numbers trained (log)" : "d, the numbers trained (log scale)",
                   name.bytes);
        draw_strip(&f);
        draw_levels(&f, g);
        frame_clip(&f);
        for (int64_t i = 0; i < g->n; i++) {
            const study_cell *c = g->cell[i];
            double shift = ((double)i - (double)(g->n - 1) / 2) * DODGE;
            buffer_add(b, "<g class='s%d'>\n", words_series(c->method));
            draw_band(&f, &c->fit);
            draw_line(&f, &c->fit, "fit");
            draw_line(&f, &c->linearised, "linearised");
            draw_points(&f, c, shift);
            buffer_put(b, "</g>\n");
        }
        frame_unclip(&f);
        draw_answers(&f, g);
        draw_legend(&f, g);
        frame_end(&f);
    } else {
        b->status = IDIM_EMEMORY;
    }
    buffer_free(&title);
    buffer_free(&about);
    buffer_free(&name);
}
