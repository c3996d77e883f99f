/* A hash table with open addressing, at most half full; entries, letters and texts lie in three
 * growing blocks.
 *
 * SPDX-License-Identifier: MIT */
#include "text/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

enum { FIRST_SLOTS = 256, FIRST_ROOM = 1024 };

void vocabulary_free(vocabulary *v)
{
    memory_free(v->lib, v->entry);
    memory_free(v->lib, v->letters);
    memory_free(v->lib, v->texts);
    memory_free(v->lib, v->hash);
    memory_free(v->lib, v->slot);
    memory_free(v->lib, v->by_id);
    *v = (vocabulary){.lib = v->lib};
}

static int64_t slot_of(const vocabulary *v, uint32_t hash, const uint32_t *c, int64_t n)
{
    int64_t at = (int64_t)hash & (v->slots - 1);
    for (; v->slot[at] != 0; at = (at + 1) & (v->slots - 1)) {
        if (v->hash[at] != hash)
            continue;
        const vocabulary_entry *e = &v->entry[v->slot[at] - 1];
        if (e->length == n && memcmp(v->letters + e->begin, c, (size_t)n * sizeof *c) == 0)
            break;
    }
    return at;
}

static int grow_slots(vocabulary *v)
{
    int64_t slots = v->slots == 0 ? FIRST_SLOTS : 2 * v->slots;
    uint32_t *hash;
    int32_t *slot;
    TRY(NEW(v->lib, uint32_t, slots, "vocabulary", &hash));
    int status = NEW(v->lib, int32_t, slots, "vocabulary", &slot);
    if (status != 0) {
        memory_free(v->lib, hash);
        return status;
    }
    for (int64_t i = 0; i < v->slots; i++) {
        if (v->slot[i] == 0)
            continue;
        int64_t at = (int64_t)v->hash[i] & (slots - 1);
        while (slot[at] != 0)
            at = (at + 1) & (slots - 1);
        slot[at] = v->slot[i];
        hash[at] = v->hash[i];
    }
    memory_free(v->lib, v->hash);
    memory_free(v->lib, v->slot);
    v->hash = hash;
    v->slot = slot;
    v->slots = slots;
    return 0;
}

static int make_room(idim *lib, int64_t wanted, int64_t size, void **block, int64_t *room)
{
    if (wanted <= *room)
        return 0;
    int64_t larger = *room < FIRST_ROOM ? FIRST_ROOM : 2 * *room;
    if (larger < wanted)
        larger = wanted;
    TRY(memory_resize(lib, larger, size, "vocabulary", block));
    *room = larger;
    return 0;
}

int vocabulary_add(vocabulary *v, const char *text, int64_t length, int32_t id)
{
    if (v->n >= VOCABULARY_MAX_ID)
        return fail(v->lib, IDIM_EFORMAT, "vocabulary: expected at most %d tokens, found more",
                    VOCABULARY_MAX_ID);
    if (v->n >= v->slots / 2)
        TRY(grow_slots(v));
    TRY(make_room(v->lib, v->n + 1, sizeof *v->entry, (void **)&v->entry, &v->room));
    /* one more than needed, so that there is a block even for an empty text */
    TRY(make_room(v->lib, v->n_letters + length + 1, sizeof *v->letters, (void **)&v->letters,
                  &v->letters_room));
    TRY(make_room(v->lib, v->n_texts + length + 1, 1, (void **)&v->texts, &v->texts_room));

    vocabulary_entry e = {.begin = v->n_letters, .text = v->n_texts, .id = id};
    uint32_t *letters = v->letters + e.begin, hash = VOCABULARY_HASH;
    for (int64_t at = 0; at < length; e.length++) {
        letters[e.length] = unicode_read((const uint8_t *)text, length, &at);
        hash = vocabulary_hash(hash, letters[e.length]);
    }

    int64_t slot = slot_of(v, hash, letters, e.length);
    if (v->slot[slot] != 0)
        return 0;
    memcpy(v->texts + e.text, text, (size_t)length);
    v->texts[e.text + length] = '\0';
    v->entry[v->n++] = e;
    v->slot[slot] = (int32_t)v->n;
    v->hash[slot] = hash;
    v->n_letters += e.length;
    v->n_texts += length + 1;
    if (e.length > v->longest)
        v->longest = e.length;
    if (id >= v->size)
        v->size = (int64_t)id + 1;
    return 0;
}

/* id above, place below: sorted by id, the first added first */
static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int vocabulary_seal(vocabulary *v)
{
    uint64_t *keys;
    TRY(NEW(v->lib, uint64_t, v->n, "vocabulary", &keys));
    for (int64_t i = 0; i < v->n; i++)
        keys[i] = (uint64_t)v->entry[i].id << 32 | (uint64_t)i;
    qsort(keys, (size_t)v->n, sizeof *keys, compare_keys);

    memory_free(v->lib, v->by_id);
    int status = NEW(v->lib, int32_t, v->n, "vocabulary", &v->by_id);
    for (int64_t i = 0; status == 0 && i < v->n; i++)
        v->by_id[i] = (int32_t)(keys[i] & 0xffffffffu);
    memory_free(v->lib, keys);
    return status;
}

int32_t vocabulary_find_hashed(const vocabulary *v, uint32_t hash, const uint32_t *c, int64_t n)
{
    if (v->slots == 0)
        return -1;
    int32_t found = v->slot[slot_of(v, hash, c, n)];
    return found != 0 ? v->entry[found - 1].id : -1;
}

int32_t vocabulary_find(const vocabulary *v, const uint32_t *c, int64_t n)
{
    uint32_t hash = VOCABULARY_HASH;
    for (int64_t i = 0; i < n; i++)
        hash = vocabulary_hash(hash, c[i]);
    return vocabulary_find_hashed(v, hash, c, n);
}

int32_t vocabulary_find_text(const vocabulary *v, const char *text)
{
    int64_t length = (int64_t)strlen(text);
    uint32_t hash = VOCABULARY_HASH;
    for (int64_t at = 0; at < length;)
        hash = vocabulary_hash(hash, unicode_read((const uint8_t *)text, length, &at));
    if (v->slots == 0)
        return -1;

    int64_t mask = v->slots - 1;
    for (int64_t at = (int64_t)hash & mask; v->slot[at] != 0; at = (at + 1) & mask) {
        const vocabulary_entry *e = &v->entry[v->slot[at] - 1];
        if (v->hash[at] == hash && strcmp(v->texts + e->text, text) == 0)
            return e->id;
    }
    return -1;
}

const char *vocabulary_text(const vocabulary *v, int32_t id)
{
    int64_t low = 0, high = v->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (v->entry[v->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == v->n || v->entry[v->by_id[low]].id != id)
        return NULL;
    return v->texts + v->entry[v->by_id[low]].text;
}
