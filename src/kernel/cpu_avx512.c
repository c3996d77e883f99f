/* The CPU kernels for AVX-512.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#ifdef KERNELS_X86

#define CPU_NAME  "avx512"
#define CPU_TABLE kernels_avx512
#define CPU_SUPPORTED                                                                              \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&                    \
     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
#define CPU_BF16     &gemm_bf16
#define VECTOR_BYTES 64
#include "kernel/cpu_table.h"

#else
typedef int cpu_avx512_is_not_built;
#endif
