/* Choosing codebooks. The lambdas are few and get a fixed step; z (or what is direct) the finest
 * that keeps the limits, found by halving: a coarser step makes a shorter file, but for bits of
 * noise, and the step that is taken has been tried.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/adapter.h"

#include <math.h>

static const double LAMBDA_STEP = 1.0 / 32;
static const double FINEST = 1.0 / 1024; /* of the root mean square: finer changes no score */
static const double COARSEST = 16;       /* nothing is left but zeros */

static double root_mean_square(const real *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

/* the shift with which the values lie nearest to x */
static int32_t best_shift(const codebook *like, const real *x, int64_t n)
{
    double step = codebook_step(like), sum = 0, count = 0;
    for (int64_t i = 0; i < n; i++) {
        double q = fabs((double)codebook_index(like, 0, (double)x[i]));
        if (q > 0) {
            sum += q - fabs((double)x[i]) / step;
            count++;
        }
    }
    double shift = count > 0 ? nearbyint(32 * sum / count) : 0;
    return shift < 0 ? 0 : shift > SHIFT_CODES - 1 ? SHIFT_CODES - 1 : (int32_t)shift;
}

static bool fits(const adapter *a, const adapter_limits *limits, int64_t n)
{
    adapter_size size = adapter_coded_size(a);
    return (limits->bytes == 0 || size.file <= limits->bytes) &&
           (!(limits->bits > 0) || (double)size.main * 8 <= limits->bits * (double)n + 8);
}

int adapter_fit(idim *lib, adapter *a, const adapter_limits *limits)
{
    int64_t total = a->len_z + a->n_lambda + a->n_direct;
    for (int64_t i = 0; i < total; i++)
        if (!isfinite((double)a->x[i]))
            return fail(lib, IDIM_ENOTFINITE, "adapter: number %lld is not finite", (long long)i);

    int part = a->len_z > 0 ? PART_Z : PART_DIRECT;
    int64_t n = part == PART_Z ? a->len_z : a->n_direct;
    const real *x = part == PART_Z ? a->x : a->x + a->len_z + a->n_lambda;
    double rms = root_mean_square(x, n);
    a->coded = true;
    a->book[PART_LAMBDA].step = codebook_code(LAMBDA_STEP);
    int32_t low = codebook_code(rms * FINEST) - 1, high = codebook_code(rms * COARSEST) + 1;
    while (high - low > 1) {
        codebook *book = &a->book[part];
        book->step = (low + high) / 2;
        book->shift = best_shift(book, x, n);
        if (fits(a, limits, n))
            high = book->step;
        else
            low = book->step;
    }
    a->book[part].step = high < STEP_CODES ? high : STEP_CODES - 1;
    a->book[part].shift = best_shift(&a->book[part], x, n);
    if (fits(a, limits, n))
        return 0;
    return fail(lib, IDIM_EARGUMENT,
                "adapter: expected room for at least %lld bytes, found a limit of %lld bytes and "
                "%g bits a number: the names and %lld learned scales need them",
                (long long)adapter_coded_size(a).file, (long long)limits->bytes, limits->bits,
                (long long)a->n_lambda);
}
