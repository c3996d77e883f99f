/* idim_gradients on a tiny random BERT: rows are the gradients of single examples pulled, the same
 * for any number of threads, and stopping leaves nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/file.h"
#include "write_files.h"

#include <jansson.h>
#include <math.h>

#define MODEL TEST_FOLDER "/fixtures/tiny"

static const char FILE_TRAIN[] = "test_gradients.csv", FILE_OUT[] = "test_gradients.npy";
static const char OF_TRAIN[] = "\"train\":\"test_gradients.csv\"";

static const char *const sentences[] = {
    "good bade muna", "bad kilo", "demu good", "lo bad bad naba", "good", "kina lomu good bade",
};
enum { N = sizeof sentences / sizeof sentences[0] };

/* label i of n_classes, or values */
static void write_examples(int n_classes)
{
    char text[2000] = "sentence,label\n";
    for (int i = 0; i < N; i++) {
        size_t at = strlen(text);
        if (n_classes > 0)
            snprintf(text + at, sizeof text - at, "%s,%c\n", sentences[i], 'a' + i % n_classes);
        else
            snprintf(text + at, sizeof text - at, "%s,%.1f\n", sentences[i], 0.5 * i - 1);
    }
    write_text(FILE_TRAIN, text);
}

static int gradients(idim *lib, const char *settings, idim_watch *watch)
{
    char spec[2048];
    snprintf(spec, sizeof spec, "{\"model\":\"" MODEL "\",\"output\":\"%s\",%s}", FILE_OUT,
             settings);
    return idim_gradients(lib, spec, watch, NULL);
}

/* the file as numpy.load gives it; free() */
static float *load(idim *lib, int64_t n)
{
    char *data;
    int64_t size;
    CHECK_OK(lib, file_read(lib, FILE_OUT, 1 << 26, &data, &size));
    int64_t begin = 10 + (unsigned char)data[8] + 256 * (unsigned char)data[9];
    assert_int_equal(size, begin + n * 4);
    float *value = malloc((size_t)n * sizeof *value);
    assert_non_null(value);
    memcpy(value, data + begin, (size_t)n * sizeof *value);
    memory_free(lib, data);
    return value;
}

/* gradients of `settings` on the training file */
static float *rows_of(idim *lib, const char *settings, int64_t n)
{
    char all[1024];
    snprintf(all, sizeof all, "%s,%s", OF_TRAIN, settings);
    CHECK_OK(lib, gradients(lib, all, NULL));
    return load(lib, n);
}

static double largest(const float *x, int64_t n)
{
    double top = 0;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, fabs((double)x[i]));
    return top;
}

/* float sums of some thousand terms in another order: a few hundred eps of the largest entry */
static const double CLOSE = 300 * 1.2e-7;

static void check_close(const float *found, const float *wanted, int64_t n, const char *what)
{
    double top = largest(wanted, n);
    assert_true(top > 0);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)wanted[i]) <= CLOSE * top))
            fail_msg("%s: entry %lld: %g, expected %g (largest %g)", what, (long long)i,
                     (double)found[i], (double)wanted[i], top);
}

/* ---- against the pieces of the public header ---------------------------------------------------
 */

typedef struct bench {
    idim_model *model;
    idim_tokenizer *tokenizer;
    idim_subspace *space;
    float *full, *x;
    int64_t d;
} bench;

static bench bench_open(idim *lib, const char *method, int64_t labels, int64_t d)
{
    bench b = {.d = d};
    idim_subspace_options o = idim_subspace_defaults();
    o.method = method;
    o.dim = d;
    CHECK_OK(lib, idim_model_open(lib, MODEL, labels, 42, &b.model));
    CHECK_OK(lib, idim_tokenizer_open(lib, MODEL, &b.tokenizer));
    CHECK_OK(lib, idim_subspace_new(b.model, &o, &b.space));
    b.full = malloc((size_t)idim_model_size(b.model) * sizeof *b.full);
    b.x = malloc((size_t)d * sizeof *b.x);
    idim_subspace_origin(b.space, b.x);
    return b;
}

static void bench_close(bench *b)
{
    free(b->full);
    free(b->x);
    idim_subspace_free(b->space);
    idim_tokenizer_close(b->tokenizer);
    idim_model_close(b->model);
}

/* the gradient of the mean loss of examples [first, first + n), pulled */
static double pulled_loss(idim *lib, bench *b, int first, int n, int n_classes, float *dx)
{
    int32_t ids[256], start[N + 1] = {0};
    float label[N];
    for (int i = 0; i < n; i++) {
        int64_t count;
        CHECK_OK(lib, idim_tokenizer_encode(b->tokenizer, sentences[first + i], NULL, 64,
                                            256 - start[i], ids + start[i], NULL, &count));
        start[i + 1] = start[i] + (int32_t)count;
        label[i] = n_classes > 0 ? (float)((first + i) % n_classes) : 0.5f * (float)(first + i) - 1;
    }
    idim_batch batch = {ids, NULL, start, label, n};
    double loss;
    CHECK_OK(lib, idim_model_loss(b->model, &batch, &loss, b->full));
    CHECK_OK(lib, idim_subspace_pull(b->space, b->x, b->full, dx));
    return loss;
}

