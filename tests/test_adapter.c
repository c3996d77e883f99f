/* The adapter file: what is written is read, nothing else is.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "base/hash.h"
#include "subspace/adapter.h"
#include "toy_params.h"

static const char PATH[] = "test_adapter.idim";
static const char BASE[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char *const LABELS[] = {"not_equivalent", "\xc3\xa9quivalent"};

enum { D = 20, LAMBDAS = 4 };

static adapter example(const real *x)
{
    return (adapter){.method = "said",
                     .projection = "fastfood",
                     .normalize = "capped",
                     .groups = "block",
                     .pull = "exact",
                     .seed = 0xfedcba9876543210u,
                     .len_z = D - LAMBDAS,
                     .n_lambda = LAMBDAS,
                     .x = x,
                     .base = BASE,
                     .architecture = "bert",
                     .weights = 12345,
                     .initializer_range = 0.02,
                     .pooling = "cls",
                     .task = "mrpc",
                     .problem = "classes",
                     .n_labels = 2,
                     .label_name = LABELS,
                     .max_seq_length = 128};
}

static void write_example(idim *lib)
{
    real x[D];
    toy_fill(1, 1, x, D);
    adapter a = example(x);
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    real x[D];
    toy_fill(1, 1, x, D);
    adapter e = example(x), *a;
    CHECK_OK(lib, adapter_read(lib, PATH, &a));
    assert_string_equal(a->method, e.method);
    assert_string_equal(a->projection, e.projection);
    assert_string_equal(a->normalize, e.normalize);
    assert_string_equal(a->groups, e.groups);
    assert_string_equal(a->pull, e.pull);
    assert_true(a->seed == e.seed);
    assert_int_equal(a->len_z, e.len_z);
    assert_int_equal(a->n_lambda, e.n_lambda);
    assert_int_equal(a->n_direct, 0);
    assert_memory_equal(a->x, x, sizeof x);
    assert_string_equal(a->base, e.base);
    assert_string_equal(a->architecture, e.architecture);
    assert_int_equal(a->weights, e.weights);
    assert_true(a->initializer_range == e.initializer_range);
    assert_string_equal(a->pooling, e.pooling);
    assert_string_equal(a->task, e.task);
    assert_string_equal(a->problem, e.problem);
    assert_int_equal(a->n_labels, 2);
    assert_string_equal(a->label_name[1], LABELS[1]);
    assert_int_equal(a->max_seq_length, 128);
    assert_string_equal(a->version, IDIM_VERSION);

    char *text;
    CHECK_OK(lib, adapter_describe(a, &text));
    assert_non_null(strstr(text, "\"schema\":\"idim.adapter/1\""));
    assert_non_null(strstr(text, "\"seed\":\"18364758544493064720\""));
    memory_free(lib, text);
    adapter_free(a);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void another_base_is_refused_naming_both(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    adapter *a;
    CHECK_OK(lib, adapter_read(lib, PATH, &a));
    CHECK_OK(lib, adapter_check(a, BASE));
    char other[65];
    memcpy(other, BASE, sizeof other);
    other[63] = '0';
    assert_int_equal(adapter_check(a, other), IDIM_EMISMATCH);
    assert_non_null(strstr(idim_error(lib), BASE));
    assert_non_null(strstr(idim_error(lib), other));
    adapter_free(a);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* writing a subspace's x and placing it again gives the same weights */
