/* The section on models: a figure a relation, whose points bear the numbers of the table below.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_models.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/report_export.h"
#include "measure/report_figure.h"
#include "measure/report_words.h"

/* ---- a figure -------------------------------------------------------------------------------- */

typedef struct place {
    double x, y;
} place;

static bool overlaps(place label, place other, double width)
{
    return fabs(label.x - other.x) < width && fabs(label.y - other.y) < 11;
}

/* one of four corners of the point that meets neither points nor the labels before it */
static place find_corner(const place *points, const place *labels, int64_t n, int64_t i)
{
    static const place corners[] = {{11, -7}, {-11, -7}, {11, 16}, {-11, 16}};
    place found = {points[i].x + corners[0].x, points[i].y + corners[0].y};
    for (int c = 0; c < 4; c++) {
        place at = {points[i].x + corners[c].x, points[i].y + corners[c].y};
        place middle = {at.x, at.y - 4};
        bool free = true;
        for (int64_t k = 0; k < n; k++)
            free = free && !overlaps(middle, points[k], 12) &&
                   (k >= i || !overlaps(at, labels[k], 15));
        if (free)
            return at;
    }
    return found;
}

static void find_ranges(const relation_data *r, frame *f)
{
    f->x = (axis){INFINITY, -INFINITY, f->left, f->right, r->x_log};
    f->y = (axis){INFINITY, -INFINITY, f->bottom, f->top, r->y_log};
    for (int64_t i = 0; i < r->n; i++) {
        const relation_point *p = &r->point[i];
        axis *with_interval = r->across ? &f->x : &f->y;
        range_take(&f->x.low, &f->x.high, p->x);
        range_take(&f->y.low, &f->y.high, p->y);
        range_take(&with_interval->low, &with_interval->high, p->low);
        range_take(&with_interval->low, &with_interval->high, p->high);
    }
    axis *both[] = {&f->x, &f->y};
    for (int k = 0; k < 2; k++) {
        axis *a = both[k];
        double room = a->high > a->low ? 0.08 * (a->high - a->low) : 0.05 * fabs(a->high) + 0.01;
        double ratio = pow(a->high / a->low, 0.08) * 1.1;
        a->low = a->log ? a->low / ratio : a->low - room;
        a->high = a->log ? a->high * ratio : a->high + room;
    }
}

static void draw_intervals_of(const frame *f, const relation_data *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        const relation_point *p = &r->point[i];
        double x = axis_at(&f->x, p->x), y = axis_at(&f->y, p->y);
        if (r->across)
            BUFFER_DRAW(f->b, "<path class='whisker' d='M~ ~H~'/>",
                        isfinite(p->low) ? axis_at(&f->x, p->low) : f->left, y,
                        isfinite(p->high) ? axis_at(&f->x, p->high) : f->right);
        else
            BUFFER_DRAW(f->b, "<path class='whisker' d='M~ ~V~'/>", x,
                        isfinite(p->low) ? axis_at(&f->y, p->low) : f->bottom,
                        isfinite(p->high) ? axis_at(&f->y, p->high) : f->top);
    }
}

static void draw_members(const frame *f, const relation_data *r, place *points, place *labels)
{
    for (int64_t i = 0; i < r->n; i++)
        points[i] = (place){axis_at(&f->x, r->point[i].x), axis_at(&f->y, r->point[i].y)};
    for (int64_t i = 0; i < r->n; i++) {
        BUFFER_DRAW(f->b, "<circle class='answer' cx='~' cy='~' r='5'/>", points[i].x, points[i].y);
        labels[i] = find_corner(points, labels, r->n, i);
        BUFFER_DRAW(f->b, "<text class='key middle' x='~' y='~'>", labels[i].x, labels[i].y);
        buffer_add(f->b, "%lld</text>\n", (long long)r->point[i].member + 1);
    }
}

