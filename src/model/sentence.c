/* The folder's pooling is one flag of 1_Pooling/config.json that is true; several or another mode
 * than ours have no name here.
 *
 * SPDX-License-Identifier: MIT */
#include "model/sentence.h"

#include "base/file.h"
#include "format/json.h"

enum { POOLING_LIMIT = 1 << 16 };

/* the mode's name here; NULL: one that there is not */
static int read_mode(const json_place *root, const char **name)
{
    static const char *const MODES[][2] = {
        {"pooling_mode_cls_token", "cls"},           {"pooling_mode_mean_tokens", "mean"},
        {"pooling_mode_lasttoken", "last"},          {"pooling_mode_max_tokens", NULL},
        {"pooling_mode_mean_sqrt_len_tokens", NULL}, {"pooling_mode_weightedmean_tokens", NULL}};
    int64_t n = 0;
    *name = NULL;
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        bool set = false;
        TRY(json_take_flag(root, MODES[i][0], &set));
        *name = set ? MODES[i][1] : *name;
        n += set;
    }
    if (n > 1)
        *name = NULL;
    return 0;
}

static int note_mode(const idim_model *m, const char *path, note_list *notes)
{
    const char *name;
    json_t *document;
    TRY(json_read_file(m->lib, path, POOLING_LIMIT, &document));
    json_place root = json_root(m->lib, path, document);
    int status = read_mode(&root, &name);
    if (status == 0 && name == NULL)
        status = notes_add(m->lib, notes,
                           "a sentence-embedding folder with a pooling that there is not here: "
                           "--pooling auto is used");
    else if (status == 0)
        status = notes_add(m->lib, notes,
                           "a sentence-embedding folder whose own pooling is --pooling %s; auto, "
                           "the family's, is used",
                           name);
    json_decref(document);
    return status;
}

int sentence_note(const idim_model *m, note_list *notes)
{
    char *modules, *path = NULL;
    if (m->config.pooling != POOLING_OWN || m->own_head)
        return 0;
    TRY(file_join(m->lib, m->path, "modules.json", &modules));
    int status = file_join(m->lib, m->path, "1_Pooling/config.json", &path);
    if (status == 0 && file_exists(modules) && file_exists(path))
        status = note_mode(m, path, notes);
    memory_free(m->lib, path);
    memory_free(m->lib, modules);
    return status;
}
