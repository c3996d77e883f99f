/* What the report says of what is shipped: bytes of adapters, bounds, and the table of both.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_report_shipped.tmp"
#include "report_page.h"

static int count_of(const char *text, const char *fragment)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, fragment)) != NULL; at++)
        n++;
    return n;
}

/* the figure with this title, alone; the rest of the page is lost */
static char *figure_of(char *page, const char *title)
{
    char *figure = strstr(page, title), *end = figure != NULL ? strstr(figure, "</svg>") : NULL;
    if (end == NULL)
        fail_msg("expected a figure \"%s\", found none", title);
    *end = '\0';
    return figure;
}

static void adapters_with_bytes_are_shown_and_none_is_no_section(void **state)
{
    (void)state;
    char *page = page_of(&said, 1);
    says(page, "bytes of the adapter (log)");
    free(page);
    idim *lib = check_library(1);
    for (unsigned i = 0; i < 30; i++) {
        char path[96];
        snprintf(path, sizeof path, FOLDER "/runs/%08x%08x/record.json", i * 2654435761u, i);
        remove(path);
    }
    CHECK_OK(lib, report_write_page(lib, FOLDER));
    page = read_all(FOLDER "/report.html");
    assert_null(strstr(page, "bytes of the adapter (log)"));
    free(page);
    idim_close(lib);
}

static void coded_cells_show_bytes_and_bounds_in_one_place(void **state)
{
    (void)state;
    study_cell_plan cells[2] = {said, said};
    cells[1].variation = "3 bits a number";
    cells[1].coded = 1;
    char *page = page_of(cells, 2);
    const char *figure = strstr(page, "<title>Bound against held-out error</title>");
    assert_non_null(figure);
    /* one figure and one table for the plain and the coded cell */
    assert_null(strstr(figure + 1, "<title>Bound against held-out error</title>"));
    says(figure, "bound on the error, %");
    says(figure, "majority 50.0");
    says(page, "<span class='s0'><i></i>said</span>");
    says(page, "<span class='s1'><i></i>said, 3 bits a number</span>");
    says(figure, "<th scope='col' class='n'>held-out error</th>");
    /* d = 100 of the coded cell: 170 bytes, 1,000 bits */
    says(figure, "<tr><td class='n'>100</td><td class='n'>3</td><td class='n'>170</td>");
    says(figure, "<td class='n'>1,000</td>");
    says(figure, "<td class='n'><strong>");
    free(page);

    idim *lib = check_library(1);
    CHECK_OK(lib, idim_report(lib, FOLDER));
    char *runs = read_all(FOLDER "/figures/runs.csv");
    says(runs, "adapter_bytes,uncoded_score,code_bits,train_error,bound,held_out_error,error\n");
    says(runs, ",170,");
    free(runs);
    char *data = read_all(FOLDER "/figures/bound-small-reviews-3-bits-a-number.csv");
    says(data, "series,kind,x,y,low,high\n0,run,");
    free(data);
    idim_close(lib);
}

/* the majority's score may be no accuracy: 0 for matthews, for which its error is not 1 */
static void bounds_are_compared_with_the_error_that_the_record_gives(void **state)
{
    (void)state;
    static const struct {
        double error;
        const char *line; /* of the figure; NULL: none */
        bool beaten;
    } cases[] = {{0.01, "majority 1.0<", false}, {0.97, "majority 97.0<", true}, {-1, NULL, false}};
    static const char *const metrics[] = {"matthews", "f1"};
    for (int i = 0; i < 6; i++) {
        study_cell_plan plan = said;
        plan.coded = 1;
        plan.metric = metrics[i / 3];
        plan.majority = i / 3 ? 0.6 : 0;
        plan.majority_error = cases[i % 3].error;
        char *page = page_of(&plan, 1);
        char *figure = strstr(page, "<title>Bound against held-out error</title>");
        assert_non_null(figure);
        assert_true((strstr(figure, "<td class='n'><strong>") != NULL) == cases[i % 3].beaten);
        char *end = strstr(figure, "</svg>");
        assert_non_null(end);
        *end = '\0';
        assert_true((strstr(figure, ">majority ") != NULL) == (cases[i % 3].line != NULL));
        if (cases[i % 3].line != NULL)
            says(figure, cases[i % 3].line);
        free(page);
    }
}

