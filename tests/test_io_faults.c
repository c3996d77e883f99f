/* Every read, write, fsync, rename and close of a run made to fail in turn: it is said, what is in
 * the folder is whole, and the same command then comes to the same bytes as without. All writers
 * (adapters, checkpoints, logs, records, reports, merged folders) go through base/file.c, whose
 * calls are those that are caught here, by the linker's --wrap.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "base/folder.h"

#include <errno.h>
#include <unistd.h>

#define OUT "test_io_faults_out"
#define CSV "test_io_faults.csv"

/* FAULT_ERROR: the call fails, EIO and ENOSPC by turns; FAULT_INTERRUPTED: EINTR, once;
 * FAULT_SHORT: one byte less is done */
typedef enum fault_kind { FAULT_ERROR, FAULT_INTERRUPTED, FAULT_SHORT } fault_kind;

/* the calls of the linker's wrap have nowhere else to keep it */
static struct {
    fault_kind kind;
    int64_t left; /* calls before the one that fails; negative: none fails */
    bool met;
} fault = {.left = -1};

ssize_t __real_write(int descriptor, const void *bytes, size_t n);
ssize_t __real_pread(int descriptor, void *bytes, size_t n, off_t at);
int __real_fsync(int descriptor);
int __real_rename(const char *from, const char *to);
int __real_close(int descriptor);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t n);
ssize_t __wrap_pread(int descriptor, void *bytes, size_t n, off_t at);
int __wrap_fsync(int descriptor);
int __wrap_rename(const char *from, const char *to);
int __wrap_close(int descriptor);

static bool fails(bool transfers)
{
    if (fault.left < 0 || (!transfers && fault.kind != FAULT_ERROR) || fault.left-- > 0)
        return false;
    static int turn;
    fault.met = true;
    errno = fault.kind == FAULT_INTERRUPTED ? EINTR : turn++ % 2 == 0 ? EIO : ENOSPC;
    return true;
}

ssize_t __wrap_write(int descriptor, const void *bytes, size_t n)
{
    if (n == 0 || !fails(true))
        return __real_write(descriptor, bytes, n);
    return fault.kind == FAULT_SHORT && n > 1 ? __real_write(descriptor, bytes, n - 1) : -1;
}

ssize_t __wrap_pread(int descriptor, void *bytes, size_t n, off_t at)
{
    if (n == 0 || !fails(true))
        return __real_pread(descriptor, bytes, n, at);
    return fault.kind == FAULT_SHORT && n > 1 ? __real_pread(descriptor, bytes, n - 1, at) : -1;
}

int __wrap_fsync(int descriptor)
{
    return fails(false) ? -1 : __real_fsync(descriptor);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails(false) ? -1 : __real_rename(from, to);
}

int __wrap_close(int descriptor)
{
    bool failed = fails(false);
    int error = errno, status = __real_close(descriptor);
    errno = error;
    return failed ? -1 : status;
}

/* ---- a run that is stopped once, for its checkpoint -------------------------------------------
 */

static int stop_at_two(void *user, const idim_progress *now)
{
    bool *stopped = user;
    bool stops = !*stopped && now->step == 2;
    *stopped = *stopped || stops;
    return stops;
}

static int tune(const char *settings)
{
    bool stopped = false;
    idim *lib = check_library(1);
    int status = idim_tune(lib, settings, stop_at_two, &stopped);
    if (status == IDIM_ESTOPPED)
        status = idim_tune(lib, settings, stop_at_two, &stopped);
    if (status != 0 && (status != IDIM_EIO || idim_error(lib)[0] == '\0'))
        fail_msg("call that failed: status %d: %s", status, idim_error(lib));
    idim_close(lib);
    return status;
}

static char *content(idim *lib, const char *name, int64_t *size)
{
    char *path, *bytes;
    CHECK_OK(lib, file_join(lib, OUT, name, &path));
    CHECK_OK(lib, file_read(lib, path, 1 << 20, &bytes, size));
    memory_free(lib, path);
    return bytes;
}

static void remove_out(idim *lib)
{
    if (file_is_folder(OUT))
        CHECK_OK(lib, folder_remove(lib, OUT));
}

static int64_t n_files(idim *lib)
{
    folder_names names;
    CHECK_OK(lib, folder_list(lib, OUT, &names));
    int64_t n = names.n;
    folder_names_free(lib, &names);
    return n;
}

static const char *const files[] = {"adapter.idim", "best.idim", "log.jsonl"};

static void check_faults(idim *lib, const char *settings, fault_kind kind)
{
    char *expected[3];
    int64_t size[3], files_of_a_run;
    remove_out(lib);
    assert_int_equal(tune(settings), 0);
    for (int i = 0; i < 3; i++)
        expected[i] = content(lib, files[i], &size[i]);
    files_of_a_run = n_files(lib);
    for (int64_t n = 0;; n++) {
        remove_out(lib);
        fault.kind = kind;
        fault.met = false;
        fault.left = n;
        int status = tune(settings);
        fault.left = -1;
        if (kind != FAULT_ERROR && status != 0)
            fail_msg("call %lld: interrupted or short, and not gone on with", (long long)n);
        assert_int_equal(tune(settings), 0);
        for (int i = 0; i < 3; i++) {
            int64_t now;
            char *bytes = content(lib, files[i], &now);
            if (now != size[i] || memcmp(bytes, expected[i], (size_t)now) != 0)
                fail_msg("call %lld: %s is another", (long long)n, files[i]);
            memory_free(lib, bytes);
        }
        if (n_files(lib) != files_of_a_run)
            fail_msg("call %lld: a file stays behind", (long long)n);
        if (!fault.met)
            break;
    }
    for (int i = 0; i < 3; i++)
        memory_free(lib, expected[i]);
    remove_out(lib);
}

static void check_run(const char *more, fault_kind kind)
{
    char settings[1024];
    snprintf(settings, sizeof settings,
             "{\"model\": \"%s/fixtures/tiny\", \"train\": \"" CSV "\", \"dev\": \"" CSV
             "\", \"dim\": 40, \"max_steps\": 3, \"output_dir\": \"" OUT "\"%s}",
             TEST_FOLDER, more);
    idim *lib = check_library(1);
    const char rows[] = "sentence,label\nbad kilo,no\ngood muna,yes\nbad bade,no\ngood kilo,yes\n";
    CHECK_OK(lib, file_write(lib, CSV, rows, (int64_t)sizeof rows - 1));
    check_faults(lib, settings, kind);
    remove(CSV);
    idim_close(lib);
}

static void a_call_that_fails_is_said_and_the_run_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    check_run("", FAULT_ERROR);
    check_run(", \"max_adapter_bytes\": 400", FAULT_ERROR);
}

static void a_call_that_is_interrupted_is_done_again(void **state)
{
    (void)state;
    check_run("", FAULT_INTERRUPTED);
}

static void a_call_that_does_less_is_gone_on_with(void **state)
{
    (void)state;
    check_run("", FAULT_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_is_said_and_the_run_goes_on_to_the_same_bytes),
        cmocka_unit_test(a_call_that_is_interrupted_is_done_again),
        cmocka_unit_test(a_call_that_does_less_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
