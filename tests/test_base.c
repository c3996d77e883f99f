/* The base layer: random numbers against published vectors, the arena, memory, files.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* Random123 1.14, kat_vectors: philox4x32 10, counter 243f6a88 85a308d3 13198a2e 03707344,
 * key a4093822 299f31d0. Our counter is {position, stream, key low, key high}. */
static void philox_equals_the_published_vector(void **state)
{
    (void)state;
    uint32_t out[4];
    random_words(0x299f31d0a4093822u, (random_stream)0x85a308d3u, 0x0370734413198a2eu, 0x243f6a88u,
                 out);
    assert_int_equal(out[0], 0xd16cfe09u);
    assert_int_equal(out[1], 0x94fdccebu);
    assert_int_equal(out[2], 0x5001e420u);
    assert_int_equal(out[3], 0x24126ea1u);
}

static void permutation_holds_every_number_once(void **state)
{
    (void)state;
    int32_t order[1000];
    char seen[1000] = {0};
    random_permutation(7, STREAM_ORDER, 3, order, 1000);
    int moved = 0;
    for (int i = 0; i < 1000; i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = 1;
        moved += order[i] != i;
    }
    assert_true(moved > 900);
}

static void half_normal_table_has_its_moment(void **state)
{
    (void)state;
    double sum = 0;
    for (int i = 0; i < 32; i++)
        sum += (double)random_half_normal[i] * (double)random_half_normal[i];
    assert_true(fabs(sum / 32 - random_half_normal_moment) < 1e-15);
}

static void arena_joins_its_chunks_and_then_allocates_nothing(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    arena *a;
    CHECK_OK(lib, arena_new(lib, &a));
    int64_t held = 0;
    for (int step = 0; step < 4; step++) {
        for (int i = 0; i < 40; i++) {
            char *p = arena_take(a, 100000 + i, 1);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % MEMORY_ALIGNMENT, 0);
            memset(p, step, 100000);
        }
        if (step >= 2)
            assert_int_equal(held, arena_held(a));
        arena_rewind(a);
        held = arena_held(a);
    }
    arena_free(a);
    idim_close(lib);
}

static void first_sentence_wins(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    assert_int_equal(fail(lib, IDIM_EFORMAT, "cause %d", 1), IDIM_EFORMAT);
    fail(lib, IDIM_EIO, "echo");
    assert_string_equal(idim_error(lib), "cause 1");
    idim_close(lib);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    void *p;
    assert_int_equal(memory_new(lib, INT64_MAX / 2, 8, "table", &p), IDIM_EMEMORY);
    assert_null(p);
    idim_close(lib);
}

static void file_write_replaces_and_read_gives_it_back(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char path[] = "test_base_file.bin";
    CHECK_OK(lib, file_write(lib, path, "old", 3));
    CHECK_OK(lib, file_write(lib, path, "newer", 5));
    char *bytes;
    int64_t size;
    CHECK_OK(lib, file_read(lib, path, 100, &bytes, &size));
    assert_int_equal(size, 5);
    assert_string_equal(bytes, "newer");
    memory_free(lib, bytes);
    assert_int_equal(file_read(lib, path, 4, &bytes, &size), IDIM_EFORMAT);
    CHECK_OK(lib, file_remove(lib, path));
    CHECK_OK(lib, file_remove(lib, path));
    library_clear(lib);
    assert_int_equal(file_read(lib, path, 4, &bytes, &size), IDIM_EIO);
    idim_close(lib);
}

/* on a shared file system it may be of a process of our number on another machine */
static void the_temporary_of_another_writer_is_left_alone(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static const char path[] = "test_base_shared";
    char theirs[64], *bytes;
    int64_t size;
    snprintf(theirs, sizeof theirs, "%s.%ld.tmp", path, (long)getpid());
    CHECK_OK(lib, file_write(lib, theirs, "theirs", 6));
    CHECK_OK(lib, file_write(lib, path, "ours", 4));
    CHECK_OK(lib, file_read(lib, theirs, 100, &bytes, &size));
    assert_string_equal(bytes, "theirs");
    memory_free(lib, bytes);
    CHECK_OK(lib, file_read(lib, path, 100, &bytes, &size));
    assert_string_equal(bytes, "ours");
    memory_free(lib, bytes);
    CHECK_OK(lib, file_remove(lib, theirs));
    CHECK_OK(lib, file_remove(lib, path));
    idim_close(lib);
}

static void hash_equals_the_published_digest(void **state)
{
    (void)state;
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT];
    hash_bytes("abc", 3, digest);
    hash_text(digest, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void leftovers_of_killed_writers_go_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool goes;
    } files[] = {
        {"leftovers/x.idim.123.tmp", true}, {"leftovers/x.idim.9.tmp", true},
        {"leftovers/x.idim", false},        {"leftovers/x.idim.tmp", false},
        {"leftovers/x.idim.1a.tmp", false}, {"leftovers/x.idim.1.tmpx", false},
        {"leftovers/y.idim.1.tmp", false},  {"leftovers/xx.idim.1.tmp", false},
    };
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, "leftovers"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        CHECK_OK(lib, file_write(lib, files[i].name, "x", 1));
    CHECK_OK(lib, file_remove_leftovers(lib, "leftovers/x.idim"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(file_exists(files[i].name), !files[i].goes);
        CHECK_OK(lib, file_remove(lib, files[i].name));
    }
    assert_int_equal(rmdir("leftovers"), 0);
    CHECK_OK(lib, file_remove_leftovers(lib, "leftovers/x.idim"));
    idim_close(lib);
}

/* a pipe that nobody writes must not be waited for */
static void what_is_no_file_is_refused_by_its_kind(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    file_reader f;
    assert_int_equal(file_open(lib, ".", &f), IDIM_EIO);
    assert_string_equal(idim_error(lib), ".: expected a regular file, found a folder");
    library_clear(lib);
    unlink("test_base_pipe");
    assert_int_equal(mkfifo("test_base_pipe", 0600), 0);
    assert_int_equal(file_open(lib, "test_base_pipe", &f), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected a regular file, found a pipe"));
    unlink("test_base_pipe");
    library_clear(lib);
    assert_int_equal(file_open(lib, "/dev/null", &f), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected a regular file, found a device"));
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_equals_the_published_vector),
        cmocka_unit_test(permutation_holds_every_number_once),
        cmocka_unit_test(half_normal_table_has_its_moment),
        cmocka_unit_test(arena_joins_its_chunks_and_then_allocates_nothing),
        cmocka_unit_test(first_sentence_wins),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(file_write_replaces_and_read_gives_it_back),
        cmocka_unit_test(the_temporary_of_another_writer_is_left_alone),
        cmocka_unit_test(leftovers_of_killed_writers_go_and_nothing_else),
        cmocka_unit_test(what_is_no_file_is_refused_by_its_kind),
        cmocka_unit_test(hash_equals_the_published_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
