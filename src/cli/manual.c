/* The manual page idim(1), printed as roff from the array of commands and the settings table.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* text as roff takes it: hyphens that can be copied, no line that is a request */
static void print_roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void print_setting(FILE *out, const idim_setting *row)
{
    static const char *const kinds[] = {
        [IDIM_TEXT] = "TEXT", [IDIM_PATH] = "PATH", [IDIM_CHOICE] = "WORD",
        [IDIM_INTEGER] = "N", [IDIM_NUMBER] = "X",  [IDIM_FLAG] = "",
    };
    char flag[64];
    option_name(row->name, flag);
    fputs(".TP\n\\fB", out);
    print_roff(out, flag);
    fprintf(out, "\\fR \\fI%s\\fR\n", kinds[row->type]);
    print_roff(out, row->help);
    if (row->choices != NULL) {
        fputs("; one of ", out);
        for (const char *at = row->choices; *at != '\0'; at++)
            fputs(*at == '|' ? ", " : *at == '-' ? "\\-" : (char[2]){*at, '\0'}, out);
    }
    fputs(".\n", out);
    if (row->type != IDIM_FLAG && row->fallback[0] != '\0' && strcmp(row->fallback, "auto") != 0) {
        fputs("Default: ", out);
        print_roff(out, row->fallback);
        fputs(".\n", out);
    }
    fprintf(out, "(%s)\n", row->commands);
}

static void print_commands(FILE *out)
{
    int n;
    const command *const *list = cli_commands(&n);
    fputs(".SH COMMANDS\n", out);
    for (int i = 0; i < n; i++) {
        fprintf(out, ".SS idim %s [\\fIOPTION\\fR...] %s\n", list[i]->name, list[i]->arguments);
        print_roff(out, list[i]->summary);
        fputs(".\n.PP\n", out);
        print_roff(out, list[i]->about);
        fputs("\n.PP\n.nf\n", out);
        print_roff(out, list[i]->examples);
        fputs(".fi\n", out);
    }
}

void manual_print(FILE *out)
{
    fputs(
        ".TH IDIM 1 \"\" \"idim " IDIM_VERSION "\" \"User Commands\"\n"
        ".SH NAME\n"
        "idim \\- measures the intrinsic dimension of language models and fine\\-tunes them in it\n"
        ".SH SYNOPSIS\n"
        "\\fBidim\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n"
        ".SH DESCRIPTION\n"
        "Fine\\-tunes a published language model by moving d numbers in a random subspace of all\n"
        "its weights. The result goes to standard output, everything else to standard error.\n"
        "In the names of options - and _ are the same.\n",
        out);
    print_commands(out);

    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    const char *group = "";
    fputs(".SH OPTIONS\nIn parentheses the commands that take the option.\n", out);
    for (int64_t i = 0; i < n; i++) {
        if (strcmp(group, rows[i].group) != 0)
            fprintf(out, ".SS %s\n", rows[i].group);
        group = rows[i].group;
        print_setting(out, &rows[i]);
    }

    fputs(".SH EXIT STATUS\n"
          ".TP\n0\ndone\n.TP\n1\nan error in idim itself\n.TP\n2\nwrong usage\n"
          ".TP\n3\nmalformed or unsupported input\n.TP\n4\ninput or output failed\n"
          ".TP\n5\nout of memory\n.TP\n6\nthe loss or a gradient is not finite\n"
          ".TP\n7\nthe base, the data or the settings are not those of before\n"
          ".TP\n75\nstopped early; the same command goes on\n"
          ".SH ENVIRONMENT\n"
          ".TP\nHF_HUB_CACHE, HF_HOME\nwhere a model given by name is looked up\n"
          ".TP\nNO_COLOR, TERM\nno colour; no progress bar when TERM is dumb\n",
          out);
}
