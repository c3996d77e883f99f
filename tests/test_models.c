/* Every family against PyTorch: logits, loss and every gradient of small random models, with every
 * table of kernels; and trained.
 *
 * SPDX-License-Identifier: MIT */
#include "model_fixture.h"

#include "base/file.h"
#include "subspace/adapter.h"
#include "tape/node.h"
#include "train/optimiser.h"

/* max |difference| <= 1e-5 max(largest entry of the tensor, 1e-3 largest of the model): some
 * gradients, those of the key bias, are zero in exact arithmetic. float has 6e-8; the sums here
 * have under 200 terms. */
static void check_close(const char *model, const char *name, const real *found, const real *wanted,
                        int64_t n, double largest_of_model)
{
    double scale = fmax(largest_of(wanted, n), 1e-3 * largest_of_model);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)(found[i] - wanted[i])) <= 1e-5 * scale))
            fail_msg("%s: %s[%lld]: PyTorch has %.9g, found %.9g, tensor up to %g", model, name,
                     (long long)i, (double)wanted[i], (double)found[i], scale);
}

/* gives the worst ratio */
static double check_gradients(const model_case *c, const model_fixture *f, const real *found)
{
    const params *p = f->model->weights;
    double top = 0, worst = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < p->n; i++) {
            char name[256];
            int64_t n;
            snprintf(name, sizeof name, "grad.%s", p->item[i].name);
            real *wanted = fixture_values(f, name, &n);
            assert_int_equal(n, param_size(&p->item[i]));
            if (pass == 0) {
                top = fmax(top, largest_of(wanted, n));
            } else {
                check_close(c->name, name, found + p->item[i].offset, wanted, n, top);
                worst = fmax(worst, ratio_of(found + p->item[i].offset, wanted, n, 1e-3 * top));
            }
            free(wanted);
        }
    return worst;
}

static void check_case(idim *lib, const model_case *c, const kernels *table)
{
    model_fixture f = fixture_open(lib, c);
    idim_model *m = f.model;
    gradient_sink sink = {.fold = full_sum_fold};
    bool *trained = all_trained(m->weights);
    real *found = calloc((size_t)m->weights->size, sizeof *found);
    full_sum sum = {m->weights, found, 0};
    sink.user = &sum;
    tape *t;
    int64_t n;

    CHECK_OK(lib, tape_new(lib, m->weights, &t));
    t->k = table;
    tape_begin(t, trained, (tape_training){.on = false});
    double loss;
    real *logits = calloc((size_t)(f.batch.n * m->n_labels), sizeof *logits);
    CHECK_OK(lib, model_forward(m, t, &f.batch, &loss, logits));
    real *wanted = fixture_values(&f, "logits", &n);
    assert_int_equal(n, f.batch.n * m->n_labels);
    check_close(c->name, "logits", logits, wanted, n, 0);
    free(wanted);
    wanted = fixture_values(&f, "loss", &n);
    check_close(c->name, "loss", &(real){(real)loss}, wanted, 1, 0);
    free(wanted);

    CHECK_OK(lib, model_backward(m, t, 1, &sink));
    double worst = check_gradients(c, &f, found);
    print_message("%-8s %-20s gradients within %.1e of PyTorch's\n", table->name, c->name, worst);
    free(logits);
    free(found);
    free(trained);
    tape_free(t);
    fixture_close(&f);
}

static void logits_loss_and_gradients_are_those_of_pytorch(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    int64_t n;
    const kernels *const *table = kernels_list(&n);
    for (int64_t k = 0; k < n; k++) {
        if (!table[k]->supported()) {
            print_message("SKIPPED: this CPU has no %s\n", table[k]->name);
            continue;
        }
        for (int i = 0; i < MODEL_CASES; i++)
            check_case(lib, &model_cases[i], table[k]);
    }
    idim_close(lib);
}

/* ---- training -----------------------------------------------------------------------------------
 */

