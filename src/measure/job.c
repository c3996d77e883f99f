/* Opening what a spec names, in the order in which one thing needs another: the adapter says what
 * the head was trained for, the folder's config which label names it knows, the task how many
 * labels there are, and only then are the weights read and the head made.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/job.h"
#include "measure/defaults.h"
#include "model/hub.h"

#include <string.h>

enum { DEFAULT_MAX_LENGTH = 128 };
#define LANGUAGE "causal-lm" /* the task and the problem */

static bool is_command(const job *j, const char *name)
{
    return strcmp(spec_command(j->spec), name) == 0;
}

/* the text of a setting the command may not have; NULL when there is none */
static const char *text_of(const job *j, const char *name)
{
    if (!spec_has(j->spec, name))
        return NULL;
    const char *text = spec_text(j->spec, name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static int64_t integer_of(const job *j, const char *name, int64_t otherwise)
{
    return spec_has(j->spec, name) ? spec_integer(j->spec, name) : otherwise;
}

/* ---- the task ----------------------------------------------------------------------------------
 */

/* what was asked for; else what the adapter was trained with; else 128, or all positions if fewer
 */
static int64_t max_length(const job *j)
{
    if (spec_has(j->spec, "max_seq_length") && !spec_is_auto(j->spec, "max_seq_length"))
        return spec_integer(j->spec, "max_seq_length");
    if (j->adapter != NULL)
        return j->adapter->max_seq_length;
    return j->positions < DEFAULT_MAX_LENGTH ? j->positions : DEFAULT_MAX_LENGTH;
}

static int check_length(const job *j)
{
    if (max_length(j) > j->positions)
        return fail(j->lib, IDIM_EARGUMENT,
                    "max_seq_length: expected at most %lld, the positions of the model, found %lld",
                    (long long)j->positions, (long long)max_length(j));
    return 0;
}

static bool names_a_task(const job *j)
{
    static const char *const sources[] = {"task", "train", "dev", "test"};
    for (int i = 0; i < 4; i++)
        if (text_of(j, sources[i]) != NULL)
            return true;
    return false;
}

static bool is_language(const job *j)
{
    const char *name = text_of(j, "task");
    return (name != NULL && strcmp(name, LANGUAGE) == 0) ||
           (j->adapter != NULL && strcmp(j->adapter->problem, LANGUAGE) == 0);
}

/* what a language model's texts can be asked, and with which adapter */
static int check_language(const job *j)
{
    const char *name = text_of(j, "task");
    if (!is_language(j))
        return 0;
    if (is_command(j, "predict") || is_command(j, "bound"))
        return fail(j->lib, IDIM_EUNSUPPORTED,
                    "%s: expected a task with labels, found " LANGUAGE
                    ": eval tells how well it predicts a text",
                    spec_command(j->spec));
    if (name != NULL && strcmp(name, LANGUAGE) != 0)
        return fail(j->lib, IDIM_EMISMATCH, "adapter: expected one for %s, found one for " LANGUAGE,
                    name);
    if (j->adapter != NULL && strcmp(j->adapter->problem, LANGUAGE) != 0)
        return fail(j->lib, IDIM_EMISMATCH,
                    "adapter: expected one for " LANGUAGE ", found one for %s",
                    j->adapter->problem);
    return 0;
}

static bool needs_labels(const job *j)
{
    if (is_command(j, "gradients") && j->adapter != NULL)
        return strcmp(spec_text(j->spec, "of"), "loss") == 0;
    return !is_command(j, "predict") && !is_command(j, "inspect");
}

/* known: the model's config, for the names of its labels */
static int open_task(job *j, const idim_model *known)
{
    task_options o = task_defaults();
    o.name = text_of(j, "task");
    o.data = text_of(j, "data");
    o.file[SPLIT_TRAIN] = text_of(j, "train");
    o.file[SPLIT_DEV] = text_of(j, "dev");
    o.file[SPLIT_TEST] = text_of(j, "test");
    o.text = text_of(j, "text");
    o.label = text_of(j, "label");
    o.separator = text_of(j, "label_separator");
    if (o.separator != NULL && (strlen(o.separator) != 1 || o.separator[0] == '\t'))
        return fail(j->lib, IDIM_EARGUMENT,
                    "label_separator: expected one character, ';' for example, found '%s'",
                    o.separator);
    o.language = is_language(j);
    o.end_of_text = known->config.end_of_text;
    if (o.language)
        o.name = NULL;
    o.needs_labels = needs_labels(j) && !o.language;
    o.takes_labels = is_command(j, "inspect") && !o.language;
    o.max_length = max_length(j);
    o.max_samples[SPLIT_TRAIN] = integer_of(j, "max_train_samples", 0);
    o.max_samples[SPLIT_DEV] = o.max_samples[SPLIT_TEST] = integer_of(j, "max_eval_samples", 0);
    if (j->adapter != NULL) {
        o.known_labels = j->adapter->label_name;
        o.n_known_labels = j->adapter->label_name != NULL ? j->adapter->n_labels : 0;
        o.labels_fixed = true;
        o.multi_label = strcmp(j->adapter->problem, "multi-label") == 0;
    } else if (known->label_name != NULL) {
        o.known_labels = (const char *const *)known->label_name;
        o.n_known_labels = known->n_labels;
        o.multi_label = known->problem == PROBLEM_MULTI_LABEL && !is_command(j, "tune");
    }
    return task_open(j->lib, &o, j->tokenizer, &j->task);
}

/* ---- the model ---------------------------------------------------------------------------------
 */

static uint64_t seed_of(const job *j)
{
    return j->adapter != NULL ? j->adapter->seed : (uint64_t)integer_of(j, "seed", 42);
}

static precision precision_of(const job *j)
{
    const char *text = text_of(j, "precision");
    return text != NULL && strcmp(text, "bf16") == 0 ? PRECISION_BF16 : PRECISION_FP32;
}

static int open_model(job *j)
{
    model_options o = model_defaults();
    o.path = j->folder;
    o.seed = seed_of(j);
    o.precision = precision_of(j);
    o.pooling = j->adapter != NULL ? j->adapter->pooling : text_of(j, "pooling");
    if (is_language(j)) {
        o.problem = LANGUAGE;
    } else if (j->adapter != NULL) {
        o.n_labels = j->adapter->n_labels;
        o.problem = j->adapter->problem;
    } else if (is_command(j, "tune") || is_command(j, "gradients")) {
        o.n_labels = j->task->n_labels;
        o.problem = j->task->kind == TASK_REGRESSION    ? "regression"
                    : j->task->kind == TASK_MULTI_LABEL ? "multi-label"
                                                        : "classes";
    }
    if (spec_has(j->spec, "dropout") && !spec_is_auto(j->spec, "dropout"))
        o.dropout = spec_number(j->spec, "dropout");
    TRY(model_open(j->lib, &o, &j->model));
    /* with an adapter they were told by tune, and what was made anew is the adapter's to move */
    for (int64_t i = 0; j->adapter == NULL && i < j->model->n_notes; i++)
        library_log(j->lib, "%s", j->model->notes[i]);
    return 0;
}

/* a folder whose head has never been trained cannot be scored without an adapter */
static int check_head(const job *j)
{
    bool scores = is_command(j, "eval") || is_command(j, "predict");
    if (scores && j->adapter == NULL && !j->model->own_head)
        return fail(j->lib, IDIM_EARGUMENT,
                    "%s: expected a classification head of its own, or an adapter, found neither: "
                    "name the adapter.idim that tune wrote with --adapter",
                    j->folder);
    return 0;
}

/* rows with labels of another kind, or of other classes, than the head was trained for: there would
 * be fewer of them than the loss reads */
static int check_outputs(const job *j)
{
    static const char *const words[] = {"classes", "regression", "multi-label", LANGUAGE};
    static const model_problem problem_of[] = {[TASK_CLASSES] = PROBLEM_CLASSES,
                                               [TASK_REGRESSION] = PROBLEM_REGRESSION,
                                               [TASK_MULTI_LABEL] = PROBLEM_MULTI_LABEL,
                                               [TASK_LANGUAGE] = PROBLEM_LANGUAGE};
    const task *t = j->task;
    bool labelled = t->mismatched.label != NULL;
    for (int i = 0; i < N_SPLITS; i++)
        labelled = labelled || t->splits[i].label != NULL;
    model_problem wanted = problem_of[t->kind];
    if (!labelled || (wanted == j->model->problem && t->n_labels == j->model->n_labels))
        return 0;
    return fail(j->lib, IDIM_EMISMATCH,
                "%s: labels: the rows have %s of %lld outputs, the adapter's or model's head %s of "
                "%lld",
                t->name, words[wanted], (long long)t->n_labels, words[j->model->problem],
                (long long)j->model->n_labels);
}

/* ---- the subspace ------------------------------------------------------------------------------
 */

static int make_subspace(job *j)
{
    idim_subspace_options o = idim_subspace_defaults();
    const spec *s = j->spec;
    o.method = spec_text(s, "method");
    o.projection = spec_text(s, "projection");
    o.normalize = spec_text(s, "normalize");
    o.groups = spec_text(s, "groups");
    o.pull = spec_text(s, "pull");
    o.dim = spec_integer(s, "dim");
    o.seed = (uint64_t)spec_integer(s, "seed");
    return subspace_new(j->model->weights, &o, &j->space);
}

/* the random map would send many z to the same weights, at the price of more */
static int check_dim(const job *j)
{
    int64_t dim = spec_integer(j->spec, "dim"), most = j->model->weights->size;
    if (dim > most)
        return fail(j->lib, IDIM_EARGUMENT,
                    "dim: expected at most %lld, the number of weights of %s, found %lld: method "
                    "full trains them all",
                    (long long)most, j->folder, (long long)dim);
    return 0;
}

static int open_subspace(job *j)
{
    TRY(check_dim(j));
    TRY(make_subspace(j));
    if (spec_is_auto(j->spec, "max_seq_length"))
        spec_set_integer(j->spec, "max_seq_length", max_length(j));
    defaults_resolve(j->spec, subspace_len_z(j->space));
    return 0;
}

/* theta <- the adapter's numbers */
static int apply_adapter(job *j)
{
    TRY(adapter_check(j->adapter, j->model->fingerprint));
    idim_subspace_options o = adapter_options(j->adapter);
    TRY(subspace_new(j->model->weights, &o, &j->space));
    return adapter_place(j->adapter, j->space, j->model->weights->theta);
}

const real *job_gradient_x(const job *j)
{
    bool others = spec_is_set(j->spec, "method") || spec_is_set(j->spec, "dim");
    return j->adapter == NULL || others ? NULL : j->adapter->x;
}

/* the adapter's own numbers, unless others are asked for */
static int open_gradient_space(job *j)
{
    if (spec_is_auto(j->spec, "max_seq_length"))
        spec_set_integer(j->spec, "max_seq_length", max_length(j));
    if (j->adapter == NULL)
        return make_subspace(j);
    TRY(apply_adapter(j));
    if (job_gradient_x(j) != NULL)
        return 0;
    subspace_free(j->space);
    j->space = NULL;
    return make_subspace(j);
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static int open_adapter(job *j)
{
    const char *path = text_of(j, "adapter");
    return path == NULL ? 0 : adapter_read(j->lib, path, &j->adapter);
}

static int open_data(job *j)
{
    model_options o = model_defaults();
    idim_model *known;
    o.path = j->folder;
    o.precision = precision_of(j); /* refused before the data is read */
    o.problem = is_language(j) ? LANGUAGE : NULL;
    TRY(tokenizer_open(j->lib, j->folder, &j->tokenizer));
    TRY(model_open_config(j->lib, &o, &known));
    j->positions = known->config.positions;
    int status = check_length(j);
    if (status == 0)
        status = open_task(j, known);
    model_close(known);
    return status;
}

static int open_parts(job *j)
{
    const char *path = text_of(j, "model");
    TRY(open_adapter(j));
    if (path == NULL && is_command(j, "inspect") && j->adapter != NULL)
        return 0;
    if ((is_command(j, "merge") || is_command(j, "bound")) && j->adapter == NULL)
        return fail(j->lib, IDIM_EARGUMENT,
                    "adapter: expected a file that tune wrote (--adapter FILE), found none");
    if (path == NULL)
        return fail(j->lib, IDIM_EARGUMENT,
                    "model: expected a model folder (--model PATH), found none");
    TRY(check_language(j));
    TRY(hub_find(j->lib, path, &j->folder));
    if (is_command(j, "tokenize"))
        return tokenizer_open(j->lib, j->folder, &j->tokenizer);
    if (names_a_task(j))
        TRY(open_data(j));
    else if (!is_command(j, "inspect") && !is_command(j, "merge"))
        return fail(j->lib, IDIM_EARGUMENT,
                    "data: expected --task with --data, or files (--train, --dev, --test), found "
                    "none");
    TRY(open_model(j));
    if (is_command(j, "inspect"))
        return 0;
    TRY(check_head(j));
    if (j->task != NULL)
        TRY(check_outputs(j));
    if (is_command(j, "tune"))
        return open_subspace(j);
    if (is_command(j, "gradients"))
        return open_gradient_space(j);
    return j->adapter != NULL ? apply_adapter(j) : 0;
}

int job_open(idim *lib, const char *command, const char *text, job *out)
{
    *out = (job){.lib = lib};
    TRY(spec_parse(lib, command, text, &out->spec));
    int64_t threads = spec_integer(out->spec, "threads");
    if (threads > 0)
        lib->threads = (int)threads;
    return open_parts(out);
}

int job_again(job *j, const char *text)
{
    spec *next;
    TRY(spec_parse(j->lib, "tune", text, &next));
    subspace_free(j->space);
    spec_free(j->spec);
    j->space = NULL;
    j->spec = next;
    model_reseed(j->model, seed_of(j));
    return open_subspace(j);
}

int job_change_adapter(job *j, const char *path, bool *fits)
{
    adapter *next;
    const adapter *now = j->adapter;
    TRY(adapter_read(j->lib, path, &next));
    *fits = now != NULL && next->n_labels == now->n_labels &&
            strcmp(next->problem, now->problem) == 0 && strcmp(next->pooling, now->pooling) == 0 &&
            next->max_seq_length == now->max_seq_length;
    if (!*fits) {
        adapter_free(next);
        return 0;
    }
    adapter_free(j->adapter);
    subspace_free(j->space);
    j->adapter = next;
    j->space = NULL;
    model_reseed(j->model, next->seed);
    return apply_adapter(j);
}

void job_close(job *j)
{
    if (j->lib == NULL)
        return;
    subspace_free(j->space);
    model_close(j->model);
    task_close(j->task);
    tokenizer_close(j->tokenizer);
    adapter_free(j->adapter);
    spec_free(j->spec);
    memory_free(j->lib, j->folder);
    *j = (job){0};
}

/* ---- what is asked of a job --------------------------------------------------------------------
 */

json_t *job_label(const job *j, int64_t i)
{
    const char *name = NULL;
    if (j->adapter != NULL && j->adapter->label_name != NULL)
        name = j->adapter->label_name[i];
    else if (j->model->label_name != NULL)
        name = j->model->label_name[i];
    else if (j->task != NULL && j->task->label_name != NULL && i < j->task->n_labels)
        name = j->task->label_name[i];
    return name != NULL ? json_string(name) : json_integer(i);
}

trainer_options job_trainer_options(const spec *s)
{
    trainer_options o = trainer_defaults();
    o.optimiser.kind = (optimiser_kind)optimiser_kind_of(spec_text(s, "optimizer"));
    if (o.optimiser.kind == OPTIMISER_SGD)
        o.optimiser.beta1 = 0;
    o.optimiser.weight_decay = spec_number(s, "weight_decay");
    o.optimiser.max_grad_norm = spec_number(s, "max_grad_norm");
    o.schedule.kind = (schedule_kind)schedule_kind_of(spec_text(s, "lr_scheduler_type"));
    o.schedule.rate = spec_number(s, "learning_rate");
    if (o.schedule.rate > 0)
        o.optimiser.lambda_rate = spec_number(s, "lambda_learning_rate") / o.schedule.rate;
    o.epochs = spec_number(s, "num_train_epochs");
    o.max_steps = spec_integer(s, "max_steps");
    o.warmup = spec_number(s, "warmup_steps");
    o.batch = spec_integer(s, "per_device_train_batch_size");
    o.accumulation = spec_integer(s, "gradient_accumulation_steps");
    o.order = (order_kind)order_kind_of(spec_text(s, "data_order"));
    o.seed = (uint64_t)spec_integer(s, "seed");
    /* no dropout is not the same as dropout 0: it draws nothing */
    o.dropout = spec_is_auto(s, "dropout") || spec_number(s, "dropout") > 0;
    return o;
}

static adapter adapter_of(const job *j, const real *x)
{
    static const char *const problems[] = {"classes", "regression", "multi-label", LANGUAGE};
    const spec *s = j->spec;
    const idim_model *m = j->model;
    return (adapter){.method = spec_text(s, "method"),
                     .projection = spec_text(s, "projection"),
                     .normalize = spec_text(s, "normalize"),
                     .groups = spec_text(s, "groups"),
                     .pull = spec_text(s, "pull"),
                     .seed = (uint64_t)spec_integer(s, "seed"),
                     .len_z = subspace_len_z(j->space),
                     .n_lambda = subspace_n_lambda(j->space),
                     .n_direct = subspace_n_direct(j->space),
                     .x = x,
                     .base = m->fingerprint,
                     .architecture = m->arch->model_type,
                     .weights = m->weights->size,
                     .initializer_range = m->initializer_range,
                     .pooling = spec_text(s, "pooling"),
                     .task = j->task->name,
                     .problem = problems[m->problem],
                     .n_labels = m->n_labels,
                     .label_name = (const char *const *)j->task->label_name,
                     .max_seq_length = max_length(j)};
}

bool job_codes_adapter(const job *j)
{
    return spec_integer(j->spec, "max_adapter_bytes") > 0 || spec_number(j->spec, "bits") > 0;
}

/* makes it coded, when that was asked for */
static int fit(const job *j, adapter *a)
{
    adapter_limits limits = {.bytes = spec_integer(j->spec, "max_adapter_bytes"),
                             .bits = spec_number(j->spec, "bits")};
    return job_codes_adapter(j) ? adapter_fit(j->lib, a, &limits) : 0;
}

int job_code(const job *j, const real *x, real *out, job_coding *how)
{
    adapter a = adapter_of(j, x);
    TRY(fit(j, &a));
    adapter_coded_values(&a, out);
    if (how != NULL)
        *how = (job_coding){.size = adapter_coded_size(&a),
                            .code_bits = adapter_code_bits(&a),
                            .step = codebook_step(&a.book[a.len_z > 0 ? PART_Z : PART_DIRECT])};
    return 0;
}

int job_save_adapter(const job *j, const real *x, const char *path)
{
    adapter a = adapter_of(j, x);
    TRY(fit(j, &a));
    return adapter_write(j->lib, &a, path);
}

int64_t job_adapter_bytes(const job *j)
{
    enum { HEADER = 700, CODED_HEADER = 80 }; /* about what the texts take */
    int64_t limit = spec_integer(j->spec, "max_adapter_bytes");
    double bits = spec_number(j->spec, "bits");
    if (limit > 0)
        return limit;
    if (bits > 0)
        return CODED_HEADER + (int64_t)(bits * (double)subspace_dim(j->space) / 8);
    return HEADER + subspace_dim(j->space) * (int64_t)sizeof(float);
}

static int hash_line(idim *lib, hasher *h, const char *line)
{
    TRY(hash_add(lib, h, line, (int64_t)strlen(line)));
    return hash_add(lib, h, "\n", 1);
}

/* of a split that is not there both lines are empty */
static int hash_split(idim *lib, hasher *h, const split *s)
{
    TRY(hash_line(lib, h, s->sha256));
    return hash_line(lib, h, s->encoded);
}

static int hash_parts(const job *j, hasher *h)
{
    char *named;
    TRY(spec_named(j->spec, &named));
    int status = hash_line(j->lib, h, named);
    memory_free(j->lib, named);
    TRY(status);
    TRY(hash_line(j->lib, h, IDIM_VERSION));
    TRY(hash_line(j->lib, h, j->model->fingerprint));
    TRY(hash_line(j->lib, h, j->model->config_sha256));
    for (int i = 0; i < N_SPLITS; i++)
        TRY(hash_split(j->lib, h, &j->task->splits[i]));
    return hash_split(j->lib, h, &j->task->mismatched);
}

int job_name(const job *j, char text[HASH_TEXT])
{
    uint8_t digest[HASH_BYTES];
    hasher *h;
    TRY(hash_begin(j->lib, &h));
    int status = hash_parts(j, h);
    int ended = hash_end(j->lib, h, digest);
    TRY(status);
    TRY(ended);
    hash_text(digest, text);
    return 0;
}
