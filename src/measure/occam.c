/* kl^-1 by halving: kl(q || p) grows from 0 at p = q without end as p goes to 1.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/occam.h"

#include <math.h>

/* of kl's two terms, each a few roundings of numbers of size q ln(q / p) */
static const double ROUNDING = 1e-12;

/* x ln(x / y), 0 for x = 0 */
static double term(double x, double y)
{
    return x > 0 ? x * log(x / y) : 0;
}

double coin_divergence(double q, double p)
{
    return term(q, p) + term(1 - q, 1 - p);
}

double coin_divergence_inverse(double q, double epsilon)
{
    double low = q, high = 1;
    for (int i = 0; i < 200 && nextafter(low, 1) < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle >= 1 || middle <= low)
            break;
        if (coin_divergence(q, middle) <= epsilon + ROUNDING)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double occam_bound(int64_t errors, int64_t n, double bits, double delta)
{
    double rows = (double)n;
    return coin_divergence_inverse((double)errors / rows, (bits * log(2) - log(delta)) / rows);
}

double occam_bits_below(int64_t errors, int64_t n, double delta, double target)
{
    double q = (double)errors / (double)n;
    if (!(target > q))
        return -1;
    double nats = target >= 1 ? INFINITY : (double)n * coin_divergence(q, target);
    return floor((nats + log(delta)) / log(2));
}
