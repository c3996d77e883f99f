/* Head, file, tail.
 *
 * SPDX-License-Identifier: MIT */
#include "text/pieces.h"

#include <string.h>

bool pieces_are_there(const json_place *model)
{
    return json_is_string(json_object_get(model->value, "(file)"));
}

int pieces_open(const json_place *model, pieces *p)
{
    const json_t *bytes = json_object_get(model->value, "(file)");
    *p = (pieces){.head = json_object_get(model->value, "(head)"),
                  .tail = json_object_get(model->value, "(tail)"),
                  .skip = json_integer_value(json_object_get(model->value, "(skip)"))};
    return sentencepiece_open(model->lib, model->file, (const uint8_t *)json_string_value(bytes),
                              (int64_t)json_string_length(bytes), &p->file);
}

static bool next_text(const json_t *list, int64_t *told, sentencepiece_piece *out)
{
    const json_t *text = json_array_get(list, (size_t)*told);
    if (!json_is_string(text))
        return false;
    ++*told;
    *out = (sentencepiece_piece){json_string_value(text), (int64_t)json_string_length(text), 0};
    return true;
}

bool pieces_next(pieces *p, sentencepiece_piece *out)
{
    if (next_text(p->head, &p->n_head, out))
        return true;
    for (; p->skip > 0 && sentencepiece_next(&p->file, &p->at, out); p->skip--)
        continue;
    return sentencepiece_next(&p->file, &p->at, out) || next_text(p->tail, &p->n_tail, out);
}
