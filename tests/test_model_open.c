/* Opening a model: folders, names in the cache, heads, labels, and what is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "format/safetensors.h"
#include "model/model.h"
#include "write_files.h"

#include <math.h>
#include <unistd.h>

#define TINY    TEST_FOLDER "/fixtures/tiny"
#define FOLDER  "test_model_open_folder"
#define WEIGHTS FOLDER "/model.safetensors"
#define CONFIG  FOLDER "/config.json"

enum { TINY_BODY = 23424, TINY_HIDDEN = 32, MAX_PARTS = 64 };

static const char base_config[] =
    "\"hidden_size\":32,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"intermediate_size\":64,\"max_position_embeddings\":64,\"vocab_size\":97";

static void write_config(const char *rest)
{
    char text[2048];
    snprintf(text, sizeof text, "{\"model_type\":\"bert\",%s%s}", base_config, rest);
    write_text(CONFIG, text);
}

/* the tiny model's weights under another prefix, and a classifier of n_labels rows (0: none) */
static void write_weights(const char *prefix, int n_labels)
{
    idim *lib = check_library(1);
    safetensors *s;
    char *bytes;
    int64_t size;
    CHECK_OK(lib, safetensors_open(lib, TINY "/model.safetensors", &s));
    CHECK_OK(lib, file_read(lib, TINY "/model.safetensors", 1 << 24, &bytes, &size));
    static char name[MAX_PARTS][128], shape[MAX_PARTS][SAFETENSORS_SHAPE_TEXT];
    static float head[8 * TINY_HIDDEN];
    tensor_part parts[MAX_PARTS];
    int n = 0;
    for (; n < s->n; n++) {
        const safetensor *t = &s->item[n];
        snprintf(name[n], sizeof name[n], "%s%s", prefix, t->name);
        safetensor_shape(t, shape[n]);
        parts[n] = (tensor_part){name[n], t->dtype, shape[n], bytes + t->begin, (size_t)t->size};
    }
    for (int i = 0; i < 8 * TINY_HIDDEN; i++)
        head[i] = (float)i;
    if (n_labels > 0) {
        size_t rows = (size_t)n_labels;
        snprintf(shape[n], sizeof shape[n], "[%d, %d]", n_labels, TINY_HIDDEN);
        parts[n] =
            (tensor_part){"classifier.weight", "F32", shape[n], head, 4 * rows * TINY_HIDDEN};
        n++;
        snprintf(shape[n], sizeof shape[n], "[%d]", n_labels);
        parts[n] = (tensor_part){"classifier.bias", "F32", shape[n], head, 4 * rows};
        n++;
    }
    write_safetensors(WEIGHTS, parts, n);
    memory_free(lib, bytes);
    safetensors_close(s);
    idim_close(lib);
}

static int set_up(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, FOLDER));
    idim_close(lib);
    write_config("");
    write_weights("", 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(CONFIG);
    unlink(WEIGHTS);
    rmdir(FOLDER);
    return 0;
}

static idim_model *open_model(idim *lib, const char *path, int64_t n_labels, uint64_t seed)
{
    model_options o = model_defaults();
    o.path = path;
    o.n_labels = n_labels;
    o.seed = seed;
    idim_model *m = NULL;
    CHECK_OK(lib, model_open(lib, &o, &m));
    return m;
}

static const real *tensor(const idim_model *m, const char *name)
{
    int64_t i = params_find(m->weights, name);
    assert_true(i >= 0);
    return m->weights->theta0 + m->weights->item[i].offset;
}

static bool noted(const idim_model *m, const char *fragment)
{
    for (int64_t i = 0; i < m->n_notes; i++)
        if (strstr(m->notes[i], fragment) != NULL)
            return true;
    return false;
}

static void a_bare_encoder_gets_a_head_from_the_seed(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_model *m = open_model(lib, TINY, 0, 42), *n = open_model(lib, TINY, 0, 43);
    assert_int_equal(m->weights->size, TINY_BODY + 2 * TINY_HIDDEN + 2);
    assert_int_equal(m->n_labels, 2);
    assert_int_equal(m->problem, PROBLEM_CLASSES);
    assert_null(m->label_name);
    assert_false(m->own_head);
    assert_true(noted(m, "classifier.weight: not in the folder, made anew from the seed"));
    assert_memory_equal(m->weights->theta, m->weights->theta0,
                        (size_t)m->weights->size * sizeof(real));

    const real *a = tensor(m, "classifier.weight"), *b = tensor(n, "classifier.weight");
    double sum = 0;
    bool differ = false;
    for (int i = 0; i < 2 * TINY_HIDDEN; i++) {
        sum += (double)a[i] * (double)a[i];
        differ = differ || a[i] != b[i];
    }
    assert_true(differ);
    /* 64 draws of standard deviation 0.02: within four standard errors of the variance */
    assert_true(fabs(sum / 64 / 0.0004 - 1) < 4 * sqrt(2 / 64.0));
    assert_true(tensor(m, "classifier.bias")[0] == 0);

    /* the base is the same whatever the head was made from */
    assert_string_equal(m->fingerprint, n->fingerprint);
    assert_int_equal(strlen(m->fingerprint), 64);
    model_close(m);
    model_close(n);
    idim_close(lib);
}

