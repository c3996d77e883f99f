/* What must hold for any model, shown on BERT: threads, memory, frozen weights, batches and
 * configurations that are refused.
 *
 * SPDX-License-Identifier: MIT */
#include "model_fixture.h"

#include "arch/arch.h"
#include "tape/node.h"

static const tape_training QUIET = {.on = false};

static void the_public_calls_give_the_same(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    model_fixture f = fixture_open(lib, &model_cases[4]);
    int64_t D = idim_model_size(f.model), n;
    float logits[3 * 4], *found = calloc((size_t)D, sizeof *found);
    bool *trained = all_trained(f.model->weights);
    real *expected = calloc((size_t)D, sizeof *expected);
    real *wanted = fixture_values(&f, "logits", &n);
    tape *t;
    double loss, expected_loss;
    CHECK_OK(lib, idim_model_predict(f.model, &f.batch, logits));
    CHECK_OK(lib, idim_model_loss(f.model, &f.batch, &loss, found));
    CHECK_OK(lib, tape_new(lib, f.model->weights, &t));
    model_gradient(f.model, t, &f.batch, trained, QUIET, &expected_loss, expected);
    assert_int_equal(n, 12);
    for (int i = 0; i < 12; i++)
        assert_true(fabs((double)logits[i] - (double)wanted[i]) < 1e-5);
    assert_true(loss == expected_loss);
    assert_memory_equal(found, expected, (size_t)D * sizeof *found);
    tape_free(t);
    free(wanted);
    free(expected);
    free(trained);
    free(found);
    fixture_close(&f);
    idim_close(lib);
}

/* ---- the number of threads ----------------------------------------------------------------------
 */

/* Repeats the fixture's batch so that there are several tiles and pieces of work. */
static idim_batch repeated(const model_fixture *f, int times)
{
    int64_t n = f->batch.n, T = f->start[n];
    int32_t *ids = calloc((size_t)(T * times), sizeof *ids);
    int32_t *segment = calloc((size_t)(T * times), sizeof *segment);
    int32_t *start = calloc((size_t)(n * times + 1), sizeof *start);
    float *label = calloc((size_t)(n * times), sizeof *label);
    for (int64_t k = 0; k < times; k++) {
        for (int64_t i = 0; i < T; i++) {
            ids[k * T + i] = (int32_t)((f->ids[i] + 7 * k) % 60);
            segment[k * T + i] = f->segment[i];
        }
        for (int64_t i = 0; i < n; i++) {
            start[k * n + i] = (int32_t)(k * T) + f->start[i];
            label[k * n + i] = f->label[i];
        }
    }
    start[n * times] = (int32_t)(T * times);
    return (idim_batch){ids, segment, start, label, n * times};
}

static void free_batch(idim_batch *b)
{
    free((void *)(uintptr_t)b->ids);
    free((void *)(uintptr_t)b->segment);
    free((void *)(uintptr_t)b->start);
    free((void *)(uintptr_t)b->label);
}

static void the_number_of_threads_changes_no_bit(void **state)
{
    (void)state;
    static const int THREADS[] = {1, 2, 3, 7};
    const tape_training noisy = {.on = true, .seed = 5, .step = 11};
    double first_loss = 0;
    real *first = NULL;
    for (int k = 0; k < 4; k++) {
        idim *lib = check_library(THREADS[k]);
        model_fixture f = fixture_open(lib, &model_cases[9]);
        idim_batch batch = repeated(&f, 30);
        bool *trained = all_trained(f.model->weights);
        real *found = calloc((size_t)f.model->weights->size, sizeof *found);
        tape *t;
        double loss;
        CHECK_OK(lib, tape_new(lib, f.model->weights, &t));
        model_gradient(f.model, t, &batch, trained, noisy, &loss, found);
        if (k == 0) {
            first = found;
            first_loss = loss;
        } else {
            assert_memory_equal(&loss, &first_loss, sizeof loss);
            assert_memory_equal(first, found, (size_t)f.model->weights->size * sizeof *found);
            free(found);
        }
        tape_free(t);
        free(trained);
        free_batch(&batch);
        fixture_close(&f);
        idim_close(lib);
    }
    free(first);
}

