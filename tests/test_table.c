/* Tables: what a cell is, and every way a file can be wrong.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "format/table.h"
#include "write_files.h"

#include <unistd.h>

#define TSV   "test_table.tsv"
#define CSV   "test_table.csv"
#define JSONL "test_table.jsonl"

/* every cell of every row as "line:a|b|c\n"; what is not there as "-" */
static int read_all(idim *lib, const char *path, table_format format, bool header, char *out,
                    size_t room)
{
    table *t;
    out[0] = '\0';
    TRY(table_open(lib, path, format, header, &t));
    int status = 0;
    size_t at = 0;
    for (bool more = true; status == 0;) {
        status = table_next(t, &more);
        if (status != 0 || !more)
            break;
        at += (size_t)snprintf(out + at, room - at, "%lld:", (long long)t->line);
        for (int64_t i = 0; i < t->n_cells; i++) {
            if (t->cell[i].text != NULL)
                assert_int_equal(t->cell[i].text[t->cell[i].length], 0);
            at += (size_t)snprintf(out + at, room - at, "%s%s", i > 0 ? "|" : "",
                                   t->cell[i].text != NULL ? t->cell[i].text : "-");
        }
        at += (size_t)snprintf(out + at, room - at, "\n");
    }
    table_close(t);
    return status;
}

static const struct {
    const char *path, *bytes;
    const char *expected;
} good[] = {
    {TSV, "a\tb\n1\t2\n", "2:1|2\n"},
    {TSV, "a\tb\r\n1\t2\r\n3\t4", "2:1|2\n3:3|4\n"},
    {TSV,
     "\xef\xbb\xbf"
     "a\tb\n1\t2\n",
     "2:1|2\n"},
    {TSV, "a\tb\n\t\n", "2:|\n"},
    {TSV, "a\tb\n\n1\t2\n\r\n\n3\t4\n\n", "3:1|2\n6:3|4\n"},
    {TSV, "a\tb\n\"1\t2\"\n", "2:\"1|2\"\n"},
    {TSV, "a\n1,2\n", "2:1,2\n"},
    {TSV, "a\tb\n", ""},
    {TSV, "a\tb", ""},
    {TSV, "a\n\xff\xfe\n", "2:\xff\xfe\n"},
    {CSV, "a,b\n1,2\n", "2:1|2\n"},
    {CSV, "a,b\r\n1,2\r\n\r\n3,4", "2:1|2\n4:3|4\n"},
    {CSV, "a,b\n\"1,\"\"x\"\"\",2\n", "2:1,\"x\"|2\n"},
    {CSV, "a,b\n\"one\ntwo\",2\n3,4\n", "2:one\ntwo|2\n4:3|4\n"},
    {CSV, "a,b\n\"\",\n", "2:|\n"},
    {CSV, "a,b\n1,", "2:1|\n"},
    {CSV, "a,b\n1,\"2\"", "2:1|2\n"},
    {CSV, "a,b\n1,\"2\"\r\n", "2:1|2\n"},
    {CSV, "\"a\",\"b\"\n1,2\n", "2:1|2\n"},
    {CSV, "a,b\nx\"y\",2\n", "2:x\"y\"|2\n"},
    {CSV, "a,b\n1\t2, 3 \n", "2:1\t2| 3 \n"},
    {JSONL, "{\"a\":\"1\",\"b\":2}\n", "1:1|2\n"},
    {JSONL, "{\"a\":\"1\",\"b\":2.0}\n\n{\"b\":true,\"a\":\"\"}", "1:1|2.0\n3:|true\n"},
    {JSONL, "{\"a\":\"x\",\"b\":null}\n{\"b\":{},\"c\":1}\n", "1:x|-\n2:-|-\n"},
    {JSONL, "{\"a\":[1,\"x\",true],\"b\":[]}\n{\"b\":[[1]],\"a\":[null]}\n",
     "1:1\037x\037true|\n2:-|-\n"},
    {JSONL, "{\"a\":\"\\u00e9\\n\\\"\",\"b\":-3}\r\n", "1:\xc3\xa9\n\"|-3\n"},
    {JSONL, "", ""},
    {JSONL, "\n\n", ""},
};

static void cells_are_what_the_format_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        idim *lib = check_library(1);
        char found[1024];
        write_text(good[i].path, good[i].bytes);
        int status = read_all(lib, good[i].path, TABLE_BY_NAME, true, found, sizeof found);
        if (status != 0 || strcmp(found, good[i].expected) != 0)
            fail_msg("%s: '%s'\n expected '%s'\n found '%s' (%d, %s)", good[i].path, good[i].bytes,
                     good[i].expected, found, status, idim_error(lib));
        idim_close(lib);
    }
}

