/* safetensors: what is read, and every way a file can be wrong.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "format/safetensors.h"
#include "write_files.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

static const char path[] = "test_safetensors.safetensors";

static void tensors_have_names_shapes_and_values(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const float w[6] = {1, -2, 3.5f, 0, -0.0f, 1e-40f};
    const float b[1] = {7};
    const tensor_part parts[] = {
        {"z.weight", "F32", "[2, 3]", w, sizeof w},
        {"a.scalar", "F32", "[]", b, sizeof b},
        {"m.empty", "F32", "[0, 5]", NULL, 0},
        {"k.ids", "I64", "[1, 2]", NULL, 16},
        {"k.deep", "F32", "[1,1,1,1,1,1,1,1]", b, sizeof b},
    };
    write_safetensors(path, parts, 5);
    safetensors *s;
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    assert_int_equal(s->n, 5);

    const safetensor *t = safetensors_find(s, "z.weight");
    assert_non_null(t);
    assert_string_equal(t->dtype, "F32");
    assert_int_equal(t->elements, 6);
    char shape[SAFETENSORS_SHAPE_TEXT];
    safetensor_shape(t, shape);
    assert_string_equal(shape, "[2, 3]");
    real got[6];
    CHECK_OK(lib, safetensors_read(s, t, got, NULL));
    for (int i = 0; i < 6; i++)
        assert_true((float)got[i] == w[i] && !signbit(got[i]) == !signbit(w[i]));

    t = safetensors_find(s, "a.scalar");
    assert_int_equal(t->rank, 0);
    CHECK_OK(lib, safetensors_read(s, t, got, NULL));
    assert_true(got[0] == 7);
    t = safetensors_find(s, "m.empty");
    assert_int_equal(t->elements, 0);
    CHECK_OK(lib, safetensors_read(s, t, got, NULL));
    assert_int_equal(safetensors_find(s, "k.deep")->rank, 8);
    assert_null(safetensors_find(s, "z.weigh"));

    assert_int_equal(safetensors_read(s, safetensors_find(s, "k.ids"), got, NULL),
                     IDIM_EUNSUPPORTED);
    assert_non_null(strstr(idim_error(lib),
                           "tensor 'k.ids': dtype: expected F32, F16, BF16 or F64, "
                           "found I64"));
    safetensors_close(s);
    idim_close(lib);
}

static void a_file_without_tensors_is_legal(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    safetensors *s;
    write_safetensors_raw(path, "{}   ", 5, "", 0);
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    assert_int_equal(s->n, 0);
    safetensors_close(s);
    idim_close(lib);
}

static void names_are_decoded(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const tensor_part parts[] = {{"\\u00e9\\ud83d\\ude00\\\"\xc3\xa9", "F32", "[0]", NULL, 0},
                                 {"k\\u0061\\/", "F32", "[0]", NULL, 0}};
    write_safetensors(path, parts, 2);
    safetensors *s;
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    assert_non_null(safetensors_find(s, "\xc3\xa9\xf0\x9f\x98\x80\"\xc3\xa9"));
    assert_non_null(safetensors_find(s, "ka/"));
    safetensors_close(s);
    idim_close(lib);
}

static double half_by_definition(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double m = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000u ? -m : m;
}

static void every_finite_half_and_bfloat_is_exact(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static uint16_t half[65536], brain[65536];
    size_t n_half = 0, n_brain = 0;
    for (unsigned bits = 0; bits < 65536; bits++) {
        if ((bits & 0x7c00u) != 0x7c00u)
            half[n_half++] = (uint16_t)bits;
        if ((bits & 0x7f80u) != 0x7f80u)
            brain[n_brain++] = (uint16_t)bits;
    }
    char half_shape[32], brain_shape[32];
    snprintf(half_shape, sizeof half_shape, "[%zu]", n_half);
    snprintf(brain_shape, sizeof brain_shape, "[%zu]", n_brain);
    const tensor_part parts[] = {{"h", "F16", half_shape, half, 2 * n_half},
                                 {"b", "BF16", brain_shape, brain, 2 * n_brain}};
    write_safetensors(path, parts, 2);

    static real got[65536];
    safetensors *s;
    int64_t rounded = -1;
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    CHECK_OK(lib, safetensors_read(s, safetensors_find(s, "h"), got, &rounded));
    assert_int_equal(rounded, 0);
    for (size_t i = 0; i < n_half; i++)
        assert_true((double)got[i] == half_by_definition(half[i]));
    CHECK_OK(lib, safetensors_read(s, safetensors_find(s, "b"), got, NULL));
    for (size_t i = 0; i < n_brain; i++) {
        uint32_t bits = (uint32_t)brain[i] << 16;
        float value;
        memcpy(&value, &bits, 4);
        assert_true((float)got[i] == value);
    }
    safetensors_close(s);
    idim_close(lib);
}

static void values_that_lose_digits_are_counted(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const double w[4] = {0.5, 0.1, -3, 1 / 3.0};
    const tensor_part parts[] = {{"w", "F64", "[4]", w, sizeof w}};
    write_safetensors(path, parts, 1);
    safetensors *s;
    real got[4];
    int64_t rounded;
    CHECK_OK(lib, safetensors_open(lib, path, &s));
    CHECK_OK(lib, safetensors_read(s, safetensors_find(s, "w"), got, &rounded));
    assert_int_equal(rounded, 2);
    assert_true(got[1] == (real)0.1);
    safetensors_close(s);
    idim_close(lib);
}

static void a_value_that_is_not_finite_is_named(void **state)
{
    (void)state;
    static const float bad32[3] = {1, 2, INFINITY};
    static const uint16_t bad_half[3] = {0, 0x7e00, 0}, bad_brain[3] = {0xff80, 0, 0};
    static const double bad64[3] = {1, 1e39, 2};
    const struct {
        tensor_part part;
        const char *expected;
    } cases[] = {
        {{"layer.w", "F32", "[3]", bad32, 12}, "tensor 'layer.w': element 2: expected a finite"},
        {{"layer.h", "F16", "[3]", bad_half, 6}, "tensor 'layer.h': element 1: expected a finite"},
        {{"layer.b", "BF16", "[3]", bad_brain, 6},
         "tensor 'layer.b': element 0: expected a finite"},
        {{"layer.d", "F64", "[3]", bad64, 24}, "tensor 'layer.d': element 1: expected a finite"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim *lib = check_library(1);
        safetensors *s;
        real got[3];
        write_safetensors(path, &cases[i].part, 1);
        CHECK_OK(lib, safetensors_open(lib, path, &s));
        assert_int_equal(safetensors_read(s, &s->item[0], got, NULL), IDIM_EFORMAT);
        assert_non_null(strstr(idim_error(lib), cases[i].expected));
        safetensors_close(s);
        idim_close(lib);
    }
}

#define ONE(shape, begin, end)                                                                     \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}}"
#define PART(name, begin, end)                                                                     \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" begin "," end "]}"

/* header, bytes of data after it, fragment of the sentence; all IDIM_EFORMAT but where said */
static const struct {
    const char *header;
    int data;
    const char *expected;
    int status;
} malformed[] = {
    {"", 0, "at byte 0: expected '{', found the header's end", 0},
    {" {}", 0, "at byte 0: expected '{'", 0},
    {"[]", 0, "at byte 0: expected '{', found '['", 0},
    {"{", 0, "expected a tensor's name, found the header's end", 0},
    {"{}x", 0, "expected nothing but spaces after the last '}', found 'x'", 0},
    {"{}\n", 0, "expected nothing but spaces", 0},
    {"{},", 0, "expected nothing but spaces", 0},
    {"{\"a\"}", 0, "expected ':', found '}'", 0},
    {"{\"a\":1}", 0, "expected '{', found '1'", 0},
    {"{\"a\":{}}", 0, "expected \"dtype\", \"shape\" or \"data_offsets\"", 0},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "expected dtype, shape and two data_offsets before", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "expected dtype, shape and two data_offsets",
     0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "expected each of dtype, shape and data_offsets once", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "expected each of dtype, shape and data_offsets once", 0},
    {"{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "dtype: expected F32, F16, BF16, F64 or another known type, found 'Q4'", IDIM_EUNSUPPORTED},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "expected a string, found '7'", 0},
    {ONE("[1.5]", "0", "4"), 4, "expected ',' or ']', found '.'", 0},
    {ONE("[-1]", "0", "4"), 4, "expected a whole number, 0 or more", 0},
    {ONE("[01]", "0", "4"), 4, "expected a whole number, 0 or more", 0},
    {ONE("[1e0]", "0", "4"), 4, "expected ',' or ']', found 'e'", 0},
    {ONE("[1,]", "0", "4"), 4, "expected a whole number, 0 or more, found ']'", 0},
    {ONE("[9223372036854775808]", "0", "4"), 4, "expected an integer below 2^63", 0},
    {ONE("[4294967296,4294967296]", "0", "4"), 4, "shape: expected fewer than 2^63 bits", 0},
    {ONE("[2305843009213693952]", "0", "4"), 4, "shape: expected fewer than 2^63 bits", 0},
    {ONE("[1,1,1,1,1,1,1,1,1]", "0", "4"), 4, "shape: expected at most 8 entries", 0},
    {ONE("[1]", "0", "4,4"), 4, "data_offsets: expected at most 2 entries", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "expected dtype, shape and two data_offsets", 0},
    {ONE("[2]", "0", "4"), 4, "bytes between data_offsets, by its shape: expected 8, found 4", 0},
    {ONE("[1]", "0", "8"), 8, "bytes between data_offsets, by its shape: expected 4, found 8", 0},
    {ONE("[1]", "4", "0"), 4, "data_offsets: end at least the begin", 0},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "by its shape", 0},
    {ONE("[4]", "0", "16"), 12,
     "the file has 12 bytes of tensors, the header needs 16: an incomplete download?", 0},
    {ONE("[1]", "0", "4"), 5, "expected the last tensor to end at the file's end, found 1 bytes",
     0},
    {ONE("[1]", "4", "8"), 8, "expected to begin at 0, where the one before it ends, found 4", 0},
    {"{" PART("a", "0", "4") "," PART("b", "8", "12") "}", 12, "tensor 'b': expected to begin at 4",
     0},
    {"{" PART("a", "0", "4") "," PART("b", "0", "4") "}", 8, "expected to begin at 4", 0},
    {"{" PART("a", "0", "4") "," PART("a", "4", "8") "}", 8, "tensor 'a' stands there twice", 0},
    {"{" PART("a", "0", "4") "," PART("\\u0061", "4", "8") "}", 8, "tensor 'a' stands there twice",
     0},
    {"{" PART("a", "0", "4") PART("b", "4", "8") "}", 8, "expected ',' or '}', found '\"'", 0},
    {"{" PART("a", "0", "4") ",}", 4, "expected a tensor's name, found '}'", 0},
    {"{" PART("a\\u0000", "0", "4") "}", 4, "expected a name without control characters", 0},
    {"{" PART("a\\u001f", "0", "4") "}", 4, "expected a name without control characters", 0},
    {"{" PART("a\x01", "0", "4") "}", 4, "expected a printable character", 0},
    {"{" PART("a\x7f", "0", "4") "}", 4, "expected a name without control characters", 0},
    {"{" PART("a\\u0085", "0", "4") "}", 4, "expected a name without control characters", 0},
    {"{" PART("a\\ud800", "0", "4") "}", 4, "expected a pair of surrogates", 0},
    {"{" PART("a\\udc00", "0", "4") "}", 4, "expected a pair of surrogates", 0},
    {"{" PART("a\\u12g4", "0", "4") "}", 4, "expected four hexadecimal digits, found 'g'", 0},
    {"{" PART("a\\x", "0", "4") "}", 4, "expected an escape, found 'x'", 0},
    {"{" PART("a\xff", "0", "4") "}", 4, "expected UTF-8, found byte 0xff", 0},
    {"{" PART("a\xc0\x80", "0", "4") "}", 4, "expected UTF-8", 0},
    {"{" PART("a\xed\xa0\x80", "0", "4") "}", 4, "expected UTF-8", 0},
    {"{\"a", 0, "expected '\"', found the header's end", 0},
    {"{\"__metadata__\":1}", 0, "expected '{', found '1'", 0},
    {"{\"__metadata__\":{\"a\":1}}", 0, "expected a string, found '1'", 0},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"1\"}}", 0, "__metadata__: 'a' stands there twice", 0},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "expected __metadata__ once", 0},
    {"{\"a\":{\"dtype\":{\"dtype\":{\"dtype\":{", 0, "expected a string, found '{'", 0},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[[[[[[[[[[[[[[[", 0, "expected a whole number", 0},
};

static void every_malformed_header_is_refused_in_words(void **state)
{
    (void)state;
    static const char data[64];
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        idim *lib = check_library(1);
        safetensors *s = NULL;
        write_safetensors_raw(path, malformed[i].header, strlen(malformed[i].header), data,
                              (size_t)malformed[i].data);
        int status = safetensors_open(lib, path, &s);
        int expected = malformed[i].status != 0 ? malformed[i].status : IDIM_EFORMAT;
        if (status != expected || strstr(idim_error(lib), malformed[i].expected) == NULL ||
            strncmp(idim_error(lib), path, strlen(path)) != 0)
            fail_msg("%s\n  expected %d ...%s...\n  found    %d %s", malformed[i].header, expected,
                     malformed[i].expected, status, idim_error(lib));
        assert_null(s);
        idim_close(lib);
    }
}

static void a_wrong_length_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t n;
        const char *expected;
    } cases[] = {
        {"", 0, "expected at least 8 bytes, found 0: an incomplete download?"},
        {"\x02\0\0\0\0\0\0", 7, "expected at least 8 bytes, found 7"},
        {"\x09\0\0\0\0\0\0\0{}", 10, "the file has 10 bytes, the header needs 17: an incomplete"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "header length: expected at most 100000000"},
        {"\x01\xe1\xf5\x05\0\0\0\0{}", 10, "expected at most 100000000 bytes, found 100000001"},
        {"\0\0\0\0\0\0\0\x80{}", 10, "header length: expected at most"},
        {"PK\x03\x04\0\0\0\0\0\0\0\0\0", 13, "an incomplete download?"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "found a Git LFS pointer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim *lib = check_library(1);
        safetensors *s;
        write_bytes(path, cases[i].bytes, cases[i].n);
        assert_int_equal(safetensors_open(lib, path, &s), IDIM_EFORMAT);
        if (strstr(idim_error(lib), cases[i].expected) == NULL)
            fail_msg("expected ...%s...\n found %s", cases[i].expected, idim_error(lib));
        idim_close(lib);
    }
    idim *lib = check_library(1);
    safetensors *s;
    assert_int_equal(safetensors_open(lib, "test_safetensors_absent", &s), IDIM_EIO);
    idim_close(lib);
}

/* counts what is held and the most that ever was */
typedef struct counted {
    int64_t held, peak;
} counted;

static void *count_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    counted *c = user;
    c->held += (int64_t)new_size - (int64_t)old_size;
    c->peak = c->held > c->peak ? c->held : c->peak;
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, new_size);
}

static const float sample[3] = {1.5f, -2, 0.25f};

static size_t write_sample(void)
{
    const tensor_part parts[] = {{"a", "F32", "[2]", sample, 8},
                                 {"b", "F32", "[1]", sample + 2, 4}};
    write_safetensors(path, parts, 2);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fclose(f);
    return (size_t)size;
}

/* the file as it is now: refused with a sentence, or all it has is consistent; *same is whether a
 * and b, where they are there and readable, have the sample's values */
static int try_file(size_t size, bool *same)
{
    counted c = {0};
    idim_options options = {.alloc = count_alloc, .user = &c, .threads = 1};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    safetensors *s;
    int status = safetensors_open(lib, path, &s);
    *same = true;
    if (status != 0) {
        assert_true(status == IDIM_EFORMAT || status == IDIM_EUNSUPPORTED);
        assert_true(idim_error(lib)[0] != '\0');
    } else {
        real got[4] = {0};
        const safetensor *a = safetensors_find(s, "a"), *b = safetensors_find(s, "b");
        assert_int_equal(s->n, 2);
        if (a != NULL && a->elements == 2 && safetensors_read(s, a, got, NULL) == 0)
            *same = (float)got[0] == sample[0] && (float)got[1] == sample[1];
        if (b != NULL && b->elements == 1 && safetensors_read(s, b, got, NULL) == 0)
            *same = *same && (float)got[0] == sample[2];
        safetensors_close(s);
    }
    idim_close(lib);
    assert_int_equal(c.held, 0);
    assert_true(c.peak <= (int64_t)size + (1 << 20));
    return status;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    size_t size = write_sample();
    bool same;
    assert_int_equal(try_file(size, &same), 0);
    while (size-- > 0) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_equal(try_file(size, &same), IDIM_EFORMAT);
    }
}

static void every_byte_set_to_every_value_is_refused_or_means_the_same(void **state)
{
    (void)state;
    size_t size = write_sample();
    int descriptor = open(path, O_RDWR);
    assert_true(descriptor >= 0);
    for (size_t i = 0; i < size; i++) {
        unsigned char kept;
        assert_int_equal(pread(descriptor, &kept, 1, (off_t)i), 1);
        bool is_data = i >= size - 12;
        for (int change = 1; change < 256; change += is_data ? 64 : 1) {
            unsigned char byte = (unsigned char)(kept ^ change);
            assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)i), 1);
            bool same;
            int status = try_file(size, &same);
            if (status == 0 && !is_data && !same)
                fail_msg("byte %zu, value %d: another meaning", i, byte);
        }
        assert_int_equal(pwrite(descriptor, &kept, 1, (off_t)i), 1);
    }
    close(descriptor);
}

static void the_published_model_is_read(void **state)
{
    (void)state;
    const char *folder = getenv("IDIM_TEST_MODEL");
    char real_path[1024];
    snprintf(real_path, sizeof real_path, "%s/model.safetensors",
             folder != NULL ? folder : TEST_FOLDER "/../demo/model");
    if (access(real_path, R_OK) != 0) {
        print_message("SKIPPED: %s is absent\n", real_path);
        skip();
    }
    idim *lib = check_library(1);
    safetensors *s;
    CHECK_OK(lib, safetensors_open(lib, real_path, &s));
    const safetensor *t = safetensors_find(s, "embeddings.word_embeddings.weight");
    assert_non_null(t);
    assert_int_equal(t->shape[1], 384);
    safetensors_close(s);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_have_names_shapes_and_values),
        cmocka_unit_test(a_file_without_tensors_is_legal),
        cmocka_unit_test(names_are_decoded),
        cmocka_unit_test(every_finite_half_and_bfloat_is_exact),
        cmocka_unit_test(values_that_lose_digits_are_counted),
        cmocka_unit_test(a_value_that_is_not_finite_is_named),
        cmocka_unit_test(every_malformed_header_is_refused_in_words),
        cmocka_unit_test(a_wrong_length_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_byte_set_to_every_value_is_refused_or_means_the_same),
        cmocka_unit_test(the_published_model_is_read),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
