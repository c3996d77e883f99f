/* idim COMMAND [OPTION...]: finds the command, parses its options, opens the library, and turns
 * what comes back into an exit code.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const command *const commands[] = {
    &command_tune,     &command_measure, &command_eval,      &command_predict,
    &command_bound,    &command_merge,   &command_gradients, &command_inspect,
    &command_tokenize, &command_bench,   &command_report,    &command_selftest,
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

const command *const *cli_commands(int *n)
{
    *n = N_COMMANDS;
    return commands;
}

int cli_status(cli *c, int status)
{
    static const int codes[] = {
        [-IDIM_OK] = EXIT_DONE,
        [-IDIM_EMEMORY] = EXIT_MEMORY,
        [-IDIM_EIO] = EXIT_SYSTEM,
        [-IDIM_EFORMAT] = EXIT_INPUT,
        [-IDIM_EUNSUPPORTED] = EXIT_INPUT,
        [-IDIM_EARGUMENT] = EXIT_USAGE,
        [-IDIM_ENOTFINITE] = EXIT_NOT_FINITE,
        [-IDIM_EMISMATCH] = EXIT_MISMATCH,
        [-IDIM_ESTOPPED] = EXIT_STOPPED,
    };
    progress_end(&c->progress);
    if (status == IDIM_OK)
        return EXIT_DONE;
    fprintf(stderr, "idim %s: %s\n", c->command->name, idim_error(c->lib));
    bool known = status < 0 && -status < (int)(sizeof codes / sizeof codes[0]);
    return known ? codes[-status] : EXIT_INTERNAL;
}

json_t *cli_result(cli *c)
{
    json_error_t error;
    json_t *result = json_loads(idim_result(c->lib), 0, &error);
    if (result == NULL)
        fprintf(stderr, "idim %s: the result cannot be read: %s\n", c->command->name, error.text);
    return result;
}

int cli_print(cli *c, int status, void (*show)(FILE *out, const json_t *result))
{
    int code = cli_status(c, status);
    if (code != EXIT_DONE)
        return code;
    if (c->json) {
        printf("%s\n", idim_result(c->lib));
        return EXIT_DONE;
    }
    json_t *result = cli_result(c);
    if (result == NULL)
        return EXIT_INTERNAL;
    show(stdout, result);
    json_decref(result);
    return EXIT_DONE;
}

static void show_plan(FILE *out, const json_t *plan)
{
    char text[32];
    const json_t *seconds = json_object_get(plan, "seconds");
    show_json(out, plan, 0);
    if (!json_is_number(seconds))
        return;
    show_time(json_number_value(seconds), text);
    fprintf(out, "about                  %s\n", text);
}

static int run(cli *c)
{
    idim_options options = {.log = progress_log, .user = c};
    const json_t *threads = json_object_get(c->spec, "threads");
    if (json_is_integer(threads) && json_integer_value(threads) > 0 &&
        json_integer_value(threads) <= 4096)
        options.threads = (int)json_integer_value(threads);

    progress_begin(&c->progress, c->quiet, c->verbose);
    if (c->command->goes_on && !c->dry_run)
        progress_stop_on_signals();
    c->spec_text = json_dumps(c->spec, JSON_COMPACT);
    if (c->spec_text == NULL || idim_open(&options, &c->lib) != IDIM_OK) {
        fputs("idim: out of memory\n", stderr);
        return EXIT_MEMORY;
    }
    if (c->dry_run)
        return cli_print(c, idim_plan(c->lib, c->command->name, c->spec_text), show_plan);
    return c->command->run(c);
}

static int run_command(const command *of, int n, char **argv)
{
    cli c = {.command = of};
    int code = EXIT_USAGE;
    if (options_parse(&c, n, argv)) {
        code = EXIT_DONE;
        if (c.help)
            help_command(stdout, of);
        else
            code = run(&c);
    }
    idim_close(c.lib);
    json_decref(c.spec);
    free(c.spec_text);
    free(c.arguments);
    return code;
}

static const command *find(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int refuse(const char *word)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *near = idim_nearest(word, names, N_COMMANDS);
    fprintf(stderr, "idim: %s: no such command%s%s%s (idim --help lists them)\n", word,
            near != NULL ? ": did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return EXIT_USAGE;
}

static int dispatch(int n, char **argv)
{
    const char *word = n > 1 ? argv[1] : "";
    bool asks_help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    if (strcmp(word, "help") == 0 && n > 2) {
        const command *of = find(argv[2]);
        if (of == NULL)
            return refuse(argv[2]);
        help_command(stdout, of);
        return EXIT_DONE;
    }
    if (asks_help || strcmp(word, "help") == 0) {
        help_commands(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        puts("idim " IDIM_VERSION);
        return EXIT_DONE;
    }
    if (strcmp(word, "--man") == 0) {
        manual_print(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--completion") == 0 && n == 3)
        return completion_print(stdout, argv[2]) ? EXIT_DONE : EXIT_USAGE;
    if (word[0] == '\0') {
        help_commands(stderr);
        return EXIT_USAGE;
    }

    const command *of = find(word);
    return of != NULL ? run_command(of, n - 2, argv + 2) : refuse(word);
}

int main(int n, char **argv)
{
    int code = dispatch(n, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("idim: standard output");
        return code == EXIT_DONE ? EXIT_SYSTEM : code;
    }
    return code;
}
