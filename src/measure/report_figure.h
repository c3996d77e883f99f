/* What every SVG figure is drawn with: axes, a frame, and labels that keep out of each other's way.
 *
 * Coordinates are SVG user units, one pixel at the width the figure is made for: WIDE for a desk
 * and for print, NARROW for a phone. Colours, line styles and fonts are CSS classes of the page
 * (report_style.c): s0, s1, ... are the series.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_FIGURE_H
#define IDIM_MEASURE_REPORT_FIGURE_H

#include "base/buffer.h"

enum { FIGURE_WIDE = 880, FIGURE_NARROW = 350, MOST_TICKS = 64 };

typedef struct axis {
    double low, high; /* values; above 0 where it is logarithmic */
    double from, to;  /* their places                            */
    bool log;
} axis;

double axis_at(const axis *a, double value);

/* Round values inside the axis, rising, about `wanted` of them; on a logarithmic axis powers of
 * ten, with more between them where these are few. */
int64_t axis_ticks(const axis *a, int64_t wanted, double tick[MOST_TICKS]);

/* Widens [low, high] to take in the value; NAN is passed over. Begin with low > high. */
void range_take(double *low, double *high, double value);

/* Moves at[0 .. n), which rises, apart until neighbours are `gap` apart, as little as possible
 * (least squares), and keeps all within [low, high] where there is room. */
void labels_spread(double *at, int64_t n, double gap, double low, double high);

typedef struct frame {
    buffer *b;
    double width, height;
    double left, right, top, bottom; /* the plot inside */
    axis x, y;
    double y_scale; /* tick values are times this: 100 for percent */
    bool narrow;
} frame;

/* <svg> with its title and description (plain text) for those who cannot see it. */
void frame_begin(const frame *f, const char *title, const char *description);
void frame_end(const frame *f);

/* Grid, ticks and names of the axes (plain text). */
void frame_axes(const frame *f, const char *x_name, const char *y_name);
void frame_axis_x(const frame *f, const char *name);

/* What is drawn between the two is cut at the edges of the plot. */
void frame_clip(const frame *f);
void frame_unclip(const frame *f);

/* Text at a place, escaped; the class may hold an anchor: "end", "middle". */
void frame_text(const frame *f, const char *class, double x, double y, const char *text);

/* "10", "2.5k", "100k", "3M": a count in few letters */
void figure_count(buffer *b, double value);

/* Text for HTML and for attributes in either kind of quotes; control characters but for
 * the ends of lines become blanks. */
void html_text(buffer *b, const char *text);

/* At most `most` letters, an ellipsis for the rest; escaped. */
void html_short(buffer *b, const char *text, int64_t most);

#endif