static void check_round_trip(const char *method, int64_t dim)
{
    idim *lib = check_library(2);
    params *p = toy_params(lib);
    idim_subspace_options o = idim_subspace_defaults();
    o.method = method;
    o.dim = dim;
    subspace *s, *again;
    CHECK_OK(lib, subspace_new(p, &o, &s));
    real *x, *theta;
    CHECK_OK(lib, NEW(lib, real, subspace_dim(s), "x", &x));
    CHECK_OK(lib, NEW(lib, real, p->size, "theta", &theta));
    toy_fill(5, 5, x, subspace_dim(s));
    subspace_push(s, x, p->theta);

    adapter a = example(x), *read;
    a.method = method;
    a.normalize = o.normalize;
    a.seed = o.seed;
    a.len_z = subspace_len_z(s);
    a.n_lambda = subspace_n_lambda(s);
    a.n_direct = subspace_n_direct(s);
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
    CHECK_OK(lib, adapter_read(lib, PATH, &read));
    idim_subspace_options same = adapter_options(read);
    CHECK_OK(lib, subspace_new(p, &same, &again));
    CHECK_OK(lib, adapter_place(read, again, theta));
    assert_memory_equal(theta, p->theta, (size_t)p->size * sizeof(real));

    subspace_free(again);
    same.method = "head";
    same.dim = 0;
    CHECK_OK(lib, subspace_new(p, &same, &again));
    if (strcmp(method, "head") != 0)
        assert_int_equal(adapter_place(read, again, theta), IDIM_EMISMATCH);
    adapter_free(read);
    subspace_free(again);
    subspace_free(s);
    memory_free(lib, x);
    memory_free(lib, theta);
    params_free(p);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void placed_weights_are_the_trained_ones(void **state)
{
    (void)state;
    check_round_trip("said", 100);
    check_round_trip("did", 33);
    check_round_trip("full", 0);
    check_round_trip("head", 0);
    check_round_trip("bias", 0);
}

/* ---- malformed ------------------------------------------------------------------------------- */

/* without the fsync of file_write, which thousands of files would wait for */
static void put_bytes(const void *bytes, int64_t size)
{
    remove(PATH); /* a file that is cut to nothing is flushed by some file systems */
    FILE *f = fopen(PATH, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    fclose(f);
}

/* front, header, payload and a checksum that fits, whatever they hold */
static void write_forged(idim *lib, const char *magic, const char *header, int64_t header_length,
                         int64_t payload)
{
    int64_t n = (int64_t)strlen(header), size = 12 + n + payload;
    uint8_t *bytes;
    CHECK_OK(lib, NEW(lib, uint8_t, size + HASH_BYTES, "forged", &bytes));
    memcpy(bytes, magic, 8);
    for (int k = 0; k < 4; k++)
        bytes[8 + k] = (uint8_t)(header_length >> (8 * k));
    memcpy(bytes + 12, header, (size_t)n);
    hash_bytes(bytes, size, bytes + size);
    put_bytes(bytes, size + HASH_BYTES);
    memory_free(lib, bytes);
}

/* header with the first `from` replaced by `to` */
static void replace(const char *header, const char *from, const char *to, char *out, size_t room)
{
    const char *at = strstr(header, from);
    if (at == NULL)
        fail_msg("'%s' is not in the header", from);
    snprintf(out, room, "%.*s%s%s", (int)(at - header), header, to, at + strlen(from));
}

static const struct {
    const char *from, *to;
    int status;
    const char *sentence;
} forged[] = {
    {"\"encoding\":\"fp32\"", "\"encoding\":\"coded\"", IDIM_EUNSUPPORTED, "encoding 'coded'"},
    {"\"encoding\":\"fp32\",", "", IDIM_EFORMAT, "encoding"},
    {"\"encoding\":\"fp32\"", "\"encoding\":\"\"", IDIM_EUNSUPPORTED, "encoding"},
    {"\"projection_version\":1", "\"projection_version\":2", IDIM_EUNSUPPORTED,
     "projection_version: expected 1, found 2"},
    {"\"projection_version\":1", "\"projection_version\":\"1\"", IDIM_EFORMAT,
     "projection_version"},
    {"\"method\":\"said\"", "\"method\":\"sai\"", IDIM_EUNSUPPORTED, "method 'sai'"},
    {"\"method\":\"said\"", "\"method\":7", IDIM_EFORMAT, "method"},
    {"\"method\":\"said\",", "", IDIM_EFORMAT, "method"},
    {"\"projection\":\"fastfood\"", "\"projection\":\"fast\"", IDIM_EUNSUPPORTED,
     "projection 'fast'"},
    {"\"normalize\":\"capped\"", "\"normalize\":\"odd\"", IDIM_EUNSUPPORTED, "normalize 'odd'"},
    {"\"groups\":\"block\"", "\"groups\":\"rock\"", IDIM_EUNSUPPORTED, "groups 'rock'"},
    {"\"pull\":\"exact\"", "\"pull\":\"vague\"", IDIM_EUNSUPPORTED, "pull 'vague'"},
    {"\"pooling\":\"cls\"", "\"pooling\":\"max\"", IDIM_EUNSUPPORTED, "pooling 'max'"},
    {"\"problem\":\"classes\"", "\"problem\":\"p\"", IDIM_EUNSUPPORTED, "problem 'p'"},
    {"\"seed\":\"18364758544493064720\"", "\"seed\":5", IDIM_EFORMAT, "seed"},
    {"\"seed\":\"18364758544493064720\"", "\"seed\":\"18446744073709551616\"", IDIM_EFORMAT,
     "seed: expected an unsigned 64-bit number"},
    {"\"seed\":\"18364758544493064720\"", "\"seed\":\"-1\"", IDIM_EFORMAT, "seed"},
    {"\"seed\":\"18364758544493064720\"", "\"seed\":\"\"", IDIM_EFORMAT, "seed"},
    {"\"dim\":20", "\"dim\":21", IDIM_EFORMAT, "dim: expected z + lambda + direct = 20, found 21"},
    {"\"dim\":20", "\"dim\":20.0", IDIM_EFORMAT, "dim"},
    {"\"dim\":20,", "", IDIM_EFORMAT, "dim"},
    {"\"z\":16", "\"z\":-16", IDIM_EFORMAT, "z: expected an integer"},
    {"\"z\":16", "\"z\":99999999999", IDIM_EFORMAT, "z: expected an integer"},
    {"\"lambda\":4", "\"lambda\":null", IDIM_EFORMAT, "lambda"},
    {"\"direct\":0", "\"direct\":9223372036854775807", IDIM_EFORMAT, "direct"},
    {"\"base\":\"0011", "\"base\":\"001", IDIM_EFORMAT, "base: expected 64 hexadecimal digits"},
    {"\"base\":\"0011", "\"base\":\"00G1", IDIM_EFORMAT, "base: expected 64 hexadecimal digits"},
    {"\"weights\":12345", "\"weights\":0", IDIM_EFORMAT, "weights"},
    {"\"initializer_range\":0.02", "\"initializer_range\":-1", IDIM_EFORMAT, "initializer_range"},
    {"\"n_labels\":2", "\"n_labels\":3", IDIM_EFORMAT, "labels: expected 3 names or none, found 2"},
    {"\"n_labels\":2", "\"n_labels\":0", IDIM_EFORMAT, "n_labels"},
    {"\"n_labels\":2", "\"n_labels\":1000000000", IDIM_EFORMAT, "n_labels"},
    {"\"not_equivalent\"", "0", IDIM_EFORMAT, "labels[0]"},
    {"\"not_equivalent\"", "\"a\\u0000b\"", IDIM_EFORMAT, ""},
    {"\"labels\":[", "\"labels\":7,\"l\":[", IDIM_EFORMAT, "labels"},
    {"\"task\":\"mrpc\"", "\"task\":[\"mrpc\"]", IDIM_EFORMAT, "task"},
    {"\"task\":\"mrpc\"", "\"task\":\"mrpc\",\"task\":\"b\"", IDIM_EFORMAT, "header"},
    {"\"max_seq_length\":128", "\"max_seq_length\":-1", IDIM_EFORMAT, "max_seq_length"},
    {"\"max_seq_length\":128", "\"max_seq_length\":1e9", IDIM_EFORMAT, "max_seq_length"},
    {"{", "[", IDIM_EFORMAT, "header"},
    {"}", "", IDIM_EFORMAT, "header"},
    {"}", "} x", IDIM_EFORMAT, "header"},
    {"\"mrpc\"", "\"m\xff\"", IDIM_EFORMAT, "header"},
};

static void check_forged(idim *lib, int status, const char *sentence)
{
    adapter *a;
    library_clear(lib);
    int found = adapter_read(lib, PATH, &a);
    assert_null(a);
    if (found != status || strstr(idim_error(lib), sentence) == NULL ||
        strstr(idim_error(lib), PATH) == NULL)
        fail_msg("expected status %d, '%s'; found %d, '%s'", status, sentence, found,
                 idim_error(lib));
}

static void malformed_files_are_refused_by_name(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    char *bytes, header[2048], changed[2048];
    int64_t size;
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &bytes, &size));
    int64_t length = (uint8_t)bytes[8] + 256 * (uint8_t)bytes[9];
    snprintf(header, sizeof header, "%.*s", (int)length, bytes + 12);
    memory_free(lib, bytes);

    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        replace(header, forged[i].from, forged[i].to, changed, sizeof changed);
        write_forged(lib, "IDIMADP1", changed, (int64_t)strlen(changed), 4 * D);
        check_forged(lib, forged[i].status, forged[i].sentence);
    }
    write_forged(lib, "IDIMADP9", header, length, 4 * D);
    check_forged(lib, IDIM_EUNSUPPORTED, "version: expected '1', found '9'");
    write_forged(lib, "IDIMCKP1", header, length, 4 * D);
    check_forged(lib, IDIM_EFORMAT, "not a file of this kind");
    write_forged(lib, "IDIMADP1", header, 0xffffffff, 4 * D);
    check_forged(lib, IDIM_EFORMAT, "header length");
    write_forged(lib, "IDIMADP1", header, length, 4 * D - 4);
    check_forged(lib, IDIM_EFORMAT, "values: expected 80 bytes, found 76");
    write_forged(lib, "IDIMADP1", header, length, 4 * D + 1);
    check_forged(lib, IDIM_EFORMAT, "values: expected 80 bytes, found 81");
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    real x[D] = {0};
    x[7] = (real)(1e300 * 1e300);
    adapter a = example(x);
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
    check_forged(lib, IDIM_EFORMAT, "values: number 7 is not finite");
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void a_missing_file_is_said(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    adapter *a;
    assert_int_equal(adapter_read(lib, "no/such.idim", &a), IDIM_EIO);
    assert_null(a);
    idim_close(lib);
}

