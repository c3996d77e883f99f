/* idim inspect
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static void show_inspection(FILE *out, const json_t *result)
{
    show_json(out, result, 0);
}

static int run_inspect(cli *c)
{
    return cli_print(c, idim_inspect(c->lib, c->spec_text), show_inspection);
}

const command command_inspect = {
    .name = "inspect",
    .summary = "shows a model, a task or an adapter",
    .arguments = "",
    .about = "Of a model its architecture, tensors, D and groups; of a task its counts, balance, "
             "lengths and first examples; of an adapter what is in the file.",
    .examples = "  idim inspect --model M\n"
                "  idim inspect --model M --task mrpc --data glue/MRPC\n"
                "  idim inspect --adapter out/adapter.idim\n",
    .run = run_inspect,
};