typedef struct outcome {
    double loss;
    float *logits, *found; /* [40][labels], [D] */
    size_t n_logits, size; /* bytes             */
} outcome;

/* 40 sequences of 1 to 60 tokens (or what the model takes) through the public calls */
static outcome public_calls(const char *folder, int threads)
{
    enum { N = 40, LONGEST = 60 };
    idim *lib = check_library(threads);
    idim_model *m;
    CHECK_OK(lib, idim_model_open(lib, folder, 0, 7, &m));
    const arch_config *c = &m->config;
    int64_t longest = c->positions < LONGEST ? c->positions : LONGEST;
    int32_t ids[N * LONGEST], segment[N * LONGEST], start[N + 1] = {0};
    float *label = calloc((size_t)(N * m->n_labels), sizeof *label);
    for (int i = 0; i < N; i++)
        start[i + 1] = start[i] + 1 + (int32_t)(i * 17 % longest);
    for (int i = 0; i < start[N]; i++) {
        ids[i] = (int32_t)(i * 31 % c->vocab);
        segment[i] = c->types > 0 ? (int32_t)(i / 5 % c->types) : 0;
    }
    for (int i = 0; i < N * m->n_labels; i++)
        label[i] = (float)(i % 2);
    idim_batch batch = {ids, segment, start, label, N};

    outcome o = {.n_logits = (size_t)(N * m->n_labels) * sizeof(float),
                 .size = (size_t)idim_model_size(m) * sizeof(float)};
    o.logits = calloc(o.n_logits, 1);
    o.found = calloc(o.size, 1);
    assert_true(label != NULL && o.logits != NULL && o.found != NULL);
    CHECK_OK(lib, idim_model_predict(m, &batch, o.logits));
    CHECK_OK(lib, idim_model_loss(m, &batch, &o.loss, o.found));
    free(label);
    idim_model_close(m);
    idim_close(lib);
    return o;
}

static void the_number_of_threads_changes_no_bit_of_the_public_calls(void **state)
{
    (void)state;
    static const char *const folders[] = {TEST_FOLDER "/fixtures/tiny",
                                          TEST_FOLDER "/fixtures/bert/odd",
                                          TEST_FOLDER "/fixtures/bert/regression",
                                          TEST_FOLDER "/fixtures/bert/multi-label",
                                          TEST_FOLDER "/fixtures/mpnet/long",
                                          TEST_FOLDER "/fixtures/albert/groups",
                                          TEST_FOLDER "/fixtures/gpt2/options",
                                          TEST_FOLDER "/fixtures/llama/options",
                                          TEST_FOLDER "/fixtures/qwen3/plain",
                                          TEST_FOLDER "/fixtures/t5/gated",
                                          TEST_FOLDER "/fixtures/bart/scaled",
                                          TEST_FOLDER "/fixtures/xlnet/plain",
                                          TEST_FOLDER "/fixtures/xlnet/options",
                                          TEST_FOLDER "/fixtures/deberta-v2/plain",
                                          TEST_FOLDER "/fixtures/deberta-v2/convolved"};
    static const int more[] = {2, 3, 7};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        outcome one = public_calls(folders[i], 1);
        for (int k = 0; k < 3; k++) {
            outcome o = public_calls(folders[i], more[k]);
            assert_memory_equal(&o.loss, &one.loss, sizeof one.loss);
            assert_memory_equal(o.logits, one.logits, one.n_logits);
            assert_memory_equal(o.found, one.found, one.size);
            free(o.logits);
            free(o.found);
        }
        free(one.logits);
        free(one.found);
    }
}

/* ---- dropout ------------------------------------------------------------------------------------
 */

static void a_step_has_its_own_masks_and_always_the_same(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    model_fixture f = fixture_open(lib, &model_cases[0]);
    tape *t;
    double loss[4];
    CHECK_OK(lib, tape_new(lib, f.model->weights, &t));
    for (int i = 0; i < 4; i++) {
        tape_training training = {.on = true, .seed = i == 3, .step = i == 1 ? 8 : 9};
        model_gradient(f.model, t, &f.batch, NULL, training, &loss[i], NULL);
    }
    assert_true(loss[0] != loss[1]);
    assert_true(loss[0] == loss[2]);
    assert_true(loss[0] != loss[3]);
    tape_free(t);
    fixture_close(&f);
    idim_close(lib);
}

