/* idim tokenize
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct lines {
    char **text;
    int64_t *length;
    int64_t n, room;
} lines;

static bool lines_add(lines *l, char *text, int64_t length)
{
    if (l->n == l->room) {
        int64_t room = 2 * l->room + 16;
        char **texts = realloc(l->text, (size_t)room * sizeof *texts);
        if (texts != NULL)
            l->text = texts;
        int64_t *lengths = realloc(l->length, (size_t)room * sizeof *lengths);
        if (lengths != NULL)
            l->length = lengths;
        if (texts == NULL || lengths == NULL)
            return false;
        l->room = room;
    }
    l->text[l->n] = text;
    l->length[l->n++] = length;
    return true;
}

/* the lines of standard input without their ends; each is freed by the caller */
static bool lines_read(lines *l)
{
    for (;;) {
        char *line = NULL;
        size_t room = 0;
        ssize_t length = getline(&line, &room, stdin);
        if (length < 0) {
            free(line);
            return !ferror(stdin);
        }
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (!lines_add(l, line, length)) {
            free(line);
            return false;
        }
    }
}

/* ids TAB tokens, a line a text */
static void show_tokens(FILE *out, const json_t *result)
{
    const json_t *list = json_object_get(result, "results");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *ids = json_object_get(json_array_get(list, i), "ids");
        const json_t *tokens = json_object_get(json_array_get(list, i), "tokens");
        for (size_t k = 0; k < json_array_size(ids); k++)
            fprintf(out, "%s%lld", k > 0 ? " " : "",
                    (long long)json_integer_value(json_array_get(ids, k)));
        for (size_t k = 0; k < json_array_size(tokens); k++)
            fprintf(out, "%s%s", k > 0 ? " " : "\t", json_string_value(json_array_get(tokens, k)));
        fputc('\n', out);
    }
}

static int run_tokenize(cli *c)
{
    lines l = {0};
    int code = EXIT_MEMORY;
    bool from_input = c->n_arguments == 0;
    bool good = true;
    if (from_input)
        good = lines_read(&l);
    for (int i = 0; i < c->n_arguments; i++)
        good = good && lines_add(&l, c->arguments[i], (int64_t)strlen(c->arguments[i]));

    if (good)
        code = cli_print(c,
                         idim_tokenize(c->lib, c->spec_text, (const char *const *)l.text, l.length,
                                       l.n, c->n_arguments == 2),
                         show_tokens);
    else
        fputs("idim tokenize: standard input: cannot be read whole\n", stderr);

    for (int64_t i = 0; from_input && i < l.n; i++)
        free(l.text[i]);
    free(l.text);
    free(l.length);
    return code;
}

const command command_tokenize = {
    .name = "tokenize",
    .summary = "text to ids and pieces",
    .arguments = "[TEXT [PAIR]]",
    .about = "Prints ids<TAB>tokens. Without arguments every line of standard input is a text.",
    .examples = "  idim tokenize --model M \"first text\" \"second text\" --json\n"
                "  idim tokenize --model M < texts.txt\n",
    .max_arguments = 2,
    .run = run_tokenize,
};
