/* Training loss against the step: the runs of one d are averaged in equal parts of the training,
 * which smooths and thins them at once; at most six d are drawn, spread over those there are.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_draw.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

enum { STEPS_OF_BIN = 4, FEWEST_BINS = 8, MOST_DIMS = 6, MOST_CURVES = MOST_DIMS + 1 };

void training_bins(const study_run *const *run, int64_t n, int64_t n_bins, double *bin,
                   double *steps)
{
    double count[TRAINING_BINS] = {0};
    assert(n_bins <= TRAINING_BINS);
    *steps = 1;
    for (int64_t k = 0; k < n_bins; k++)
        bin[k] = 0;
    for (int64_t i = 0; i < n; i++)
        if (run[i] != NULL && run[i]->n_log > 0)
            *steps = fmax(*steps, run[i]->step[run[i]->n_log - 1]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; run[i] != NULL && k < run[i]->n_log; k++) {
            double part = (run[i]->step[k] - 1) / *steps * (double)n_bins;
            int64_t at = part > 0 ? (int64_t)part : 0;
            at = at < n_bins ? at : n_bins - 1;
            bin[at] += run[i]->loss[k];
            count[at] += 1;
        }
    for (int64_t k = 0; k < n_bins; k++)
        bin[k] = count[k] > 0 ? bin[k] / count[k] : (double)NAN;
}

typedef struct curve {
    double bin[TRAINING_BINS], steps;
    int64_t dim; /* 0: full fine-tuning */
    double last; /* the last bin with a value */
    int shade;   /* of the ramp; -1: full   */
} curve;

typedef struct curve_list {
    curve item[MOST_CURVES];
    int64_t n, bins;
} curve_list;

static bool has_logs(const study_names *names)
{
    for (int64_t i = 0; i < names->n; i++)
        if (names->run[i] != NULL && names->run[i]->n_log > 0)
            return true;
    return false;
}

bool has_training(const study_cell *c)
{
    bool has = has_logs(&c->full.names);
    for (int64_t i = 0; i < c->points.n; i++)
        has = has || has_logs(&c->points.point[i].names);
    return has;
}

static void add_curve(curve_list *l, const study_names *names, int64_t dim, int shade)
{
    if (!has_logs(names))
        return;
    curve *c = &l->item[l->n++];
    c->dim = dim;
    c->last = NAN;
    training_bins(names->run, names->n, l->bins, c->bin, &c->steps);
    for (int64_t k = 0; k < l->bins; k++)
        if (isfinite(c->bin[k]))
            c->last = c->bin[k];
    c->shade = shade;
}

/* of several rates at one d the one that counts is shown */
static bool is_shown(const study_point *p)
{
    return p->counts && has_logs(&p->names);
}

static void find_curves(const study_cell *c, curve_list *l)
{
    int64_t with_logs = 0, taken = 0, seen = 0;
    for (int64_t i = 0; i < c->points.n; i++)
        with_logs += is_shown(&c->points.point[i]);
    int64_t shown = with_logs < MOST_DIMS ? with_logs : MOST_DIMS;
    l->n = 0;
    for (int64_t i = 0; i < c->points.n && taken < shown; i++) {
        const study_point *p = &c->points.point[i];
        if (!is_shown(p))
            continue;
        /* the taken-th of `shown` evenly spaced places, first and last among them */
        int64_t place = shown > 1 ? (taken * (with_logs - 1) + (shown - 1) / 2) / (shown - 1) : 0;
        if (seen++ < place)
            continue;
        int shade = shown > 1 ? (int)(taken * (MOST_DIMS - 1) / (shown - 1)) : MOST_DIMS - 1;
        add_curve(l, &p->names, (int64_t)p->dim, shade);
        taken++;
    }
    add_curve(l, &c->full.names, 0, -1);
}

/* curves by where they end, so that their labels can be spread */
static void sort_curves(curve_list *l)
{
    for (int64_t i = 1; i < l->n; i++) {
        curve moved = l->item[i];
        int64_t k = i;
        for (; k > 0 && l->item[k - 1].last < moved.last; k--)
            l->item[k] = l->item[k - 1];
        l->item[k] = moved;
    }
}

/* "<path class='KIND r3'", "... rf'" for full fine-tuning */
static void begin_path(buffer *b, const char *kind, const curve *c)
{
    if (c->shade < 0)
        buffer_add(b, "<path class='%s rf' d='", kind);
    else
        buffer_add(b, "<path class='%s r%d' d='", kind, c->shade);
}

