/* Binding: the names a weight may have, what may be missing, shards.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "weights/binding.h"
#include "weights/weight_files.h"
#include "write_files.h"

#include <unistd.h>

#define FOLDER "test_binding_folder"
static const char single[] = FOLDER "/model.safetensors";
static const char index_path[] = FOLDER "/model.safetensors.index.json";
static const char shard_a[] = FOLDER "/a.safetensors", shard_b[] = FOLDER "/b.safetensors";

static const float four[4] = {1, 2, 3, 4}, six[6] = {9, 8, 7, 6, 5, 4}, two[2] = {10, 20};
static const float norm[2] = {30, 40};

static int make_folder(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, FOLDER));
    idim_close(lib);
    unlink(single);
    unlink(index_path);
    unlink(shard_a);
    unlink(shard_b);
    unlink(FOLDER "/pytorch_model.bin");
    return 0;
}

/* a body of 2 x 2 with a layer norm, a pooler, a classifier of n labels */
static params *toy(idim *lib, int64_t n_labels)
{
    params *p;
    CHECK_OK(lib, params_new(lib, &p));
    const param all[] = {
        {.name = "layer.weight", .rows = 2, .cols = 2},
        {.name = "layer.LayerNorm.weight", .rows = 1, .cols = 2},
        {.name = "pooler.weight", .rows = 2, .cols = 2, .role = ROLE_POOLER, .init = INIT_NORMAL},
        {.name = "pooler.bias", .rows = 1, .cols = 2, .role = ROLE_POOLER, .init = INIT_ZERO},
        {.name = "classifier.weight",
         .rows = n_labels,
         .cols = 2,
         .role = ROLE_CLASSIFIER,
         .init = INIT_NORMAL},
        {.name = "classifier.bias",
         .rows = 1,
         .cols = n_labels,
         .role = ROLE_CLASSIFIER,
         .init = INIT_ZERO},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK_OK(lib, params_add(p, &all[i], NULL));
    return p;
}

static real value(const params *p, const char *name, int64_t entry)
{
    int64_t i = params_find(p, name);
    assert_true(i >= 0);
    return p->theta0[p->item[i].offset + entry];
}

static bool is_fresh(const params *p, const char *name)
{
    return p->item[params_find(p, name)].fresh;
}

static bool noted(const binding *b, const char *fragment)
{
    for (int64_t i = 0; i < b->notes.n; i++)
        if (strstr(b->notes.text[i], fragment) != NULL)
            return true;
    return false;
}

static void names_may_be_bare_prefixed_or_old(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"layer.weight", "layer.LayerNorm.weight"},
        {"bert.layer.weight", "bert.layer.LayerNorm.weight"},
        {"bert.layer.weight", "bert.layer.LayerNorm.gamma"},
        {"layer.weight", "layer.LayerNorm.gamma"},
    };
    for (int i = 0; i < 4; i++) {
        idim *lib = check_library(1);
        const tensor_part parts[] = {{names[i][0], "F32", "[2, 2]", four, 16},
                                     {names[i][1], "F32", "[2]", norm, 8},
                                     {"embeddings.position_ids", "I64", "[1,1]", NULL, 8}};
        write_safetensors(single, parts, 3);
        params *p = toy(lib, 3);
        binding b = {.prefix = "bert.", .seed = 42};
        CHECK_OK(lib, binding_load(p, FOLDER, &b));
        assert_true(value(p, "layer.weight", 3) == 4);
        assert_true(value(p, "layer.LayerNorm.weight", 1) == 40);
        assert_true(is_fresh(p, "pooler.weight") && is_fresh(p, "classifier.bias"));
        assert_false(is_fresh(p, "layer.weight"));
        assert_false(b.own_head);
        assert_true(noted(&b, "pooler.weight: not in the folder, made anew from the seed"));
        assert_true(noted(&b, "classifier.bias: not in the folder, set to 0"));
        assert_int_equal(b.notes.n, 4);
        notes_free(lib, &b.notes);
        params_free(p);
        idim_close(lib);
    }
}

