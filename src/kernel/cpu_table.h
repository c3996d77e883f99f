/* The CPU's table. Included once by each file of an instruction set, which defines CPU_NAME,
 * CPU_TABLE, CPU_SUPPORTED, CPU_BF16 and VECTOR_BYTES and is compiled with that set's options.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu_elements.h"
#include "kernel/cpu_rows.h"
#include "kernel/cpu_rotary.h"
#include "kernel/cpu_attention.h"
#include "kernel/cpu_pairs.h"
#include "kernel/cpu_vocabulary.h"

static bool supported(void)
{
    return CPU_SUPPORTED;
}

const kernels CPU_TABLE = {
    .name = CPU_NAME,
    .supported = supported,
    .matmul = gemm,
    .bf16 = CPU_BF16,
    .fill = cpu_fill,
    .scale = cpu_scale,
    .read = cpu_read,
    .write = cpu_write,
    .unary = cpu_unary,
    .unary_backward = cpu_unary_backward,
    .multiply = cpu_multiply,
    .copy_block = cpu_copy_block,
    .dropout = cpu_dropout,
    .gather = cpu_gather,
    .gather_sums = cpu_gather_sums,
    .layernorm = cpu_layernorm,
    .layernorm_backward = cpu_layernorm_backward,
    .rmsnorm = cpu_rmsnorm,
    .rmsnorm_backward = cpu_rmsnorm_backward,
    .angles = cpu_angles,
    .rotate = cpu_rotate,
    .column_sums = cpu_column_sums,
    .sum_partials = cpu_sum_partials,
    .next_tokens = cpu_next_tokens,
    .next_tokens_backward = cpu_next_tokens_backward,
    .attention_scratch = cpu_attention_scratch,
    .attention = cpu_attention,
    .attention_backward = cpu_attention_backward,
    .pair_scratch = cpu_pair_scratch,
    .pair_scores = cpu_pair_scores,
    .pair_scores_backward = cpu_pair_scores_backward,
    .pool = cpu_pool,
    .pool_backward = cpu_pool_backward,
    .loss = cpu_loss,
    .loss_backward = cpu_loss_backward,
};
