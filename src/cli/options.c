/* Words of the command line to settings. The table says which there are; the library checks the
 * values, so that a flag and a spec file are refused with the same sentence.
 *
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FLAGS = 128 };

void option_name(const char *setting, char flag[64])
{
    snprintf(flag, 64, "--%s", setting);
    for (char *at = flag; *at != '\0'; at++)
        if (*at == '_')
            *at = '-';
}

bool setting_is_for(const idim_setting *row, const char *of)
{
    size_t length = strlen(of);
    for (const char *at = row->commands; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, of, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

bool setting_repeats(const idim_setting *row, const char *of)
{
    if (strcmp(of, "predict") == 0)
        return strcmp(row->name, "adapter") == 0;
    if (strcmp(of, "measure") != 0)
        return false;
    for (const char *const *at = idim_lists(); *at != NULL; at++)
        if (strcmp(*at, row->name) == 0)
            return true;
    return false;
}

static bool refuse(const cli *c, const char *word, const char *why)
{
    fprintf(stderr, "idim %s: %s: %s\n", c->command->name, word, why);
    return false;
}

/* does text[0 .. length) name the setting, with - or _ ? */
static bool names(const char *text, size_t length, const char *setting)
{
    if (strlen(setting) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != setting[i] && !(text[i] == '-' && setting[i] == '_'))
            return false;
    return true;
}

static const idim_setting *find(const cli *c, const char *text, size_t length)
{
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++)
        if (names(text, length, rows[i].name) && setting_is_for(&rows[i], c->command->name))
            return &rows[i];
    return NULL;
}

/* an option this command does not have: who has it, or the nearest one */
static bool refuse_unknown(const cli *c, const char *word, size_t length)
{
    char why[256], flags[MOST_FLAGS][64] = {"--help", "--version"}, plain[64];
    const char *list[MOST_FLAGS] = {flags[0], flags[1]};
    int64_t n, n_list = 2;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n && n_list < MOST_FLAGS; i++) {
        if (names(word + 2, length - 2, rows[i].name)) {
            snprintf(why, sizeof why, "is an option of %s, not of %s", rows[i].commands,
                     c->command->name);
            return refuse(c, word, why);
        }
        if (setting_is_for(&rows[i], c->command->name)) {
            option_name(rows[i].name, flags[n_list]);
            list[n_list] = flags[n_list];
            n_list++;
        }
    }
    snprintf(plain, sizeof plain, "%.*s", (int)length, word);
    const char *near = idim_nearest(plain, list, n_list);
    snprintf(why, sizeof why, "no such option%s%s%s (idim %s --help lists them)",
             near != NULL ? ": did you mean " : "", near != NULL ? near : "",
             near != NULL ? "?" : "", c->command->name);
    return refuse(c, word, why);
}

/* a number as JSON, NULL when the text is none */
static json_t *number_of(const char *text)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return NULL;
    if (text[strspn(text, "0123456789+-")] == '\0' && strlen(text) < 18) {
        long long whole = strtoll(text, &end, 10);
        return *end == '\0' ? json_integer(whole) : NULL;
    }
    double value = strtod(text, &end);
    return *end == '\0' ? json_real(value) : NULL;
}

static json_t *value_of(const cli *c, const idim_setting *row, const char *flag, const char *text)
{
    if (row->type != IDIM_INTEGER && row->type != IDIM_NUMBER)
        return json_string(text);
    if (strcmp(text, "auto") == 0 && strcmp(row->fallback, "auto") == 0)
        return json_string(text);

    json_t *number = number_of(text);
    if (number == NULL)
        fprintf(stderr, "idim %s: %s: expected a number, found \"%s\"\n", c->command->name, flag,
                text);
    return number;
}

/* the flags that stay here; false: it is a setting of the library */
static bool take_own(cli *c, const idim_setting *row)
{
    if (strcmp(row->name, "json") == 0)
        c->json = true;
    else if (strcmp(row->name, "quiet") == 0)
        c->quiet = true;
    else if (strcmp(row->name, "verbose") == 0)
        c->verbose = true;
    else if (strcmp(row->name, "dry_run") == 0)
        c->dry_run = true;
    else
        return false;
    return true;
}

