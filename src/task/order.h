/* The order in which an epoch sees its examples: a function of (labels, seed, epoch) alone.
 *
 * Shuffled is a random permutation. Stratified deals the same permutation out so that any run of
 * consecutive examples, a batch say, holds every class in about its share of the whole data (two
 * classes: to within one or two examples): what batches differ in by the luck of their class counts
 * moves all outputs alike, and a few hundred random directions cannot tell it from learning
 * (docs/defaults.md has what it gains).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_ORDER_H
#define IDIM_TASK_ORDER_H

#include "task/task.h"

typedef enum order_kind { ORDER_STRATIFIED, ORDER_SHUFFLED } order_kind;

typedef struct epoch_order epoch_order;

/* kind of "stratified" or "shuffled", -1 for another name */
int order_kind_of(const char *name);

/* Of the train split, which must outlive it. A regression's strata are eighths of the sorted
 * labels; examples with any number of labels are one stratum. */
int order_new(const task *t, order_kind kind, uint64_t seed, epoch_order **out);
void order_free(epoch_order *o);

/* [train.n], owned by the order, until the next call. */
const int32_t *order_of_epoch(epoch_order *o, int64_t epoch);

#endif
