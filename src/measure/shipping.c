/* Fewer bits lower a bound by their number and raise it by the errors they cause; where the sum is
 * least is found by trying.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/shipping.h"
#include "measure/certificate.h"
#include "measure/occam.h"

#include <math.h>

/* bits of a number of z; the rows of train a candidate is scored on */
static const double CANDIDATES[] = {0.75, 1, 1.5, 2, 2.5, 3.5};
enum { N_CANDIDATES = sizeof CANDIDATES / sizeof CANDIDATES[0], SCORED_ROWS = 2000 };

int shipping_check(const job *j)
{
    if (!spec_flag(j->spec, "for_bound"))
        return 0;
    if (spec_number(j->spec, "bits") > 0 || spec_integer(j->spec, "max_adapter_bytes") > 0)
        return fail(
            j->lib, IDIM_EARGUMENT,
            "for_bound: expected neither --bits nor --max-adapter-bytes beside it: it finds "
            "the bits");
    if (j->task->kind != TASK_CLASSES)
        return fail(j->lib, IDIM_EARGUMENT, "for_bound: expected a task with classes, found %s",
                    j->task->name);
    return 0;
}

int shipping_round(void *user, const real *x, real *out)
{
    return job_code(user, x, out, NULL);
}

typedef struct search {
    const job *job;
    trainer *trainer;
    split rows;    /* a view of train's first */
    int64_t n;     /* of train                */
    real *shipped; /* [d]                     */
    double lowest, bits;
} search;

static int try_bits(search *s, double bits, json_t *tried)
{
    const job *j = s->job;
    job_coding how;
    error_count c;
    spec_set_number(j->spec, "bits", bits);
    TRY(job_code(j, s->trainer->x, s->shipped, &how));
    subspace_push(j->space, s->shipped, j->model->weights->theta);
    s->trainer->theta_is_current = false;
    scorer r = trainer_scorer(s->trainer);
    TRY(certificate_count(&r, &s->rows, &c));

    double share = (double)c.errors / (double)c.n;
    int64_t in_all = (int64_t)llround(share * (double)s->n);
    double bound = occam_bound(in_all, s->n, (double)how.code_bits, spec_number(j->spec, "delta"));
    json_array_append_new(tried, json_pack("{s:f, s:I, s:f, s:f}", "bits", bits, "code_bits",
                                           (json_int_t)how.code_bits, "train_error", share, "bound",
                                           bound));
    if (bound < s->lowest) {
        s->lowest = bound;
        s->bits = bits;
    }
    return 0;
}

int64_t shipping_tried_tokens(const job *j)
{
    const split *train = &j->task->splits[SPLIT_TRAIN];
    if (!spec_flag(j->spec, "for_bound"))
        return 0;
    return N_CANDIDATES * train->start[train->n < SCORED_ROWS ? train->n : SCORED_ROWS];
}

int shipping_choose(const job *j, trainer *t, json_t **tried)
{
    *tried = NULL;
    if (!spec_flag(j->spec, "for_bound"))
        return 0;
    search s = {.job = j, .trainer = t, .rows = j->task->splits[SPLIT_TRAIN], .lowest = INFINITY};
    s.n = s.rows.n;
    s.rows.n = s.n < SCORED_ROWS ? s.n : SCORED_ROWS;
    *tried = json_array();
    int status = NEW(j->lib, real, t->d, "coded numbers", &s.shipped);
    for (int i = 0; i < N_CANDIDATES && status == 0; i++)
        status = try_bits(&s, CANDIDATES[i], *tried);
    if (status == 0)
        spec_set_number(j->spec, "bits", s.bits);
    memory_free(j->lib, s.shipped);
    return status;
}
