/* The subspace in float, through its own header and the public one.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace_cases.h"
#include "model/model.h"

static void public_functions_do_the_same(void **state)
{
    (void)state;
    idim_subspace_options o = options_of("said", "fastfood", 150);
    bed b = bed_new(2, &o);
    idim_model m = {.lib = b.lib, .weights = b.p};
    idim_subspace *s;
    CHECK_OK(b.lib, idim_subspace_new(&m, &o, &s));
    assert_int_equal(idim_subspace_dim(s), 150);

    float origin[150], dx[150];
    real expected[150];
    idim_subspace_origin(s, origin);
    subspace_origin(b.s, expected);
    assert_memory_equal(origin, expected, sizeof origin);

    CHECK_OK(b.lib, idim_subspace_push(s, b.x));
    subspace_push(b.s, b.x, b.theta);
    assert_memory_equal(b.theta, b.p->theta, (size_t)b.p->size * sizeof(real));

    CHECK_OK(b.lib, idim_subspace_pull(s, b.x, b.g, dx));
    pull_dense(&b, b.x);
    assert_memory_equal(dx, b.dx, sizeof dx);

    o.method = "none";
    idim_subspace *none;
    assert_int_equal(idim_subspace_new(&m, &o, &none), IDIM_EARGUMENT);
    assert_null(none);
    assert_non_null(strstr(idim_error(b.lib), "found 'none'"));
    idim_subspace_free(s);
    idim_subspace_free(NULL);
    bed_free(&b);
}

/* ---- memory that ends ------------------------------------------------------------------------ */

/* an allocator that refuses the call number `left` from now and all after it; counts what is held
 */
typedef struct scarce {
    int64_t left, held;
} scarce;

static void *scarce_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    scarce *s = user;
    (void)old_size;
    if (new_size == 0) {
        s->held -= p != NULL;
        free(p);
        return NULL;
    }
    if (s->left-- <= 0)
        return NULL;
    s->held += p == NULL;
    return realloc(p, new_size);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int64_t n;
    const projection *const *list = projection_list(&n);
    for (int64_t i = 0; i < n; i++) {
        scarce memory = {.left = INT64_MAX};
        idim_options options = {.alloc = scarce_alloc, .user = &memory, .threads = 2};
        idim *lib;
        assert_int_equal(idim_open(&options, &lib), 0);
        params *p = toy_params(lib);
        int64_t held = memory.held;
        idim_subspace_options o = options_of("said", list[i]->name, 100);
        int status = IDIM_EMEMORY;
        for (int64_t allowed = 0; status != 0; allowed++) {
            subspace *s;
            library_clear(lib);
            memory.left = allowed;
            status = subspace_new(p, &o, &s);
            assert_true(status == 0 || (status == IDIM_EMEMORY && s == NULL));
            assert_true(status == 0 || strstr(idim_error(lib), "out of memory") != NULL);
            assert_true(allowed < 100);
            memory.left = INT64_MAX;
            subspace_free(s);
            assert_int_equal(memory.held, held);
        }
        params_free(p);
        idim_close(lib);
        assert_int_equal(memory.held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {SUBSPACE_CASES,
                                       cmocka_unit_test(public_functions_do_the_same),
                                       cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
