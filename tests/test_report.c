/* The report of a study folder: what the page says, what it names, and what is refused.
 *
 * SPDX-License-Identifier: MIT */
#define FOLDER "test_report.tmp"
#include "failing_memory.h"
#include "measure/report_figure.h"
#include "measure/report_rank.h"
#include "report_page.h"
#include "write_files.h"

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

/* ---- what is refused ------------------------------------------------------------------------- */

static void damaged_files_are_refused_with_their_place(void **state)
{
    (void)state;
#define MEASURE "measure.json"
#define RECORD  "runs/0000000000000000/record.json"
#define LOG     "runs/0000000000000000/log.jsonl"
    static const struct {
        const char *file, *old, *new;
        int status;
        const char *sentence;
    } cases[] = {
        {MEASURE, "{\"schema\"", "{{", IDIM_EFORMAT, "measure.json:1:"},
        {MEASURE, "idim.measure/1", "idim.run/1", IDIM_EFORMAT,
         "measure.json: schema: expected \"idim.measure/1\", found \"idim.run/1\""},
        {MEASURE, "idim.measure/1", "idim.measure/2", IDIM_EUNSUPPORTED,
         "schema 'idim.measure/2' is not supported by this version"},
        {MEASURE, "\"complete\":true", "\"complete\":1", IDIM_EFORMAT,
         "complete: expected true or false, found 1"},
        {MEASURE, "\"cells\":[", "\"cell\":[", IDIM_EFORMAT,
         "cells: expected a list, found nothing"},
        {MEASURE, "\"cells\":[", "\"cells\":[3,", IDIM_EFORMAT,
         "cells[0]: expected an object, found 3"},
        {MEASURE, "\"model\":\"models/small\"", "\"model\":null", IDIM_EFORMAT,
         "cells[0].model: expected a string, found null"},
        {MEASURE, "\"task\":", "\"tusk\":", IDIM_EFORMAT,
         "cells[0].task: expected a string, found nothing"},
        {MEASURE, "\"status\":\"ok\"", "\"status\":\"good\"", IDIM_EFORMAT,
         "cells[0].status: expected one of ok|not_reached|below_range|full_below_majority|"
         "target_below_majority|unstable|incomplete, found \"good\""},
        {MEASURE, "\"d90\":172.00", "\"d90\":null", IDIM_EFORMAT,
         "cells[0].d90: expected a number above 0, for the status is ok, found null"},
        {MEASURE, "\"d90\":172.00", "\"d90\":-1", IDIM_EFORMAT,
         "cells[0].d90: expected a number between 0 and 1e+15, found -1"},
        {MEASURE, "\"parameters\":22713986", "\"parameters\":1e99", IDIM_EFORMAT,
         "cells[0].parameters: expected an integer between 0 and"},
        {MEASURE, "\"majority\":0.50000", "\"majority\":\"half\"", IDIM_EFORMAT,
         "cells[0].majority: expected a number between -1e+15 and 1e+15, found \"half\""},
        {MEASURE, "\"threshold\":0.9", "\"threshold\":90", IDIM_EFORMAT,
         "cells[0].search.threshold: expected a number between 0 and 1, found 90"},
        {MEASURE, "\"search\":{", "\"search\":[],\"other\":{", IDIM_EFORMAT,
         "cells[0].search: expected an object, found a list"},
        {MEASURE, "\"names\":[\"", "\"names\":[\"../", IDIM_EFORMAT,
         "cells[0].full.names[0]: expected the name of a run"},
        {MEASURE, "\"names\":[", "\"names\":[7,", IDIM_EFORMAT,
         "cells[0].full.names[0]: expected a string, found 7"},
        {MEASURE, "\"full\":{", "\"full\":[],\"none\":{", IDIM_EFORMAT,
         "cells[0].full: expected an object, found a list"},
        {MEASURE, "\"points\":[", "\"points\":{},\"none\":[", IDIM_EFORMAT,
         "cells[0].points: expected a list, found an object"},
        {MEASURE, "{\"dim\":10,", "{\"dim\":0,", IDIM_EFORMAT,
         "cells[0].points[0].dim: expected a number above 0, found 0"},
        {MEASURE, "\"scores\":[", "\"scores\":[\"x\",", IDIM_EFORMAT,
         "cells[0].points[0].scores[0]: expected a number"},
        {MEASURE, "\"corrected\":{\"status\":\"ok\"", "\"corrected\":{\"state\":\"ok\"",
         IDIM_EFORMAT, "cells[0].corrected.status: expected a string, found nothing"},
        {MEASURE, "\"linearised\":{\"points\"", "\"linearised\":{\"seconds\":\"1\",\"points\"",
         IDIM_EFORMAT, "duplicate"},
        {MEASURE, "\"checkpoint_step\":null", "\"checkpoint_step\":\"last\"", IDIM_EFORMAT,
         "cells[0].checkpoint_step: expected a number"},
        {RECORD, "idim.run/1", "idim.walk/1", IDIM_EFORMAT, "record.json: schema: expected"},
        {RECORD, "idim.run/1", "idim.run/9", IDIM_EUNSUPPORTED, "record.json: schema 'idim.run/9'"},
        {RECORD, "\"steps\":90", "\"steps\":-90", IDIM_EFORMAT, "record.json: steps: expected"},
        {RECORD, "\"accuracy\":0", "\"accuracy\":\"x\",\"f1\":0", IDIM_EFORMAT,
         "record.json: eval.dev.accuracy: expected a number"},
        {RECORD, "{\"schema\"", "", IDIM_EFORMAT, "record.json:1:"},
        {LOG, "\"step\":3,", "\"stop\":3,", IDIM_EFORMAT,
         "log.jsonl: line 3: step: expected a number between 0 and 1e+15, found nothing"},
        {LOG, "{\"step\":2", "\"step\":2", IDIM_EFORMAT, "log.jsonl: line 2:1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[128];
        idim *lib = check_library(1);
        begin();
        study_folder_write(FOLDER, &said, 1);
        snprintf(path, sizeof path, FOLDER "/%s", cases[i].file);
        change(path, cases[i].old, cases[i].new);
        int status = report_write_page(lib, FOLDER);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].sentence) == NULL)
            fail_msg("%s to %s: expected %d \"%s\", found %d \"%s\"", cases[i].old, cases[i].new,
                     cases[i].status, cases[i].sentence, status, idim_error(lib));
        idim_close(lib);
    }
}

