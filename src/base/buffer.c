/* Texts that grow by doubling.
 *
 * SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024, MOST_DECIMALS = 9 };

void buffer_free(buffer *b)
{
    memory_free(b->lib, b->bytes);
    *b = (buffer){.lib = b->lib};
}

/* room for n more bytes and the zero after them */
static bool reserve(buffer *b, int64_t n)
{
    int64_t need = 0;
    if (b->status == 0 && __builtin_add_overflow(b->n + 1, n, &need))
        b->status = fail_memory(b->lib, INT64_MAX, "text");
    if (b->status != 0)
        return false;
    if (need <= b->room)
        return true;
    int64_t room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room;
    while (room < need)
        room = room > INT64_MAX / 2 ? need : 2 * room;
    b->status = memory_resize(b->lib, room, 1, "text", (void **)&b->bytes);
    if (b->status == 0)
        b->room = room;
    return b->status == 0;
}

void buffer_bytes(buffer *b, const char *bytes, int64_t n)
{
    if (!reserve(b, n))
        return;
    memcpy(b->bytes + b->n, bytes, (size_t)n);
    b->n += n;
    b->bytes[b->n] = '\0';
}

void buffer_put(buffer *b, const char *text)
{
    buffer_bytes(b, text, (int64_t)strlen(text));
}

void buffer_add(buffer *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    if (reserve(b, length)) {
        vsnprintf(b->bytes + b->n, (size_t)length + 1, format, again);
        b->n += length;
    }
    va_end(again);
}

/* beyond a thousand million: digits and an exponent, all from integers */
static void add_large(buffer *b, double value)
{
    int exponent = (int)floor(log10(fabs(value)));
    double leading = value / pow(10, exponent);
    buffer_fixed(b, leading, 3);
    buffer_add(b, "e%d", exponent);
}

void buffer_fixed(buffer *b, double value, int decimals)
{
    assert(decimals >= 0 && decimals <= MOST_DECIMALS);
    if (!isfinite(value)) {
        buffer_put(b, "nan");
        return;
    }
    if (fabs(value) >= 1e9) {
        add_large(b, value);
        return;
    }
    int64_t scale = 1;
    for (int i = 0; i < decimals; i++)
        scale *= 10;
    long long whole = llround(fabs(value) * (double)scale);
    buffer_add(b, "%s%lld", value < 0 && whole > 0 ? "-" : "", whole / scale);
    if (decimals > 0)
        buffer_add(b, ".%0*lld", decimals, whole % scale);
}

void buffer_draw(buffer *b, const char *form, const double *values, int64_t n)
{
    int64_t used = 0;
    for (const char *at = form; *at != '\0';) {
        size_t plain = strcspn(at, "~");
        buffer_bytes(b, at, (int64_t)plain);
        at += plain;
        if (*at == '\0')
            break;
        assert(used < n);
        double tenths = round(values[used++] * 10);
        buffer_fixed(b, tenths / 10, fmod(tenths, 10) == 0 ? 0 : 1);
        at++;
    }
    assert(used == n);
}

void number_shortest(double number, char text[NUMBER_TEXT])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    if (number == floor(number) && fabs(number) < 1e15)
        snprintf(text, NUMBER_TEXT, "%.0f", number);

    char *comma = strchr(text, localeconv()->decimal_point[0]);
    if (comma != NULL)
        *comma = '.';
}
