/* The projections give the bits that docs/projection.md specifies: those of
 * tools/projection_reference.py, which shares nothing with this library. For every kernel table of
 * this CPU.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/hash.h"
#include "fixtures/projection_golden.h"
#include "subspace/internal.h"
#include "toy_params.h"

/* the z and theta0 of the reference */
static real test_z(int64_t i)
{
    return (real)(i * 37 % 101 - 50) / 64;
}

static real test_theta0(int64_t j)
{
    return (real)(j * 29 % 127 - 63) / 1024;
}

static uint32_t bits_of(real x)
{
    float single = (float)x;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    return bits;
}

static void digest_of(idim *lib, const real *x, int64_t n, char text[HASH_TEXT])
{
    uint8_t *bytes, digest[HASH_BYTES];
    CHECK_OK(lib, NEW(lib, uint8_t, 4 * n, "bytes", &bytes));
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            bytes[4 * i + k] = (uint8_t)(bits_of(x[i]) >> (8 * k));
    hash_bytes(bytes, 4 * n, digest);
    hash_text(digest, text);
    memory_free(lib, bytes);
}

/* P z of one tensor, tile by tile, the last tile first */
static void push_tensor(const projection_state *p, const projected *t, const real *v, real *work,
                        real *out)
{
    int64_t tile = p->tile == 0 ? t->size : p->tile;
    for (int64_t first = (t->size - 1) / tile * tile; first >= 0; first -= tile) {
        int64_t left = t->size - first;
        piece w = {t, first, left < tile ? left : tile, 1, work};
        p->kind->push(p, &w, v, NULL, out + first);
    }
}

static void check_row(idim *lib, const struct golden *g, const transform_kernels *kernels)
{
    projected t = {random_tensor_key(g->name), g->size};
    projection_state like = {.kind = projection_find(g->projection),
                             .seed = g->seed,
                             .len_z = g->len_z,
                             .weights = golden_sparse_weights,
                             .largest = g->size};
    projection_state *p;
    CHECK_OK(lib, projection_new(lib, &like, &p));
    p->kernels = kernels;
    real *z, *v, *work, *out;
    CHECK_OK(lib, NEW(lib, real, g->len_z, "z", &z));
    CHECK_OK(lib, NEW(lib, real, p->inner, "v", &v));
    CHECK_OK(lib, NEW(lib, real, p->work, "work", &work));
    CHECK_OK(lib, NEW(lib, real, g->size, "out", &out));
    for (int64_t i = 0; i < g->len_z; i++)
        z[i] = test_z(i);
    p->kind->begin(p, z, v, work);
    push_tensor(p, &t, v, work, out);

    char text[HASH_TEXT];
    digest_of(lib, out, g->size, text);
    if (bits_of(out[0]) != g->first[0] || bits_of(out[1]) != g->first[1] ||
        strcmp(text, g->sha256) != 0)
        fail_msg("%s, %s, %lld entries, len z %lld, kernels '%s': %08x %08x, SHA-256 %s",
                 g->projection, g->name, (long long)g->size, (long long)g->len_z, kernels->name,
                 bits_of(out[0]), bits_of(out[1]), text);
    real *blocks[] = {z, v, work, out};
    for (int i = 0; i < 4; i++)
        memory_free(lib, blocks[i]);
    projection_free(p);
}

static const transform_kernels *table_at(int64_t k, int64_t *n)
{
    const transform_kernels *t = transform_list(n)[k];
    if (t->supported())
        return t;
    print_message("SKIPPED: this CPU does not have what '%s' needs\n", t->name);
    return NULL;
}

static void projections_give_the_specified_bits(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    int64_t n = 1;
    for (int64_t k = 0; k < n; k++) {
        const transform_kernels *t = table_at(k, &n);
        for (size_t i = 0; t != NULL && i < sizeof golden / sizeof golden[0]; i++)
            check_row(lib, &golden[i], t);
    }
    idim_close(lib);
}