static void the_prefix_changes_nothing(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_model *m = open_model(lib, TINY, 3, 1);
    write_weights("bert.", 0);
    idim_model *n = open_model(lib, FOLDER, 3, 1);
    assert_string_equal(m->fingerprint, n->fingerprint);
    assert_int_equal(m->weights->size, n->weights->size);
    assert_memory_equal(m->weights->theta, n->weights->theta,
                        (size_t)m->weights->size * sizeof(real));
    model_close(m);
    model_close(n);
    idim_close(lib);
}

static void another_base_has_another_fingerprint(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_model *m = open_model(lib, FOLDER, 2, 1);
    char *bytes;
    int64_t size;
    CHECK_OK(lib, file_read(lib, WEIGHTS, 1 << 24, &bytes, &size));
    bytes[size - 4] ^= 1; /* the last bit of one weight */
    write_bytes(WEIGHTS, bytes, (size_t)size);
    memory_free(lib, bytes);
    idim_model *n = open_model(lib, FOLDER, 2, 1);
    assert_string_not_equal(m->fingerprint, n->fingerprint);
    model_close(m);
    model_close(n);
    idim_close(lib);
}

static void a_head_of_the_folders_own_is_kept_when_it_fits(void **state)
{
    (void)state;
    write_config(",\"id2label\":{\"0\":\"no\",\"1\":\"perhaps\",\"2\":\"yes\"},"
                 "\"label2id\":{\"no\":0,\"perhaps\":1,\"yes\":2}");
    write_weights("bert.", 3);
    idim *lib = check_library(1);
    for (int64_t asked = 0; asked <= 3; asked += 3) {
        idim_model *m = open_model(lib, FOLDER, asked, 1);
        assert_true(m->own_head);
        assert_int_equal(m->n_labels, 3);
        assert_string_equal(m->label_name[1], "perhaps");
        assert_true(tensor(m, "classifier.weight")[95] == 95);
        assert_int_equal(m->n_notes, 0);
        model_close(m);
    }
    idim_model *m = open_model(lib, FOLDER, 2, 1);
    assert_false(m->own_head);
    assert_null(m->label_name);
    assert_true(noted(m, "the folder's classifier has 3 outputs, another number was asked for"));
    model_close(m);
    idim_close(lib);
}

static const struct {
    const char *rest;
    int64_t asked, n_labels;
    const char *wanted; /* options.problem */
    model_problem problem;
    const char *first; /* label name */
} label_cases[] = {
    {"", 0, 2, NULL, PROBLEM_CLASSES, NULL},
    {"", 1, 1, NULL, PROBLEM_REGRESSION, NULL},
    {"", 5, 5, NULL, PROBLEM_CLASSES, NULL},
    {"", 5, 5, "multi-label", PROBLEM_MULTI_LABEL, NULL},
    {"", 1, 1, "multi-label", PROBLEM_MULTI_LABEL, NULL},
    {",\"num_labels\":4", 0, 4, NULL, PROBLEM_CLASSES, NULL},
    {",\"num_labels\":1", 0, 1, NULL, PROBLEM_REGRESSION, NULL},
    {",\"num_labels\":1,\"problem_type\":\"regression\"", 0, 1, NULL, PROBLEM_REGRESSION, NULL},
    {",\"problem_type\":\"single_label_classification\"", 3, 3, NULL, PROBLEM_CLASSES, NULL},
    {",\"problem_type\":\"multi_label_classification\"", 3, 3, NULL, PROBLEM_MULTI_LABEL, NULL},
    {",\"problem_type\":\"multi_label_classification\"", 3, 3, "classes", PROBLEM_CLASSES, NULL},
    {",\"problem_type\":null,\"id2label\":null", 3, 3, NULL, PROBLEM_CLASSES, NULL},
    {",\"label2id\":{\"b\":1,\"a\":0}", 0, 2, NULL, PROBLEM_CLASSES, "a"},
    {",\"id2label\":{\"0\":\"x\",\"1\":\"x\"},\"label2id\":{\"x\":1}", 0, 2, NULL, PROBLEM_CLASSES,
     "x"},
    {",\"id2label\":{\"0\":\"x\",\"1\":\"y\",\"2\":\"z\"},\"num_labels\":2", 0, 3, NULL,
     PROBLEM_CLASSES, "x"},
};

