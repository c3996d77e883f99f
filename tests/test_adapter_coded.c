/* The coded adapter file: what is written is read, nothing else is.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "format/crc.h"
#include "subspace/adapter.h"
#include "toy_params.h"

#include <math.h>
#include <time.h>

static const char PATH[] = "test_adapter_coded.idim";
static const char BASE[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char *const LABELS[] = {"not_equivalent", "\xc3\xa9quivalent"};

enum { D = 300, LAMBDAS = 4, FRONT = 24, CRC = 4 };

static adapter example(const real *x)
{
    return (adapter){.method = "said",
                     .projection = "srht",
                     .normalize = "weight",
                     .groups = "module",
                     .pull = "exact",
                     .seed = 0xfedcba9876543210u,
                     .len_z = D - LAMBDAS,
                     .n_lambda = LAMBDAS,
                     .x = x,
                     .base = BASE,
                     .architecture = "bert",
                     .weights = 12345,
                     .initializer_range = 0.02,
                     .pooling = "mean",
                     .task = "mrpc",
                     .problem = "classes",
                     .n_labels = 2,
                     .label_name = LABELS,
                     .max_seq_length = 128,
                     .coded = true,
                     .book = {{.step = 600, .shift = 3}, {.step = 560}, {.step = 0}}};
}

static void fill(real x[D])
{
    toy_fill(1, 1, x, D);
    for (int i = D - LAMBDAS; i < D; i++)
        x[i] = 1 + x[i] / 4;
}

static void write_example(idim *lib)
{
    real x[D];
    fill(x);
    adapter a = example(x);
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
}

/* without the fsync of file_write, which thousands of files would wait for */
static void put_bytes(const void *bytes, int64_t size)
{
    remove(PATH);
    FILE *f = fopen(PATH, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    fclose(f);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    real x[D], shipped[D];
    fill(x);
    adapter e = example(x), *a;
    adapter_coded_values(&e, shipped);
    CHECK_OK(lib, adapter_write(lib, &e, PATH));
    CHECK_OK(lib, adapter_read(lib, PATH, &a));
    assert_true(a->coded);
    assert_string_equal(a->method, e.method);
    assert_string_equal(a->projection, e.projection);
    assert_string_equal(a->normalize, e.normalize);
    assert_string_equal(a->groups, e.groups);
    assert_string_equal(a->pull, e.pull);
    assert_true(a->seed == e.seed);
    assert_int_equal(a->len_z, e.len_z);
    assert_int_equal(a->n_lambda, e.n_lambda);
    assert_int_equal(a->n_direct, 0);
    assert_memory_equal(a->x, shipped, sizeof shipped);
    assert_int_equal(strlen(a->base), 32);
    assert_memory_equal(a->base, BASE, 32);
    assert_true(a->initializer_range == e.initializer_range);
    assert_string_equal(a->pooling, e.pooling);
    assert_string_equal(a->task, e.task);
    assert_string_equal(a->problem, e.problem);
    assert_int_equal(a->n_labels, 2);
    assert_string_equal(a->label_name[1], LABELS[1]);
    assert_int_equal(a->max_seq_length, 128);
    assert_int_equal(a->bytes, adapter_coded_size(&e).file);

    char *text;
    CHECK_OK(lib, adapter_describe(a, &text));
    assert_non_null(strstr(text, "\"encoding\":\"coded\""));
    assert_non_null(strstr(text, "\"seed\":\"18364758544493064720\""));
    memory_free(lib, text);

    CHECK_OK(lib, adapter_check(a, BASE));
    char other[65];
    memcpy(other, BASE, sizeof other);
    other[31] = '0';
    assert_int_equal(adapter_check(a, other), IDIM_EMISMATCH);
    adapter_free(a);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* every word of every setting, every shape of x, odd ranges and no names */
static void every_setting_comes_back(void **state)
{
    (void)state;
    static const char *const methods[] = {"said", "did", "full", "head", "bias"};
    static const char *const normalizes[] = {"global", "tensor", "weight", "capped", "balanced"};
    static const char *const groups[] = {"block", "module", "tensor", "none"};
    static const char *const problems[] = {"classes", "regression", "multi-label", "causal-lm"};
    static const char *const poolings[] = {"auto", "cls", "mean", "last"};
    static const double ranges[] = {0.02, 0, 0.0200001, 1, 1e-30, 999999};
    int64_t n;
    const projection *const *projections = projection_list(&n);
    idim *lib = check_library(1);
    for (int64_t i = 0; i < 60; i++) {
        real x[D], shipped[D];
        fill(x);
        adapter e = example(x), *a;
        e.method = methods[i % 5];
        e.normalize = normalizes[i / 2 % 5];
        e.groups = groups[i % 4];
        e.problem = problems[i % 4];
        e.projection = projections[i % n]->name;
        e.pull = i % 2 ? "public" : "exact";
        e.pooling = poolings[i % 4];
        e.initializer_range = ranges[i % 6];
        e.seed = i % 2 ? UINT64_MAX : 0;
        e.max_seq_length = i * i * 100;
        e.label_name = i % 3 ? LABELS : NULL;
        e.n_direct = i % 7 == 0 ? e.len_z : 0;
        e.len_z -= e.n_direct;
        e.book[2] = (codebook){.step = 590};
        adapter_coded_values(&e, shipped);
        CHECK_OK(lib, adapter_write(lib, &e, PATH));
        CHECK_OK(lib, adapter_read(lib, PATH, &a));
        assert_string_equal(a->method, e.method);
        assert_string_equal(a->normalize, e.normalize);
        assert_string_equal(a->groups, e.groups);
        assert_string_equal(a->problem, e.problem);
        assert_string_equal(a->projection, e.projection);
        assert_string_equal(a->pull, e.pull);
        assert_string_equal(a->pooling, e.pooling);
        assert_true(a->initializer_range == e.initializer_range);
        assert_true(a->seed == e.seed);
        assert_int_equal(a->max_seq_length, e.max_seq_length);
        assert_true((a->label_name == NULL) == (e.label_name == NULL));
        assert_int_equal(a->n_direct, e.n_direct);
        assert_memory_equal(a->x, shipped, sizeof shipped);
        adapter_free(a);
    }
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void writing_what_was_read_gives_the_same_bytes(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    char *first, *second;
    int64_t n, m;
    adapter *a;
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &first, &n));
    CHECK_OK(lib, adapter_read(lib, PATH, &a));
    CHECK_OK(lib, adapter_write(lib, a, PATH));
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &second, &m));
    assert_int_equal(n, m);
    assert_memory_equal(first, second, (size_t)n);
    memory_free(lib, first);
    memory_free(lib, second);
    adapter_free(a);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void the_finest_that_keeps_the_limits_is_taken(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    real x[D], values[D];
    fill(x);
    double last = INFINITY;
    for (int64_t bytes = 120; bytes <= 400; bytes += 40) {
        adapter a = example(x);
        adapter_limits limits = {.bytes = bytes};
        CHECK_OK(lib, adapter_fit(lib, &a, &limits));
        assert_true(adapter_coded_size(&a).file <= bytes);
        adapter_coded_values(&a, values);
        double error = 0;
        for (int i = 0; i < D - LAMBDAS; i++)
            error += ((double)x[i] - (double)values[i]) * ((double)x[i] - (double)values[i]);
        assert_true(error < last);
        last = error;
    }
    for (int bits = 1; bits < 9; bits++) {
        adapter a = example(x);
        adapter_limits limits = {.bits = bits};
        CHECK_OK(lib, adapter_fit(lib, &a, &limits));
        double used = 8.0 * (double)adapter_coded_size(&a).main / (D - LAMBDAS);
        assert_true(used <= bits + 8.0 / (D - LAMBDAS));
        assert_true(used > bits - 0.25);
    }
    adapter a = example(x);
    adapter_limits limits = {.bytes = 60};
    assert_int_equal(adapter_fit(lib, &a, &limits), IDIM_EARGUMENT);
    assert_non_null(strstr(idim_error(lib), "limit of 60 bytes"));
    library_clear(lib);
    x[5] = (real)NAN;
    limits.bytes = 400;
    assert_int_equal(adapter_fit(lib, &a, &limits), IDIM_ENOTFINITE);
    idim_close(lib);
}

