/* Writing a model folder.
 *
 * SPDX-License-Identifier: MIT */
#include "model/export.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/json.h"
#include "format/safetensors_write.h"

enum { CONFIG_LIMIT = 16 << 20, TOKENIZER_LIMIT = 1 << 30 };

/* the classes of `transformers`; whether their heads read the first token; as a language model */
static const struct {
    const char *model_type, *class;
    bool first_token;
    const char *language;
} CLASSES[] = {
    {"bert", "BertForSequenceClassification", true, NULL},
    {"roberta", "RobertaForSequenceClassification", true, NULL},
    {"xlm-roberta", "XLMRobertaForSequenceClassification", true, NULL},
    {"electra", "ElectraForSequenceClassification", true, NULL},
    {"distilbert", "DistilBertForSequenceClassification", true, NULL},
    {"albert", "AlbertForSequenceClassification", true, NULL},
    {"deberta-v2", "DebertaV2ForSequenceClassification", true, NULL},
    {"mpnet", "MPNetForSequenceClassification", true, NULL},
    {"gpt2", "GPT2ForSequenceClassification", false, "GPT2LMHeadModel"},
    {"llama", "LlamaForSequenceClassification", false, "LlamaForCausalLM"},
    {"mistral", "MistralForSequenceClassification", false, "MistralForCausalLM"},
    {"qwen2", "Qwen2ForSequenceClassification", false, "Qwen2ForCausalLM"},
    {"qwen3", "Qwen3ForSequenceClassification", false, "Qwen3ForCausalLM"},
    {"opt", "OPTForSequenceClassification", false, "OPTForCausalLM"},
    {"t5", "T5ForSequenceClassification", false, NULL},
    {"bart", "BartForSequenceClassification", false, NULL},
    {"xlnet", "XLNetForSequenceClassification", false, NULL},
};

static const char *const TOKENIZER_FILES[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
};

enum {
    N_CLASSES = sizeof CLASSES / sizeof CLASSES[0],
    N_TOKENIZER_FILES = sizeof TOKENIZER_FILES / sizeof TOKENIZER_FILES[0]
};

static int find_class(const idim_model *m, const char **out)
{
    int i = 0;
    while (i < N_CLASSES && strcmp(CLASSES[i].model_type, m->arch->model_type) != 0)
        i++;
    if (i == N_CLASSES)
        return fail(m->lib, IDIM_EUNSUPPORTED,
                    "%s: model_type '%s' cannot be merged by this version", m->path,
                    m->arch->model_type);
    pooling reads = m->config.pooling;
    if (reads != POOLING_OWN && !(reads == POOLING_CLS && CLASSES[i].first_token) &&
        !(reads == POOLING_LAST && !CLASSES[i].first_token))
        return fail(m->lib, IDIM_EUNSUPPORTED,
                    "%s: pooling: %s reads another token than the adapter was trained with: only "
                    "adapters trained with --pooling auto can be merged",
                    m->path, CLASSES[i].class);
    *out = m->config.language ? CLASSES[i].language : CLASSES[i].class;
    return 0;
}

/* ---- the parts --------------------------------------------------------------------------------
 */

/* as the files have it: [rows][pieces][..], or [pieces][..] for one row */
static tensor_out in_pieces(const param *p, tensor_out like)
{
    int rank = p->rows == 1 ? 2 : 3;
    like.rank = rank;
    like.shape[0] = p->rows;
    like.shape[rank - 2] = p->pieces;
    like.shape[rank - 1] = p->cols / p->pieces;
    return like;
}

/* the head stands beside the encoder, all else inside it */
static int name_tensors(const idim_model *m, tensor_out *item)
{
    for (int64_t i = 0; i < m->weights->n; i++) {
        const param *p = &m->weights->item[i];
        bool vector = p->rows == 1 && (p->is_bias || p->is_norm);
        bool beside = p->role == ROLE_CLASSIFIER || p->role == ROLE_LANGUAGE;
        const char *prefix = beside ? "" : m->arch->prefix;
        char *name;
        TRY(memory_format(m->lib, &name, "%s%s", prefix, p->name));
        item[i] = (tensor_out){.name = name,
                               .shape = {vector ? p->cols : p->rows, p->cols},
                               .rank = vector ? 1 : 2,
                               .value = m->weights->theta + p->offset};
        if (p->pieces > 0)
            item[i] = in_pieces(p, item[i]);
    }
    return 0;
}