static void labels_and_problem_are_as_the_folder_or_the_caller_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof label_cases / sizeof label_cases[0]; i++) {
        idim *lib = check_library(1);
        write_config(label_cases[i].rest);
        model_options o = model_defaults();
        o.path = FOLDER;
        o.n_labels = label_cases[i].asked;
        o.problem = label_cases[i].wanted;
        idim_model *m;
        CHECK_OK(lib, model_open(lib, &o, &m));
        assert_int_equal(m->n_labels, label_cases[i].n_labels);
        assert_int_equal(m->problem, label_cases[i].problem);
        if (label_cases[i].first != NULL)
            assert_string_equal(m->label_name[0], label_cases[i].first);
        else
            assert_null(m->label_name);
        model_close(m);
        idim_close(lib);
    }
}

static const struct {
    const char *config;
    bool rest; /* appended to the good one */
    int status;
    const char *expected;
} malformed[] = {
    {"", false, IDIM_EFORMAT, CONFIG ":1:0"},
    {"{", false, IDIM_EFORMAT, CONFIG ":1:1"},
    {"[]", false, IDIM_EFORMAT, "expected an object, found a list"},
    {"{}", false, IDIM_EFORMAT, "model_type: expected one of "},
    {"{\"model_type\":1}", false, IDIM_EFORMAT, "model_type: expected a string, found 1"},
    {"{\"model_type\":null}", false, IDIM_EFORMAT, "model_type: expected one of "},
    {"{\"model_type\":\"brt\"}", false, IDIM_EUNSUPPORTED, "found 'brt'"},
    {"{\"model_type\":\"bert\",\"model_type\":\"bert\"}", false, IDIM_EFORMAT, "duplicate"},
    {"{\"model_type\":\"bert\"} x", false, IDIM_EFORMAT, CONFIG ":1:"},
    {"{\"model_type\":\"\xff\"}", false, IDIM_EFORMAT, CONFIG ":1:"},
    {",\"num_labels\":0", true, IDIM_EFORMAT, "num_labels: expected an integer between 1 and"},
    {",\"num_labels\":\"2\"", true, IDIM_EFORMAT, "num_labels: expected an integer"},
    {",\"num_labels\":1e9", true, IDIM_EFORMAT, "num_labels: expected an integer"},
    {",\"id2label\":[\"a\"]", true, IDIM_EFORMAT, "id2label: expected an object, found a list"},
    {",\"id2label\":{}", true, IDIM_EFORMAT, "id2label: expected between 1 and 100000 labels"},
    {",\"id2label\":{\"0\":\"a\",\"2\":\"b\"}", true, IDIM_EFORMAT,
     "id2label.1: expected a string, found nothing"},
    {",\"id2label\":{\"0\":7}", true, IDIM_EFORMAT, "id2label.0: expected a string, found 7"},
    {",\"label2id\":{\"a\":1,\"b\":1}", true, IDIM_EFORMAT,
     "label2id.b: expected a number of its own, found 1, which 'a' has"},
    {",\"label2id\":{\"a\":0,\"b\":2}", true, IDIM_EFORMAT,
     "label2id.b: expected an integer between 0 and 1, found 2"},
    {",\"id2label\":{\"0\":\"a\",\"1\":\"b\"},\"label2id\":{\"a\":1,\"b\":0}", true, IDIM_EFORMAT,
     "label2id.a: expected 0 as in id2label, found 1"},
    {",\"problem_type\":\"regressoin\"", true, IDIM_EFORMAT,
     "problem_type: expected regression, single_label_classification or"},
    {",\"problem_type\":3", true, IDIM_EFORMAT, "problem_type: expected a string, found 3"},
    {",\"problem_type\":\"regression\"", true, IDIM_EUNSUPPORTED,
     "regression: expected one label, found 2"},
};

static void every_malformed_config_is_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        idim *lib = check_library(1);
        if (malformed[i].rest)
            write_config(malformed[i].config);
        else
            write_text(CONFIG, malformed[i].config);
        idim_model *m;
        int status = idim_model_open(lib, FOLDER, 0, 1, &m);
        if (status != malformed[i].status ||
            strstr(idim_error(lib), malformed[i].expected) == NULL ||
            strncmp(idim_error(lib), FOLDER, strlen(FOLDER)) != 0)
            fail_msg("%s\n expected %d ...%s...\n found %d %s", malformed[i].config,
                     malformed[i].status, malformed[i].expected, status, idim_error(lib));
        assert_null(m);
        idim_close(lib);
    }
}