/* ---- frozen weights
 * ------------------------------------------------------------------------------ */

static void frozen_weights_get_no_gradient_and_change_no_other(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    model_fixture f = fixture_open(lib, &model_cases[5]);
    const params *p = f.model->weights;
    bool *trained = all_trained(p);
    real *all = calloc((size_t)p->size, sizeof *all), *some = calloc((size_t)p->size, sizeof *some);
    tape *t;
    double loss;
    CHECK_OK(lib, tape_new(lib, p, &t));
    const tape_training noisy = {.on = true, .seed = 5, .step = 11};
    model_gradient(f.model, t, &f.batch, trained, noisy, &loss, all);

    /* the head, the biases, every third tensor, one layer norm deep down, nothing */
    for (int kind = 0; kind < 5; kind++) {
        int64_t wanted = 0;
        for (int64_t i = 0; i < p->n; i++) {
            trained[i] = kind == 0   ? p->item[i].role != ROLE_BODY
                         : kind == 1 ? p->item[i].is_bias
                         : kind == 2 ? i % 3 == 0
                         : kind == 3 ? i == 3
                                     : false;
            wanted += trained[i];
        }
        int64_t folds = model_gradient(f.model, t, &f.batch, trained, noisy, &loss, some);
        assert_int_equal(folds, wanted);
        for (int64_t i = 0; i < p->n; i++)
            for (int64_t j = 0; j < param_size(&p->item[i]); j++) {
                int64_t at = p->item[i].offset + j;
                assert_true(some[at] == (trained[i] ? all[at] : 0));
            }
    }
    free(all);
    free(some);
    free(trained);
    tape_free(t);
    fixture_close(&f);
    idim_close(lib);
}

/* ---- the padding token
 * ------------------------------------------------------------------------------- */

typedef struct rows_seen {
    int64_t tensor, rows, folds;
} rows_seen;

static void count_rows(void *user, int64_t i, const gradient *g)
{
    rows_seen *seen = user;
    if (i == seen->tensor)
        seen->rows += g->n;
    seen->folds++;
}

static void a_text_of_padding_alone_gives_the_embedding_nothing(void **state)
{
    (void)state;
    idim *lib = check_library(2);
    model_fixture f = fixture_open(lib, &model_cases[0]);
    const int32_t ids[] = {0, 0, 0}, start[] = {0, 3};
    const float label[] = {1};
    const idim_batch batch = {ids, NULL, start, label, 1};
    bool *trained = all_trained(f.model->weights);
    rows_seen seen = {.tensor = params_find(f.model->weights, "embeddings.word_embeddings.weight")};
    gradient_sink sink = {&seen, count_rows, trained};
    tape *t;
    double loss;
    CHECK_OK(lib, tape_new(lib, f.model->weights, &t));
    tape_begin(t, trained, QUIET);
    CHECK_OK(lib, model_forward(f.model, t, &batch, &loss, NULL));
    CHECK_OK(lib, model_backward(f.model, t, 1, &sink));
    assert_int_equal(seen.rows, 0);
    assert_int_equal(seen.folds, f.model->weights->n);
    tape_free(t);
    free(trained);
    fixture_close(&f);
    idim_close(lib);
}

/* ---- memory
 * -------------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t calls, live; /* live: blocks not yet freed */
    int64_t fail_at;     /* the call that fails, 0: none */
} counter;

static void *counting(void *user, void *p, size_t old_size, size_t new_size)
{
    (void)old_size;
    counter *c = user;
    if (new_size == 0) {
        c->live -= p != NULL;
        free(p);
        return NULL;
    }
    if (++c->calls == c->fail_at)
        return NULL;
    c->live += p == NULL;
    return realloc(p, new_size);
}

