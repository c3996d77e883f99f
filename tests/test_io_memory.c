/* Every allocation of reading weights and tasks made to fail in turn: the failure is said, and
 * nothing stays behind.
 *
 * SPDX-License-Identifier: MIT */
#include "base/folder.h"
#include "check.h"
#include "failing_memory.h"
#include "task/metrics.h"
#include "task/task.h"
#include "weights/binding.h"
#include "write_files.h"

#include <unistd.h>

#define CSV   "test_io_memory.csv"
#define JSONL "test_io_memory.jsonl"
#define OUT   "test_io_memory_out"

static int bind_tiny(idim *lib)
{
    params *p;
    TRY(params_new(lib, &p));
    const param body = {.name = "encoder.layer.0.output.LayerNorm.weight", .rows = 1, .cols = 32};
    const param head = {.name = "classifier.weight",
                        .rows = 2,
                        .cols = 32,
                        .role = ROLE_CLASSIFIER,
                        .init = INIT_NORMAL};
    binding b = {.prefix = "bert."};
    int status = params_add(p, &body, NULL);
    if (status == 0)
        status = params_add(p, &head, NULL);
    if (status == 0)
        status = binding_load(p, TEST_FOLDER "/fixtures/tiny", &b);
    notes_free(lib, &b.notes);
    params_free(p);
    return status;
}

static int read_task(idim *lib)
{
    idim_tokenizer *tokenizer;
    TRY(tokenizer_open(lib, TEST_FOLDER "/fixtures/tiny", &tokenizer));
    task_options o = task_defaults();
    o.file[SPLIT_TRAIN] = CSV;
    o.file[SPLIT_DEV] = JSONL;
    task *t;
    int status = task_open(lib, &o, tokenizer, &t);
    batch_buffer b = {0};
    idim_batch batch;
    metrics m;
    if (status == 0)
        status = batch_pack(lib, &t->splits[SPLIT_TRAIN], (int32_t[]){1, 0}, 2, &b, &batch);
    if (status == 0)
        status = metrics_majority(t, SPLIT_DEV, &m);
    batch_free(lib, &b);
    task_close(t);
    tokenizer_close(tokenizer);
    return status;
}

/* a run of three steps with its log, adapters and record, and what is shipped is coded */
static int tune_tiny(idim *lib)
{
    return idim_tune(lib,
                     "{\"model\": \"" TEST_FOLDER "/fixtures/tiny\", \"train\": \"" CSV
                     "\", \"dev\": \"" CSV "\", \"dim\": 40, \"max_steps\": 3, "
                     "\"max_adapter_bytes\": 400, \"output_dir\": \"" OUT "\"}",
                     NULL, NULL);
}

/* the number of allocations the call makes */
static int64_t fail_each(int (*call)(idim *))
{
    for (int64_t n = 1;; n++) { /* 0 would be the library handle itself */
        failing f = {.left = n};
        idim_options options = {.alloc = failing_alloc, .user = &f, .threads = 1};
        idim *lib;
        assert_int_equal(idim_open(&options, &lib), 0);
        int status = call(lib);
        if (f.failed) {
            if (status != IDIM_EMEMORY || strstr(idim_error(lib), "out of memory") == NULL)
                fail_msg("allocation %lld: %d %s", (long long)n, status, idim_error(lib));
        } else {
            CHECK_OK(lib, status);
        }
        idim_close(lib);
        if (f.held != 0)
            fail_msg("allocation %lld: %lld bytes stay behind", (long long)n, (long long)f.held);
        if (!f.failed)
            return n;
    }
}

static void reading_weights_survives_every_failed_allocation(void **state)
{
    (void)state;
    assert_true(fail_each(bind_tiny) > 10);
}

static void reading_a_task_survives_every_failed_allocation(void **state)
{
    (void)state;
    write_text(CSV, "text,label\ngood \"bad,x\nba,y\n");
    write_text(JSONL, "{\"text\":\"de\",\"label\":\"y\"}\n");
    assert_true(fail_each(read_task) > 10);
    unlink(CSV);
    unlink(JSONL);
}

static void a_run_survives_every_failed_allocation(void **state)
{
    (void)state;
    const char rows[] = "sentence,label\nbad kilo,no\ngood muna,yes\nbad bade,no\ngood kilo,yes\n";
    FILE *f = fopen(CSV, "w");
    assert_non_null(f);
    fputs(rows, f);
    fclose(f);
    int64_t n = fail_each(tune_tiny);
    assert_true(n > 50);
    idim *lib = check_library(1);
    folder_names names;
    CHECK_OK(lib, folder_list(lib, OUT, &names));
    assert_int_equal(names.n, 4); /* adapter, best, log, record: nothing half */
    folder_names_free(lib, &names);
    CHECK_OK(lib, folder_remove(lib, OUT));
    remove(CSV);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_weights_survives_every_failed_allocation),
        cmocka_unit_test(reading_a_task_survives_every_failed_allocation),
        cmocka_unit_test(a_run_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