/* what a codebook's numbers lack to x */
static double squared_error(const adapter *a, const real *x, real *values)
{
    double error = 0;
    adapter_coded_values(a, values);
    for (int64_t i = 0; i < a->len_z; i++)
        error += ((double)x[i] - (double)values[i]) * ((double)x[i] - (double)values[i]);
    return error;
}

/* steps are 4 % apart and more, which for 5,000 numbers are 40 bytes of 1,000 */
static void room_that_is_left_is_used(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    idim *lib = check_library(1);
    real *x, *values;
    CHECK_OK(lib, NEW(lib, real, LONG, "numbers", &x));
    CHECK_OK(lib, NEW(lib, real, LONG, "numbers", &values));
    toy_fill(3, 1, x, LONG);
    int64_t least = INT64_MAX;
    double better = 0;
    for (int64_t bytes = 900; bytes < 1100; bytes += 10) {
        adapter a = example(x), *read;
        a.len_z = LONG;
        a.n_lambda = 0;
        adapter_limits limits = {.bytes = bytes};
        CHECK_OK(lib, adapter_fit(lib, &a, &limits));
        int64_t size = adapter_coded_size(&a).file;
        assert_true(size <= bytes);
        least = size - bytes + 1000 < least ? size - bytes + 1000 : least;
        double error = squared_error(&a, x, values);
        CHECK_OK(lib, adapter_write(lib, &a, PATH));
        CHECK_OK(lib, adapter_read(lib, PATH, &read));
        assert_memory_equal(read->x, values, (size_t)LONG * sizeof *values);
        assert_int_equal(read->book[0].lean, 0);
        adapter_free(read);
        /* the same without leaning: the next coarser step that fits */
        a.book[0].lean = 0;
        while (adapter_coded_size(&a).file > bytes)
            a.book[0].step++;
        better += error < squared_error(&a, x, values);
    }
    assert_true(least >= 985);
    assert_true(better >= 10);
    memory_free(lib, x);
    memory_free(lib, values);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void nothing_but_zeros_can_be_coded(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    real x[D] = {0};
    adapter a = example(x), *read;
    a.len_z = D;
    a.n_lambda = 0;
    adapter_limits limits = {.bytes = 100};
    CHECK_OK(lib, adapter_fit(lib, &a, &limits));
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
    CHECK_OK(lib, adapter_read(lib, PATH, &read));
    for (int i = 0; i < D; i++)
        assert_true(read->x[i] == 0);
    adapter_free(read);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* ---- malformed ------------------------------------------------------------------------------- */

static void check_refused(idim *lib, const void *bytes, int64_t size)
{
    put_bytes(bytes, size);
    adapter *a;
    library_clear(lib);
    int status = adapter_read(lib, PATH, &a);
    assert_true(status == IDIM_EFORMAT || status == IDIM_EUNSUPPORTED);
    assert_null(a);
    assert_non_null(strstr(idim_error(lib), PATH));
}

static void every_cut_and_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    char *bytes;
    int64_t size;
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &bytes, &size));
    for (int64_t cut = 0; cut < size; cut++)
        check_refused(lib, bytes, cut);
    for (int64_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        check_refused(lib, bytes, size);
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
    }
    bytes[size - 1] = 0;
    check_refused(lib, bytes, size);
    memory_free(lib, bytes);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* body between the front and the checksum, which is made to fit */
