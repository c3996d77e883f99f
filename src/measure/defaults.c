/* The rules behind "auto".
 *
 * SPDX-License-Identifier: MIT */
#include "measure/defaults.h"

#include <math.h>
#include <string.h>

/* Adam moves every coordinate by about the rate, so |z| by rate sqrt(len) a step; what a direction
 * of z is worth grows more slowly still. rate = 1.3 / len^(5/8) was best or near it from 50 to
 * 10000; at 131072 half of that learned where the whole did not, so beyond LONG it falls as
 * 1 / len. Square roots alone, which are exact: the same rates on every machine. */
static const double RATE_AT_ONE = 1.3;
static const double LONG = 16384;

/* the scales are few and near 1 for every d */
static const double LAMBDA_RATE = 0.05;

static double rate_for(const char *method, int64_t len_z)
{
    double len = (double)len_z, bend = len < LONG ? len : LONG;
    if (len_z > 0)
        return RATE_AT_ONE / (sqrt(bend) * sqrt(sqrt(sqrt(bend)))) * (bend / len);
    if (strcmp(method, "full") == 0)
        return 5e-5;
    return strcmp(method, "bias") == 0 ? 1e-3 : 5e-3;
}

void defaults_resolve(spec *s, int64_t len_z)
{
    if (spec_is_auto(s, "learning_rate"))
        spec_set_number(s, "learning_rate", rate_for(spec_text(s, "method"), len_z));
    if (spec_is_auto(s, "per_device_train_batch_size"))
        spec_set_integer(s, "per_device_train_batch_size", len_z > 0 ? 16 : 8);
    if (spec_is_auto(s, "lambda_learning_rate"))
        spec_set_number(s, "lambda_learning_rate", LAMBDA_RATE);
    /* a few hundred numbers hardly overfit: dropout only slows them */
    if (spec_is_auto(s, "dropout") && len_z > 0)
        spec_set_number(s, "dropout", 0);
}