static int draw_relation(const page *p, const relation_data *r, bool percent)
{
    place *points, *labels;
    frame f = {.b = p->b,
               .width = FIGURE_NARROW,
               .height = 290,
               .left = 46,
               .right = FIGURE_NARROW - 12,
               .top = 28,
               .bottom = 244,
               .y_scale = r->kind == ACCURACY_BY_D90 && percent ? 100 : 1,
               .narrow = true};
    TRY(study_array(p->s, r->n, sizeof *points, &points));
    TRY(study_array(p->s, r->n, sizeof *labels, &labels));
    find_ranges(r, &f);
    frame_begin(&f, r->y_name,
                "A point a model, with the 95 % interval of d90; the numbers are "
                "those of the table below.");
    frame_axes(&f, r->x_name, r->y_name);
    buffer_put(p->b, "<g class='s0'>\n");
    if (r->kind == D90_BY_STEP)
        for (int64_t i = 0; i < r->n; i++)
            BUFFER_DRAW(p->b, i == 0 ? "<path class='fit' d='M~ ~" : "L~ ~",
                        axis_at(&f.x, r->point[i].x), axis_at(&f.y, r->point[i].y));
    buffer_put(p->b, r->kind == D90_BY_STEP ? "'/>\n" : "");
    draw_intervals_of(&f, r);
    draw_members(&f, r, points, labels);
    buffer_put(p->b, "</g>\n");
    frame_end(&f);
    return 0;
}

/* ---- the section ----------------------------------------------------------------------------- */

static void put_rank(buffer *b, const relation_data *r)
{
    if (!isfinite(r->rank.rho)) {
        buffer_put(b, "No rank correlation: all are alike.");
        return;
    }
    buffer_put(b, "Spearman rank correlation ");
    buffer_fixed(b, r->rank.rho, 2);
    buffer_put(b, " (95 % interval ");
    buffer_fixed(b, r->rank.low, 2);
    buffer_put(b, " to ");
    buffer_fixed(b, r->rank.high, 2);
    buffer_add(b, ", %lld models).", (long long)r->n);
}

static void put_member(const page *p, const family_member *m, int64_t number)
{
    const study_cell *c = m->cell;
    buffer_add(p->b, "<tr><th scope='row' class='n'>%lld</th><td>", (long long)number);
    html_text(p->b, study_base_name(c->model));
    buffer_put(p->b, "</td><td class='n'>");
    words_count(p->b, c->parameters);
    buffer_put(p->b, "</td><td class='n'>");
    if (isfinite(c->checkpoint))
        words_count(p->b, (int64_t)c->checkpoint);
    else
        buffer_put(p->b, "-");
    buffer_put(p->b, "</td><td class='n'><a href='#");
    page_anchor(p->b, c - p->s->cell, "points");
    buffer_put(p->b, "'>");
    words_d90(p->b, &c->answer);
    buffer_put(p->b, "</a></td><td class='n'><a href='#");
    page_anchor(p->b, c - p->s->cell, "full");
    buffer_put(p->b, "'>");
    words_score(p->b, c->metric, c->full.score);
    buffer_put(p->b, "</a></td><td class='n'>");
    if (isfinite(m->gap))
        buffer_fixed(p->b, m->gap, 3);
    else
        buffer_put(p->b, "-");
    buffer_put(p->b, "</td></tr>\n");
}

static void put_members(const page *p, const family *f)
{
    buffer_put(p->b, "<div class='box' tabindex='0' role='region' aria-label='Models'>\n<table>\n"
                     "<thead><tr><th scope='col' class='n'>#</th><th scope='col'>model</th><th "
                     "scope='col' class='n'>weights</th><th scope='col' class='n'>step</th><th "
                     "scope='col' class='n'>d90 (95 %)</th><th scope='col' class='n'>full</th><th "
                     "scope='col' class='n'>gap</th></tr></thead>\n<tbody>\n");
    for (int64_t i = 0; i < f->n; i++)
        put_member(p, &f->member[i], i + 1);
    buffer_put(p->b, "</tbody>\n</table>\n</div>\n");
}

