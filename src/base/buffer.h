/* A text that grows: pages, tables and scripts are written into one and then to a file.
 *
 *     buffer b = {.lib = lib};
 *     buffer_add(&b, "<p>%s</p>", text);
 *     status = b.status != 0 ? b.status : file_write(lib, path, b.bytes, b.n);
 *     buffer_free(&b);
 *
 * Adding cannot be refused at the place: the first failure is kept in `status`, what is added later
 * is dropped, and whoever uses the bytes looks at it once. Numbers are written the same in every
 * locale.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_BASE_BUFFER_H
#define IDIM_BASE_BUFFER_H

#include "base/library.h"

typedef struct buffer {
    idim *lib;
    char *bytes; /* [n], a zero byte after them; NULL while empty */
    int64_t n, room;
    int status;
} buffer;

void buffer_free(buffer *b);

void buffer_bytes(buffer *b, const char *bytes, int64_t n);
void buffer_put(buffer *b, const char *text);

/* printf without floating point, whose decimal point depends on the locale. */
void buffer_add(buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* The number with that many decimals (0 to 9), halves away from zero; "-0" is written "0". Beyond
 * 1e9 in size with an exponent; what is not finite as "nan". */
void buffer_fixed(buffer *b, double value, int decimals);

/* The form with every `~` replaced by the next of the values, with one decimal at most:
 *
 *     BUFFER_DRAW(b, "<line x1='~' y1='~'/>", x, y);
 */
#define BUFFER_DRAW(b, form, ...)                                                                  \
    buffer_draw((b), (form), (const double[]){__VA_ARGS__},                                        \
                (int64_t)(sizeof(double[]){__VA_ARGS__} / sizeof(double)))
void buffer_draw(buffer *b, const char *form, const double *values, int64_t n);

/* The shortest decimal form that reads back as the same finite double, in any locale. */
enum { NUMBER_TEXT = 32 };
void number_shortest(double value, char text[NUMBER_TEXT]);

#endif
