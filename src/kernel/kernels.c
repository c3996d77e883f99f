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

int kernels_check_precision(idim *lib, const kernels *k, precision p)
{
    if (p == PRECISION_FP32 || (k->bf16 != NULL && k->bf16->supported()))
        return 0;
    return fail(
        lib, IDIM_EARGUMENT,
        "precision: bf16 needs a CPU with AVX512-BF16 (avx512_bf16 in /proc/cpuinfo), which "
        "this one lacks: fp32 works everywhere");
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
