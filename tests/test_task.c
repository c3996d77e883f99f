/* Tasks: columns, labels and their mapping, splits.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "task/task.h"
#include "write_files.h"

#include <locale.h>
#include <unistd.h>

#define FOLDER "test_task_folder"
#define TRAIN  FOLDER "/train.tsv"
#define DEV    FOLDER "/dev.tsv"
#define TEST   FOLDER "/test.tsv"
#define CSV    FOLDER "/some.data.csv"
#define JSONL  FOLDER "/some.jsonl"

static void remove_files(void)
{
    static const char *const names[] = {
        TRAIN, DEV, TEST, CSV, JSONL, FOLDER "/dev_matched.tsv", FOLDER "/dev_mismatched.tsv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
}

static int set_up(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, FOLDER));
    idim_close(lib);
    remove_files();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_files();
    rmdir(FOLDER);
    return 0;
}

static task *open_task(idim *lib, const task_options *o)
{
    task *t = NULL;
    CHECK_OK(lib, task_open(lib, o, NULL, &t));
    return t;
}

static task_options glue(const char *name)
{
    task_options o = task_defaults();
    o.name = name;
    o.data = FOLDER;
    return o;
}

static task_options train_on(const char *path)
{
    task_options o = task_defaults();
    o.file[SPLIT_TRAIN] = path;
    return o;
}

/* ---- GLUE --------------------------------------------------------------------------------- */

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

/* ---- any file ------------------------------------------------------------------------------ */

static const struct {
    const char *file, *bytes, *text, *label; /* options */
    const char *names;                       /* label names, "" for regression */
    const char *labels;                      /* of the rows */
    const char *first, *second;              /* texts of the first row */
} any_files[] = {
    {CSV, "sentence,label\n\"a, b\",no\nc,yes\n", NULL, NULL, "no yes", "0 1", "a, b", NULL},
    {CSV, "label,text\nyes,a\nno,b\nyes,c\n", NULL, NULL, "no yes", "1 0 1", "a", NULL},
    {CSV, "sentence2,x,sentence1,label\nq,w,p,1\nq,w,p,0\n", NULL, NULL, "0 1", "1 0", "p", "q"},
    {CSV, "a,b,c,label\n1,2,3,x\n1,2,3,y\n", NULL, NULL, "x y", "0 1", "1", "2"},
    {CSV, "a,b,c,label\n1,2,3,x\n1,2,3,y\n", "c", NULL, "x y", "0 1", "3", NULL},
    {CSV, "a,b,c,label\n1,2,3,x\n1,2,3,y\n", "c,a", NULL, "x y", "0 1", "3", "1"},
    {CSV, "a,b,c\n1,2,3\n1,2,4\n", "a", "c", "3 4", "0 1", "1", NULL},
    {CSV, "text,label\na,10\nb,9\nc,-1\n", NULL, NULL, "-1 9 10", "2 1 0", "a", NULL},
    {CSV, "text,label\na,10\nb,9\nc,x\n", NULL, NULL, "10 9 x", "0 1 2", "a", NULL},
    {CSV, "text,label\na,1\nb,2.5\n", NULL, NULL, "", "1 2.5", "a", NULL},
    {CSV, "text,label\na,1.0\nb,-2e1\nc,.5\nd,3.\n", NULL, NULL, "", "1 -20 0.5 3", "a", NULL},
    {CSV, "text,label\na,1.0\nb,2.0.1\n", NULL, NULL, "1.0 2.0.1", "0 1", "a", NULL},
    {CSV, "text,label\na,1.0\nb,nan\n", NULL, NULL, "1.0 nan", "0 1", "a", NULL},
    {CSV, "text,label\na, x \nb,x\nc,\"y\"\n", NULL, NULL, "x y", "0 0 1", "a", NULL},
    {CSV, "text,label\n,x\nb,y\n", NULL, NULL, "x y", "0 1", "", NULL},
    {JSONL, "{\"text\":\"a\",\"label\":1}\n{\"label\":0,\"text\":\"b\"}\n", NULL, NULL, "0 1",
     "1 0", "a", NULL},
    {JSONL, "{\"text\":\"a\",\"label\":1.0}\n{\"label\":2,\"text\":\"b\"}\n", NULL, NULL, "", "1 2",
     "a", NULL},
    {JSONL, "{\"text\":\"a\",\"label\":true}\n{\"label\":false,\"text\":7}\n", NULL, NULL,
     "false true", "1 0", "a", NULL},
    {TRAIN, "text\tlabel\n\"a\"\tx\nb\ty\n", NULL, NULL, "x y", "0 1", "\"a\"", NULL},
};

