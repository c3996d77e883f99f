/* Makes a subspace: who is projected, direct or frozen, which lambda is whose, and the scales.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum method { METHOD_SAID, METHOD_DID, METHOD_FULL, METHOD_HEAD, METHOD_BIAS } method;
typedef enum grouping { GROUPS_BLOCK, GROUPS_MODULE, GROUPS_TENSOR, GROUPS_NONE } grouping;
typedef enum pull_form { PULL_EXACT, PULL_PUBLIC } pull_form;

static const char *const method_names[] = {"said", "did", "full", "head", "bias", NULL};
static const char *const grouping_names[] = {"block", "module", "tensor", "none", NULL};
static const char *const pull_names[] = {"exact", "public", NULL};

/* longest z: its permutation is an int32 table and its transform stays in memory */
static const int64_t LEN_Z_LIMIT = 1 << 24;

/* the options, read */
typedef struct request {
    method method;
    grouping groups;
    pull_form pull;
    const projection *projection;
    const normalize *normalize;
    int64_t dim;
    uint64_t seed;
} request;

static int fail_choice(idim *lib, const char *what, const char *valid, const char *value)
{
    return fail(lib, IDIM_EARGUMENT, "%s: expected one of %s; found '%s'", what, valid,
                value != NULL ? value : "(nothing)");
}

