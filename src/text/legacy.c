/* Which old files a folder has, and what all their readers need.
 *
 * SPDX-License-Identifier: MIT */
#include "text/legacy.h"

#include <string.h>

#include "base/file.h"

enum { CONFIG_LIMIT = 64 << 20 };

/* the file that tells the kind of the folder, what it has, and its reader; the first that is there
 */
static const struct {
    const char *file, *entry;
    int (*read)(legacy *l);
} kinds[] = {
    {"vocab.txt", "line", legacy_read_bert},
    {"vocab.json", "token", legacy_read_bpe},
    {"spiece.model", "piece", legacy_read_sentencepiece},
    {"sentencepiece.bpe.model", "piece", legacy_read_sentencepiece},
    {"tokenizer.model", "piece", legacy_read_sentencepiece},
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

int legacy_no_memory(const legacy *l)
{
    return fail_memory(l->lib, 0, "tokenizer");
}

bool legacy_has_class(const legacy *l, const char *const *names, int64_t n)
{
    const char *name = json_string_value(json_object_get(l->config.value, "tokenizer_class"));
    for (int64_t i = 0; name != NULL && i < n; i++) {
        size_t length = strlen(names[i]);
        const char *rest = name + length;
        if (strncmp(name, names[i], length) == 0 &&
            (strcmp(rest, "Tokenizer") == 0 || strcmp(rest, "TokenizerFast") == 0))
            return true;
    }
    return false;
}

/* "[CLS]" or {"content": "[CLS]"} */
int legacy_find_special(const legacy *l, const legacy_special *s, const char **text)
{
    json_place at = json_member(&l->config, s->role), content = at;
    *text = s->usual;
    if (json_is_object(at.value))
        content = json_member(&at, "content");
    if (at.value != NULL && !(json_is_null(at.value) && !s->needed))
        TRY(json_want_text(&content, text));
    else if (at.value != NULL)
        *text = NULL;

    bool there = *text != NULL && json_object_get(l->vocab, *text) != NULL;
    if (s->needed && !there)
        return fail(l->lib, IDIM_EFORMAT, "%s: %s: expected a %s \"%s\", found none", l->path,
                    s->role, l->entry, *text);
    if (!there)
        *text = NULL;
    return 0;
}

static int append(const legacy *l, json_t *list, json_t *item)
{
    return json_array_append_new(list, item) == 0 ? 0 : legacy_no_memory(l);
}

/* {"30522": {"content": "[NEW]", ...}}: as added_tokens, the id inside */
static int add_decoder(const legacy *l, json_t *list)
{
    json_place decoder = json_member(&l->config, "added_tokens_decoder");
    if (!json_present(&decoder))
        return 0;
    int64_t n;
    TRY(json_want_object(&decoder, &n));
    json_t *object = (json_t *)decoder.value; /* jansson iterates over what may be changed only */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        json_place item = json_member(&decoder, json_object_iter_key(i));
        TRY(json_want_object(&item, &n));
        int64_t id = 0;
        const char *digit = item.key;
        for (; *digit >= '0' && *digit <= '9' && id < INT32_MAX / 16; digit++)
            id = 10 * id + (*digit - '0');
        if (*digit != '\0' || digit == item.key)
            return json_fail(&item, IDIM_EFORMAT, "expected a token id as the key");
        json_t *token = json_copy((json_t *)item.value);
        if (token == NULL || json_object_set_new(token, "id", json_integer(id)) != 0) {
            json_decref(token);
            return legacy_no_memory(l);
        }
        TRY(append(l, list, token));
    }
    return 0;
}

static int add_special(const legacy *l, json_t *list, const legacy_special *s, const char *text)
{
    bool single_word = false, lstrip = s->lstrip, rstrip = false, normalized = false;
    json_place at = json_member(&l->config, s->role);
    if (json_is_object(at.value)) {
        TRY(json_take_flag(&at, "single_word", &single_word));
        TRY(json_take_flag(&at, "lstrip", &lstrip));
        TRY(json_take_flag(&at, "rstrip", &rstrip));
        TRY(json_take_flag(&at, "normalized", &normalized));
    }
    return append(l, list,
                  json_pack("{s:O, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                            json_object_get(l->vocab, text), "content", text, "special", 1,
                            "normalized", normalized, "single_word", single_word, "lstrip", lstrip,
                            "rstrip", rstrip));
}

int legacy_add_tokens(const legacy *l, const legacy_special *s, const char *const *text, int64_t n)
{
    json_t *list = json_object_get(l->document, "added_tokens");
    TRY(add_decoder(l, list));
    for (int64_t i = 0; i < n; i++)
        if (text[i] != NULL)
            TRY(add_special(l, list, &s[i], text[i]));
    return 0;
}

static int read_kind(legacy *l, const char *config_path, int kind)
{
    json_t *config = NULL;
    if (file_exists(config_path))
        TRY(json_read_file(l->lib, config_path, CONFIG_LIMIT, &config));
    l->config = json_root(l->lib, config_path, config);
    l->vocab = json_object();
    json_place class = json_member(&l->config, "tokenizer_class");
    const char *ignored;
    int status = l->vocab != NULL ? 0 : legacy_no_memory(l);
    if (status == 0 && json_present(&class))
        status = json_want_text(&class, &ignored);
    if (status == 0)
        status = kinds[kind].read(l);
    json_decref(l->vocab);
    json_decref(config);
    return status;
}

int legacy_read(idim *lib, const char *folder, char **name, json_t **out)
{
    *name = NULL;
    *out = NULL;
    int kind = 0;
    for (; kind < N_KINDS; kind++) {
        TRY(file_join(lib, folder, kinds[kind].file, name));
        if (file_exists(*name))
            break;
        memory_free(lib, *name);
        *name = NULL;
    }
    if (kind == N_KINDS)
        return fail(lib, IDIM_EUNSUPPORTED,
                    "%s: expected tokenizer.json, vocab.txt, vocab.json, spiece.model, "
                    "sentencepiece.bpe.model or tokenizer.model in it, found none",
                    folder);

    char *config_path;
    int status = file_join(lib, folder, "tokenizer_config.json", &config_path);
    legacy l = {.lib = lib, .folder = folder, .path = *name, .entry = kinds[kind].entry};
    if (status == 0)
        status = read_kind(&l, config_path, kind);
    memory_free(lib, config_path);
    if (status == 0) {
        *out = l.document;
        return 0;
    }
    json_decref(l.document);
    memory_free(lib, *name);
    *name = NULL;
    return status;
}
