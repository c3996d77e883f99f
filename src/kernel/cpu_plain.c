/* The CPU kernels for any CPU.
 *
 * SPDX-License-Identifier: MIT */
#define CPU_NAME      "plain"
#define CPU_TABLE     kernels_plain
#define CPU_SUPPORTED true
#define CPU_BF16      NULL
#define VECTOR_BYTES  16
#include "kernel/cpu_table.h"
