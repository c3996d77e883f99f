/* The subspace in double, and its gradient against finite differences.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace_cases.h"

/* L(theta) = <c, theta> + |theta|^2 / 2, whose gradient is c + theta */
static double loss_at(bed *b, const real *x, const real *c)
{
    subspace_push(b->s, x, b->theta);
    return dot(c, b->theta, b->p->size) + dot(b->theta, b->theta, b->p->size) / 2;
}

static void check_differences(const char *name, int64_t dim)
{
    if (dim != 65 && dim != 200)
        return;
    static const char *const groups[] = {"block", "module", "tensor", "none"};
    for (int k = 0; k < 4; k++) {
        idim_subspace_options o = options_of("said", name, dim);
        o.groups = groups[k];
        o.normalize = "tensor";
        bed b = bed_new(2, &o);
        real *c;
        CHECK_OK(b.lib, NEW(b.lib, real, b.p->size, "c", &c));
        toy_fill(5, 5, c, b.p->size);
        loss_at(&b, b.x, c);
        for (int64_t j = 0; j < b.p->size; j++)
            b.g[j] = c[j] + b.theta[j];
        pull_dense(&b, b.x);

        /* the loss has degree two along any one coordinate: central differences are exact but for
         * rounding, eps L / h; L is about 1e4 and the sum of as many terms */
        const double h = 1;
        for (int64_t i = 0; i < b.d; i += i < b.d - 12 ? 37 : 1) {
            real kept = b.x[i];
            b.x[i] = kept + h;
            double above = loss_at(&b, b.x, c);
            b.x[i] = kept - h;
            double below = loss_at(&b, b.x, c);
            b.x[i] = kept;
            double expected = (above - below) / (2 * h);
            if (!(fabs(expected - b.dx[i]) <= 1e-10 * (1 + fabs(expected))))
                fail_msg("%s, d = %lld, groups %s, x[%lld]: %.12g, by differences %.12g", name,
                         (long long)dim, groups[k], (long long)i, b.dx[i], expected);
        }
        memory_free(b.lib, c);
        bed_free(&b);
    }
}

static void gradient_equals_finite_differences(void **state)
{
    (void)state;
    over_projections(check_differences);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUBSPACE_CASES,
                                       cmocka_unit_test(gradient_equals_finite_differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
