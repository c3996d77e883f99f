/* Names first, shapes second, memory third: a config.json that lies about sizes is refused before
 * anything of those sizes is allocated.
 *
 * SPDX-License-Identifier: MIT */
#include "weights/binding.h"

#include <stdio.h>
#include <string.h>

#include "weights/weight_files.h"

/* where one weight comes from; tensor NULL: nowhere */
typedef struct source {
    const safetensors *file;
    const safetensor *tensor;
} source;

int notes_add(idim *lib, note_list *notes, const char *format, ...)
{
    if (notes->n == notes->room) {
        int64_t room = notes->room == 0 ? 8 : 2 * notes->room;
        TRY(memory_resize(lib, room, sizeof *notes->text, "notes", (void **)&notes->text));
        notes->room = room;
    }
    char line[ERROR_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    TRY(memory_text(lib, line, (int64_t)strlen(line), &notes->text[notes->n]));
    notes->n++;
    return 0;
}

void notes_free(idim *lib, note_list *notes)
{
    for (int64_t i = 0; i < notes->n; i++)
        memory_free(lib, notes->text[i]);
    memory_free(lib, notes->text);
    *notes = (note_list){0};
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

/* the name under which old files have it, NULL if there is none */
static int old_name(idim *lib, const char *name, char **out)
{
    static const char *const renamed[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"},
                                             {"LayerNorm.bias", "LayerNorm.beta"}};
    *out = NULL;
    for (int i = 0; i < 2; i++) {
        if (ends_with(name, renamed[i][0]))
            return memory_format(lib, out, "%.*s%s", (int)(strlen(name) - strlen(renamed[i][0])),
                                 name, renamed[i][1]);
    }
    return 0;
}

/* *out becomes the tensor called prefix + name, if there is one; a second one is an error */
static int look_up(const weight_files *w, const char *prefix, const char *name, source *out)
{
    char *full;
    TRY(memory_format(w->lib, &full, "%s%s", prefix, name));
    source found = {0};
    found.tensor = weight_files_find(w, full, &found.file);
    memory_free(w->lib, full);
    if (found.tensor == NULL)
        return 0;
    if (out->tensor != NULL)
        return fail(w->lib, IDIM_EFORMAT,
                    "%s: tensor '%.200s': expected one of its names, found '%.200s' too", w->path,
                    out->tensor->name, found.tensor->name);
    *out = found;
    return 0;
}

static int find_source(const weight_files *w, const char *prefix, const char *name, source *out)
{
    char *old;
    TRY(old_name(w->lib, name, &old));
    int status = look_up(w, "", name, out);
    if (status == 0 && prefix[0] != '\0')
        status = look_up(w, prefix, name, out);
    if (status == 0 && old != NULL)
        status = look_up(w, "", old, out);
    if (status == 0 && old != NULL && prefix[0] != '\0')
        status = look_up(w, prefix, old, out);
    memory_free(w->lib, old);
    return status;
}

/* by its name, else by the first alias that is there */
static int find_any(const weight_files *w, const binding *b, const char *name, source *out)
{
    TRY(find_source(w, b->prefix, name, out));
    for (const char *const *pair = b->aliases; pair != NULL && *pair != NULL; pair += 2)
        if (out->tensor == NULL && strcmp(pair[0], name) == 0)
            TRY(find_source(w, b->prefix, pair[1], out));
    return 0;
}

/* a vector is a matrix of one row, whichever way it was saved */
static bool shape_fits(const param *p, const safetensor *t)
{
    if (p->pieces > 0)
        return t->elements == param_size(p) && t->rank == (p->rows == 1 ? 2 : 3) &&
               (p->rows == 1 || t->shape[0] == p->rows) && t->shape[t->rank - 2] == p->pieces;
    if (t->rank == 2)
        return t->shape[0] == p->rows && t->shape[1] == p->cols;
    return t->rank == 1 && p->rows == 1 && t->shape[0] == p->cols;
}

static int check_shape(idim *lib, const param *p, const source *s)
{
    if (shape_fits(p, s->tensor))
        return 0;
    char found[SAFETENSORS_SHAPE_TEXT], rows[32] = "", pieces[32] = "";
    int64_t cols = p->pieces > 0 ? p->cols / p->pieces : p->cols;
    safetensor_shape(s->tensor, found);
    if (p->rows != 1)
        snprintf(rows, sizeof rows, "%lld, ", (long long)p->rows);
    if (p->pieces > 0)
        snprintf(pieces, sizeof pieces, "%lld, ", (long long)p->pieces);
    return fail(lib, IDIM_EFORMAT,
                "%s: tensor '%.200s': shape: expected [%s%s%lld] by config.json, found %s",
                s->file->path, s->tensor->name, rows, pieces, (long long)cols, found);
}

static int check_there(const weight_files *w, const params *p, const char *prefix,
                       const source *from)
{
    int64_t n_found = 0;
    for (int64_t i = 0; i < p->n; i++)
        n_found += from[i].tensor != NULL;
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        if (from[i].tensor != NULL || t->init != INIT_REQUIRED)
            continue;
        return fail(w->lib, IDIM_EFORMAT,
                    "%s: tensor '%s': expected it, or '%s%s', found neither%s", w->path, t->name,
                    prefix, t->name, n_found == 0 ? " (nor any other of this architecture's)" : "");
    }
    return 0;
}

/* the outputs of a classifier tensor in the folder, against those declared */
static bool outputs_differ(const param *p, const safetensor *t)
{
    int64_t outputs = p->cols;
    bool vector = t->rank == 1;
    if (!vector && t->rank == 2 && t->shape[1] == p->cols)
        outputs = p->rows;
    else if (!vector || p->rows != 1)
        return false;
    return t->shape[0] != outputs;
}

/* The folder's classifier is taken whole or not at all. */
static int bind_head(const params *p, binding *b, source *from)
{
    b->own_head = true;
    bool any = false;
    const source *differs = NULL;
    for (int64_t i = 0; i < p->n; i++) {
        if (p->item[i].role != ROLE_CLASSIFIER)
            continue;
        any = true;
        if (from[i].tensor == NULL)
            b->own_head = false;
        else if (differs == NULL && outputs_differ(&p->item[i], from[i].tensor))
            differs = &from[i];
    }
    if (differs != NULL)
        TRY(notes_add(p->lib, &b->notes,
                      "%.200s: the folder's classifier has %lld outputs, another number was asked "
                      "for: it is not used",
                      differs->tensor->name, (long long)differs->tensor->shape[0]));
    b->own_head = any && b->own_head && differs == NULL;
    for (int64_t i = 0; i < p->n && !b->own_head; i++)
        if (p->item[i].role == ROLE_CLASSIFIER)
            from[i].tensor = NULL;
    return 0;
}

static int note_fresh(const params *p, binding *b)
{
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        if (t->fresh && t->init == INIT_NORMAL)
            TRY(notes_add(p->lib, &b->notes, "%s: not in the folder, made anew from the seed",
                          t->name));
        else if (t->fresh)
            TRY(notes_add(p->lib, &b->notes, "%s: not in the folder, set to %d", t->name,
                          t->init == INIT_ONE));
    }
    return 0;
}

