/* T5 (Raffel et al. 2020), versions 1.0 and 1.1, as its sequence classification head uses it: the
 * text through the encoder, the same text one token later through the decoder, and the decoder's
 * last layer at the last end-of-sequence token. Root-mean-square norms before each part, no biases,
 * scores not scaled, but with a bias by distance that all layers of a stack share.
 *
 *     encoder:  x = x + drop(o(attention(n))), n = norm(x);  x = x + drop(wo(drop(f(n)))), n =
 * norm(x) decoder:  the same, causal, with attention to the encoder's last layer in between f(n) =
 * act(wi n), or gated: act(wi_0 n) (wi_1 n) logits = out(dropout(tanh(dense(dropout(norm(x) at the
 * token)))))
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

/* "relu", "gelu_new", or "gated-" and one of these; gated-gelu is the tanh form */
static int read_feed(const json_place *root, arch_config *c)
{
    const char *name = "relu";
    TRY(json_take_text(root, "feed_forward_proj", &name));
    c->gated = strncmp(name, "gated-", 6) == 0;
    if (strcmp(name, "gated-gelu") == 0) {
        c->activation = UNARY_GELU_TANH;
        return 0;
    }
    json_place at = json_member(root, "feed_forward_proj");
    if (activation_of(c->gated ? name + 6 : name, &c->activation))
        return 0;
    return json_fail_unsupported(&at, ACTIVATIONS ", each also after gated-");
}

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    double factor = 1;
    *c = (arch_config){.vocab = 32128,
                       .positions = LIMIT_ROWS,
                       .ignores_segments = true,
                       .hidden = 512,
                       .head_size = 64,
                       .inner = 2048,
                       .layers = 6,
                       .heads = 8,
                       .buckets = 32,
                       .max_distance = 128,
                       .eos = 1,
                       .norm_eps = 1e-6,
                       .dropout = 0.1};
    const size_key sizes[] = {
        {"vocab_size", LIMIT_ROWS, &c->vocab},
        {"d_model", LIMIT_WIDTH, &c->hidden},
        {"d_kv", LIMIT_WIDTH, &c->head_size},
        {"d_ff", LIMIT_WIDTH, &c->inner},
        {"num_heads", LIMIT_WIDTH, &c->heads},
        {"relative_attention_max_distance", LIMIT_ROWS, &c->max_distance},
    };
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    TRY(json_take_integer(&root, "relative_attention_num_buckets", 4, LIMIT_WIDTH, &c->buckets));
    TRY(json_take_integer(&root, "num_layers", 1, ARCH_MAX_LAYERS, &c->layers));
    c->decoder_layers = c->layers;
    TRY(json_take_integer(&root, "num_decoder_layers", 1, ARCH_MAX_LAYERS, &c->decoder_layers));
    TRY(json_take_integer(&root, "eos_token_id", 0, c->vocab - 1, &c->eos));
    TRY(json_take_integer(&root, "pad_token_id", 0, c->vocab - 1, &c->first_token));
    TRY(json_take_integer(&root, "decoder_start_token_id", 0, c->vocab - 1, &c->first_token));
    TRY(json_take_number(&root, "layer_norm_epsilon", 0, 1, &c->norm_eps));
    TRY(json_take_number(&root, "initializer_factor", 0, 1000, &factor));
    TRY(config_dropout(&root, "dropout_rate", &c->dropout));
    TRY(config_dropout(&root, "classifier_dropout", &c->classifier_dropout));
    c->attention_dropout = c->activation_dropout = c->dropout;
    c->initializer_range = factor / sqrt((double)c->hidden);
    c->key_heads = c->heads;
    return read_feed(&root, c);
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

#define STACK            "layer.0.SelfAttention."
#define BIAS_NAME(stack) stack ".block.0." STACK "relative_attention_bias.weight"

static const tensor_row SHARED[] = {{"shared.weight", VOCAB, HIDDEN}};
static const tensor_row ENCODER_BIAS[] = {{BIAS_NAME("encoder"), BUCKETS, HEADS}};
static const tensor_row DECODER_BIAS[] = {{BIAS_NAME("decoder"), BUCKETS, HEADS}};
static const tensor_row ENCODER_NORM[] = {{"encoder.final_layer_norm.weight", NORM, HIDDEN}};
static const tensor_row DECODER_NORM[] = {{"decoder.final_layer_norm.weight", NORM, HIDDEN}};

static const tensor_row HEAD[N_DENSE_HEAD] = {
    {"classification_head.dense.weight", HIDDEN, HIDDEN},
    {"classification_head.dense.bias", ONE, HIDDEN},
    {"classification_head.out_proj.weight", LABELS, HIDDEN},
    {"classification_head.out_proj.bias", ONE, LABELS},
};

/* numbers of an attention's tensors, and of a feed-forward part's */
enum { Q, K, V, OUT, ATTEND_NORM, N_ATTENTION };
enum { WI, WI_1, WO, WI_NORM, N_FEED };
enum { N_ENCODER = N_ATTENTION + N_FEED, N_DECODER = 2 * N_ATTENTION + N_FEED };

#define ATTENTION_OF(place, kind)                                                                  \
    {"layer." place "." kind ".q.weight", QUERIES, HIDDEN},                                        \
        {"layer." place "." kind ".k.weight", QUERIES, HIDDEN},                                    \
        {"layer." place "." kind ".v.weight", QUERIES, HIDDEN},                                    \
        {"layer." place "." kind ".o.weight", HIDDEN, QUERIES},                                    \
    {                                                                                              \
        "layer." place ".layer_norm.weight", NORM, HIDDEN                                          \
    }

