/* Strict JSON and the places that read it: every value is asked for as every type.
 *
 * SPDX-License-Identifier: MIT */
#include "format/json.h"

#include <stdlib.h>

enum { STEPS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const json_place *at)
{
    int64_t n;
    double x;
    bool flag;
    const char *text;
    library_clear(at->lib);
    int wrong = 0;
    wrong += json_want_integer(at, -5, 5, &n) != 0;
    wrong += json_want_number(at, -1e3, 1e3, &x) != 0;
    wrong += json_want_flag(at, &flag) != 0;
    wrong += json_want_text(at, &text) != 0;
    wrong += json_want_object(at, &n) != 0;
    wrong += json_want_list(at, &n) != 0;
    /* an integer is a number too; nothing else is two things */
    if (wrong < 4 || idim_error(at->lib)[0] == '\0')
        abort();
    library_clear(at->lib);
    json_fail_unsupported(at, "others");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    json_t *document;
    if (json_read_text(lib, "f.json", (const char *)data, (int64_t)size, &document) != 0) {
        if (document != NULL || idim_error(lib)[0] == '\0')
            abort();
        idim_close(lib);
        return 0;
    }

    /* down the first member or item, as far as it goes */
    json_place place[STEPS + 1] = {json_root(lib, "f.json", document)};
    for (int i = 0; i < STEPS && place[i].value != NULL; i++) {
        ask(&place[i]);
        void *member = json_object_iter((json_t *)place[i].value);
        place[i + 1] = member != NULL ? json_member(&place[i], json_object_iter_key(member))
                                      : json_item(&place[i], 0);
    }
    json_decref(document);
    idim_close(lib);
    return 0;
}
