/* Ranks and their bootstrap.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/report_rank.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"

enum { RESAMPLES = 2000, SEED = 1, NORMALS = 64 };

/* ---- the correlation ------------------------------------------------------------------------- */

/* the rank of v[i]: how many are smaller, and half of those alike */
static void rank(const double *v, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t below = 0, alike = 0;
        for (int64_t k = 0; k < n; k++) {
            below += v[k] < v[i];
            alike += v[k] == v[i];
        }
        out[i] = (double)below + ((double)alike + 1) / 2;
    }
}

/* work: [2 n] */
static double spearman(const double *x, const double *y, int64_t n, double *work)
{
    double *a = work, *b = work + n, mean = ((double)n + 1) / 2;
    double aa = 0, bb = 0, ab = 0;
    rank(x, n, a);
    rank(y, n, b);
    for (int64_t i = 0; i < n; i++) {
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
        ab += (a[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
}

/* ---- the bootstrap --------------------------------------------------------------------------- */

/* about normal with variance 1: one of 64 equally likely quantiles */
static double normal(uint32_t word)
{
    double value = (double)random_half_normal[word % (NORMALS / 2)];
    value /= sqrt(random_half_normal_moment);
    return word / (NORMALS / 2) % 2 == 0 ? value : -value;
}

/* x and y of resample `number` */
static void resample(const rank_sample *sample, int64_t n, int64_t number, double *x, double *y)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        random_words(SEED, STREAM_RESAMPLE, (uint64_t)number, (uint32_t)i, words);
        const rank_sample *s = &sample[(int64_t)(((uint64_t)words[0] * (uint64_t)n) >> 32)];
        x[i] = s->x + s->x_error * normal(words[1]);
        y[i] = s->y + s->y_error * normal(words[2]);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int rank_correlation(idim *lib, const rank_sample *sample, int64_t n, rank_result *out)
{
    double *work;
    *out = (rank_result){NAN, NAN, NAN};
    TRY(NEW(lib, double, 4 * n + RESAMPLES, "rank correlation", &work));
    double *x = work, *y = work + n, *ranks = work + 2 * n, *found = work + 4 * n;
    for (int64_t i = 0; i < n; i++) {
        x[i] = sample[i].x;
        y[i] = sample[i].y;
    }
    out->rho = spearman(x, y, n, ranks);

    int64_t kept = 0;
    for (int64_t number = 0; number < 2 * RESAMPLES && kept < RESAMPLES; number++) {
        resample(sample, n, number, x, y);
        double rho = spearman(x, y, n, ranks);
        if (isfinite(rho))
            found[kept++] = rho;
    }
    if (kept > 0 && isfinite(out->rho)) {
        qsort(found, (size_t)kept, sizeof *found, compare);
        out->low = found[(int64_t)(0.025 * (double)(kept - 1))];
        out->high = found[(int64_t)ceil(0.975 * (double)(kept - 1))];
    }
    memory_free(lib, work);
    return 0;
}
