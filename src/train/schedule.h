/* The learning rate of a step: a linear warm-up, then linear or cosine decay to 0, or constant.
 *
 *     step s = 0, 1, ... of n, w warm-up steps:
 *     s < w      rate s' / w   with s' = s (as transformers' schedulers)
 *     linear     rate (n - s) / (n - w)
 *     cosine     rate (1 + cos(pi (s - w)/(n - w))) / 2
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TRAIN_SCHEDULE_H
#define IDIM_TRAIN_SCHEDULE_H

#include <stdint.h>

typedef enum schedule_kind { SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULE_CONSTANT } schedule_kind;

typedef struct schedule {
    schedule_kind kind;
    double rate;
    int64_t warmup, steps;
} schedule;

/* -1 for a name that is none */
int schedule_kind_of(const char *name);

double schedule_rate(const schedule *s, int64_t step);

#endif
