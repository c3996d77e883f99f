/* The array of projections, and the state they share.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

#include <stdio.h>
#include <string.h>

static const projection *const all[] = {
    &projection_fastfood, &projection_fastfood_tensor, &projection_srht,
    &projection_onehot,   &projection_dense,           &projection_sparse,
};

const projection *const *projection_list(int64_t *n)
{
    *n = (int64_t)(sizeof all / sizeof all[0]);
    return all;
}

const projection *projection_find(const char *name)
{
    int64_t n;
    const projection *const *list = projection_list(&n);
    for (int64_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

void projection_names(char *out, size_t room)
{
    int64_t n;
    const projection *const *list = projection_list(&n);
    size_t used = 0;
    for (int64_t i = 0; i < n && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? ", " : "", list[i]->name);
}

int projection_new(idim *lib, const projection_state *like, projection_state **out)
{
    *out = NULL;
    projection_state *p;
    TRY(NEW(lib, projection_state, 1, "projection", &p));
    p->lib = lib;
    p->kind = like->kind;
    p->kernels = transform_best();
    p->seed = like->seed;
    p->len_z = like->len_z;
    p->weights = like->weights;
    p->largest = like->largest;

    int status = p->kind->prepare(p);
    if (status != 0) {
        projection_free(p);
        return status;
    }
    *out = p;
    return 0;
}

void projection_free(projection_state *p)
{
    if (p == NULL)
        return;
    memory_free(p->lib, p->permutation);
    memory_free(p->lib, p->table);
    memory_free(p->lib, p);
}

void projection_take_z(const projection_state *p, const real *z, real *v, real *work)
{
    (void)work;
    memcpy(v, z, (size_t)p->len_z * sizeof *v);
    memset(v + p->len_z, 0, (size_t)(p->inner - p->len_z) * sizeof *v);
}

void projection_give_z(const projection_state *p, const real *u, real *dz, real *work)
{
    (void)work;
    memcpy(dz, u, (size_t)p->len_z * sizeof *dz);
}