static void later_steps_allocate_nothing(void **state)
{
    (void)state;
    counter count = {0};
    idim_options options = {.alloc = counting, .user = &count, .threads = 2};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    model_fixture f = fixture_open(lib, &model_cases[9]);
    idim_batch batch = repeated(&f, 20);
    bool *trained = all_trained(f.model->weights);
    real *found = calloc((size_t)f.model->weights->size, sizeof *found);
    tape *t;
    double loss;
    CHECK_OK(lib, tape_new(lib, f.model->weights, &t));
    int64_t held = 0, calls = 0;
    for (int step = 0; step < 4; step++) {
        /* the second step joins the chunks that the first one found */
        if (step == 2) {
            held = tape_memory(t);
            calls = count.calls;
        }
        model_gradient(f.model, t, &batch, trained, QUIET, &loss, found);
    }
    assert_int_equal(tape_memory(t), held);
    assert_int_equal(count.calls, calls);
    free(found);
    free(trained);
    tape_free(t);
    free_batch(&batch);
    fixture_close(&f);
    idim_close(lib);
}

/* three steps of a new tape, so that the arena grows and is joined; the first status that is not 0
 */
static int three_steps(const model_fixture *f, const idim_batch *batch, const gradient_sink *sink)
{
    tape *t;
    int status = tape_new(f->model->lib, f->model->weights, &t);
    for (int i = 0; i < 3 && status == 0; i++) {
        double loss;
        tape_begin(t, sink->trained, (tape_training){true, 1, (uint64_t)i});
        status = model_forward(f->model, t, batch, &loss, NULL);
        if (status == 0)
            status = model_backward(f->model, t, 1, sink);
    }
    if (status == 0 || t != NULL)
        tape_free(t);
    return status;
}

static void every_allocation_of_a_step_may_fail(void **state)
{
    (void)state;
    counter count = {0};
    idim_options options = {.alloc = counting, .user = &count, .threads = 2};
    idim *lib;
    assert_int_equal(idim_open(&options, &lib), 0);
    model_fixture f = fixture_open(lib, &model_cases[9]);
    idim_batch batch = repeated(&f, 20);
    bool *trained = all_trained(f.model->weights);
    real *found = calloc((size_t)f.model->weights->size, sizeof *found);
    full_sum sum = {f.model->weights, found, 0};
    gradient_sink sink = {&sum, full_sum_fold, trained};

    int64_t live = count.live, failed = 0;
    for (int64_t n = 1;; n++) {
        count.calls = 0;
        count.fail_at = n;
        library_clear(lib);
        int status = three_steps(&f, &batch, &sink);
        count.fail_at = 0;
        assert_int_equal(count.live, live);
        if (count.calls < n)
            break;
        if (status != 0) {
            assert_int_equal(status, IDIM_EMEMORY);
            assert_non_null(strstr(idim_error(lib), "out of memory"));
            failed++;
        }
    }
    /* at least the tape, its arena, and a chunk with its header */
    assert_true(failed >= 4);
    free(found);
    free(trained);
    free_batch(&batch);
    fixture_close(&f);
    idim_close(lib);
}

/* What a layer adds: from the memory of 2 and of 8 layers, 12 H values a token and what the rows
 * have (mean, rstd twice; lse a head), 64 bytes of rounding a buffer. */