static void rows_are_gradients_of_single_examples_pulled(void **state)
{
    (void)state;
    enum { D = 50 };
    static const char *const methods[] = {"did", "said"};
    static const int classes[] = {2, 3, 0};
    idim *lib = check_library(1);
    for (int m = 0; m < 2; m++)
        for (int k = 0; k < 3; k++) {
            char settings[256];
            snprintf(settings, sizeof settings, "\"method\":\"%s\",\"dim\":%d", methods[m], D);
            write_examples(classes[k]);
            float *rows = rows_of(lib, settings, N * D), dx[D], mean[D] = {0};
            bench b = bench_open(lib, methods[m], classes[k] > 0 ? classes[k] : 1, D);
            double loss = 0;
            for (int i = 0; i < N; i++) {
                loss += pulled_loss(lib, &b, i, 1, classes[k], dx) / N;
                check_close(rows + i * D, dx, D, methods[m]);
                for (int j = 0; j < D; j++)
                    mean[j] += rows[i * D + j] / N;
            }
            pulled_loss(lib, &b, 0, N, classes[k], dx);
            check_close(mean, dx, D, "the mean of the rows is the batch's gradient");

            json_t *result = json_loads(idim_result(lib), 0, NULL);
            assert_true(fabs(json_number_value(json_object_get(result, "loss")) - loss) < 1e-5);
            json_decref(result);
            bench_close(&b);
            free(rows);
        }
    idim_close(lib);
}

/* ---- logits ------------------------------------------------------------------------------------
 */

/* logits of the base on the examples: the tiny model has no head, so an adapter of zero steps */
static json_t *predictions(idim *lib)
{
    char spec[512];
    CHECK_OK(lib, idim_tune(lib,
                            "{\"model\":\"" MODEL "\",\"train\":\"test_gradients.csv\",\"dim\":20,"
                            "\"max_steps\":1,\"learning_rate\":0,\"lambda_learning_rate\":0,"
                            "\"output_dir\":\"test_gradients_run\"}",
                            NULL, NULL));
    snprintf(spec, sizeof spec,
             "{\"model\":\"" MODEL "\",\"adapter\":\"test_gradients_run/adapter.idim\",\"test\":"
             "\"%s\",\"logits\":true}",
             FILE_TRAIN);
    CHECK_OK(lib, idim_predict(lib, spec, NULL, NULL));
    return json_loads(idim_result(lib), 0, NULL);
}

static void remove_run(void)
{
    static const char *const names[] = {"adapter.idim", "best.idim", "record.json", "log.jsonl"};
    for (int i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof path, "test_gradients_run/%s", names[i]);
        remove(path);
    }
    remove("test_gradients_run");
}

static double logit_at(const json_t *all, int i, int k)
{
    const json_t *one = json_array_get(json_object_get(all, "predictions"), (size_t)i);
    return json_number_value(json_array_get(json_object_get(one, "logits"), (size_t)k));
}

/* d loss = sum over classes of (p_k - [k is the label]) d logit_k; of two, (p_1 - y) d difference
 */
static void chain(const json_t *all, int i, int K, const float *rows, int d, float *out)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += exp(logit_at(all, i, k));
    for (int j = 0; j < d; j++) {
        double total = 0;
        for (int k = K == 2 ? 1 : 0; k < K; k++) {
            double weight = exp(logit_at(all, i, k)) / sum - (i % K == k);
            total += weight * (double)rows[(K == 2 ? 0 : k) * d + j];
        }
        out[j] = (float)total;
    }
}

static void loss_rows_are_logit_rows_weighted_by_the_residual(void **state)
{
    (void)state;
    enum { D = 40 };
    idim *lib = check_library(1);
    for (int K = 2; K <= 3; K++) {
        int64_t rows = K == 2 ? 1 : K;
        write_examples(K);
        float *loss = rows_of(lib, "\"method\":\"did\",\"dim\":40", N * D);
        float *logits =
            rows_of(lib, "\"method\":\"did\",\"dim\":40,\"of\":\"logits\"", N * rows * D);
        json_t *result = json_loads(idim_result(lib), 0, NULL);
        assert_int_equal(json_array_size(json_object_get(result, "shape")), K == 2 ? 2 : 3);
        json_decref(result);

        remove_run();
        json_t *all = predictions(lib);
        for (int i = 0; i < N; i++) {
            float wanted[D];
            chain(all, i, K, logits + i * rows * D, D, wanted);
            check_close(loss + i * D, wanted, D, "residual x logits");
        }
        json_decref(all);
        free(loss);
        free(logits);
    }
    remove_run();
    idim_close(lib);
}

/* ---- at an adapter -----------------------------------------------------------------------------
 */

