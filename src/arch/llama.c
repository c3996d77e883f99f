/* Llama (Touvron et al. 2023) and those built like it, Mistral, Qwen2 and Qwen3: pre-norm decoder
 * with root-mean-square norms, rotary positions, grouped keys and a gated feed-forward part.
 *
 *     x = word
 *     per layer:  x = x + o(attention(turn(q(n)), turn(k(n)), v(n))), n = norm(x)
 *                 x = x + down(act(gate(n)) up(n)),                   n = norm(x)
 *     logits = score(norm(x) at the last token that is not the padding token), or word or lm_head
 * of every norm(x)
 *
 * Qwen3 normalises each head of q and k before it turns. A sliding window changes nothing as long
 * as a sequence fits in it: so it is the limit of a sequence.
 *
 * SPDX-License-Identifier: MIT */
#include "arch/families.h"
#include "arch/parts.h"

/* ---- configuration ----------------------------------------------------------------------------
 */

static int read_scaling(const json_place *in, rope_scaling *r)
{
    const char *type = "default";
    TRY(json_take_text(in, "type", &type));
    TRY(json_take_text(in, "rope_type", &type));
    TRY(json_take_number(in, "rope_theta", 1, 1e12, &r->theta));
    if (strcmp(type, "default") == 0)
        return 0;
    r->llama3 = strcmp(type, "llama3") == 0;
    if (!r->llama3 && strcmp(type, "linear") != 0) {
        json_place at = json_member(in, "rope_type");
        if (!json_present(&at))
            at = json_member(in, "type");
        return json_fail_unsupported(&at, "default, linear and llama3");
    }
    TRY(json_take_number(in, "factor", 1, 1e6, &r->factor));
    TRY(json_take_number(in, "low_freq_factor", 0, 1e6, &r->low));
    TRY(json_take_number(in, "high_freq_factor", 0, 1e6, &r->high));
    return json_take_number(in, "original_max_position_embeddings", 1, 1e9, &r->original);
}

static int read_rope(const json_place *root, arch_config *c)
{
    static const char *const PLACES[] = {"rope_scaling", "rope_parameters"};
    c->rope = (rope_scaling){
        .theta = 10000, .factor = 1, .low = 1, .high = 4, .original = (double)c->positions};
    TRY(json_take_number(root, "rope_theta", 1, 1e12, &c->rope.theta));
    for (int i = 0; i < 2; i++) {
        json_place at = json_member(root, PLACES[i]);
        int64_t n;
        if (!json_present(&at))
            continue;
        TRY(json_want_object(&at, &n));
        TRY(read_scaling(&at, &c->rope));
    }
    return 0;
}

static int read_heads(const json_place *root, arch_config *c)
{
    TRY(json_take_integer(root, "num_attention_heads", 1, LIMIT_WIDTH, &c->heads));
    c->key_heads = c->key_heads == 0 ? c->heads : c->key_heads;
    TRY(json_take_integer(root, "num_key_value_heads", 1, LIMIT_WIDTH, &c->key_heads));
    json_place keys = json_member(root, "num_key_value_heads");
    if (c->heads % c->key_heads != 0)
        return json_fail(&keys, IDIM_EFORMAT,
                         "expected a divisor of num_attention_heads %lld, found %lld",
                         (long long)c->heads, (long long)c->key_heads);
    if (c->head_size == 0) {
        json_place at = json_member(root, "head_dim");
        if (!json_present(&at))
            TRY(config_heads(root, "num_attention_heads", c));
        c->head_size = c->hidden / c->heads;
    }
    TRY(json_take_integer(root, "head_dim", 1, LIMIT_WIDTH, &c->head_size));
    json_place size = json_member(root, "head_dim");
    if (c->head_size % 2 != 0)
        return json_fail(&size, IDIM_EFORMAT, "expected an even number, found %lld",
                         (long long)c->head_size);
    return 0;
}

static int read_window(const json_place *root, bool on, int64_t window, arch_config *c)
{
    TRY(json_take_flag(root, "use_sliding_window", &on));
    json_place at = json_member(root, "sliding_window");
    if (at.value != NULL && !json_present(&at))
        return 0;
    TRY(json_take_integer(root, "sliding_window", 1, LIMIT_ROWS, &window));
    if (on && window < c->positions)
        c->positions = window;
    return 0;
}

