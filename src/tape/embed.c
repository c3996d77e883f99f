/* Embedding: rows of tables, summed. Its gradient goes to the sink as the rows that were used, each
 * once, in rising order, but for the padding token's; the rest is zero.
 *
 * SPDX-License-Identifier: MIT */
#include "tape/node.h"
#include "tape/ops.h"

#include <string.h>

typedef struct embedding_data {
    lookup table[MAX_LOOKUPS];
    int n;
} embedding_data;

/* The occurrences of each row that is used: row used[i] stands at order[start[i]] ..
 * order[start[i + 1]], by a counting sort; n_used <= rows. */
typedef struct occurrences {
    int64_t *used; /* entry numbers: row * cols */
    int32_t *start, *order, *count;
    int64_t n_used;
} occurrences;

static void find_occurrences(const lookup *l, int64_t rows, int64_t table_rows, int64_t cols,
                             occurrences *o)
{
    const int32_t *row = l->row;
    memset(o->count, 0, (size_t)table_rows * sizeof *o->count);
    for (int64_t i = 0; i < rows; i++)
        o->count[row[i]] += row[i] + 1 != l->padding;

    o->n_used = 0;
    int32_t place = 0;
    for (int64_t r = 0; r < table_rows; r++) {
        int32_t times = o->count[r];
        if (times == 0)
            continue;
        o->used[o->n_used] = r * cols;
        o->start[o->n_used++] = place;
        o->count[r] = place;
        place += times;
    }
    o->start[o->n_used] = place;
    for (int64_t i = 0; i < rows; i++)
        if (row[i] + 1 != l->padding)
            o->order[o->count[row[i]]++] = (int32_t)i;
}

static void table_backward(tape *t, const lookup *l, const var *y)
{
    const param *p = &t->weights->item[l->table];
    occurrences o = {.used = TAKE(t, int64_t, y->rows),
                     .start = TAKE(t, int32_t, y->rows + 1),
                     .order = TAKE(t, int32_t, y->rows),
                     .count = TAKE(t, int32_t, p->rows)};
    real *value = NULL;
    if (t->status == 0) {
        find_occurrences(l, y->rows, p->rows, p->cols, &o);
        value = TAKE(t, real, o.n_used * p->cols);
    }
    if (t->status == 0) {
        t->k->gather_sums(t->lib->threads, o.n_used, p->cols, o.start, o.order, y->gradient, value);
        gradient g = {value, o.used, o.n_used, p->cols};
        t->sink->fold(t->sink->user, l->table, &g);
    }
    tape_give(t, value);
    tape_give(t, o.count);
    tape_give(t, o.order);
    tape_give(t, o.start);
    tape_give(t, o.used);
}

/* y_i = sum_k E_k[row_k[i]].   dE_k[r] += sum of dy_i with row_k[i] = r, r not the padding's */
static void embedding_backward(tape *t, node *n)
{
    const embedding_data *d = n->data;
    for (int k = 0; k < d->n; k++)
        if (tape_trains(t, d->table[k].table))
            table_backward(t, &d->table[k], n->out);
}

static void embedding_forward(tape *t, node *n)
{
    const embedding_data *d = n->data;
    lookup_table table[MAX_LOOKUPS];
    for (int k = 0; k < d->n; k++)
        table[k] = (lookup_table){tape_weight(t, d->table[k].table), d->table[k].row};
    t->k->gather(t->lib->threads, d->n, table, n->out->rows, n->out->cols, n->out->value);
}

static const operation EMBEDDING = {"embedding", embedding_forward, embedding_backward, false};

var *embedding(tape *t, int64_t rows, const lookup *tables, int n)
{
    embedding_data d = {.n = n};
    bool trained = false;
    for (int k = 0; k < n; k++) {
        d.table[k] = tables[k];
        trained = trained || tape_trains(t, tables[k].table);
    }
    return tape_add(t, &(recipe){.op = &EMBEDDING,
                                 .rows = rows,
                                 .cols = t->weights->item[tables[0].table].cols,
                                 .trained = trained,
                                 .data = &d,
                                 .data_size = (int64_t)sizeof d});
}
