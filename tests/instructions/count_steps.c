/* A few training steps of the tiny model for tests/instructions.sh, which counts the instructions
 * inside trainer_step. Linked with the library built for doubles, which has the plain kernels and
 * the plain product alone: nothing in it depends on the CPU. One thread.
 *
 *     count_steps MODEL METHOD
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

enum { STEPS = 3, EXAMPLES = 8, DIM = 100 };

static const int64_t lengths[EXAMPLES] = {9, 24, 13, 17, 32, 11, 20, 15};

static int make_task(idim *lib, int64_t vocabulary, task *out)
{
    split *s = &out->splits[SPLIT_TRAIN];
    *out = (task){.lib = lib, .name = "count", .kind = TASK_CLASSES, .n_labels = 2};
    s->n = EXAMPLES;
    TRY(NEW(lib, int64_t, EXAMPLES + 1, "starts", &s->start));
    TRY(NEW(lib, float, EXAMPLES, "labels", &s->label));
    for (int64_t i = 0; i < EXAMPLES; i++) {
        s->start[i + 1] = s->start[i] + lengths[i];
        s->label[i] = (float)(i % 2);
    }
    s->label_width = 1;
    TRY(NEW(lib, int32_t, s->start[EXAMPLES], "ids", &s->ids));
    TRY(NEW(lib, int32_t, s->start[EXAMPLES], "segments", &s->segment));
    for (int64_t j = 0; j < s->start[EXAMPLES]; j++)
        s->ids[j] = (int32_t)(1 + j * 37 % (vocabulary - 1));
    return 0;
}

static int steps(idim_model *model, const task *what, subspace *space)
{
    trainer *t;
    trainer_options options = trainer_defaults();
    options.batch = EXAMPLES;
    options.max_steps = STEPS;
    options.schedule.rate = 1e-4;
    TRY(trainer_new(model, what, space, &options, &t));
    for (int i = 0; i < STEPS; i++) {
        step_report report;
        TRY(trainer_step(t, &report));
        printf("step %lld: loss %.6f\n", (long long)report.step, report.loss);
    }
    trainer_free(t);
    return 0;
}

static int run(idim *lib, const char *path, const char *method)
{
    idim_model *model;
    task what;
    subspace *space;
    model_options options = model_defaults();
    options.path = path;
    options.n_labels = 2;
    TRY(model_open(lib, &options, &model));
    TRY(make_task(lib, model->config.vocab, &what));
    idim_subspace_options chosen = idim_subspace_defaults();
    chosen.method = method;
    chosen.dim = strcmp(method, "full") == 0 ? 0 : DIM;
    TRY(subspace_new(model->weights, &chosen, &space));
    TRY(steps(model, &what, space));
    subspace_free(space);
    const split *train = &what.splits[SPLIT_TRAIN];
    void *const blocks[] = {train->ids, train->segment, train->start, train->label};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        memory_free(lib, blocks[i]);
    model_close(model);
    return 0;
}

int main(int argc, char **argv)
{
    idim_options options = {.threads = 1};
    idim *lib;
    if (argc != 3) {
        fputs("usage: count_steps MODEL METHOD\n", stderr);
        return 2;
    }
    if (idim_open(&options, &lib) != 0)
        return 5;
    int status = run(lib, argv[1], argv[2]);
    if (status != 0)
        fprintf(stderr, "count_steps: %s\n", idim_error(lib));
    idim_close(lib);
    return status == 0 ? 0 : 5;
}
