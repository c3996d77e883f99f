/* idim eval
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static int run_eval(cli *c)
{
    return cli_print(c, idim_eval(c->lib, c->spec_text, progress_watch, c), show_scores);
}

const command command_eval = {
    .name = "eval",
    .summary = "scores a base with an adapter on a labelled file",
    .arguments = "",
    .about = "Scores dev and test files, the majority class beside each. A folder with its own "
             "head needs no adapter.",
    .examples = "  idim eval --model M --adapter out/adapter.idim --test b.csv \\\n"
                "       --text sentence --label label --json\n"
                "  idim eval --model M --adapter out/best.idim --task mrpc --data glue/MRPC\n",
    .run = run_eval,
};
