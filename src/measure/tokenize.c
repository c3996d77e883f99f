/* idim_tokenize: texts to ids, pieces, segments and offsets.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"

static json_t *encoded(const idim_tokenizer *t, const encoding *e)
{
    json_t *ids = json_array(), *tokens = json_array(), *segment = json_array();
    json_t *offsets = json_array();
    for (int64_t i = 0; i < e->n; i++) {
        json_array_append_new(ids, json_integer(e->ids[i]));
        json_array_append_new(tokens, json_string(tokenizer_token(t, e->ids[i])));
        json_array_append_new(segment, json_integer(e->segment[i]));
        json_array_append_new(
            offsets, json_pack("[I,I]", (json_int_t)e->offset[i][0], (json_int_t)e->offset[i][1]));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:b}", "ids", ids, "tokens", tokens, "segment", segment,
                     "offsets", offsets, "truncated", e->truncated);
}

typedef struct texts {
    const char *const *text;
    const int64_t *length;
    int64_t n;
    int step; /* 2 for pairs */
} texts;

static int encode_all(const job *j, const texts *in, json_t *out)
{
    int64_t max_length = spec_integer(j->spec, "max_seq_length");
    encoding e = {0};
    int status = 0;
    for (int64_t i = 0; status == 0 && i + in->step <= in->n; i += in->step) {
        const char *pair = in->step == 2 ? in->text[i + 1] : NULL;
        int64_t pair_length = in->step == 2 ? in->length[i + 1] : 0;
        status = tokenizer_encode(j->tokenizer, in->text[i], in->length[i], pair, pair_length,
                                  max_length > 0 ? max_length : 0, &e);
        if (status == 0)
            json_array_append_new(out, encoded(j->tokenizer, &e));
    }
    encoding_free(j->lib, &e);
    return status;
}

int idim_tokenize(idim *lib, const char *spec_json, const char *const *text, const int64_t *lengths,
                  int64_t n, int pairs)
{
    job j;
    texts in = {text, lengths, n, pairs ? 2 : 1};
    library_clear(lib);
    int status = job_open(lib, "tokenize", spec_json, &j);
    if (status == 0 && pairs && n % 2 != 0)
        status = fail(lib, IDIM_EARGUMENT, "tokenize: expected pairs of texts, found %lld texts",
                      (long long)n);
    json_t *results = json_array();
    if (status == 0)
        status = encode_all(&j, &in, results);
    if (status == 0)
        status = record_finish(lib, json_pack("{s:s, s:s, s:O}", "schema", "idim.tokenize/1",
                                              "version", IDIM_VERSION, "results", results));
    json_decref(results);
    job_close(&j);
    return status;
}
