/* A reader of protocol buffers that never leaves its bytes: every length is compared with what is
 * left before it is used.
 *
 * SPDX-License-Identifier: MIT */
#include "text/sentencepiece.h"

#include <math.h>
#include <string.h>

#include "text/unicode.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct field {
    int64_t number;
    int wire;
    uint64_t value;    /* of a varint         */
    const uint8_t *at; /* [n] of the others   */
    int64_t n;
} field;

typedef struct reader {
    const uint8_t *bytes;
    int64_t n, at;
} reader;

static bool read_varint(reader *r, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && r->at < r->n; shift += 7) {
        uint8_t byte = r->bytes[r->at++];
        *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* false at the end, with r->at == r->n, and where the bytes are no field */
static bool read_field(reader *r, field *out)
{
    uint64_t key, size;
    if (r->at == r->n || !read_varint(r, &key) || key >> 3 == 0 || key >> 3 > INT32_MAX)
        return false;
    *out = (field){.number = (int64_t)(key >> 3), .wire = (int)(key & 7)};
    if (out->wire == VARINT)
        return read_varint(r, &out->value);
    if (out->wire == FIXED32 || out->wire == FIXED64)
        size = out->wire == FIXED32 ? 4 : 8;
    else if (out->wire != BYTES || !read_varint(r, &size))
        return false;
    if (size > (uint64_t)(r->n - r->at))
        return false;
    out->at = r->bytes + r->at;
    out->n = (int64_t)size;
    r->at += out->n;
    return true;
}

static double float_at(const uint8_t *b)
{
    uint32_t bits =
        (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static bool read_piece(const field *f, sentencepiece_piece *out)
{
    reader r = {f->at, f->n, 0};
    field inner;
    *out = (sentencepiece_piece){.text = NULL};
    while (read_field(&r, &inner)) {
        if (inner.number == 1 && inner.wire == BYTES) {
            out->text = (const char *)inner.at;
            out->length = inner.n;
        }
        if (inner.number == 2 && inner.wire == FIXED32)
            out->score = float_at(inner.at);
    }
    return r.at == r.n && out->length > 0;
}

static bool is_text(const sentencepiece_piece *piece)
{
    for (int64_t at = 0; at < piece->length;) {
        int64_t begin = at;
        uint32_t c = unicode_read((const uint8_t *)piece->text, piece->length, &at);
        bool written = at - begin == 3 && memcmp(piece->text + begin, "\xef\xbf\xbd", 3) == 0;
        if (c == 0 || (c == UNICODE_REPLACEMENT && !written))
            return false;
    }
    return true;
}

static bool read_trainer(const field *f, sentencepiece *s)
{
    reader r = {f->at, f->n, 0};
    field inner;
    while (read_field(&r, &inner)) {
        int64_t value = inner.value < INT32_MAX ? (int64_t)inner.value : INT32_MAX;
        if (inner.wire != VARINT)
            continue;
        if (inner.number == 3)
            s->type = value;
        if (inner.number == 35)
            s->byte_fallback = value != 0;
        if (inner.number == 40)
            s->unknown = value;
    }
    return r.at == r.n;
}

static bool read_normalizer(const field *f, sentencepiece *s)
{
    reader r = {f->at, f->n, 0};
    field inner;
    while (read_field(&r, &inner))
        if (inner.number == 2 && inner.wire == BYTES) {
            s->charsmap = inner.at;
            s->n_charsmap = inner.n;
        }
    return r.at == r.n;
}

static int check_piece(idim *lib, const char *path, const field *f, int64_t index)
{
    sentencepiece_piece piece;
    const char *wrong = NULL;
    if (!read_piece(f, &piece))
        wrong = "a piece with a text, found another record";
    else if (!is_text(&piece))
        wrong = "a text in UTF-8, found other bytes";
    else if (!isfinite(piece.score))
        wrong = "a score, found one that is not finite";
    if (wrong == NULL)
        return 0;
    return fail(lib, IDIM_EFORMAT, "%s: piece %lld: expected %s", path, (long long)index, wrong);
}

int sentencepiece_open(idim *lib, const char *path, const uint8_t *bytes, int64_t n,
                       sentencepiece *out)
{
    *out = (sentencepiece){.bytes = bytes, .n = n, .type = SENTENCEPIECE_UNIGRAM};
    reader r = {bytes, n, 0};
    field f;
    bool whole = true;
    while (whole && read_field(&r, &f)) {
        if (f.wire != BYTES)
            continue;
        if (f.number == 1)
            TRY(check_piece(lib, path, &f, out->n_pieces++));
        if (f.number == 2)
            whole = read_trainer(&f, out);
        if (f.number == 3)
            whole = read_normalizer(&f, out);
    }
    if (!whole || r.at != n)
        return fail(lib, IDIM_EFORMAT,
                    "%s: expected a SentencePiece model, found other bytes before byte %lld", path,
                    (long long)r.at);
    if (out->n_pieces == 0)
        return fail(lib, IDIM_EFORMAT, "%s: expected pieces, found none", path);
    return 0;
}

bool sentencepiece_next(const sentencepiece *s, int64_t *at, sentencepiece_piece *out)
{
    reader r = {s->bytes, s->n, *at};
    field f;
    while (read_field(&r, &f))
        if (f.number == 1 && f.wire == BYTES) {
            *at = r.at;
            return read_piece(&f, out);
        }
    return false;
}