static int64_t forge(const void *body, int64_t n, uint8_t *out)
{
    memcpy(out, "IDIMADP2", 8);
    memset(out + 8, 0xab, FRONT - 8);
    memcpy(out + FRONT, body, (size_t)n);
    uint32_t crc = crc32_of(out, FRONT + n);
    for (int k = 0; k < CRC; k++)
        out[FRONT + n + k] = (uint8_t)(crc >> (8 * k));
    return FRONT + n + CRC;
}

#define BODY(text) text, sizeof(text) - 1

/* version, settings (2: pull, pooling 0), seed, z lambda direct, range, length, outputs, task */
static const struct {
    const char *body;
    int64_t n;
    int status;
    const char *sentence;
} forged[] = {
    {BODY(""), IDIM_EFORMAT, "projection_version: the file ends"},
    {BODY("\2"), IDIM_EUNSUPPORTED, "projection_version: expected 1, found 2"},
    {BODY("\1"), IDIM_EFORMAT, "settings: the file ends"},
    {BODY("\1\6\0\0\0\0"), IDIM_EUNSUPPORTED, "method: expected a number below 5, found 6"},
    {BODY("\1\200\16\0\0"), IDIM_EUNSUPPORTED, "normalize: expected a number below 5, found 7"},
    {BODY("\1\200\160\0"), IDIM_EUNSUPPORTED, "projection: expected a number below 6, found 7"},
    {BODY("\1\200\200\17\0"), IDIM_EUNSUPPORTED, "pooling: expected a number below"},
    {BODY("\1\200\200\100\0"), IDIM_EUNSUPPORTED, "settings: expected less than 524288"},
    {BODY("\1\0\377\377\377\377\377\377\377\377\377\2"), IDIM_EFORMAT, "seed: expected a number"},
    {BODY("\1\0\377\377\377\377\377\377\377\377\377\377\1"), IDIM_EFORMAT, "seed: expected"},
    {BODY("\1\0\52\200\200\200\200\10\0\0\0"), IDIM_EFORMAT, "z: expected at most 2147483647"},
    {BODY("\1\0\52\5\0\200\200\200\200\200\100\0"), IDIM_EFORMAT, "direct: expected at most"},
    {BODY("\1\0\52\5\0\0\200\200\200\200\10\0"), IDIM_EFORMAT, "initializer_range: expected at"},
    {BODY("\1\0\52\5\0\0\0\0\0\0\0\0\0\360\177"), IDIM_EFORMAT, "initializer_range: expected 0"},
    {BODY("\1\0\52\5\0\0\0\0\0"), IDIM_EFORMAT, "initializer_range: the file ends"},
    {BODY("\1\0\52\5\0\0\1\200"), IDIM_EFORMAT, "max_seq_length: the file ends"},
    {BODY("\1\0\52\5\0\0\1\1\0\0"), IDIM_EFORMAT, "n_labels: expected at least 1"},
    {BODY("\1\0\52\5\0\0\1\1\200\200\200\1\0"), IDIM_EFORMAT, "n_labels: expected at most 1048576"},
    {BODY("\1\0\52\5\0\0\1\1\2\5abcd"), IDIM_EFORMAT, "task: the file ends"},
    {BODY("\1\0\52\5\0\0\1\1\2\4ab\0d\1\1"), IDIM_EFORMAT, "task: expected text"},
    {BODY("\1\200\1\52\5\0\0\1\1\2\1a\1b"), IDIM_EFORMAT, "labels: the file ends"},
    {BODY("\1\200\1\52\5\0\0\1\1\200\200\40\1a\1b"), IDIM_EFORMAT, "labels: the file ends"},
    {BODY("\1\0\52\5\0\0\1\1\2\1a"), IDIM_EFORMAT, "step: the file ends"},
    {BODY("\1\0\52\5\0\0\1\1\2\1a\200\200\1"), IDIM_EFORMAT, "step: expected at most 16383"},
    {BODY("\1\0\52\0\0\0\1\1\2\1a"), IDIM_EFORMAT, "numbers: expected 1 to"},
    {BODY("\1\0\52\377\377\377\377\7\0\0\1\1\2\1a\0"), IDIM_EFORMAT, "found 2147483647 claimed"},
    {BODY("\1\0\52\0\0\200\200\200\200\200\40\1\1\2\1a\0"), IDIM_EFORMAT, "1099511627776 claimed"},
    {BODY("\1\0\52\200\0\0\0\1\1\2\1a\0\0"), IDIM_EFORMAT, "numbers: expected 1 to"},
    {BODY("\1\0\52\5\0\0\1\1\2\1a\0abcdefgh"), IDIM_EFORMAT, "numbers: expected"},
    {BODY("\1\0\52\1\0\0\1\1\2\1\377\0"), IDIM_EFORMAT, "task: expected UTF-8"},
    {BODY("\1\200\1\52\1\0\0\1\1\1\1a\1\300\0"), IDIM_EFORMAT, "labels: expected UTF-8"},
    /* a seed of one byte more than it needs: the same meaning in another file */
    {BODY("\1\0\252\0\1\0\0\1\1\2\1a\0"), IDIM_EFORMAT, "shortest form"},
};