/* a setting given several times becomes a list; measure's are lists from the first on */
static bool add_to_list(cli *c, const idim_setting *row, json_t *value)
{
    json_t *before = json_object_get(c->spec, row->name);
    if (json_is_array(before))
        return json_array_append_new(before, value) == 0;
    if (before == NULL && strcmp(c->command->name, "measure") != 0)
        return json_object_set_new(c->spec, row->name, value) == 0;
    json_t *list = json_array();
    if (before != NULL)
        json_array_append(list, before);
    return json_array_append_new(list, value) == 0 &&
           json_object_set_new(c->spec, row->name, list) == 0;
}

/* one option, argv[*i]; moves *i when its value is the next word */
static bool take_option(cli *c, int n, char **argv, int *i)
{
    const char *word = argv[*i];
    const char *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const idim_setting *row = find(c, word + 2, length - 2);
    if (row == NULL)
        return refuse_unknown(c, word, length);

    if (row->type == IDIM_FLAG) {
        if (equals != NULL)
            return refuse(c, word, "takes no value");
        return take_own(c, row) || json_object_set_new(c->spec, row->name, json_true()) == 0;
    }

    const char *text = equals != NULL ? equals + 1 : NULL;
    if (text == NULL) {
        if (*i + 1 >= n || strncmp(argv[*i + 1], "--", 2) == 0)
            return refuse(c, word, "expected a value after it, found none");
        text = argv[++*i];
    }
    bool several = setting_repeats(row, c->command->name);
    if (!several && json_object_get(c->spec, row->name) != NULL)
        return refuse(c, word, "expected once, found twice");

    json_t *value = value_of(c, row, word, text);
    if (value == NULL) {
        if (row->type != IDIM_INTEGER && row->type != IDIM_NUMBER)
            return refuse(c, word, "expected UTF-8, found other bytes");
        return false;
    }
    return several ? add_to_list(c, row, value)
                   : json_object_set_new(c->spec, row->name, value) == 0;
}

/* settings of --config FILE that the command line does not give */
static bool merge_config(cli *c)
{
    const json_t *path = json_object_get(c->spec, "config");
    if (path == NULL)
        return true;

    struct stat info;
    if (stat(json_string_value(path), &info) == 0 && S_ISDIR(info.st_mode)) {
        fprintf(stderr, "idim %s: %s: expected a file of settings, found a folder\n",
                c->command->name, json_string_value(path));
        return false;
    }
    json_error_t error;
    json_t *file = json_load_file(json_string_value(path), JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(file)) {
        fprintf(stderr, "idim %s: %s: line %d: %s\n", c->command->name, json_string_value(path),
                error.line, file == NULL ? error.text : "expected a JSON object");
        json_decref(file);
        return false;
    }
    json_object_del(c->spec, "config");

    const char *key;
    json_t *value;
    bool good = true;
    json_object_foreach(file, key, value)
    {
        const idim_setting *row = find(c, key, strlen(key));
        const char *name = row != NULL ? row->name : key;
        if (json_object_get(c->spec, name) == NULL)
            good = good && json_object_set(c->spec, name, value) == 0;
    }
    json_decref(file);
    return good;
}

bool options_parse(cli *c, int n, char **argv)
{
    bool only_arguments = false;
    c->arguments = calloc((size_t)n + 1, sizeof c->arguments[0]);
    c->spec = json_object();
    if (c->arguments == NULL || c->spec == NULL)
        return refuse(c, "options", "out of memory");

    for (int i = 0; i < n; i++) {
        const char *word = argv[i];
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            if (c->n_arguments == c->command->max_arguments)
                return refuse(c, word, "expected an option, found an argument too many");
            c->arguments[c->n_arguments++] = argv[i];
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            c->help = true;
        } else if (strcmp(word, "-v") == 0) {
            c->verbose = true;
        } else if (word[1] != '-') {
            return refuse(c, word, "no such option: short ones are -h and -v");
        } else if (!take_option(c, n, argv, &i)) {
            return false;
        }
    }
    return c->help || merge_config(c);
}
