/* idim_subspace_*: the subspace for those who build their own loop. float outside, real inside.
 *
 * SPDX-License-Identifier: MIT */
#include "model/model.h"
#include "subspace/subspace.h"

struct idim_subspace {
    idim_model *model;
    subspace *space;
    real *x, *dx; /* [d] */
};

idim_subspace_options idim_subspace_defaults(void)
{
    return (idim_subspace_options){.method = "said",
                                   .projection = "fastfood",
                                   .normalize = "balanced",
                                   .groups = "block",
                                   .pull = "exact",
                                   .dim = 1000,
                                   .seed = 42};
}

int idim_subspace_new(idim_model *model, const idim_subspace_options *options, idim_subspace **out)
{
    library_clear(model->lib);
    *out = NULL;
    idim_subspace *s;
    TRY(NEW(model->lib, idim_subspace, 1, "subspace", &s));
    s->model = model;
    int status = subspace_new(model->weights, options, &s->space);
    if (status == 0)
        status = NEW(model->lib, real, subspace_dim(s->space), "subspace", &s->x);
    if (status == 0)
        status = NEW(model->lib, real, subspace_dim(s->space), "subspace", &s->dx);
    if (status != 0) {
        idim_subspace_free(s);
        return status;
    }
    *out = s;
    return 0;
}

void idim_subspace_free(idim_subspace *s)
{
    if (s == NULL)
        return;
    subspace_free(s->space);
    memory_free(s->model->lib, s->x);
    memory_free(s->model->lib, s->dx);
    memory_free(s->model->lib, s);
}

int64_t idim_subspace_dim(const idim_subspace *s)
{
    return subspace_dim(s->space);
}

void idim_subspace_origin(const idim_subspace *s, float *x)
{
    subspace_origin(s->space, s->x);
    for (int64_t i = 0; i < subspace_dim(s->space); i++)
        x[i] = (float)s->x[i];
}

static void take(const idim_subspace *s, const float *x)
{
    for (int64_t i = 0; i < subspace_dim(s->space); i++)
        s->x[i] = (real)x[i];
}

int idim_subspace_push(idim_subspace *s, const float *x)
{
    library_clear(s->model->lib);
    take(s, x);
    subspace_push(s->space, s->x, s->model->weights->theta);
    return 0;
}

/* the part of the flat gradient that belongs to tensor i, to the sink */
static int pull_tensor(idim_subspace *s, int64_t i, const float *from)
{
    idim *lib = s->model->lib;
    const param *t = &s->model->weights->item[i];
    int64_t first = 0, n = param_size(t);
    real *value;
    TRY(NEW(lib, real, n, "gradient", &value));
    for (int64_t j = 0; j < n; j++)
        value[j] = (real)from[t->offset + j];
    gradient g = {.value = value, .first = &first, .n = 1, .length = n};
    const gradient_sink *sink = subspace_sink(s->space);
    sink->fold(sink->user, i, &g);
    memory_free(lib, value);
    return 0;
}

int idim_subspace_pull(idim_subspace *s, const float *x, const float *flat, float *dx)
{
    library_clear(s->model->lib);
    take(s, x);
    subspace_pull_begin(s->space, s->x, s->dx);
    for (int64_t i = 0; i < s->model->weights->n; i++)
        TRY(pull_tensor(s, i, flat));
    subspace_pull_end(s->space);
    for (int64_t i = 0; i < subspace_dim(s->space); i++)
        dx[i] = (float)s->dx[i];
    return 0;
}
