/* Figures for gnuplot: the data as CSV, a script that people can edit, and gnuplot run on it.
 *
 * Data are rows series,kind,x,y,low,high; the script picks its rows by number of the series and by
 * kind. Names stand in single quotes, where gnuplot expands nothing, and never in comments, which a
 * backslash would continue.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_export.h"

#include <math.h>
#include <string.h>

#include "measure/report_figure.h"
#include "measure/report_words.h"

/* as the page's series, and its ramp from few to many dimensions */
static const char *const series_colours[] = {"#0b62c4", "#b8450c", "#187a49"};
static const char *const ramp_colours[] = {"#d39b00", "#7fa52b", "#2c9a76",
                                           "#2580a6", "#3f5bb0", "#5b2a86"};
enum { N_COLOURS = 6 };

/* the inside of a single-quoted string */
static void put_quoted(buffer *b, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\'')
            buffer_put(b, "''");
        else
            buffer_bytes(b, (unsigned char)*text < ' ' || *text == 127 ? " " : text, 1);
}

static void put_row(buffer *b, int64_t series, const char *kind, const study_point *p)
{
    buffer_add(b, "%lld,%s,", (long long)series, kind);
    csv_number(b, p->dim, ',');
    csv_number(b, p->score, ',');
    csv_number(b, p->low, ',');
    csv_number(b, p->high, '\n');
}

static void put_script_head(buffer *b, const char *name)
{
    buffer_add(b,
               "# Made by idim report; edit it, then: gnuplot -e \"format='pdf'\" %s.gp\n"
               "if (!exists('format')) format = 'svg'\n"
               "if (format eq 'svg') set terminal svg size 900,560 font 'Helvetica,14' "
               "noenhanced background 'white'\n"
               "if (format eq 'png') set terminal pngcairo size 1800,1120 font 'Helvetica,26' "
               "linewidth 2 pointscale 2 noenhanced\n"
               "if (format eq 'pdf') set terminal pdfcairo size 18cm,11.2cm font 'Helvetica,11' "
               "noenhanced\n"
               "set encoding utf8\n"
               "set datafile separator comma\n"
               "set output '%s.'.format\n"
               "data = '%s.csv'\n"
               "pick(series, kind, c) = $1 == series && strcol(2) eq kind ? column(c) : NaN\n"
               "set border 3\n"
               "set tics nomirror out\n"
               "set grid linecolor '#e4e4e4'\n"
               "set key outside right center reverse Left\n",
               name, name, name);
}

/* c0, c1, ...: the colours of the series */
static void put_colours(buffer *b, const study_group *g)
{
    for (int64_t i = 0; i < g->n; i++)
        buffer_add(b, "c%lld = '%s'\n", (long long)i,
                   series_colours[words_series(g->cell[i]->method)]);
}

static void put_title(buffer *b, const study_cell *c, const char *before)
{
    buffer_add(b, "set title '%s", before);
    put_quoted(b, study_base_name(c->model));
    buffer_put(b, " on ");
    put_quoted(b, c->task);
    if (c->variation[0] != '\0') {
        buffer_put(b, ", ");
        put_quoted(b, c->variation);
    }
    buffer_put(b, "'\n");
}

static double scale_of(const study_cell *c)
{
    return words_is_percent(c->metric) ? 100 : 1;
}

static void put_y_name(buffer *b, const study_cell *c)
{
    buffer_put(b, "set ylabel '");
    put_quoted(b, c->metric);
    buffer_put(b, scale_of(c) == 100 ? " on dev, %'\n" : " on dev'\n");
}

static int write_pair(buffer *data, buffer *script, const char *folder, const char *name,
                      buffer *names)
{
    buffer_add(names, "%s\n", name);
    int status = export_write(data, folder, name, ".csv");
    int second = export_write(script, folder, name, ".gp");
    return status != 0 ? status : second != 0 ? second : names->status;
}

/* "score-SLUG", "training-SLUG-2" (number 0: none) */
static int make_name(idim *lib, const char *kind, const char *slug, int64_t number, char **out)
{
    if (number > 0)
        return memory_format(lib, out, "%s-%s-%lld", kind, slug, (long long)number);
    return memory_format(lib, out, "%s-%s", kind, slug);
}

/* ---- score against d ------------------------------------------------------------------------- */

static study_point scaled(study_point p, double scale)
{
    p.score *= scale;
    p.low *= scale;
    p.high *= scale;
    return p;
}

