/* Checkpoints as containers.
 *
 * SPDX-License-Identifier: MIT */
#include "train/checkpoint.h"
#include "format/container.h"

#include <string.h>

static const char MAGIC[] = "IDIMCKP1";

/* tells a file of another byte order or value size */
static const char *value_form(void)
{
    const uint16_t one = 1;
    bool little = *(const uint8_t *)&one == 1;
    if (sizeof(real) == sizeof(double))
        return little ? "f64le" : "f64be";
    return little ? "f32le" : "f32be";
}

int checkpoint_write(const trainer *t, const char *run, const run_state *state, const char *path)
{
    json_t *header = json_pack(
        "{s:s, s:s, s:I, s:I, s:f, s:I, s:I, s:f, s:f}", "run", run, "values", value_form(), "d",
        (json_int_t)t->d, "step", (json_int_t)t->step, "loss_sum", t->loss_sum, "log_bytes",
        (json_int_t)state->log_bytes, "best_step", (json_int_t)state->best_step, "best_score",
        state->best_step > 0 ? state->best_score : 0.0, "seconds", state->seconds);
    if (header == NULL)
        return fail_memory(t->lib, 256, "checkpoint header");

    int64_t bytes = t->d * (int64_t)sizeof(real);
    const file_piece payload[] = {{t->x, bytes}, {t->optimiser.m, bytes}, {t->optimiser.v, bytes}};
    int status = container_write(t->lib, path, MAGIC, header, payload, 3);
    json_decref(header);
    return status;
}

static int apply(trainer *t, const char *run, run_state *state, const char *path,
                 const container *c)
{
    const char *of_run, *form;
    json_int_t d, step, log_bytes, best_step;
    if (json_unpack(c->header, "{s:s, s:s, s:I, s:I, s:F, s:I, s:I, s:F, s:F}", "run", &of_run,
                    "values", &form, "d", &d, "step", &step, "loss_sum", &t->loss_sum, "log_bytes",
                    &log_bytes, "best_step", &best_step, "best_score", &state->best_score,
                    "seconds", &state->seconds) != 0)
        return fail(t->lib, IDIM_EFORMAT, "%s: header: a field is missing or of the wrong type",
                    path);
    if (strcmp(of_run, run) != 0 || d != t->d)
        return fail(t->lib, IDIM_EMISMATCH,
                    "%s: run: expected %.12s with %lld numbers, found %.12s with %lld: settings, "
                    "data or base are not those of before; choose another --output-dir or remove "
                    "the file",
                    path, run, (long long)t->d, of_run, (long long)d);
    if (strcmp(form, value_form()) != 0)
        return fail(t->lib, IDIM_EUNSUPPORTED, "%s: values: expected %s, found %s", path,
                    value_form(), form);
    int64_t bytes = t->d * (int64_t)sizeof(real);
    if (c->size != 3 * bytes || step < 0 || step > t->steps || log_bytes < 0 || best_step < 0)
        return fail(t->lib, IDIM_EFORMAT,
                    "%s: payload: expected %lld bytes and a step up to %lld, found %lld and %lld",
                    path, (long long)(3 * bytes), (long long)t->steps, (long long)c->size,
                    (long long)step);

    memcpy(t->x, c->payload, (size_t)bytes);
    memcpy(t->optimiser.m, c->payload + bytes, (size_t)bytes);
    memcpy(t->optimiser.v, c->payload + 2 * bytes, (size_t)bytes);
    t->step = step;
    t->theta_is_current = false;
    state->log_bytes = log_bytes;
    state->best_step = best_step;
    return 0;
}

int checkpoint_read(trainer *t, const char *run, run_state *state, const char *path)
{
    int64_t limit = 3 * t->d * (int64_t)sizeof(real) + (CONTAINER_MAX_HEADER + 64);
    container c;
    TRY(container_read(t->lib, path, MAGIC, limit, &c));
    int status = apply(t, run, state, path, &c);
    container_free(t->lib, &c);
    return status;
}