enum { DIM = 40, STEPS = 40 };
static const char ADAPTER[] = "test_models.idim";

/* the losses of the first step and the last; x is what was found */
static void train(model_fixture *f, subspace *s, real *x, double *first, double *last)
{
    idim *lib = f->model->lib;
    optimiser_options options = optimiser_defaults();
    options.len_z = subspace_len_z(s);
    options.n_lambda = subspace_n_lambda(s);
    optimiser o;
    tape *t;
    real dx[DIM];
    CHECK_OK(lib, optimiser_new(lib, &options, DIM, &o));
    CHECK_OK(lib, tape_new(lib, f->model->weights, &t));
    subspace_origin(s, x);
    for (int i = 0; i < STEPS; i++) {
        subspace_push(s, x, f->model->weights->theta);
        tape_begin(t, subspace_sink(s)->trained, (tape_training){.on = false});
        CHECK_OK(lib, model_forward(f->model, t, &f->batch, last, NULL));
        if (i == 0)
            *first = *last;
        subspace_pull_begin(s, x, dx);
        CHECK_OK(lib, model_backward(f->model, t, 1, subspace_sink(s)));
        subspace_pull_end(s);
        optimiser_clip(&o, dx);
        optimiser_step(&o, x, dx, 0.03, i + 1);
    }
    subspace_push(s, x, f->model->weights->theta);
    tape_free(t);
    optimiser_free(lib, &o);
}

/* logits of the fixture's batch at the present theta, to be freed */
static float *logits_now(model_fixture *f)
{
    float *out = calloc((size_t)(f->batch.n * f->model->n_labels), sizeof *out);
    assert_non_null(out);
    CHECK_OK(f->model->lib, idim_model_predict(f->model, &f->batch, out));
    return out;
}

static void write_adapter(const model_fixture *f, const subspace *s, const char *method,
                          const real *x)
{
    const idim_model *m = f->model;
    const idim_subspace_options o = idim_subspace_defaults();
    adapter a = {.method = method,
                 .projection = o.projection,
                 .normalize = o.normalize,
                 .groups = o.groups,
                 .pull = o.pull,
                 .seed = o.seed,
                 .len_z = subspace_len_z(s),
                 .n_lambda = subspace_n_lambda(s),
                 .x = x,
                 .base = m->fingerprint,
                 .architecture = m->arch->model_type,
                 .weights = m->weights->size,
                 .initializer_range = m->initializer_range,
                 .pooling = "auto",
                 .task = "test",
                 .problem = m->problem == PROBLEM_LANGUAGE ? "causal-lm" : "classes",
                 .n_labels = m->n_labels,
                 .max_seq_length = 30};
    CHECK_OK(m->lib, adapter_write(m->lib, &a, ADAPTER));
}

/* a newly opened model has the same logits to the last bit */
static void check_adapter(idim *lib, const model_case *c, const float *wanted)
{
    model_fixture f = fixture_open(lib, c);
    subspace *s;
    adapter *a;
    CHECK_OK(lib, adapter_read(lib, ADAPTER, &a));
    CHECK_OK(lib, adapter_check(a, f.model->fingerprint));
    idim_subspace_options o = adapter_options(a);
    CHECK_OK(lib, subspace_new(f.model->weights, &o, &s));
    CHECK_OK(lib, adapter_place(a, s, f.model->weights->theta));
    float *found = logits_now(&f);
    assert_memory_equal(found, wanted, (size_t)(f.batch.n * f.model->n_labels) * sizeof *found);
    free(found);
    subspace_free(s);
    adapter_free(a);
    fixture_close(&f);
}

