/* Shards are opened in the order the index first names them.
 *
 * SPDX-License-Identifier: MIT */
#include "weights/weight_files.h"

#include <string.h>

#include "base/file.h"
#include "format/json.h"

enum { INDEX_LIMIT = 16 << 20 };

void weight_files_close(weight_files *w)
{
    if (w == NULL)
        return;
    for (int64_t i = 0; i < w->n; i++)
        safetensors_close(w->file[i]);
    memory_free(w->lib, w->file);
    memory_free(w->lib, w->path);
    memory_free(w->lib, w);
}

const safetensor *weight_files_find(const weight_files *w, const char *name, const safetensors **in)
{
    for (int64_t i = 0; i < w->n; i++) {
        const safetensor *t = safetensors_find(w->file[i], name);
        if (t != NULL) {
            *in = w->file[i];
            return t;
        }
    }
    return NULL;
}

static int add_file(weight_files *w, const char *path)
{
    if (w->n == w->room) {
        int64_t room = w->room == 0 ? 4 : 2 * w->room;
        TRY(memory_resize(w->lib, room, sizeof *w->file, path, (void **)&w->file));
        w->room = room;
    }
    TRY(safetensors_open(w->lib, path, &w->file[w->n]));
    w->n++;
    return 0;
}

/* a plain name in the same folder and nothing else */
static bool is_shard_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strpbrk(name, "/\\") == NULL;
}

/* the shard of that name, opened when it is met first */
static int find_shard(weight_files *w, const json_place *entry, const char *folder,
                      const safetensors **out)
{
    const char *name;
    TRY(json_want_text(entry, &name));
    if (!is_shard_name(name))
        return json_fail_expected(entry, "a file name without '/', '\\' or a leading dot");

    char *path;
    TRY(file_join(w->lib, folder, name, &path));
    int64_t i = 0;
    while (i < w->n && strcmp(w->file[i]->path, path) != 0)
        i++;
    int status = 0;
    if (i == w->n && !file_exists(path))
        status = json_fail(entry, IDIM_EIO,
                           "expected the file %s, found none: an incomplete "
                           "download?",
                           path);
    else if (i == w->n)
        status = add_file(w, path);
    memory_free(w->lib, path);
    if (status == 0)
        *out = w->file[i];
    return status;
}

static int check_none_in_two(const weight_files *w)
{
    for (int64_t i = 1; i < w->n; i++) {
        for (int64_t k = 0; k < w->file[i]->n; k++) {
            const safetensors *first = NULL;
            const char *name = w->file[i]->item[k].name;
            weight_files_find(w, name, &first);
            if (first != w->file[i])
                return fail(w->lib, IDIM_EFORMAT,
                            "%s: tensor '%.200s': expected in one shard, found in %s too",
                            w->file[i]->path, name, first->path);
        }
    }
    return 0;
}

static int open_shards(weight_files *w, const char *folder, const json_t *document)
{
    json_place root = json_root(w->lib, w->path, document), map = json_member(&root, "weight_map");
    int64_t n;
    TRY(json_want_object(&map, &n));

    const char *name;
    json_t *value;
    json_object_foreach((json_t *)map.value, name, value)
    {
        json_place entry = json_member(&map, name);
        const safetensors *shard = NULL;
        TRY(find_shard(w, &entry, folder, &shard));
        if (safetensors_find(shard, name) == NULL)
            return json_fail(&entry, IDIM_EFORMAT,
                             "expected this tensor in %s, found none of that "
                             "name",
                             shard->path);
    }
    return check_none_in_two(w);
}

static int open_index(weight_files *w, const char *folder)
{
    json_t *document;
    TRY(json_read_file(w->lib, w->path, INDEX_LIMIT, &document));
    int status = open_shards(w, folder, document);
    json_decref(document);
    return status;
}

static int fail_none(idim *lib, const char *folder)
{
    char *other;
    TRY(file_join(lib, folder, "pytorch_model.bin", &other));
    int status = file_exists(other)
                     ? fail(lib, IDIM_EUNSUPPORTED,
                            "%s: expected model.safetensors, found only pytorch_model.bin: "
                            "save the model with safe_serialization=True",
                            folder)
                     : fail(lib, IDIM_EIO,
                            "%s: expected model.safetensors or model.safetensors.index.json, found "
                            "neither",
                            folder);
    memory_free(lib, other);
    return status;
}

/* w->path becomes the first of the two that is there */
static int find_path(weight_files *w, const char *folder, bool *single)
{
    TRY(file_join(w->lib, folder, "model.safetensors", &w->path));
    *single = file_exists(w->path);
    if (*single)
        return 0;
    memory_free(w->lib, w->path);
    TRY(file_join(w->lib, folder, "model.safetensors.index.json", &w->path));
    return file_exists(w->path) ? 0 : fail_none(w->lib, folder);
}

int weight_files_open(idim *lib, const char *folder, weight_files **out)
{
    *out = NULL;
    weight_files *w;
    TRY(NEW(lib, weight_files, 1, folder, &w));
    w->lib = lib;
    bool single = false;
    int status = find_path(w, folder, &single);
    if (status == 0)
        status = single ? add_file(w, w->path) : open_index(w, folder);
    if (status != 0) {
        weight_files_close(w);
        return status;
    }
    *out = w;
    return 0;
}