static void columns_and_labels_are_found_by_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof any_files / sizeof any_files[0]; i++) {
        idim *lib = check_library(1);
        write_text(any_files[i].file, any_files[i].bytes);
        task_options o = train_on(any_files[i].file);
        o.text = any_files[i].text;
        o.label = any_files[i].label;
        task *t = open_task(lib, &o);
        const split *s = &t->splits[SPLIT_TRAIN];

        char names[128] = "", labels[128] = "";
        for (int64_t k = 0; t->label_name != NULL && k < t->n_labels; k++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k > 0 ? " " : "",
                     t->label_name[k]);
        for (int64_t k = 0; k < s->n; k++)
            snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%g",
                     k > 0 ? " " : "", (double)s->label[k]);
        assert_string_equal(names, any_files[i].names);
        assert_string_equal(labels, any_files[i].labels);
        assert_int_equal(t->kind, names[0] == '\0' ? TASK_REGRESSION : TASK_CLASSES);
        assert_int_equal(t->n_labels >= 2, names[0] != '\0');
        assert_string_equal(s->text[0], any_files[i].first);
        if (any_files[i].second != NULL)
            assert_string_equal(s->text[1], any_files[i].second);
        else
            assert_null(s->text[1]);
        task_close(t);
        idim_close(lib);
    }
}

static const struct {
    const char *file, *bytes, *text, *label;
    int status;
    const char *expected;
} refused[] = {
    {CSV, "text,label\n", NULL, NULL, IDIM_EFORMAT, CSV ": expected at least one row, found none"},
    {JSONL, "", NULL, NULL, IDIM_EFORMAT, JSONL ": expected at least one row, found none"},
    {CSV, "", NULL, NULL, IDIM_EFORMAT, "expected a header line"},
    {CSV, "text,labels\na,b\n", NULL, NULL, IDIM_EFORMAT,
     "label: expected a column 'label', found none of that name: did you mean 'labels'?"},
    {CSV, "text,label\na,b\n", "txt", NULL, IDIM_EFORMAT,
     "text: expected a column 'txt', found none of that name: did you mean 'text'?"},
    {CSV, "text,label\na,b\n", "text,txt", NULL, IDIM_EFORMAT, "did you mean 'text'?"},
    {CSV, "text,label\na,b\n", "a,b,c", NULL, IDIM_EARGUMENT, "expected one column or two"},
    {CSV, "text,label\na,b\n", "text", "lab", IDIM_EFORMAT, "did you mean 'label'?"},
    {CSV, "label\na\n", NULL, NULL, IDIM_EFORMAT, "text: expected a column beside the label"},
    {CSV, "text,text,label\na,b,c\n", "text", NULL, IDIM_EFORMAT, "expected one column 'text'"},
    {CSV, "text,label,label\na,b,c\n", NULL, NULL, IDIM_EFORMAT, "expected one column 'label'"},
    {CSV, "text,label\na,x\nb,x\n", NULL, NULL, IDIM_EFORMAT,
     "label: expected at least two classes, found only 'x'"},
    {CSV, "text,label\na,x\nb,\n", NULL, NULL, IDIM_EFORMAT,
     "line 3: label: expected a label, found an empty cell"},
    {CSV, "text,label\na,x\nb\n", NULL, NULL, IDIM_EFORMAT, "line 3: expected 2 cells"},
    {CSV, "text,label\na,1.5\nb,1e99\n", NULL, NULL, IDIM_EFORMAT,
     "line 3: label: expected a number, found '1e99'"},
    {JSONL, "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\"}\n", NULL, NULL, IDIM_EFORMAT,
     "line 2: label: expected a string or a number under 'label', found none"},
    {JSONL, "{\"text\":\"a\",\"label\":1}\n{\"text\":[\"b\"],\"label\":0}\n", NULL, NULL,
     IDIM_EFORMAT, "line 2: text: expected a string or a number under 'text', found none"},
    {JSONL, "{\"text\":\"a\",\"label\":\"x\\u0000\"}\n", NULL, NULL, IDIM_EFORMAT,
     "line 1: label: expected a label, found a zero byte"},
    {FOLDER "/table.txt", NULL, NULL, NULL, IDIM_EARGUMENT, "ends in .tsv, .csv or .jsonl"},
    {FOLDER "/absent.csv", NULL, NULL, NULL, IDIM_EIO, "absent.csv: cannot be opened"},
};