static int configure_with(const json_place *root, arch_config *c)
{
    const size_key sizes[] = {
        {"vocab_size", LIMIT_ROWS, &c->vocab},
        {"max_position_embeddings", LIMIT_ROWS, &c->positions},
        {"hidden_size", LIMIT_WIDTH, &c->hidden},
        {"intermediate_size", LIMIT_WIDTH, &c->inner},
    };
    c->ignores_segments = true;
    c->pad = -1;
    c->norm_eps = 1e-6;
    c->initializer_range = 0.02;
    c->activation = UNARY_SILU;
    c->layers = 32;
    c->heads = 32;
    TRY(config_sizes(root, sizes, COUNT_OF(sizes)));
    TRY(read_heads(root, c));
    TRY(read_rope(root, c));
    TRY(config_padding(root, c));
    TRY(config_language(root, c));
    TRY(json_take_integer(root, "num_hidden_layers", 0, ARCH_MAX_LAYERS, &c->layers));
    TRY(json_take_number(root, "rms_norm_eps", 0, 1, &c->norm_eps));
    TRY(json_take_number(root, "initializer_range", 0, 1000, &c->initializer_range));
    TRY(config_dropout(root, "attention_dropout", &c->attention_dropout));
    TRY(json_take_flag(root, "attention_bias", &c->out_bias));
    c->query_bias = c->query_bias || c->out_bias;
    TRY(json_take_flag(root, "mlp_bias", &c->feed_bias));
    return config_activation(root, "hidden_act", &c->activation);
}

static int configure_llama(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){
        .vocab = 32000, .positions = 2048, .hidden = 4096, .inner = 11008, .end_of_text = 2};
    return configure_with(&root, c);
}

static int configure_mistral(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 32000,
                       .positions = 131072,
                       .hidden = 4096,
                       .inner = 14336,
                       .key_heads = 8,
                       .end_of_text = 2};
    TRY(configure_with(&root, c));
    return read_window(&root, true, 4096, c);
}

static int configure_qwen2(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 151936,
                       .positions = 32768,
                       .hidden = 4096,
                       .inner = 22016,
                       .key_heads = 32,
                       .query_bias = true,
                       .end_of_text = -1};
    TRY(configure_with(&root, c));
    return read_window(&root, false, 4096, c);
}