static int choose(idim *lib, const char *what, const char *const *names, const char *value,
                  int *out)
{
    char valid[200] = "";
    for (int i = 0; names[i] != NULL; i++) {
        if (value != NULL && strcmp(names[i], value) == 0) {
            *out = i;
            return 0;
        }
        size_t used = strlen(valid);
        snprintf(valid + used, sizeof valid - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return fail_choice(lib, what, valid, value);
}

static bool is_projecting(const request *r)
{
    return r->method == METHOD_SAID || r->method == METHOD_DID;
}

static int choose_rows(idim *lib, const idim_subspace_options *o, request *r)
{
    char valid[256];
    projection_names(valid, sizeof valid);
    r->projection = o->projection != NULL ? projection_find(o->projection) : NULL;
    if (r->projection == NULL)
        return fail_choice(lib, "projection", valid, o->projection);
    normalize_names(valid, sizeof valid);
    r->normalize = o->normalize != NULL ? normalize_find(o->normalize) : NULL;
    if (r->normalize == NULL)
        return fail_choice(lib, "normalize", valid, o->normalize);
    return 0;
}

static int read_options(idim *lib, const idim_subspace_options *o, request *r)
{
    int chosen;
    TRY(choose(lib, "method", method_names, o->method, &chosen));
    r->method = (method)chosen;
    TRY(choose(lib, "groups", grouping_names, o->groups, &chosen));
    r->groups = (grouping)chosen;
    TRY(choose(lib, "pull", pull_names, o->pull, &chosen));
    r->pull = (pull_form)chosen;
    TRY(choose_rows(lib, o, r));
    r->dim = o->dim;
    r->seed = o->seed;

    if (!is_projecting(r) && r->dim != 0)
        return fail(lib, IDIM_EARGUMENT,
                    "dim: method '%s' trains weights directly, how many follows from the model: "
                    "expected 0, found %lld",
                    o->method, (long long)r->dim);
    if (is_projecting(r) && r->dim < 1)
        return fail(lib, IDIM_EARGUMENT, "dim: method '%s' expects at least 1, found %lld",
                    o->method, (long long)r->dim);
    if (r->pull == PULL_PUBLIC && (!is_projecting(r) || r->projection->public_weight == NULL))
        return fail(lib, IDIM_EARGUMENT,
                    "pull: 'public' belongs to projection 'fastfood-tensor' alone; expected "
                    "'exact' for '%s'",
                    r->projection->name);
    return 0;
}

static tensor_use use_of(method how, const param *t)
{
    switch (how) {
    case METHOD_FULL:
        return USE_DIRECT;
    case METHOD_HEAD:
        return t->role == ROLE_CLASSIFIER || t->is_output ? USE_DIRECT : USE_FROZEN;
    case METHOD_BIAS:
        return t->role == ROLE_CLASSIFIER || t->is_bias ? USE_DIRECT : USE_FROZEN;
    default:
        return USE_PROJECTED;
    }
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* "encoder.layer.0.output.dense.weight" without its last part */
static int module_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (int)(dot != NULL ? dot - name : (ptrdiff_t)strlen(name));
}

static int name_group(idim *lib, grouping how, const param *t, char **out)
{
    switch (how) {
    case GROUPS_NONE:
        return memory_format(lib, out, "all");
    case GROUPS_TENSOR:
        return memory_format(lib, out, "%s", t->name);
    case GROUPS_MODULE:
        return memory_format(lib, out, "%.*s", module_length(t->name), t->name);
    default:
        if (t->role != ROLE_BODY)
            return memory_format(lib, out, "head");
        if (t->block == 0)
            return memory_format(lib, out, "embeddings");
        return memory_format(lib, out, "layer %d", t->block - 1);
    }
}

static bool same_group(grouping how, const param *a, const param *b)
{
    return how == GROUPS_NONE || (how == GROUPS_BLOCK && a->block == b->block) ||
           (how == GROUPS_MODULE && a->module == b->module) || (how == GROUPS_TENSOR && a == b);
}

/* groups are numbered in the order of their first tensors */
static int make_groups(subspace *s, grouping how)
{
    const params *p = s->weights;
    TRY(NEW(s->lib, char *, p->n, "groups", &s->group_name));
    for (int64_t i = 0; i < p->n; i++) {
        int64_t j = 0;
        while (j < i && !same_group(how, &p->item[i], &p->item[j]))
            j++;
        if (j == i) {
            TRY(name_group(s->lib, how, &p->item[i], &s->group_name[s->n_lambda]));
            s->mover[i].group = s->n_lambda++;
        } else {
            s->mover[i].group = s->mover[j].group;
        }
    }
    return 0;
}

/* ---- making ---------------------------------------------------------------------------------- */

static int make_movers(subspace *s, const request *r)
{
    const params *p = s->weights;
    TRY(NEW(s->lib, mover, p->n, "subspace", &s->mover));
    TRY(NEW(s->lib, bool, p->n, "subspace", &s->trained));
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        mover *m = &s->mover[i];
        m->use = use_of(r->method, t);
        m->tensor = (projected){random_tensor_key(t->name), param_size(t)};
        m->group = -1;
        m->dz_weight = 1;
        s->trained[i] = m->use != USE_FROZEN;
        if (m->use == USE_DIRECT) {
            m->direct = s->n_direct;
            s->n_direct += param_size(t);
        }
    }
    if (s->n_direct == 0 && !is_projecting(r))
        return fail(s->lib, IDIM_EARGUMENT, "method '%s': the model has no tensor it trains",
                    method_names[r->method]);
    return r->method == METHOD_SAID ? make_groups(s, r->groups) : 0;
}

static int check_dim(const subspace *s, const request *r)
{
    if (r->dim <= s->n_lambda)
        return fail(s->lib, IDIM_EARGUMENT,
                    "dim: said with groups '%s' needs dim above %lld: it has %lld groups; found "
                    "%lld",
                    grouping_names[r->groups], (long long)s->n_lambda, (long long)s->n_lambda,
                    (long long)r->dim);
    if (r->dim - s->n_lambda > LEN_Z_LIMIT)
        return fail(s->lib, IDIM_EARGUMENT, "dim: expected at most %lld, found %lld",
                    (long long)(LEN_Z_LIMIT + s->n_lambda), (long long)r->dim);
    return 0;
}

static int64_t chunks_of(int64_t n_tiles, int64_t tile)
{
    int64_t per_chunk = tile == 0 ? 1 : (CHUNK_ENTRIES + tile - 1) / tile;
    int64_t n = (n_tiles + per_chunk - 1) / per_chunk;
    return n < CHUNKS_LIMIT ? n : CHUNKS_LIMIT;
}

static int make_projection(subspace *s, const request *r)
{
    projection_state like = {.kind = r->projection, .seed = r->seed, .len_z = s->len_z};
    for (int64_t i = 0; i < s->weights->n; i++) {
        int64_t size = s->mover[i].tensor.size;
        like.weights += size;
        like.largest = size > like.largest ? size : like.largest;
    }
    TRY(projection_new(s->lib, &like, &s->projection));

    int64_t tile = s->projection->tile;
    for (int64_t i = 0; i < s->weights->n; i++) {
        mover *m = &s->mover[i];
        m->first_tile = s->n_tiles;
        m->n_tiles = tile == 0 ? 1 : (m->tensor.size + tile - 1) / tile;
        s->n_tiles += m->n_tiles;
        m->n_chunks = chunks_of(m->n_tiles, tile);
    }
    return 0;
}

static int make_scales(subspace *s, const request *r)
{
    double *rms;
    TRY(NEW(s->lib, double, s->weights->n, "scales", &rms));
    normalize_all(r->normalize, s->weights, s->trained, rms);
    const projection_state *p = s->projection;
    for (int64_t i = 0; i < s->weights->n; i++) {
        mover *m = &s->mover[i];
        m->scale = (real)(rms[i] / sqrt(p->kind->entry_variance(p, &m->tensor)));
        if (r->pull == PULL_PUBLIC)
            m->dz_weight = (real)p->kind->public_weight(p, &m->tensor);
    }
    memory_free(s->lib, rms);
    return 0;
}

static int make_buffers(subspace *s)
{
    const projection_state *p = s->projection;
    int64_t segments = (p->inner + SEGMENT - 1) / SEGMENT;
    TRY(NEW(s->lib, real, p->inner, "subspace", &s->v));
    TRY(NEW(s->lib, real, p->inner, "subspace", &s->u));
    /* whole tensors are taken one at a time */
    int64_t tile = p->tile == 0 ? p->largest : p->tile;
    s->work_stride = (p->work + tile + 15) / 16 * 16;
    int64_t threads = p->tile == 0 ? 1 : s->lib->threads;
    TRY(NEW(s->lib, real, threads * s->work_stride, "subspace", &s->work));
    int64_t most = 1;
    for (int64_t i = 0; i < s->weights->n; i++)
        most = s->mover[i].n_chunks > most ? s->mover[i].n_chunks : most;
    TRY(NEW(s->lib, real, most * p->inner, "subspace", &s->partial));
    TRY(NEW(s->lib, double, segments, "subspace", &s->product));
    return NEW(s->lib, double, s->n_lambda, "subspace", &s->dlambda);
}

static int make(subspace *s, const idim_subspace_options *options)
{
    request r;
    TRY(read_options(s->lib, options, &r));
    TRY(make_movers(s, &r));
    if (!is_projecting(&r))
        return 0;
    TRY(check_dim(s, &r));
    s->len_z = r.dim - s->n_lambda;
    TRY(make_projection(s, &r));
    TRY(make_scales(s, &r));
    return make_buffers(s);
}

int subspace_new(const params *p, const idim_subspace_options *options, subspace **out)
{
    *out = NULL;
    subspace *s;
    TRY(NEW(p->lib, subspace, 1, "subspace", &s));
    s->lib = p->lib;
    s->weights = p;
    int status = make(s, options);
    if (status != 0) {
        subspace_free(s);
        return status;
    }
    s->sink = (gradient_sink){.user = s, .fold = subspace_fold, .trained = s->trained};
    *out = s;
    return 0;
}

void subspace_free(subspace *s)
{
    if (s == NULL)
        return;
    for (int64_t i = 0; i < s->n_lambda; i++)
        memory_free(s->lib, s->group_name[i]);
    void *blocks[] = {s->group_name, s->mover,   s->trained, s->v,      s->u,
                      s->work,       s->partial, s->product, s->dlambda};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        memory_free(s->lib, blocks[i]);
    projection_free(s->projection);
    memory_free(s->lib, s);
}

/* ---- what it is ------------------------------------------------------------------------------ */

int64_t subspace_dim(const subspace *s)
{
    return s->len_z + s->n_lambda + s->n_direct;
}

int64_t subspace_len_z(const subspace *s)
{
    return s->len_z;
}

int64_t subspace_n_lambda(const subspace *s)
{
    return s->n_lambda;
}

int64_t subspace_n_direct(const subspace *s)
{
    return s->n_direct;
}

int64_t subspace_group(const subspace *s, int64_t tensor)
{
    return s->mover[tensor].group;
}

const char *subspace_group_name(const subspace *s, int64_t group)
{
    return s->group_name[group];
}

void subspace_origin(const subspace *s, real *x)
{
    memset(x, 0, (size_t)s->len_z * sizeof *x);
    for (int64_t i = 0; i < s->n_lambda; i++)
        x[s->len_z + i] = 1;
    for (int64_t i = 0; i < s->weights->n; i++) {
        const param *t = &s->weights->item[i];
        if (s->mover[i].use == USE_DIRECT)
            memcpy(x + s->len_z + s->n_lambda + s->mover[i].direct, s->weights->theta0 + t->offset,
                   (size_t)param_size(t) * sizeof *x);
    }
}