static void what_cannot_be_a_task_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        idim *lib = check_library(1);
        if (refused[i].bytes != NULL)
            write_text(refused[i].file, refused[i].bytes);
        task_options o = train_on(refused[i].file);
        o.text = refused[i].text;
        o.label = refused[i].label;
        task *t;
        int status = task_open(lib, &o, NULL, &t);
        if (status != refused[i].status || strstr(idim_error(lib), refused[i].expected) == NULL)
            fail_msg("%s: '%s'\n expected %d ...%s...\n found %d %s", refused[i].file,
                     refused[i].bytes, refused[i].status, refused[i].expected, status,
                     idim_error(lib));
        assert_null(t);
        idim_close(lib);
    }
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

static void impossible_requests_are_refused(void **state)
{
    (void)state;
    set_up(NULL);
    idim *lib = check_library(1);
    task *t;
    task_options o = glue("mprc");
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "did you mean mrpc?"));
    library_clear(lib);
    o = glue("mrpc");
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected train.tsv, dev.tsv or test.tsv, found none"));
    library_clear(lib);
    o.data = FOLDER "/none";
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EIO);
    library_clear(lib);
    o.data = NULL;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EARGUMENT);
    library_clear(lib);
    o.name = NULL;
    assert_int_equal(task_open(lib, &o, NULL, &t), IDIM_EARGUMENT);
    idim_close(lib);
}

/* ---- labels across splits and models --------------------------------------------------------- */

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

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        print_message("SKIPPED: locale de_DE.UTF-8 is absent\n");
        skip();
    }
    idim *lib = check_library(1);
    write_text(CSV, "text,label\na,1.5\n");
    task_options o = train_on(CSV);
    task *t = open_task(lib, &o);
    assert_true(t->splits[SPLIT_TRAIN].label[0] == 1.5f);
    task_close(t);
    setlocale(LC_ALL, "C");
    idim_close(lib);
}

static void max_samples_takes_the_first_rows(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_text(CSV, "text,label\na,x\nb,y\nc,z\n\"broken");
    task_options o = train_on(CSV);
    o.max_samples[SPLIT_TRAIN] = 2;
    task *t = open_task(lib, &o);
    assert_int_equal(t->splits[SPLIT_TRAIN].n, 2);
    assert_int_equal(t->n_labels, 2);
    task_close(t);
    idim_close(lib);
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
        cmocka_unit_test(columns_and_labels_are_found_by_rule),
        cmocka_unit_test(what_cannot_be_a_task_is_refused_in_words),
        cmocka_unit_test(malformed_glue_files_are_refused_in_words),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(a_label_only_dev_has_is_refused_with_its_line),
        cmocka_unit_test(without_a_train_split_all_labels_count),
        cmocka_unit_test(known_labels_are_used_where_they_cover_the_data),
        cmocka_unit_test(predict_needs_no_labels_and_no_rows),
        cmocka_unit_test(too_many_classes_are_refused),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(max_samples_takes_the_first_rows),
        cmocka_unit_test(published_tasks_have_their_published_sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