static void put_curve(buffer *b, int64_t series, const char *kind, const study_curve *c,
                      double scale)
{
    for (int64_t i = 0; i < c->n; i++) {
        study_point p = scaled(c->point[i], scale);
        put_row(b, series, kind, &p);
    }
}

static void put_means(buffer *b, int64_t series, const study_curve *c, double scale)
{
    for (int64_t i = 0; i < c->n; i++) {
        study_point p = scaled(c->point[i], scale);
        if (p.counts)
            put_row(b, series, "mean", &p);
    }
}

/* low and high of a d90 are along x */
static void put_answer(buffer *b, int64_t series, const char *kind, const study_answer *a,
                       double scale)
{
    study_point p = {.dim = a->d90, .score = a->target * scale, .low = a->low, .high = a->high};
    if (a->status == MEASURE_OK)
        put_row(b, series, kind, &p);
}

static void put_score_data(buffer *b, const study_group *g)
{
    buffer_put(b, "series,kind,x,y,low,high\n");
    for (int64_t i = 0; i < g->n; i++) {
        const study_cell *c = g->cell[i];
        double scale = scale_of(c);
        for (int64_t k = 0; k < c->points.n; k++)
            for (int64_t j = 0; j < c->points.point[k].n_scores; j++) {
                study_point p = {.dim = c->points.point[k].dim,
                                 .score = c->points.point[k].scores[j] * scale,
                                 .low = NAN,
                                 .high = NAN};
                put_row(b, i, c->points.point[k].counts ? "run" : "other rate", &p);
            }
        put_means(b, i, &c->points, scale);
        put_curve(b, i, "fit", &c->fit, scale);
        put_curve(b, i, "linearised", &c->linearised, scale);
        put_answer(b, i, "d90", &c->answer, scale);
        put_answer(b, i, "corrected", &c->corrected, scale);
    }
}

static void put_level(buffer *b, const study_cell *c, double y, const char *word, const char *style)
{
    if (!isfinite(y))
        return;
    buffer_put(b, ", \\\n  ");
    csv_number(b, y * scale_of(c), ' ');
    buffer_add(b, "with lines linecolor '#444444' %s title '%s ", style, word);
    words_score(b, c->metric, y);
    buffer_put(b, "'");
}

static void put_levels(buffer *b, const study_cell *c)
{
    put_level(b, c, c->full.score, "full fine-tuning", "linewidth 1.5");
    put_level(b, c, c->answer.target, "target", "linewidth 1.5 dashtype 2");
    put_level(b, c, c->corrected.target, "corrected target", "dashtype 3");
    put_level(b, c, c->bias.score, "biases alone", "dashtype 4");
    put_level(b, c, c->head.score, "classifier alone", "dashtype '-'");
    put_level(b, c, c->majority, "majority class", "linewidth 0.7");
}

/* `data skip 1 using ... with STYLE` for the columns "3456" of a kind's rows */
static void put_plot(buffer *b, int64_t series, const char *kind, const char *columns,
                     const char *style)
{
    buffer_put(b, "data skip 1 using");
    for (const char *at = columns; *at != '\0'; at++)
        buffer_add(b, "%s(pick(%lld,'%s',%c))", at == columns ? " " : ":", (long long)series, kind,
                   *at);
    buffer_add(b, " with %s linecolor rgb c%lld", style, (long long)series);
}

static void put_series(buffer *b, const study_group *g, int64_t i)
{
    static const struct {
        const char *kind, *columns, *style;
    } rest[] = {
        {"linearised", "34", "lines dashtype 3"},
        {"run", "34", "points pointtype 6 pointsize 0.5"},
        {"other rate", "34", "points pointtype 1 pointsize 0.4"},
        {"mean", "3456", "yerrorbars pointtype 7 pointsize 0.8"},
        {"d90", "3456", "xerrorbars pointtype 9 pointsize 1.2 linewidth 2"},
        {"corrected", "3456", "xerrorbars pointtype 8 pointsize 1.2"},
    };
    buffer_put(b, i > 0 ? ", \\\n  " : "plot ");
    put_plot(b, i, "fit", "356", "filledcurves fillstyle transparent solid 0.15 noborder");
    buffer_put(b, " notitle, \\\n  ");
    put_plot(b, i, "fit", "34", "lines linewidth 2");
    buffer_put(b, " title '");
    put_quoted(b, g->cell[i]->method);
    if (g->cell[i]->answer.status == MEASURE_OK) {
        buffer_put(b, ": d90 ");
        words_d90(b, &g->cell[i]->answer);
    }
    buffer_put(b, "'");
    for (size_t k = 0; k < sizeof rest / sizeof rest[0]; k++) {
        buffer_put(b, ", \\\n  ");
        put_plot(b, i, rest[k].kind, rest[k].columns, rest[k].style);
        buffer_put(b, " notitle");
    }
}

