/* idim merge
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static void show_merge(FILE *out, const json_t *result)
{
    fprintf(out, "%s\n", json_string_value(json_object_get(result, "path")));
}

static int run_merge(cli *c)
{
    return cli_print(c, idim_merge(c->lib, c->spec_text), show_merge);
}

const command command_merge = {
    .name = "merge",
    .summary = "writes a base with an adapter as an ordinary model folder",
    .arguments = "",
    .about = "The folder holds model.safetensors (32-bit floats), config.json with the labels, and "
             "the tokenizer files of the base: what other programs load as a sequence classifier. "
             "Adapters whose pooling is not the family's own have no such folder.",
    .examples = "  idim merge --model M --adapter out/adapter.idim --output-dir merged\n"
                "  idim predict --model merged --test new.csv\n",
    .run = run_merge,
};
