/* Opening: find the folder, read config.json, declare the weights, bind and read them, make what is
 * missing from the seed, take the fingerprint.
 *
 * SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "format/json.h"
#include "model/hub.h"
#include "model/labels.h"
#include "model/sentence.h"
#include "weights/binding.h"

enum { CONFIG_LIMIT = 16 << 20 };

model_options model_defaults(void)
{
    return (model_options){.pooling = "auto", .dropout = -1, .seed = 42};
}

static const char *const POOLINGS[] = {[POOLING_OWN] = "auto",
                                       [POOLING_CLS] = "cls",
                                       [POOLING_MEAN] = "mean",
                                       [POOLING_LAST] = "last"};

static int find_pooling(const char *name)
{
    for (int i = 0; i < (int)(sizeof POOLINGS / sizeof *POOLINGS); i++)
        if (strcmp(POOLINGS[i], name) == 0)
            return i;
    return -1;
}

static int check_options(idim *lib, const model_options *o)
{
    if (o->n_labels < 0)
        return fail(lib, IDIM_EARGUMENT, "labels: expected 0 or more, found %lld",
                    (long long)o->n_labels);
    if (o->pooling != NULL && find_pooling(o->pooling) < 0)
        return fail(lib, IDIM_EARGUMENT, "pooling: expected auto, cls, mean or last, found '%s'",
                    o->pooling);
    if (!(o->dropout < 1))
        return fail(lib, IDIM_EARGUMENT, "dropout: expected less than 1, found %g", o->dropout);
    return kernels_check_precision(lib, kernels_best(), o->precision);
}

static int find_arch(idim_model *m, const json_place *config)
{
    json_place at = json_member(config, "model_type");
    const char *type;
    char known[512];
    arch_names(false, known, sizeof known);
    if (!json_present(&at))
        return json_fail(config, IDIM_EFORMAT,
                         "model_type: expected one of %s, found nothing: not the config.json of a "
                         "model?",
                         known);
    TRY(json_want_text(&at, &type));
    m->arch = arch_find(type);
    if (m->arch == NULL)
        return json_fail(&at, IDIM_EUNSUPPORTED, "expected one of %s, found '%.80s'", known, type);
    return 0;
}

/* asked for the losses of next tokens */
static int make_language(idim_model *m, const json_place *config, const model_options *options)
{
    arch_config *c = &m->config;
    if (!m->arch->language) {
        json_place at = json_member(config, "model_type");
        char known[256];
        arch_names(true, known, sizeof known);
        return json_fail(
            &at, IDIM_EUNSUPPORTED,
            "causal-lm: expected a decoder (%s), found '%s': it can be trained on rows "
            "with labels",
            known, m->arch->model_type);
    }
    if (c->pooling != POOLING_OWN)
        return fail(m->lib, IDIM_EARGUMENT,
                    "pooling: a language model reads every token: expected auto, found '%s'",
                    options->pooling);
    c->language = true;
    /* a token that the model lacks separates nothing */
    c->end_of_text = c->end_of_text < c->vocab ? c->end_of_text : -1;
    return 0;
}

static int read_config(idim_model *m, const json_place *config, const model_options *options)
{
    TRY(find_arch(m, config));
    TRY(labels_read(m, config, options));
    TRY(m->arch->configure(m->lib, config->value, config->file, &m->config));
    m->config.n_labels = m->n_labels;
    if (options->pooling != NULL)
        m->config.pooling = (pooling)find_pooling(options->pooling);
    if (m->problem == PROBLEM_LANGUAGE)
        TRY(make_language(m, config, options));
    if (options->dropout >= 0) {
        m->config.dropout = options->dropout;
        m->config.attention_dropout = options->dropout;
        m->config.classifier_dropout = options->dropout;
        m->config.embedding_dropout = options->dropout;
        m->config.activation_dropout = options->dropout;
        m->config.pooler_dropout = options->dropout;
    }
    m->initializer_range = m->config.initializer_range;
    return 0;
}

static int parse_config(idim_model *m, const char *path, const char *text, int64_t length,
                        const model_options *options)
{
    json_t *document;
    TRY(json_read_text(m->lib, path, text, length, &document));
    json_place root = json_root(m->lib, path, document);
    int status = read_config(m, &root, options);
    json_decref(document);
    return status;
}

static int open_config(idim_model *m, const model_options *options)
{
    char *path, *text = NULL;
    int64_t length;
    uint8_t digest[HASH_BYTES];
    TRY(file_join(m->lib, m->path, "config.json", &path));
    int status = file_read(m->lib, path, CONFIG_LIMIT, &text, &length);
    if (status == 0) {
        hash_bytes(text, length, digest);
        hash_text(digest, m->config_sha256);
        status = parse_config(m, path, text, length, options);
    }
    memory_free(m->lib, text);
    memory_free(m->lib, path);
    return status;
}

static int open_weights(idim_model *m)
{
    TRY(params_new(m->lib, &m->weights));
    TRY(m->arch->declare(m->weights, &m->config));

    binding b = {.prefix = m->arch->prefix,
                 .buffers = m->arch->buffers,
                 .aliases = m->arch->aliases,
                 .seed = m->seed};
    int status = binding_load(m->weights, m->path, &b);
    m->own_head = b.own_head || m->config.language;
    if (status == 0)
        status = sentence_note(m, &b.notes);
    m->notes = b.notes.text;
    m->n_notes = b.notes.n;
    TRY(status);

    params_start(m->weights, m->seed, m->initializer_range);
    uint8_t digest[HASH_BYTES];
    TRY(params_fingerprint(m->weights, digest));
    hash_text(digest, m->fingerprint);
    return 0;
}

int model_open_config(idim *lib, const model_options *options, idim_model **out)
{
    *out = NULL;
    TRY(check_options(lib, options));
    idim_model *m;
    TRY(NEW(lib, idim_model, 1, "model", &m));
    m->lib = lib;
    m->seed = options->seed;
    m->precision = options->precision;
    int status = hub_find(lib, options->path, &m->path);
    if (status == 0)
        status = open_config(m, options);
    if (status != 0) {
        model_close(m);
        return status;
    }
    *out = m;
    return 0;
}

int model_open(idim *lib, const model_options *options, idim_model **out)
{
    TRY(model_open_config(lib, options, out));
    int status = open_weights(*out);
    if (status != 0) {
        model_close(*out);
        *out = NULL;
    }
    return status;
}

void model_reseed(idim_model *m, uint64_t seed)
{
    m->seed = seed;
    params_start(m->weights, seed, m->initializer_range);
}

void model_close(idim_model *m)
{
    if (m == NULL)
        return;
    note_list notes = {m->notes, m->n_notes, m->n_notes};
    notes_free(m->lib, &notes);
    for (int64_t i = 0; m->label_name != NULL && i < m->n_labels; i++)
        memory_free(m->lib, m->label_name[i]);
    memory_free(m->lib, m->label_name);
    tape_free(m->scratch);
    memory_free(m->lib, m->config.tensor);
    params_free(m->weights);
    memory_free(m->lib, m->path);
    memory_free(m->lib, m);
}

int idim_model_open(idim *lib, const char *path, int64_t labels, uint64_t seed, idim_model **out)
{
    library_clear(lib);
    model_options options = model_defaults();
    options.path = path;
    options.n_labels = labels;
    options.seed = seed;
    return model_open(lib, &options, out);
}

void idim_model_close(idim_model *model)
{
    model_close(model);
}

int64_t idim_model_size(const idim_model *model)
{
    return model->weights->size;
}

int64_t idim_model_labels(const idim_model *model)
{
    return model->n_labels;
}
