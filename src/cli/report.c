/* idim report
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>

static void show_report(FILE *out, const json_t *result)
{
    show_json(out, result, 0);
}

static int run_report(cli *c)
{
    if (c->n_arguments == 0) {
        fputs("idim report: expected the folder of a study, found none: idim report DIR\n", stderr);
        return EXIT_USAGE;
    }
    return cli_print(c, idim_report(c->lib, c->arguments[0]), show_report);
}

const command command_report = {
    .name = "report",
    .summary = "makes the page and the figures of a study",
    .arguments = "DIR",
    .about = "Writes report.html, one page that needs nothing else, and figures/ with the same "
             "figures as data, gnuplot scripts and pictures, and the tables as CSV, Markdown and "
             "LaTeX. All of it follows from the study's measure.json and runs/.",
    .examples = "  idim report study\n"
                "  idim report study --json\n",
    .max_arguments = 1,
    .run = run_report,
};
