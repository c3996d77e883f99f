/* SentencePiece's model files, as Unigram and as BPE, with their character map. Memory stays below
 * a few times the file's size, whatever the file says.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"
#include "text/sentencepiece.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct account {
    size_t live, most;
} account;

static void *counted_alloc(void *user, void *p, size_t old_size, size_t new_size)
{
    account *a = user;
    a->live = a->live - (p != NULL ? old_size : 0) + new_size;
    a->most = a->live > a->most ? a->live : a->most;
    if (new_size > 0)
        return realloc(p, new_size);
    free(p);
    return NULL;
}

static void encode(idim *lib, const sentencepiece *file, bool bpe)
{
    static const char text[] = "Hello <s> \xc3\x89t\xc3\xa9 \xe4\xb8\xad  <unk> aab,\xff 12,";
    json_t *bytes = json_stringn_nocheck((const char *)file->bytes, (size_t)file->n);
    json_t *map = json_stringn_nocheck((const char *)file->charsmap, (size_t)file->n_charsmap);
    json_t *normalizer = json_pack("{s:s, s:o}", "type", "Precompiled", "(bytes)", map);
    json_t *document =
        json_pack("{s:o, s:{s:s, s:s, s:o, s:b, s:i, s:b}}", "normalizer",
                  file->n_charsmap > 0 ? normalizer : json_null(), "model", "type",
                  bpe ? "BPE" : "Unigram", "unused", "", "(file)", bytes, "byte_fallback",
                  file->byte_fallback, "unk_id", 0, "(numbers alone)", file->unknown != 0);
    if (file->n_charsmap == 0)
        json_decref(normalizer);
    idim_tokenizer *t;
    encoding e = {0};
    int status = tokenizer_open_document(lib, "f.model", document, &t);
    json_decref(document);
    if (status == 0 && tokenizer_encode(t, text, sizeof text - 1, "a", 1, 0, &e) != 0)
        abort();
    for (int64_t i = 0; i < e.n; i++)
        if (e.ids[i] < 0 || e.ids[i] >= file->n_pieces)
            abort();
    encoding_free(lib, &e);
    tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    account a = {0, 0};
    idim_options options = {.alloc = counted_alloc, .user = &a, .threads = 1};
    idim *lib;
    sentencepiece file;
    if (idim_open(&options, &lib) != 0)
        abort();
    int status = sentencepiece_open(lib, "f.model", data, (int64_t)size, &file);
    if (status == 0) {
        encode(lib, &file, false);
        encode(lib, &file, true);
    } else if (status != IDIM_EFORMAT || idim_error(lib)[0] == '\0') {
        abort();
    }
    if (a.most > 200000 + 30 * size)
        abort();
    idim_close(lib);
    return 0;
}
