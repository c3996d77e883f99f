/* idim_selftest: does this build compute rightly on this machine? Kernels against their plain
 * forms, adjoint and gradient checks, and what a step costs here. Needs no model and no data: the
 * model is one of random weights.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"
#include "base/clock.h"

#include "arch/arch.h"
#include "kernel/transform.h"

#include <math.h>
#include <string.h>

typedef struct checks {
    idim *lib;
    json_t *list;
    int64_t failed;
} checks;

static void add(checks *c, const char *name, const char *state, double found, double limit)
{
    c->failed += strcmp(state, "failed") == 0;
    json_array_append_new(c->list,
                          json_pack("{s:s, s:s, s:o, s:o}", "check", name, "state", state, "found",
                                    record_number(found), "limit", record_number(limit)));
}

/* a number in (-1, 1) that depends on i alone */
static real wave(int64_t i)
{
    return (real)sin(1.0 + 0.7 * (double)i + 0.001 * (double)(i % 977) * (double)(i % 13));
}

/* ---- the transforms of every instruction set give the bits of the plain one -------------------
 */

enum { PROBE = 1024 };

static void transform_sample(const transform_kernels *k, real *out)
{
    uint32_t words[RANDOM_GROUP * (PROBE / GAUSS_PER_GROUP)];
    const random_source source = {0x0123456789abcdefu, 42, STREAM_GAUSS};
    real x[PROBE];
    for (int i = 0; i < PROBE; i++)
        x[i] = wave(i);
    k->random(&source, 3, PROBE / GAUSS_PER_GROUP, words);
    k->gauss_times(words, PROBE, x, out);
    k->hadamard(out, PROBE);
    const random_signs signs = {words, 0, 1};
    k->sign_times(&signs, PROBE, (real)0.37, out, x, out);
}

static void check_transforms(checks *c)
{
    int64_t n;
    const transform_kernels *const *list = transform_list(&n);
    real plain[PROBE], other[PROBE];
    transform_sample(&transform_plain, plain);
    for (int64_t i = 1; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "transform %s: bits of the plain kernels", list[i]->name);
        if (!list[i]->supported()) {
            add(c, name, "skipped", NAN, NAN);
            continue;
        }
        transform_sample(list[i], other);
        int64_t differ = 0;
        for (int k = 0; k < PROBE; k++)
            differ += memcmp(&plain[k], &other[k], sizeof(real)) != 0;
        add(c, name, differ == 0 ? "ok" : "failed", (double)differ, 0);
    }
}

/* ---- products of operands rounded to bf16 ------------------------------------------------------
 */

enum { ROUNDED_M = 21, ROUNDED_N = 50, ROUNDED_K = 67 };

/* to nearest even */
static double rounded(real x)
{
    float value = (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* the largest difference from the sums in double */
static double rounded_gap(const matmul *p)
{
    double worst = 0;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = -(double)p->c[i * p->n + j];
            for (int64_t q = 0; q < p->k; q++)
                sum += rounded(p->a[i * p->k + q]) * rounded(p->b[j * p->k + q]);
            worst = fabs(sum) > worst || isnan(sum) ? fabs(sum) : worst;
        }
    return worst;
}

static int check_rounded_product(checks *c)
{
    /* 67 sums of size 8 at most, each rounded to 2^-24 of that; unrounded operands are 0.01 off */
    const double limit = 67 * 8 * 0x1p-24;
    const char *name = "product bf16: of operands rounded to nearest even";
    const rounded_matmul *bf16 = kernels_best()->bf16;
    if (bf16 == NULL || !bf16->supported()) {
        add(c, name, "skipped", NAN, NAN);
        return 0;
    }
    real a[ROUNDED_M * ROUNDED_K], b[ROUNDED_N * ROUNDED_K], out[ROUNDED_M * ROUNDED_N];
    matmul p = {.m = ROUNDED_M, .n = ROUNDED_N, .k = ROUNDED_K, .a = a, .b = b, .b_turned = true};
    p.c = out;
    for (int i = 0; i < ROUNDED_M * ROUNDED_K; i++)
        a[i] = wave(i);
    for (int i = 0; i < ROUNDED_N * ROUNDED_K; i++)
        b[i] = wave(7 * i + 3);
    void *scratch;
    TRY(memory_new(c->lib, bf16->scratch(c->lib->threads, &p), 1, "check", &scratch));
    bf16->matmul(c->lib->threads, &p, scratch);
    memory_free(c->lib, scratch);
    double gap = rounded_gap(&p);
    add(c, name, gap <= limit ? "ok" : "failed", gap, limit);
    return 0;
}

/* ---- pull is the adjoint of push ---------------------------------------------------------------
 */

static int toy_weights(idim *lib, params **out)
{
    static const int64_t shape[][2] = {{37, 24}, {1, 24}, {96, 24}, {1, 5}, {64, 64}};
    TRY(params_new(lib, out));
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "tensor.%d", i);
        param like = {.name = name,
                      .rows = shape[i][0],
                      .cols = shape[i][1],
                      .block = i / 2,
                      .module = i,
                      .init = INIT_NORMAL};
        TRY(params_add(*out, &like, NULL));
    }
    TRY(params_allocate(*out));
    for (int64_t i = 0; i < (*out)->size; i++)
        (*out)->theta0[i] = wave(i);
    return 0;
}