static void said_and_did_train_every_family_and_their_adapters_mean_the_same_again(void **state)
{
    (void)state;
    static const char *const METHODS[] = {"said", "did"};
    idim *lib = check_library(2);
    for (int i = 0; i < 2 * MODEL_CASES; i++) {
        const model_case *c = &model_cases[i / 2];
        if (strstr(c->name, "/plain") == NULL && strstr(c->name, "/language") == NULL && i / 2 > 0)
            continue;
        model_fixture f = fixture_open(lib, c);
        idim_subspace_options o = idim_subspace_defaults();
        subspace *s;
        real x[DIM];
        double first, last;
        o.method = METHODS[i % 2];
        o.dim = DIM;
        CHECK_OK(lib, subspace_new(f.model->weights, &o, &s));
        train(&f, s, x, &first, &last);
        if (!(last < 0.9 * first))
            fail_msg("%s, %s: loss %g at first, %g at last", c->name, o.method, first, last);
        float *logits = logits_now(&f);
        write_adapter(&f, s, o.method, x);
        check_adapter(lib, c, logits);
        free(logits);
        subspace_free(s);
        fixture_close(&f);
    }
    CHECK_OK(lib, file_remove(lib, ADAPTER));
    idim_close(lib);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* gpt2/bare holds the causal mask, t5/bare the shared embedding under two other names */
static void buffers_and_second_names_are_nothing_to_tell(void **state)
{
    (void)state;
    static const char *const FOLDERS[] = {"gpt2/bare", "t5/bare"};
    idim *lib = check_library(1);
    for (int i = 0; i < 2; i++) {
        model_fixture f = fixture_open(lib, &(model_case){FOLDERS[i], 1, NULL});
        for (int64_t k = 0; k < f.model->n_notes; k++)
            assert_non_null(strstr(f.model->notes[k], "not in the folder"));
        fixture_close(&f);
    }
    idim_close(lib);
}

static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *type, *config, *sentence;
    } CASES[] = {
        {"albert", "{\"inner_group_num\": 0}", "c: inner_group_num: expected"},
        {"albert", "{\"num_hidden_groups\": 600, \"inner_group_num\": 2}",
         "c: num_hidden_groups: exp"},
        {"bart", "{\"decoder_attention_heads\": 3}", "c: decoder_attention_heads: expected a div"},
        {"bert", "{\"type_vocab_size\": 0}", "c: type_vocab_size: expected"},
        {"deberta-v2", "{\"pos_att_type\": \"c2p|p2p\"}", "c: pos_att_type 'c2p|p2p' is not"},
        {"deberta-v2", "{\"pos_att_type\": [\"c2p\", 3]}", "c: pos_att_type[1]: expected"},
        {"deberta-v2", "{\"pos_att_type\": 3}", "c: pos_att_type: expected"},
        {"deberta-v2", "{\"position_buckets\": 1}", "c: position_buckets: expected 2 to 1021"},
        {"deberta-v2", "{\"position_buckets\": 20, \"max_relative_positions\": 11}",
         "c: position_buckets: expected 2 to 19"},
        {"deberta-v2", "{\"norm_rel_ebd\": \"batch_norm\"}", "c: norm_rel_ebd 'batch_norm' is"},
        {"deberta-v2", "{\"conv_kernel_size\": 4}", "c: conv_kernel_size: expected 0 or an odd"},
        {"deberta-v2", "{\"conv_kernel_size\": 3, \"conv_groups\": 2}",
         "c: conv_groups: expected 1"},
        {"deberta-v2", "{\"conv_kernel_size\": 3, \"conv_act\": \"sine\"}",
         "c: conv_act 'sine' is"},
        {"deberta-v2", "{\"pooler_hidden_size\": 7}", "c: pooler_hidden_size: expected 1536"},
        {"deberta-v2", "{\"attention_head_size\": 7}", "c: attention_head_size: expected 64"},
        {"distilbert", "{\"n_heads\": 5}", "c: n_heads: expected a divisor of"},
        {"electra", "{\"embedding_size\": -1}", "c: embedding_size: expected"},
        {"gpt2", "{\"add_cross_attention\": true}", "c: add_cross_attention: expected false"},
        {"llama", "{\"num_key_value_heads\": 5}", "c: num_key_value_heads: expected a divisor"},
        {"llama", "{\"head_dim\": 7}", "c: head_dim: expected an even number"},
        {"llama", "{\"rope_scaling\": {\"type\": \"yarn\"}}", "c: rope_scaling.type 'yarn' is not"},
        {"llama", "{\"rope_parameters\": 5}", "c: rope_parameters: expected"},
        {"mpnet", "{\"relative_attention_num_buckets\": 8}", "relative_attention_num_buckets: exp"},
        {"mpnet", "{\"max_position_embeddings\": 2}", "c: max_position_embeddings: expected more"},
        {"opt", "{\"layer_norm_elementwise_affine\": false}", "elementwise_affine: expected true"},
        {"qwen2", "{\"sliding_window\": 0}", "c: sliding_window: expected"},
        {"roberta", "{\"pad_token_id\": 511}",
         "c: max_position_embeddings: expected more than 512"},
        {"t5", "{\"feed_forward_proj\": \"gated-sine\"}",
         "c: feed_forward_proj 'gated-sine' is not"},
        {"t5", "{\"num_layers\": 0}", "c: num_layers: expected"},
        {"xlnet", "{\"d_model\": 9, \"n_head\": 3}", "c: d_model: expected an even number"},
        {"xlnet", "{\"n_head\": 7}", "c: n_head: expected a divisor of"},
        {"xlnet", "{\"d_head\": 7}", "c: d_head: expected d_model / n_head 64, found 7"},
        {"xlnet", "{\"attn_type\": \"tri\"}", "c: attn_type 'tri' is not"},
        {"xlnet", "{\"bi_data\": true}", "c: bi_data: expected false"},
        {"xlnet", "{\"attn_type\": \"uni\", \"same_length\": true}", "c: same_length: exp"},
        {"xlnet", "{\"summary_type\": \"attn\"}", "c: summary_type 'attn' is not"},
        {"xlnet", "{\"summary_proj_to_labels\": true}", "c: summary_proj_to_labels: expected f"},
        {"xlnet", "{\"summary_activation\": \"sine\"}", "c: summary_activation 'sine' is not"},
        {"xlnet", "{\"ff_activation\": 3}", "c: ff_activation: expected"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        arch_config c;
        json_t *config = json_loads(CASES[i].config, 0, NULL);
        assert_non_null(config);
        library_clear(lib);
        assert_true(arch_find(CASES[i].type)->configure(lib, config, "c", &c) < 0);
        if (strstr(idim_error(lib), CASES[i].sentence) == NULL)
            fail_msg("expected '%s', found '%s'", CASES[i].sentence, idim_error(lib));
        json_decref(config);
    }
    idim_close(lib);
}

static void a_sliding_window_is_the_limit_of_a_sequence(void **state)
{
    (void)state;
    static const struct {
        const char *type, *config;
        int64_t positions;
    } CASES[] = {{"mistral", "{}", 4096},
                 {"mistral", "{\"sliding_window\": null}", 131072},
                 {"mistral", "{\"sliding_window\": 100}", 100},
                 {"qwen2", "{\"sliding_window\": 100}", 32768},
                 {"qwen2", "{\"sliding_window\": 100, \"use_sliding_window\": true}", 100}};
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        arch_config c;
        json_t *config = json_loads(CASES[i].config, 0, NULL);
        CHECK_OK(lib, arch_find(CASES[i].type)->configure(lib, config, "c", &c));
        assert_int_equal(c.positions, CASES[i].positions);
        json_decref(config);
    }
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_loss_and_gradients_are_those_of_pytorch),
        cmocka_unit_test(buffers_and_second_names_are_nothing_to_tell),
        cmocka_unit_test(impossible_configurations_are_refused),
        cmocka_unit_test(a_sliding_window_is_the_limit_of_a_sequence),
        cmocka_unit_test(said_and_did_train_every_family_and_their_adapters_mean_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
