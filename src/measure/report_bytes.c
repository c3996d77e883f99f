/* Score against the bytes of the adapter: what a run is worth when it is shipped.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_draw.h"

#include <math.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

static bool is_shown(const study_run *r)
{
    return r != NULL && r->bytes > 0 && isfinite(r->score);
}

bool has_bytes(const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = &g->cell[i]->points.point[k].names;
            for (int64_t j = 0; j < names->n; j++)
                if (is_shown(names->run[j]))
                    return true;
        }
    return false;
}

/* takes the runs into the ranges, or draws them */
static void each_run(frame *f, const study_cell *c, bool draw)
{
    for (int64_t k = 0; k < c->points.n; k++) {
        const study_names *names = &c->points.point[k].names;
        for (int64_t j = 0; j < names->n; j++) {
            const study_run *r = names->run[j];
            if (!is_shown(r))
                continue;
            if (draw) {
                BUFFER_DRAW(f->b, "<circle class='run' cx='~' cy='~' r='3.2'/>",
                            axis_at(&f->x, (double)r->bytes), axis_at(&f->y, r->score));
                continue;
            }
            range_take(&f->x.low, &f->x.high, (double)r->bytes);
            range_take(&f->y.low, &f->y.high, r->score);
        }
    }
}

static void draw_level(const frame *f, const study_cell *c, double score, const char *class)
{
    double y = axis_at(&f->y, score);
    if (!isfinite(score))
        return;
    buffer_add(f->b, "<path class='level %s'", class);
    BUFFER_DRAW(f->b, " d='M~ ~H~'/>", f->left, y, f->right);
    BUFFER_DRAW(f->b, "<text class='label' x='~' y='~'>", f->right + 8, y + 4);
    buffer_add(f->b, "%s ", class);
    words_score(f->b, c->metric, score);
    if (f->y_scale == 100)
        f->b->n -= 2; /* " %": the axis says it */
    buffer_put(f->b, "</text>\n");
}

static void draw_legend(const frame *f, const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++) {
        double x = f->left + 70 * (double)i;
        buffer_add(f->b, "<g class='s%d'>", words_series(g->cell[i]->method));
        BUFFER_DRAW(f->b, "<circle class='mean' cx='~' cy='10' r='4.2'/></g>", x + 5);
        BUFFER_DRAW(f->b, "<text class='key' x='~' y='14'>", x + 14);
        html_short(f->b, g->cell[i]->method, 8);
        buffer_put(f->b, "</text>\n");
    }
}

void draw_bytes(buffer *b, const study_group *g)
{
    const study_cell *first = g->cell[0];
    frame f = {.b = b,
               .width = FIGURE_NARROW,
               .height = 306,
               .left = 34,
               .right = FIGURE_NARROW - 82,
               .top = 44,
               .bottom = 260,
               .narrow = true};
    f.x = (axis){INFINITY, -INFINITY, f.left, f.right, true};
    f.y = (axis){INFINITY, -INFINITY, f.bottom, f.top, false};
    f.y_scale = words_is_percent(first->metric) ? 100 : 1;
    range_take(&f.y.low, &f.y.high, first->full.score);
    range_take(&f.y.low, &f.y.high, first->answer.target);
    for (int64_t i = 0; i < g->n; i++)
        each_run(&f, g->cell[i], false);
    double room = f.y.high > f.y.low ? 0.05 * (f.y.high - f.y.low) : 0.1;
    f.x.low /= 1.3;
    f.x.high *= 1.3;
    f.y.low -= room;
    f.y.high += room;

    frame_begin(&f, "Score against the bytes of the adapter", "A point a run.");
    frame_axes(&f, "bytes of the adapter (log)",
               f.y_scale == 100 ? "score on dev, %" : "score on dev");
    draw_level(&f, first, first->full.score, "full");
    draw_level(&f, first, first->answer.target, "target");
    for (int64_t i = 0; i < g->n; i++) {
        buffer_add(b, "<g class='s%d'>\n", words_series(g->cell[i]->method));
        each_run(&f, g->cell[i], true);
        buffer_put(b, "</g>\n");
    }
    draw_legend(&f, g);
    frame_end(&f);
}
