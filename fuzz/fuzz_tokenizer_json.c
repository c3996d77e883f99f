/* The reader of tokenizer.json; what opens must encode.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"
#include "text/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(idim *lib, idim_tokenizer *t)
{
    static const char text[] = "Hello [SEP] \xc3\x89t\xc3\xa9 \xe4\xb8\xad  <x> aab,\xff";
    encoding e = {0};
    if (tokenizer_encode(t, text, sizeof text - 1, "b <x>", 5, 0, &e) != 0)
        abort();
    for (int64_t i = 0; i < e.n; i++)
        if (e.ids[i] < 0 || e.ids[i] >= tokenizer_size(t))
            abort();
    int64_t room = tokenizer_added(t, true) + 3;
    if (tokenizer_encode(t, text, sizeof text - 1, "b <x>", 5, room, &e) != 0)
        abort();
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
