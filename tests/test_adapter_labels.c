/* Adapters whose outputs are not those of the rows they are asked about: refused before anything is
 * scored, whatever the file says of its labels.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "model/model.h"
#include "subspace/adapter.h"

#include <unistd.h>

#define MODEL   TEST_FOLDER "/fixtures/tiny"
#define ADAPTER "test_adapter_labels.idim"
#define ROWS    "test_adapter_labels.tsv"
#define GLUE    "test_adapter_labels_glue"

enum { D = 8 };

/* 70 rows: more than one batch of them would lie behind the labels that are there */
static void write_rows(idim *lib)
{
    char text[8192];
    size_t at = (size_t)snprintf(text, sizeof text, "sentence\tlabel\n");
    for (int i = 0; i < 70; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "ba ki good lo\t%d\n", i % 2);
    CHECK_OK(lib, file_write(lib, ROWS, text, (int64_t)at));
    CHECK_OK(lib, file_make_folder(lib, GLUE));
    CHECK_OK(lib, file_write(lib, GLUE "/dev.tsv", text, (int64_t)at));
    CHECK_OK(lib, file_write(lib, GLUE "/train.tsv", text, (int64_t)at));
}

static void clean(void)
{
    remove(ADAPTER);
    remove(ROWS);
    remove(GLUE "/dev.tsv");
    remove(GLUE "/train.tsv");
    rmdir(GLUE);
}

typedef struct claim {
    const char *problem;
    int64_t n_labels;
    const char *const *names;
    bool fits; /* ROWS's labels may be numbers of these, or lists of one */
} claim;

static const char *const binary[] = {"0", "1"};
static const char *const named[] = {"negative", "positive"};
static const char *const many[] = {"a", "b", "c", "d", "e"};

static const claim claims[] = {
    {"multi-label", 2, binary, true}, {"multi-label", 2, named, true},
    {"multi-label", 5, many, true},   {"multi-label", 900, NULL, false},
    {"regression", 2, binary, false}, {"regression", 2, named, false},
    {"regression", 7, NULL, false},   {"classes", 5, many, true},
    {"classes", 3, NULL, false},
};

static void write_adapter(idim *lib, const claim *c, bool coded)
{
    real x[D] = {0};
    idim_model *m;
    model_options o = model_defaults();
    o.path = MODEL;
    CHECK_OK(lib, model_open(lib, &o, &m));
    adapter a = {.method = "did",
                 .projection = "fastfood",
                 .normalize = "balanced",
                 .groups = "none",
                 .pull = "exact",
                 .seed = 42,
                 .len_z = D,
                 .x = x,
                 .base = m->fingerprint,
                 .architecture = "bert",
                 .weights = m->weights->size,
                 .initializer_range = 0.02,
                 .pooling = "auto",
                 .task = "rows",
                 .problem = c->problem,
                 .n_labels = c->n_labels,
                 .label_name = c->names,
                 .max_seq_length = 16,
                 .coded = coded};
    CHECK_OK(lib, adapter_write(lib, &a, ADAPTER));
    model_close(m);
}

static void is_refused(idim *lib, const claim *c, const char *where, int status)
{
    if (status != IDIM_EMISMATCH && status != IDIM_EUNSUPPORTED && status != IDIM_EFORMAT)
        fail_msg("%s of %lld on %s: expected a refusal, found status %d: %s", c->problem,
                 (long long)c->n_labels, where, status, idim_error(lib));
}

static void labels_of_another_kind_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_rows(lib);
    static const char base[] = "\"model\":\"" MODEL "\",\"adapter\":\"" ADAPTER "\"";
    char rows[512], glue[512], train[512];
    snprintf(rows, sizeof rows, "{%s,\"dev\":\"" ROWS "\"}", base);
    snprintf(glue, sizeof glue, "{%s,\"task\":\"sst2\",\"data\":\"" GLUE "\"}", base);
    snprintf(train, sizeof train, "{%s,\"train\":\"" ROWS "\"}", base);
    for (size_t i = 0; i < 2 * sizeof claims / sizeof claims[0]; i++) {
        const claim *c = &claims[i / 2];
        write_adapter(lib, c, i % 2 == 1);
        if (c->fits)
            CHECK_OK(lib, idim_eval(lib, rows, NULL, NULL));
        else
            is_refused(lib, c, "rows", idim_eval(lib, rows, NULL, NULL));
        is_refused(lib, c, "GLUE", idim_eval(lib, glue, NULL, NULL));
        if (c->fits && strcmp(c->problem, "classes") == 0)
            CHECK_OK(lib, idim_bound(lib, train, NULL, NULL));
        else
            is_refused(lib, c, "bound", idim_bound(lib, train, NULL, NULL));
    }
    clean();
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