/* Whether nobody misses the tensor: a buffer, or the second copy of one that is used. */
static bool is_spare(const binding *b, const char *name)
{
    if (ends_with(name, "position_ids"))
        return true;
    for (const char *const *buffer = b->buffers; buffer != NULL && *buffer != NULL; buffer++)
        if (ends_with(name, *buffer))
            return true;
    for (const char *const *pair = b->aliases; pair != NULL && *pair != NULL; pair += 2)
        if (ends_with(name, pair[1]))
            return true;
    return false;
}

static bool is_used(const params *p, const source *from, const safetensor *t)
{
    for (int64_t i = 0; i < p->n; i++)
        if (from[i].tensor == t)
            return true;
    return false;
}

static int note_unused(const params *p, const weight_files *w, const source *from, binding *b)
{
    enum { SHOWN = 3 };
    char names[512] = "";
    int64_t n = 0;
    for (int64_t i = 0; i < w->n; i++) {
        for (int64_t k = 0; k < w->file[i]->n; k++) {
            const safetensor *t = &w->file[i]->item[k];
            if (is_spare(b, t->name) || is_used(p, from, t))
                continue;
            size_t at = strlen(names);
            if (n++ < SHOWN)
                snprintf(names + at, sizeof names - at, "%s%.100s", at > 0 ? ", " : "", t->name);
        }
    }
    if (n == 0)
        return 0;
    return notes_add(p->lib, &b->notes, "%lld tensor%s of the folder %s not used: %s%s",
                     (long long)n, n == 1 ? "" : "s", n == 1 ? "is" : "are", names,
                     n > SHOWN ? ", ..." : "");
}

static int bind(params *p, const weight_files *w, binding *b, source *from)
{
    for (int64_t i = 0; i < p->n; i++)
        TRY(find_any(w, b, p->item[i].name, &from[i]));
    TRY(bind_head(p, b, from));
    TRY(check_there(w, p, b->prefix, from));
    for (int64_t i = 0; i < p->n; i++) {
        p->item[i].fresh = from[i].tensor == NULL;
        if (!p->item[i].fresh)
            TRY(check_shape(p->lib, &p->item[i], &from[i]));
    }
    TRY(note_fresh(p, b));
    return note_unused(p, w, from, b);
}

static int read_all(params *p, binding *b, const source *from)
{
    TRY(params_allocate(p));
    int64_t rounded = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (p->item[i].fresh)
            continue;
        int64_t here = 0;
        TRY(safetensors_read(from[i].file, from[i].tensor, p->theta0 + p->item[i].offset, &here));
        rounded += here;
    }
    if (rounded > 0)
        return notes_add(p->lib, &b->notes, "%lld F64 values were rounded to F32",
                         (long long)rounded);
    return 0;
}

int binding_load(params *p, const char *folder, binding *b)
{
    weight_files *w;
    TRY(weight_files_open(p->lib, folder, &w));
    source *from = NULL;
    int status = NEW(p->lib, source, p->n, "binding", &from);
    if (status == 0)
        status = bind(p, w, b, from);
    if (status == 0)
        status = read_all(p, b, from);
    memory_free(p->lib, from);
    weight_files_close(w);
    return status;
}
