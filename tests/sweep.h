/* Much text against the reference: tests/fixtures/tokenizer/sweeps*.json hold hashes of what
 * tokenizers 0.23.3 makes of every text of the shared data and of every code point, and of random
 * bytes; the texts are found here as tools/make_tokenizer_fixtures.py finds them.
 *
 *     check_sweeps("sweeps.json");
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_SWEEP_H
#define IDIM_TESTS_SWEEP_H

#include "check.h"

#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "format/json.h"
#include "text/tokenizer.h"

enum { FILE_MAX = 64 << 20 };

typedef struct sweep {
    idim *lib;
    idim_tokenizer *tokenizer;
    const json_t *set;
    char name[256];
    int64_t max_length, chunk, in_chunk, chunks, texts, differences;
    hasher *digest;
    encoding e;
    int32_t *numbers;
    int64_t room;
} sweep;

static const char *text_of(const json_t *in, const char *key)
{
    return json_string_value(json_object_get(in, key));
}

static int64_t integer_of(const json_t *in, const char *key)
{
    return json_integer_value(json_object_get(in, key));
}

static void end_chunk(sweep *s)
{
    if (s->in_chunk == 0 && s->digest == NULL)
        return;
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT];
    CHECK_OK(s->lib, hash_end(s->lib, s->digest, digest));
    hash_text(digest, text);
    const json_t *hashes = json_object_get(s->set, "hashes");
    const char *expected = json_string_value(json_array_get(hashes, (size_t)s->chunks));
    if (expected == NULL || strcmp(expected, text) != 0) {
        print_error("%s: the %lld texts before text %lld differ\n", s->name, (long long)s->in_chunk,
                    (long long)s->texts);
        s->differences++;
    }
    s->digest = NULL;
    s->in_chunk = 0;
    s->chunks++;
}

static void take(sweep *s, const char *text, int64_t n, const char *pair, int64_t m)
{
    if (s->digest == NULL)
        CHECK_OK(s->lib, hash_begin(s->lib, &s->digest));
    CHECK_OK(s->lib, tokenizer_encode(s->tokenizer, text, n, pair, m, s->max_length, &s->e));

    int64_t tokens = s->e.n, count = 3 * tokens + 1;
    if (count > s->room) {
        CHECK_OK(s->lib, memory_resize(s->lib, 2 * count, 4, "numbers", (void **)&s->numbers));
        s->room = 2 * count;
    }
    s->numbers[0] = (int32_t)tokens;
    if (tokens > 0)
        memcpy(s->numbers + 1, s->e.ids, (size_t)tokens * 4);
    for (int64_t i = 0; i < tokens; i++) {
        s->numbers[1 + tokens + 2 * i] = (int32_t)s->e.offset[i][0];
        s->numbers[2 + tokens + 2 * i] = (int32_t)s->e.offset[i][1];
    }
    CHECK_OK(s->lib, hash_add(s->lib, s->digest, s->numbers, 4 * count));
    s->texts++;
    s->in_chunk++;
}

static void take_chunked(sweep *s, const char *text, int64_t n, const char *pair, int64_t m)
{
    take(s, text, n, pair, m);
    if (s->in_chunk == s->chunk)
        end_chunk(s);
}

static int64_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int n = c < 0x800 ? 2 : (c < 0x10000 ? 3 : 4);
    for (int i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)((0xf00 >> n & 0xf0) | (int)c);
    return n;
}

/* every code point alone, inside a word, after a letter; chunks count code points */
static void sweep_code_points(sweep *s)
{
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c < 0xd800 || c > 0xdfff) {
            char text[8] = "a";
            int64_t n = put_utf8(text + 1, c);
            text[1 + n] = 'b';
            take(s, text + 1, n, NULL, 0);
            take(s, text, n + 2, NULL, 0);
            take(s, text, n + 1, NULL, 0);
        }
        if ((c + 1) % (uint32_t)s->chunk == 0)
            end_chunk(s);
    }
}