static void a_layer_keeps_12_H_values_a_token(void **state)
{
    (void)state;
    enum { H = 64, TOKENS = 2048, HEADS = 4 };
    idim *lib = check_library(2);
    int64_t held[2];
    for (int k = 0; k < 2; k++) {
        arch_config c = {.vocab = 60,
                         .positions = 64,
                         .types = 2,
                         .hidden = H,
                         .layers = k == 0 ? 2 : 8,
                         .heads = HEADS,
                         .inner = 4 * H,
                         .norm_eps = 1e-12,
                         .dropout = 0.1,
                         .attention_dropout = 0.1,
                         .classifier_dropout = 0.1,
                         .n_labels = 2};
        const arch *bert = arch_find("bert");
        params *p;
        CHECK_OK(lib, params_new(lib, &p));
        CHECK_OK(lib, bert->declare(p, &c));
        CHECK_OK(lib, params_allocate(p));
        for (int64_t i = 0; i < p->n; i++)
            p->item[i].fresh = true;
        for (int64_t i = 0; i < p->n; i++)
            p->item[i].init = p->item[i].is_bias ? INIT_ZERO : INIT_NORMAL;
        params_start(p, 1, 0.1);
        idim_model m = {.lib = lib, .arch = bert, .config = c, .weights = p, .n_labels = 2};

        int32_t *ids = calloc(TOKENS, sizeof *ids), start[TOKENS / 64 + 1];
        float label[TOKENS / 64] = {0};
        for (int i = 0; i <= TOKENS / 64; i++)
            start[i] = 64 * i;
        idim_batch batch = {ids, NULL, start, label, TOKENS / 64};
        bool *trained = all_trained(p);
        real *found = calloc((size_t)p->size, sizeof *found);
        tape *t;
        double loss;
        CHECK_OK(lib, tape_new(lib, p, &t));
        for (int step = 0; step < 2; step++)
            model_gradient(&m, t, &batch, trained, (tape_training){true, 1, 1}, &loss, found);
        held[k] = tape_memory(t);
        tape_free(t);
        free(found);
        free(trained);
        free(ids);
        memory_free(lib, c.tensor);
        params_free(p);
    }
    double values = (double)(held[1] - held[0]) / 6 / TOKENS / sizeof(real);
    print_message("a layer keeps %.2f H values a token\n", values / H);
    /* the arena rounds what it found up by a sixteenth */
    assert_true(values <= (12 * H + 4 + HEADS + 1) * 17.0 / 16);
    idim_close(lib);
}

/* ---- refusals
 * ------------------------------------------------------------------------------------ */

static void impossible_batches_are_refused(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 2, 3, 60}, negative[] = {-1, 2}, types[] = {0, 2};
    static const int32_t one[] = {0, 2}, empty[] = {0, 0}, late[] = {1, 2}, back[] = {0, 2, 1};
    static const int32_t long_one[] = {0, 41};
    static const float good[] = {1, 1}, half[] = {0.5f}, two[] = {2}, nan_label[] = {NAN};
    const struct {
        idim_batch batch;
        const char *sentence;
    } cases[] = {
        {{ids, NULL, one, good, 0}, "batch: n: expected at least 1 sequence, found 0"},
        {{ids, NULL, late, good, 1}, "batch: start[0]: expected 0, found 1"},
        {{ids, NULL, empty, good, 1}, "batch: sequence 0: expected 1 to 40 tokens"},
        {{ids, NULL, back, good, 2}, "batch: sequence 1: expected 1 to 40 tokens"},
        {{ids, NULL, long_one, good, 1}, "(the model's positions), found 41"},
        {{ids + 2, NULL, one, good, 1}, "batch: ids[1]: expected 0 to 59, found 60"},
        {{negative, NULL, one, good, 1}, "batch: ids[0]: expected 0 to 59, found -1"},
        {{ids, types, one, good, 1}, "batch: segment[1]: expected 0 to 1, found 2"},
        {{ids, NULL, one, half, 1}, "batch: label[0]: expected a class from 0 to 1, found 0.5"},
        {{ids, NULL, one, two, 1}, "batch: label[0]: expected a class from 0 to 1, found 2"},
        {{ids, NULL, one, nan_label, 1}, "batch: label[0]: expected a class from 0 to 1"},
        {{ids, NULL, one, NULL, 1}, "batch: label: expected labels for a loss, found none"},
    };
    idim *lib = check_library(1);
    model_fixture f = fixture_open(lib, &model_cases[0]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double loss;
        assert_int_equal(idim_model_loss(f.model, &cases[i].batch, &loss, NULL), IDIM_EARGUMENT);
        if (strstr(idim_error(lib), cases[i].sentence) == NULL)
            fail_msg("expected '%s', found '%s'", cases[i].sentence, idim_error(lib));
    }
    fixture_close(&f);
    idim_close(lib);
}

