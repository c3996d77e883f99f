/* The nine GLUE tasks from their folders: columns, labels, splits, what is refused.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_glue_folder"
#include "task_files.h"

static const struct {
    const char *name, *train, *test;
    const char *text, *pair; /* of the first train row */
    float label;
    const char *metric;
    const char *test_text;
} glue_files[] = {
    {"cola", "gj04\t1\t\tA cat.\ngj04\t0\t*\tCat a.\n", "index\tsentence\n0\tThe cat.\n", "A cat.",
     NULL, 1, "matthews_correlation", "The cat."},
    {"sst2", "sentence\tlabel\na cat \t0\n", "index\tsentence\n0\tthe cat\n", "a cat ", NULL, 0,
     "accuracy", "the cat"},
    {"mrpc", "\xef\xbb\xbfQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t2\t3\t\" A\tB\r\n",
     "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tC\tD\n", "\" A", "B", 1, "accuracy", "C"},
    {"stsb",
     "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
     "0\tg\tf\ty\to\ts\ts\tA\tB\t3.250\n",
     "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n"
     "0\tg\tf\ty\to\ts\ts\tC\tD\n",
     "A", "B", 3.25f, "pearson", "C"},
    {"qqp",
     "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tA\tB\t1\n1\t2\n1\t2\t3\tA\n",
     "id\tquestion1\tquestion2\n0\tC\tD\n", "A", "B", 1, "accuracy", "C"},
    {"qnli", "index\tquestion\tsentence\tlabel\n0\tA\tB\tnot_entailment\n",
     "index\tquestion\tsentence\n0\tC\tD\n", "A", "B", 1, "accuracy", "C"},
    {"rte", "index\tsentence1\tsentence2\tlabel\n0\tA\tB\tentailment\n",
     "index\tsentence1\tsentence2\n0\tC\tD\n", "A", "B", 0, "accuracy", "C"},
    {"wnli", "index\tsentence1\tsentence2\tlabel\n0\tA\tB\t1\n",
     "index\tsentence1\tsentence2\n0\tC\tD\n", "A", "B", 1, "accuracy", "C"},
    {"mnli",
     "index\tp\tg\tb1\tb2\tp1\tp2\t?\tsentence1\tsentence2\tlabel1\tgold_label\n"
     "0\t1\t2\t3\t4\t5\t6\t7\tA\tB\tneutral\tcontradiction\n",
     NULL, "A", "B", 2, "accuracy", NULL},
};

static void glue_columns_and_labels_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof glue_files / sizeof glue_files[0]; i++) {
        set_up(NULL);
        idim *lib = check_library(1);
        write_text(TRAIN, glue_files[i].train);
        if (glue_files[i].test != NULL)
            write_text(TEST, glue_files[i].test);
        task_options o = glue(glue_files[i].name);
        task *t = open_task(lib, &o);
        const split *s = &t->splits[SPLIT_TRAIN];
        assert_string_equal(t->name, glue_files[i].name);
        assert_string_equal(t->metric, glue_files[i].metric);
        assert_string_equal(s->text[0], glue_files[i].text);
        if (glue_files[i].pair != NULL)
            assert_string_equal(s->text[1], glue_files[i].pair);
        else
            assert_null(s->text[1]);
        assert_true(s->label[0] == glue_files[i].label);
        assert_int_equal(s->skipped, strcmp(glue_files[i].name, "qqp") == 0 ? 2 : 0);
        assert_null(t->splits[SPLIT_DEV].path);
        if (glue_files[i].test_text != NULL) {
            assert_string_equal(t->splits[SPLIT_TEST].text[0], glue_files[i].test_text);
            assert_null(t->splits[SPLIT_TEST].label);
        }
        task_close(t);
        idim_close(lib);
    }
}

static void mnli_has_two_dev_sets_and_honours_the_models_order(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static const char header[] = "sentence1\tsentence2\tgold_label\n";
    char bytes[256];
    snprintf(bytes, sizeof bytes, "%sA\tB\tentailment\n", header);
    write_text(FOLDER "/dev_matched.tsv", bytes);
    snprintf(bytes, sizeof bytes, "%sC\tD\tneutral\nE\tF\tcontradiction\n", header);
    write_text(FOLDER "/dev_mismatched.tsv", bytes);

    static const char *const names[] = {"CONTRADICTION", "NEUTRAL", "ENTAILMENT"};
    task_options o = glue("mnli");
    for (int known = 0; known < 2; known++) {
        o.known_labels = known ? names : NULL;
        o.n_known_labels = known ? 3 : 0;
        task *t = open_task(lib, &o);
        assert_int_equal(t->splits[SPLIT_DEV].n, 1);
        assert_int_equal(t->mismatched.n, 2);
        assert_true(t->splits[SPLIT_DEV].label[0] == (known ? 2 : 0));
        assert_true(t->mismatched.label[1] == (known ? 0 : 2));
        assert_string_equal(t->label_name[0], known ? "CONTRADICTION" : "entailment");
        task_close(t);
    }

    static const char *const others[] = {"a", "b", "c"};
    o.known_labels = others;
    o.n_known_labels = 3;
    task *t = open_task(lib, &o);
    assert_string_equal(t->label_name[0], "entailment");
    task_close(t);
    o.labels_fixed = true;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EMISMATCH);
    assert_non_null(strstr(idim_error(lib), "mnli: labels: expected 3 of this task"));
    idim_close(lib);
}