static void malformed_files_are_refused_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        put_bytes(bytes, forge(forged[i].body, forged[i].n, bytes));
        adapter *a;
        library_clear(lib);
        int status = adapter_read(lib, PATH, &a);
        assert_null(a);
        if (status != forged[i].status || strstr(idim_error(lib), forged[i].sentence) == NULL)
            fail_msg("row %zu: expected status %d, '%s'; found %d, '%s'", i, forged[i].status,
                     forged[i].sentence, status, idim_error(lib));
    }
    /* and the smallest that is well formed is read */
    adapter *a;
    put_bytes(bytes, forge(BODY("\1\0\52\1\0\0\1\1\2\1a\0"), bytes));
    CHECK_OK(lib, adapter_read(lib, PATH, &a));
    adapter_free(a);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* an allocator that counts what is held at most, and refuses from a call on */
typedef struct scarce {
    int64_t left, held, most;
} scarce;

static void *scarce_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    scarce *s = user;
    if (new_size == 0) {
        s->held -= (int64_t)old_size;
        free(p);
        return NULL;
    }
    if (s->left-- <= 0)
        return NULL;
    s->held += (int64_t)new_size - (int64_t)old_size;
    s->most = s->held > s->most ? s->held : s->most;
    return realloc(p, new_size);
}