static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        int status;
        const char *sentence;
    } cases[] = {
        {"{\"hidden_size\": 30, \"num_attention_heads\": 4}", IDIM_EFORMAT,
         "c: num_attention_heads: expected a divisor of hidden_size 30, found 4"},
        {"{\"hidden_act\": \"gelu_fast\"}", IDIM_EUNSUPPORTED, "c: hidden_act 'gelu_fast'"},
        {"{\"hidden_act\": 3}", IDIM_EFORMAT, "c: hidden_act: expected"},
        {"{\"position_embedding_type\": \"relative_key\"}", IDIM_EUNSUPPORTED,
         "c: position_embedding_type 'relative_key'"},
        {"{\"is_decoder\": true}", IDIM_EUNSUPPORTED, "c: is_decoder: expected false, found true"},
        {"{\"add_cross_attention\": true}", IDIM_EUNSUPPORTED, "c: add_cross_attention: expected"},
        {"{\"hidden_size\": 0}", IDIM_EFORMAT, "c: hidden_size: expected"},
        {"{\"num_hidden_layers\": 100000}", IDIM_EFORMAT, "c: num_hidden_layers: expected"},
        {"{\"num_attention_heads\": -1}", IDIM_EFORMAT, "c: num_attention_heads: expected"},
        {"{\"intermediate_size\": 1e3}", IDIM_EFORMAT, "c: intermediate_size: expected"},
        {"{\"vocab_size\": \"many\"}", IDIM_EFORMAT, "c: vocab_size: expected"},
        {"{\"hidden_dropout_prob\": 1}", IDIM_EFORMAT, "c: hidden_dropout_prob: expected"},
        {"{\"attention_probs_dropout_prob\": -0.1}", IDIM_EFORMAT,
         "c: attention_probs_dropout_prob: expected"},
        {"{\"pad_token_id\": 30522}", IDIM_EFORMAT, "c: pad_token_id: expected"},
        {"{\"pad_token_id\": \"[PAD]\"}", IDIM_EFORMAT, "c: pad_token_id: expected"},
        {"{\"layer_norm_eps\": -1}", IDIM_EFORMAT, "c: layer_norm_eps: expected"},
    };
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arch_config c;
        json_t *config = json_loads(cases[i].config, 0, NULL);
        assert_non_null(config);
        library_clear(lib);
        assert_int_equal(arch_find("bert")->configure(lib, config, "c", &c), cases[i].status);
        if (strstr(idim_error(lib), cases[i].sentence) == NULL)
            fail_msg("expected '%s', found '%s'", cases[i].sentence, idim_error(lib));
        json_decref(config);
    }
    idim_close(lib);
}

static void an_empty_configuration_is_bert_base(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    json_t *config = json_object();
    arch_config c;
    CHECK_OK(lib, arch_find("bert")->configure(lib, config, "c", &c));
    assert_int_equal(c.hidden, 768);
    assert_int_equal(c.layers, 12);
    assert_int_equal(c.heads, 12);
    assert_int_equal(c.inner, 3072);
    assert_int_equal(c.vocab, 30522);
    assert_int_equal(c.positions, 512);
    assert_int_equal(c.pad, 0);
    assert_true(c.norm_eps == 1e-12 && c.dropout == 0.1 && c.classifier_dropout == 0.1);
    assert_null(arch_find("bertish"));
    json_decref(config);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_calls_give_the_same),
        cmocka_unit_test(the_number_of_threads_changes_no_bit),
        cmocka_unit_test(the_number_of_threads_changes_no_bit_of_the_public_calls),
        cmocka_unit_test(a_step_has_its_own_masks_and_always_the_same),
        cmocka_unit_test(frozen_weights_get_no_gradient_and_change_no_other),
        cmocka_unit_test(a_text_of_padding_alone_gives_the_embedding_nothing),
        cmocka_unit_test(later_steps_allocate_nothing),
        cmocka_unit_test(every_allocation_of_a_step_may_fail),
        cmocka_unit_test(a_layer_keeps_12_H_values_a_token),
        cmocka_unit_test(impossible_batches_are_refused),
        cmocka_unit_test(impossible_configurations_are_refused),
        cmocka_unit_test(an_empty_configuration_is_bert_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