/* the same, 64 code points a text */
static void sweep_code_point_lines(sweep *s)
{
    enum { LINE = 64 };
    for (uint32_t first = 0; first < 0x110000; first += LINE) {
        char text[LINE * 20], one[4];
        int64_t size = 0;
        for (uint32_t c = first; c < first + LINE; c++) {
            if (c >= 0xd800 && c <= 0xdfff)
                continue;
            int n = (int)put_utf8(one, c);
            const char *gap = size > 0 ? " " : "";
            memcpy(text + size, gap, strlen(gap));
            size += (int64_t)strlen(gap);
            static const char *const around[][2] = {{"", " "}, {"a", "b "}, {"a", ""}};
            for (int k = 0; k < 3; k++) {
                memcpy(text + size, around[k][0], strlen(around[k][0]));
                size += (int64_t)strlen(around[k][0]);
                memcpy(text + size, one, (size_t)n);
                size += n;
                memcpy(text + size, around[k][1], strlen(around[k][1]));
                size += (int64_t)strlen(around[k][1]);
            }
        }
        take(s, text, size, NULL, 0);
        if ((first + LINE) % (uint32_t)s->chunk == 0)
            end_chunk(s);
    }
}

static uint32_t draw(uint64_t *x, uint32_t n)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*x >> 33) % n;
}

static void sweep_random(sweep *s, const json_t *pool, int64_t max_pieces)
{
    enum { POOL_MAX = 256, PIECE_MAX = 16 };
    static char piece[POOL_MAX][PIECE_MAX];
    int64_t length[POOL_MAX];
    uint32_t n = (uint32_t)json_array_size(pool);
    assert_true(n > 0 && n <= POOL_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const char *hex = json_string_value(json_array_get(pool, i));
        length[i] = (int64_t)strlen(hex) / 2;
        assert_true(length[i] <= PIECE_MAX);
        for (int64_t k = 0; k < length[i]; k++) {
            unsigned byte;
            assert_int_equal(sscanf(hex + 2 * k, "%2x", &byte), 1);
            piece[i][k] = (char)byte;
        }
    }

    uint64_t x = 1;
    for (int64_t i = integer_of(s->set, "texts"); i > 0; i--) {
        char text[PIECE_MAX * 64];
        int64_t size = 0;
        for (uint32_t pieces = draw(&x, (uint32_t)max_pieces); pieces > 0; pieces--) {
            uint32_t chosen = draw(&x, n);
            memcpy(text + size, piece[chosen], (size_t)length[chosen]);
            size += length[chosen];
        }
        take_chunked(s, text, size, NULL, 0);
    }
}

/* cell `column` of a line, NULL if there are fewer */
static const char *cell(const char *line, int64_t length, int64_t column, int64_t *n)
{
    const char *end = line + length;
    for (; column > 0; column--) {
        line = memchr(line, '\t', (size_t)(end - line));
        if (line == NULL)
            return NULL;
        line++;
    }
    const char *tab = memchr(line, '\t', (size_t)(end - line));
    *n = (tab != NULL ? tab : end) - line;
    return line;
}

/* the line, or its cells; a line with too few cells is passed over */
static void take_line(sweep *s, const char *line, int64_t length)
{
    const json_t *columns = json_object_get(s->set, "columns");
    if (columns == NULL) {
        take_chunked(s, line, length, NULL, 0);
        return;
    }
    const char *text[2] = {NULL, NULL};
    int64_t n[2] = {0, 0};
    for (size_t i = 0; i < json_array_size(columns); i++) {
        text[i] = cell(line, length, json_integer_value(json_array_get(columns, i)), &n[i]);
        if (text[i] == NULL)
            return;
    }
    take_chunked(s, text[0], n[0], text[1], n[1]);
}

static void sweep_lines(sweep *s, const char *data, int64_t size)
{
    for (const char *line = data, *end = data + size; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        int64_t length = (stop != NULL ? stop : end) - line;
        int64_t kept = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        take_line(s, line, kept);
        line += length + 1;
    }
}