/* thorough tries each d at several rates, of which one counts */
static void rates_that_do_not_count_are_told_apart(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    begin();
    study_folder_write(FOLDER, &said, 1);
    CHECK_OK(lib, report_write_page(lib, FOLDER));
    char *page = read_all(FOLDER "/report.html");
    assert_null(strstr(page, "class='other'"));
    assert_null(strstr(page, "Small rings"));
    free(page);

    change(FOLDER "/" MEASURE, "\"points\":[{\"dim\":10,",
           "\"points\":[{\"counts\":false,\"learning_rate\":0.0123456,\"dim\":10,");
    change(FOLDER "/" MEASURE, "{\"dim\":32,",
           "{\"counts\":true,\"learning_rate\":0.25,\"dim\":32,");
    CHECK_OK(lib, idim_report(lib, FOLDER));
    page = read_all(FOLDER "/report.html");
    says(page, "Small rings are runs at learning rates that did not count");
    says(page, "class='other'");
    says(page, "d = 10<br><span class='soft'>rate 0.0123</span>");
    says(page, "d = 32<br><span class='soft'>rate 0.25, counts</span>");
    free(page);
    char *text = read_all(FOLDER "/figures/points.csv");
    says(text, ",10,0.0123456,no,");
    says(text, ",32,0.25,yes,");
    free(text);
    text = read_all(FOLDER "/figures/score-small-reviews.csv");
    says(text, "0,other rate,10,");
    assert_null(strstr(text, "0,mean,10,"));
    says(text, "0,mean,32,");
    free(text);
    idim_close(lib);
}

static void a_folder_that_is_none_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    begin();
    assert_int_equal(report_write_page(lib, FOLDER), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected the folder of a study, found nothing"));
    library_clear(lib);
    write_text(FOLDER, "x");
    assert_int_equal(idim_report(lib, FOLDER), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected the folder of a study, found a file"));
    library_clear(lib);
    begin();
    mkdir(FOLDER, 0777);
    assert_int_equal(report_write_page(lib, FOLDER), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "measure.json"));
    idim_close(lib);
}

