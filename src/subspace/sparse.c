/* Very sparse signs (Li et al. 2018 after Li, Hastie, Church, KDD 2006): an entry of P is +1 or -1
 * with probability p = 1/sqrt(D) together, else 0.
 *
 * The entries of a tile of 256 weights, row after row, are walked from one that is not 0 to the
 * next: the number of zeros between has P(gap >= k) = (1 - p)^k, drawn by a table of these. So the
 * work is len z x sqrt(D), and nothing of P is stored.
 *
 * Call c of tile t: counter {t, STREAM_ENTRY, low and high of key + c}; its words are used in turn,
 * bits 1 .. 31 for the gap and bit 0 for the sign.
 *
 * SPDX-License-Identifier: MIT */
#include "subspace/projection.h"

#include <math.h>

enum { TILE = 256, GAPS = 4096 };

/* entries that are not 0 beyond which a step would not end */
static const double ENTRIES_LIMIT = 4294967296.0;

static double density(const projection_state *p)
{
    return 1 / sqrt((double)p->weights);
}

static int sparse_prepare(projection_state *p)
{
    double entries = (double)p->len_z * sqrt((double)p->weights);
    if (entries > ENTRIES_LIMIT)
        return fail(p->lib, IDIM_EARGUMENT,
                    "projection 'sparse': dimensions x sqrt(weights) = %.0f, expected at most "
                    "%.0f: a smaller dim, or projection 'fastfood'",
                    entries, ENTRIES_LIMIT);
    p->inner = p->len_z;
    p->tile = TILE;
    p->work = 0;

    /* table[k] = floor(2^31 (1 - p)^(k + 1)) */
    TRY(NEW(p->lib, uint32_t, GAPS, "gaps", &p->table));
    double power = 1;
    for (int k = 0; k < GAPS; k++) {
        power *= 1 - density(p);
        p->table[k] = (uint32_t)(power * 2147483648.0);
    }
    return 0;
}

static double sparse_variance(const projection_state *p, const projected *t)
{
    (void)t;
    return density(p);
}

/* a walk over the entries of a tile that are not 0 */
typedef struct walk {
    const projection_state *p;
    const piece *w;
    int64_t at, end; /* row x len z + column, within the tile */
    uint64_t call;
    uint32_t words[4];
    int used;
    bool negative;
} walk;

static walk walk_begin(const projection_state *p, const piece *w)
{
    return (walk){.p = p, .w = w, .at = -1, .end = w->count * p->len_z, .used = 4};
}

static uint32_t next_word(walk *k)
{
    if (k->used == 4) {
        random_words(k->p->seed, STREAM_ENTRY, k->w->tensor->key + k->call++,
                     (uint32_t)(k->w->first / TILE), k->words);
        k->used = 0;
    }
    return k->words[k->used++];
}

/* how many of the table's entries are above u: the gap, GAPS when it is longer still */
static int64_t gap_of(const uint32_t *table, uint32_t u)
{
    int64_t low = 0, high = GAPS;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (table[middle] > u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool walk_next(walk *k)
{
    for (k->at++; k->at < k->end;) {
        uint32_t word = next_word(k);
        int64_t gap = gap_of(k->p->table, word >> 1);
        k->negative = word & 1;
        k->at += gap;
        if (gap < GAPS)
            break;
    }
    return k->at < k->end;
}

static void sparse_push(const projection_state *p, const piece *w, const real *v, const real *base,
                        real *out)
{
    for (int64_t j = 0; j < w->count; j++)
        out[j] = base != NULL ? base[j] : 0;
    walk k = walk_begin(p, w);
    while (walk_next(&k)) {
        real factor = k.negative ? -w->scale : w->scale;
        out[k.at / p->len_z] += factor * v[k.at % p->len_z];
    }
}

static void sparse_pull(const projection_state *p, const piece *w, const real *g, real *u)
{
    walk k = walk_begin(p, w);
    while (walk_next(&k)) {
        real factor = k.negative ? -w->scale : w->scale;
        u[k.at % p->len_z] += factor * g[k.at / p->len_z];
    }
}

const projection projection_sparse = {
    .name = "sparse",
    .help = "signs of density 1/sqrt(D), all else zero: small models and tests",
    .prepare = sparse_prepare,
    .entry_variance = sparse_variance,
    .begin = projection_take_z,
    .push = sparse_push,
    .pull = sparse_pull,
    .end = projection_give_z,
};
