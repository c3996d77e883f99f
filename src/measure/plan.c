/* idim_plan: what a command would do, found by doing a little of it in memory. The time of a
 * training step is measured on a few real batches; no file is written.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/gradients.h"
#include "base/clock.h"
#include "measure/plan.h"
#include "measure/measure.h"
#include "measure/record.h"

#include <math.h>
#include <string.h>

enum { WARM_STEPS = 1, TIMED_STEPS = 2 };

static int time_trainer(trainer *t, double *seconds)
{
    double began = 0;
    step_report report;
    for (int i = 0; i < WARM_STEPS + TIMED_STEPS; i++) {
        if (i == WARM_STEPS)
            began = clock_seconds();
        TRY(trainer_step(t, &report));
    }
    *seconds = (clock_seconds() - began) / TIMED_STEPS;
    return 0;
}

int plan_job(const job *j, job_plan *out)
{
    trainer *t;
    trainer_options options = job_trainer_options(j->spec);
    TRY(trainer_new(j->model, j->task, j->space, &options, &t));
    *out = (job_plan){.dim = t->d, .steps = t->steps};
    int status = time_trainer(t, &out->step_seconds);
    out->step_memory = tape_memory(t->tape);
    trainer_free(t);
    return status;
}

static int plan_tune(const job *j, json_t *out)
{
    job_plan plan;
    TRY(plan_job(j, &plan));
    int64_t steps = plan.steps, memory = plan.step_memory;
    double seconds = plan.step_seconds;
    json_object_set_new(out, "dim", json_integer(plan.dim));
    json_object_set_new(out, "trained",
                        json_pack("{s:I, s:I, s:I}", "z", (json_int_t)subspace_len_z(j->space),
                                  "lambda", (json_int_t)subspace_n_lambda(j->space), "direct",
                                  (json_int_t)subspace_n_direct(j->space)));
    json_object_set_new(out, "steps", json_integer(steps));
    json_object_set_new(out, "seconds_per_step", json_real(seconds));
    json_object_set_new(out, "seconds", json_real(seconds * (double)steps));
    json_object_set_new(out, "step_memory_bytes", json_integer(memory));
    json_object_set_new(out, "peak_memory_bytes", json_integer(record_peak_memory()));
    json_object_set_new(out, "adapter_bytes", json_integer(job_adapter_bytes(j)));
    return 0;
}

int idim_plan(idim *lib, const char *command, const char *spec_json)
{
    job j;
    library_clear(lib);
    if (strcmp(command, "measure") == 0)
        return study_plan(lib, spec_json);
    int status = job_open(lib, command, spec_json, &j);
    if (status == 0 && j.model == NULL)
        status =
            fail(lib, IDIM_EARGUMENT, "plan: expected tune, eval or predict, found '%s'", command);
    if (status == 0) {
        json_t *out = record_begin(&j);
        json_object_set_new(out, "schema", json_string("idim.plan/1"));
        json_object_set_new(out, "command", json_string(command));
        if (strcmp(command, "tune") == 0)
            status = plan_tune(&j, out);
        else if (strcmp(command, "gradients") == 0)
            status = gradients_plan(&j, out);
        if (status == 0)
            status = record_finish(lib, out);
        else
            json_decref(out);
    }
    job_close(&j);
    return status;
}
