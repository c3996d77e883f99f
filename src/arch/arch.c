/* The array of families, and the border every batch passes.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/arch.h"

#include <stdio.h>
#include <string.h>

#include "arch/families.h"

static const arch *const FAMILIES[] = {
    &arch_albert, &arch_bart,    &arch_bert,    &arch_deberta_v2,  &arch_distilbert, &arch_electra,
    &arch_gpt2,   &arch_llama,   &arch_mistral, &arch_mpnet,       &arch_opt,        &arch_qwen2,
    &arch_qwen3,  &arch_roberta, &arch_t5,      &arch_xlm_roberta, &arch_xlnet,
};

enum { N_FAMILIES = sizeof FAMILIES / sizeof *FAMILIES };

const arch *arch_find(const char *model_type)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (strcmp(FAMILIES[i]->model_type, model_type) == 0)
            return FAMILIES[i];
    return NULL;
}

void arch_names(bool language, char *out, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < N_FAMILIES && at < size; i++)
        if (FAMILIES[i]->language || !language)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at > 0 ? ", " : "",
                                   FAMILIES[i]->model_type);
}

static int check_lengths(idim *lib, const arch_config *c, const idim_batch *b)
{
    if (b->n < 1)
        return fail(lib, IDIM_EARGUMENT, "batch: n: expected at least 1 sequence, found %lld",
                    (long long)b->n);
    if (b->start[0] != 0)
        return fail(lib, IDIM_EARGUMENT, "batch: start[0]: expected 0, found %d", b->start[0]);
    for (int64_t i = 0; i < b->n; i++) {
        int64_t length = (int64_t)b->start[i + 1] - b->start[i];
        if (length < 1 || length > c->positions)
            return fail(lib, IDIM_EARGUMENT,
                        "batch: sequence %lld: expected 1 to %lld tokens (the model's positions), "
                        "found %lld",
                        (long long)i, (long long)c->positions, (long long)length);
    }
    return 0;
}

static int check_range(idim *lib, const char *what, const int32_t *value, int64_t n, int64_t limit)
{
    for (int64_t i = 0; i < n; i++)
        if (value[i] < 0 || value[i] >= limit)
            return fail(lib, IDIM_EARGUMENT, "batch: %s[%lld]: expected 0 to %lld, found %d", what,
                        (long long)i, (long long)limit - 1, value[i]);
    return 0;
}

int arch_check_batch(idim *lib, const arch_config *c, const idim_batch *b)
{
    TRY(check_lengths(lib, c, b));
    TRY(check_range(lib, "ids", b->ids, b->start[b->n], c->vocab));
    if (b->segment != NULL && !c->ignores_segments)
        TRY(check_range(lib, "segment", b->segment, b->start[b->n], c->types));
    return 0;
}