#define FEED_OF(place)                                                                             \
    {"layer." place ".DenseReluDense.wi.weight", INNER, HIDDEN},                                   \
        {"layer." place ".DenseReluDense.wi_1.weight", INNER, HIDDEN},                             \
        {"layer." place ".DenseReluDense.wo.weight", HIDDEN, INNER},                               \
    {                                                                                              \
        "layer." place ".layer_norm.weight", NORM, HIDDEN                                          \
    }

static const tensor_row ENCODER[N_ENCODER] = {ATTENTION_OF("0", "SelfAttention"), FEED_OF("1")};
static const tensor_row DECODER[N_DECODER] = {ATTENTION_OF("0", "SelfAttention"),
                                              ATTENTION_OF("1", "EncDecAttention"), FEED_OF("2")};

static int declare(params *p, arch_config *c)
{
    tensor_row encoder[N_ENCODER], decoder[N_DECODER];
    tensor_row *feed[] = {encoder + N_ATTENTION, decoder + 2 * N_ATTENTION};
    memcpy(encoder, ENCODER, sizeof encoder);
    memcpy(decoder, DECODER, sizeof decoder);
    feed[0][WI].name = c->gated ? "layer.1.DenseReluDense.wi_0.weight" : feed[0][WI].name;
    feed[1][WI].name = c->gated ? "layer.2.DenseReluDense.wi_0.weight" : feed[1][WI].name;
    for (int i = 0; i < 2 && !c->gated; i++)
        feed[i][WI_1].name = NULL;
    const part parts[] = {
        PART(ROLE_BODY, SHARED),       PART(ROLE_BODY, ENCODER_BIAS),
        PART(ROLE_BODY, DECODER_BIAS), REPEATED("encoder.block.", c->layers, encoder),
        PART(ROLE_BODY, ENCODER_NORM), REPEATED("decoder.block.", c->decoder_layers, decoder),
        PART(ROLE_BODY, DECODER_NORM), PART(ROLE_CLASSIFIER, HEAD)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* keys and values from `memory`, or from the part's own input where that is NULL */
static var *attend(tape *t, const arch_config *c, const attention_options *o, const int64_t *w,
                   var *x, var *memory, sequences s)
{
    x = tape_shared(x, 2);
    var *y = rmsnorm(t, x, w[ATTEND_NORM], c->norm_eps);
    var *from = memory != NULL ? memory : (y = tape_shared(y, 3));
    var *q = linear(t, y, w[Q], -1), *k = linear(t, from, w[K], -1);
    y = attention(t, q, k, linear(t, from, w[V], -1), s, *o);
    return residual(t, linear(t, y, w[OUT], -1), x, c->dropout);
}

static var *feed(tape *t, const arch_config *c, const int64_t *w, var *x)
{
    x = tape_shared(x, 2);
    var *y = rmsnorm(t, x, w[WI_NORM], c->norm_eps);
    y = tape_shared(y, c->gated ? 2 : 1);
    var *f = unary(t, linear(t, y, w[WI], -1), c->activation);
    if (c->gated)
        f = multiply(t, f, linear(t, y, w[WI_1], -1));
    f = dropout(t, f, c->activation_dropout);
    return residual(t, linear(t, f, w[WO], -1), x, c->dropout);
}

static var *embed(tape *t, const arch_config *c, const int32_t *ids, int64_t T)
{
    const lookup words = {c->tensor[0], ids, 0};
    return dropout(t, embedding(t, T, &words, 1), c->dropout);
}

static attention_options stack_options(tape *t, const arch_config *c, int64_t bias, bool decodes,
                                       sequences s)
{
    const distance_buckets d = {c->buckets, c->max_distance, !decodes};
    int64_t layers = decodes ? c->decoder_layers : c->layers;
    return (attention_options){.heads = c->heads,
                               .dropout = c->attention_dropout,
                               .scale = 1,
                               .causal = decodes,
                               .bias =
                                   tape_shared(bias_by_distance(t, bias, s, d), (int32_t)layers)};
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t T = b->start[b->n], *bias = c->tensor + 1, *w = c->tensor + 3;
    const attention_options across = {
        .heads = c->heads, .dropout = c->attention_dropout, .scale = 1};

    attention_options o = stack_options(t, c, bias[0], false, s);
    var *x = embed(t, c, b->ids, T);
    for (int64_t l = 0; l < c->layers; l++, w += N_ENCODER) {
        x = attend(t, c, &o, w, x, NULL, s);
        x = feed(t, c, w + N_ATTENTION, x);
    }
    var *memory = dropout(t, rmsnorm(t, x, *w++, c->norm_eps), c->dropout);
    memory = tape_shared(memory, (int32_t)(2 * c->decoder_layers));

    o = stack_options(t, c, bias[1], true, s);
    x = embed(t, c, shifted_ids(t, b, c->first_token), T);
    for (int64_t l = 0; l < c->decoder_layers; l++, w += N_DECODER) {
        x = attend(t, c, &o, w, x, NULL, s);
        x = attend(t, c, &across, w + N_ATTENTION, x, memory, s);
        x = feed(t, c, w + 2 * N_ATTENTION, x);
    }
    x = dropout(t, rmsnorm(t, x, *w++, c->norm_eps), c->dropout);
    return dense_head(t, c, w, pooled_at(t, c, x, s, last_of(t, b, c->eos)), UNARY_TANH);
}

static const char *const ALIASES[] = {"shared.weight", "encoder.embed_tokens.weight",
                                      "shared.weight", "decoder.embed_tokens.weight", NULL};

const arch arch_t5 = {.model_type = "t5",
                      .prefix = "transformer.",
                      .configure = configure,
                      .declare = declare,
                      .forward = forward,
                      .aliases = ALIASES};
