/* Tasks from any file: columns, splits, what is refused.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_task_folder"
#include "task_files.h"

#include <locale.h>

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
    {CSV, "text,label\na,1.0\nb,nano\n", NULL, NULL, "1.0 nano", "0 1", "a", NULL},
    {CSV, "text,label\na,1\nb,nan\n", NULL, NULL, "1 nan", "0 1", "a", NULL},
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
     "label: expected a column 'label', found 'text', 'labels'"},
    {CSV, "text,label\na,b\n", "txt", NULL, IDIM_EFORMAT,
     "text: expected a column 'txt', found 'text', 'label'"},
    {CSV, "text,label\na,b\n", "text,txt", NULL, IDIM_EFORMAT,
     "expected a column 'txt', found 'text', 'label'"},
    {CSV, "text,label\na,b\n", "a,b,c", NULL, IDIM_EARGUMENT, "expected one column or two"},
    {CSV, "text,label\na,b\n", "text", "lab", IDIM_EFORMAT,
     "expected a column 'lab', found 'text', 'label'"},
    {CSV, "label\na\n", NULL, NULL, IDIM_EFORMAT, "text: expected a column beside the label"},
    {CSV, "text,text,label\na,b,c\n", "text", NULL, IDIM_EFORMAT, "expected one column 'text'"},
    {CSV, "text,label,label\na,b,c\n", NULL, NULL, IDIM_EFORMAT, "expected one column 'label'"},
    {CSV, "text,label\na,x\nb,x\n", NULL, NULL, IDIM_EFORMAT,
     "label: expected at least two classes, found only 'x'"},
    {CSV, "text,label\na,x\nb,\n", NULL, NULL, IDIM_EFORMAT,
     "line 3: label: expected a label, found an empty cell"},
    {CSV, "text,label\na,x\nb\n", NULL, NULL, IDIM_EFORMAT, "line 3: expected 2 cells"},
    {CSV, "text;label\na;b\n", NULL, NULL, IDIM_EFORMAT,
     "found 'text;label': cells of a .csv file are separated by commas"},
    {CSV, "text\tlabel\na\tb\n", NULL, NULL, IDIM_EFORMAT,
     "found 'text?label': cells of a .csv file are separated by commas (tabs: name it .tsv)"},
    {FOLDER "/some.tsv", "text,label\na,b\n", NULL, NULL, IDIM_EFORMAT,
     "found 'text,label': cells of a .tsv file are separated by tabs"},
    {CSV, "a\033[2J\377,b\n1,2\n", NULL, NULL, IDIM_EFORMAT, "found 'a?[2J\357\277\275', 'b'"},
    {CSV, "a,b,c,d,e,f,g,h,i,j\n", NULL, NULL, IDIM_EFORMAT, "'g', 'h' and 2 more"},
    {CSV, "text,label\na,b\n", "label", NULL, IDIM_EARGUMENT,
     "expected columns beside the label 'label', found the label among them"},
    {CSV, "text,label\na,b\n", "text,label", NULL, IDIM_EARGUMENT, "the label among them"},
    {CSV, "text,label\na,nan\nb,1.5\n", NULL, NULL, IDIM_EFORMAT,
     "line 2: label: expected a number, found 'nan'"},
    {CSV, "text,label\na,1.5\nb,-Inf\n", NULL, NULL, IDIM_EFORMAT,
     "line 3: label: expected a number, found '-Inf'"},
    {CSV, "text,label\na,1.5\nb,1e99\n", NULL, NULL, IDIM_EFORMAT,
     "line 3: label: expected a number, found '1e99'"},
    {JSONL, "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\"}\n", NULL, NULL, IDIM_EFORMAT,
     "line 2: label: expected a string or a number under 'label', found none"},
    {JSONL, "{\"text\":\"a\",\"label\":1}\n{\"text\":[\"b\"],\"label\":0}\n", NULL, NULL,
     IDIM_EFORMAT, "line 2: text: expected a string or a number under 'text', found none"},
    {JSONL, "{\"text\":\"a\",\"label\":\"x\\u0000\"}\n", NULL, NULL, IDIM_EFORMAT,
     "line 1: label: expected a label, found a zero byte"},
    {FOLDER "/table.txt", NULL, NULL, NULL, IDIM_EARGUMENT, "ends in .tsv, .csv or .jsonl"},
    {FOLDER "/some.json", NULL, NULL, NULL, IDIM_EARGUMENT, "(one object a line: .jsonl)"},
    {FOLDER, NULL, NULL, NULL, IDIM_EIO, "expected a .tsv, .csv or .jsonl file, found a folder"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_and_labels_are_found_by_rule),
        cmocka_unit_test(what_cannot_be_a_task_is_refused_in_words),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(max_samples_takes_the_first_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
