/* The CPU kernels for AVX2 and FMA.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#ifdef KERNELS_X86

#define CPU_NAME      "avx2"
#define CPU_TABLE     kernels_avx2
#define CPU_SUPPORTED (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define CPU_BF16      NULL
#define VECTOR_BYTES  32
#include "kernel/cpu_table.h"

#else
typedef int cpu_avx2_is_not_built;
#endif
