/* What is shipped: score against the bytes of the adapter, and the bound of a coded adapter against
 * its error on rows that were held out. A point is a run.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_draw.h"

#include <math.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

enum { SERIES = 6 };

/* scores and errors that differ by less are one line */
static const double SAME = 1e-9;

/* where a run stands in a figure; x is NAN where it is not shown */
typedef struct place {
    double x, y;
} place;

typedef place place_of(const study_run *r);

static place place_of_bytes(const study_run *r)
{
    bool shown = r != NULL && r->bytes > 0 && isfinite(r->score);
    return shown ? (place){(double)r->bytes, r->score} : (place){NAN, NAN};
}

/* in percent */
static place place_of_bound(const study_run *r)
{
    bool shown = r != NULL && isfinite(r->bound) && isfinite(r->held_error);
    return shown ? (place){100 * r->held_error, 100 * r->bound} : (place){NAN, NAN};
}

const study_names *counted_names(const study_point *p)
{
    static const study_names none = {0};
    return p->counts ? &p->names : &none;
}

static bool has_any(const study_group *g, place_of *where)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = counted_names(&g->cell[i]->points.point[k]);
            for (int64_t j = 0; j < names->n; j++)
                if (isfinite(where(names->run[j]).x))
                    return true;
        }
    return false;
}

bool has_bytes(const study_group *g)
{
    return has_any(g, place_of_bytes);
}

bool has_bounds(const study_group *g)
{
    return has_any(g, place_of_bound);
}

/* takes the runs into the ranges */
static void take_runs(frame *f, const study_group *g, place_of *where)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = counted_names(&g->cell[i]->points.point[k]);
            for (int64_t j = 0; j < names->n; j++) {
                place at = where(names->run[j]);
                range_take(&f->x.low, &f->x.high, at.x);
                range_take(&f->y.low, &f->y.high, at.y);
            }
        }
}

static void draw_runs(const frame *f, const study_group *g, place_of *where)
{
    for (int64_t i = 0; i < g->n; i++) {
        buffer_add(f->b, "<g class='s%lld'>\n", (long long)(i % SERIES));
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = counted_names(&g->cell[i]->points.point[k]);
            for (int64_t j = 0; j < names->n; j++) {
                place at = where(names->run[j]);
                if (!isfinite(at.x))
                    continue;
                buffer_add(f->b, "<a href='runs/%s/record.json'>", names->name[j]);
                BUFFER_DRAW(f->b, "<circle class='run' cx='~' cy='~' r='3.6'>",
                            axis_at(&f->x, at.x), axis_at(&f->y, at.y));
                buffer_add(f->b, "<title>d = %lld, %lld bytes</title></circle></a>",
                           (long long)names->run[j]->dim, (long long)names->run[j]->bytes);
            }
        }
        buffer_put(f->b, "</g>\n");
    }
}

static frame narrow_frame(buffer *b)
{
    frame f = {.b = b,
               .width = FIGURE_NARROW,
               .height = 296,
               .left = 34,
               .right = FIGURE_NARROW - 82,
               .top = 34,
               .bottom = 250,
               .narrow = true};
    f.x = (axis){INFINITY, -INFINITY, f.left, f.right, false};
    f.y = (axis){INFINITY, -INFINITY, f.bottom, f.top, false};
    f.y_scale = 1;
    return f;
}

static void widen(axis *a)
{
    double room = a->high > a->low ? 0.06 * (a->high - a->low) : 0.1;
    a->low -= room;
    a->high += room;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static double agreed(double a, double b)
{
    return fabs(a - b) <= SAME ? a : (double)NAN;
}

double group_full(const study_group *g)
{
    double out = g->cell[0]->full.score;
    for (int64_t i = 1; i < g->n; i++)
        out = agreed(out, g->cell[i]->full.score);
    return out;
}

double group_target(const study_group *g)
{
    double out = g->cell[0]->answer.target;
    for (int64_t i = 1; i < g->n; i++)
        out = agreed(out, g->cell[i]->answer.target);
    return out;
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

void draw_bytes(buffer *b, const study_group *g)
{
    const study_cell *first = g->cell[0];
    frame f = narrow_frame(b);
    f.x.log = true;
    f.y_scale = words_is_percent(first->metric) ? 100 : 1;
    double full = group_full(g), target = group_target(g);
    range_take(&f.y.low, &f.y.high, full);
    range_take(&f.y.low, &f.y.high, target);
    take_runs(&f, g, place_of_bytes);
    f.x.low /= 1.3;
    f.x.high *= 1.3;
    widen(&f.y);

    frame_begin(&f, "Score against the bytes of the adapter", "A point a run.");
    frame_axes(&f, "bytes of the adapter (log)",
               f.y_scale == 100 ? "score on dev, %" : "score on dev");
    draw_level(&f, first, full, "full");
    draw_level(&f, first, target, "target");
    draw_runs(&f, g, place_of_bytes);
    frame_end(&f);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* the line on which the bound would be the held-out error, named at its end */
static void draw_diagonal(const frame *f)
{
    double high = f->x.high < f->y.high ? f->x.high : f->y.high;
    double x = axis_at(&f->x, high), y = axis_at(&f->y, high);
    BUFFER_DRAW(f->b, "<path class='level target' d='M~ ~L~ ~'/>\n", axis_at(&f->x, f->x.low),
                axis_at(&f->y, f->x.low), x, y);
    frame_text(f, "label", x + 8, y + 4, "error");
}

/* NAN: no run that is shown knows it, or they do not agree */
static double majority_error(const study_group *g)
{
    double out = NAN;
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = counted_names(&g->cell[i]->points.point[k]);
            for (int64_t j = 0; j < names->n; j++) {
                const study_run *r = names->run[j];
                if (!isfinite(place_of_bound(r).x) || isnan(r->majority_error))
                    continue;
                if (fabs(r->majority_error - out) > SAME)
                    return NAN;
                out = r->majority_error;
            }
        }
    return out;
}

void draw_bounds(buffer *b, const study_group *g)
{
    frame f = narrow_frame(b);
    double majority = 100 * majority_error(g);
    take_runs(&f, g, place_of_bound);
    range_take(&f.y.low, &f.y.high, majority);
    widen(&f.x);
    f.x.low = f.x.low > 0 ? f.x.low : 0;
    f.y.low = fmin(f.x.low, majority);
    f.y.high += 0.05 * (f.y.high - f.y.low);

    frame_begin(
        &f, "Bound against held-out error",
        "A point a run; it lies above the broken line when the bound lies above the error.");
    frame_axes(&f, "held-out error, %", "bound on the error, %");
    draw_diagonal(&f);
    if (isfinite(majority)) {
        double y = axis_at(&f.y, majority);
        BUFFER_DRAW(b, "<path class='level' d='M~ ~H~'/>", f.left, y, f.right);
        BUFFER_DRAW(b, "<text class='label' x='~' y='~'>majority ", f.right + 8, y + 4);
        buffer_fixed(b, majority, 1);
        buffer_put(b, "</text>\n");
    }
    draw_runs(&f, g, place_of_bound);
    frame_end(&f);
}
