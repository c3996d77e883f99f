/* The name of a run: what it is made of lies in files, where these lie is no matter.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_run_names_study"
#define DATA   "test_run_names.csv"
#include "study.h"
#include "base/hash.h"
#include "measure/job.h"

#define COPY  "test_run_names_model"
#define MOVED COPY "/moved.csv"
#define SAME  COPY "/same.tsv"

enum { LIMIT = 64 << 20 };

static char *read_text(idim *lib, const char *path, int64_t *size)
{
    char *text = NULL;
    CHECK_OK(lib, file_read(lib, path, LIMIT, &text, size));
    return text;
}

/* a file of the model, as it is or with more at its end, to the copy */
/* a file of the model, as it is or with more at its end, to the copy */
static void copy(idim *lib, const char *name, const char *more)
{
    char from[512], to[512];
    int64_t size;
    snprintf(from, sizeof from, "%s/%s", MODEL, name);
    snprintf(to, sizeof to, "%s/%s", COPY, name);
    char *text = read_text(lib, from, &size);
    CHECK_OK(lib, file_write(lib, to, text, size));
    CHECK_OK(lib, file_append(lib, to, more, (int64_t)strlen(more)));
    memory_free(lib, text);
}

static void copy_model(idim *lib)
{
    CHECK_OK(lib, file_make_folder(lib, COPY));
    copy(lib, "config.json", "");
    copy(lib, "model.safetensors", "");
    copy(lib, "vocab.txt", "");
}

static int begin(void **state)
{
    set_up(state);
    remove_folder(*state, COPY);
    copy_model(*state);
    return 0;
}

static int end(void **state)
{
    remove_folder(*state, COPY);
    return tear_down(state);
}

static void name_of(idim *lib, const char *model, const char *data, const char *more,
                    char name[HASH_TEXT])
{
    char text[1024];
    job j;
    snprintf(text, sizeof text,
             "{\"model\":\"%s\",\"train\":\"%s\",\"dev\":\"%s\",\"dim\":50,\"output_dir\":\"o\"%s}",
             model, data, data, more);
    CHECK_OK(lib, job_open(lib, "tune", text, &j));
    CHECK_OK(lib, job_name(&j, name));
    job_close(&j);
}

static void copy_data(idim *lib, const char *to, const char *more)
{
    int64_t size;
    char *text = read_text(lib, DATA, &size);
    CHECK_OK(lib, file_write(lib, to, text, size));
    CHECK_OK(lib, file_append(lib, to, more, (int64_t)strlen(more)));
    memory_free(lib, text);
}

static void a_run_keeps_its_name_where_its_files_are_moved(void **state)
{
    idim *lib = *state;
    char here[HASH_TEXT], there[HASH_TEXT];
    copy_data(lib, MOVED, "");
    name_of(lib, MODEL, DATA, "", here);
    name_of(lib, COPY, MOVED, "", there);
    assert_string_equal(here, there);
    name_of(lib, COPY, MOVED, ",\"bits\":0", there);
    assert_string_equal(here, there);
    name_of(lib, COPY, MOVED, ",\"seed\":43", there);
    assert_string_not_equal(here, there);
}

static void other_contents_make_another_run(void **state)
{
    idim *lib = *state;
    char plain[HASH_TEXT], other[HASH_TEXT];
    name_of(lib, COPY, DATA, "", plain);

    copy(lib, "config.json", "\n");
    name_of(lib, COPY, DATA, "", other);
    assert_string_not_equal(plain, other);
    copy_model(lib);

    copy_data(lib, MOVED, "kilo,no\n");
    name_of(lib, COPY, MOVED, "", other);
    assert_string_not_equal(plain, other);

    name_of(lib, COPY, DATA, "", other);
    assert_string_equal(plain, other);
}

/* one file may be read in more than one way */
static void another_tokenizer_makes_another_run(void **state)
{
    idim *lib = *state;
    char plain[HASH_TEXT], other[HASH_TEXT];
    int64_t size;
    name_of(lib, COPY, DATA, "", plain);
    /* words that are in the vocabulary no more */
    char *text = read_text(lib, COPY "/vocab.txt", &size);
    for (int64_t i = 0; i < size; i++)
        text[i] = text[i] == 'g' ? 'x' : text[i];
    CHECK_OK(lib, file_write(lib, COPY "/vocab.txt", text, size));
    memory_free(lib, text);
    name_of(lib, COPY, DATA, "", other);
    assert_string_not_equal(plain, other);
}

static json_t *study_of(const char *model, const char *data)
{
    json_t *how = settings();
    json_object_set_new(how, "model", json_string(model));
    json_object_set_new(how, "train", json_string(data));
    json_object_set_new(how, "dev", json_string(data));
    return how;
}

static void a_study_goes_on_with_moved_files_and_starts_over_with_others(void **state)
{
    idim *lib = *state;
    json_t *study;
    CHECK_OK(lib, measure(lib, study_of(MODEL, DATA), NULL, NULL, &study));
    json_decref(study);
    int64_t runs = count(lib, FOLDER "/runs");
    assert_true(runs > 5);

    copy_data(lib, MOVED, "");
    CHECK_OK(lib, measure(lib, study_of(COPY, MOVED), NULL, NULL, &study));
    assert_int_equal(count(lib, FOLDER "/runs"), runs);
    assert_int_equal(json_array_size(json_object_get(study, "cells")), 1);
    assert_string_equal(text_of(cell_of(study, 0), "model"), COPY);
    json_decref(study);

    copy_data(lib, MOVED, "kilo,no\n");
    CHECK_OK(lib, measure(lib, study_of(COPY, MOVED), NULL, NULL, &study));
    assert_true(count(lib, FOLDER "/runs") > runs + 5);
    json_decref(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_keeps_its_name_where_its_files_are_moved, begin, end),
        cmocka_unit_test_setup_teardown(other_contents_make_another_run, begin, end),
        cmocka_unit_test_setup_teardown(another_tokenizer_makes_another_run, begin, end),
        cmocka_unit_test_setup_teardown(
            a_study_goes_on_with_moved_files_and_starts_over_with_others, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