static int write_score(const study *s, const study_group *g, const char *folder, buffer *names)
{
    buffer data = {.lib = s->lib}, script = {.lib = s->lib};
    char *name;
    if (!has_score(g))
        return 0;
    TRY(make_name(s->lib, "score", g->slug, 0, &name));
    put_score_data(&data, g);
    put_script_head(&script, name);
    put_title(&script, g->cell[0], "");
    put_y_name(&script, g->cell[0]);
    buffer_put(&script, "set xlabel 'd, the numbers trained'\nset logscale x\n");
    put_colours(&script, g);
    for (int64_t i = 0; i < g->n; i++)
        put_series(&script, g, i);
    put_levels(&script, g->cell[0]);
    buffer_put(&script, "\n");
    int status = write_pair(&data, &script, folder, name, names);
    memory_free(s->lib, name);
    return status;
}

/* ---- training curves ------------------------------------------------------------------------- */

/* the averaged loss of the runs; false where none has a log */
static bool put_loss(buffer *b, const char *kind, const study_names *names)
{
    double bin[TRAINING_BINS], steps;
    bool any = false;
    training_bins(names->run, names->n, TRAINING_BINS, bin, &steps);
    for (int64_t k = 0; k < TRAINING_BINS; k++) {
        study_point p = {.dim = ((double)k + 0.5) / TRAINING_BINS * steps,
                         .score = bin[k],
                         .low = NAN,
                         .high = NAN};
        if (!isfinite(bin[k]))
            continue;
        put_row(b, 0, kind, &p);
        any = true;
    }
    return any;
}

static void put_loss_line(buffer *b, const char *kind, const char *colour, bool first)
{
    buffer_add(b,
               "%sdata skip 1 using (pick(0,'%s',3)):(pick(0,'%s',4)) with lines linewidth 2 "
               "linecolor '%s' title '%s'",
               first ? "plot " : ", \\\n  ", kind, kind, colour, kind);
}

static int write_training(const study *s, const study_group *g, int64_t i, const char *folder,
                          buffer *names)
{
    const study_cell *c = g->cell[i];
    buffer data = {.lib = s->lib}, script = {.lib = s->lib};
    char *name;
    bool first = true;
    if (!has_training(c))
        return 0;
    TRY(make_name(s->lib, "training", g->slug, i + 1, &name));
    put_script_head(&script, name);
    put_title(&script, c, "Training, ");
    buffer_put(&script, "set xlabel 'training step'\nset ylabel 'training loss'\n");
    buffer_put(&data, "series,kind,x,y,low,high\n");
    if (put_loss(&data, "full", &c->full.names)) {
        put_loss_line(&script, "full", "#000000", first);
        first = false;
    }
    for (int64_t k = 0; k < c->points.n; k++) {
        buffer kind = {.lib = s->lib};
        buffer_add(&kind, "d %lld", (long long)c->points.point[k].dim);
        int64_t shade = c->points.n > 1 ? k * (N_COLOURS - 1) / (c->points.n - 1) : 0;
        if (kind.status == 0 && put_loss(&data, kind.bytes, &c->points.point[k].names)) {
            put_loss_line(&script, kind.bytes, ramp_colours[shade], first);
            first = false;
        }
        data.status = data.status != 0 ? data.status : kind.status;
        buffer_free(&kind);
    }
    buffer_put(&script, "\n");
    int status = write_pair(&data, &script, folder, name, names);
    memory_free(s->lib, name);
    return status;
}

/* ---- bytes and bounds ------------------------------------------------------------------------ */

/* x and y of a run in a figure; x is NAN where it has no place there */
typedef study_point place_of(const study_run *r, double scale);

static study_point place_of_bytes(const study_run *r, double scale)
{
    bool shown = r->bytes > 0 && isfinite(r->score);
    return (study_point){.dim = shown ? (double)r->bytes : (double)NAN,
                         .score = r->score * scale,
                         .low = NAN,
                         .high = NAN};
}

static study_point place_of_bound(const study_run *r, double scale)
{
    (void)scale;
    bool shown = isfinite(r->bound) && isfinite(r->held_error);
    return (study_point){.dim = shown ? 100 * r->held_error : (double)NAN,
                         .score = 100 * r->bound,
                         .low = NAN,
                         .high = NAN};
}

