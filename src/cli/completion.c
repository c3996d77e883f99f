/* Completion for bash, zsh and fish, printed from the array of commands and the settings table.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* text with every one of `special` behind a backslash; ' as the shell's quotes need it */
static void print_quoted(FILE *out, const char *text, const char *special, const char *quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs(quote, out);
        else
            fprintf(out, "%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
    }
}

static void print_choices(FILE *out, const char *choices)
{
    for (; *choices != '\0'; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

static void print_names(FILE *out)
{
    int n;
    const command *const *list = cli_commands(&n);
    for (int i = 0; i < n; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", list[i]->name);
}

static void print_bash(FILE *out)
{
    int64_t n;
    int n_commands;
    char flag[64];
    const idim_setting *rows = idim_settings(&n);
    const command *const *list = cli_commands(&n_commands);

    fputs("# bash completion for idim\n_idim() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          out);
    print_names(out);
    fputs(" --help --version\" -- \"$word\"))\n        return\n    fi\n    case $before in\n", out);
    for (int64_t i = 0; i < n; i++) {
        option_name(rows[i].name, flag);
        if (rows[i].type == IDIM_CHOICE) {
            fprintf(out, "    %s) COMPREPLY=($(compgen -W \"", flag);
            print_choices(out, rows[i].choices);
            fputs("\" -- \"$word\")); return ;;\n", out);
        } else if (rows[i].type == IDIM_PATH) {
            fprintf(out, "    %s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", flag);
        } else if (rows[i].type != IDIM_FLAG) {
            fprintf(out, "    %s) return ;;\n", flag);
        }
    }
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", out);
    for (int c = 0; c < n_commands; c++) {
        fprintf(out, "    %s) COMPREPLY=($(compgen -W \"--help", list[c]->name);
        for (int64_t i = 0; i < n; i++) {
            option_name(rows[i].name, flag);
            if (setting_is_for(&rows[i], list[c]->name))
                fprintf(out, " %s", flag);
        }
        fputs("\" -- \"$word\")) ;;\n", out);
    }
    fputs("    esac\n}\ncomplete -o filenames -F _idim idim\n", out);
}

static void print_zsh(FILE *out)
{
    int64_t n;
    int n_commands;
    char flag[64];
    const idim_setting *rows = idim_settings(&n);
    const command *const *list = cli_commands(&n_commands);

    fputs("#compdef idim\nif (( CURRENT == 2 )); then\n    compadd ", out);
    print_names(out);
    fputs(" --help --version\n    return\nfi\n"
          "local name=$words[2]\nshift words\n(( CURRENT-- ))\ncase $name in\n",
          out);
    for (int c = 0; c < n_commands; c++) {
        fprintf(out, "%s)\n    _arguments '--help[help]'", list[c]->name);
        for (int64_t i = 0; i < n; i++) {
            if (!setting_is_for(&rows[i], list[c]->name))
                continue;
            option_name(rows[i].name, flag);
            fprintf(out, " \\\n        '%s[", flag);
            print_quoted(out, rows[i].help, "[]\\", "'\\''");
            fputc(']', out);
            if (rows[i].type == IDIM_CHOICE) {
                fputs(":word:(", out);
                print_choices(out, rows[i].choices);
                fputc(')', out);
            } else if (rows[i].type == IDIM_PATH) {
                fputs(":path:_files", out);
            } else if (rows[i].type != IDIM_FLAG) {
                fputs(":value:", out);
            }
            fputc('\'', out);
        }
        fputs("\n    ;;\n", out);
    }
    fputs("esac\n", out);
}

static void print_fish(FILE *out)
{
    int64_t n;
    int n_commands;
    char flag[64];
    const idim_setting *rows = idim_settings(&n);
    const command *const *list = cli_commands(&n_commands);

    fputs("# fish completion for idim\ncomplete -c idim -f\n", out);
    for (int c = 0; c < n_commands; c++) {
        fprintf(out, "complete -c idim -n __fish_use_subcommand -a %s -d '", list[c]->name);
        print_quoted(out, list[c]->summary, "\\", "\\'");
        fputs("'\n", out);
    }
    for (int64_t i = 0; i < n; i++) {
        option_name(rows[i].name, flag);
        fprintf(out, "complete -c idim -n '__fish_seen_subcommand_from %s' -l %s", rows[i].commands,
                flag + 2);
        if (rows[i].type == IDIM_CHOICE) {
            fputs(" -x -a '", out);
            print_choices(out, rows[i].choices);
            fputc('\'', out);
        } else if (rows[i].type == IDIM_PATH) {
            fputs(" -r -F", out);
        } else if (rows[i].type != IDIM_FLAG) {
            fputs(" -x", out);
        }
        fputs(" -d '", out);
        print_quoted(out, rows[i].help, "\\", "\\'");
        fputs("'\n", out);
    }
}

bool completion_print(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        print_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        print_fish(out);
    else {
        fprintf(stderr, "idim: --completion: expected bash, zsh or fish, found %s\n", shell);
        return false;
    }
    return true;
}
