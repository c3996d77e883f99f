/* CPU kernel of attention, one sequence and head at a time, ROW_BLOCK queries at a time:
 *
 *     S = scale (Q K' + scores) + bias;  P = softmax(S) = exp(S - lse);  O = (mask P) V
 *     dV += (mask P)' dO;     dP = mask (dO V');   dS = P (dP - rowsum(P dP))
 *     dQ = scale dS K;        dK += scale dS' Q;   dbias += sums of dS along its diagonals
 *
 * Causal: query i sees keys 0 .. i, and a block's products stop at its last. Grouped: heads that
 * share a key head are one task, and add up in it.
 *
 * Only lse is kept; backward makes P and the mask again. Operands are packed into scratch with rows
 * padded by zeros to whole vectors. Tasks own their rows and columns of the results.
 *
 * SPDX-License-Identifier: MIT */
#include <omp.h>

#include "kernel/cpu_lanes.h"

enum { ROW_BLOCK = 64, MASK_GROUP = 128 };

/* ---- small products -------------------------------------------------------------------------- */

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* rows x (vectors * LANES) of C kept in registers; both are constants where it is called */
INLINE void small_tile(const small_product *s, int64_t i, int64_t j, const int rows,
                       const int vectors)
{
    lanes sum[8][4];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        sum[r][v] = s->add ? load(s->c + (i + r) * s->stride_c + j + v * LANES) : (lanes){0};

    const real *a = s->a + i * s->a_row, *b = s->b + j;
    for (int64_t p = 0; p < s->k; p++) {
        lanes row[4];
        UNROLL
        for (int v = 0; v < vectors; v++)
            row[v] = load(b + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            lanes factor = a[r * s->a_row] - (lanes){0};
            UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += factor * row[v];
        }
        a += s->a_col;
        b += s->stride_b;
    }

    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int v = 0; v < vectors; v++)
        store(s->c + (i + r) * s->stride_c + j + v * LANES, sum[r][v]);
}

#if VECTOR_BYTES == 64
enum { TILE_M = 8, TILE_V = 2 };
#else
enum { TILE_M = 4, TILE_V = 2 };
#endif

/* all rows of some vectors; vectors is a constant where it is called */
INLINE void small_columns(const small_product *s, int64_t j, const int vectors)
{
    int64_t i = 0;
    for (; i + TILE_M <= s->m; i += TILE_M)
        small_tile(s, i, j, TILE_M, vectors);
    for (; TILE_M > 4 && i + 4 <= s->m; i += 4)
        small_tile(s, i, j, 4, vectors);
    for (; i + 2 <= s->m; i += 2)
        small_tile(s, i, j, 2, vectors);
    for (; i < s->m; i++)
        small_tile(s, i, j, 1, vectors);
}

static void multiply(const small_product *s)
{
    int64_t j = 0;
    for (; j + TILE_V * LANES <= s->n; j += TILE_V * LANES)
        small_columns(s, j, TILE_V);
    for (; j < s->n; j += LANES)
        small_columns(s, j, 1);
}

/* out[n][width] = x[n][cols] at a stride, padded with zeros */
static void pack(int64_t n, int64_t cols, const real *x, int64_t stride, int64_t width, real *out)
{
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + i * width, x + i * stride, (size_t)cols * sizeof *out);
        for (int64_t j = cols; j < width; j++)
            out[i * width + j] = 0;
    }
}

/* out[cols][width] = the transpose of x[n][cols] at a stride, padded with zeros */
static void pack_turned(int64_t n, int64_t cols, const real *x, int64_t stride, int64_t width,
                        real *out)
{
    for (int64_t j = 0; j < cols; j++) {
        for (int64_t i = 0; i < n; i++)
            out[j * width + i] = x[i * stride + j];
        for (int64_t i = n; i < width; i++)
            out[j * width + i] = 0;
    }
}

static void unpack(int64_t n, int64_t cols, const real *x, int64_t width, int64_t stride, real *out)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(out + i * stride, x + i * width, (size_t)cols * sizeof *out);
}

/* ---- one head of one sequence -----------------------------------------------------------------
 */

