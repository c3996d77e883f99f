/* Pulled gradients in double against finite differences along x: of the loss, of two classes'
 * difference, of each of three logits, of a regression's value.
 *
 * SPDX-License-Identifier: MIT */
#include "model_fixture.h"
#include "measure/pulled.h"

enum { D = 40 };
static const double STEP = 1e-4;

typedef struct bed {
    model_fixture f;
    subspace *space;
    tape *tape;
    split split;
    int64_t start[64];
    real x[D];
} bed;

static void bed_open(idim *lib, const model_case *c, bed *b)
{
    idim_subspace_options o = idim_subspace_defaults();
    o.dim = D;
    b->f = fixture_open(lib, c);
    /* else its embedding would move with x and have no gradient */
    b->f.model->config.pad = -1;
    params *p = b->f.model->weights;
    /* the origin is the fixture's theta */
    memcpy(p->theta0, p->theta, (size_t)p->size * sizeof *p->theta);
    CHECK_OK(lib, subspace_new(p, &o, &b->space));
    CHECK_OK(lib, tape_new(lib, p, &b->tape));
    for (int64_t i = 0; i <= b->f.batch.n; i++)
        b->start[i] = b->f.start[i];
    b->split = (split){.path = "fixture",
                       .n = b->f.batch.n,
                       .ids = b->f.ids,
                       .segment = b->f.segment,
                       .start = b->start,
                       .label = b->f.label};
    /* away from the origin, where the scales have gradients too */
    subspace_origin(b->space, b->x);
    for (int i = 0; i < D; i++)
        b->x[i] += 0.3 * sin(1 + 3.0 * i);
    subspace_push(b->space, b->x, p->theta);
}

static void bed_close(bed *b)
{
    tape_free(b->tape);
    subspace_free(b->space);
    fixture_close(&b->f);
}

/* what row k of example i differentiates, at x */
static double value_at(bed *b, const real *x, int64_t i, pulled_of of, int64_t k)
{
    idim_model *m = b->f.model;
    int32_t index = (int32_t)i;
    batch_buffer buffer = {0};
    idim_batch batch;
    real logits[8];
    double loss;
    subspace_push(b->space, x, m->weights->theta);
    CHECK_OK(m->lib, batch_pack(m->lib, &b->split, &index, 1, &buffer, &batch));
    tape_begin(b->tape, NULL, (tape_training){.on = false});
    CHECK_OK(m->lib, model_forward(m, b->tape, &batch, &loss, logits));
    batch_free(m->lib, &buffer);
    if (of == PULLED_LOSS)
        return loss;
    return m->n_labels == 2 ? logits[1] - logits[0] : logits[k];
}

static void check_row(bed *b, int64_t i, pulled_of of, int64_t k, const real *row, double value)
{
    real x[D];
    double top = largest_of(row, D);
    memcpy(x, b->x, sizeof x);
    double here = value_at(b, x, i, of, k);
    assert_true(fabs(here - value) <= 1e-12 * (1 + fabs(here)));
    for (int j = 0; j < D; j += j < D - 6 ? 5 : 1) {
        x[j] = b->x[j] + STEP;
        double above = value_at(b, x, i, of, k);
        x[j] = b->x[j] - STEP;
        double below = value_at(b, x, i, of, k);
        x[j] = b->x[j];
        /* h^2 f''' / 6 and eps f / h: both about 1e-8 of entries of size 1 */
        if (!(fabs((above - below) / (2 * STEP) - row[j]) <= 1e-6 * top))
            fail_msg("example %lld, row %lld, x[%d]: %.12g, by differences %.12g", (long long)i,
                     (long long)k, j, row[j], (above - below) / (2 * STEP));
    }
    subspace_push(b->space, b->x, b->f.model->weights->theta);
}

static void pulled_gradients_are_finite_differences(void **state)
{
    (void)state;
    static const model_case cases[] = {
        {"bert/no-pooler", 2, "cls"}, {"bert/bare", 3, "cls"}, {"bert/regression", 0, "cls"}};
    idim *lib = check_library(1);
    for (int c = 0; c < 3; c++)
        for (int of = PULLED_LOSS; of <= PULLED_LOGITS; of++) {
            bed b;
            bed_open(lib, &cases[c], &b);
            pulled *p;
            CHECK_OK(lib, pulled_new(b.f.model, b.space, b.x, (pulled_of)of, &p));
            int64_t rows = pulled_rows(p);
            assert_int_equal(rows, c == 1 && of == PULLED_LOGITS ? 3 : 1);
            real row[3 * D];
            double value[3];
            for (int64_t i = 0; i < 2; i++) {
                CHECK_OK(lib, pulled_example(p, &b.split, i, row, value));
                for (int64_t k = 0; k < rows; k++)
                    check_row(&b, i, (pulled_of)of, k, row + k * D, value[k]);
            }
            pulled_free(p);
            bed_close(&b);
        }
    idim_close(lib);
}

static void several_labels_at_a_time_are_refused(void **state)
{
    (void)state;
    const model_case c = {"bert/multi-label", 0, "cls"};
    idim *lib = check_library(1);
    bed b;
    bed_open(lib, &c, &b);
    pulled *p;
    assert_int_equal(pulled_new(b.f.model, b.space, NULL, PULLED_LOSS, &p), IDIM_EUNSUPPORTED);
    assert_null(p);
    bed_close(&b);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulled_gradients_are_finite_differences),
        cmocka_unit_test(several_labels_at_a_time_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
