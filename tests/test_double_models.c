/* Every family in double: what PyTorch finds in double, and the gradients against finite
 * differences, for every fixture, dropout on and off. Of each tensor the entry with the largest
 * gradient, a few others, and one direction through all of its entries at once.
 *
 * SPDX-License-Identifier: MIT */
#include "model_fixture.h"

#include "base/random.h"

enum { SAMPLES = 3 };
static const double STEP = 1e-5; /* the error is about 1e-10 f''' + 1e-16 / 1e-5 */

typedef struct setting {
    model_fixture f;
    tape *t;
    tape_training training;
    const char *name;
} setting;

static double loss_at(setting *s)
{
    double loss;
    model_gradient(s->f.model, s->t, &s->f.batch, NULL, s->training, &loss, NULL);
    return loss;
}

/* along theta + h v, v given for n entries */
static double slope_along(setting *s, real *theta, const real *v, int64_t n)
{
    real *kept = calloc((size_t)n, sizeof *kept);
    memcpy(kept, theta, (size_t)n * sizeof *kept);
    for (int64_t j = 0; j < n; j++)
        theta[j] = kept[j] + STEP * v[j];
    double up = loss_at(s);
    for (int64_t j = 0; j < n; j++)
        theta[j] = kept[j] - STEP * v[j];
    double down = loss_at(s);
    memcpy(theta, kept, (size_t)n * sizeof *kept);
    free(kept);
    return (up - down) / (2 * STEP);
}

static void check_slope(const setting *s, const param *p, double slope, double found, double scale)
{
    if (!(fabs(slope - found) <= 1e-6 * scale))
        fail_msg("%s, dropout %d: %s: difference %.12g, gradient %.12g, tensor up to %g", s->name,
                 s->training.on, p->name, slope, found, scale);
}

/* the padding token's rows are given no gradient, though the loss depends on them */
static bool flows(const setting *s, const param *p, int64_t entry)
{
    const arch_config *c = &s->f.model->config;
    bool word = strstr(p->name, "word_embeddings.weight") != NULL ||
                strstr(p->name, "embed_tokens.weight") != NULL ||
                (strcmp(s->f.model->arch->model_type, "bart") == 0 &&
                 strcmp(p->name, "shared.weight") == 0);
    bool position = strstr(p->name, "position_embeddings.weight") != NULL && c->position_offset > 0;
    return !(word || position) || entry / p->cols != c->pad;
}

static void check_tensor(setting *s, const param *p, const real *full, double top)
{
    int64_t n = param_size(p), largest = 0;
    const real *g = full + p->offset;
    real *theta = s->f.model->weights->theta + p->offset;
    double scale = fmax(largest_of(g, n), 1e-3 * top);
    for (int64_t j = 0; j < n; j++)
        largest = fabs(g[j]) > fabs(g[largest]) ? j : largest;

    for (int k = 0; k <= SAMPLES; k++) {
        int64_t j = k == 0 ? largest : (k * 7919) % n;
        if (flows(s, p, j))
            check_slope(s, p, slope_along(s, theta + j, &(real){1}, 1), g[j], scale);
    }

    /* of unit length, so that the largest entry bounds nothing: |<g, v>| is about |g| / sqrt(n) */
    real *v = calloc((size_t)n, sizeof *v);
    double product = 0;
    for (int64_t j = 0; j < n; j++) {
        uint32_t words[4];
        random_words(1, STREAM_SPLIT, 0, (uint32_t)j, words);
        v[j] = flows(s, p, j) ? (words[0] & 1 ? 1 : -1) / sqrt((double)n) : 0;
        product += g[j] * v[j];
    }
    check_slope(s, p, slope_along(s, theta, v, n), product, scale);
    free(v);
}

