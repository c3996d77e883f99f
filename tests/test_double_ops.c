/* Every operation's backward against finite differences, in double.
 *
 * A case builds a scalar from weights: the input matrix x is rows of a table, so that its gradient
 * comes out as a weight's. Central differences of step 1e-5 leave an error of about 1e-10 f''' and
 * 1e-16 / 1e-5 from rounding; the bound is 1e-6 in the form of the comparison with PyTorch.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/random.h"
#include "check.h"
#include "tape/ops.h"

enum { TOKENS = 11, HIDDEN = 6, WIDE = 5 };
enum {
    X,
    SECOND,
    THIRD,
    SQUARE,
    WIDE_W,
    WIDE_B,
    SCALE,
    SHIFT,
    KEYS_W,
    BIAS,
    PAIR,
    AROUND,
    FIVE,
    N_WEIGHTS
};

static const int64_t SHAPES[N_WEIGHTS][2] = {
    [X] = {13, HIDDEN},
    [SECOND] = {TOKENS, HIDDEN},
    [THIRD] = {TOKENS, HIDDEN},
    [SQUARE] = {HIDDEN, HIDDEN},
    [WIDE_W] = {WIDE, HIDDEN},
    [WIDE_B] = {1, WIDE},
    [SCALE] = {1, HIDDEN},
    [SHIFT] = {1, HIDDEN},
    [KEYS_W] = {2, HIDDEN},
    [BIAS] = {9, 3},
    [PAIR] = {1, 2},
    [AROUND] = {HIDDEN, 3 * HIDDEN},
    [FIVE] = {HIDDEN, 10},
};

/* rows in no order, some of them twice */
static const int32_t ROWS[TOKENS] = {3, 1, 12, 3, 0, 7, 8, 3, 5, 12, 9};
static const int32_t IN_ORDER[TOKENS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const int32_t START[] = {0, 4, 5, 11};
static const sequences PACKED = {START, 3};
static const float CLASSES[TOKENS] = {0, 4, 2, 2, 1, 3, 0, 0, 4, 1, 2};

static var *input(tape *t)
{
    return embedding(t, TOKENS, &(lookup){X, ROWS, 0}, 1);
}

static var *other(tape *t, int64_t table)
{
    return embedding(t, TOKENS, &(lookup){table, IN_ORDER, 0}, 1);
}

/* a scalar that every entry of y takes part in, in a way of its own */
static var *scalar(tape *t, var *y)
{
    static float target[TOKENS * HIDDEN];
    for (int i = 0; i < TOKENS * HIDDEN; i++)
        target[i] = (float)sin(i);
    return loss(t, y, LOSS_SQUARED, target);
}

static var *three_tables(tape *t)
{
    const lookup tables[] = {{X, ROWS, 0}, {SECOND, IN_ORDER, 0}, {THIRD, IN_ORDER, 0}};
    return scalar(t, embedding(t, TOKENS, tables, 3));
}

static var *linear_with_bias(tape *t)
{
    return scalar(t, linear(t, input(t), WIDE_W, WIDE_B));
}

static var *linear_without_bias(tape *t)
{
    return scalar(t, linear(t, input(t), SQUARE, -1));
}

static var *linear_turned_with_bias(tape *t)
{
    return scalar(t, linear_turned(t, linear(t, input(t), WIDE_W, -1), WIDE_W, SHIFT));
}

/* a weight as wide as the rows, and one for pieces of them */
static var *rms_norm(tape *t)
{
    return scalar(t, rmsnorm(t, input(t), SCALE, 1e-3));
}

static var *rms_norm_of_pieces(tape *t)
{
    return scalar(t, rmsnorm(t, unary(t, input(t), UNARY_SILU), PAIR, 1e-2));
}

static var *turned_by_angles(tape *t)
{
    static const double fast[] = {1, 0.1, 0.03}, slow[] = {0.7};
    var *x = tape_shared(input(t), 2);
    var *y = rotary(t, x, angles(t, 6, 3, fast), PACKED, 1);
    var *with = tape_shared(angles(t, 6, 1, slow), 2);
    y = rotary(t, rotary(t, y, with, PACKED, 3), with, PACKED, 3);
    return scalar(t, residual(t, y, x, 0));
}

static var *product(tape *t)
{
    var *x = tape_shared(input(t), 3);
    var *y = multiply(t, unary(t, x, UNARY_SILU), x);
    y = multiply(t, linear(t, x, SQUARE, -1), y);
    return scalar(t, linear(t, multiply(t, y, other(t, SECOND)), WIDE_W, -1));
}

static var *some_columns(tape *t)
{
    var *x = tape_shared(linear(t, input(t), SQUARE, -1), 3);
    var *y = residual(t, columns(t, x, 0, 4), columns(t, x, 1, 4), 0);
    return scalar(t, residual(t, y, columns(t, x, 2, 4), 0));
}

static var *layer_norm(tape *t)
{
    return scalar(t, layernorm(t, input(t), SCALE, SHIFT, 1e-5));
}

static var *attend(tape *t, int64_t heads, double p)
{
    attention_options o = {.heads = heads, .dropout = p};
    return scalar(t, attention(t, input(t), other(t, SECOND), other(t, THIRD), PACKED, o));
}

static var *attention_of_1_head(tape *t)
{
    return attend(t, 1, 0);
}

static var *attention_of_3_heads(tape *t)
{
    return attend(t, 3, 0);
}

static var *attention_with_dropout(tape *t)
{
    return attend(t, 2, 0.4);
}

/* HIDDEN = 6: three heads of 2; keys and values of one head, of WIDE_KEYS = 2 columns */
static var *grouped(tape *t, bool causal, double p)
{
    attention_options o = {.heads = 3, .key_heads = 1, .causal = causal, .dropout = p};
    var *k = linear(t, other(t, SECOND), KEYS_W, -1), *v = linear(t, other(t, THIRD), KEYS_W, -1);
    return scalar(t, attention(t, input(t), k, v, PACKED, o));
}

static var *causal_attention(tape *t)
{
    attention_options o = {.heads = 2, .causal = true, .dropout = 0.3};
    return scalar(t, attention(t, input(t), other(t, SECOND), other(t, THIRD), PACKED, o));
}

static var *grouped_attention(tape *t)
{
    return grouped(t, false, 0.3);
}

static var *grouped_causal_attention(tape *t)
{
    return grouped(t, true, 0);
}

/* the longest sequence has 6 tokens: 11 distances; read by two attentions, the second's scores
 * unscaled */
static var *biased_attention(tape *t)
{
    static const int32_t bucket[] = {1, 0, 2, 3, 4, 5, 6, 7, 7, 8, 8};
    var *bias = tape_shared(embedding(t, 11, &(lookup){BIAS, bucket, 0}, 1), 2);
    attention_options o = {.heads = 3, .bias = bias, .dropout = 0.2};
    var *y = attention(t, input(t), other(t, SECOND), other(t, THIRD), PACKED, o);
    o.scale = 1;
    o.causal = true;
    y = tape_shared(y, 3);
    var *q = scale(t, y, 0.3), *k = linear(t, y, SQUARE, -1), *v = linear(t, y, SQUARE, SHIFT);
    return scalar(t, attention(t, q, k, v, PACKED, o));
}

/* by distance from the query's side and the key's, by segment, and with rows added to q */
static var *paired_attention(tape *t)
{
    static const int32_t near[] = {0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 1};
    static const int32_t segment[TOKENS] = {0, 1, 1, 0, 2, 0, 0, 1, 2, 1, 0};
    var *q = tape_shared(input(t), 4), *k = tape_shared(other(t, SECOND), 2);
    var *y = tape_shared(embedding(t, 8, &(lookup){X, ROWS, 0}, 1), 2);
    pairs p = {.s = PACKED, .heads = 3, .row = near};
    var *scores = pair_scores(t, NULL, add_row(t, q, SHIFT), y, p);
    p.by_key = true;
    scores = pair_scores(t, scores, k, y, p);
    p = (pairs){.s = PACKED, .heads = 3, .segment = segment};
    scores = pair_scores(t, scores, q, embedding(t, 2, &(lookup){KEYS_W, IN_ORDER, 0}, 1), p);
    attention_options o = {.heads = 3, .scores = scores, .dropout = 0.2};
    y = attention(t, add_row(t, q, SCALE), k, other(t, THIRD), PACKED, o);
    return scalar(t, residual(t, y, q, 0));
}

/* causal, alone in its sum, and of numbers */
static var *paired_causal_attention(tape *t)
{
    static const double fixed[] = {0.3, 1, -2, 0.5, 0.7, -1, 0.1, 0.2, 1, 0.4, -0.6, 2};
    static const int32_t near[] = {0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0};
    var *y = linear(t, numbers(t, 2, 6, fixed), SQUARE, -1);
    var *x = tape_shared(linear(t, input(t), SQUARE, SHIFT), 2);
    pairs p = {.s = PACKED, .heads = 2, .row = near, .by_key = true};
    attention_options o = {.heads = 2, .causal = true};
    o.scores = pair_scores(t, NULL, x, y, p);
    return scalar(t, attention(t, x, other(t, SECOND), other(t, THIRD), PACKED, o));
}

static var *gelu(tape *t)
{
    return scalar(t, unary(t, input(t), UNARY_GELU));
}

static var *gelu_tanh(tape *t)
{
    return scalar(t, unary(t, input(t), UNARY_GELU_TANH));
}

static var *relu(tape *t)
{
    return scalar(t, unary(t, input(t), UNARY_RELU));
}

static var *silu(tape *t)
{
    return scalar(t, unary(t, input(t), UNARY_SILU));
}

static var *tanh_of_gelu(tape *t)
{
    return scalar(t, unary(t, unary(t, input(t), UNARY_GELU), UNARY_TANH));
}

static var *norm_and_linear_of_unary(tape *t)
{
    var *x = unary(t, input(t), UNARY_SILU);
    x = layernorm(t, x, SCALE, SHIFT, 1e-3);
    return scalar(t, linear(t, unary(t, x, UNARY_TANH), WIDE_W, WIDE_B));
}

static var *dropped(tape *t)
{
    return scalar(t, dropout(t, input(t), 0.5));
}

static var *residual_without_dropout(tape *t)
{
    return scalar(t, residual(t, input(t), other(t, SECOND), 0));
}

static var *residual_with_dropout(tape *t)
{
    return scalar(t, residual(t, linear(t, input(t), SQUARE, SHIFT), other(t, SECOND), 0.3));
}

static var *scaled(tape *t)
{
    return scalar(t, scale(t, input(t), -1.7));
}

/* gradients that meet: written, added, handed on */
static var *shared_by_four(tape *t)
{
    var *x = tape_shared(input(t), 4);
    var *a = linear(t, x, SQUARE, SHIFT);
    var *b = unary(t, x, UNARY_GELU);
    var *c = scale(t, x, 0.5);
    return scalar(t, residual(t, residual(t, a, b, 0.2), residual(t, c, x, 0), 0));
}

static var *first_of_sequence(tape *t)
{
    return scalar(t, pool(t, input(t), PACKED, POOL_FIRST));
}

static var *last_of_sequence(tape *t)
{
    return scalar(t, pool(t, input(t), PACKED, POOL_LAST));
}

static var *picked_rows(tape *t)
{
    static const int32_t row[] = {2, 4, 9};
    var *x = tape_shared(input(t), 2);
    var *y = pick(t, x, PACKED, row);
    return scalar(t, residual(t, y, pool(t, x, PACKED, POOL_LAST), 0));
}

/* three and five around each; the shortest sequence has one token */
static var *neighbours_of_tokens(tape *t)
{
    var *x = tape_shared(input(t), 3);
    var *y = linear(t, neighbours(t, x, PACKED, 3), AROUND, -1);
    var *narrow = linear(t, x, KEYS_W, -1);
    var *z = linear(t, neighbours(t, narrow, PACKED, 5), FIVE, -1);
    return scalar(t, residual(t, residual(t, y, z, 0), x, 0));
}

static var *mean_of_sequence(tape *t)
{
    var *x = tape_shared(input(t), 2);
    var *y = pool(t, x, PACKED, POOL_MEAN);
    return scalar(t, residual(t, y, pool(t, x, PACKED, POOL_FIRST), 0));
}

static var *cross_entropy(tape *t)
{
    return loss(t, linear(t, input(t), WIDE_W, WIDE_B), LOSS_CROSS_ENTROPY, CLASSES);
}

static var *binary_cross_entropy(tape *t)
{
    static float yes[TOKENS * WIDE];
    for (int i = 0; i < TOKENS * WIDE; i++)
        yes[i] = i % 3 == 0;
    return loss(t, linear(t, input(t), WIDE_W, WIDE_B), LOSS_BINARY, yes);
}

/* by the table that the tokens come from, and by another; y is read twice */
static var *next_tokens_of_ties(tape *t)
{
    var *y = tape_shared(next_tokens(t, unary(t, input(t), UNARY_SILU), X, ROWS, PACKED), 2);
    return residual(t, mean_of_first(t, y, 8), scalar(t, columns(t, y, 0, 1)), 0);
}

static var *next_tokens_of_a_head(tape *t)
{
    return mean_of_first(t, next_tokens(t, input(t), SECOND, IN_ORDER, PACKED), 8);
}

/* more tokens than a chunk has */
static var *next_tokens_in_chunks(tape *t)
{
    enum { MANY = 523 };
    static const int32_t start[] = {0, 200, 523};
    static int32_t ids[MANY];
    for (int i = 0; i < MANY; i++)
        ids[i] = i * i % 13;
    var *x = embedding(t, MANY, &(lookup){X, ids, 0}, 1);
    return mean_of_first(t, next_tokens(t, x, X, ids, (sequences){start, 2}), MANY - 2);
}

static const struct {
    const char *name;
    var *(*build)(tape *t);
} CASES[] = {
    {"embedding", three_tables},
    {"linear", linear_with_bias},
    {"linear without bias", linear_without_bias},
    {"linear, turned weight", linear_turned_with_bias},
    {"rmsnorm", rms_norm},
    {"rmsnorm of pieces", rms_norm_of_pieces},
    {"rotary", turned_by_angles},
    {"product", product},
    {"columns", some_columns},
    {"layernorm", layer_norm},
    {"attention, 1 head", attention_of_1_head},
    {"attention, 3 heads", attention_of_3_heads},
    {"attention with dropout", attention_with_dropout},
    {"causal attention", causal_attention},
    {"grouped attention", grouped_attention},
    {"grouped causal attention", grouped_causal_attention},
    {"biased attention", biased_attention},
    {"paired attention", paired_attention},
    {"paired causal attention", paired_causal_attention},
    {"gelu", gelu},
    {"gelu tanh", gelu_tanh},
    {"relu", relu},
    {"silu", silu},
    {"tanh of gelu", tanh_of_gelu},
    {"layernorm and linear of unary", norm_and_linear_of_unary},
    {"dropout", dropped},
    {"residual", residual_without_dropout},
    {"residual with dropout", residual_with_dropout},
    {"scale", scaled},
    {"shared", shared_by_four},
    {"pool first", first_of_sequence},
    {"pool last", last_of_sequence},
    {"picked rows", picked_rows},
    {"neighbours", neighbours_of_tokens},
    {"pool mean", mean_of_sequence},
    {"cross entropy", cross_entropy},
    {"binary cross entropy", binary_cross_entropy},
    {"next tokens, tied", next_tokens_of_ties},
    {"next tokens", next_tokens_of_a_head},
    {"next tokens in chunks", next_tokens_in_chunks},
};

static params *make_weights(idim *lib)
{
    params *p;
    CHECK_OK(lib, params_new(lib, &p));
    for (int i = 0; i < N_WEIGHTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        CHECK_OK(lib,
                 params_add(p, &(param){.name = name, .rows = SHAPES[i][0], .cols = SHAPES[i][1]},
                            NULL));
    }
    CHECK_OK(lib, params_allocate(p));
    for (int64_t i = 0; i < p->size; i++) {
        uint32_t words[4];
        random_words(3, STREAM_SPLIT, 1, (uint32_t)i, words);
        p->theta[i] = 3 * ((double)words[0] / 4294967296.0 - 0.5);
    }
    return p;
}

static const tape_training NOISE = {.on = true, .seed = 4, .step = 2};

static double value_of(tape *t, var *(*build)(tape *t))
{
    tape_begin(t, NULL, NOISE);
    var *y = build(t);
    assert_non_null(y);
    real value;
    tape_read(t, y, &value);
    return value;
}

static void add_up(void *user, int64_t i, const gradient *g)
{
    real **sum = user;
    for (int64_t run = 0; run < g->n; run++)
        for (int64_t j = 0; j < g->length; j++)
            sum[i][g->first[run] + j] += g->value[run * g->length + j];
}

static void check_case(idim *lib, params *p, size_t number)
{
    real *total = calloc((size_t)p->size, sizeof *total), *sum[N_WEIGHTS];
    bool trained[N_WEIGHTS];
    gradient_sink sink = {sum, add_up, trained};
    tape *t;
    for (int i = 0; i < N_WEIGHTS; i++) {
        sum[i] = total + p->item[i].offset;
        trained[i] = true;
    }
    CHECK_OK(lib, tape_new(lib, p, &t));
    tape_begin(t, trained, NOISE);
    var *y = CASES[number].build(t);
    CHECK_OK(lib, tape_status(t));
    CHECK_OK(lib, tape_backward(t, y, &(real){1}, &sink));

    double top = 0;
    for (int64_t i = 0; i < p->size; i++)
        top = fmax(top, fabs(total[i]));
    assert_true(top > 0.01);
    for (int64_t i = 0; i < p->size; i++) {
        const double h = 1e-5;
        real kept = p->theta[i];
        p->theta[i] = kept + h;
        double up = value_of(t, CASES[number].build);
        p->theta[i] = kept - h;
        double down = value_of(t, CASES[number].build);
        p->theta[i] = kept;
        double slope = (up - down) / (2 * h);
        if (!(fabs(slope - total[i]) <= 1e-6 * top))
            fail_msg("%s: weight entry %lld: difference %.12g, gradient %.12g", CASES[number].name,
                     (long long)i, slope, total[i]);
    }
    free(total);
    tape_free(t);
}

static void gradients_are_finite_differences(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    params *p = make_weights(lib);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        check_case(lib, p, i);
    params_free(p);
    idim_close(lib);
}

/* log(1 + e^x) and the softmax overflow when they are written naively */
static void losses_survive_large_logits(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    params *p = make_weights(lib);
    for (int64_t i = 0; i < param_size(&p->item[WIDE_W]); i++)
        p->theta[p->item[WIDE_W].offset + i] *= 1000;
    tape *t;
    CHECK_OK(lib, tape_new(lib, p, &t));
    assert_true(isfinite(value_of(t, cross_entropy)));
    assert_true(isfinite(value_of(t, binary_cross_entropy)));
    tape_free(t);
    params_free(p);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_finite_differences),
        cmocka_unit_test(losses_survive_large_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
