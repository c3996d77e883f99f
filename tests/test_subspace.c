/* The subspace in float.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace_cases.h"

int main(void)
{
    const struct CMUnitTest tests[] = {SUBSPACE_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