/* a config.json that promises a terabyte is refused by the weights' shapes, not by the allocator */
static void sizes_the_weights_do_not_have_are_refused(void **state)
{
    (void)state;
    write_text(CONFIG, "{\"model_type\":\"bert\",\"hidden_size\":32,\"num_hidden_layers\":2,"
                       "\"num_attention_heads\":4,\"intermediate_size\":64,"
                       "\"max_position_embeddings\":64,\"vocab_size\":1000000}");
    idim *lib = check_library(1);
    idim_model *m;
    assert_int_equal(idim_model_open(lib, FOLDER, 0, 1, &m), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "tensor 'embeddings.word_embeddings.weight': shape: "
                                            "expected [1000000, 32] by config.json, found "
                                            "[97, 32]"));
    idim_close(lib);
}

static void impossible_options_are_refused(void **state)
{
    (void)state;
    static const struct {
        model_options options;
        const char *expected;
    } cases[] = {
        {{.path = FOLDER, .n_labels = -1, .dropout = -1}, "labels: expected 0 or more, found -1"},
        {{.path = FOLDER, .n_labels = 200000, .dropout = -1}, "labels: expected at most 100000"},
        {{.path = FOLDER, .problem = "sorting", .dropout = -1}, "problem: expected classes,"},
        {{.path = FOLDER, .pooling = "max", .dropout = -1},
         "pooling: expected auto, cls, mean or last"},
        {{.path = FOLDER, .dropout = 1}, "dropout: expected less than 1, found 1"},
        {{.path = FOLDER, .dropout = NAN}, "dropout: expected less than 1, found nan"},
        {{.path = "", .dropout = -1}, "model: expected a folder or a name, found nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim *lib = check_library(1);
        idim_model *m;
        assert_int_equal(model_open(lib, &cases[i].options, &m), IDIM_EARGUMENT);
        if (strstr(idim_error(lib), cases[i].expected) == NULL)
            fail_msg("expected ...%s...\n found %s", cases[i].expected, idim_error(lib));
        idim_close(lib);
    }
}

/* ---- the cache ----------------------------------------------------------------------------- */

#define CACHE  "test_model_open_cache"
#define HUB    CACHE "/hub"
#define MODEL  HUB "/models--org--tiny"
#define COMMIT "0123456789abcdef"

static void make_cache(void)
{
    idim *lib = check_library(1);
    CHECK_OK(lib, file_make_folder(lib, MODEL "/snapshots"));
    CHECK_OK(lib, file_make_folder(lib, MODEL "/refs"));
    idim_close(lib);
    unlink(MODEL "/snapshots/" COMMIT);
    if (symlink(TINY, MODEL "/snapshots/" COMMIT) != 0)
        abort();
    write_text(MODEL "/refs/main", COMMIT "\n");
    write_text(MODEL "/refs/broken", "../../..");
    write_text(MODEL "/refs/gone", "fedcba");
}

static void remove_cache(void)
{
    static const char *const files[] = {MODEL "/snapshots/" COMMIT, MODEL "/refs/main",
                                        MODEL "/refs/broken", MODEL "/refs/gone"};
    static const char *const folders[] = {MODEL "/snapshots", MODEL "/refs", MODEL, HUB, CACHE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(files[i]);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        rmdir(folders[i]);
}

static void use_cache(const char *hub_cache, const char *home)
{
    unsetenv("HF_HUB_CACHE");
    unsetenv("HF_HOME");
    setenv("XDG_CACHE_HOME", "test_model_open_none", 1);
    if (hub_cache != NULL)
        setenv("HF_HUB_CACHE", hub_cache, 1);
    if (home != NULL)
        setenv("HF_HOME", home, 1);
}

static void a_name_is_looked_up_in_the_cache(void **state)
{
    (void)state;
    make_cache();
    static const struct {
        const char *hub_cache, *home, *name;
        int status; /* 0: found */
        const char *expected;
    } cases[] = {
        {HUB, NULL, "org/tiny", 0, MODEL "/snapshots/" COMMIT},
        {NULL, CACHE, "org/tiny", 0, MODEL "/snapshots/" COMMIT},
        {HUB, "nowhere", "org/tiny@main", 0, MODEL "/snapshots/" COMMIT},
        {HUB, NULL, "org/tiny@" COMMIT, 0, MODEL "/snapshots/" COMMIT},
        {HUB, NULL, "org/tin", IDIM_EIO,
         "org/tin: expected a model folder, or a name in the Hugging Face cache, found neither "
         "here nor at " HUB "/models--org--tin"},
        {NULL, NULL, "org/tiny", IDIM_EIO, "nor at test_model_open_none/huggingface/hub/models--"},
        {HUB, NULL, "tiny", IDIM_EIO, "nor at " HUB "/models--tiny"},
        {HUB, NULL, "org/tiny@gone", IDIM_EIO, "expected its revision 'gone' at"},
        {HUB, NULL, "org/tiny@other", IDIM_EIO, "expected its revision 'other' at"},
        {HUB, NULL, "org/tiny@broken", IDIM_EFORMAT,
         MODEL "/refs/broken: expected the name of a commit, found '../../..'"},
        {HUB, NULL, "../tiny", IDIM_EIO, "../tiny: expected a model folder, found none"},
        {HUB, NULL, "org/../tiny", IDIM_EIO, "expected a model folder, found none"},
        {HUB, NULL, "/absent/folder", IDIM_EIO, "/absent/folder: expected a model folder"},
        {HUB, NULL, "org/tiny@../x", IDIM_EIO, "expected a model folder, found none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        idim *lib = check_library(1);
        use_cache(cases[i].hub_cache, cases[i].home);
        idim_model *m;
        int status = idim_model_open(lib, cases[i].name, 0, 1, &m);
        if (status != cases[i].status)
            fail_msg("%s: status %d: %s", cases[i].name, status, idim_error(lib));
        if (status == 0)
            assert_string_equal(m->path, cases[i].expected);
        else if (strstr(idim_error(lib), cases[i].expected) == NULL)
            fail_msg("%s: expected ...%s...\n found %s", cases[i].name, cases[i].expected,
                     idim_error(lib));
        model_close(m);
        idim_close(lib);
    }
    remove_cache();
}

static void a_path_that_is_no_folder_of_a_model_is_refused(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    idim_model *m;
    assert_int_equal(idim_model_open(lib, WEIGHTS, 0, 1, &m), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected a model folder, found a file"));
    unlink(CONFIG);
    assert_int_equal(idim_model_open(lib, FOLDER, 0, 1, &m), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), CONFIG ": cannot be opened"));
    write_config("");
    unlink(WEIGHTS);
    assert_int_equal(idim_model_open(lib, FOLDER, 0, 1, &m), IDIM_EIO);
    assert_non_null(strstr(idim_error(lib), "expected model.safetensors or"));
    write_text(WEIGHTS, "not a model at all");
    assert_int_equal(idim_model_open(lib, FOLDER, 0, 1, &m), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), WEIGHTS ": header length: expected at most"));
    idim_close(lib);
}

