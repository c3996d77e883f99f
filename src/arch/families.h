/* The families there are, one file each.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_ARCH_FAMILIES_H
#define IDIM_ARCH_FAMILIES_H

#include "arch/arch.h"

extern const arch arch_albert;
extern const arch arch_bart;
extern const arch arch_bert;
extern const arch arch_deberta_v2;
extern const arch arch_distilbert;
extern const arch arch_electra;
extern const arch arch_gpt2;
extern const arch arch_llama;
extern const arch arch_mistral;
extern const arch arch_mpnet;
extern const arch arch_opt;
extern const arch arch_qwen2;
extern const arch arch_qwen3;
extern const arch arch_roberta;
extern const arch arch_t5;
extern const arch arch_xlm_roberta;
extern const arch arch_xlnet;

#endif
