/* The rules behind "auto".
 *
 * SPDX-License-Identifier: MIT */
#include "measure/defaults.h"

#include <math.h>
#include <string.h>

/* Adam moves every coordinate by about the rate, so |z| by rate sqrt(d) a step: one c serves all d.
 */
static const double RATE_TIMES_ROOT_D = 0.6;

static double rate_for(const char *method, int64_t len_z)
{
    if (len_z > 0)
        return RATE_TIMES_ROOT_D / sqrt((double)len_z);
    if (strcmp(method, "full") == 0)
        return 5e-5;
    return strcmp(method, "bias") == 0 ? 1e-3 : 5e-3;
}

void defaults_resolve(spec *s, int64_t len_z)
{
    if (spec_is_auto(s, "learning_rate"))
        spec_set_number(s, "learning_rate", rate_for(spec_text(s, "method"), len_z));
    /* a few hundred numbers hardly overfit: dropout only slows them */
    if (spec_is_auto(s, "dropout") && len_z > 0)
        spec_set_number(s, "dropout", 0);
}