static void check_differences(idim *lib, const model_case *c, bool noisy)
{
    setting s = {fixture_open(lib, c), NULL, {.on = noisy, .seed = 1, .step = 3}, c->name};
    const params *p = s.f.model->weights;
    CHECK_OK(lib, tape_new(lib, p, &s.t));
    bool *trained = all_trained(p);
    real *full = calloc((size_t)p->size, sizeof *full);
    double loss;
    model_gradient(s.f.model, s.t, &s.f.batch, trained, s.training, &loss, full);
    assert_true(loss == loss_at(&s) && isfinite(loss));
    double top = largest_of(full, p->size);
    for (int64_t k = 0; k < p->n; k++)
        check_tensor(&s, &p->item[k], full, top);
    free(full);
    free(trained);
    tape_free(s.t);
    fixture_close(&s.f);
}

static void gradients_are_finite_differences(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (int i = 0; i < 2 * MODEL_CASES; i++)
        check_differences(lib, &model_cases[i / 2], i % 2 == 1);
    idim_close(lib);
}

static void so_they_are_with_every_pooling(void **state)
{
    (void)state;
    static const model_case CASES[] = {
        {"albert/plain", 0, "last"}, {"roberta/plain", 0, "mean"}, {"gpt2/plain", 0, "mean"},
        {"llama/plain", 0, "cls"},   {"t5/plain", 0, "mean"},      {"bart/plain", 0, "last"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_differences(lib, &CASES[i], true);
    idim_close(lib);
}

/* ---- PyTorch -----------------------------------------------------------------------------------
 */

/* the worst ratio of logits, loss, and every gradient in the form of test_models.c */
static double ratio_to_pytorch(const model_fixture *f, const real *logits, double loss,
                               const real *full)
{
    const params *p = f->model->weights;
    double worst = 0, top = 0;
    int64_t n;
    real *wanted = fixture_values(f, "logits", &n);
    assert_int_equal(n, f->batch.n * f->model->n_labels);
    worst = fmax(worst, ratio_of(logits, wanted, n, 0));
    free(wanted);
    wanted = fixture_values(f, "loss", &n);
    worst = fmax(worst, ratio_of(&loss, wanted, 1, 0));
    free(wanted);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < p->n; i++) {
            char name[256];
            snprintf(name, sizeof name, "grad.%s", p->item[i].name);
            wanted = fixture_values(f, name, &n);
            assert_int_equal(n, param_size(&p->item[i]));
            if (pass == 0)
                top = fmax(top, largest_of(wanted, n));
            else
                worst = fmax(worst, ratio_of(full + p->item[i].offset, wanted, n, 1e-3 * top));
            free(wanted);
        }
    return worst;
}

/* What is left is rounding: a root of 1e5 terms times 1e-16 of the tensor, 1e3 times that of one
 * which is 0 but for rounding. Where PyTorch's doubles are stored as floats, 2^-24. */
static void logits_loss_and_gradients_are_those_of_pytorch(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (int i = 0; i < MODEL_CASES; i++) {
        model_fixture f = fixture_open(lib, &model_cases[i]);
        const params *p = f.model->weights;
        bool *trained = all_trained(p);
        real *full = calloc((size_t)p->size, sizeof *full);
        real *logits = calloc((size_t)(f.batch.n * f.model->n_labels), sizeof *logits);
        tape *t;
        double loss;
        assert_true(full != NULL && logits != NULL);
        CHECK_OK(lib, tape_new(lib, p, &t));
        tape_begin(t, NULL, (tape_training){0});
        CHECK_OK(lib, model_forward(f.model, t, &f.batch, NULL, logits));
        model_gradient(f.model, t, &f.batch, trained, (tape_training){0}, &loss, full);
        double ratio = ratio_to_pytorch(&f, logits, loss, full);
        bool exact = strcmp(fixture_tensor(&f, "logits")->dtype, "F64") == 0;
        print_message("%-20s within %.1e of PyTorch's%s\n", model_cases[i].name, ratio,
                      exact ? "" : ", stored as floats");
        assert_true(ratio <= (exact ? 1e-12 : 0x1p-24));
        free(full);
        free(logits);
        free(trained);
        tape_free(t);
        fixture_close(&f);
    }
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_loss_and_gradients_are_those_of_pytorch),
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(so_they_are_with_every_pooling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