typedef struct head_work {
    int64_t T, dh;         /* tokens, head size           */
    int64_t Tp, dp;        /* the same in whole vectors   */
    int64_t stride, heads; /* of q; of lse                */
    int64_t key_stride;    /* of k, v                     */
    bool causal, adds;     /* adds: to dkey and dvalue    */
    real scale;
    const real *q, *k, *v; /* the head's first entries    */
    real *lse;
    const dropout_mask *mask;
    int64_t first_group;             /* of the head's mask             */
    real *key_turned, *value_turned; /* [dh][Tp]                       */
    real *key, *value;               /* [T][dp]                        */
    real *dkey, *dvalue;             /* [T][dp]                        */
    real *query, *dout, *out;        /* [ROW_BLOCK][dp]                */
    real *p, *dp_;                   /* [ROW_BLOCK][Tp]                */
    real *factor;                    /* [ROW_BLOCK * T], whole groups  */
    real *bias, *dbias; /* [2T - 1]: key j, query i at T - 1 + j - i; bias / scale; or NULL */
    int64_t longest;
    const real *scores; /* the head's [T] at stride heads longest, or NULL; gradient likewise */
    real *dscores;
    const rounded_matmul *rounded; /* NULL: products in fp32 */
    uint32_t *room;                /* its own                */
} head_work;

static int64_t groups_of_block(int64_t T)
{
    return (ROW_BLOCK * T + MASK_GROUP - 1) / MASK_GROUP;
}

static int64_t groups_of_head(int64_t T)
{
    return (T + ROW_BLOCK - 1) / ROW_BLOCK * groups_of_block(T);
}

/* reals that hold the words of any rounded product of a head */
static int64_t room_of_products(int64_t T, int64_t dh)
{
    int64_t Tp = round_up(T, 16), dp = round_up(dh, 16), most = small_room(ROW_BLOCK, Tp, dh);
    int64_t back = small_room(ROW_BLOCK, dp, T), keys = small_room(T, dp, ROW_BLOCK);
    most = back > most ? back : most;
    return keys > most ? keys : most;
}

static int64_t scratch_of_thread(int64_t T, int64_t dh)
{
    int64_t Tp = round_up(T, 16), dp = round_up(dh, 16);
    return room_of_products(T, dh) + 2 * dh * Tp + 4 * T * dp + 3 * ROW_BLOCK * dp +
           2 * ROW_BLOCK * Tp + groups_of_block(T) * MASK_GROUP + 4 * Tp + 16 * 15;
}

static int64_t cpu_attention_scratch(int threads, int64_t longest, int64_t head_size)
{
    return threads * scratch_of_thread(longest, head_size);
}

static real *carve(real **at, int64_t n)
{
    real *p = *at;
    *at += round_up(n, 16);
    return p;
}

/* the head's bias by distance, made contiguous; its gradient set to 0 */
static void begin_bias(const attention_shape *s, int64_t head, head_work *w)
{
    const int64_t n = 2 * w->T - 1;
    for (int64_t i = 0; i < n; i++) {
        w->bias[i] = s->bias[(i + s->longest - w->T) * s->heads + head] / w->scale;
        w->dbias[i] = 0;
    }
}

static int64_t key_heads(const attention_shape *s)
{
    return s->key_heads > 0 ? s->key_heads : s->heads;
}