static void a_head_that_fits_is_kept_and_one_that_does_not_is_said(void **state)
{
    (void)state;
    const tensor_part parts[] = {
        {"bert.layer.weight", "F32", "[2, 2]", four, 16},
        {"bert.layer.LayerNorm.weight", "F32", "[2]", norm, 8},
        {"bert.pooler.weight", "F32", "[2, 2]", four, 16},
        {"bert.pooler.bias", "F32", "[2]", two, 8},
        {"classifier.weight", "F32", "[3, 2]", six, 24},
        {"classifier.bias", "F32", "[3]", six, 12},
        {"cls.predictions.bias", "F32", "[4]", four, 16},
    };
    write_safetensors(single, parts, 7);
    for (int64_t n_labels = 2; n_labels <= 3; n_labels++) {
        idim *lib = check_library(1);
        params *p = toy(lib, n_labels);
        binding b = {.prefix = "bert.", .seed = 7};
        CHECK_OK(lib, binding_load(p, FOLDER, &b));
        assert_int_equal(b.own_head, n_labels == 3);
        assert_int_equal(is_fresh(p, "classifier.weight"), n_labels != 3);
        assert_int_equal(is_fresh(p, "classifier.bias"), n_labels != 3);
        if (n_labels == 3) {
            assert_true(value(p, "classifier.weight", 5) == 4);
            assert_true(noted(&b, "1 tensor of the folder is not used: cls.predictions.bias"));
        } else {
            assert_true(noted(&b, "the folder's classifier has 3 outputs, another number was"));
            assert_true(noted(&b, "3 tensors of the folder are not used"));
        }
        notes_free(lib, &b.notes);
        params_free(p);
        idim_close(lib);
    }
}

/* binds with the parts given and expects this refusal, before any memory for weights is taken */
static void expect_refusal(const tensor_part *parts, int n, int status, const char *fragment)
{
    idim *lib = check_library(1);
    if (parts != NULL)
        write_safetensors(single, parts, n);
    params *p = toy(lib, 2);
    binding b = {.prefix = "bert.", .seed = 7};
    int found = binding_load(p, FOLDER, &b);
    if (found != status || strstr(idim_error(lib), fragment) == NULL)
        fail_msg("expected %d ...%s...\n  found %d %s", status, fragment, found, idim_error(lib));
    assert_null(p->theta0);
    notes_free(lib, &b.notes);
    params_free(p);
    idim_close(lib);
}

static void what_is_missing_or_misshapen_is_named(void **state)
{
    (void)state;
    const tensor_part w = {"layer.weight", "F32", "[2, 2]", four, 16};
    const tensor_part g = {"layer.LayerNorm.weight", "F32", "[2]", norm, 8};
    const tensor_part long_g = {"layer.LayerNorm.weight", "F32", "[4]", four, 16};
    const tensor_part row_g = {"layer.LayerNorm.weight", "F32", "[2, 1]", norm, 8};
    const tensor_part flat = {"layer.weight", "F32", "[4]", four, 16};
    const tensor_part narrow = {"classifier.weight", "F32", "[2, 1]", two, 8};
    const tensor_part bias = {"classifier.bias", "F32", "[2]", two, 8};
    const tensor_part again = {"bert.layer.weight", "F32", "[2, 2]", four, 16};

    expect_refusal(&g, 1, IDIM_EFORMAT,
                   FOLDER "/model.safetensors: tensor 'layer.weight': expected it, or "
                          "'bert.layer.weight', found neither");
    expect_refusal((tensor_part[]){{"x", "F32", "[0]", NULL, 0}}, 1, IDIM_EFORMAT,
                   "found neither (nor any other of this architecture's)");
    expect_refusal(
        (tensor_part[]){w, long_g}, 2, IDIM_EFORMAT,
        "tensor 'layer.LayerNorm.weight': shape: expected [2] by config.json, found [4]");
    expect_refusal((tensor_part[]){w, row_g}, 2, IDIM_EFORMAT,
                   "shape: expected [2] by config.json, found [2, 1]");
    expect_refusal((tensor_part[]){flat, g}, 2, IDIM_EFORMAT,
                   "shape: expected [2, 2] by config.json, found [4]");
    expect_refusal((tensor_part[]){w, g, narrow, bias}, 4, IDIM_EFORMAT,
                   "tensor 'classifier.weight': shape: expected [2, 2] by config.json, found "
                   "[2, 1]");
    expect_refusal((tensor_part[]){w, g, again}, 3, IDIM_EFORMAT,
                   "tensor 'layer.weight': expected one of its names, found 'bert.layer.weight' "
                   "too");
}

