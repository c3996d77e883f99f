/* Dealing out: the r-th of a stratum's n examples belongs at (r + phase) / n of the epoch. Phases
 * differ by the golden ratio, so that many strata of one size do not all come at once.
 *
 * SPDX-License-Identifier: MIT */
#include "task/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { REGRESSION_STRATA = 8 };

typedef struct dealt {
    double place; /* in the epoch, 0 to 1; equal ones stay as the shuffle has them */
    int32_t example, shuffled;
} dealt;

struct epoch_order {
    idim *lib;
    uint64_t seed;
    int64_t n, epoch;
    int32_t *index;   /* [n] of `epoch` */
    int32_t *stratum; /* [n]; NULL: all in one */
    int64_t n_strata;
    int64_t *size, *dealt_so_far; /* [n_strata] */
    dealt *deal;                  /* [n] */
};

int order_kind_of(const char *name)
{
    static const char *const names[] = {"stratified", "shuffled"};
    for (int i = 0; i < 2; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

typedef struct ranked {
    float label;
    int32_t example;
} ranked;

static int by_label(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return x->example < y->example ? -1 : 1;
}

static int regression_strata(epoch_order *o, const float *label)
{
    ranked *rank;
    TRY(NEW(o->lib, ranked, o->n, "data order", &rank));
    for (int64_t i = 0; i < o->n; i++)
        rank[i] = (ranked){label[i], (int32_t)i};
    qsort(rank, (size_t)o->n, sizeof *rank, by_label);
    for (int64_t i = 0; i < o->n; i++)
        o->stratum[rank[i].example] = (int32_t)(i * REGRESSION_STRATA / o->n);
    memory_free(o->lib, rank);
    return 0;
}

static int make_strata(epoch_order *o, const task *t)
{
    const float *label = t->splits[SPLIT_TRAIN].label;
    bool is_regression = t->kind == TASK_REGRESSION;
    o->n_strata = is_regression ? REGRESSION_STRATA : t->n_labels;
    TRY(NEW(o->lib, int32_t, o->n, "data order", &o->stratum));
    TRY(NEW(o->lib, int64_t, o->n_strata, "data order", &o->size));
    TRY(NEW(o->lib, int64_t, o->n_strata, "data order", &o->dealt_so_far));
    TRY(NEW(o->lib, dealt, o->n, "data order", &o->deal));
    if (is_regression)
        TRY(regression_strata(o, label));
    else
        for (int64_t i = 0; i < o->n; i++)
            o->stratum[i] = (int32_t)label[i];
    for (int64_t i = 0; i < o->n; i++)
        o->size[o->stratum[i]]++;
    return 0;
}

/* lists of labels and blocks of text have none to be dealt by */
static bool has_strata(const task *t)
{
    return t->kind != TASK_MULTI_LABEL && t->kind != TASK_LANGUAGE;
}

int order_new(const task *t, order_kind kind, uint64_t seed, epoch_order **out)
{
    *out = NULL;
    epoch_order *o;
    TRY(NEW(t->lib, epoch_order, 1, "data order", &o));
    *o = (epoch_order){.lib = t->lib, .seed = seed, .n = t->splits[SPLIT_TRAIN].n, .epoch = -1};
    int status = NEW(o->lib, int32_t, o->n, "data order", &o->index);
    if (status == 0 && kind == ORDER_STRATIFIED && has_strata(t))
        status = make_strata(o, t);
    if (status != 0) {
        order_free(o);
        return status;
    }
    *out = o;
    return 0;
}

void order_free(epoch_order *o)
{
    if (o == NULL)
        return;
    memory_free(o->lib, o->index);
    memory_free(o->lib, o->stratum);
    memory_free(o->lib, o->size);
    memory_free(o->lib, o->dealt_so_far);
    memory_free(o->lib, o->deal);
    memory_free(o->lib, o);
}

static int by_place(const void *a, const void *b)
{
    const dealt *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->shuffled < y->shuffled ? -1 : 1;
}

/* 1/2 + s times the golden ratio, without its whole part: in integers, the same everywhere */
static double phase(int32_t s)
{
    static const uint32_t golden = 2654435769u; /* 2^32 (sqrt(5) - 1) / 2 */
    return (double)((1u << 31) + golden * (uint32_t)s) / 4294967296.0;
}

static void deal_out(epoch_order *o)
{
    memset(o->dealt_so_far, 0, (size_t)o->n_strata * sizeof *o->dealt_so_far);
    for (int64_t i = 0; i < o->n; i++) {
        int32_t s = o->stratum[o->index[i]];
        double place = ((double)o->dealt_so_far[s]++ + phase(s)) / (double)o->size[s];
        o->deal[i] = (dealt){place, o->index[i], (int32_t)i};
    }
    qsort(o->deal, (size_t)o->n, sizeof *o->deal, by_place);
    for (int64_t i = 0; i < o->n; i++)
        o->index[i] = o->deal[i].example;
}

const int32_t *order_of_epoch(epoch_order *o, int64_t epoch)
{
    if (epoch != o->epoch) {
        random_permutation(o->seed, STREAM_ORDER, (uint64_t)epoch, o->index, o->n);
        if (o->stratum != NULL)
            deal_out(o);
        o->epoch = epoch;
    }
    return o->index;
}
