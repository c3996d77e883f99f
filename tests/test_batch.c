/* Batches; texts as a task encodes them.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "task/task.h"
#include "write_files.h"

#include <unistd.h>

static void a_batch_is_its_examples_end_to_end(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    int32_t ids[] = {1, 2, 3, 4, 5, 6}, segment[] = {0, 0, 1, 0, 1, 1};
    int64_t start[] = {0, 3, 4, 4, 6};
    float label[] = {0, 1, 2, 3};
    const split s = {.n = 4, .ids = ids, .segment = segment, .start = start, .label = label};
    batch_buffer b = {0};
    idim_batch batch;

    CHECK_OK(lib, batch_pack(lib, &s, (int32_t[]){3}, 1, &b, &batch));
    CHECK_OK(lib, batch_pack(lib, &s, (int32_t[]){3, 0, 2, 3}, 4, &b, &batch));
    const int32_t want_ids[] = {5, 6, 1, 2, 3, 5, 6}, want_segment[] = {1, 1, 0, 0, 1, 1, 1};
    const int32_t want_start[] = {0, 2, 5, 5, 7};
    const float want_label[] = {3, 0, 2, 3};
    assert_int_equal(batch.n, 4);
    assert_memory_equal(batch.ids, want_ids, sizeof want_ids);
    assert_memory_equal(batch.segment, want_segment, sizeof want_segment);
    assert_memory_equal(batch.start, want_start, sizeof want_start);
    assert_memory_equal(batch.label, want_label, sizeof want_label);

    split unlabelled = s;
    unlabelled.label = NULL;
    CHECK_OK(lib, batch_pack(lib, &unlabelled, (int32_t[]){1}, 1, &b, &batch));
    assert_null(batch.label);
    batch_free(lib, &b);
    idim_close(lib);
}

/* the tiny model's vocabulary: 9 words with [CLS] 2 and [SEP] 3 */
static void texts_are_encoded_and_cut(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_tokenizer *tokenizer;
    CHECK_OK(lib, tokenizer_open(lib, TEST_FOLDER "/fixtures/tiny", &tokenizer));
    write_text("test_batch.csv", "a,b,label\ngood bad good,bad .,x\ngood,,y\n");
    task_options o = task_defaults();
    o.file[SPLIT_TRAIN] = "test_batch.csv";
    o.max_length = 7;
    task *t;
    CHECK_OK(lib, task_open(lib, &o, tokenizer, &t));
    const split *s = &t->splits[SPLIT_TRAIN];
    const int32_t ids[] = {2, 5, 6, 3, 6, 7, 3, 2, 5, 3, 3},
                  segment[] = {0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1};
    assert_int_equal(s->start[1], 7);
    assert_int_equal(s->start[2], 11);
    assert_memory_equal(s->ids, ids, sizeof ids);
    assert_memory_equal(s->segment, segment, sizeof segment);
    assert_int_equal(s->truncated, 1);
    task_close(t);
    tokenizer_close(tokenizer);
    unlink("test_batch.csv");
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_its_examples_end_to_end),
        cmocka_unit_test(texts_are_encoded_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