static int configure_qwen3(idim *lib, const json_t *config, const char *path, arch_config *c)
{
    json_place root = json_root(lib, path, config);
    *c = (arch_config){.vocab = 151936,
                       .positions = 32768,
                       .hidden = 4096,
                       .inner = 22016,
                       .key_heads = 32,
                       .head_size = 128,
                       .norms_heads = true,
                       .end_of_text = -1};
    TRY(configure_with(&root, c));
    return read_window(&root, false, 4096, c);
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

static const tensor_row EMBEDDINGS[] = {{"embed_tokens.weight", VOCAB, HIDDEN}};

enum {
    NORM_1 = 0,
    Q = 1,
    K = 3,
    V = 5,
    OUT = 7,
    Q_NORM = 9,
    K_NORM = 10,
    NORM_2 = 11,
    GATE = 12,
    UP = 14,
    DOWN = 16,
    N_BLOCK = 18
};

static const tensor_row LAYER[N_BLOCK] = {
    {"input_layernorm.weight", NORM, HIDDEN},    {"self_attn.q_proj.weight", QUERIES, HIDDEN},
    {"self_attn.q_proj.bias", ONE, QUERIES},     {"self_attn.k_proj.weight", KEYS, HIDDEN},
    {"self_attn.k_proj.bias", ONE, KEYS},        {"self_attn.v_proj.weight", KEYS, HIDDEN},
    {"self_attn.v_proj.bias", ONE, KEYS},        {"self_attn.o_proj.weight", HIDDEN, QUERIES},
    {"self_attn.o_proj.bias", ONE, HIDDEN},      {"self_attn.q_norm.weight", NORM, ONE_HEAD},
    {"self_attn.k_norm.weight", NORM, ONE_HEAD}, {"post_attention_layernorm.weight", NORM, HIDDEN},
    {"mlp.gate_proj.weight", INNER, HIDDEN},     {"mlp.gate_proj.bias", ONE, INNER},
    {"mlp.up_proj.weight", INNER, HIDDEN},       {"mlp.up_proj.bias", ONE, INNER},
    {"mlp.down_proj.weight", HIDDEN, INNER},     {"mlp.down_proj.bias", ONE, HIDDEN},
};

static const tensor_row LAST_NORM[] = {{"norm.weight", NORM, HIDDEN}};

static int declare(params *p, arch_config *c)
{
    tensor_row rows[N_BLOCK];
    memcpy(rows, LAYER, sizeof rows);
    const struct {
        int row;
        bool present;
    } optional[] = {{Q + 1, c->query_bias},   {K + 1, c->query_bias},   {V + 1, c->query_bias},
                    {OUT + 1, c->out_bias},   {Q_NORM, c->norms_heads}, {K_NORM, c->norms_heads},
                    {GATE + 1, c->feed_bias}, {UP + 1, c->feed_bias},   {DOWN + 1, c->feed_bias}};
    for (int64_t i = 0; i < COUNT_OF(optional); i++)
        if (!optional[i].present)
            rows[optional[i].row].name = NULL;
    const part parts[] = {PART(ROLE_BODY, EMBEDDINGS), REPEATED("layers.", c->layers, rows),
                          PART(ROLE_BODY, LAST_NORM), decoder_head(c, score_rows, lm_head_rows)};
    return declare_parts(p, c, parts, COUNT_OF(parts));
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* a head's projection, normalised where the family does it, and turned by its place */
static var *turned(tape *t, const arch_config *c, var *x, int64_t norm, var *with, sequences s)
{
    if (norm >= 0)
        x = rmsnorm(t, x, norm, c->norm_eps);
    return rotary(t, x, with, s, x == NULL ? 1 : x->cols / c->head_size);
}

static var *layer(tape *t, const arch_config *c, const int64_t *w, var *x, var *with, sequences s)
{
    const attention_options o = {.heads = c->heads,
                                 .key_heads = c->key_heads,
                                 .dropout = c->attention_dropout,
                                 .causal = true};
    x = tape_shared(x, 2);
    var *y = tape_shared(rmsnorm(t, x, w[NORM_1], c->norm_eps), 3);
    var *q = turned(t, c, linear(t, y, w[Q], w[Q + 1]), w[Q_NORM], with, s);
    var *k = turned(t, c, linear(t, y, w[K], w[K + 1]), w[K_NORM], with, s);
    y = attention(t, q, k, linear(t, y, w[V], w[V + 1]), s, o);
    x = residual(t, linear(t, y, w[OUT], w[OUT + 1]), x, 0);

    x = tape_shared(x, 2);
    y = tape_shared(rmsnorm(t, x, w[NORM_2], c->norm_eps), 2);
    var *gate = unary(t, linear(t, y, w[GATE], w[GATE + 1]), c->activation);
    y = multiply(t, gate, linear(t, y, w[UP], w[UP + 1]));
    return residual(t, linear(t, y, w[DOWN], w[DOWN + 1]), x, 0);
}

static var *forward(tape *t, const arch_config *c, const idim_batch *b)
{
    const sequences s = {b->start, b->n};
    const int64_t *w = c->tensor;
    const lookup words = {w[0], b->ids, c->pad + 1};
    var *x = embedding(t, b->start[b->n], &words, 1);
    var *with = rope_angles(t, c, longest_of(s));
    with = tape_shared(with, (int32_t)(2 * c->layers));

    w++;
    for (int64_t l = 0; l < c->layers; l++, w += N_BLOCK)
        x = layer(t, c, w, x, with, s);
    x = rmsnorm(t, x, w[0], c->norm_eps);
    return decoder_outputs(t, c, b, x);
}

static const char *const BUFFERS[] = {".rotary_emb.inv_freq", NULL};

#define LLAMA_LIKE(type, configure_it)                                                             \
    {                                                                                              \
        .model_type = (type), .prefix = "model.", .configure = (configure_it), .declare = declare, \
        .forward = forward, .buffers = BUFFERS, .language = true                                   \
    }

const arch arch_llama = LLAMA_LIKE("llama", configure_llama);
const arch arch_mistral = LLAMA_LIKE("mistral", configure_mistral);
const arch arch_qwen2 = LLAMA_LIKE("qwen2", configure_qwen2);
const arch arch_qwen3 = LLAMA_LIKE("qwen3", configure_qwen3);
