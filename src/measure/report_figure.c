/* Axes, frames and labels.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_figure.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------ */

/* a control character; the ends of lines stay */
static bool is_blank(char letter)
{
    return ((unsigned char)letter < ' ' && letter != '\n') || letter == 127;
}

static void html_bytes(buffer *b, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '&':
            buffer_put(b, "&amp;");
            break;
        case '<':
            buffer_put(b, "&lt;");
            break;
        case '>':
            buffer_put(b, "&gt;");
            break;
        case '"':
            buffer_put(b, "&quot;");
            break;
        case '\'':
            buffer_put(b, "&#39;");
            break;
        default:
            buffer_bytes(b, is_blank(text[i]) ? " " : &text[i], 1);
            break;
        }
    }
}

void html_text(buffer *b, const char *text)
{
    html_bytes(b, text, strlen(text));
}

void html_short(buffer *b, const char *text, int64_t most)
{
    size_t at = 0;
    for (int64_t letters = 0; text[at] != '\0'; letters++) {
        if (letters == most) {
            html_bytes(b, text, at);
            buffer_put(b, "&hellip;");
            return;
        }
        do /* the continuation bytes of a letter stay with it */
            at++;
        while (((unsigned char)text[at] & 0xC0) == 0x80);
    }
    html_text(b, text);
}

