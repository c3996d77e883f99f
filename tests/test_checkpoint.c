/* Containers and checkpoints: what was written comes back; anything else is refused by a sentence.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/hash.h"
#include "format/container.h"
#include "train/checkpoint.h"

enum { D = 5 };

static const char PATH[] = "test_checkpoint.idim";
static const char RUN[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* only what a checkpoint reads and writes */
static trainer toy(idim *lib)
{
    trainer t = {.lib = lib, .d = D, .steps = 100, .theta_is_current = true};
    CHECK_OK(lib, NEW(lib, real, D, "test", &t.x));
    CHECK_OK(lib, NEW(lib, real, D, "test", &t.optimiser.m));
    CHECK_OK(lib, NEW(lib, real, D, "test", &t.optimiser.v));
    return t;
}

static void toy_free(trainer *t)
{
    memory_free(t->lib, t->x);
    memory_free(t->lib, t->optimiser.m);
    memory_free(t->lib, t->optimiser.v);
}

static void write_toy(idim *lib)
{
    trainer t = toy(lib);
    run_state state = {.log_bytes = 321, .best_step = 4, .best_score = 0.1, .seconds = 1.5};
    t.step = 7;
    t.loss_sum = 1.0 / 3;
    for (int i = 0; i < D; i++) {
        t.x[i] = (real)(i * 0.1);
        t.optimiser.m[i] = (real)(i * 0.01);
        t.optimiser.v[i] = (real)(i * 0.001);
    }
    CHECK_OK(lib, checkpoint_write(&t, RUN, &state, PATH));
    toy_free(&t);
}

static void what_was_written_comes_back(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_toy(lib);
    trainer t = toy(lib);
    run_state back;
    CHECK_OK(lib, checkpoint_read(&t, RUN, &back, PATH));
    assert_int_equal(t.step, 7);
    assert_true(t.loss_sum == 1.0 / 3);
    assert_false(t.theta_is_current);
    assert_int_equal(back.log_bytes, 321);
    assert_int_equal(back.best_step, 4);
    assert_true(back.best_score == 0.1 && back.seconds == 1.5);
    for (int i = 0; i < D; i++) {
        assert_true(t.x[i] == (real)(i * 0.1));
        assert_true(t.optimiser.m[i] == (real)(i * 0.01));
        assert_true(t.optimiser.v[i] == (real)(i * 0.001));
    }
    toy_free(&t);
    remove(PATH);
    idim_close(lib);
}

static int read_bytes(idim *lib, const char *bytes, int64_t n)
{
    trainer t = toy(lib);
    run_state back;
    library_clear(lib);
    CHECK_OK(lib, file_write(lib, PATH, bytes, n));
    int status = checkpoint_read(&t, RUN, &back, PATH);
    toy_free(&t);
    return status;
}

static void every_truncation_and_every_changed_byte_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char *bytes;
    int64_t n;
    write_toy(lib);
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &bytes, &n));
    for (int64_t cut = 0; cut < n; cut++)
        assert_int_equal(read_bytes(lib, bytes, cut), IDIM_EFORMAT);
    for (int64_t i = 0; i < n; i++) {
        char kept = bytes[i];
        bytes[i] = (char)(kept ^ (1 << (i % 8)));
        int status = read_bytes(lib, bytes, n);
        assert_true(status == IDIM_EFORMAT || (i == 7 && status == IDIM_EUNSUPPORTED));
        assert_true(strstr(idim_error(lib), PATH) != NULL);
        bytes[i] = kept;
    }
    memory_free(lib, bytes);
    remove(PATH);
    idim_close(lib);
}

/* a header of one's own, with a checksum that is right */
typedef struct forged {
    const char *header;
    int64_t payload;
    int status;
    const char *says;
} forged;

#define FIELDS(run, values, d, step)                                                               \
    "{\"run\":\"" run "\",\"values\":\"" values "\",\"d\":" d ",\"step\":" step                    \
    ",\"loss_sum\":0,\"log_bytes\":0,\"best_step\":0,\"best_score\":0,\"seconds\":0}"
#define OURS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void forged_headers_are_refused_by_name(void **state)
{
    (void)state;
    const forged cases[] = {
        {"[1]", 60, IDIM_EFORMAT, "expected a JSON object"},
        {"{}", 60, IDIM_EFORMAT, "a field is missing"},
        {FIELDS(OURS, "f32le", "\"5\"", "1"), 60, IDIM_EFORMAT, "a field is missing"},
        {FIELDS("other", "f32le", "5", "1"), 60, IDIM_EMISMATCH, "--output-dir"},
        {FIELDS(OURS, "f32le", "6", "1"), 60, IDIM_EMISMATCH, "found 0123456789ab with 6"},
        {FIELDS(OURS, "f16le", "5", "1"), 60, IDIM_EUNSUPPORTED, "expected f32le, found f16le"},
        {FIELDS(OURS, "f32le", "5", "1"), 56, IDIM_EFORMAT, "expected 60 bytes"},
        {FIELDS(OURS, "f32le", "5", "101"), 60, IDIM_EFORMAT, "a step up to 100"},
        {FIELDS(OURS, "f32le", "5", "-1"), 60, IDIM_EFORMAT, "a step up to 100"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char zeros[64] = {0};
        trainer t = toy(lib);
        run_state back;
        json_t *header = json_loads(cases[i].header, 0, NULL);
        file_piece payload = {zeros, cases[i].payload};
        library_clear(lib);
        CHECK_OK(lib, container_write(lib, PATH, "IDIMCKP1", header, &payload, 1));
        assert_int_equal(checkpoint_read(&t, RUN, &back, PATH), cases[i].status);
        if (strstr(idim_error(lib), cases[i].says) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, idim_error(lib), cases[i].says);
        json_decref(header);
        toy_free(&t);
    }
    remove(PATH);
    idim_close(lib);
}

static void the_header_cannot_reach_past_the_file(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    char bytes[100] = "IDIMCKP1\xff\xff\xff\x7f";
    assert_int_equal(read_bytes(lib, bytes, sizeof bytes), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "header length"));
    assert_int_equal(
        read_bytes(lib, "PK\x03\x04zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 50),
        IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "not a file of this kind"));
    remove(PATH);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(every_truncation_and_every_changed_byte_is_refused),
        cmocka_unit_test(forged_headers_are_refused_by_name),
        cmocka_unit_test(the_header_cannot_reach_past_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
