/* XLNet (Yang et al. 2019) as it is fine-tuned: one stream, nothing remembered, attention that
 * knows the distance of two tokens and whether they are of one segment.
 *
 *     x = dropout(word);  p_d = dropout(sines and cosines of i - j), the distance of query and key
 *     per layer:  S_ij = ((q_i + r_w) k_j + (q_i + r_r) (R p_d) + (q_i + r_s) seg_(same or not))
 *                 x = LN(x + dropout(o(softmax(S / sqrt(head size)) v)))
 *                 x = LN(x + dropout(out(dropout(act(in(x))))))
 *     logits = logits_proj(dropout(act(summary(dropout(x) at the last token))))
 *
 * The projections q, k, v and r lie as [in][out], o as [out][in], all cut in heads in the files.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

/* ---- configuration ----------------------------------------------------------------------------
 */

static int read_summary(const json_place *root, arch_config *c)
{
    static const char *const FLAGS[] = {"summary_proj_to_labels", NULL};
    const char *type = "last", *name = "tanh";
    json_place at = json_member(root, "summary_type"), f = json_member(root, "summary_activation");
    c->projects = true;
    TRY(json_take_text(root, "summary_type", &type));
    c->reads = strcmp(type, "first") == 0  ? POOL_FIRST
               : strcmp(type, "mean") == 0 ? POOL_MEAN
                                           : POOL_LAST;
    if (c->reads == POOL_LAST && strcmp(type, "last") != 0 && strcmp(type, "cls_index") != 0)
        return json_fail_unsupported(&at, "last, cls_index, first and mean");
    TRY(json_take_flag(root, "summary_use_proj", &c->projects));
    TRY(json_take_text(root, "summary_activation", &name));
    c->activates = (f.value == NULL || json_present(&f)) && name[0] != '\0';
    c->head_activation = UNARY_TANH;
    if (c->activates)
        TRY(config_activation(root, "summary_activation", &c->head_activation));
    TRY(config_dropout(root, "summary_first_dropout", &c->pooler_dropout));
    c->classifier_dropout = 0.1;
    TRY(config_dropout(root, "summary_last_dropout", &c->classifier_dropout));
    return config_refuse(root, FLAGS);
}

/* causal ("uni") or not; what is no use but in pre-training, or depends on the batch, is refused */
static int read_attention(const json_place *root, arch_config *c)
{
    static const char *const FLAGS[] = {"bi_data", NULL};
    static const char *const CAUSAL_FLAGS[] = {"bi_data", "same_length", NULL};
    const char *type = "bi";
    json_place at = json_member(root, "attn_type"), size = json_member(root, "d_head");
    TRY(json_take_text(root, "attn_type", &type));
    c->causal = strcmp(type, "uni") == 0;
    if (!c->causal && strcmp(type, "bi") != 0)
        return json_fail_unsupported(&at, "bi and uni");
    c->head_size = c->hidden / c->heads;
    TRY(json_take_integer(root, "d_head", 1, LIMIT_WIDTH, &c->head_size));
    if (c->head_size != c->hidden / c->heads)
        return json_fail(&size, IDIM_EFORMAT, "expected d_model / n_head %lld, found %lld",
                         (long long)(c->hidden / c->heads), (long long)c->head_size);
    c->max_distance = -1;
    TRY(json_take_integer(root, "clamp_len", -LIMIT_ROWS, LIMIT_ROWS, &c->max_distance));
    return config_refuse(root, c->causal ? CAUSAL_FLAGS : FLAGS);
}