void figure_count(buffer *b, double value)
{
    static const struct {
        double unit;
        const char *letter;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    double unit = 1;
    const char *letter = "";
    for (size_t i = sizeof units / sizeof units[0]; i-- > 0;)
        if (fabs(value) >= units[i].unit) {
            unit = units[i].unit;
            letter = units[i].letter;
        }
    int64_t before = b->n;
    buffer_fixed(b, value / unit, 3);
    while (b->n > before && b->bytes[b->n - 1] == '0')
        b->n--;
    if (b->n > before && b->bytes[b->n - 1] == '.')
        b->n--;
    buffer_put(b, letter);
}

/* ---- axes ------------------------------------------------------------------------------------ */

double axis_at(const axis *a, double value)
{
    double share = a->log ? log(value / a->low) / log(a->high / a->low)
                          : (value - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

void range_take(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = value < *low ? value : *low;
    *high = value > *high ? value : *high;
}

static int64_t linear_ticks(const axis *a, int64_t wanted, double tick[MOST_TICKS])
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double rough = (a->high - a->low) / (double)wanted;
    double unit = pow(10, floor(log10(rough))), step = 10 * unit;
    for (size_t i = sizeof steps / sizeof steps[0]; i-- > 0;)
        if (steps[i] * unit >= rough)
            step = steps[i] * unit;
    int64_t n = 0;
    double first = ceil(a->low / step - 1e-9);
    for (double k = first; k * step <= a->high + 1e-9 * step && n < MOST_TICKS; k++)
        tick[n++] = k * step;
    return n;
}

/* 10^k times each of the leading digits */
static int64_t decade_ticks(const axis *a, const double *digit, int64_t n_digits,
                            double tick[MOST_TICKS])
{
    int64_t n = 0;
    for (double k = floor(log10(a->low)); k <= log10(a->high) + 1e-9; k++)
        for (int64_t i = 0; i < n_digits; i++) {
            double value = digit[i] * pow(10, k);
            if (value >= a->low * (1 - 1e-9) && value <= a->high * (1 + 1e-9) && n < MOST_TICKS)
                tick[n++] = value;
        }
    return n;
}

int64_t axis_ticks(const axis *a, int64_t wanted, double tick[MOST_TICKS])
{
    static const double digits[] = {1, 3};
    static const double three[] = {1, 2, 5}, all[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    if (!a->log || a->high / a->low < 1.5)
        return linear_ticks(a, wanted, tick);
    int64_t n = decade_ticks(a, digits, 1, tick);
    if (n < 4)
        n = decade_ticks(a, digits, 2, tick);
    if (n < 3)
        n = decade_ticks(a, three, 3, tick);
    if (n < 2)
        n = decade_ticks(a, all, 9, tick);
    return n;
}

/* ---- labels ---------------------------------------------------------------------------------- */

void labels_spread(double *at, int64_t n, double gap, double low, double high)
{
    enum { MOST = 64 };
    double sum[MOST];
    int64_t size[MOST], blocks = 0;
    assert(n <= MOST);
    /* at[i] - i gap must rise: pool neighbours that do not */
    for (int64_t i = 0; i < n; i++) {
        sum[blocks] = at[i] - (double)i * gap;
        size[blocks++] = 1;
        while (blocks > 1 && sum[blocks - 2] / (double)size[blocks - 2] >=
                                 sum[blocks - 1] / (double)size[blocks - 1]) {
            sum[blocks - 2] += sum[blocks - 1];
            size[blocks - 2] += size[blocks - 1];
            blocks--;
        }
    }
    double top = high - (double)(n - 1) * gap;
    int64_t i = 0;
    for (int64_t k = 0; k < blocks; k++) {
        double mean = sum[k] / (double)size[k];
        mean = mean > top ? top : mean;
        mean = mean < low ? low : mean;
        for (int64_t j = 0; j < size[k]; j++, i++)
            at[i] = mean + (double)i * gap;
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

void frame_begin(const frame *f, const char *title, const char *description)
{
    BUFFER_DRAW(f->b, "<svg viewBox='0 0 ~ ~' class='", f->width, f->height);
    buffer_add(f->b, "%s' role='img'><title>", f->narrow ? "narrow" : "wide");
    html_text(f->b, title);
    buffer_put(f->b, "</title><desc>");
    html_text(f->b, description);
    buffer_put(f->b, "</desc>\n");
}

void frame_clip(const frame *f)
{
    double width = f->right - f->left, top = f->top - 6, height = f->y.from - top;
    BUFFER_DRAW(f->b, "<svg x='~' y='~' width='~' height='~' viewBox='~ ~ ~ ~'>\n", f->left, top,
                width, height, f->left, top, width, height);
}

void frame_unclip(const frame *f)
{
    buffer_put(f->b, "</svg>\n");
}

void frame_end(const frame *f)
{
    buffer_put(f->b, "</svg>\n");
}

void frame_text(const frame *f, const char *class, double x, double y, const char *text)
{
    buffer_add(f->b, "<text class='%s'", class);
    BUFFER_DRAW(f->b, " x='~' y='~'>", x, y);
    html_text(f->b, text);
    buffer_put(f->b, "</text>\n");
}

static void draw_ticks_x(const frame *f)
{
    double tick[MOST_TICKS], minor[MOST_TICKS];
    static const double all[] = {2, 3, 4, 5, 6, 7, 8, 9};
    int64_t n = axis_ticks(&f->x, f->narrow ? 4 : 7, tick);
    for (int64_t i = 0; i < n; i++) {
        double x = axis_at(&f->x, tick[i]);
        BUFFER_DRAW(f->b, "<path class='grid' d='M~ ~V~'/>", x, f->top, f->bottom);
        BUFFER_DRAW(f->b, "<text class='tick middle' x='~' y='~'>", x, f->bottom + 17);
        figure_count(f->b, tick[i]);
        buffer_put(f->b, "</text>\n");
    }
    n = f->x.log ? decade_ticks(&f->x, all, 8, minor) : 0;
    for (int64_t i = 0; i < n; i++)
        BUFFER_DRAW(f->b, "<path class='axis' d='M~ ~v-4'/>", axis_at(&f->x, minor[i]), f->bottom);
}

static void draw_ticks_y(const frame *f)
{
    double tick[MOST_TICKS];
    axis scaled = f->y;
    scaled.low *= f->y_scale;
    scaled.high *= f->y_scale;
    int64_t n = axis_ticks(&scaled, 6, tick);
    for (int64_t i = 0; i < n; i++) {
        double y = axis_at(&scaled, tick[i]);
        BUFFER_DRAW(f->b, "<path class='grid' d='M~ ~H~'/>", f->left, y, f->right);
        BUFFER_DRAW(f->b, "<text class='tick end' x='~' y='~'>", f->left - 7, y + 4);
        figure_count(f->b, tick[i]);
        buffer_put(f->b, "</text>\n");
    }
}

void frame_axis_x(const frame *f, const char *name)
{
    draw_ticks_x(f);
    BUFFER_DRAW(f->b, "<path class='axis' d='M~ ~H~'/>\n", f->left, f->bottom, f->right);
    frame_text(f, "name middle", (f->left + f->right) / 2, f->bottom + 36, name);
}

void frame_axes(const frame *f, const char *x_name, const char *y_name)
{
    draw_ticks_y(f);
    frame_axis_x(f, x_name);
    frame_text(f, "name", 2, f->top - 12, y_name);
}
