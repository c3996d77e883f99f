/* Choosing codebooks. The lambdas are few and get a fixed step; z (or what is direct) the finest
 * that keeps the limits, found by halving: a coarser step makes a shorter file, but for bits of
 * noise, and the step that is taken has been tried. Steps are 4 % apart and more: the room that is
 * left goes to a finer one whose numbers lean to zero just enough, where that comes nearer to x.
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

/* the numbers that are coded, their codebook, and what the file must keep */
typedef struct fitting {
    adapter *a;
    const adapter_limits *limits;
    codebook *book;
    const real *x; /* [n] */
    int64_t n;
} fitting;

static bool try_book(const fitting *f, int32_t step, int32_t lean)
{
    f->book->step = step;
    f->book->lean = lean;
    f->book->shift = best_shift(f->book, f->x, f->n);
    return fits(f->a, f->limits, f->n);
}

static double squared_error(const fitting *f)
{
    double sum = 0;
    for (int64_t i = 0; i < f->n; i++) {
        double x = (double)f->x[i];
        double value = (double)codebook_value(f->book, 0, codebook_index(f->book, 0, x));
        sum += (x - value) * (x - value);
    }
    return sum;
}

/* from the finest step that fits to the best of finer ones that lean */
static void use_the_rest(const fitting *f)
{
    enum { FINER = 3, MOST_LEAN = 8 };
    codebook best = *f->book;
    double least = squared_error(f);
    for (int32_t step = best.step - 1; step >= 0 && step >= best.step - FINER; step--) {
        int32_t low = 0, high = MOST_LEAN + 1; /* low does not fit */
        while (high - low > 1) {
            int32_t lean = (low + high) / 2;
            if (try_book(f, step, lean))
                high = lean;
            else
                low = lean;
        }
        if (high > MOST_LEAN || !try_book(f, step, high))
            continue;
        double error = squared_error(f);
        if (error < least) {
            least = error;
            best = *f->book;
        }
    }
    *f->book = best;
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
    fitting f = {a, limits, &a->book[part], x, n};
    a->coded = true;
    a->book[PART_LAMBDA] = (codebook){.step = codebook_code(LAMBDA_STEP)};
    int32_t finest = codebook_code(rms * FINEST);
    int32_t low = finest - 1, high = codebook_code(rms * COARSEST) + 1;
    while (high - low > 1) {
        int32_t middle = (low + high) / 2;
        if (try_book(&f, middle, 0))
            high = middle;
        else
            low = middle;
    }
    if (try_book(&f, high < STEP_CODES ? high : STEP_CODES - 1, 0)) {
        if (high > finest)
            use_the_rest(&f);
        return 0;
    }
    return fail(lib, IDIM_EARGUMENT,
                "adapter: expected room for at least %lld bytes, found a limit of %lld bytes and "
                "%g bits a number: the names and %lld learned scales need them",
                (long long)adapter_coded_size(a).file, (long long)limits->bytes, limits->bits,
                (long long)a->n_lambda);
}
