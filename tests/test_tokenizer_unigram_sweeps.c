/* Unigram tokenizers on much text (sweep.h), from SentencePiece's models.
 *
 * SPDX-License-Identifier: MIT */
#include "sweep.h"

static void unigram_tokens_equal_the_reference(void **state)
{
    (void)state;
    check_sweeps("sweeps_unigram.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(unigram_tokens_equal_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
