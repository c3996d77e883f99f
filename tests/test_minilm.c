/* Training the real MiniLM against PyTorch: the losses and gradient norms of five full-batch steps.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "fixtures/minilm/five_steps.h"
#include "train/trainer.h"

#include <math.h>

static const char *model_folder(void)
{
    const char *named = getenv("IDIM_TEST_MODEL");
    return named != NULL ? named : TEST_FOLDER "/../demo/model";
}

/* the classifier of tools/make_five_step_fixture.py */
static void set_classifier(params *p)
{
    real *weight = p->theta0 + p->item[params_find(p, "classifier.weight")].offset;
    real *bias = p->theta0 + p->item[params_find(p, "classifier.bias")].offset;
    for (int i = 0; i < 2 * 384; i++)
        weight[i] = (real)(0.02 * sin(1.0 + i));
    bias[0] = bias[1] = 0;
}

static void five_full_batch_steps_equal_pytorch(void **state)
{
    (void)state;
    char data[1024], probe[1200];
    CHECK_SHARED("MRPC/train.tsv", data);
    *strrchr(data, '/') = '\0';
    snprintf(probe, sizeof probe, "%s/model.safetensors", model_folder());
    FILE *f = fopen(probe, "rb");
    if (f == NULL) {
        print_message("SKIPPED: %s is absent (make demo fetches it)\n", probe);
        skip();
        return;
    }
    fclose(f);

    idim *lib = check_library(2);
    idim_tokenizer *tokenizer;
    task *mrpc;
    idim_model *model;
    subspace *space;
    trainer *t;
    CHECK_OK(lib, tokenizer_open(lib, model_folder(), &tokenizer));
    task_options what = task_defaults();
    what.name = "mrpc";
    what.data = data;
    what.max_length = 128;
    what.needs_labels = true;
    what.max_samples[SPLIT_TRAIN] = 64;
    CHECK_OK(lib, task_open(lib, &what, tokenizer, &mrpc));
    model_options how = model_defaults();
    how.path = model_folder();
    how.n_labels = 2;
    CHECK_OK(lib, model_open(lib, &how, &model));
    set_classifier(model->weights);
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
        cmocka_unit_test(five_full_batch_steps_equal_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
