/* Packing examples end to end.
 *
 * SPDX-License-Identifier: MIT */
#include "task/task.h"

#include <string.h>

/* arrays that are too small are made anew; what they held is not needed */
static int make_room(idim *lib, int64_t tokens, int64_t examples, int64_t labels, batch_buffer *b)
{
    if (tokens > b->token_room) {
        memory_free(lib, b->ids);
        memory_free(lib, b->segment);
        b->ids = b->segment = NULL;
        b->token_room = 0;
        int64_t room = tokens + tokens / 4;
        TRY(NEW(lib, int32_t, room, "batch", &b->ids));
        TRY(NEW(lib, int32_t, room, "batch", &b->segment));
        b->token_room = room;
    }
    if (examples > b->example_room) {
        memory_free(lib, b->start);
        b->start = NULL;
        b->example_room = 0;
        TRY(NEW(lib, int32_t, examples + 1, "batch", &b->start));
        b->example_room = examples;
    }
    if (labels > b->label_room) {
        memory_free(lib, b->label);
        b->label = NULL;
        b->label_room = 0;
        TRY(NEW(lib, float, labels, "batch", &b->label));
        b->label_room = labels;
    }
    return 0;
}

int batch_pack(idim *lib, const split *s, const int32_t *order, int64_t n, batch_buffer *b,
               idim_batch *out)
{
    const int64_t width = s->label_width > 0 ? s->label_width : 1;
    int64_t tokens = 0;
    for (int64_t i = 0; i < n; i++)
        tokens += s->start[order[i] + 1] - s->start[order[i]];
    if (tokens > INT32_MAX)
        return fail(lib, IDIM_EARGUMENT, "batch: expected at most %d tokens, found %lld", INT32_MAX,
                    (long long)tokens);
    TRY(make_room(lib, tokens, n, s->label != NULL ? n * width : 0, b));

    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t first = s->start[order[i]], count = s->start[order[i] + 1] - first;
        memcpy(b->ids + at, s->ids + first, (size_t)count * sizeof *b->ids);
        memcpy(b->segment + at, s->segment + first, (size_t)count * sizeof *b->segment);
        b->start[i] = (int32_t)at;
        if (s->label != NULL)
            memcpy(b->label + i * width, s->label + order[i] * width,
                   (size_t)width * sizeof(float));
        at += count;
    }
    b->start[n] = (int32_t)at;
    *out = (idim_batch){b->ids, b->segment, b->start, s->label != NULL ? b->label : NULL, n};
    return 0;
}

void batch_free(idim *lib, batch_buffer *b)
{
    memory_free(lib, b->ids);
    memory_free(lib, b->segment);
    memory_free(lib, b->start);
    memory_free(lib, b->label);
    *b = (batch_buffer){0};
}