static head_work head_begin(const attention_shape *s, int64_t sequence, int64_t head,
                            int64_t first_group)
{
    int64_t first = s->start[sequence], dh = s->hidden / s->heads;
    int64_t T = s->start[sequence + 1] - first, at = first * s->hidden + head * dh;
    int64_t key_head = head * key_heads(s) / s->heads, key_stride = key_heads(s) * dh;
    int64_t key_at = first * key_stride + key_head * dh;
    head_work w = {
        .T = T,
        .dh = dh,
        .Tp = round_up(T, LANES),
        .dp = round_up(dh, LANES),
        .stride = s->hidden,
        .heads = s->heads,
        .key_stride = key_stride,
        .causal = s->causal,
        .adds = s->causal || head * key_heads(s) % s->heads != 0,
        .scale = (real)(s->scale > 0 ? s->scale : 1 / sqrt((double)dh)),
        .q = s->q + at,
        .k = s->k + key_at,
        .v = s->v + key_at,
        .lse = s->lse + first * s->heads + head,
        .mask = &s->mask,
        .first_group = first_group + head * groups_of_head(T),
        .longest = s->longest,
        .rounded = s->rounded,
    };
    if (s->scores != NULL)
        w.scores = s->scores + (first * s->heads + head) * s->longest;
    real *free_part = s->scratch + omp_get_thread_num() * scratch_of_thread(s->longest, dh);
    w.key_turned = carve(&free_part, dh * w.Tp);
    w.value_turned = carve(&free_part, dh * w.Tp);
    w.key = carve(&free_part, T * w.dp);
    w.value = carve(&free_part, T * w.dp);
    w.dkey = carve(&free_part, T * w.dp);
    w.dvalue = carve(&free_part, T * w.dp);
    w.query = carve(&free_part, ROW_BLOCK * w.dp);
    w.dout = carve(&free_part, ROW_BLOCK * w.dp);
    w.out = carve(&free_part, ROW_BLOCK * w.dp);
    w.p = carve(&free_part, ROW_BLOCK * w.Tp);
    w.dp_ = carve(&free_part, ROW_BLOCK * w.Tp);
    w.factor = carve(&free_part, groups_of_block(T) * MASK_GROUP);
    w.room = (uint32_t *)carve(&free_part, room_of_products(T, dh));
    if (s->bias != NULL) {
        w.bias = carve(&free_part, 2 * T);
        w.dbias = carve(&free_part, 2 * T);
        begin_bias(s, head, &w);
    }
    return w;
}

/* keys that the rows first .. first + rows see, or row i */
static int64_t block_keys(const head_work *w, int64_t first, int64_t rows)
{
    return w->causal ? first + rows : w->T;
}

static int64_t row_keys(const head_work *w, int64_t i)
{
    return w->causal ? i + 1 : w->T;
}

static void product(const head_work *w, const small_product *s)
{
    if (w->rounded != NULL)
        w->rounded->small(s, w->room);
    else
        multiply(s);
}

/* p = Q K' + scores + bias / scale of the rows first .. first + rows, and the block's mask factors
 */
static void block_scores(head_work *w, int64_t first, int64_t rows)
{
    product(w, &(small_product){.m = rows,
                                .n = round_up(block_keys(w, first, rows), LANES),
                                .k = w->dh,
                                .a = w->q + first * w->stride,
                                .a_row = w->stride,
                                .a_col = 1,
                                .b = w->key_turned,
                                .stride_b = w->Tp,
                                .c = w->p,
                                .stride_c = w->Tp});
    for (int64_t i = 0; i < rows && w->bias != NULL; i++) {
        const real *bias = w->bias + w->T - 1 - (first + i);
        for (int64_t j = 0; j < row_keys(w, first + i); j++)
            w->p[i * w->Tp + j] += bias[j];
    }
    for (int64_t i = 0; i < rows && w->scores != NULL; i++) {
        const real *scores = w->scores + (first + i) * w->heads * w->longest;
        for (int64_t j = 0; j < row_keys(w, first + i); j++)
            w->p[i * w->Tp + j] += scores[j];
    }
    if (w->mask->threshold != 0) {
        int64_t groups = groups_of_block(w->T);
        dropout_factors(w->mask, w->first_group + first / ROW_BLOCK * groups,
                        (rows * w->T + MASK_GROUP - 1) / MASK_GROUP, w->factor);
    }
}

/* n keys of p[width] are seen */
static void softmax_row(const head_work *w, int64_t n, int64_t width, real *p, const real *factor,
                        real *lse)
{
    const int64_t T = n;
    const real scale = w->scale;
    real top = largest(T, p), sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < T; j++) {
        real e = fast_exp(scale * (p[j] - top));
        p[j] = e;
        sum += e;
    }
    *lse = scale * top + (real)log((double)sum);
    real share = 1 / sum;
    if (factor != NULL)
        for (int64_t j = 0; j < T; j++)
            p[j] *= share * factor[j];
    else
        for (int64_t j = 0; j < T; j++)
            p[j] *= share;
    for (int64_t j = n; j < width; j++)
        p[j] = 0;
}

