/* Pages of study folders for tests of the report, in FOLDER, which the program names before it
 * includes this.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_REPORT_PAGE_H
#define IDIM_TESTS_REPORT_PAGE_H

#include "check.h"
#include "measure/report.h"
#include "study_folder.h"

static inline void begin(void)
{
    if (system("rm -rf " FOLDER) != 0)
        abort();
}

static inline char *read_all(const char *path)
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

static inline void says(const char *text, const char *fragment)
{
    if (strstr(text, fragment) == NULL)
        fail_msg("expected \"%s\" in the page, found none", fragment);
}

static inline char *page_of(const study_cell_plan *plan, int n)
{
    idim *lib = check_library(1);
    begin();
    study_folder_write(FOLDER, plan, n);
    CHECK_OK(lib, report_write_page(lib, FOLDER));
    idim_close(lib);
    return read_all(FOLDER "/report.html");
}

/* the first `old` of the file becomes `new` */
static inline void change(const char *path, const char *old, const char *new)
{
    char *text = read_all(path), *at = strstr(text, old);
    if (at == NULL)
        fail_msg("%s: expected \"%s\" in it, found none", path, old);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(text, 1, (size_t)(at - text), f);
    fputs(new, f);
    fputs(at + strlen(old), f);
    fclose(f);
    free(text);
}

static const study_cell_plan said = {"models/small", "reviews", "said", "", NULL, 22713986, 0, 172,
                                     0.876,          0.5,       1,      0,  NULL, 0};

#endif