static void files_take_the_place_of_the_folders(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_text(TRAIN, "sentence\tlabel\na\t1\n");
    write_text(FOLDER "/dev_matched.tsv", "sentence\tlabel\nb\t0\nc\t0\n");
    task_options o = glue("sst2");
    o.file[SPLIT_DEV] = FOLDER "/dev_matched.tsv";
    task *t = open_task(lib, &o);
    assert_int_equal(t->splits[SPLIT_TRAIN].n, 1);
    assert_int_equal(t->splits[SPLIT_DEV].n, 2);
    task_close(t);
    o.data = NULL;
    t = open_task(lib, &o);
    assert_null(t->splits[SPLIT_TRAIN].path);
    assert_int_equal(t->splits[SPLIT_DEV].n, 2);
    task_close(t);
    idim_close(lib);
}

static const struct {
    const char *name, *bytes, *expected;
} glue_refused[] = {
    {"mrpc", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\tA\n",
     "line 2: expected cells for the columns #1 String, #2 String -> Quality, found only 4"},
    {"mrpc", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n2\t2\t3\tA\tB\n",
     TRAIN ": line 2: label: expected one of '0', '1', found '2'"},
    {"rte", "index\tsentence1\tsentence2\tlabel\n0\tA\tB\tentails\n",
     "line 2: label: expected one of 'entailment', 'not_entailment', found 'entails'"},
    {"stsb", "x\nx\tx\tx\tx\tx\tx\tx\tA\tB\tgood\n",
     "line 2: label: expected a number, found 'good'"},
    {"sst2", "sentence\tlabel\n", "expected at least one row, found none"},
    {"sst2", "", "expected a header line"},
    {"cola", "", "expected at least one row, found none"},
    {"cola", "gj04\t1\n",
     "line 1: expected cells for the columns column 4 -> column 2, found only 2"},
};

static void malformed_glue_files_are_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof glue_refused / sizeof glue_refused[0]; i++) {
        set_up(NULL);
        idim *lib = check_library(1);
        write_text(TRAIN, glue_refused[i].bytes);
        task_options o = glue(glue_refused[i].name);
        task *t;
        int status = task_open(lib, &o, NULL, &t);
        if (status != IDIM_EFORMAT || strstr(idim_error(lib), glue_refused[i].expected) == NULL)
            fail_msg("%s\n expected ...%s...\n found %d %s", glue_refused[i].bytes,
                     glue_refused[i].expected, status, idim_error(lib));
        idim_close(lib);
    }
}

/* ---- real data ----------------------------------------------------------------------------- */

static const struct {
    const char *name, *train_file;
    int64_t train, dev;
} published[] = {
    {"mrpc", "MRPC/train.tsv", 3668, 408},
    {"sst2", "SST-2/train.tsv", 67349, 872},
    {"rte", "RTE/train.tsv", 2490, 277},
    {"cola", "CoLA/train.tsv", 8551, 1043},
};

static void published_tasks_have_their_published_sizes(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        char path[1024];
        CHECK_SHARED(published[i].train_file, path);
        *strrchr(path, '/') = '\0';
        task_options o = glue(published[i].name);
        o.data = path;
        task *t = open_task(lib, &o);
        assert_int_equal(t->splits[SPLIT_TRAIN].n, published[i].train);
        assert_int_equal(t->splits[SPLIT_DEV].n, published[i].dev);
        assert_int_equal(t->splits[SPLIT_TRAIN].skipped + t->splits[SPLIT_DEV].skipped, 0);
        assert_int_equal(t->n_labels, 2);
        task_close(t);
    }
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glue_columns_and_labels_are_known),
        cmocka_unit_test_setup(mnli_has_two_dev_sets_and_honours_the_models_order, set_up),
        cmocka_unit_test_setup(files_take_the_place_of_the_folders, set_up),
        cmocka_unit_test(malformed_glue_files_are_refused_in_words),
        cmocka_unit_test(published_tasks_have_their_published_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
