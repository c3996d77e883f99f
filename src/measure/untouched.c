/* The untouched model's outputs, block by block.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/untouched.h"

#include <math.h>
#include <string.h>

static int score(const scorer *r, split *s)
{
    idim *lib = r->model->lib;
    float *output;
    evaluation e;
    if (s->label == NULL || !isnan(s->label[FACT_NATS]))
        return 0;
    TRY(NEW(lib, float, s->n *LANGUAGE_OUTPUTS, "untouched model", &output));
    int status = evaluate_split(r, s, output, &e);
    for (int64_t i = 0; i < s->n && status == 0; i++) {
        s->label[i * N_FACTS + FACT_NATS] = output[i * LANGUAGE_OUTPUTS + LANGUAGE_NATS];
        s->label[i * N_FACTS + FACT_HITS] = output[i * LANGUAGE_OUTPUTS + LANGUAGE_HITS];
    }
    memory_free(lib, output);
    return status;
}

int untouched_score(job *j, pulse beat)
{
    params *p = j->model->weights;
    tape *work;
    if (j->task->kind != TASK_LANGUAGE)
        return 0;
    TRY(tape_new(j->lib, p, &work));
    memcpy(p->theta, p->theta0, (size_t)p->size * sizeof *p->theta);
    scorer r = {.model = j->model, .work = work, .task = j->task, .pulse = beat};
    int status = score(&r, &j->task->splits[SPLIT_DEV]);
    if (status == 0)
        status = score(&r, &j->task->splits[SPLIT_TEST]);
    tape_free(work);
    if (status == 0 && j->adapter != NULL)
        status = adapter_place(j->adapter, j->space, p->theta);
    return status;
}
