/* The command idim: what its files share. It knows the library through idim.h alone.
 *
 * A command is one file with one `command` in it, and a row in main.c's array. It is called with
 * everything parsed and the library open; it calls the library and prints the result. Standard
 * output is the result, standard error everything else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_CLI_CLI_H
#define IDIM_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "idim.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,
    EXIT_SYSTEM = 4,
    EXIT_MEMORY = 5,
    EXIT_NOT_FINITE = 6,
    EXIT_MISMATCH = 7,
    EXIT_STOPPED = 75
};

typedef struct cli cli;

typedef struct command {
    const char *name;
    const char *summary;   /* a few words, for the list of commands          */
    const char *arguments; /* what may follow the options, "[TEXT [PAIR]]"    */
    const char *about;     /* a paragraph                                     */
    const char *examples;  /* lines that work as written                      */
    int max_arguments;     /* arguments that are no options                   */
    bool goes_on;       /* stopped by a signal: saves, exits with 75, and goes on when it is given
                           again; the other commands just end */
    int (*run)(cli *c); /* an exit code                                    */
} command;

extern const command command_tune, command_measure, command_eval, command_predict, command_bound,
    command_merge, command_gradients, command_inspect, command_tokenize, command_bench,
    command_report, command_selftest;

/* Commands in the order of the help. */
const command *const *cli_commands(int *n);

typedef struct progress {
    bool quiet, bar, colour;
    bool shown;    /* a bar stands on the current line       */
    double last;   /* when something was shown last          */
    double every;  /* seconds between two                    */
    double begun;  /* when the command began                 */
    char told[32]; /* the phase of the last line             */
} progress;

struct cli {
    const command *command;
    json_t *spec;     /* settings, as the library takes them */
    char *spec_text;  /* the same as text                    */
    char **arguments; /* [n_arguments] what is no option     */
    int n_arguments;
    bool json, quiet, verbose, dry_run, help;
    idim *lib;
    progress progress;
};

/* ---- options.c */

/* argv[0 .. n) without the command's name. false: the reason stands on standard error. */
bool options_parse(cli *c, int n, char **argv);

/* "--learning-rate" of "learning_rate". */
void option_name(const char *setting, char flag[64]);

bool setting_is_for(const idim_setting *row, const char *of);

/* May it be given several times to that command? */
bool setting_repeats(const idim_setting *row, const char *of);

/* ---- help.c, manual.c, completion.c */
void help_commands(FILE *out);
void help_command(FILE *out, const command *of);
void manual_print(FILE *out);
bool completion_print(FILE *out, const char *shell);

/* ---- progress.c */
void progress_begin(progress *p, bool quiet, bool verbose);
/* From now on SIGINT, SIGTERM and SIGUSR1 make progress_watch ask for a stop; a second SIGINT
 * exits. */
void progress_stop_on_signals(void);
int progress_watch(void *user, const idim_progress *now); /* an idim_watch; user is the cli */
void progress_log(void *user, const char *line);          /* idim_options.log               */
void progress_end(progress *p);

/* ---- show.c: results for people */

/* Any JSON as indented lines; lists of objects with the same keys become tables. */
void show_json(FILE *out, const json_t *json, int indent);

/* The scores of a run: a row a split, majority beside them. */
void show_scores(FILE *out, const json_t *run);

/* "1.2 MB", "3 min 20 s" */
void show_bytes(double bytes, char text[32]);
void show_time(double seconds, char text[32]);

/* ---- main.c */

/* Ends a call of the library: its exit code, the reason on standard error if it failed. */
int cli_status(cli *c, int status);

/* The result as parsed JSON; NULL and a sentence on standard error if it is none. */
json_t *cli_result(cli *c);

/* With --json the result as it is, otherwise what `show` prints of it. An exit code. */
int cli_print(cli *c, int status, void (*show)(FILE *out, const json_t *result));

#endif