enum { TOY_DIM = 100 };

/* z, P'g, theta0 + Pz and g of one adjoint check */
typedef struct adjoint {
    real *z, *dz;    /* [TOY_DIM] */
    real *theta, *g; /* [D] */
} adjoint;

static void adjoint_free(idim *lib, adjoint *a)
{
    memory_free(lib, a->z);
    memory_free(lib, a->dz);
    memory_free(lib, a->theta);
    memory_free(lib, a->g);
}

static int adjoint_new(const params *p, adjoint *a)
{
    TRY(NEW(p->lib, real, TOY_DIM, "check", &a->z));
    TRY(NEW(p->lib, real, TOY_DIM, "check", &a->dz));
    TRY(NEW(p->lib, real, p->size, "check", &a->theta));
    TRY(NEW(p->lib, real, p->size, "check", &a->g));
    for (int64_t i = 0; i < TOY_DIM; i++)
        a->z[i] = wave(3 * i);
    for (int64_t i = 0; i < p->size; i++)
        a->g[i] = wave(5 * i + 1);
    return 0;
}

/* | <Pz, g> - <z, P'g> | / (|Pz| |g|) */
static double adjoint_gap(const params *p, subspace *s, adjoint *a)
{
    const gradient_sink *sink = subspace_sink(s);
    const int64_t zero = 0;
    subspace_push(s, a->z, a->theta);
    subspace_pull_begin(s, a->z, a->dz);
    for (int64_t i = 0; i < p->n; i++) {
        gradient part = {a->g + p->item[i].offset, &zero, 1, param_size(&p->item[i])};
        sink->fold(sink->user, i, &part);
    }
    subspace_pull_end(s);

    double left = 0, right = 0, moved = 0, length = 0;
    for (int64_t i = 0; i < p->size; i++) {
        double step = (double)a->theta[i] - (double)p->theta0[i];
        left += step * (double)a->g[i];
        moved += step * step;
        length += (double)a->g[i] * (double)a->g[i];
    }
    for (int64_t i = 0; i < TOY_DIM; i++)
        right += (double)a->z[i] * (double)a->dz[i];
    return fabs(left - right) / sqrt(moved * length);
}

static int adjoint_of(const params *p, const char *kind, double *gap)
{
    idim_subspace_options o = idim_subspace_defaults();
    subspace *s;
    o.method = "did";
    o.projection = kind;
    o.dim = TOY_DIM;
    TRY(subspace_new(p, &o, &s));

    adjoint a = {0};
    int status = adjoint_new(p, &a);
    if (status == 0)
        *gap = adjoint_gap(p, s, &a);
    adjoint_free(p->lib, &a);
    subspace_free(s);
    return status;
}

static int check_adjoints(checks *c)
{
    /* theta0 + Pz is rounded to a relative 2^-24 of theta0 ~ 1, over |Pz| of about 1 */
    const double limit = sizeof(real) == 8 ? 1e-12 : 1e-5;
    int64_t n;
    const projection *const *list = projection_list(&n);
    params *p = NULL;
    int status = toy_weights(c->lib, &p);
    for (int64_t i = 0; status == 0 && i < n; i++) {
        char name[64];
        double gap = NAN;
        status = adjoint_of(p, list[i]->name, &gap);
        snprintf(name, sizeof name, "projection %s: pull is the adjoint of push", list[i]->name);
        if (status == 0)
            add(c, name, gap <= limit ? "ok" : "failed", gap, limit);
    }
    params_free(p);
    return status;
}

/* ---- a model of random weights -----------------------------------------------------------------
 */

static const char TOY_CONFIG[] =
    "{\"vocab_size\":50,\"hidden_size\":24,\"num_hidden_layers\":2,\"num_attention_heads\":3,"
    "\"intermediate_size\":40,\"max_position_embeddings\":32}";

