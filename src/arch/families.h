/* The families there are, one file each.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_ARCH_FAMILIES_H
#define IDIM_ARCH_FAMILIES_H

#include "arch/arch.h"

extern const arch arch_albert, arch_bert, arch_distilbert, arch_electra, arch_roberta,
    arch_xlm_roberta;

#endif