static int put_family(const page *p, const family *f)
{
    const study_cell *c = f->member[0].cell;
    buffer_put(p->b, "<h3>");
    html_text(p->b, c->task);
    buffer_put(p->b, ", ");
    html_text(p->b, c->method);
    if (c->variation[0] != '\0') {
        buffer_put(p->b, ", ");
        html_text(p->b, c->variation);
    }
    buffer_put(p->b, "</h3>\n<div class='pair'>\n");
    for (int kind = 0; kind < N_RELATIONS; kind++) {
        relation_data r;
        TRY(family_relation(p->s, f, (relation)kind, &r));
        if (r.n == 0)
            continue;
        buffer_put(p->b, "<figure>\n");
        TRY(draw_relation(p, &r, words_is_percent(c->metric)));
        buffer_put(p->b, "<figcaption>");
        put_rank(p->b, &r);
        buffer_put(p->b, "</figcaption>\n</figure>\n");
    }
    buffer_put(p->b, "</div>\n");
    put_members(p, f);
    return 0;
}

int page_models(const page *p)
{
    family *families;
    int64_t n;
    TRY(families_find(p->s, &families, &n));
    if (n == 0)
        return 0;
    buffer_put(p->b, "<section>\n<h2>Over models</h2>\n<p class='note'>Models and checkpoints with "
                     "an answer, three or more. Intervals of rank correlations are bootstraps over "
                     "the models (2,000 resamples) in which every d90 also moves within its own "
                     "interval; with few models they are wide. The relative generalisation gap is "
                     "(train - dev) / (1 - dev) of the accuracies at the d nearest to d90.</p>\n");
    for (int64_t i = 0; i < n; i++)
        TRY(put_family(p, &families[i]));
    buffer_put(p->b, "</section>\n");
    return 0;
}

/* ---- figures/ -------------------------------------------------------------------------------- */

static int write_members(study *s, const family *f, int64_t number, const char *folder)
{
    buffer b = {.lib = s->lib};
    char name[48];
    buffer_put(&b, "number,cell,model,parameters,checkpoint_step,d90,low,high,full,gap\n");
    for (int64_t i = 0; i < f->n; i++) {
        const study_cell *c = f->member[i].cell;
        buffer_add(&b, "%lld,%lld,", (long long)i + 1, (long long)(c - s->cell) + 1);
        csv_text(&b, c->model, ',');
        buffer_add(&b, "%lld,", (long long)c->parameters);
        csv_number(&b, c->checkpoint, ',');
        csv_number(&b, c->answer.d90, ',');
        csv_number(&b, c->answer.low, ',');
        csv_number(&b, c->answer.high, ',');
        csv_number(&b, c->full.score, ',');
        csv_number(&b, f->member[i].gap, '\n');
    }
    snprintf(name, sizeof name, "models-%lld", (long long)number);
    return export_write(&b, folder, name, ".csv");
}

static int write_relation(study *s, const family *f, const relation_data *r, int64_t number,
                          buffer *names, const char *folder)
{
    buffer rank = {.lib = s->lib};
    put_rank(&rank, r);
    scatter_file file = {.kind = r->name,
                         .number = number,
                         .x_name = r->x_name,
                         .y_name = r->y_name,
                         .x_log = r->x_log,
                         .y_log = r->y_log,
                         .across = r->across,
                         .joined = r->kind == D90_BY_STEP,
                         .title = rank.bytes != NULL ? rank.bytes : ""};
    buffer data = {.lib = s->lib};
    buffer_put(&data, "series,kind,x,y,low,high,model\n");
    for (int64_t i = 0; i < r->n; i++) {
        const relation_point *p = &r->point[i];
        buffer_put(&data, "0,model,");
        csv_number(&data, p->x, ',');
        csv_number(&data, p->y, ',');
        csv_number(&data, p->low, ',');
        csv_number(&data, p->high, ',');
        csv_text(&data, study_base_name(f->member[p->member].cell->model), '\n');
    }
    int status = export_scatter(&file, &data, folder, names);
    status = status != 0 ? status : rank.status;
    buffer_free(&rank);
    return status;
}

int export_models(study *s, const char *folder, buffer *names)
{
    family *families;
    int64_t n;
    TRY(families_find(s, &families, &n));
    for (int64_t i = 0; i < n; i++) {
        TRY(write_members(s, &families[i], i + 1, folder));
        for (int kind = 0; kind < N_RELATIONS; kind++) {
            relation_data r;
            TRY(family_relation(s, &families[i], (relation)kind, &r));
            if (r.n > 0)
                TRY(write_relation(s, &families[i], &r, i + 1, names, folder));
        }
    }
    return 0;
}
