/* d90 with its interval, a row a cell: how the answer moves with model, task, method and variation.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_draw.h"

#include <math.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

static int64_t answered(const study *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_cells; i++)
        n += s->cell[i].answer.status == MEASURE_OK;
    return n;
}

bool has_intervals(const study *s)
{
    return answered(s) >= 2;
}

static bool models_differ(const study *s)
{
    for (int64_t i = 1; i < s->n_cells; i++)
        if (strcmp(s->cell[i].model, s->cell[0].model) != 0)
            return true;
    return false;
}

static bool tasks_differ(const study *s)
{
    for (int64_t i = 1; i < s->n_cells; i++)
        if (strcmp(s->cell[i].task, s->cell[0].task) != 0)
            return true;
    return false;
}

/* what tells this cell from the others; each part short enough that all of them fit */
static void add_label(buffer *b, const study *s, const study_cell *c)
{
    if (models_differ(s)) {
        html_short(b, study_base_name(c->model), 20);
        buffer_put(b, ", ");
    }
    if (tasks_differ(s)) {
        html_short(b, c->task, 14);
        buffer_put(b, ", ");
    }
    html_short(b, c->method, 8);
    if (c->variation[0] != '\0') {
        buffer_put(b, ", ");
        html_short(b, c->variation, 28);
    }
}

static void draw_row(const frame *f, const study *s, const study_cell *c, double y)
{
    const study_answer *a = &c->answer;
    double from = axis_at(&f->x, isfinite(a->low) ? a->low : f->x.low);
    double to = axis_at(&f->x, isfinite(a->high) ? a->high : f->x.high);
    BUFFER_DRAW(f->b, "<text class='key' x='~' y='~'>", f->narrow ? f->left : 8,
                f->narrow ? y - 10 : y + 4);
    add_label(f->b, s, c);
    buffer_add(f->b, "</text><g class='s%d'>", words_series(c->method));
    BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~H~'/>", from, y, to);
    if (isfinite(a->low))
        BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~v10'/>", from, y - 5);
    if (isfinite(a->high))
        BUFFER_DRAW(f->b, "<path class='interval' d='M~ ~v10'/>", to, y - 5);
    BUFFER_DRAW(f->b, "<circle class='answer' cx='~' cy='~' r='5'/></g>", axis_at(&f->x, a->d90),
                y);
    BUFFER_DRAW(f->b, "<text class='label' x='~' y='~'>", f->right + 12, y + 4);
    if (f->narrow)
        words_about(f->b, a->d90);
    else
        words_d90(f->b, a);
    buffer_put(f->b, "</text>\n");
}

/* room for the longest label, as letters are wide at most */
static double label_width(buffer *b, const study *s)
{
    double widest = 60;
    for (int64_t i = 0; i < s->n_cells; i++) {
        buffer label = {.lib = b->lib};
        if (s->cell[i].answer.status != MEASURE_OK)
            continue;
        add_label(&label, s, &s->cell[i]);
        widest = fmax(widest, 7.5 * (double)label.n + 20);
        b->status = b->status != 0 ? b->status : label.status;
        buffer_free(&label);
    }
    return fmin(widest, 400);
}

void draw_intervals(buffer *b, const study *s, const study_group *groups, int64_t n, bool narrow)
{
    double row = narrow ? 38 : 28;
    frame f = {.b = b,
               .width = narrow ? FIGURE_NARROW : FIGURE_WIDE,
               .left = narrow ? 8 : label_width(b, s),
               .top = 12,
               .y_scale = 1,
               .narrow = narrow};
    f.right = f.width - (narrow ? 66 : 170);
    f.bottom = f.top + row * (double)answered(s) + 8;
    f.height = f.bottom + 46;
    f.x = (axis){INFINITY, -INFINITY, f.left, f.right, true};
    f.y = (axis){0, 1, f.bottom, f.top, false};
    for (int64_t i = 0; i < s->n_cells; i++) {
        const study_answer *a = &s->cell[i].answer;
        if (a->status != MEASURE_OK)
            continue;
        range_take(&f.x.low, &f.x.high, a->d90);
        range_take(&f.x.low, &f.x.high, a->low > 0 ? a->low : (double)NAN);
        range_take(&f.x.low, &f.x.high, a->high);
    }
    f.x.low /= 1.2;
    f.x.high *= 1.2;

    frame_begin(&f, "d90 of every cell", "d90 with its 95 % interval, a row a cell.");
    frame_axis_x(&f, narrow ? "d90 (log)" : "d90 with 95 % interval (log scale)");
    double y = f.top + row * (narrow ? 0.75 : 0.6);
    for (int64_t g = 0; g < n; g++)
        for (int64_t i = 0; i < groups[g].n; i++)
            if (groups[g].cell[i]->answer.status == MEASURE_OK) {
                draw_row(&f, s, groups[g].cell[i], y);
                y += row;
            }
    frame_end(&f);
}
