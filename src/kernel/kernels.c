/* The tables there are, and the best for this CPU.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

static const kernels *const TABLES[] = {
    &kernels_plain,
#ifdef KERNELS_X86
    &kernels_avx2,
    &kernels_avx512,
#endif
};

const kernels *const *kernels_list(int64_t *n)
{
    *n = (int64_t)(sizeof TABLES / sizeof *TABLES);
    return TABLES;
}

const kernels *kernels_best(void)
{
    int64_t n;
    const kernels *const *table = kernels_list(&n);
    const kernels *best = table[0];
    for (int64_t i = 1; i < n; i++)
        if (table[i]->supported())
            best = table[i];
    return best;
}