/* the shape of all-MiniLM-L6-v2 */
static const char MINILM_CONFIG[] =
    "{\"vocab_size\":30522,\"hidden_size\":384,\"num_hidden_layers\":6,\"num_attention_heads\":12,"
    "\"intermediate_size\":1536,\"max_position_embeddings\":512}";

static int fill_random(idim_model *m)
{
    params *p = m->weights;
    TRY(params_allocate(p));
    for (int64_t i = 0; i < p->n; i++) {
        bool is_scale = strstr(p->item[i].name, "LayerNorm.weight") != NULL;
        p->item[i].fresh = true;
        p->item[i].init = is_scale ? INIT_ONE : INIT_NORMAL;
    }
    params_start(p, 1, 0.05);
    return 0;
}

static int random_model(idim *lib, const char *config_text, idim_model **out)
{
    json_t *config = json_loads(config_text, 0, NULL);
    if (config == NULL)
        return fail_memory(lib, 4096, "selftest");
    int status = NEW(lib, idim_model, 1, "model", out);
    if (status == 0) {
        idim_model *m = *out;
        m->lib = lib;
        m->arch = arch_find("bert");
        m->n_labels = 2;
        status = m->arch->configure(lib, config, "selftest", &m->config);
        m->config.n_labels = 2;
        if (status == 0)
            status = params_new(lib, &m->weights);
        if (status == 0)
            status = m->arch->declare(m->weights, &m->config);
        if (status == 0)
            status = fill_random(m);
    }
    json_decref(config);
    return status;
}

typedef struct sample {
    int32_t *ids, *start;
    float *label;
    idim_batch batch;
} sample;

static void sample_free(idim *lib, sample *s)
{
    memory_free(lib, s->ids);
    memory_free(lib, s->start);
    memory_free(lib, s->label);
}

static int sample_new(idim *lib, int64_t n, int64_t tokens, int64_t vocab, sample *s)
{
    *s = (sample){0};
    TRY(NEW(lib, int32_t, n * tokens, "check", &s->ids));
    TRY(NEW(lib, int32_t, n + 1, "check", &s->start));
    TRY(NEW(lib, float, n, "check", &s->label));
    for (int64_t i = 0; i < n * tokens; i++)
        s->ids[i] = (int32_t)((i * 7919 + 13) % vocab);
    for (int64_t i = 0; i <= n; i++)
        s->start[i] = (int32_t)(i * tokens);
    for (int64_t i = 0; i < n; i++)
        s->label[i] = (float)(i % 2);
    s->batch = (idim_batch){.ids = s->ids, .start = s->start, .label = s->label, .n = n};
    return 0;
}

/* ---- the gradient of a loss against its finite difference --------------------------------------
 */

/* (L(theta + e g/|g|) - L(theta - e g/|g|)) / 2e against |g| */
static int gradient_gap(idim_model *m, const idim_batch *batch, double *gap)
{
    const double e = sizeof(real) == 8 ? 1e-5 : 1e-2;
    params *p = m->weights;
    float *g;
    double loss, up, down, square = 0;
    TRY(NEW(m->lib, float, p->size, "check", &g));
    int status = idim_model_loss(m, batch, &loss, g);
    for (int64_t i = 0; i < p->size; i++)
        square += (double)g[i] * (double)g[i];
    double norm = sqrt(square);
    for (int64_t i = 0; i < p->size; i++)
        p->theta[i] = (real)((double)p->theta0[i] + e * (double)g[i] / norm);
    if (status == 0)
        status = idim_model_loss(m, batch, &up, NULL);
    for (int64_t i = 0; i < p->size; i++)
        p->theta[i] = (real)((double)p->theta0[i] - e * (double)g[i] / norm);
    if (status == 0)
        status = idim_model_loss(m, batch, &down, NULL);
    memory_free(m->lib, g);
    if (status == 0)
        *gap = fabs((up - down) / (2 * e) - norm) / norm;
    return status;
}

static int check_gradient(checks *c)
{
    /* loss ~ 0.7 has 2^-24 relative rounding, over 2e = 0.02 and |g| ~ 1; curvature adds e^2 */
    const double limit = sizeof(real) == 8 ? 1e-6 : 2e-3;
    idim_model *m = NULL;
    sample s = {0};
    double gap = NAN;
    int status = random_model(c->lib, TOY_CONFIG, &m);
    if (status == 0)
        status = sample_new(c->lib, 6, 9, 50, &s);
    if (status == 0)
        status = gradient_gap(m, &s.batch, &gap);
    if (status == 0)
        add(c, "bert: gradient equals finite difference", gap <= limit ? "ok" : "failed", gap,
            limit);
    sample_free(c->lib, &s);
    model_close(m);
    return status;
}

/* ---- what a step costs here --------------------------------------------------------------------
 */

