/* Bounds and errors as JSON.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/certificate.h"
#include "measure/occam.h"
#include "measure/record.h"

int certificate_count(const scorer *r, const split *on, error_count *out)
{
    idim *lib = r->model->lib;
    int64_t k = r->model->n_labels;
    float *logits;
    evaluation e;
    TRY(NEW(lib, float, on->n *k, "logits", &logits));
    int status = evaluate_split(r, on, logits, &e);
    *out = (error_count){.n = on->n};
    for (int64_t i = 0; status == 0 && i < on->n; i++)
        out->errors += metrics_class(logits + i * k, k) != (int64_t)on->label[i];
    memory_free(lib, logits);
    return status;
}

json_t *certificate_errors(const error_count *c)
{
    return json_pack("{s:I, s:I, s:f}", "n", (json_int_t)c->n, "errors", (json_int_t)c->errors,
                     "error", (double)c->errors / (double)c->n);
}

/* the share of train's rows that are not of its largest class */
static int majority_error(const job *j, double *out)
{
    const split *train = &j->task->splits[SPLIT_TRAIN];
    int64_t *rows, most = 0;
    TRY(NEW(j->lib, int64_t, j->task->n_labels, "classes", &rows));
    for (int64_t i = 0; i < train->n; i++) {
        int64_t count = ++rows[(int64_t)train->label[i]];
        most = count > most ? count : most;
    }
    memory_free(j->lib, rows);
    *out = 1 - (double)most / (double)train->n;
    return 0;
}

static json_t *baseline(const error_count *c, double delta, double bound, double error)
{
    json_t *bits = record_number(occam_bits_below(c->errors, c->n, delta, error));
    return json_pack("{s:f, s:b, s:o}", "error", error, "beaten", bound < error, "bits", bits);
}

int certificate_make(const job *j, const error_count *train, int64_t code_bits, int64_t file_bytes,
                     json_t **out)
{
    double delta = spec_number(j->spec, "delta"), majority;
    double all_bits = 8 * (double)(file_bytes + 2);
    TRY(majority_error(j, &majority));
    double bound = occam_bound(train->errors, train->n, (double)code_bits, delta);
    json_t *beats = json_object();
    json_object_set_new(beats, "one", baseline(train, delta, bound, 1));
    json_object_set_new(beats, "chance",
                        baseline(train, delta, bound, 1 - 1 / (double)j->model->n_labels));
    json_object_set_new(beats, "majority", baseline(train, delta, bound, majority));
    *out = json_pack("{s:f, s:I, s:I, s:f, s:I, s:f, s:f, s:f, s:I, s:o}", "delta", delta, "n",
                     (json_int_t)train->n, "errors", (json_int_t)train->errors, "train_error",
                     (double)train->errors / (double)train->n, "bits", (json_int_t)code_bits,
                     "bound", bound, "bound_of_whole_file",
                     occam_bound(train->errors, train->n, all_bits, delta), "bound_without_bits",
                     occam_bound(train->errors, train->n, 0, delta), "file_bytes",
                     (json_int_t)file_bytes, "baselines", beats);
    return *out != NULL ? 0 : fail_memory(j->lib, 4096, "bound");
}
