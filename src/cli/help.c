/* The help, from the array of commands and the settings table.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 34, HELP_WIDTH = 96 };

/* words of text from column on, broken before HELP_WIDTH; the cursor stands at `at` */
static void print_wrapped(FILE *out, const char *text, int at, int column)
{
    fprintf(out, "%*s", column - at, "");
    at = column;
    while (*text != '\0') {
        int word = (int)strcspn(text, " ");
        if (at > column && at + 1 + word > HELP_WIDTH) {
            fprintf(out, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(out, "%s%.*s", at > column ? " " : "", word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_setting(FILE *out, const idim_setting *row)
{
    static const char *const kinds[] = {
        [IDIM_TEXT] = " TEXT", [IDIM_PATH] = " PATH", [IDIM_CHOICE] = "",
        [IDIM_INTEGER] = " N", [IDIM_NUMBER] = " X",  [IDIM_FLAG] = "",
    };
    char flag[64], text[1024];
    option_name(row->name, flag);
    int at = fprintf(out, "  %s%s", flag, kinds[row->type]);

    int used = snprintf(text, sizeof text, "%s", row->help);
    if (row->choices != NULL)
        used += snprintf(text + used, sizeof text - (size_t)used, " (%s)", row->choices);
    if (setting_repeats(row, "predict"))
        used += snprintf(text + used, sizeof text - (size_t)used, "; predict takes several");
    if (setting_repeats(row, "measure"))
        used += snprintf(text + used, sizeof text - (size_t)used, "; measure takes several");
    if (row->type != IDIM_FLAG && row->fallback[0] != '\0' && strcmp(row->fallback, "auto") != 0)
        snprintf(text + used, sizeof text - (size_t)used, " [%s]", row->fallback);
    if (at + 2 > HELP_COLUMN) {
        fputc('\n', out);
        at = 0;
    }
    print_wrapped(out, text, at, HELP_COLUMN);
}

void help_commands(FILE *out)
{
    fputs("idim measures the intrinsic dimension of a pretrained language model and fine-tunes it\n"
          "by moving d numbers in a random subspace of all its weights.\n"
          "\n"
          "  idim COMMAND [OPTION...]\n"
          "\n"
          "Commands:\n",
          out);
    int n;
    const command *const *list = cli_commands(&n);
    for (int i = 0; i < n; i++)
        fprintf(out, "  %-10s %s\n", list[i]->name, list[i]->summary);
    fputs("\n"
          "  idim COMMAND --help    its options, with examples\n"
          "  idim --version\n",
          out);
}

void help_command(FILE *out, const command *of)
{
    fprintf(out, "idim %s: %s\n\n  idim %s [OPTION...]%s%s\n\n", of->name, of->summary, of->name,
            of->arguments[0] != '\0' ? " " : "", of->arguments);
    print_wrapped(out, of->about, 0, 0);

    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    const char *group = "";
    for (int64_t i = 0; i < n; i++) {
        if (!setting_is_for(&rows[i], of->name))
            continue;
        if (strcmp(group, rows[i].group) != 0)
            fprintf(out, "\n%s:\n", rows[i].group);
        group = rows[i].group;
        print_setting(out, &rows[i]);
    }
    fprintf(out, "  --help\n\nExamples:\n%s", of->examples);
}