/* normalize capped, two groups, theta0 + s lambda P z */
static void said_gives_the_specified_weights(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t size;
        int32_t block;
    } rows[] = {{"a.weight", 700, 0}, {"a.bias", 20, 0}, {"b.weight", 1024, 1}, {"b.bias", 3, 1}};
    idim *lib = check_library(3);
    params *p;
    CHECK_OK(lib, params_new(lib, &p));
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s", rows[i].name);
        param like = {.name = name, .rows = 1, .cols = rows[i].size, .block = rows[i].block};
        CHECK_OK(lib, params_add(p, &like, NULL));
    }
    CHECK_OK(lib, params_allocate(p));
    for (int64_t j = 0; j < p->size; j++)
        p->theta0[j] = test_theta0(j);

    idim_subspace_options o = {"said", "fastfood", "capped", "block", "exact", 102, 2026};
    subspace *s;
    CHECK_OK(lib, subspace_new(p, &o, &s));
    real x[102];
    for (int64_t i = 0; i < 100; i++)
        x[i] = test_z(i);
    x[100] = (real)0.75;
    x[101] = (real)1.25;
    subspace_push(s, x, p->theta);
    char text[HASH_TEXT];
    digest_of(lib, p->theta, p->size, text);
    assert_string_equal(text, golden_said);
    subspace_free(s);
    params_free(p);
    idim_close(lib);
}

/* push and pull of the toy model with the kernels t */
static void flow(idim *lib, const params *p, const char *name, int64_t dim,
                 const transform_kernels *t, real *theta, real *dx)
{
    idim_subspace_options o = {"said", name, "weight", "module", "exact", dim, 5};
    subspace *s;
    CHECK_OK(lib, subspace_new(p, &o, &s));
    s->projection->kernels = t;
    real *x;
    CHECK_OK(lib, NEW(lib, real, dim, "x", &x));
    toy_fill(9, 9, x, dim);
    subspace_push(s, x, theta);
    const gradient_sink *sink = subspace_sink(s);
    subspace_pull_begin(s, x, dx);
    for (int64_t i = 0; i < p->n; i++) {
        int64_t first = 0;
        gradient g = {theta + p->item[i].offset, &first, 1, param_size(&p->item[i])};
        sink->fold(sink->user, i, &g);
    }
    subspace_pull_end(s);
    memory_free(lib, x);
    subspace_free(s);
}

static void kernels_change_no_bit_of_push_and_pull(void **state)
{
    (void)state;
    static const int64_t dims[] = {20, 130, 1030, 9000};
    idim *lib = check_library(3);
    params *p = toy_params(lib);
    real *theta[2], *dx[2];
    for (int i = 0; i < 2; i++) {
        CHECK_OK(lib, NEW(lib, real, p->size, "theta", &theta[i]));
        CHECK_OK(lib, NEW(lib, real, 9000, "dx", &dx[i]));
    }
    int64_t n, n_projections;
    const projection *const *projections = projection_list(&n_projections);
    transform_list(&n);
    for (int64_t i = 0; i < n_projections; i++)
        for (int d = 0; d < (strcmp(projections[i]->name, "dense") == 0 ? 2 : 4); d++) {
            flow(lib, p, projections[i]->name, dims[d], &transform_plain, theta[0], dx[0]);
            for (int64_t k = 1; k < n; k++) {
                const transform_kernels *t = transform_list(&n)[k];
                if (!t->supported())
                    continue;
                flow(lib, p, projections[i]->name, dims[d], t, theta[1], dx[1]);
                assert_memory_equal(theta[0], theta[1], (size_t)p->size * sizeof(real));
                assert_memory_equal(dx[0], dx[1], (size_t)dims[d] * sizeof(real));
            }
        }
    for (int i = 0; i < 2; i++) {
        memory_free(lib, theta[i]);
        memory_free(lib, dx[i]);
    }
    params_free(p);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projections_give_the_specified_bits),
        cmocka_unit_test(said_gives_the_specified_weights),
        cmocka_unit_test(kernels_change_no_bit_of_push_and_pull),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