static void head_forward(head_work *w, real *out)
{
    pack_turned(w->T, w->dh, w->k, w->key_stride, w->Tp, w->key_turned);
    pack(w->T, w->dh, w->v, w->key_stride, w->dp, w->value);

    for (int64_t first = 0; first < w->T; first += ROW_BLOCK) {
        int64_t rows = w->T - first < ROW_BLOCK ? w->T - first : ROW_BLOCK;
        int64_t width = block_keys(w, first, rows);
        block_scores(w, first, rows);
        for (int64_t i = 0; i < rows; i++)
            softmax_row(w, row_keys(w, first + i), width, w->p + i * w->Tp,
                        w->mask->threshold != 0 ? w->factor + i * w->T : NULL,
                        w->lse + (first + i) * w->heads);

        product(w, &(small_product){.m = rows,
                                    .n = w->dp,
                                    .k = width,
                                    .a = w->p,
                                    .a_row = w->Tp,
                                    .a_col = 1,
                                    .b = w->value,
                                    .stride_b = w->dp,
                                    .c = w->out,
                                    .stride_c = w->dp});
        unpack(rows, w->dh, w->out, w->dp, w->stride, out + first * w->stride);
    }
}

/* Query i. p: scores -> mask P;  dp: dO V' -> scale dS; 0 from the last key that is seen to width
 */
static void scores_row_backward(const head_work *w, int64_t i, int64_t width, real *p, real *dp,
                                const real *factor)
{
    const int64_t T = row_keys(w, i);
    const real scale = w->scale, lse = w->lse[i * w->heads];
    real along = 0;
    if (factor != NULL)
        for (int64_t j = 0; j < T; j++)
            dp[j] *= factor[j];
#pragma omp simd reduction(+ : along)
    for (int64_t j = 0; j < T; j++) {
        p[j] = fast_exp(scale * p[j] - lse);
        along += p[j] * dp[j];
    }
    if (w->dbias != NULL) {
        real *dbias = w->dbias + w->T - 1 - i;
        for (int64_t j = 0; j < T; j++)
            dbias[j] += p[j] * (dp[j] - along);
    }
    for (int64_t j = 0; j < T; j++)
        dp[j] = scale * p[j] * (dp[j] - along);
    if (w->dscores != NULL) {
        real *dscores = w->dscores + i * w->heads * w->longest;
        memcpy(dscores, dp, (size_t)T * sizeof *dp);
        memset(dscores + T, 0, (size_t)(w->longest - T) * sizeof *dp);
    }
    if (factor != NULL)
        for (int64_t j = 0; j < T; j++)
            p[j] *= factor[j];
    for (int64_t j = T; j < width; j++)
        p[j] = dp[j] = 0;
}

/* dkey += dS' Q, dvalue += (mask P)' dO, dq = dS K of one block */
static void block_products(head_work *w, int64_t first, int64_t rows, real *dq)
{
    const int64_t width = block_keys(w, first, rows);
    small_product into_keys = {.m = width,
                               .n = w->dp,
                               .k = rows,
                               .a = w->dp_,
                               .a_row = 1,
                               .a_col = w->Tp,
                               .b = w->query,
                               .stride_b = w->dp,
                               .c = w->dkey,
                               .stride_c = w->dp,
                               .add = first > 0 || w->adds};
    product(w, &into_keys);
    into_keys.a = w->p;
    into_keys.b = w->dout;
    into_keys.c = w->dvalue;
    product(w, &into_keys);

    product(w, &(small_product){.m = rows,
                                .n = w->dp,
                                .k = width,
                                .a = w->dp_,
                                .a_row = w->Tp,
                                .a_col = 1,
                                .b = w->key,
                                .stride_b = w->dp,
                                .c = w->out,
                                .stride_c = w->dp});
    unpack(rows, w->dh, w->out, w->dp, w->stride, dq + first * w->stride);
}

/* The columns of dK add up to 0 in exact arithmetic: a vector added to every key changes no
 * probability, so the gradient of the key bias is 0. What the rounding of T rows leaves is taken
 * from the smallest entry of the column, which leaves one rounding of a small number a sequence. */
static void balance_keys(head_work *w)
{
    for (int64_t left = 0; left < w->dp; left += LANES) {
        double rest[LANES] = {0};
        real least[LANES];
        int32_t row[LANES] = {0};
        memcpy(least, w->dkey + left, sizeof least);
        for (int64_t j = 0; j < w->T; j++)
            for (int l = 0; l < LANES; l++) {
                real entry = w->dkey[j * w->dp + left + l];
                bool less = fabs(entry) < fabs(least[l]);
                rest[l] += (double)entry;
                least[l] = less ? entry : least[l];
                row[l] = less ? (int32_t)j : row[l];
            }
        for (int l = 0; l < LANES; l++)
            w->dkey[row[l] * w->dp + left + l] = (real)((double)least[l] - rest[l]);
    }
}

