/* The real MiniLM against PyTorch: logits of 100 pairs; the losses and gradient norms of five
 * full-batch steps.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/hash.h"
#include "fixtures/minilm/five_steps.h"
#include "fixtures/minilm/mrpc_logits.h"
#include "train/trainer.h"

#include <math.h>

static const char *model_folder(void)
{
    const char *named = getenv("IDIM_TEST_MODEL");
    return named != NULL ? named : TEST_FOLDER "/../demo/model";
}

/* the classifier of the two tools, in theta0 or theta */
static void set_classifier(const params *p, real *values, double scale)
{
    real *weight = values + p->item[params_find(p, "classifier.weight")].offset;
    real *bias = values + p->item[params_find(p, "classifier.bias")].offset;
    for (int i = 0; i < 2 * 384; i++)
        weight[i] = (real)(scale * sin(1.0 + i));
    bias[0] = bias[1] = 0;
}

/* false, and the reason printed, when the model or MRPC are absent; data gets MRPC's folder */
static bool all_is_there(char *data, size_t room)
{
    char probe[1200];
    const char *wanted[] = {model_folder(), TEST_SHARED_DATA};
    const char *file[] = {"model.safetensors", "MRPC/train.tsv"};
    for (int i = 0; i < 2; i++) {
        snprintf(probe, sizeof probe, "%s/%s", wanted[i], file[i]);
        FILE *f = fopen(probe, "rb");
        if (f == NULL) {
            print_message("SKIPPED: %s is absent\n", probe);
            return false;
        }
        fclose(f);
    }
    snprintf(data, room, "%s/MRPC", TEST_SHARED_DATA);
    return true;
}

static task *open_mrpc(idim *lib, const char *data, idim_tokenizer *tokenizer, int which,
                       int64_t samples)
{
    task *mrpc;
    task_options what = task_defaults();
    what.name = "mrpc";
    what.data = data;
    what.max_length = 128;
    what.needs_labels = true;
    what.max_samples[which] = samples;
    CHECK_OK(lib, task_open(lib, &what, tokenizer, &mrpc));
    return mrpc;
}

static void logits_of_100_pairs_are_those_of_pytorch(void **state)
{
    (void)state;
    enum { N = 100 };
    char data[1024], hash[HASH_TEXT];
    if (!all_is_there(data, sizeof data)) {
        skip();
        return;
    }
    idim *lib = check_library(2);
    idim_tokenizer *tokenizer;
    idim_model *model;
    CHECK_OK(lib, tokenizer_open(lib, model_folder(), &tokenizer));
    task *mrpc = open_mrpc(lib, data, tokenizer, SPLIT_DEV, N);
    const split *dev = &mrpc->splits[SPLIT_DEV];
    CHECK_OK(lib, idim_model_open(lib, model_folder(), 2, 1, &model));
    set_classifier(model->weights, model->weights->theta, 1);

    int32_t order[N];
    for (int32_t i = 0; i < N; i++)
        order[i] = i;
    batch_buffer buffer = {0};
    idim_batch batch;
    uint8_t digest[HASH_BYTES];
    CHECK_OK(lib, batch_pack(lib, dev, order, N, &buffer, &batch));
    hash_bytes(batch.ids, batch.start[N] * 4, digest);
    hash_text(digest, hash);
    assert_string_equal(hash, mrpc_ids_hash);

    float logits[2 * N];
    double worst = 0;
    CHECK_OK(lib, idim_model_predict(model, &batch, logits));
    for (int i = 0; i < 2 * N; i++)
        worst = fmax(worst, fabs((double)logits[i] - mrpc_logits[i / 2][i % 2]));
    print_message("100 pairs: logits within %.1e of PyTorch's\n", worst);
    assert_true(worst <= 1e-4);
    batch_free(lib, &buffer);
    model_close(model);
    task_close(mrpc);
    tokenizer_close(tokenizer);
    idim_close(lib);
}

static void five_full_batch_steps_equal_pytorch(void **state)
{
    (void)state;
    char data[1024];
    if (!all_is_there(data, sizeof data)) {
        skip();
        return;
    }

    idim *lib = check_library(2);
    idim_tokenizer *tokenizer;
    idim_model *model;
    subspace *space;
    trainer *t;
    CHECK_OK(lib, tokenizer_open(lib, model_folder(), &tokenizer));
    task *mrpc = open_mrpc(lib, data, tokenizer, SPLIT_TRAIN, 64);
    model_options how = model_defaults();
    how.path = model_folder();
    how.n_labels = 2;
    CHECK_OK(lib, model_open(lib, &how, &model));
    set_classifier(model->weights, model->weights->theta0, 0.02);
    idim_subspace_options full = idim_subspace_defaults();
    full.method = "full";
    full.dim = 0;
    CHECK_OK(lib, subspace_new(model->weights, &full, &space));

    trainer_options options = trainer_defaults();
    options.schedule.kind = SCHEDULE_CONSTANT;
    options.batch = 64;
    options.max_steps = 5;
    options.dropout = false;
    CHECK_OK(lib, trainer_new(model, mrpc, space, &options, &t));
    for (int i = 0; i < 5; i++) {
        step_report report;
        CHECK_OK(lib, trainer_step(t, &report));
        print_message("step %d: loss %.7f, PyTorch %.7f; |g| %.6f, PyTorch %.6f\n", i + 1,
                      report.loss, five_losses[i], report.grad_norm, five_norms[i]);
        assert_true(fabs(report.loss - five_losses[i]) <= 1e-4);
        assert_true(fabs(report.grad_norm - five_norms[i]) <= 1e-3 * five_norms[i]);
    }
    trainer_free(t);
    subspace_free(space);
    model_close(model);
    task_close(mrpc);
    tokenizer_close(tokenizer);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_100_pairs_are_those_of_pytorch),
        cmocka_unit_test(five_full_batch_steps_equal_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