static void the_published_model_opens(void **state)
{
    (void)state;
    const char *folder = getenv("IDIM_TEST_MODEL");
    folder = folder != NULL ? folder : TEST_FOLDER "/../demo/model";
    if (!file_is_folder(folder)) {
        print_message("SKIPPED: %s is absent\n", folder);
        skip();
    }
    idim *lib = check_library(1);
    idim_model *m;
    CHECK_OK(lib, idim_model_open(lib, folder, 2, 1, &m));
    assert_int_equal(idim_model_size(m), 22713216 + 2 * 384 + 2);
    assert_int_equal(idim_model_labels(m), 2);
    assert_false(m->own_head);
    /* a third note where the folder says how it pools sentences */
    assert_true(noted(m, "classifier.weight: not in the folder, made anew from the seed"));
    assert_true(noted(m, "classifier.bias: not in the folder, set to 0"));
    idim_model_close(m);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_encoder_gets_a_head_from_the_seed),
        cmocka_unit_test(the_prefix_changes_nothing),
        cmocka_unit_test_setup(another_base_has_another_fingerprint, set_up),
        cmocka_unit_test_setup(a_head_of_the_folders_own_is_kept_when_it_fits, set_up),
        cmocka_unit_test_setup(labels_and_problem_are_as_the_folder_or_the_caller_says, set_up),
        cmocka_unit_test(every_malformed_config_is_refused_in_words),
        cmocka_unit_test(sizes_the_weights_do_not_have_are_refused),
        cmocka_unit_test_setup(impossible_options_are_refused, set_up),
        cmocka_unit_test(a_name_is_looked_up_in_the_cache),
        cmocka_unit_test(a_path_that_is_no_folder_of_a_model_is_refused),
        cmocka_unit_test(the_published_model_opens),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
