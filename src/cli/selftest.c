/* idim selftest
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static void show_selftest(FILE *out, const json_t *result)
{
    show_json(out, result, 0);
}

static int run_selftest(cli *c)
{
    return cli_print(c, idim_selftest(c->lib), show_selftest);
}

const command command_selftest = {
    .name = "selftest",
    .summary = "checks kernels, adjoints and gradients on this machine; build report",
    .arguments = "",
    .about = "Kernels against their reference, the adjoint of every projection and a gradient "
             "against finite differences, with the processor's features and how idim was built.",
    .examples = "  idim selftest\n"
                "  idim selftest --json\n",
    .run = run_selftest,
};
