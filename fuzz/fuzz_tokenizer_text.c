/* Any bytes as text, through a small tokenizer with every option in use. The first byte chooses the
 * options, the second where a pair is cut off. Offsets must lie in the text and never run
 * backwards.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *make_document(int options)
{
    bool normalized = options & 16;
    return json_pack(
        "{s:{s:s, s:b, s:b, s:b, s:b}, s:{s:s}, s:{s:s, s:[s,i], s:[s,i]},"
        " s:[{s:i, s:s, s:b, s:b}, {s:i, s:s, s:b, s:b}, {s:i, s:s, s:b, s:b}],"
        " s:{s:s, s:s, s:s, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:i}}}",
        "normalizer", "type", "BertNormalizer", "clean_text", options & 1, "handle_chinese_chars",
        options & 2, "strip_accents", options & 4, "lowercase", options & 8, "pre_tokenizer",
        "type", "BertPreTokenizer", "post_processor", "type", "BertProcessing", "sep", "s", 1,
        "cls", "c", 2, "added_tokens", "id", 6, "content", "<x>", "normalized", normalized,
        "lstrip", 1, "id", 7, "content", "ab", "normalized", normalized, "single_word", 1, "id", 8,
        "content", " ", "normalized", 0, "rstrip", options & 32, "model", "type", "WordPiece",
        "unk_token", "[UNK]", "continuing_subword_prefix", "##", "max_input_chars_per_word", 20,
        "vocab", "[UNK]", 0, "a", 1, "##a", 2, "b", 3, "\xc3\xa9", 4, "##b", 5);
}

static void check(const encoding *e, int64_t size, int64_t max_length)
{
    int64_t last[2] = {0, 0};
    if (max_length > 0 && e->n > max_length)
        abort();
    for (int64_t i = 0; i < e->n; i++) {
        int64_t begin = e->offset[i][0], end = e->offset[i][1];
        int32_t segment = e->segment[i];
        if (begin == 0 && end == 0)
            continue; /* of the template */
        if (segment < 0 || segment > 1 || begin >= end || end > size || end < last[segment])
            abort();
        last[segment] = end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    json_t *document = make_document(data[0]);
    idim_tokenizer *t;
    if (document == NULL || tokenizer_open_document(lib, "f.json", document, &t) != 0)
        abort();
    json_decref(document);

    const char *text = (const char *)data + 2;
    int64_t n = (int64_t)size - 2, cut = n > 0 ? data[1] % n : 0;
    encoding e = {0};
    if (tokenizer_encode(t, text, n, NULL, 0, 0, &e) != 0)
        abort();
    check(&e, n, 0);
    int64_t max_length = 3 + data[1] % 7;
    if (tokenizer_encode(t, text, cut, text + cut, n - cut, max_length, &e) != 0)
        abort();
    check(&e, n, max_length);
    encoding_free(lib, &e);
    tokenizer_close(t);
    idim_close(lib);
    return 0;
}