/* at most three keys deep; "*" stands for every member or item */
static void sweep_json(sweep *s, json_t *value, const json_t *path, size_t depth)
{
    if (depth == json_array_size(path)) {
        take_chunked(s, json_string_value(value), (int64_t)json_string_length(value), NULL, 0);
        return;
    }
    const char *key = json_string_value(json_array_get(path, depth));
    if (strcmp(key, "*") != 0) {
        sweep_json(s, json_object_get(value, key), path, depth + 1);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        sweep_json(s, json_array_get(value, i), path, depth + 1);
    for (void *i = json_object_iter(value); i != NULL; i = json_object_iter_next(value, i))
        sweep_json(s, json_object_iter_value(i), path, depth + 1);
}

static void sweep_file(sweep *s, const char *kind)
{
    char path[1024], *data;
    int64_t size;
    snprintf(path, sizeof path, "%s/%s", TEST_SHARED_DATA, text_of(s->set, "file"));
    CHECK_OK(s->lib, file_read(s->lib, path, FILE_MAX, &data, &size));
    if (strcmp(kind, "whole") == 0) {
        take_chunked(s, data, size, NULL, 0);
    } else if (strcmp(kind, "json") == 0) {
        json_t *document = json_loadb(data, (size_t)size, JSON_ALLOW_NUL, NULL);
        sweep_json(s, document, json_object_get(s->set, "path"), 0);
        json_decref(document);
    } else {
        sweep_lines(s, data, size);
    }
    memory_free(s->lib, data);
}

static void run_set(sweep *s, const json_t *fixture, const char *tokenizer)
{
    const char *kind = text_of(s->set, "kind"), *file = text_of(s->set, "file");
    s->chunk = integer_of(s->set, "chunk");
    s->max_length = integer_of(s->set, "max_length");
    s->in_chunk = s->chunks = s->texts = 0;
    snprintf(s->name, sizeof s->name, "%s, %s of %s, max_length %lld", tokenizer, kind,
             file != NULL ? file : "Unicode", (long long)s->max_length);

    if (strcmp(kind, "code_points") == 0)
        sweep_code_points(s);
    else if (strcmp(kind, "code_point_lines") == 0)
        sweep_code_point_lines(s);
    else if (strcmp(kind, "random") == 0)
        sweep_random(s, json_object_get(fixture, "pool"), integer_of(fixture, "max_pieces"));
    else
        sweep_file(s, kind);
    end_chunk(s);
    assert_int_equal(s->texts, integer_of(s->set, "texts"));
    assert_int_equal(s->chunks, json_array_size(json_object_get(s->set, "hashes")));
}

/* A tokenizer of the shared data; a cased one gets a folder whose configuration says so, which is
 * removed again at once. */
static idim_tokenizer *open_tokenizer(idim *lib, const char *name, bool lower)
{
    char shared[1024], folder[] = "/tmp/idim-test-XXXXXX", vocabulary[64], config[64];
    idim_tokenizer *t;
    snprintf(shared, sizeof shared, "%s/tokenizers/%s", TEST_SHARED_DATA, name);
    if (lower) {
        CHECK_OK(lib, tokenizer_open(lib, shared, &t));
        return t;
    }

    const char *cased = "{\"do_lower_case\": false}";
    assert_non_null(mkdtemp(folder));
    snprintf(vocabulary, sizeof vocabulary, "%s/vocab.txt", folder);
    snprintf(config, sizeof config, "%s/tokenizer_config.json", folder);
    strncat(shared, "/vocab.txt", sizeof shared - strlen(shared) - 1);
    assert_int_equal(symlink(shared, vocabulary), 0);
    CHECK_OK(lib, file_write(lib, config, cased, (int64_t)strlen(cased)));
    int status = tokenizer_open(lib, folder, &t);
    unlink(vocabulary);
    unlink(config);
    rmdir(folder);
    CHECK_OK(lib, status);
    return t;
}

/* what fixtures/tokenizer/`file` says */
static void check_sweeps(const char *file)
{
    char path[1024];
    CHECK_SHARED("parity/blns.txt", path);
    idim *lib = check_library(1);
    json_t *fixture;
    snprintf(path, sizeof path, "%s/fixtures/tokenizer/%s", TEST_FOLDER, file);
    CHECK_OK(lib, json_read_file(lib, path, FILE_MAX, &fixture));

    const json_t *tokenizers = json_object_get(fixture, "tokenizers");
    int64_t differences = 0;
    for (size_t i = 0; i < json_array_size(tokenizers); i++) {
        const json_t *entry = json_array_get(tokenizers, i);
        const json_t *sets = json_object_get(entry, "sets");
        const char *name = text_of(entry, "tokenizer");
        sweep s = {.lib = lib};
        int64_t texts = 0, chunks = 0;
        s.tokenizer = open_tokenizer(lib, name, json_is_true(json_object_get(entry, "lower")));
        for (size_t k = 0; k < json_array_size(sets); k++) {
            s.set = json_array_get(sets, k);
            run_set(&s, fixture, name);
            texts += s.texts;
            chunks += s.chunks;
        }
        print_message("%s: %lld texts, %lld of %lld chunks differ\n", name, (long long)texts,
                      (long long)s.differences, (long long)chunks);
        differences += s.differences;
        tokenizer_close(s.tokenizer);
        encoding_free(lib, &s.e);
        memory_free(lib, s.numbers);
    }
    json_decref(fixture);
    idim_close(lib);
    assert_int_equal(differences, 0);
}

#endif