static const struct {
    const char *path, *bytes;
    size_t n; /* 0: up to the zero byte */
    const char *expected;
} bad[] = {
    {TSV, "", 0, TSV ": expected a header line that names the columns, found an empty file"},
    {TSV, "\n\n", 0, "found an empty file"},
    {TSV, "\xef\xbb\xbf", 0, "found an empty file"},
    {TSV,
     "\xff\xfe"
     "a\0\n\0",
     6, "expected UTF-8, found UTF-16"},
    {TSV, "\xfe\xff\0a\0\n", 6, "expected UTF-8, found UTF-16"},
    {TSV, "a\tb\n1\n", 0, "line 2: expected 2 cells as in the header, found 1"},
    {TSV, "a\tb\n\n1\t2\t3\n", 0, "line 3: expected 2 cells as in the header, found 3"},
    {CSV, "", 0, "found an empty file"},
    {CSV, "a,b\n1\n", 0, "line 2: expected 2 cells as in the header, found 1"},
    {CSV, "a,b\n1,2,\n", 0, "line 2: expected 2 cells as in the header, found 3"},
    {CSV, "a,b\n1,\"2\n", 0, "line 2: expected a quote that closes the one opened here"},
    {CSV, "a,b\n\"1\n2\n3\"x,4\n", 0,
     "line 4: expected a comma or the line's end after a closing quote, found more text"},
    {CSV, "a,b\n\"1\" ,2\n", 0, "line 2: expected a comma or the line's end after a closing quote"},
    {CSV, "a,b\n\"1\"\r2,2\n", 0, "expected a comma or the line's end after a closing quote"},
    {CSV, "\"a", 0, "line 1: expected a quote that closes the one opened here"},
    {CSV, "a,b\n\"1\n\n\"\"", 0, "line 2: expected a quote that closes the one opened here"},
    {CSV, "a,b\n\"1\n2\",3\n4\n", 0, "line 4: expected 2 cells as in the header, found 1"},
    {JSONL, "1\n", 0, "line 1: column 1: expected a JSON object"},
    {JSONL, "[]\n", 0, "line 1: expected a JSON object, found a list"},
    {JSONL, "{\"a\":1}\n{\"a\":\n", 0, "line 2: column"},
    {JSONL, "{\"a\":1}\n\n{\"a\":1}}\n", 0, "line 3: column 8: expected a JSON object"},
    {JSONL, "{\"a\":1,\"a\":2}\n", 0, "line 1: column 10: expected a JSON object: duplicate"},
    {JSONL, "{\"a\":\"\xff\"}\n", 0, "line 1: column"},
    {JSONL, "{\"a\":\"\\ud800\"}\n", 0, "line 1: column"},
    {JSONL, "{\"a\":1e999}\n", 0, "line 1: column"},
    {JSONL, "{\"a\":NaN}\n", 0, "line 1: column"},
    {JSONL, "{'a':1}\n", 0, "line 1: column"},
    {JSONL, "{\"a\":1}{\"a\":2}\n", 0, "line 1: column"},
    {JSONL, "{\"a\":1}\0{\"a\":2}\n", 16, "line 1: column"},
    {JSONL, "{\"a\0b\":1}\n", 10, "line 1: column"},
    {JSONL, "\xff\xfe{\0}\0", 6, "expected UTF-8, found UTF-16"},
};

static void every_malformed_table_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        idim *lib = check_library(1);
        char found[1024];
        write_bytes(bad[i].path, bad[i].bytes, bad[i].n != 0 ? bad[i].n : strlen(bad[i].bytes));
        int status = read_all(lib, bad[i].path, TABLE_BY_NAME, true, found, sizeof found);
        if (status != IDIM_EFORMAT || strstr(idim_error(lib), bad[i].expected) == NULL ||
            strncmp(idim_error(lib), bad[i].path, strlen(bad[i].path)) != 0)
            fail_msg("%s: '%s'\n expected ...%s...\n found %d %s", bad[i].path, bad[i].bytes,
                     bad[i].expected, status, idim_error(lib));
        idim_close(lib);
    }
}

static void names_that_are_no_table_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"table.txt", "table", ".csv/x", "table.json", "a.tsv.gz"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        idim *lib = check_library(1);
        table *t;
        assert_int_equal(table_open(lib, names[i], TABLE_BY_NAME, true, &t), IDIM_EARGUMENT);
        assert_non_null(strstr(idim_error(lib), "ends in .tsv, .csv or .jsonl"));
        idim_close(lib);
    }
    idim *lib = check_library(1);
    table *t;
    assert_int_equal(table_open(lib, "test_table_absent.tsv", TABLE_BY_NAME, true, &t), IDIM_EIO);
    library_clear(lib);
    assert_int_equal(table_open(lib, ".", TABLE_TSV, true, &t), IDIM_EIO);
    idim_close(lib);
}

