/* The table of weights. Fresh tensors: entry j of a tensor takes 6 bits of STREAM_INIT, a sign and
 * an index into the half-normal table; call c of the stream gives entries 20c .. 20c+19, 5 per
 * word, lowest bits first.
 *
 * SPDX-License-Identifier: MIT */
#include "weights/params.h"
#include "base/hash.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

int params_new(idim *lib, params **out)
{
    TRY(NEW(lib, params, 1, "weights", out));
    (*out)->lib = lib;
    return 0;
}

void params_free(params *p)
{
    if (p == NULL)
        return;
    for (int64_t i = 0; i < p->n; i++)
        memory_free(p->lib, p->item[i].name);
    memory_free(p->lib, p->item);
    memory_free(p->lib, p->theta0);
    memory_free(p->lib, p->theta);
    memory_free(p->lib, p);
}

int params_add(params *p, const param *like, int64_t *index)
{
    if (params_find(p, like->name) >= 0)
        return fail(p->lib, IDIM_EFORMAT, "weights: tensor '%s' is declared twice", like->name);
    int64_t size;
    if (like->rows < 1 || like->cols < 1 || __builtin_mul_overflow(like->rows, like->cols, &size) ||
        __builtin_add_overflow(p->size, size, &size))
        return fail(p->lib, IDIM_EFORMAT, "weights: tensor '%s': shape %lld x %lld is impossible",
                    like->name, (long long)like->rows, (long long)like->cols);
    if (p->n == p->room) {
        int64_t room = p->room == 0 ? 64 : 2 * p->room;
        TRY(memory_resize(p->lib, room, sizeof(param), "weights", (void **)&p->item));
        p->room = room;
    }

    param *added = &p->item[p->n];
    *added = *like;
    TRY(memory_text(p->lib, like->name, (int64_t)strlen(like->name), &added->name));
    added->offset = p->size;
    p->size = size;
    if (index != NULL)
        *index = p->n;
    p->n++;
    return 0;
}

int params_allocate(params *p)
{
    TRY(NEW(p->lib, real, p->size, "weights as published", &p->theta0));
    return NEW(p->lib, real, p->size, "weights", &p->theta);
}

int64_t params_find(const params *p, const char *name)
{
    for (int64_t i = 0; i < p->n; i++)
        if (strcmp(p->item[i].name, name) == 0)
            return i;
    return -1;
}

static int hash_values(idim *lib, hasher *h, const real *value, int64_t n)
{
    enum { PIECE = 4096 };
    uint8_t bytes[4 * PIECE];
    for (int64_t done = 0; done < n; done += PIECE) {
        int64_t count = n - done < PIECE ? n - done : PIECE;
        for (int64_t i = 0; i < count; i++) {
            float single = (float)value[done + i];
            uint32_t bits;
            memcpy(&bits, &single, sizeof bits);
            for (int k = 0; k < 4; k++)
                bytes[4 * i + k] = (uint8_t)(bits >> (8 * k));
        }
        TRY(hash_add(lib, h, bytes, 4 * count));
    }
    return 0;
}

static int hash_tensors(const params *p, hasher *h)
{
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        if (t->fresh)
            continue;
        char shape[64];
        int length =
            snprintf(shape, sizeof shape, " %lld %lld\n", (long long)t->rows, (long long)t->cols);
        TRY(hash_add(p->lib, h, t->name, (int64_t)strlen(t->name)));
        TRY(hash_add(p->lib, h, shape, length));
        TRY(hash_values(p->lib, h, p->theta0 + t->offset, param_size(t)));
    }
    return 0;
}

int params_fingerprint(const params *p, uint8_t digest[32])
{
    hasher *h;
    TRY(hash_begin(p->lib, &h));
    int status = hash_tensors(p, h);
    int ended = hash_end(p->lib, h, digest);
    return status != 0 ? status : ended;
}

static void fill_normal(const param *t, uint64_t seed, double range, real *value)
{
    uint64_t key = random_tensor_key(t->name);
    float scale = (float)range;
    for (int64_t j = 0; j < param_size(t); j++) {
        static const int PER_CALL = 20, PER_WORD = 5;
        uint32_t words[4];
        random_words(seed, STREAM_INIT, key, (uint32_t)(j / PER_CALL), words);
        uint32_t bits = words[j % PER_CALL / PER_WORD] >> (6 * (j % PER_WORD)) & 63;
        float drawn = scale * random_half_normal[bits & 31];
        value[j] = (real)(bits & 32 ? -drawn : drawn);
    }
}

void params_start(params *p, uint64_t seed, double initializer_range)
{
    for (int64_t i = 0; i < p->n; i++) {
        const param *t = &p->item[i];
        real *value = p->theta0 + t->offset;
        if (!t->fresh)
            continue;
        if (t->init == INIT_NORMAL)
            fill_normal(t, seed, initializer_range, value);
        else
            for (int64_t j = 0; j < param_size(t); j++)
                value[j] = t->init == INIT_ONE ? 1 : 0;
    }
    memcpy(p->theta, p->theta0, (size_t)p->size * sizeof(real));
}