static void plain_cells_have_no_columns_of_coding(void **state)
{
    (void)state;
    char *page = page_of(&said, 1);
    says(page, "<th scope='col' class='n'>bytes</th>");
    assert_null(strstr(page, "held-out error"));
    free(page);
}

static void what_is_shipped_is_of_the_rates_that_count(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    study_cell_plan plan = said;
    plan.coded = 1;
    begin();
    study_folder_write(FOLDER, &plan, 1);
    /* the second d becomes the first at another rate */
    change(FOLDER "/measure.json", "{\"dim\":32,",
           "{\"counts\":false,\"learning_rate\":0.25,\"dim\":10,");
    CHECK_OK(lib, idim_report(lib, FOLDER));
    char *page = read_all(FOLDER "/report.html");
    char *section = strstr(page, "<h2>Size of what is shipped</h2>");
    assert_non_null(section);
    says(section, "Means over the runs of one d, at the rate that counts.");
    assert_int_equal(count_of(section, "<tr><td class='n'>10</td>"), 1);
    assert_int_equal(count_of(section, "<tr><td class='n'>"), 7);
    assert_int_equal(count_of(section, "<td class='n'>102</td>"), 0); /* bytes of d = 32 */
    free(page);
    static const char *const titles[] = {"<title>Score against the bytes",
                                         "<title>Bound against held-out error</title>"};
    static const char *const files[] = {FOLDER "/figures/bytes-small-reviews.csv",
                                        FOLDER "/figures/bound-small-reviews.csv"};
    for (int i = 0; i < 2; i++) {
        page = read_all(FOLDER "/report.html");
        assert_int_equal(count_of(figure_of(page, titles[i]), "<circle class='run'"), 21);
        free(page);
        page = read_all(files[i]);
        assert_int_equal(count_of(page, "\n0,run,"), 21);
        free(page);
    }
    idim_close(lib);
}

/* cells of one group may be of other base weights or precision, with another full fine-tuning */
static void a_level_is_drawn_where_all_that_is_shown_shares_it(void **state)
{
    (void)state;
    static const char *const words[] = {"full 87.6<", "target 78.8<"};
    static const char *const lines[] = {"title 'full fine-tuning ", "title 'target "};
    idim *lib = check_library(1);
    for (int i = 0; i < 4; i++) {
        study_cell_plan cells[2] = {said, said};
        cells[1].method = i % 2 ? "did" : "said";
        cells[1].variation = i % 2 ? "" : "precision bf16";
        cells[1].full = i < 2 ? said.full : 0.9;
        begin();
        study_folder_write(FOLDER, cells, 2);
        CHECK_OK(lib, idim_report(lib, FOLDER));
        char *page = read_all(FOLDER "/report.html");
        char *figure = figure_of(page, "<title>Score against the bytes");
        char *script = read_all(FOLDER "/figures/bytes-small-reviews.gp");
        for (int k = 0; k < 2; k++) {
            assert_int_equal(count_of(figure, words[k]), i < 2);
            /* the file is of one variation */
            assert_int_equal(count_of(script, lines[k]), i != 3);
        }
        assert_int_equal(count_of(figure, "class='level"), i < 2 ? 2 : 0);
        free(page);
        free(script);
    }
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_with_bytes_are_shown_and_none_is_no_section),
        cmocka_unit_test(coded_cells_show_bytes_and_bounds_in_one_place),
        cmocka_unit_test(bounds_are_compared_with_the_error_that_the_record_gives),
        cmocka_unit_test(plain_cells_have_no_columns_of_coding),
        cmocka_unit_test(what_is_shipped_is_of_the_rates_that_count),
        cmocka_unit_test(a_level_is_drawn_where_all_that_is_shown_shares_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
