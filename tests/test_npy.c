/* NumPy files: the header is read back as NumPy does, and a path is replaced whole or not at all.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "format/npy.h"
#include "write_files.h"

#include <unistd.h>

static const char PATH[] = "test_npy.npy";

static char *contents(idim *lib, int64_t *n)
{
    char *data;
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &data, n));
    return data;
}

/* the header's dictionary, its padding cut off */
static void check_file(idim *lib, const char *dictionary, const float *value, int64_t n)
{
    int64_t size;
    char *data = contents(lib, &size);
    assert_memory_equal(data, "\x93NUMPY\x01\x00", 8);
    int64_t header = (unsigned char)data[8] + 256 * (unsigned char)data[9];
    assert_int_equal((10 + header) % 64, 0);
    assert_int_equal(size, 10 + header + n * 4);
    assert_memory_equal(data + 10, dictionary, strlen(dictionary));
    for (int64_t i = (int64_t)strlen(dictionary); i < header - 1; i++)
        assert_int_equal(data[10 + i], ' ');
    assert_int_equal(data[10 + header - 1], '\n');
    assert_memory_equal(data + 10 + header, value, (size_t)n * 4);
    memory_free(lib, data);
}

static void the_header_says_the_shape(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[NPY_RANK];
        int rank;
        int64_t n;
        const char *text;
    } cases[] = {
        {{3}, 1, 3, "(3,)"},
        {{0}, 1, 0, "(0,)"},
        {{2, 3}, 2, 6, "(2, 3)"},
        {{0, 1234567890123}, 2, 0, "(0, 1234567890123)"},
        {{2, 1, 3}, 3, 6, "(2, 1, 3)"},
        {{1, 1, 1, 1, 1, 1, 1, 5}, 8, 5, "(1, 1, 1, 1, 1, 1, 1, 5)"},
    };
    const float value[] = {1, -2, 0.5f, 1e-30f, 3e38f, 7};
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        npy_writer w;
        char dictionary[256];
        CHECK_OK(lib, npy_create(lib, PATH, cases[i].shape, cases[i].rank, &w));
        for (int64_t k = 0; k < cases[i].n; k++)
            CHECK_OK(lib, npy_put(&w, value + k, 1));
        CHECK_OK(lib, npy_finish(&w));
        npy_abandon(&w); /* one that has ended is fine */
        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", cases[i].text);
        check_file(lib, dictionary, value, cases[i].n);
        int64_t size;
        char *data = contents(lib, &size);
        assert_int_equal(npy_bytes(cases[i].shape, cases[i].rank), size);
        memory_free(lib, data);
    }
    remove(PATH);
    idim_close(lib);
}

static void an_abandoned_file_leaves_the_old_one(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const int64_t shape[] = {2, 2};
    const float value[] = {1, 2};
    npy_writer w;
    char temporary[64];
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", PATH, (long)getpid());
    write_text(PATH, "old");
    CHECK_OK(lib, npy_create(lib, PATH, shape, 2, &w));
    CHECK_OK(lib, npy_put(&w, value, 2));
    assert_true(file_exists(temporary));
    npy_abandon(&w);
    assert_false(file_exists(temporary));
    int64_t size;
    char *data = contents(lib, &size);
    assert_string_equal(data, "old");
    memory_free(lib, data);
    npy_writer zeroed = {0};
    npy_abandon(&zeroed);
    remove(PATH);
    idim_close(lib);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    npy_writer w;
    const int64_t one = 1, huge[] = {INT64_MAX / 8, 9}, largest[] = {INT64_MAX};
    assert_int_equal(npy_create(lib, "no_such_folder/a.npy", &one, 1, &w), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "no_such_folder/a.npy"));
    npy_abandon(&w);
    library_clear(lib);
    assert_int_equal(npy_create(lib, PATH, huge, 2, &w), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), PATH));
    assert_int_equal(npy_bytes(huge, 2), -1);
    assert_int_equal(npy_bytes(largest, 1), -1);
    assert_false(file_exists(PATH));
    idim_close(lib);
}

static void a_folder_is_not_replaced_and_nothing_stays(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const int64_t one = 1;
    const float value = 1;
    npy_writer w;
    CHECK_OK(lib, file_make_folder(lib, "test_npy_folder"));
    CHECK_OK(lib, npy_create(lib, "test_npy_folder", &one, 1, &w));
    CHECK_OK(lib, npy_put(&w, &value, 1));
    assert_int_equal(npy_finish(&w), IDIM_EIO);
    npy_abandon(&w);
    char temporary[64];
    snprintf(temporary, sizeof temporary, "test_npy_folder.%ld.tmp", (long)getpid());
    assert_false(file_exists(temporary));
    rmdir("test_npy_folder");
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_the_shape),
        cmocka_unit_test(an_abandoned_file_leaves_the_old_one),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_folder_is_not_replaced_and_nothing_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
