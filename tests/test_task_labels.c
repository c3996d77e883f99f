/* Labels across splits and models: which names there are, in which order, and what is refused.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_task_labels_folder"
#include "task_files.h"

static void a_label_only_dev_has_is_refused_with_its_line(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_text(CSV, "text,label\na,x\nb,y\n");
    write_text(JSONL, "{\"text\":\"a\",\"label\":\"x\"}\n\n{\"text\":\"a\",\"label\":\"z\"}\n");
    task_options o = train_on(CSV);
    o.file[SPLIT_DEV] = JSONL;
    task *t;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EFORMAT);
    assert_string_equal(idim_error(lib),
                        JSONL ": line 3: label: expected one of 'x', 'y', found 'z'");
    idim_close(lib);
}

static void without_a_train_split_all_labels_count(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_text(CSV, "text,label\na,x\n");
    write_text(JSONL, "{\"text\":\"a\",\"label\":\"z\"}\n");
    task_options o = task_defaults();
    o.file[SPLIT_DEV] = CSV;
    o.file[SPLIT_TEST] = JSONL;
    task *t = open_task(lib, &o);
    assert_int_equal(t->n_labels, 2);
    assert_true(t->splits[SPLIT_TEST].label[0] == 1);
    assert_string_equal(t->name, "some.data");
    task_close(t);
    idim_close(lib);
}

/* known labels, rows of label text, expected names and classes; fixed or not */
static const struct {
    const char *known[3], *bytes;
    bool fixed;
    int status;
    const char *names, *labels;
} known_cases[] = {
    {{"neg", "pos"}, "text,label\na,pos\nb,neg\n", false, 0, "neg pos", "1 0"},
    {{"pos", "neg"}, "text,label\na,POS\nb,Neg\n", false, 0, "pos neg", "0 1"},
    {{"pos", "neg", "so"}, "text,label\na,pos\nb,neg\n", false, 0, "pos neg so", "0 1"},
    {{"pos", "neg"}, "text,label\na,1\nb,0\n", false, 0, "pos neg", "1 0"},
    {{"pos", "neg"}, "text,label\na,1\nb,2\n", false, 0, "1 2", "0 1"},
    {{"pos", "neg"}, "text,label\na,x\nb,y\n", false, 0, "x y", "0 1"},
    {{"LABEL_0", "LABEL_1"}, "text,label\na,1\nb,0\n", false, 0, "0 1", "1 0"},
    {{"LABEL_0", "LABEL_1"}, "text,label\na,x\nb,y\n", false, 0, "x y", "0 1"},
    {{"LABEL_0", "LABEL_1"}, "text,label\na,1.5\nb,0\n", false, 0, "", "1.5 0"},
    {{"1", "0"}, "text,label\na,1\nb,0\n", false, 0, "1 0", "0 1"},
    {{"neg", "pos"}, "text,label\na,pos\nb,pos\n", true, 0, "neg pos", "1 1"},
    {{"neg", "pos"},
     "text,label\na,pos\nb,good\n",
     true,
     IDIM_EFORMAT,
     "line 3: label: expected one of 'neg', 'pos', found 'good'",
     ""},
    {{"1", "0"},
     "text,label\na,2\nb,0\n",
     true,
     IDIM_EFORMAT,
     "expected one of '1', '0', found '2'",
     ""},
    {{NULL}, "text,label\na,2\nb,0\n", true, 0, "", "2 0"},
    {{NULL}, "text,label\na,2\nb,x\n", true, IDIM_EFORMAT, "line 3: label: expected a number", ""},
};

static void known_labels_are_used_where_they_cover_the_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_cases / sizeof known_cases[0]; i++) {
        idim *lib = check_library(1);
        write_text(CSV, known_cases[i].bytes);
        task_options o = train_on(CSV);
        o.known_labels = known_cases[i].known;
        while (o.n_known_labels < 3 && known_cases[i].known[o.n_known_labels] != NULL)
            o.n_known_labels++;
        o.labels_fixed = known_cases[i].fixed;
        task *t = NULL;
        int status = task_open(lib, &o, NULL, &t);
        if (status != known_cases[i].status)
            fail_msg("case %zu: status %d: %s", i, status, idim_error(lib));
        if (status != 0 && strstr(idim_error(lib), known_cases[i].names) == NULL)
            fail_msg("case %zu: %s", i, idim_error(lib));

        char names[128] = "", labels[128] = "";
        for (int64_t k = 0; t != NULL && t->label_name != NULL && k < t->n_labels; k++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k > 0 ? " " : "",
                     t->label_name[k]);
        for (int64_t k = 0; t != NULL && k < t->splits[SPLIT_TRAIN].n; k++)
            snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%g",
                     k > 0 ? " " : "", (double)t->splits[SPLIT_TRAIN].label[k]);
        if (t != NULL)
            assert_string_equal(names, known_cases[i].names);
        assert_string_equal(labels, known_cases[i].labels);
        task_close(t);
        idim_close(lib);
    }
}

static void predict_needs_no_labels_and_no_rows(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static const char *const names[] = {"no", "yes"};
    task_options o = task_defaults();
    o.file[SPLIT_TEST] = CSV;
    o.needs_labels = false;
    o.known_labels = names;
    o.n_known_labels = 2;
    write_text(CSV, "text,label\na,whatever\n");
    task *t = open_task(lib, &o);
    assert_null(t->splits[SPLIT_TEST].label);
    assert_int_equal(t->n_labels, 2);
    task_close(t);
    write_text(CSV, "text\n");
    t = open_task(lib, &o);
    assert_int_equal(t->splits[SPLIT_TEST].n, 0);
    task_close(t);
    o.n_known_labels = 0;
    t = open_task(lib, &o);
    assert_int_equal(t->kind, TASK_REGRESSION);
    task_close(t);
    o.name = "rte";
    write_text(CSV, "index\tsentence1\tsentence2\n0\tA\tB\n");
    t = open_task(lib, &o);
    assert_string_equal(t->splits[SPLIT_TEST].text[1], "B");
    task_close(t);
    idim_close(lib);
}

static void too_many_classes_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char *bytes = malloc(20 * (TASK_MAX_LABELS + 1)), *at = bytes;
    at += sprintf(at, "text,label\n");
    for (int i = 0; i <= TASK_MAX_LABELS; i++)
        at += sprintf(at, "a,%d\n", i);
    write_text(CSV, bytes);
    free(bytes);
    task_options o = train_on(CSV);
    task *t;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "line 1002: label: expected at most 1000 classes"));
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_only_dev_has_is_refused_with_its_line),
        cmocka_unit_test(without_a_train_split_all_labels_count),
        cmocka_unit_test(known_labels_are_used_where_they_cover_the_data),
        cmocka_unit_test(predict_needs_no_labels_and_no_rows),
        cmocka_unit_test(too_many_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