enum { STEP_EXAMPLES = 32, STEP_TOKENS = 128, STEP_DIM = 2000, STEP_RUNS = 3 };

typedef struct step_cost {
    double push, forward, backward; /* seconds; backward with the pull */
    int64_t memory;                 /* of the step's arena             */
} step_cost;

static int time_step(idim_model *m, subspace *s, real *x, real *dx, const idim_batch *batch,
                     step_cost *out)
{
    tape *t;
    double loss;
    TRY(tape_new(m->lib, m->weights, &t));
    int status = 0;
    for (int i = 0; status == 0 && i < STEP_RUNS; i++) {
        double t0 = clock_seconds();
        subspace_push(s, x, m->weights->theta);
        double t1 = clock_seconds();
        tape_begin(t, subspace_sink(s)->trained, (tape_training){.on = false});
        status = model_forward(m, t, batch, &loss, NULL);
        double t2 = clock_seconds();
        subspace_pull_begin(s, x, dx);
        if (status == 0)
            status = model_backward(m, t, 1, subspace_sink(s));
        subspace_pull_end(s);
        *out = (step_cost){t1 - t0, t2 - t1, clock_seconds() - t2, tape_memory(t)};
    }
    tape_free(t);
    return status;
}

static json_t *cost_part(const idim_model *m, const step_cost *c)
{
    const arch_config *a = &m->config;
    double tokens = (double)STEP_EXAMPLES * STEP_TOKENS, H = (double)a->hidden;
    double weights = (double)a->layers * (4 * H * H + 2 * H * (double)a->inner);
    double scores = (double)a->layers * 4 * (double)STEP_TOKENS * H;
    double flop = 3 * tokens * (2 * weights + scores);
    double seconds = c->push + c->forward + c->backward;
    return json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "model",
                     "MiniLM-L6 shape, random weights", "examples", (int)STEP_EXAMPLES, "tokens",
                     (int)STEP_TOKENS, "dim", (int)STEP_DIM, "push_seconds", c->push,
                     "forward_seconds", c->forward, "backward_and_pull_seconds", c->backward,
                     "seconds", seconds, "tokens_per_second", tokens / seconds, "gflop_per_second",
                     flop / seconds * 1e-9, "step_memory_bytes", (json_int_t)c->memory);
}

static int measure_step(idim *lib, json_t **out)
{
    idim_model *m = NULL;
    subspace *space = NULL;
    sample s = {0};
    real *x = NULL, *dx = NULL;
    step_cost cost;
    idim_subspace_options o = idim_subspace_defaults();
    o.method = "said";
    o.dim = STEP_DIM;
    int status = random_model(lib, MINILM_CONFIG, &m);
    if (status == 0)
        status = sample_new(lib, STEP_EXAMPLES, STEP_TOKENS, 30522, &s);
    if (status == 0)
        status = subspace_new(m->weights, &o, &space);
    if (status == 0)
        status = NEW(lib, real, STEP_DIM, "check", &x);
    if (status == 0)
        status = NEW(lib, real, STEP_DIM, "check", &dx);
    if (status == 0) {
        subspace_origin(space, x);
        status = time_step(m, space, x, dx, &s.batch, &cost);
    }
    if (status == 0)
        *out = cost_part(m, &cost);
    memory_free(lib, x);
    memory_free(lib, dx);
    sample_free(lib, &s);
    subspace_free(space);
    model_close(m);
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static json_t *build_part(const idim *lib)
{
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#elif defined(__GNUC__)
    const char *compiler = "gcc " __VERSION__;
#else
    const char *compiler = "unknown";
#endif
    return json_pack("{s:s, s:s, s:s, s:i, s:s}", "compiler", compiler, "values",
                     sizeof(real) == 8 ? "double" : "float", "transforms", transform_best()->name,
                     "threads", lib->threads, "projection", "version 1");
}

int idim_selftest(idim *lib)
{
    library_clear(lib);
    checks c = {.lib = lib, .list = json_array()};
    json_t *step = NULL;
    check_transforms(&c);
    int status = check_rounded_product(&c);
    if (status == 0)
        status = check_adjoints(&c);
    if (status == 0)
        status = check_gradient(&c);
    if (status == 0)
        status = measure_step(lib, &step);
    if (status != 0) {
        json_decref(c.list);
        return status;
    }
    return record_finish(lib, json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:I}", "schema",
                                        "idim.selftest/1", "version", IDIM_VERSION, "build",
                                        build_part(lib), "checks", c.list, "failed",
                                        (json_int_t)c.failed, "step", step, "peak_memory_bytes",
                                        (json_int_t)record_peak_memory()));
}
