/* Folders from before tokenizer.json, against the tokenizers that the reference makes of their
 * files: fixtures/tokenizer/folders.json, made by tools/make_folder_fixtures.py.
 *
 * SPDX-License-Identifier: MIT */
#include "token_cases.h"

#include <unistd.h>

#include "base/file.h"

static void write_file(idim *lib, const char *folder, const char *name, const json_t *hex)
{
    char path[128];
    int64_t room = (int64_t)json_string_length(hex) / 2 + 1;
    char *bytes = malloc((size_t)room);
    assert_non_null(bytes);
    int64_t n = from_hex(hex, bytes, room);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK_OK(lib, file_write(lib, path, bytes, n));
    free(bytes);
}

static int64_t check_folder(idim *lib, const json_t *entry)
{
    char folder[] = "/tmp/idim-test-XXXXXX", path[128];
    json_t *files = json_object_get(entry, "files");
    idim_tokenizer *t;
    assert_non_null(mkdtemp(folder));
    for (void *i = json_object_iter(files); i != NULL; i = json_object_iter_next(files, i))
        write_file(lib, folder, json_object_iter_key(i), json_object_iter_value(i));
    int status = tokenizer_open(lib, folder, &t);
    for (void *i = json_object_iter(files); i != NULL; i = json_object_iter_next(files, i)) {
        snprintf(path, sizeof path, "%s/%s", folder, json_object_iter_key(i));
        unlink(path);
    }
    rmdir(folder);
    CHECK_OK(lib, status);
    int64_t differences = count_differences(
        lib, t, json_string_value(json_object_get(entry, "name")), json_object_get(entry, "cases"));
    tokenizer_close(t);
    return differences;
}

static void old_folders_encode_as_the_reference(void **state)
{
    (void)state;
    char path[1024];
    json_t *fixture;
    idim *lib = check_library(1);
    snprintf(path, sizeof path, "%s/fixtures/tokenizer/folders.json", TEST_FOLDER);
    CHECK_OK(lib, json_read_file(lib, path, 1 << 24, &fixture));
    const json_t *folders = json_object_get(fixture, "folders");
    int64_t cases = 0, differences = 0;
    for (size_t i = 0; i < json_array_size(folders); i++) {
        const json_t *entry = json_array_get(folders, i);
        differences += check_folder(lib, entry);
        cases += (int64_t)json_array_size(json_object_get(entry, "cases"));
    }
    print_message("%lld encodings of %zu folders, %lld differ\n", (long long)cases,
                  json_array_size(folders), (long long)differences);
    json_decref(fixture);
    idim_close(lib);
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(old_folders_encode_as_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