static int configure(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 32000,
                       .positions = LIMIT_ROWS,
                       .types = LIMIT_ROWS,
                       .hidden = 1024,
                       .layers = 24,
                       .heads = 16,
                       .inner = 4096,
                       .norm_eps = 1e-12,
                       .dropout = 0.1,
                       .initializer_range = 0.02};
    const size_key sizes[] = {{"vocab_size", LIMIT_ROWS, &c->vocab},
                              {"d_model", LIMIT_WIDTH, &c->hidden},
                              {"n_head", LIMIT_WIDTH, &c->heads},
                              {"d_inner", LIMIT_WIDTH, &c->inner}};
    json_place width = json_member(&root, "d_model");
    TRY(config_sizes(&root, sizes, COUNT_OF(sizes)));
    TRY(json_take_integer(&root, "n_layer", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_number(&root, "layer_norm_eps", 0, 1, &c->norm_eps));
    TRY(json_take_number(&root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(config_dropout(&root, "dropout", &c->dropout));
    TRY(config_activation(&root, "ff_activation", &c->activation));
    if (c->hidden % 2 != 0)
        return json_fail(&width, IDIM_EFORMAT, "expected an even number, found %lld",
                         (long long)c->hidden);
    TRY(config_heads(&root, "n_head", c));
    TRY(read_attention(&root, c));
    return read_summary(&root, c);
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

static const tensor_row EMBEDDINGS[] = {{"word_embedding.weight", VOCAB, HIDDEN}};

enum { Q, K, V, OUT, R, SEGMENT, R_R, R_S, R_W, ATTEND_NORM, FEED = ATTEND_NORM + 2 };
enum { N_XLNET = FEED + N_LAYER - FEED_IN };

static const tensor_row LAYER[N_XLNET] = {
    {"rel_attn.q", HIDDEN, IN_HEADS},
    {"rel_attn.k", HIDDEN, IN_HEADS},
    {"rel_attn.v", HIDDEN, IN_HEADS},
    {"rel_attn.o", HIDDEN, IN_HEADS},
    {"rel_attn.r", HIDDEN, IN_HEADS},
    {"rel_attn.seg_embed", TWO, IN_HEADS},
    {"rel_attn.r_r_bias", ONE, IN_HEADS},
    {"rel_attn.r_s_bias", ONE, IN_HEADS},
    {"rel_attn.r_w_bias", ONE, IN_HEADS},
    {"rel_attn.layer_norm.weight", NORM, HIDDEN},
    {"rel_attn.layer_norm.bias", NORM, HIDDEN},
    {"ff.layer_1.weight", INNER, HIDDEN},
    {"ff.layer_1.bias", ONE, INNER},
    {"ff.layer_2.weight", HIDDEN, INNER},
    {"ff.layer_2.bias", ONE, HIDDEN},
    {"ff.layer_norm.weight", NORM, HIDDEN},
    {"ff.layer_norm.bias", NORM, HIDDEN},
};

static const tensor_row SUMMARY[] = {
    {"sequence_summary.summary.weight", HIDDEN, HIDDEN},
    {"sequence_summary.summary.bias", ONE, HIDDEN},
};

static const tensor_row HEAD[] = {
    {"logits_proj.weight", LABELS, HIDDEN},
    {"logits_proj.bias", ONE, LABELS},
};

static int declare(params *p, arch_config *c)
{
    part parts[] = {PART(ROLE_BODY, EMBEDDINGS), REPEATED("layer.", c->layers, LAYER),
                    PART(ROLE_CLASSIFIER, SUMMARY), PART(ROLE_CLASSIFIER, HEAD)};
    parts[2].times = c->projects;
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* row r: sin, then cos, of the position i - j of query and key with j - i = r - (longest - 1) */
static var *distances(tape *t, const arch_config *c, int64_t longest)
{
    const int64_t rows = 2 * longest - 1, half = c->hidden / 2, limit = c->max_distance;
    double *value = tape_numbers(t, rows * c->hidden);
    for (int64_t r = 0; r < rows && value != NULL; r++) {
        int64_t position = longest - 1 - r;
        if (limit > 0)
            position = position > limit ? limit : position < -limit ? -limit : position;
        for (int64_t k = 0; k < half; k++) {
            double angle = (double)position * pow(10000, -2 * (double)k / (double)c->hidden);
            value[r * c->hidden + k] = sin(angle);
            value[r * c->hidden + half + k] = cos(angle);
        }
    }
    return dropout(t, numbers(t, rows, c->hidden, value), c->dropout);
}

static var *attend(tape *t, const arch_config *c, const int64_t *w, var *x, var *p, const pairs *by)
{
    static const int32_t BOTH[] = {0, 1};
    x = tape_shared(x, 4);
    var *q = tape_shared(linear_turned(t, x, w[Q], -1), 3);
    var *k = linear_turned(t, x, w[K], -1), *v = linear_turned(t, x, w[V], -1);
    var *far = linear_turned(t, p, w[R], -1);
    var *segment = embedding(t, 2, &(lookup){w[SEGMENT], BOTH, 0}, 1);

    attention_options o = {.heads = c->heads, .dropout = c->dropout, .causal = c->causal};
    o.scores = pair_scores(t, NULL, add_row(t, q, w[R_R]), far, by[0]);
    o.scores = pair_scores(t, o.scores, add_row(t, q, w[R_S]), segment, by[1]);
    var *y = attention(t, add_row(t, q, w[R_W]), k, v, by->s, o);
    x = residual(t, linear(t, y, w[OUT], -1), x, c->dropout);
    return layernorm(t, x, w[ATTEND_NORM], w[ATTEND_NORM + 1], c->norm_eps);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor;
    const lookup words = {*w++, b->ids, 0};
    const layer_options o = {.after_activation = c->dropout, .after_feed = c->dropout};
    const pairs by[] = {{.s = s, .heads = c->heads, .row = in_turn(t, 2 * longest_of(s) - 1)},
                        {.s = s, .heads = c->heads, .segment = segments_of(t, c, b)}};

    var *x = dropout(t, embedding(t, b->start[b->n], &words, 1), c->dropout);
    var *p = tape_shared(distances(t, c, longest_of(s)), (int32_t)c->layers);
    for (int64_t l = 0; l < c->layers; l++, w += N_XLNET) {
        x = attend(t, c, w, x, p, by);
        x = post_norm_feed(t, c, &o, w + FEED - FEED_IN, x);
    }

    x = pooled(t, c, dropout(t, x, c->dropout), s, c->reads);
    x = dropout(t, x, c->pooler_dropout);
    if (c->projects) {
        x = linear(t, x, w[0], w[1]);
        w += 2;
    }
    x = c->activates ? unary(t, x, c->head_activation) : x;
    return linear(t, dropout(t, x, c->classifier_dropout), w[0], w[1]);
}

const arch arch_xlnet = {.model_type = "xlnet",
                         .prefix = "transformer.",
                         .configure = configure,
                         .declare = declare,
                         .forward = forward};
