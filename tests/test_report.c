/* The report of a study folder: what the page says, what it names, and what is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "measure/report.h"
#include "study_folder.h"
#include "write_files.h"

#define FOLDER "test_report.tmp"

static void begin(void)
{
    if (system("rm -rf " FOLDER) != 0)
        abort();
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s: absent", path);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)n, f), n);
    fclose(f);
    return text;
}

static void says(const char *text, const char *fragment)
{
    if (strstr(text, fragment) == NULL)
        fail_msg("expected \"%s\" in the page, found none", fragment);
}

static char *page_of(const study_cell_plan *plan, int n)
{
    idim *lib = check_library(1);
    begin();
    study_folder_write(FOLDER, plan, n);
    CHECK_OK(lib, report_write_page(lib, FOLDER));
    idim_close(lib);
    return read_all(FOLDER "/report.html");
}

static const study_cell_plan said = {"models/small", "reviews", "said", "", NULL, 22713986, 0, 172,
                                     0.876,          0.5,       1};

static void the_answer_comes_first(void **state)
{
    (void)state;
    char *page = page_of(&said, 1);
    const char *answer = strstr(page, "small needs about 170 numbers (95 % interval 120 to 260) "
                                      "out of 22.7 million to reach 90 % of full fine-tuning on "
                                      "reviews, trained with said.");
    assert_non_null(answer);
    const char *heading = strstr(page, "<h1>");
    assert_non_null(heading);
    assert_true(answer == heading + 4);
    free(page);
}

static void every_number_names_its_records(void **state)
{
    (void)state;
    char *page = page_of(&said, 1);
    /* 6 baseline runs and 24 in the subspace */
    for (unsigned i = 0; i < 30; i++) {
        char link[80];
        snprintf(link, sizeof link, "href='runs/%08x%08x/record.json'", i * 2654435761u, i);
        says(page, link);
    }
    says(page, "<a href='#c1-full'>87.6 %</a>");
    says(page, "id='c1-full'");
    says(page, "<a href='#c1-points'>170 (120 to 260)</a>");
    says(page, "id='c1-points'");
    free(page);
}

static void hostile_names_are_escaped(void **state)
{
    (void)state;
    study_cell_plan plan = said;
    plan.model = "m/<script>alert(1)</script>\\u0007";
    plan.task = "a'b\\\"c&d";
    plan.method = "sa<id";
    plan.variation = "x' onload='y";
    char *page = page_of(&plan, 1);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "a'b"));
    assert_null(strstr(page, "sa<id"));
    assert_null(strstr(page, "x' onload"));
    assert_null(strchr(page, 7));
    says(page, "a&#39;b&quot;c&amp;d");
    says(page, "sa&lt;id");
    free(page);
}

static void same_folder_same_bytes(void **state)
{
    (void)state;
    char *first = page_of(&said, 1), *second = page_of(&said, 1);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void a_cell_without_answer_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *status, *words;
    } cases[] = {
        {"not_reached", "did not reach 90 % of full fine-tuning on reviews, with d between 10 and "
                        "100,000"},
        {"below_range", "needs fewer numbers than were tried"},
        {"full_below_majority", "full fine-tuning does not beat the majority class"},
        {"target_below_majority", "no more than always giving the majority class"},
        {"unstable", "the runs are too unstable"},
        {"incomplete", "the study is not finished"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        study_cell_plan plan = said;
        plan.status = cases[i].status;
        char *page = page_of(&plan, 1);
        says(page, cases[i].words);
        says(page, "a reason for the tests");
        assert_null(strstr(page, "needs about"));
        free(page);
    }
}

int main(int n, char **arguments)
{
    if (n == 2) { /* a folder to look at */
        study_folder_write(arguments[1], &said, 1);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_comes_first),
        cmocka_unit_test(every_number_names_its_records),
        cmocka_unit_test(hostile_names_are_escaped),
        cmocka_unit_test(same_folder_same_bytes),
        cmocka_unit_test(a_cell_without_answer_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
