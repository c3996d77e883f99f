/* Rows with any number of labels: from JSONL lists, from cells with a separator.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_task_sets_folder"
#include "task_files.h"

static const struct {
    const char *file, *bytes, *separator;
    const char *names, *labels; /* rows of 0 and 1 */
} sets[] = {
    {JSONL, "{\"text\":\"a\",\"label\":[\"y\",\"x\"]}\n{\"text\":\"b\",\"label\":[]}\n", NULL,
     "x y", "11 00"},
    {JSONL, "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":[\" z \"]}\n", NULL, "x z",
     "10 01"},
    {JSONL, "{\"text\":\"a\",\"label\":[10,9]}\n{\"text\":\"b\",\"label\":[9,true,9]}\n", NULL,
     "10 9 true", "110 011"},
    {JSONL, "{\"text\":\"a\",\"label\":[10,9]}\n{\"text\":\"b\",\"label\":[]}\n", NULL, "9 10",
     "11 00"},
    {JSONL, "{\"text\":\"a\",\"label\":[\"x\"]}\n", NULL, "x", "1"},
    {JSONL, "{\"text\":\"a\",\"label\":[1e9,1e9,1e9,1e9,1e9,1e9,1e9,1e9,1e9,1e9,1e9,2e9]}\n", NULL,
     "1000000000.0 2000000000.0", "11"},
    {CSV, "text,label\na,x|y\nb,\nc, y | z |\n", "|", "x y z", "110 000 011"},
    {CSV, "text,label\na,x;y\nb,x|y\n", ";", "x x|y y", "101 010"},
    {CSV, "text,label\na,\"x,y\"\nb,y\n", ",", "x y", "11 01"},
    {FOLDER "/some.tsv", "text\tlabel\na\tx y\nb\ty\n", " ", "x y", "11 01"},
    {CSV, "text,label\na,1.5\nb,2.5\n", ";", "1.5 2.5", "10 01"},
};

static void a_row_may_have_any_number_of_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        idim *lib = check_library(1);
        write_text(sets[i].file, sets[i].bytes);
        task_options o = train_on(sets[i].file);
        o.separator = sets[i].separator;
        task *t = open_task(lib, &o);
        const split *s = &t->splits[SPLIT_TRAIN];
        char names[128] = "", labels[128] = "";
        for (int64_t k = 0; k < t->n_labels; k++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k > 0 ? " " : "",
                     t->label_name[k]);
        for (int64_t k = 0; k < s->n * t->n_labels; k++)
            snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%g",
                     k > 0 && k % t->n_labels == 0 ? " " : "", (double)s->label[k]);
        assert_string_equal(names, sets[i].names);
        assert_string_equal(labels, sets[i].labels);
        assert_int_equal(t->kind, TASK_MULTI_LABEL);
        assert_int_equal(s->label_width, t->n_labels);
        assert_string_equal(t->metric, "f1_micro");
        task_close(t);
        idim_close(lib);
    }
}

static const struct {
    const char *train, *dev;
    const char *expected;
} refused[] = {
    {"{\"text\":\"a\",\"label\":[\"x\",null]}\n", NULL, "line 1: label: expected"},
    {"{\"text\":\"a\",\"label\":[\"x\",[\"y\"]]}\n", NULL, "line 1: label: expected"},
    {"{\"text\":\"a\",\"label\":[\"x\\u001fy\"]}\n", NULL, "line 1: label: expected"},
    {"{\"text\":\"a\",\"label\":[\"x\\u0000\"]}\n", NULL, "line 1: label: expected"},
    {"{\"text\":\"a\",\"label\":[]}\n", NULL, "expected labels, found none in any row"},
    {"{\"text\":[\"a\"],\"label\":[\"x\"]}\n", NULL, "line 1: text: expected a string"},
    {"{\"text\":\"a\",\"label\":[\"x\"]}\n", "text,label\na,z\n",
     "line 2: label: expected one of 'x', found 'z'"},
};

static void what_is_no_set_of_labels_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        idim *lib = check_library(1);
        write_text(JSONL, refused[i].train);
        task_options o = train_on(JSONL);
        if (refused[i].dev != NULL) {
            write_text(CSV, refused[i].dev);
            o.file[SPLIT_DEV] = CSV;
        }
        task *t;
        assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EFORMAT);
        if (strstr(idim_error(lib), refused[i].expected) == NULL)
            fail_msg("expected '%s', found '%s'", refused[i].expected, idim_error(lib));
        idim_close(lib);
    }
}

static void lists_in_dev_alone_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_text(CSV, "text,label\na,x\nb,y\n");
    write_text(JSONL, "{\"text\":\"a\",\"label\":[\"x\",\"y\"]}\n");
    task_options o = train_on(CSV);
    o.file[SPLIT_DEV] = JSONL;
    task *t;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "expected one label a row as in the train split"));
    idim_close(lib);
}

static void an_adapters_labels_are_kept_in_its_order(void **state)
{
    (void)state;
    static const char *const known[] = {"z", "x", "y"};
    idim *lib = check_library(1);
    write_text(JSONL,
               "{\"text\":\"a\",\"label\":[\"X\",\"z\"]}\n{\"text\":\"b\",\"label\":\"y\"}\n");
    task_options o = task_defaults();
    o.file[SPLIT_TEST] = JSONL;
    o.known_labels = known;
    o.n_known_labels = 3;
    o.labels_fixed = o.multi_label = true;
    task *t = open_task(lib, &o);
    const float expected[] = {1, 1, 0, 0, 0, 1};
    assert_memory_equal(t->splits[SPLIT_TEST].label, expected, sizeof expected);
    task_close(t);
    o.multi_label = false;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EMISMATCH);
    assert_non_null(strstr(idim_error(lib), "as the adapter was trained, found lists"));
    idim_close(lib);
}

static void batches_carry_whole_rows_of_labels(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    int32_t ids[] = {4, 5, 6}, segment[] = {0, 0, 0};
    int64_t start[] = {0, 1, 2, 3};
    float label[] = {1, 0, 0, 1, 1, 1};
    const split s = {
        .n = 3, .ids = ids, .segment = segment, .start = start, .label = label, .label_width = 2};
    const int32_t order[] = {2, 0};
    const float expected[] = {1, 1, 1, 0};
    batch_buffer b = {0};
    idim_batch batch;
    CHECK_OK(lib, batch_pack(lib, &s, order, 2, &b, &batch));
    assert_memory_equal(batch.label, expected, sizeof expected);
    batch_free(lib, &b);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_may_have_any_number_of_labels),
        cmocka_unit_test(what_is_no_set_of_labels_is_refused),
        cmocka_unit_test(lists_in_dev_alone_are_refused),
        cmocka_unit_test(an_adapters_labels_are_kept_in_its_order),
        cmocka_unit_test(batches_carry_whole_rows_of_labels),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