/* rows that are cut in pieces, and a vector that is */
static void a_tensor_in_pieces_has_one_dimension_more(void **state)
{
    (void)state;
    static const struct {
        const char *rows, *vector, *sentence;
    } CASES[] = {
        {"[2, 2, 1]", "[2, 2]", NULL},
        {"[2, 1, 2]", "[2, 2]", "'q': shape: expected [2, 2, 1] by config.json, found [2, 1, 2]"},
        {"[2, 2]", "[2, 2]", "'q': shape: expected [2, 2, 1] by config.json, found [2, 2]"},
        {"[1, 2, 2]", "[2, 2]", "'q': shape: expected [2, 2, 1] by config.json, found [1, 2, 2]"},
        {"[2, 2, 1]", "[4]", "'r_bias': shape: expected [2, 2] by config.json, found [4]"},
        {"[2, 2, 1]", "[1, 2, 2]",
         "'r_bias': shape: expected [2, 2] by config.json, found [1, 2, "},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        idim *lib = check_library(1);
        params *p;
        binding b = {.prefix = ""};
        CHECK_OK(lib, params_new(lib, &p));
        CHECK_OK(lib,
                 params_add(p, &(param){.name = "q", .rows = 2, .cols = 2, .pieces = 2}, NULL));
        CHECK_OK(lib, params_add(p, &(param){.name = "r_bias", .rows = 1, .cols = 4, .pieces = 2},
                                 NULL));
        const tensor_part parts[] = {{"q", "F32", CASES[i].rows, four, 16},
                                     {"r_bias", "F32", CASES[i].vector, four, 16}};
        write_safetensors(single, parts, 2);
        int status = binding_load(p, FOLDER, &b);
        if (CASES[i].sentence == NULL)
            CHECK_OK(lib, status);
        else if (strstr(idim_error(lib), CASES[i].sentence) == NULL)
            fail_msg("expected %s\n  found %d %s", CASES[i].sentence, status, idim_error(lib));
        notes_free(lib, &b.notes);
        params_free(p);
        idim_close(lib);
    }
}

static void a_folder_without_weights_is_refused(void **state)
{
    (void)state;
    make_folder(NULL);
    expect_refusal(NULL, 0, IDIM_EIO,
                   "expected model.safetensors or model.safetensors.index.json, found neither");
    write_text(FOLDER "/pytorch_model.bin", "x");
    expect_refusal(NULL, 0, IDIM_EUNSUPPORTED, "found only pytorch_model.bin");
}

static void shards_are_one_model(void **state)
{
    (void)state;
    make_folder(NULL);
    idim *lib = check_library(1);
    write_safetensors(shard_a, (tensor_part[]){{"layer.weight", "F32", "[2, 2]", four, 16}}, 1);
    write_safetensors(shard_b, (tensor_part[]){{"layer.LayerNorm.weight", "F32", "[2]", norm, 8}},
                      1);
    write_text(index_path, "{\"metadata\":{\"total_size\":24},\"weight_map\":{"
                           "\"layer.weight\":\"a.safetensors\","
                           "\"layer.LayerNorm.weight\":\"b.safetensors\"}}");
    params *p = toy(lib, 2);
    binding b = {.prefix = "bert.", .seed = 7};
    CHECK_OK(lib, binding_load(p, FOLDER, &b));
    assert_true(value(p, "layer.weight", 0) == 1);
    assert_true(value(p, "layer.LayerNorm.weight", 0) == 30);
    notes_free(lib, &b.notes);
    params_free(p);
    idim_close(lib);
}