static void runs_under_way_and_runs_without_a_folder_are_no_error(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    begin();
    study_folder_write(FOLDER, &said, 1);
    assert_int_equal(remove(FOLDER "/runs/0000000000000000/record.json"), 0);
    CHECK_OK(lib, report_write_page(lib, FOLDER));
    char *page = read_all(FOLDER "/report.html");
    says(page, "<code>00000000</code> (not in this folder)");
    says(page, "From 29 finished runs");
    free(page);
    idim_close(lib);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void figures_hold_the_numbers_and_hostile_names_stay_text(void **state)
{
    (void)state;
    study_cell_plan plan = said;
    plan.model = "m/50%_a&b$c";
    plan.task = "it's `date` | \\\"x\\\", @y";
    idim *lib = check_library(1);
    begin();
    study_folder_write(FOLDER, &plan, 1);
    CHECK_OK(lib, idim_report(lib, FOLDER));
    assert_non_null(strstr(idim_result(lib), "\"schema\": \"idim.report/1\"") != NULL
                        ? idim_result(lib)
                        : strstr(idim_result(lib), "\"schema\":\"idim.report/1\""));

    char *text = read_all(FOLDER "/figures/table.tex");
    says(text, "50\\%\\_a\\&b\\$c & it's `date`");
    says(text, "170 (120 to 260)");
    free(text);
    text = read_all(FOLDER "/figures/table.md");
    says(text, "it's \\`date\\` \\| ");
    free(text);
    text = read_all(FOLDER "/figures/cells.csv");
    says(text,
         "1,m/50%_a&b$c,\"it's `date` | \"\"x\"\", @y\",said,,ok,,accuracy,22713986,,8000,1173,");
    free(text);
    text = read_all(FOLDER "/figures/score-50-a-b-c-it-s-date-x-y.gp");
    says(text, "on it''s `date` | \"x\", @y'\n");
    free(text);
    text = read_all(FOLDER "/figures/points.csv");
    says(text, "1,m/50%_a&b$c,");
    free(text);
    idim_close(lib);
}

static void pictures_are_the_same_bytes_twice_where_gnuplot_is(void **state)
{
    (void)state;
    static const char *const endings[] = {"svg", "png", "pdf"};
    char *first[3];
    for (int round = 0; round < 2; round++) {
        idim *lib = check_library(1);
        begin();
        study_folder_write(FOLDER, &said, 1);
        CHECK_OK(lib, idim_report(lib, FOLDER));
        if (strstr(idim_result(lib), "gnuplot is not installed") != NULL) {
            print_message("SKIPPED: gnuplot is not installed\n");
            idim_close(lib);
            skip();
        }
        idim_close(lib);
        for (int i = 0; i < 3; i++) {
            char path[96];
            snprintf(path, sizeof path, FOLDER "/figures/score-small-reviews.%s", endings[i]);
            char *bytes = read_all(path);
            if (round == 0) {
                first[i] = bytes;
                continue;
            }
            /* a PNG holds zero bytes: its head is compared, texts whole */
            assert_string_equal(bytes, first[i]);
            free(bytes);
            free(first[i]);
        }
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void labels_stay_apart_within_bounds_and_free_ones_do_not_move(void **state)
{
    (void)state;
    double at[] = {10, 50, 52, 53, 200, 297, 299}, before[7];
    memcpy(before, at, sizeof at);
    labels_spread(at, 7, 15, 0, 300);
    for (int i = 1; i < 7; i++)
        assert_true(at[i] - at[i - 1] >= 15 - 1e-9);
    assert_true(at[0] >= 0 && at[6] <= 300);
    assert_true(at[0] == before[0] && at[4] == before[4]);
    /* three that want the same place share it: their middle stays */
    assert_true(fabs(at[2] - (50 + 52 + 53) / 3.0) < 1e-9);
}

static void ticks_are_round_rising_and_inside(void **state)
{
    (void)state;
    static const axis axes[] = {
        {48.2, 91.7, 0, 100, false}, {0.001, 0.0032, 0, 100, false}, {8, 13000, 0, 100, true},
        {21, 6000, 0, 100, true},    {92, 490, 0, 100, true},        {99, 101, 0, 100, true},
        {1, 1e15, 0, 100, true},     {-3, 5e6, 0, 100, false},
    };
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
        double tick[MOST_TICKS];
        int64_t n = axis_ticks(&axes[i], 6, tick);
        assert_true(n >= 2 && n <= 16);
        for (int64_t k = 0; k < n; k++) {
            double slack = 1e-6 * fabs(axes[i].high);
            assert_true(tick[k] >= axes[i].low - slack && tick[k] <= axes[i].high + slack);
            assert_true(k == 0 || tick[k] > tick[k - 1]);
        }
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* without gnuplot, which is not what is tested; one allocation in 37, for the time it takes */
static void every_failed_allocation_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    enum { STRIDE = 37 };
    study_cell_plan plan[3] = {said, said, said};
    plan[1].model = "m/other";
    plan[2].model = "m/third";
    char *path = strdup(getenv("PATH"));
    begin();
    study_folder_write(FOLDER, plan, 3);
    setenv("PATH", "/nowhere", 1);
    int64_t n = 1;
    for (bool failed = true; failed; n += STRIDE) {
        failing f = {.left = n};
        idim_options options = {.alloc = failing_alloc, .user = &f, .threads = 1};
        idim *lib;
        assert_int_equal(idim_open(&options, &lib), 0);
        int status = idim_report(lib, FOLDER);
        failed = f.failed;
        if (status != (failed ? IDIM_EMEMORY : 0))
            fail_msg("allocation %lld: status %d: %s", (long long)n, status, idim_error(lib));
        if (!failed)
            assert_non_null(strstr(idim_result(lib), "gnuplot is not installed"));
        idim_close(lib);
        if (f.held != 0)
            fail_msg("allocation %lld: %lld bytes stay behind", (long long)n, (long long)f.held);
    }
    assert_true(n > 20 * STRIDE);
    setenv("PATH", path, 1);
    free(path);
}

/* ---- over models ----------------------------------------------------------------------------- */

static void three_models_make_a_study_over_models(void **state)
{
    (void)state;
    study_cell_plan plan[3] = {said, said, said};
    plan[0].model = "m/step-100";
    plan[1].model = "m/step-200";
    plan[2].model = "m/step-300";
    for (int i = 0; i < 3; i++) {
        plan[i].checkpoint = 100 * (i + 1);
        plan[i].d90 = 900 / (i + 1.0);
    }
    char *page = page_of(plan, 3);
    says(page, "<h2>Over models</h2>");
    says(page, "training step of the checkpoint");
    says(page, "Spearman rank correlation -1.00 (95 % interval ");
    assert_null(strstr(page, "weights of the model"));
    free(page);

    page = page_of(plan, 2);
    assert_null(strstr(page, "Over models"));
    free(page);
    plan[2].status = "not_reached";
    page = page_of(plan, 3);
    assert_null(strstr(page, "Over models"));
    free(page);
}

static rank_result rank_of(const double *x, const double *y, int64_t n)
{
    idim *lib = check_library(1);
    rank_sample sample[64];
    rank_result out;
    for (int64_t i = 0; i < n; i++)
        sample[i] = (rank_sample){x[i], y[i], 0, 0};
    CHECK_OK(lib, rank_correlation(lib, sample, n, &out));
    idim_close(lib);
    return out;
}

static void rank_correlation_is_the_textbook_value(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, up[] = {2, 4, 6, 8, 100}, down[] = {5, 4, 3, 2, 1};
    const double mixed[] = {2, 1, 4, 3, 5}, tied[] = {1, 1, 2, 2, 3}, flat[] = {1, 1, 1, 1, 1};
    assert_true(fabs(rank_of(x, up, 5).rho - 1) < 1e-12);
    assert_true(fabs(rank_of(x, down, 5).rho + 1) < 1e-12);
    /* 1 - 6 sum d^2 / (n (n^2 - 1)), d^2 = 1 1 1 1 0 */
    assert_true(fabs(rank_of(x, mixed, 5).rho - 0.8) < 1e-12);
    /* ranks 1.5 1.5 3.5 3.5 5: covariance 9, variances 10 and 9 */
    assert_true(fabs(rank_of(x, tied, 5).rho - 9 / sqrt(90)) < 1e-12);
    assert_true(isnan(rank_of(x, flat, 5).rho));
    assert_true(isnan(rank_of(x, flat, 5).low));
}

static void rank_interval_covers_noise_and_narrows_with_order(void **state)
{
    (void)state;
    double x[64], y[64], noise[64];
    for (int i = 0; i < 64; i++) {
        x[i] = i;
        y[i] = i + 3 * sin(7.0 * i);
        noise[i] = sin(1000.0 * i * i);
    }
    rank_result ordered = rank_of(x, y, 64), free_of = rank_of(x, noise, 64);
    assert_true(ordered.low > 0.95 && ordered.high <= 1 && ordered.low < ordered.rho);
    assert_true(free_of.low < 0 && free_of.high > 0);
    assert_true(free_of.high - free_of.low > ordered.high - ordered.low);
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
        cmocka_unit_test(damaged_files_are_refused_with_their_place),
        cmocka_unit_test(rates_that_do_not_count_are_told_apart),
        cmocka_unit_test(a_folder_that_is_none_is_refused),
        cmocka_unit_test(runs_under_way_and_runs_without_a_folder_are_no_error),
        cmocka_unit_test(figures_hold_the_numbers_and_hostile_names_stay_text),
        cmocka_unit_test(pictures_are_the_same_bytes_twice_where_gnuplot_is),
        cmocka_unit_test(labels_stay_apart_within_bounds_and_free_ones_do_not_move),
        cmocka_unit_test(ticks_are_round_rising_and_inside),
        cmocka_unit_test(every_failed_allocation_is_said_and_leaves_nothing),
        cmocka_unit_test(three_models_make_a_study_over_models),
        cmocka_unit_test(rank_correlation_is_the_textbook_value),
        cmocka_unit_test(rank_interval_covers_noise_and_narrows_with_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