static int write_weights(const idim_model *m, const char *path)
{
    tensor_out *item;
    TRY(NEW(m->lib, tensor_out, m->weights->n, "tensors", &item));
    int status = name_tensors(m, item);
    if (status == 0)
        status = safetensors_write(m->lib, path, item, m->weights->n);
    for (int64_t i = 0; i < m->weights->n; i++)
        memory_free(m->lib, (char *)(uintptr_t)item[i].name);
    memory_free(m->lib, item);
    return status;
}

static void set_labels(json_t *config, int64_t n, const char *const *label_name)
{
    json_t *names = json_object(), *numbers = json_object();
    for (int64_t i = 0; i < n; i++) {
        char number[32], own[32];
        snprintf(number, sizeof number, "%lld", (long long)i);
        snprintf(own, sizeof own, "LABEL_%lld", (long long)i);
        const char *name = label_name != NULL ? label_name[i] : own;
        json_object_set_new(names, number, json_string(name));
        json_object_set_new(numbers, name, json_integer((json_int_t)i));
    }
    json_object_set_new(config, "id2label", names);
    json_object_set_new(config, "label2id", numbers);
    json_object_del(config, "num_labels");
}

static int write_config(const idim_model *m, const char *from, const char *to, const char *class,
                        const char *const *label_name)
{
    static const char *const problems[] = {[PROBLEM_CLASSES] = "single_label_classification",
                                           [PROBLEM_REGRESSION] = "regression",
                                           [PROBLEM_MULTI_LABEL] = "multi_label_classification"};
    json_t *config;
    TRY(json_read_file(m->lib, from, CONFIG_LIMIT, &config));
    json_object_set_new(config, "architectures", json_pack("[s]", class));
    if (!m->config.language) {
        json_object_set_new(config, "problem_type", json_string(problems[m->problem]));
        set_labels(config, m->n_labels, label_name);
    }
    json_object_set_new(config, json_object_get(config, "torch_dtype") ? "torch_dtype" : "dtype",
                        json_string("float32"));

    char *text = json_dumps(config, JSON_INDENT(2) | JSON_SORT_KEYS);
    json_decref(config);
    if (text == NULL)
        return fail_memory(m->lib, CONFIG_LIMIT, "config.json");
    int status = file_write(m->lib, to, text, (int64_t)strlen(text));
    free(text);
    return status;
}

static int copy_file(idim *lib, const char *from, const char *to)
{
    char *bytes;
    int64_t size;
    TRY(file_read(lib, from, TOKENIZER_LIMIT, &bytes, &size));
    int status = file_write(lib, to, bytes, size);
    memory_free(lib, bytes);
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

typedef struct export_job {
    const idim_model *model;
    const char *folder, *class;
    const char *const *label_name;
} export_job;

/* one file of the folder from that of the base with the same name */
static int write_file(const export_job *e, const char *name,
                      int (*write)(const export_job *e, const char *from, const char *to))
{
    idim *lib = e->model->lib;
    char *from, *to = NULL;
    TRY(file_join(lib, e->model->path, name, &from));
    int status = file_join(lib, e->folder, name, &to);
    if (status == 0)
        status = write(e, from, to);
    memory_free(lib, from);
    memory_free(lib, to);
    return status;
}

static int write_weights_file(const export_job *e, const char *from, const char *to)
{
    (void)from;
    return write_weights(e->model, to);
}

static int write_config_file(const export_job *e, const char *from, const char *to)
{
    return write_config(e->model, from, to, e->class, e->label_name);
}

static int write_copy(const export_job *e, const char *from, const char *to)
{
    return file_exists(from) ? copy_file(e->model->lib, from, to) : 0;
}

static bool is_same_folder(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

int model_export(const idim_model *m, const char *folder, const char *const *label_name)
{
    export_job e = {.model = m, .folder = folder, .label_name = label_name};
    TRY(find_class(m, &e.class));
    TRY(file_make_folder(m->lib, folder));
    if (is_same_folder(folder, m->path))
        return fail(m->lib, IDIM_EARGUMENT,
                    "%s: expected another folder than the base's: it would be overwritten", folder);
    for (int i = 0; i < N_TOKENIZER_FILES; i++)
        TRY(write_file(&e, TOKENIZER_FILES[i], write_copy));
    TRY(write_file(&e, "config.json", write_config_file));
    return write_file(&e, "model.safetensors", write_weights_file);
}