static void a_kilobyte_takes_little_memory_and_time(void **state)
{
    (void)state;
    scarce memory = {.left = INT64_MAX};
    idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    /* the most numbers a file of 1,000 bytes may claim */
    uint8_t body[1000] = "\1\0\52\0\0\0\0\0\0\1\1\2\1a\0", bytes[1100];
    int64_t held = (int64_t)sizeof body - 15, n = (held + 1) * RANGE_BITS_PER_BYTE - 1;
    for (int k = 0; k < 4; k++)
        body[3 + k] = (uint8_t)((n >> (7 * k) & 127) | (k < 3 ? 128 : 0));
    memcpy(body + 7, "\0\0\1\1\2\1a\0\0", 9);
    for (int fill = 0; fill < 256; fill += 51) {
        memset(body + 16, fill, sizeof body - 16);
        put_bytes(bytes, forge(body, sizeof body, bytes));
        adapter *a;
        clock_t began = clock();
        int status = adapter_read(lib, PATH, &a);
        assert_true(status == 0 || status == IDIM_EFORMAT);
        assert_true(clock() - began < CLOCKS_PER_SEC);
        assert_true(memory.most <= (int64_t)64 << 20);
        adapter_free(a);
    }
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    scarce memory = {.left = INT64_MAX};
    idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    real x[D];
    fill(x);
    adapter e = example(x), *a;
    int64_t held = memory.held;
    int status = IDIM_EMEMORY;
    for (int64_t allowed = 0; status != 0; allowed++) {
        library_clear(lib);
        memory.left = allowed;
        status = adapter_write(lib, &e, PATH);
        memory.left = INT64_MAX;
        assert_true(status == 0 || status == IDIM_EMEMORY);
        assert_int_equal(memory.held, held);
    }
    status = IDIM_EMEMORY;
    for (int64_t allowed = 0; status != 0; allowed++) {
        library_clear(lib);
        memory.left = allowed;
        status = adapter_read(lib, PATH, &a);
        memory.left = INT64_MAX;
        assert_true(status == 0 || (status == IDIM_EMEMORY && a == NULL));
        adapter_free(a);
        assert_int_equal(memory.held, held);
    }
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_setting_comes_back),
        cmocka_unit_test(writing_what_was_read_gives_the_same_bytes),
        cmocka_unit_test(the_finest_that_keeps_the_limits_is_taken),
        cmocka_unit_test(room_that_is_left_is_used),
        cmocka_unit_test(nothing_but_zeros_can_be_coded),
        cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
        cmocka_unit_test(malformed_files_are_refused_by_name),
        cmocka_unit_test(a_kilobyte_takes_little_memory_and_time),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
