/* Claims: who may do a run, who takes over, what is finished.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "base/folder.h"
#include "measure/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "test_ledger_study"
static const char NAME[] = "0123456789abcdef";

typedef struct world {
    idim *lib;
    ledger a, b; /* two that look at the same folder */
} world;

static void remove_all(idim *lib)
{
    static const char *const parts[] = {FOLDER "/runs", FOLDER "/pending"};
    for (int i = 0; i < 2; i++) {
        folder_names names;
        CHECK_OK(lib, folder_list(lib, parts[i], &names));
        for (int64_t k = 0; k < names.n; k++) {
            char path[256];
            snprintf(path, sizeof path, "%s/%s", parts[i], names.name[k]);
            CHECK_OK(lib, folder_remove(lib, path));
        }
        folder_names_free(lib, &names);
        rmdir(parts[i]);
    }
    rmdir(FOLDER);
}

static int set_up(void **state)
{
    static world w;
    w.lib = check_library(1);
    remove_all(w.lib);
    CHECK_OK(w.lib, ledger_open(w.lib, FOLDER, &w.a));
    CHECK_OK(w.lib, ledger_open(w.lib, FOLDER, &w.b));
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    ledger_close(&w->a);
    ledger_close(&w->b);
    remove_all(w->lib);
    idim_close(w->lib);
    return 0;
}

static void write_in(world *w, const claim *c, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    CHECK_OK(w->lib, file_write(w->lib, path, text, (int64_t)strlen(text)));
}

static void one_of_two_gets_a_run(void **state)
{
    world *w = *state;
    claim first, second;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    CHECK_OK(w->lib, ledger_claim(&w->b, NAME, &second));
    assert_non_null(first.folder);
    assert_null(second.folder);
    CHECK_OK(w->lib, ledger_release(&first));
}

static void a_released_run_goes_on_with_what_was_there(void **state)
{
    world *w = *state;
    claim first, second;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    write_in(w, &first, "checkpoint.idim", "half");
    CHECK_OK(w->lib, ledger_release(&first));
    CHECK_OK(w->lib, ledger_claim(&w->b, NAME, &second));
    assert_non_null(second.folder);
    char path[512];
    snprintf(path, sizeof path, "%s/checkpoint.idim", second.folder);
    assert_true(file_exists(path));
    CHECK_OK(w->lib, ledger_release(&second));
}

static void a_published_run_is_finished_for_all(void **state)
{
    world *w = *state;
    claim first, second;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    write_in(w, &first, "record.json", "{\"run\":1}");
    assert_false(ledger_has(&w->b, NAME));
    CHECK_OK(w->lib, ledger_publish(&first));
    assert_true(ledger_has(&w->b, NAME));
    CHECK_OK(w->lib, ledger_claim(&w->b, NAME, &second));
    assert_null(second.folder);
    json_t *record;
    CHECK_OK(w->lib, ledger_read(&w->b, NAME, &record));
    assert_int_equal(json_integer_value(json_object_get(record, "run")), 1);
    json_decref(record);
}

/* the claim of a process that is no more */
static void leave_a_dead_claim(world *w)
{
    pid_t child = fork();
    if (child == 0) {
        ledger l;
        claim c;
        if (ledger_open(w->lib, FOLDER, &l) == 0 && ledger_claim(&l, NAME, &c) == 0)
            _exit(0);
        _exit(1);
    }
    int code;
    waitpid(child, &code, 0);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
}

static void a_dead_worker_is_replaced_at_once(void **state)
{
    world *w = *state;
    claim c;
    leave_a_dead_claim(w);
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &c));
    assert_non_null(c.folder);
    CHECK_OK(w->lib, ledger_release(&c));
}

static void who_lost_a_run_is_told_and_destroys_nothing(void **state)
{
    world *w = *state;
    claim first, second;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    /* as if it had slept beyond its lease: nobody's, so another takes it */
    CHECK_OK(w->lib, file_write(w->lib, first.file, "", 0));
    CHECK_OK(w->lib, ledger_claim(&w->b, NAME, &second));
    assert_non_null(second.folder);
    bool lost;
    CHECK_OK(w->lib, ledger_renew(&first, &lost));
    assert_true(lost);
    CHECK_OK(w->lib, ledger_release(&first));
    CHECK_OK(w->lib, ledger_renew(&second, &lost));
    assert_false(lost);
    write_in(w, &second, "record.json", "{}");
    CHECK_OK(w->lib, ledger_publish(&second));
    assert_true(ledger_has(&w->a, NAME));
}