static void a_malformed_index_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *index;
        int status;
        const char *expected;
    } cases[] = {
        {"", IDIM_EFORMAT, "index.json:1:0"},
        {"[]", IDIM_EFORMAT, "expected an object"},
        {"{}", IDIM_EFORMAT, "weight_map: expected an object, found nothing"},
        {"{\"weight_map\":[]}", IDIM_EFORMAT, "weight_map: expected an object, found a list"},
        {"{\"weight_map\":{\"w\":1}}", IDIM_EFORMAT, "weight_map.w: expected a string, found 1"},
        {"{\"weight_map\":{\"w\":\"../a.safetensors\"}}", IDIM_EFORMAT,
         "expected a file name without '/'"},
        {"{\"weight_map\":{\"w\":\"x\\\\a.safetensors\"}}", IDIM_EFORMAT,
         "expected a file name without '/'"},
        {"{\"weight_map\":{\"w\":\".hidden\"}}", IDIM_EFORMAT,
         "or a leading dot, found \".hidden\""},
        {"{\"weight_map\":{\"w\":\"\"}}", IDIM_EFORMAT, "expected a file name without"},
        {"{\"weight_map\":{\"w\":\"a\\u0000b\"}}", IDIM_EFORMAT, "index.json:1:"},
        {"{\"weight_map\":{\"w\":\"c.safetensors\"}}", IDIM_EIO,
         "weight_map.w: expected the file " FOLDER "/c.safetensors, found none: an incomplete"},
        {"{\"weight_map\":{\"w\":\"a.safetensors\"}}", IDIM_EFORMAT,
         "weight_map.w: expected this tensor in " FOLDER "/a.safetensors, found none"},
        {"{\"weight_map\":{\"layer.weight\":\"a.safetensors\",\"layer.weight\":\"a.safetensors\"}}",
         IDIM_EFORMAT, "duplicate"},
        {"{\"weight_map\":{\"layer.weight\":\"a.safetensors\",\"other\":\"b.safetensors\"}}",
         IDIM_EFORMAT,
         "b.safetensors: tensor 'layer.weight': expected in one shard, found in " FOLDER
         "/a.safetensors too"},
    };
    const tensor_part w = {"layer.weight", "F32", "[2, 2]", four, 16};
    write_safetensors(shard_a, &w, 1);
    write_safetensors(shard_b, (tensor_part[]){w, {"other", "F32", "[0]", NULL, 0}}, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim *lib = check_library(1);
        weight_files *w_files;
        write_text(index_path, cases[i].index);
        int status = weight_files_open(lib, FOLDER, &w_files);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].expected) == NULL)
            fail_msg("%s\n  expected %d ...%s...\n  found %d %s", cases[i].index, cases[i].status,
                     cases[i].expected, status, idim_error(lib));
        idim_close(lib);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_may_be_bare_prefixed_or_old),
        cmocka_unit_test(a_head_that_fits_is_kept_and_one_that_does_not_is_said),
        cmocka_unit_test(what_is_missing_or_misshapen_is_named),
        cmocka_unit_test(a_tensor_in_pieces_has_one_dimension_more),
        cmocka_unit_test(a_folder_without_weights_is_refused),
        cmocka_unit_test(shards_are_one_model),
        cmocka_unit_test(a_malformed_index_is_refused_in_words),
    };
    int failed = cmocka_run_group_tests(tests, make_folder, NULL);
    make_folder(NULL);
    rmdir(FOLDER);
    return failed;
}