static void draw_curve(const frame *f, const curve *c, int64_t bins)
{
    int64_t n = 0;
    begin_path(f->b, "loss", c);
    for (int64_t k = 0; k < bins; k++)
        if (isfinite(c->bin[k])) {
            double step = ((double)k + 0.5) / (double)bins * c->steps;
            BUFFER_DRAW(f->b, n++ == 0 ? "M~ ~" : "L~ ~", axis_at(&f->x, step),
                        axis_at(&f->y, c->bin[k]));
        }
    buffer_put(f->b, "'/>\n");
}

static void draw_curve_labels(const frame *f, const curve_list *l)
{
    double place[MOST_CURVES];
    for (int64_t i = 0; i < l->n; i++)
        place[i] = axis_at(&f->y, l->item[i].last);
    labels_spread(place, l->n, f->narrow ? 14 : 17, f->top, f->bottom);
    for (int64_t i = 0; i < l->n; i++) {
        const curve *c = &l->item[i];
        double from = axis_at(&f->x, ((double)l->bins - 0.5) / (double)l->bins * c->steps);
        begin_path(f->b, "leader", c);
        BUFFER_DRAW(f->b, "M~ ~H~L~ ~h3'/>", from, axis_at(&f->y, c->last), f->right,
                    f->right + (f->narrow ? 6 : 10), place[i]);
        BUFFER_DRAW(f->b, "<text class='label' x='~' y='~'>", f->right + (f->narrow ? 11 : 16),
                    place[i] + 4);
        if (c->dim > 0)
            buffer_put(f->b, "d ");
        if (c->dim > 0)
            words_count(f->b, c->dim);
        else
            buffer_put(f->b, f->narrow ? "full" : "full fine-tuning");
        buffer_put(f->b, "</text>\n");
    }
}

static void find_ranges(const curve_list *l, frame *f)
{
    f->x = (axis){0, 0, f->left, f->right, false};
    f->y = (axis){INFINITY, -INFINITY, f->bottom, f->top, false};
    for (int64_t i = 0; i < l->n; i++) {
        range_take(&f->x.low, &f->x.high, l->item[i].steps);
        for (int64_t k = 0; k < l->bins; k++)
            range_take(&f->y.low, &f->y.high, l->item[i].bin[k]);
    }
    double room = f->y.high > f->y.low ? 0.05 * (f->y.high - f->y.low) : 0.1;
    f->y.low -= room;
    f->y.high += room;
}

/* parts of four steps and more, so that each is an average */
static int64_t number_of_bins(const study_cell *c)
{
    int64_t most = 1;
    for (int64_t i = 0; i < c->full.names.n; i++)
        if (c->full.names.run[i] != NULL && c->full.names.run[i]->n_log > most)
            most = c->full.names.run[i]->n_log;
    for (int64_t i = 0; i < c->points.n; i++)
        for (int64_t k = 0; k < c->points.point[i].names.n; k++) {
            const study_run *r = c->points.point[i].names.run[k];
            if (r != NULL && r->n_log > most)
                most = r->n_log;
        }
    int64_t bins = most / STEPS_OF_BIN < FEWEST_BINS ? FEWEST_BINS : most / STEPS_OF_BIN;
    bins = bins < TRAINING_BINS ? bins : TRAINING_BINS;
    return bins < most ? bins : most;
}

void draw_training(buffer *b, const study_cell *c, bool narrow)
{
    curve_list l = {.bins = number_of_bins(c)};
    buffer title = {.lib = b->lib};
    frame f = {.b = b,
               .width = narrow ? FIGURE_NARROW : FIGURE_WIDE,
               .left = narrow ? 34 : 52,
               .top = 26,
               .y_scale = 1,
               .narrow = narrow};
    f.right = f.width - (narrow ? 80 : 200);
    f.bottom = f.top + (narrow ? 190 : 240);
    f.height = f.bottom + 46;
    find_curves(c, &l);
    sort_curves(&l);
    find_ranges(&l, &f);

    buffer_add(&title, "Training loss of %s on %s, ", study_base_name(c->model), c->task);
    words_method(&title, c);
    if (title.status != 0) {
        b->status = title.status;
        buffer_free(&title);
        return;
    }
    frame_begin(&f, title.bytes, "Mean training loss against the step, a line a dimension.");
    frame_axes(&f, "training step", "training loss");
    for (int64_t i = 0; i < l.n; i++)
        draw_curve(&f, &l.item[i], l.bins);
    draw_curve_labels(&f, &l);
    frame_end(&f);
    buffer_free(&title);
}
