/* Learning-rate schedules.
 *
 * SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

int schedule_kind_of(const char *name)
{
    static const char *const names[] = {"linear", "cosine", "constant"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

double schedule_rate(const schedule *s, int64_t step)
{
    static const double pi = 3.14159265358979323846;
    if (step < s->warmup)
        return s->rate * (double)step / (double)s->warmup;
    if (s->kind == SCHEDULE_CONSTANT || s->steps <= s->warmup)
        return s->rate;

    double done = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    if (done > 1)
        done = 1;
    return s->kind == SCHEDULE_LINEAR ? s->rate * (1 - done) : s->rate * 0.5 * (1 + cos(pi * done));
}
