/* Four letters are three bytes.
 *
 * SPDX-License-Identifier: MIT */
#include "text/base64.h"

#include <string.h>

static int value_of(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    return found != NULL ? (int)(found - letters) : -1;
}

static bool decode(const char *text, int64_t length, uint8_t *out)
{
    for (int64_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;
        int padding = 0;
        for (int k = 0; k < 4; k++) {
            bool pad = text[i + k] == '=' && i + 4 == length && k > 1;
            int value = pad ? 0 : value_of(text[i + k]);
            if (value < 0 || (padding > 0 && !pad))
                return false;
            padding += pad;
            bits = bits << 6 | (uint32_t)value;
        }
        for (int k = 0; k < 3 - padding; k++)
            *out++ = (uint8_t)(bits >> (16 - 8 * k));
        if ((bits & ((1u << 8 * padding) - 1)) != 0)
            return false;
    }
    return true;
}

int base64_read(const json_place *at, uint8_t **out, int64_t *n)
{
    const char *text;
    *out = NULL;
    TRY(json_want_text(at, &text));
    int64_t length = (int64_t)strlen(text);
    TRY(NEW(at->lib, uint8_t, length / 4 * 3, "base64", out));
    if (length % 4 != 0 || !decode(text, length, *out)) {
        memory_free(at->lib, *out);
        *out = NULL;
        return json_fail(at, IDIM_EFORMAT, "expected base64, found other letters");
    }
    *n = length / 4 * 3;
    for (int64_t i = length; i > 0 && text[i - 1] == '='; i--)
        --*n;
    return 0;
}