static void the_second_to_publish_changes_nothing(void **state)
{
    world *w = *state;
    claim first;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    write_in(w, &first, "record.json", "{\"run\":2}");
    CHECK_OK(w->lib, file_make_folder(w->lib, FOLDER "/runs/0123456789abcdef"));
    CHECK_OK(w->lib,
             file_write(w->lib, FOLDER "/runs/0123456789abcdef/record.json", "{\"run\":1}", 9));
    CHECK_OK(w->lib, ledger_publish(&first));
    json_t *record;
    CHECK_OK(w->lib, ledger_read(&w->a, NAME, &record));
    assert_int_equal(json_integer_value(json_object_get(record, "run")), 1);
    json_decref(record);
    folder_names names;
    CHECK_OK(w->lib, folder_list(w->lib, FOLDER "/pending", &names));
    assert_int_equal(names.n, 0);
    folder_names_free(w->lib, &names);
}

static void what_stands_there_without_a_record_makes_room(void **state)
{
    world *w = *state;
    claim first;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    write_in(w, &first, "record.json", "{\"run\":2}");
    CHECK_OK(w->lib, file_make_folder(w->lib, FOLDER "/runs/0123456789abcdef"));
    CHECK_OK(w->lib, file_write(w->lib, FOLDER "/runs/0123456789abcdef/log.jsonl", "half", 4));
    CHECK_OK(w->lib, file_write(w->lib, FOLDER "/runs/0123456789abcdef/.hidden", "", 0));
    CHECK_OK(w->lib, ledger_publish(&first));
    assert_true(ledger_has(&w->a, NAME));
    assert_false(file_exists(FOLDER "/runs/0123456789abcdef/log.jsonl"));
}

static void a_run_that_cannot_be_published_is_kept(void **state)
{
    world *w = *state;
    claim first;
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &first));
    write_in(w, &first, "record.json", "{\"run\":2}");
    assert_int_equal(rmdir(FOLDER "/runs"), 0);
    assert_int_equal(ledger_publish(&first), IDIM_EIO);
    assert_true(file_exists(FOLDER "/pending/0123456789abcdef.1/record.json"));
    library_clear(w->lib);
}

static void a_folder_of_a_strange_number_is_no_claim(void **state)
{
    world *w = *state;
    claim c;
    CHECK_OK(w->lib,
             file_make_folder(w->lib, FOLDER "/pending/0123456789abcdef.9223372036854775807"));
    CHECK_OK(w->lib, ledger_claim(&w->a, NAME, &c));
    assert_non_null(c.folder);
    CHECK_OK(w->lib, ledger_release(&c));
}

/* as if nobody had touched it for so long */
static void age(const char *path, long seconds)
{
    struct timespec now, times[2];
    clock_gettime(CLOCK_REALTIME, &now);
    times[0] = times[1] = (struct timespec){.tv_sec = now.tv_sec - seconds};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_killed_processes_left_goes_when_a_study_is_opened(void **state)
{
    static const struct {
        const char *name;
        long seconds;
        bool stays;
    } cases[] = {
        {"measure.json.4711.tmp", 4000, false},
        {"measure.json.4712.tmp", 3000, true},
        {"measure.json", 4000, true},
        {".clock-4711", 4000, false},
        {".clock-4712", 3000, true},
        {".clock-4711.4711.tmp", 4000, false},
        {"notes.tmp", 4000, true}, /* not ours */
        {"notes.x1.tmp", 4000, true},
    };
    world *w = *state;
    char path[512];
    ledger third;
    leave_a_dead_claim(w);
    folder_names names;
    CHECK_OK(w->lib, folder_list_hidden(w->lib, FOLDER "/pending", &names));
    assert_true(names.n > 1); /* the dead one's clock */
    folder_names_free(w->lib, &names);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(path, sizeof path, FOLDER "/pending/%s", cases[i].name);
        CHECK_OK(w->lib, file_write(w->lib, path, "", 0));
        age(path, cases[i].seconds);
    }
    CHECK_OK(w->lib, ledger_open(w->lib, FOLDER, &third));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(path, sizeof path, FOLDER "/pending/%s", cases[i].name);
        if (file_exists(path) != cases[i].stays)
            fail_msg("%s is %s", cases[i].name, cases[i].stays ? "gone" : "there");
        remove(path);
    }
    /* the claim, and this process's clock */
    CHECK_OK(w->lib, folder_list_hidden(w->lib, FOLDER "/pending", &names));
    assert_int_equal(names.n, 2);
    folder_names_free(w->lib, &names);
    ledger_close(&third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_of_two_gets_a_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_released_run_goes_on_with_what_was_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_published_run_is_finished_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dead_worker_is_replaced_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_lost_a_run_is_told_and_destroys_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_second_to_publish_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_there_without_a_record_makes_room, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_cannot_be_published_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_killed_processes_left_goes_when_a_study_is_opened,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_of_a_strange_number_is_no_claim, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
