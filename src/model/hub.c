/* The cache is read as huggingface_hub lays it out; names are checked before they become paths.
 *
 * SPDX-License-Identifier: MIT */
#include "model/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { REVISION_LIMIT = 256, NAME_LIMIT = 200 };

/* "ORG/NAME" taken apart; org NULL where there is none */
typedef struct hub_name {
    char *org, *name, *revision; /* pieces of `text` */
    char *text;
} hub_name;

static bool is_plain(const char *part)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return part[0] != '\0' && part[0] != '.' && strspn(part, allowed) == strlen(part) &&
           strstr(part, "..") == NULL && strstr(part, "--") == NULL;
}

/* false: the text cannot be a name */
static bool take_apart(hub_name *n)
{
    char *at = strchr(n->text, '@');
    if (at != NULL)
        *at = '\0';
    n->revision = at != NULL ? at + 1 : "main";
    char *slash = strchr(n->text, '/');
    if (slash != NULL)
        *slash = '\0';
    n->org = slash != NULL ? n->text : NULL;
    n->name = slash != NULL ? slash + 1 : n->text;
    return is_plain(n->name) && (n->org == NULL || is_plain(n->org)) && n->revision[0] != '\0' &&
           n->revision[0] != '.' && strstr(n->revision, "..") == NULL &&
           strlen(n->revision) < REVISION_LIMIT;
}

/* the variable's value, NULL also when it is empty */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int find_cache(idim *lib, char **out)
{
    static const struct {
        const char *variable, *below;
    } places[] = {
        {"HF_HUB_CACHE", ""},
        {"HF_HOME", "/hub"},
        {"XDG_CACHE_HOME", "/huggingface/hub"},
        {"HOME", "/.cache/huggingface/hub"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = environment(places[i].variable);
        if (value != NULL)
            return memory_format(lib, out, "%s%s", value, places[i].below);
    }
    return memory_format(lib, out, ".cache/huggingface/hub");
}

/* the commit a revision stands for; a commit stands for itself */
static int find_commit(idim *lib, const char *model, const char *revision, char **out)
{
    char *path;
    TRY(memory_format(lib, &path, "%s/refs/%s", model, revision));
    int status;
    if (file_exists(path)) {
        int64_t size;
        status = file_read(lib, path, REVISION_LIMIT, out, &size);
        if (status == 0) {
            (*out)[strcspn(*out, "\r\n \t")] = '\0';
            if (!is_plain(*out))
                status = fail(lib, IDIM_EFORMAT, "%s: expected the name of a commit, found '%.80s'",
                              path, *out);
        }
    } else {
        status = memory_text(lib, revision, (int64_t)strlen(revision), out);
    }
    memory_free(lib, path);
    return status;
}

static int find_snapshot(idim *lib, const char *path, const char *model, const char *revision,
                         char **folder)
{
    char *commit = NULL;
    int status = find_commit(lib, model, revision, &commit);
    if (status == 0)
        status = memory_format(lib, folder, "%s/snapshots/%s", model, commit);
    if (status == 0 && !file_is_folder(*folder))
        status = fail(lib, IDIM_EIO,
                      "%s: expected its revision '%s' at %s, found no such folder: an incomplete "
                      "download?",
                      path, revision, *folder);
    memory_free(lib, commit);
    return status;
}

static int find_in_cache(idim *lib, const char *path, const hub_name *n, char **folder)
{
    char *cache, *model = NULL;
    TRY(find_cache(lib, &cache));
    int status = memory_format(lib, &model, "%s/models--%s%s%s", cache,
                               n->org != NULL ? n->org : "", n->org != NULL ? "--" : "", n->name);
    if (status == 0 && !file_is_folder(model))
        status = fail(lib, IDIM_EIO,
                      "%s: expected a model folder, or a name in the Hugging Face cache, found "
                      "neither here nor at %s",
                      path, model);
    if (status == 0)
        status = find_snapshot(lib, path, model, n->revision, folder);
    memory_free(lib, model);
    memory_free(lib, cache);
    return status;
}

int hub_find(idim *lib, const char *path, char **folder)
{
    *folder = NULL;
    size_t length = strlen(path);
    if (length == 0)
        return fail(lib, IDIM_EARGUMENT, "model: expected a folder or a name, found nothing");
    if (file_is_folder(path))
        return memory_text(lib, path, (int64_t)length, folder);
    if (file_exists(path))
        return fail(lib, IDIM_EIO,
                    "%s: expected a model folder, found a file: give the folder it is in", path);

    hub_name name = {0};
    TRY(memory_text(lib, path, (int64_t)length, &name.text));
    int status;
    if (length < NAME_LIMIT + REVISION_LIMIT && take_apart(&name))
        status = find_in_cache(lib, path, &name, folder);
    else
        status = fail(lib, IDIM_EIO, "%s: expected a model folder, found none", path);
    memory_free(lib, name.text);
    if (status != 0) {
        memory_free(lib, *folder);
        *folder = NULL;
    }
    return status;
}
