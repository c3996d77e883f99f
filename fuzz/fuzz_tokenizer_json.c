/* The reader of tokenizer.json; what opens must encode, but for a pattern that takes too long.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool encodes(idim *lib, idim_tokenizer *t, const char *text, int64_t n, int64_t room,
                    encoding *e)
{
    int status = tokenizer_encode(t, text, n, "b <x>", 5, room, e);
    if (status != 0 && (status != IDIM_EUNSUPPORTED || strstr(idim_error(lib), "steps") == NULL))
        abort();
    return status == 0;
}

static void encode(idim *lib, idim_tokenizer *t)
{
    static const char text[] = "Hello [SEP] \xc3\x89t\xc3\xa9 \xe4\xb8\xad  <x> aab,\xff";
    encoding e = {0};
    if (encodes(lib, t, text, sizeof text - 1, 0, &e))
        for (int64_t i = 0; i < e.n; i++)
            if (e.ids[i] < 0 || e.ids[i] >= tokenizer_size(t))
                abort();
    encodes(lib, t, text, sizeof text - 1, tokenizer_added(t, true) + 3, &e);
    encoding_free(lib, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    idim *lib;
    json_t *document;
    idim_tokenizer *t = NULL;
    if (idim_open(NULL, &lib) != 0)
        abort();
    int status = json_read_text(lib, "f.json", (const char *)data, (int64_t)size, &document);
    if (status == 0)
        status = tokenizer_open_document(lib, "f.json", document, &t);
    json_decref(document);
    if (status == 0)
        encode(lib, t);
    else if (t != NULL || idim_error(lib)[0] == '\0' ||
             (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED))
        abort();
    tokenizer_close(t);
    idim_close(lib);
    return 0;
}
