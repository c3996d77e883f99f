/* Edit distance (Levenshtein) over short words, one row of the table kept.
 *
 * SPDX-License-Identifier: MIT */
#include "base/library.h"

#include <string.h>

enum { NEAREST_LENGTH = 64 };

static int distance(const char *a, const char *b)
{
    int row[NEAREST_LENGTH + 1];
    int n = (int)strnlen(b, NEAREST_LENGTH);
    for (int j = 0; j <= n; j++)
        row[j] = j;

    for (int i = 0; a[i] != '\0' && i < NEAREST_LENGTH; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 1; j <= n; j++) {
            bool same = a[i] == b[j - 1] || (a[i] == '-' && b[j - 1] == '_');
            int replaced = diagonal + !same;
            int shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[n];
}

const char *idim_nearest(const char *word, const char *const *words, int64_t n)
{
    const char *best = NULL;
    int least = 0;
    for (int64_t i = 0; i < n; i++) {
        int d = distance(word, words[i]);
        if (best == NULL || d < least) {
            best = words[i];
            least = d;
        }
    }
    return best;
}