/* the file's bytes as they are, cut or changed: never read as an adapter */
static void check_refused(idim *lib, const char *bytes, int64_t size)
{
    put_bytes(bytes, size);
    adapter *a;
    library_clear(lib);
    int status = adapter_read(lib, PATH, &a);
    assert_true(status == IDIM_EFORMAT || status == IDIM_EUNSUPPORTED);
    assert_null(a);
    assert_true(strlen(idim_error(lib)) > 0);
}

static void every_cut_and_every_changed_byte_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_example(lib);
    char *bytes;
    int64_t size;
    CHECK_OK(lib, file_read(lib, PATH, 1 << 20, &bytes, &size));
    for (int64_t cut = 0; cut < size; cut++)
        check_refused(lib, bytes, cut);
    for (int64_t i = 0; i < size; i++)
        for (int value = 1; value < 256; value *= 3) {
            bytes[i] = (char)(bytes[i] ^ value);
            check_refused(lib, bytes, size);
            bytes[i] = (char)(bytes[i] ^ value);
        }
    memory_free(lib, bytes);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* ---- memory that ends ------------------------------------------------------------------------ */

/* an allocator that refuses every call after `left` more; counts what is held, in blocks and bytes
 */
typedef struct scarce {
    int64_t left, held, bytes, peak;
} scarce;

