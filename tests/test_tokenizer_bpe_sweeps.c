/* Byte-level tokenizers on much text (sweep.h), from vocab.json and merges.txt.
 *
 * SPDX-License-Identifier: MIT */
#include "sweep.h"

static void byte_level_tokens_equal_the_reference(void **state)
{
    (void)state;
    check_sweeps("sweeps_bpe.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(byte_level_tokens_equal_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
