/* Streams and blocks.
 *
 * SPDX-License-Identifier: MIT */
#include "task/language.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "text/unicode.h"

static const int64_t TEXT_LIMIT = (int64_t)1 << 36; /* bytes of a file */

/* ---- files ------------------------------------------------------------------------------------
 */

static bool is_table(const char *path)
{
    static const char *const ENDS[] = {".tsv", ".csv", ".jsonl"};
    size_t n = strlen(path);
    for (int i = 0; i < 3; i++) {
        size_t k = strlen(ENDS[i]);
        if (n >= k && strcmp(path + n - k, ENDS[i]) == 0)
            return true;
    }
    return false;
}

/* the whole file is the one row's text */
static int read_text(rows *r)
{
    uint8_t digest[HASH_BYTES];
    int64_t size;
    TRY(file_read(r->lib, r->path, TEXT_LIMIT, &r->pool, &size));
    hash_bytes(r->pool, size, digest);
    hash_text(digest, r->sha256);
    TRY(memory_text(r->lib, "text", 4, &r->columns));
    TRY(NEW(r->lib, row, 1, r->path, &r->item));
    r->item[0] = (row){1, {0, -1, -1}, {size, 0, 0}};
    r->pool_n = r->pool_room = size + 1;
    r->n = r->room = 1;
    return 0;
}

int language_read(idim *lib, const char *path, const task_options *options, rows *out)
{
    if (is_table(path)) {
        task_options all = *options;
        memset(all.max_samples, 0, sizeof all.max_samples);
        return rows_read(lib, path, &all, NULL, SPLIT_TRAIN, out);
    }
    *out = (rows){.lib = lib};
    TRY(memory_text(lib, path, (int64_t)strlen(path), &out->path));
    return read_text(out);
}

/* ---- the stream --------------------------------------------------------------------------------
 */

typedef struct token {
    int32_t id, bytes; /* of the text */
} token;

typedef struct stream {
    idim *lib;
    const char *path;
    token *item; /* [n] */
    int64_t n, room;
} stream;

static int add_token(stream *s, int32_t id, int64_t bytes)
{
    if (s->n == s->room) {
        int64_t room = s->room == 0 ? 1 << 12 : 2 * s->room;
        TRY(memory_resize(s->lib, room, sizeof *s->item, s->path, (void **)&s->item));
        s->room = room;
    }
    s->item[s->n++] = (token){id, (int32_t)(bytes < INT32_MAX ? bytes : INT32_MAX)};
    return 0;
}

/* Bytes up to the end of each token count as its own, what is left as the last one's: of all tokens
 * they are those of the text. */
static int add_tokens(stream *s, const encoding *e, const char *text, int64_t length)
{
    int64_t points = 0, at = 0;
    for (int64_t i = 0; i < e->n; i++) {
        int64_t before = at;
        for (; points < e->offset[i][1] && at < length; points++)
            unicode_read((const uint8_t *)text, length, &at);
        at = i + 1 == e->n ? length : at;
        TRY(add_token(s, e->ids[i], at - before));
    }
    return 0;
}

static bool begins_itself(const encoding *e)
{
    return e->n > 0 && e->offset[0][1] == 0;
}

static int add_text(stream *s, const rows *r, int64_t i, int64_t end, idim_tokenizer *tokenizer,
                    encoding *e, int64_t *skipped)
{
    int64_t length = r->item[i].length[ROW_TEXT];
    const char *text = row_text(r, i, ROW_TEXT);
    TRY(tokenizer_encode(tokenizer, text, length, NULL, 0, 0, e));
    if (e->n <= tokenizer_added(tokenizer, false)) {
        ++*skipped;
        return 0;
    }
    bool there = s->n > 0 ? s->item[s->n - 1].id == end : begins_itself(e);
    if (end >= 0 && !there)
        TRY(add_token(s, (int32_t)end, 0));
    return add_tokens(s, e, text, length);
}

static int make_stream(const rows *r, const task_options *o, idim_tokenizer *tokenizer, stream *s,
                       int64_t *skipped)
{
    encoding e = {0};
    int status = 0;
    for (int64_t i = 0; i < r->n && status == 0; i++)
        status = add_text(s, r, i, o->end_of_text, tokenizer, &e, skipped);
    encoding_free(r->lib, &e);
    return status;
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

/* block i is tokens i (length - 1) .. of the stream */
static void fill_block(const stream *from, int64_t i, int64_t length, split *s)
{
    const token *first = from->item + i * (length - 1);
    int64_t left = from->n - i * (length - 1), n = left < length ? left : length;
    int64_t bytes = 0;
    int32_t *ids = s->ids + s->start[i];
    ids[0] = first[0].id;
    for (int64_t j = 1; j < n; j++) {
        ids[j] = first[j].id;
        bytes += first[j].bytes;
    }
    float *fact = s->label + i * N_FACTS;
    fact[FACT_TOKENS] = (float)(n - 1);
    fact[FACT_BYTES] = (float)bytes;
    fact[FACT_NATS] = fact[FACT_HITS] = NAN;
    s->start[i + 1] = s->start[i] + n;
}

static int cut(idim *lib, const stream *from, int64_t length, int64_t most, split *s)
{
    if (from->n < 2)
        return fail(lib, IDIM_EFORMAT,
                    "%s: expected text of at least 2 tokens, the end-of-text token before it "
                    "included, found %lld",
                    s->path, (long long)from->n);
    s->n = (from->n - 1 + length - 2) / (length - 1);
    s->n = most > 0 && most < s->n ? most : s->n;
    TRY(NEW(lib, int32_t, from->n + s->n, s->path, &s->ids));
    TRY(NEW(lib, int32_t, from->n + s->n, s->path, &s->segment));
    TRY(NEW(lib, int64_t, s->n + 1, s->path, &s->start));
    s->label_width = N_FACTS;
    TRY(NEW(lib, float, s->n *N_FACTS, s->path, &s->label));
    for (int64_t i = 0; i < s->n; i++)
        fill_block(from, i, length, s);
    return 0;
}

int language_blocks(const rows *r, const task_options *o, idim_tokenizer *tokenizer, int64_t most,
                    split *s)
{
    stream all = {.lib = r->lib, .path = s->path};
    int status = make_stream(r, o, tokenizer, &all, &s->skipped);
    if (status == 0)
        status = cut(r->lib, &all, o->max_length, most, s);
    memory_free(r->lib, all.item);
    return status;
}

/* ---- unigrams ----------------------------------------------------------------------------------
 */

/* of the tokens that are predicted */
static void count_tokens(const split *s, int64_t *count, int64_t *all)
{
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = s->start[i] + 1; j < s->start[i + 1]; j++) {
            count[s->ids[j]]++;
            ++*all;
        }
}

int language_unigram(const task *t, const split *s, double *nats)
{
    const split *train = &t->splits[SPLIT_TRAIN];
    int64_t *count, all = t->vocabulary;
    *nats = NAN;
    if (train->start == NULL || s->start == NULL)
        return 0;
    TRY(NEW(t->lib, int64_t, t->vocabulary, "unigrams", &count));
    count_tokens(train, count, &all);
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t j = s->start[i] + 1; j < s->start[i + 1]; j++)
            sum += log((double)all / (double)(count[s->ids[j]] + 1));
    *nats = sum;
    memory_free(t->lib, count);
    return 0;
}