static bool put_places(buffer *b, const study_group *g, place_of *where)
{
    bool any = false;
    buffer_put(b, "series,kind,x,y,low,high\n");
    for (int64_t i = 0; i < g->n; i++)
        for (int64_t k = 0; k < g->cell[i]->points.n; k++) {
            const study_names *names = counted_names(&g->cell[i]->points.point[k]);
            for (int64_t j = 0; j < names->n; j++) {
                const study_run *r = names->run[j];
                study_point p = {.dim = NAN};
                if (r != NULL)
                    p = where(r, scale_of(g->cell[i]));
                if (!isfinite(p.dim))
                    continue;
                put_row(b, i, "run", &p);
                any = true;
            }
        }
    return any;
}

static void put_places_script(buffer *script, const study_group *g, bool bounds)
{
    put_title(script, g->cell[0], bounds ? "Bound, " : "Size of the adapter, ");
    if (bounds) {
        buffer_put(script, "set ylabel 'bound on the error, %'\nset xlabel 'held-out error, %'\n");
    } else {
        put_y_name(script, g->cell[0]);
        buffer_put(script, "set xlabel 'bytes of the adapter'\nset logscale x\n");
    }
    put_colours(script, g);
    for (int64_t i = 0; i < g->n; i++) {
        buffer_put(script, i > 0 ? ", \\\n  " : "plot ");
        put_plot(script, i, "run", "34", "points pointtype 7");
        buffer_put(script, " title '");
        put_quoted(script, g->cell[i]->method);
        buffer_put(script, "'");
    }
    if (bounds) {
        buffer_put(script, ", \\\n  x with lines linecolor '#444444' dashtype 2 title 'error'");
    } else {
        put_level(script, g->cell[0], group_full(g), "full fine-tuning", "linewidth 1.5");
        put_level(script, g->cell[0], group_target(g), "target", "dashtype 2");
    }
    buffer_put(script, "\n");
}

static int write_places(const study *s, const study_group *g, bool bounds, const char *folder,
                        buffer *names)
{
    buffer data = {.lib = s->lib}, script = {.lib = s->lib};
    char *name;
    bool any = put_places(&data, g, bounds ? place_of_bound : place_of_bytes);
    int status = any ? make_name(s->lib, bounds ? "bound" : "bytes", g->slug, 0, &name) : 0;
    if (!any || status != 0) {
        buffer_free(&data);
        return status;
    }
    put_script_head(&script, name);
    put_places_script(&script, g, bounds);
    status = write_pair(&data, &script, folder, name, names);
    memory_free(s->lib, name);
    return status;
}

/* ---- over models ----------------------------------------------------------------------------- */

int export_scatter(const scatter_file *f, buffer *data, const char *folder, buffer *names)
{
    buffer script = {.lib = data->lib}, name = {.lib = data->lib};
    buffer_add(&name, "%s-%lld", f->kind, (long long)f->number);
    if (name.status != 0) {
        int status = name.status;
        buffer_free(data);
        buffer_free(&name);
        return status;
    }
    put_script_head(&script, name.bytes);
    buffer_put(&script, "set title '");
    put_quoted(&script, f->title);
    buffer_add(&script,
               "'\nset xlabel '%s'\nset ylabel '%s'\nunset key\n%s%sset offsets graph "
               "0.1, graph 0.25, graph 0.1, graph 0.1\n",
               f->x_name, f->y_name, f->x_log ? "set logscale x\n" : "",
               f->y_log ? "set logscale y\n" : "");
    buffer_add(&script, "c0 = '%s'\nplot ", series_colours[0]);
    put_plot(&script, 0, "model", "3456",
             f->across ? "xerrorbars pointtype 7" : "yerrorbars pointtype 7");
    if (f->joined) {
        buffer_put(&script, ", \\\n  ");
        put_plot(&script, 0, "model", "34", "lines");
    }
    buffer_put(&script, ", \\\n  data skip 1 using 3:4:7 with labels left offset 1,0.6\n");
    int status = write_pair(data, &script, folder, name.bytes, names);
    buffer_free(&name);
    return status;
}

int export_figures(const study *s, const study_group *groups, int64_t n, const char *folder,
                   buffer *names)
{
    for (int64_t g = 0; g < n; g++) {
        TRY(write_score(s, &groups[g], folder, names));
        for (int64_t i = 0; i < groups[g].n; i++)
            TRY(write_training(s, &groups[g], i, folder, names));
        TRY(write_places(s, &groups[g], false, folder, names));
        TRY(write_places(s, &groups[g], true, folder, names));
    }
    return 0;
}