static void ragged_rows_and_no_header_are_allowed_where_asked(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char found[256];
    write_text(TSV, "a\tb\n1\n1\t2\t3\n");
    CHECK_OK(lib, read_all(lib, TSV, TABLE_RAGGED_TSV, true, found, sizeof found));
    assert_string_equal(found, "2:1\n3:1|2|3\n");
    CHECK_OK(lib, read_all(lib, TSV, TABLE_TSV, false, found, sizeof found));
    assert_string_equal(found, "1:a|b\n2:1\n3:1|2|3\n");
    write_text(TSV, "");
    CHECK_OK(lib, read_all(lib, TSV, TABLE_TSV, false, found, sizeof found));
    assert_string_equal(found, "");
    idim_close(lib);
}

static void zero_bytes_are_part_of_a_cell(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static const struct {
        const char *path, *bytes;
        size_t n;
    } files[] = {{TSV, "a\nx\0y\n", 6},
                 {CSV, "a\nx\0y\n", 6},
                 {CSV, "a\n\"x\0y\"\n", 8},
                 {JSONL, "{\"a\":\"x\\u0000y\"}", 16}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        table *t;
        bool more;
        write_bytes(files[i].path, files[i].bytes, files[i].n);
        CHECK_OK(lib, table_open(lib, files[i].path, TABLE_BY_NAME, true, &t));
        CHECK_OK(lib, table_next(t, &more));
        assert_true(more && t->n_cells == 1);
        assert_int_equal(t->cell[0].length, 3);
        assert_memory_equal(t->cell[0].text, "x\0y", 4);
        table_close(t);
    }
    idim_close(lib);
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    table *t;
    write_text(JSONL, "\n{\"text\":\"a\",\"label\":1}\n");
    CHECK_OK(lib, table_open(lib, JSONL, TABLE_BY_NAME, true, &t));
    assert_int_equal(table_find(t, "text"), 0);
    assert_int_equal(table_find(t, "label"), 1);
    assert_int_equal(table_find(t, "labels"), -1);
    assert_int_equal(strlen(t->sha256), 64);
    table_close(t);
    idim_close(lib);
}

static void too_many_columns_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static char bytes[TABLE_MAX_COLUMNS + 2];
    memset(bytes, '\t', TABLE_MAX_COLUMNS);
    write_text(TSV, bytes);
    table *t;
    assert_int_equal(table_open(lib, TSV, TABLE_TSV, true, &t), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "line 1: expected at most 10000 cells, found more"));
    idim_close(lib);
}

static void a_line_of_twenty_megabytes_is_one_cell(void **state)
{
    (void)state;
    enum { LONG = 20 << 20 };
    static const struct {
        const char *path, *before, *after;
    } files[] = {{TSV, "a\n", "\n"}, {CSV, "a\n", "\n"}, {JSONL, "{\"a\":\"", "\"}\n"}};
    idim *lib = check_library(1);
    char *bytes = malloc(LONG + 16);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t before = strlen(files[i].before), after = strlen(files[i].after);
        memcpy(bytes, files[i].before, before);
        memset(bytes + before, 'x', LONG);
        memcpy(bytes + before + LONG, files[i].after, after);
        write_bytes(files[i].path, bytes, before + LONG + after);
        table *t;
        bool more;
        CHECK_OK(lib, table_open(lib, files[i].path, TABLE_BY_NAME, true, &t));
        CHECK_OK(lib, table_next(t, &more));
        assert_int_equal(t->cell[0].length, LONG);
        CHECK_OK(lib, table_next(t, &more));
        assert_false(more);
        table_close(t);
    }
    free(bytes);
    idim_close(lib);
}

static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *bytes;
    } files[] = {{TSV, "\xef\xbb\xbftext\tlabel\r\none two\ta\n\nthree\tb\n"},
                 {CSV, "text,label\r\n\"one, \"\"two\"\"\",a\n\nthr\"ee,\"b\nc\"\n"},
                 {JSONL, "{\"text\":\"one\\ud83d\\ude00\",\"label\":1.5}\n{\"label\":-2}\n"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (size_t n = 0; n <= strlen(files[i].bytes); n++) {
            idim *lib = check_library(1);
            char found[1024];
            write_bytes(files[i].path, files[i].bytes, n);
            int status = read_all(lib, files[i].path, TABLE_BY_NAME, true, found, sizeof found);
            assert_true(status == 0 || (status == IDIM_EFORMAT && idim_error(lib)[0] != '\0'));
            idim_close(lib);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_what_the_format_says),
        cmocka_unit_test(every_malformed_table_is_refused_in_words),
        cmocka_unit_test(names_that_are_no_table_are_refused),
        cmocka_unit_test(ragged_rows_and_no_header_are_allowed_where_asked),
        cmocka_unit_test(zero_bytes_are_part_of_a_cell),
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(too_many_columns_are_refused),
        cmocka_unit_test(a_line_of_twenty_megabytes_is_one_cell),
        cmocka_unit_test(every_truncation_is_read_or_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(TSV);
    unlink(CSV);
    unlink(JSONL);
    return failed;
}