static void head_backward(head_work *w, const real *dout, real *dq)
{
    pack_turned(w->T, w->dh, w->k, w->key_stride, w->Tp, w->key_turned);
    pack_turned(w->T, w->dh, w->v, w->key_stride, w->Tp, w->value_turned);
    pack(w->T, w->dh, w->k, w->key_stride, w->dp, w->key);

    for (int64_t first = 0; first < w->T; first += ROW_BLOCK) {
        int64_t rows = w->T - first < ROW_BLOCK ? w->T - first : ROW_BLOCK;
        block_scores(w, first, rows);
        int64_t width = block_keys(w, first, rows);
        product(w, &(small_product){.m = rows,
                                    .n = round_up(width, LANES),
                                    .k = w->dh,
                                    .a = dout + first * w->stride,
                                    .a_row = w->stride,
                                    .a_col = 1,
                                    .b = w->value_turned,
                                    .stride_b = w->Tp,
                                    .c = w->dp_,
                                    .stride_c = w->Tp});
        for (int64_t i = 0; i < rows; i++)
            scores_row_backward(w, first + i, width, w->p + i * w->Tp, w->dp_ + i * w->Tp,
                                w->mask->threshold != 0 ? w->factor + i * w->T : NULL);
        pack(rows, w->dh, w->q + first * w->stride, w->stride, w->dp, w->query);
        pack(rows, w->dh, dout + first * w->stride, w->stride, w->dp, w->dout);
        block_products(w, first, rows, dq);
    }
}

/* the heads that share key head `head`, one after the other into the same dkey and dvalue */
static void group_backward(const attention_shape *s, int64_t sequence, int64_t head,
                           int64_t first_group, const attention_gradients *g)
{
    const int64_t size = s->heads / key_heads(s), L = 2 * s->longest - 1;
    head_work w = head_begin(s, sequence, head * size, first_group);
    if (w.causal) {
        memset(w.dkey, 0, (size_t)(w.T * w.dp) * sizeof *w.dkey);
        memset(w.dvalue, 0, (size_t)(w.T * w.dp) * sizeof *w.dvalue);
    }
    for (int64_t h = head * size; h < (head + 1) * size; h++) {
        if (h > head * size)
            w = head_begin(s, sequence, h, first_group);
        int64_t at = s->start[sequence] * s->hidden + h * w.dh;
        if (g->scores != NULL)
            w.dscores = g->scores + (s->start[sequence] * s->heads + h) * s->longest;
        head_backward(&w, g->out + at, g->q + at);
        for (int64_t i = 0; i < L && w.dbias != NULL; i++) {
            int64_t from = i - (s->longest - w.T);
            bool inside = from >= 0 && from < 2 * w.T - 1;
            g->bias[(sequence * L + i) * s->heads + h] = inside ? w.dbias[from] : 0;
        }
    }
    int64_t at = s->start[sequence] * w.key_stride + head * w.dh;
    balance_keys(&w);
    unpack(w.T, w.dh, w.dkey, w.dp, w.key_stride, g->k + at);
    unpack(w.T, w.dh, w.dvalue, w.dp, w.key_stride, g->v + at);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

/* where each sequence's mask begins would be a table; adding up is as quick */
static int64_t first_group(const attention_shape *s, int64_t sequence)
{
    int64_t group = 0;
    for (int64_t i = 0; s->mask.threshold != 0 && i < sequence; i++)
        group += s->heads * groups_of_head(s->start[i + 1] - s->start[i]);
    return group;
}

static void cpu_attention(int threads, const attention_shape *s, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < s->n * s->heads; task++) {
        int64_t i = task / s->heads, head = task % s->heads;
        head_work w = head_begin(s, i, head, first_group(s, i));
        head_forward(&w, out + s->start[i] * s->hidden + head * w.dh);
    }
}

static void cpu_attention_backward(int threads, const attention_shape *s,
                                   const attention_gradients *g)
{
    const int64_t heads = key_heads(s);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t task = 0; task < s->n * heads; task++) {
        int64_t i = task / heads;
        group_backward(s, i, task % heads, first_group(s, i), g);
    }
}