static void *scarce_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    scarce *s = user;
    if (new_size == 0) {
        s->held -= p != NULL;
        s->bytes -= (int64_t)old_size;
        free(p);
        return NULL;
    }
    if (s->left-- <= 0)
        return NULL;
    s->held += p == NULL;
    s->bytes += (int64_t)new_size - (int64_t)old_size;
    s->peak = s->bytes > s->peak ? s->bytes : s->peak;
    return realloc(p, new_size);
}

static void every_allocation_of_reading_may_fail(void **state)
{
    (void)state;
    scarce memory = {.left = INT64_MAX};
    idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    write_example(lib);
    int64_t held = memory.held;
    int status = IDIM_EMEMORY;
    for (int64_t allowed = 0; status != 0; allowed++) {
        adapter *a;
        library_clear(lib);
        memory.left = allowed;
        status = adapter_read(lib, PATH, &a);
        assert_true(status == 0 || (status == IDIM_EMEMORY && a == NULL));
        assert_true(allowed < 100);
        memory.left = INT64_MAX;
        adapter_free(a);
        assert_int_equal(memory.held, held);
    }
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

static void every_allocation_of_writing_may_fail(void **state)
{
    (void)state;
    scarce memory = {.left = INT64_MAX};
    idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    int64_t held = memory.held;
    real x[D] = {0};
    adapter a = example(x);
    int status = IDIM_EMEMORY;
    for (int64_t allowed = 0; status != 0; allowed++) {
        library_clear(lib);
        memory.left = allowed;
        status = adapter_write(lib, &a, PATH);
        assert_true(status == 0 || status == IDIM_EMEMORY);
        assert_true(file_exists(PATH) == (status == 0));
        assert_true(allowed < 100);
        memory.left = INT64_MAX;
        assert_int_equal(memory.held, held);
    }
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

/* x takes the place of the file's bytes */
static void reading_holds_the_file_once(void **state)
{
    (void)state;
    enum { N = 100000, FILE_BYTES = 4 * N, REST = 8192 };
    scarce memory = {.left = INT64_MAX};
    idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    real *x = calloc(N, sizeof *x);
    assert_non_null(x);
    for (int i = 0; i < N; i++)
        x[i] = (real)(i % 1000) / 8;
    adapter a = example(x), *found;
    a.len_z = a.n_lambda = 0;
    a.n_direct = N;
    a.method = "full";
    CHECK_OK(lib, adapter_write(lib, &a, PATH));
    int64_t before = memory.peak = memory.bytes;
    CHECK_OK(lib, adapter_read(lib, PATH, &found));
    assert_true(memory.peak - before <= FILE_BYTES + REST);
    assert_memory_equal(found->x, x, N * sizeof *x);
    adapter_free(found);
    free(x);
    CHECK_OK(lib, file_remove(lib, PATH));
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(another_base_is_refused_naming_both),
        cmocka_unit_test(placed_weights_are_the_trained_ones),
        cmocka_unit_test(malformed_files_are_refused_by_name),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(a_missing_file_is_said),
        cmocka_unit_test(every_allocation_of_reading_may_fail),
        cmocka_unit_test(every_allocation_of_writing_may_fail),
        cmocka_unit_test(reading_holds_the_file_once),
        cmocka_unit_test(every_cut_and_every_changed_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
