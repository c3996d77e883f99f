/* What a mistyped word was meant to be: a longer one that holds it ("epochs": num_train_epochs),
 * else the one of the least edit distance (Levenshtein, one row of the table kept).
 *
 * SPDX-License-Identifier: MIT */
#include "base/library.h"

#include <string.h>

enum { NEAREST_LENGTH = 64 };

static bool same_letter(char a, char b)
{
    return a == b || (a == '-' && b == '_');
}

static bool holds(const char *longer, const char *word)
{
    for (; *longer != '\0'; longer++) {
        int64_t i = 0;
        while (word[i] != '\0' && same_letter(word[i], longer[i]))
            i++;
        if (word[i] == '\0')
            return true;
    }
    return false;
}

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
            bool same = same_letter(a[i], b[j - 1]);
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
    enum { FEW = 4 }; /* shorter words are in too many others */
    const char *inner = word + strspn(word, "-"), *best = NULL;
    for (int64_t i = 0; i < n && strlen(inner) >= FEW; i++)
        if (holds(words[i], inner))
            return words[i];

    /* half of the letters may be wrong */
    int least = ((int)strnlen(word, NEAREST_LENGTH) + 1) / 2 + 1;
    for (int64_t i = 0; i < n; i++) {
        int d = distance(word, words[i]);
        if (d < least) {
            best = words[i];
            least = d;
        }
    }
    return best;
}
