/* Help, manual page and completions know every row of the settings table.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "measure/settings.h"

static char *output_of(const char *arguments)
{
    enum { ROOM = 1 << 18 };
    char line[1024];
    snprintf(line, sizeof line, "'%s' %s", TEST_IDIM, arguments);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    char *text = calloc(1, ROOM);
    assert_non_null(text);
    size_t n = fread(text, 1, ROOM - 1, pipe);
    assert_true(n > 100 && n < ROOM - 1);
    assert_int_equal(pclose(pipe), 0);
    return text;
}

/* the name with every "_" written as `hyphen` */
static void flag_of(const char *name, const char *hyphen, char out[128])
{
    size_t used = 0;
    for (; *name != '\0'; name++) {
        const char letter[2] = {*name, '\0'};
        used += (size_t)snprintf(out + used, 128 - used, "%s", *name == '_' ? hyphen : letter);
    }
}

static void every_setting_is_in(const char *arguments, const char *before, const char *hyphen,
                                const char *command)
{
    char *text = output_of(arguments);
    int64_t n;
    const idim_setting *rows = idim_settings(&n);
    for (int64_t i = 0; i < n; i++) {
        char flag[128], wanted[192];
        if (command != NULL && !setting_serves(&rows[i], command))
            continue;
        flag_of(rows[i].name, hyphen, flag);
        snprintf(wanted, sizeof wanted, "%s%s", before, flag);
        if (strstr(text, wanted) == NULL)
            fail_msg("idim %s: expected %s, found none", arguments, wanted);
    }
    free(text);
}

static void every_setting_is_in_the_manual(void **state)
{
    (void)state;
    every_setting_is_in("--man", "\\fB\\-\\-", "\\-", NULL);
}

static void every_setting_is_in_the_completions(void **state)
{
    (void)state;
    every_setting_is_in("--completion bash", " --", "-", NULL);
    every_setting_is_in("--completion zsh", "'--", "-", NULL);
    every_setting_is_in("--completion fish", " -l ", "-", NULL);
}

static void every_setting_is_in_the_help_of_its_commands(void **state)
{
    (void)state;
    static const char *const commands[] = {"tune",     "eval",   "predict", "inspect",
                                           "tokenize", "report", "selftest"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char arguments[64];
        snprintf(arguments, sizeof arguments, "%s --help", commands[i]);
        every_setting_is_in(arguments, "  --", "-", commands[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_in_the_manual),
        cmocka_unit_test(every_setting_is_in_the_completions),
        cmocka_unit_test(every_setting_is_in_the_help_of_its_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