static void an_adapter_is_where_gradients_are_taken(void **state)
{
    (void)state;
    enum { D = 30 };
    idim *lib = check_library(1);
    write_examples(2);
    remove_run();
    CHECK_OK(lib, idim_tune(lib,
                            "{\"model\":\"" MODEL "\",\"train\":\"test_gradients.csv\",\"dim\":30,"
                            "\"max_steps\":5,\"output_dir\":\"test_gradients_run\"}",
                            NULL, NULL));
    const char *adapter = "\"adapter\":\"test_gradients_run/adapter.idim\"";
    float *base = rows_of(lib, "\"dim\":30", N * D);
    float *own = rows_of(lib, adapter, N * D);

    /* at the adapter the scales have gradients; at the origin, z = 0, they have none */
    assert_true(largest(base + D - 4, 4) == 0);
    assert_true(largest(own + D - 4, 4) > 0);

    char settings[256];
    snprintf(settings, sizeof settings, "%s,\"method\":\"did\",\"dim\":17", adapter);
    float *other = rows_of(lib, settings, N * 17);
    float *unmoved = rows_of(lib, "\"method\":\"did\",\"dim\":17", N * 17);
    double difference = 0;
    for (int i = 0; i < N * 17; i++)
        difference = fmax(difference, fabs((double)other[i] - (double)unmoved[i]));
    assert_true(difference > 0.01 * largest(unmoved, N * 17));
    free(base);
    free(own);
    free(other);
    free(unmoved);
    remove_run();
    idim_close(lib);
}

/* ---- threads, stopping, refusals ---------------------------------------------------------------
 */

static void threads_do_not_change_a_byte(void **state)
{
    (void)state;
    enum { D = 200 };
    idim *lib = check_library(1);
    write_examples(3);
    float *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        char settings[256];
        snprintf(settings, sizeof settings,
                 "\"method\":\"said\",\"dim\":%d,\"of\":\"logits\",\"threads\":%d", D, threads);
        float *rows = rows_of(lib, settings, N * 3 * D);
        if (first == NULL) {
            first = rows;
            continue;
        }
        assert_memory_equal(first, rows, N * 3 * D * sizeof *rows);
        free(rows);
    }
    free(first);
    idim_close(lib);
}

static int stop_at_three(void *user, const idim_progress *now)
{
    (void)user;
    assert_int_equal(now->steps, N);
    assert_string_equal(now->phase, "gradients");
    assert_true(now->step == 0 || now->seconds_left >= 0);
    return now->step == 3;
}

static void stopping_leaves_the_old_file(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    write_examples(2);
    write_text(FILE_OUT, "old");
    char settings[256];
    snprintf(settings, sizeof settings, "%s,\"dim\":20", OF_TRAIN);
    assert_int_equal(gradients(lib, settings, stop_at_three), IDIM_ESTOPPED);
    char *data;
    int64_t size;
    CHECK_OK(lib, file_read(lib, FILE_OUT, 100, &data, &size));
    assert_string_equal(data, "old");
    memory_free(lib, data);
    idim_close(lib);
}

static void impossible_wishes_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        int status;
        const char *says;
    } cases[] = {
        {"\"train\":\"test_gradients.csv\"", IDIM_EARGUMENT, "dim: is missing"},
        {"\"dim\":20", IDIM_EARGUMENT, "train: is missing"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"split\":\"test\"", IDIM_EARGUMENT,
         "--test"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"split\":\"tset\"", IDIM_EARGUMENT, "test"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"of\":\"logit\"", IDIM_EARGUMENT, "logits"},
        {"\"train\":\"test_gradients.csv\",\"dim\":3", IDIM_EARGUMENT, "groups"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"method\":\"full\"", IDIM_EARGUMENT, "dim"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"label\":\"lable\"", IDIM_EFORMAT, "lable"},
        {"\"train\":\"test_gradients.csv\",\"dim\":20,\"learning_rate\":1", IDIM_EARGUMENT,
         "is a setting of tune"},
        {"\"train\":\"test_gradients.csv\",\"adapter\":\"no.idim\"", IDIM_EIO, "no.idim"},
    };
    idim *lib = check_library(1);
    write_examples(2);
    remove(FILE_OUT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = gradients(lib, cases[i].settings, NULL);
        if (status != cases[i].status || strstr(idim_error(lib), cases[i].says) == NULL)
            fail_msg("case %zu (%s): status %d, '%s'; expected %d and '%s'", i, cases[i].settings,
                     status, idim_error(lib), cases[i].status, cases[i].says);
    }
    assert_false(file_exists(FILE_OUT));
    idim_close(lib);
}

static int clean(void **state)
{
    (void)state;
    remove(FILE_TRAIN);
    remove(FILE_OUT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_gradients_of_single_examples_pulled),
        cmocka_unit_test(loss_rows_are_logit_rows_weighted_by_the_residual),
        cmocka_unit_test(an_adapter_is_where_gradients_are_taken),
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(stopping_leaves_the_old_file),
        cmocka_unit_test(impossible_wishes_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
