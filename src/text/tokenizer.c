/* The tokenizer: a document (tokenizer.json, or one made from older files) becomes parts; a text
 * goes through them: added tokens out of the raw text, normalise, added tokens out of the
 * normalised text, cut, model, truncate, template.
 *
 * Where the parts allow it (blockwise) a long text goes through them piece by piece, so that memory
 * beside the text and its tokens stays small.
 *
 * SPDX-License-Identifier: MIT */
#include "text/tokenizer.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "text/added.h"
#include "text/legacy.h"
#include "text/part.h"
#include "text/unicode.h"

/* every part there is; a new tokenizer adds its lines here */
static const text_part *const parts[] = {
    /* normalisers */
    &bert_normalizer,
    &byte_level_normalizer,
    &nfd_normalizer,
    &nfkd_normalizer,
    &nfc_normalizer,
    &nfkc_normalizer,
    &lowercase_normalizer,
    &strip_accents_normalizer,
    &strip_normalizer,
    &prepend_normalizer,
    &replace_normalizer,
    &nmt_normalizer,
    &precompiled_normalizer,
    /* pre-tokenisers */
    &bert_pre_tokenizer,
    &byte_level_pre_tokenizer,
    &split_pre_tokenizer,
    &whitespace_split,
    &whitespace_pre_tokenizer,
    &punctuation_pre_tokenizer,
    &digits_pre_tokenizer,
    &delimiter_split,
    &metaspace_pre_tokenizer,
    /* models */
    &wordpiece_model,
    &bpe_model,
    &unigram_model,
    /* post-processors */
    &template_processing,
    &bert_processing,
    &roberta_processing,
    &byte_level_processing,
};

enum {
    N_PARTS = sizeof parts / sizeof parts[0],
    MAX_STAGES = 16,        /* normalisers, or pre-tokenisers, in a row */
    FILE_LIMIT = 256 << 20, /* bytes of tokenizer.json                  */
    BLOCK = 8192            /* code points, at least                    */
};

typedef struct stage {
    const text_part *part;
    void *state;
} stage;

struct idim_tokenizer {
    idim *lib;
    stage stages[PART_KINDS][MAX_STAGES];
    int64_t n_stages[PART_KINDS];
    text_template plain; /* where no post-processor has one */
    const text_template *template;
    const text_template *trim; /* whose offsets leave out blanks; NULL: none */
    const vocabulary *vocabulary;
    added_tokens added;
    int64_t size;
    bool blockwise;

    /* the text at hand; kept from call to call */
    uint32_t *original, *token;
    int64_t n_original, original_room, token_room;
    passage block, part;
    added_spans spans, normalized_spans;
    cuts words;
    encoding half[2], whole;
};

/* ---- opening -------------------------------------------------------------------------------- */

static const text_part *find_part(part_kind kind, const char *type)
{
    for (int i = 0; i < N_PARTS; i++)
        if (parts[i]->kind == kind && strcmp(parts[i]->type, type) == 0)
            return parts[i];
    return NULL;
}

/* old files leave out the type of the model: it is told by a key that only it has */
static const char *type_by_mark(const json_place *at, part_kind kind)
{
    for (int i = 0; i < N_PARTS; i++)
        if (parts[i]->kind == kind && parts[i]->mark != NULL &&
            json_object_get(at->value, parts[i]->mark) != NULL)
            return parts[i]->type;
    return NULL;
}

static int refuse_type(const json_place *type, part_kind kind)
{
    char known[512] = "";
    for (int i = 0; i < N_PARTS; i++)
        if (parts[i]->kind == kind) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "",
                     parts[i]->type);
        }
    return json_fail_unsupported(type, known);
}

static int open_stage(idim_tokenizer *t, const json_place *at, part_kind kind)
{
    json_place type = json_member(at, "type");
    const char *name = json_present(&type) ? NULL : type_by_mark(at, kind);
    if (name == NULL)
        TRY(json_want_text(&type, &name));
    const text_part *part = find_part(kind, name);
    if (part == NULL)
        return refuse_type(&type, kind);
    if (t->n_stages[kind] == MAX_STAGES)
        return json_fail(at, IDIM_EUNSUPPORTED, "expected at most %d parts, found more",
                         MAX_STAGES);

    stage *s = &t->stages[kind][t->n_stages[kind]];
    TRY(memory_new(t->lib, 1, part->state_size, part->type, &s->state));
    s->part = part;
    t->n_stages[kind]++;
    return part->open != NULL ? part->open(at, s->state) : 0;
}

/* null, one part, or {"type": "Sequence", `list_key`: [parts]} */
static int open_stages(idim_tokenizer *t, const json_place *at, part_kind kind,
                       const char *list_key)
{
    if (!json_present(at))
        return 0;
    int64_t n;
    TRY(json_want_object(at, &n));
    const char *type = json_string_value(json_object_get(at->value, "type"));
    if (type == NULL || strcmp(type, "Sequence") != 0)
        return open_stage(t, at, kind);

    json_place list = json_member(at, list_key);
    TRY(json_want_list(&list, &n));
    for (int64_t i = 0; i < n; i++) {
        json_place item = json_item(&list, i);
        int64_t members;
        TRY(json_want_object(&item, &members));
        TRY(open_stage(t, &item, kind));
    }
    return 0;
}

static int normalize(const idim_tokenizer *t, passage *p)
{
    for (int64_t i = 0; i < t->n_stages[PART_NORMALIZER]; i++) {
        const stage *s = &t->stages[PART_NORMALIZER][i];
        TRY(s->part->normalize(s->state, p));
    }
    return 0;
}

static int open_added(idim_tokenizer *t, const json_place *list)
{
    TRY(added_open(&t->added, list, t->vocabulary));
    for (int64_t i = 0; i < t->added.n[ADDED_NORMALIZED]; i++) {
        added_token *token = &t->added.item[ADDED_NORMALIZED][i];
        TRY(passage_set(&t->block, token->c, 0, token->n));
        TRY(normalize(t, &t->block));
        TRY(memory_resize(t->lib, t->block.n, sizeof *token->c, "added token", (void **)&token->c));
        token->n = t->block.n;
        if (token->n > 0)
            memcpy(token->c, t->block.c, (size_t)token->n * sizeof *token->c);
    }
    return added_prepare(&t->added);
}

static void note_size(idim_tokenizer *t, int64_t size)
{
    if (size > t->size)
        t->size = size;
}

static int finish_opening(idim_tokenizer *t)
{
    if (t->template == NULL) {
        TRY(template_plain(t->lib, &t->plain));
        t->template = &t->plain;
    }

    note_size(t, t->vocabulary->size);
    note_size(t, t->added.contents.size);
    for (int pair = 0; pair < 2; pair++)
        for (int64_t i = 0; i < t->template->n[pair]; i++)
            note_size(t, (int64_t)t->template->piece[pair][i].id + 1);

    t->blockwise = t->n_stages[PART_PRE_TOKENIZER] > 0 && t->added.n[ADDED_NORMALIZED] == 0;
    for (int kind = PART_NORMALIZER; kind <= PART_PRE_TOKENIZER; kind++)
        for (int64_t i = 0; i < t->n_stages[kind]; i++)
            t->blockwise = t->blockwise && t->stages[kind][i].part->blockwise;
    return 0;
}

static int open_post_processors(idim_tokenizer *t, const json_place *at)
{
    TRY(open_stages(t, at, PART_POST_PROCESSOR, "processors"));
    for (int64_t i = 0; i < t->n_stages[PART_POST_PROCESSOR]; i++) {
        const text_template *state = t->stages[PART_POST_PROCESSOR][i].state;
        if ((state->lays && t->template != NULL) || (state->trims && t->trim != NULL))
            return json_fail(at, IDIM_EUNSUPPORTED,
                             "expected one template and one part that trims offsets, found more");
        if (state->lays)
            t->template = state;
        if (state->trims)
            t->trim = state;
    }
    return 0;
}

static int open_document(idim_tokenizer *t, const json_place *root)
{
    json_place version = json_member(root, "version");
    json_place normalizer = json_member(root, "normalizer");
    json_place pre_tokenizer = json_member(root, "pre_tokenizer");
    json_place model = json_member(root, "model");
    json_place post_processor = json_member(root, "post_processor");
    json_place added = json_member(root, "added_tokens");
    if (version.value != NULL &&
        !(json_is_string(version.value) && strcmp(json_string_value(version.value), "1.0") == 0))
        return json_fail_unsupported(&version, "files of version \"1.0\"");

    int64_t n;
    TRY(json_want_object(&model, &n));
    TRY(open_stage(t, &model, PART_MODEL));
    const stage *s = &t->stages[PART_MODEL][0];
    t->vocabulary = s->part->vocabulary(s->state);
    TRY(open_stages(t, &normalizer, PART_NORMALIZER, "normalizers"));
    TRY(open_stages(t, &pre_tokenizer, PART_PRE_TOKENIZER, "pretokenizers"));
    TRY(open_post_processors(t, &post_processor));
    TRY(open_added(t, &added));
    return finish_opening(t);
}

int tokenizer_open_document(idim *lib, const char *file, const json_t *document,
                            idim_tokenizer **out)
{
    *out = NULL;
    idim_tokenizer *t;
    TRY(NEW(lib, idim_tokenizer, 1, "tokenizer", &t));
    t->lib = t->block.lib = t->part.lib = t->added.lib = lib;
    t->spans.lib = t->normalized_spans.lib = t->words.lib = lib;

    json_place root = json_root(lib, file, document);
    int status = open_document(t, &root);
    if (status != 0) {
        tokenizer_close(t);
        return status;
    }
    *out = t;
    return 0;
}

int tokenizer_open(idim *lib, const char *model_folder, idim_tokenizer **out)
{
    *out = NULL;
    char *path;
    json_t *document = NULL;
    TRY(file_join(lib, model_folder, "tokenizer.json", &path));
    int status;
    if (file_exists(path)) {
        status = json_read_file(lib, path, FILE_LIMIT, &document);
    } else {
        memory_free(lib, path);
        status = legacy_read(lib, model_folder, &path, &document);
    }
    if (status == 0)
        status = tokenizer_open_document(lib, path, document, out);
    json_decref(document);
    memory_free(lib, path);
    return status;
}

void tokenizer_close(idim_tokenizer *t)
{
    if (t == NULL)
        return;
    idim *lib = t->lib;
    for (int kind = 0; kind < PART_KINDS; kind++)
        for (int64_t i = 0; i < t->n_stages[kind]; i++) {
            const stage *s = &t->stages[kind][i];
            if (s->part->close != NULL)
                s->part->close(lib, s->state);
            memory_free(lib, s->state);
        }
    template_free(lib, &t->plain);
    added_free(&t->added);
    memory_free(lib, t->original);
    memory_free(lib, t->token);
    passage_free(&t->block);
    passage_free(&t->part);
    memory_free(lib, t->spans.item);
    memory_free(lib, t->normalized_spans.item);
    cuts_free(&t->words);
    encoding_free(lib, &t->half[0]);
    encoding_free(lib, &t->half[1]);
    encoding_free(lib, &t->whole);
    memory_free(lib, t);
}

/* ---- encoding ------------------------------------------------------------------------------- */

/* One text on its way into out, until more tokens than `limit` are there (a single text needs no
 * more to be cut off; how a pair shares its room depends on all tokens of both). */
typedef struct walk {
    idim_tokenizer *t;
    encoding *out;
    int64_t limit;
} walk;

static bool is_full(const walk *w)
{
    return w->out->n > w->limit;
}

static bool is_blank(uint32_t c)
{
    enum { BYTE_OF_BLANK = 0x120 };
    return c == BYTE_OF_BLANK || (unicode_properties(c) & UNICODE_SPACE) != 0;
}

/* takes the blanks at the ends of the token's text c[0 .. n) off the offsets of token i */
static void trim(const idim_tokenizer *t, encoding *e, int64_t i, const uint32_t *c, int64_t n)
{
    int64_t leading = 0, trailing = 0, *offset = e->offset[i];
    while (leading < n && is_blank(c[leading]))
        leading++;
    while (trailing < n && is_blank(c[n - 1 - trailing]))
        trailing++;
    if (leading == 1 && t->trim->keeps_prefix && (i == 0 || offset[0] == 0))
        leading = 0;
    int64_t begin = offset[0] + leading;
    offset[0] = begin < offset[1] ? begin : offset[1];
    if (offset[1] >= trailing) {
        int64_t end = offset[1] - trailing;
        offset[1] = end > offset[0] ? end : offset[0];
    }
}

/* the same for tokens from `first` on, of the model, whose texts are in the vocabulary */
static int trim_tokens(const walk *w, int64_t first)
{
    idim_tokenizer *t = w->t;
    for (int64_t i = first; t->trim != NULL && i < w->out->n; i++) {
        const char *text = vocabulary_text(t->vocabulary, w->out->ids[i]);
        int64_t n;
        if (text == NULL)
            continue;
        TRY(passage_decode(t->lib, text, (int64_t)strlen(text), &t->token, &n, &t->token_room));
        trim(t, w->out, i, t->token, n);
    }
    return 0;
}

static int put_added(const walk *w, const added_span *span, const uint32_t *c, int64_t begin,
                     int64_t end)
{
    const idim_tokenizer *t = w->t;
    TRY(encoding_put(t->lib, w->out, span->id, 0, begin, end));
    if (t->trim != NULL)
        trim(t, w->out, w->out->n - 1, c + span->begin, span->end - span->begin);
    return 0;
}

static int walk_words(walk *w, passage *p)
{
    idim_tokenizer *t = w->t;
    t->words.n = 0;
    if (p->n > 0)
        TRY(cuts_add(&t->words, 0, p->n));
    for (int64_t i = 0; i < t->n_stages[PART_PRE_TOKENIZER]; i++) {
        const stage *s = &t->stages[PART_PRE_TOKENIZER][i];
        TRY(s->part->split(s->state, p, &t->words));
    }

    const stage *model = &t->stages[PART_MODEL][0];
    for (int64_t i = 0; i < t->words.n && !is_full(w); i++) {
        cut word = t->words.item[i];
        token_sink sink = {w->out, p, word.begin};
        int64_t first = w->out->n;
        TRY(model->part->tokenize(model->state, p->c + word.begin, word.end - word.begin, &sink));
        TRY(trim_tokens(w, first));
    }
    return 0;
}

/* code points [begin, end) of the original, which hold no raw added token */
static int walk_block(walk *w, int64_t begin, int64_t end)
{
    idim_tokenizer *t = w->t;
    TRY(passage_set(&t->block, t->original + begin, begin, end - begin));
    TRY(normalize(t, &t->block));
    if (t->added.n[ADDED_NORMALIZED] == 0)
        return walk_words(w, &t->block);

    added_spans *spans = &t->normalized_spans;
    TRY(added_split(&t->added, ADDED_NORMALIZED, t->block.c, t->block.n, spans));
    for (int64_t i = 0; i < spans->n; i++) {
        const added_span *span = &spans->item[i];
        if (span->id >= 0) {
            const int32_t *from = t->block.from;
            TRY(put_added(w, span, t->block.c, from[span->begin],
                          (int64_t)from[span->end - 1] + 1));
        } else {
            TRY(passage_copy(&t->part, &t->block, span->begin, span->end));
            TRY(walk_words(w, &t->part));
        }
    }
    return 0;
}

static int walk_text(walk *w, int64_t begin, int64_t end)
{
    const idim_tokenizer *t = w->t;
    while (begin < end && !is_full(w)) {
        int64_t stop = end;
        if (t->blockwise && end - begin > BLOCK) {
            stop = begin + BLOCK;
            while (stop < end && t->original[stop] != ' ')
                stop++;
        }
        TRY(walk_block(w, begin, stop));
        begin = stop;
    }
    return 0;
}

static int encode_text(walk *w, const char *text, int64_t length)
{
    idim_tokenizer *t = w->t;
    w->out->n = 0;
    TRY(passage_decode(t->lib, text, length, &t->original, &t->n_original, &t->original_room));
    TRY(added_split(&t->added, ADDED_RAW, t->original, t->n_original, &t->spans));
    for (int64_t i = 0; i < t->spans.n && !is_full(w); i++) {
        const added_span *span = &t->spans.item[i];
        if (span->id < 0)
            TRY(walk_text(w, span->begin, span->end));
        else
            TRY(put_added(w, span, t->original, span->begin, span->end));
    }
    return 0;
}

/* Longest first: the shorter text is left alone if it fits with an equal rest, else both get half
 * and the longer one the odd token. */
static void share(int64_t room, int64_t *first, int64_t *second)
{
    if (*first + *second <= room)
        return;
    bool swapped = *first > *second;
    int64_t shorter = swapped ? *second : *first, longer = room - shorter;
    if (longer < shorter) {
        shorter = room / 2;
        longer = room - shorter;
    }
    *first = swapped ? longer : shorter;
    *second = swapped ? shorter : longer;
}

static int lay_out(const idim_tokenizer *t, bool pair, const int64_t kept[2], encoding *out)
{
    out->n = 0;
    for (int64_t i = 0; i < t->template->n[pair]; i++) {
        const template_piece *piece = &t->template->piece[pair][i];
        if (piece->text < 0) {
            TRY(encoding_put(t->lib, out, piece->id, piece->segment, 0, 0));
            continue;
        }
        const encoding *text = &t->half[piece->text];
        for (int64_t k = 0; k < kept[piece->text]; k++)
            TRY(encoding_put(t->lib, out, text->ids[k], piece->segment, text->offset[k][0],
                             text->offset[k][1]));
    }
    return 0;
}

int tokenizer_encode(idim_tokenizer *t, const char *text, int64_t length, const char *pair,
                     int64_t pair_length, int64_t max_length, encoding *out)
{
    int64_t room = max_length - tokenizer_added(t, pair != NULL);
    if (max_length < 0 || (max_length > 0 && room < 0))
        return fail(t->lib, IDIM_EARGUMENT,
                    "max_length: expected 0 or at least %lld, the special tokens, found %lld",
                    (long long)tokenizer_added(t, pair != NULL), (long long)max_length);

    walk first = {t, &t->half[0], max_length > 0 && pair == NULL ? room : INT64_MAX};
    walk second = {t, &t->half[1], INT64_MAX};
    TRY(encode_text(&first, text, length));
    t->half[1].n = 0;
    if (pair != NULL)
        TRY(encode_text(&second, pair, pair_length));

    int64_t kept[2] = {t->half[0].n, t->half[1].n};
    if (max_length > 0)
        share(room, &kept[0], &kept[1]);
    out->truncated = kept[0] < t->half[0].n || kept[1] < t->half[1].n;
    return lay_out(t, pair != NULL, kept, out);
}

const char *tokenizer_token(const idim_tokenizer *t, int32_t id)
{
    const char *text = vocabulary_text(&t->added.contents, id);
    return text != NULL ? text : vocabulary_text(t->vocabulary, id);
}

int64_t tokenizer_size(const idim_tokenizer *t)
{
    return t->size;
}

int64_t tokenizer_added(const idim_tokenizer *t, bool pair)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->template->n[pair]; i++)
        n += t->template->piece[pair][i].text < 0;
    return n;
}

/* ---- the public header; idim_tokenizer_open, which looks into the cache, is in model ----------
 */

void idim_tokenizer_close(idim_tokenizer *tokenizer)
{
    tokenizer_close(tokenizer);
}

int idim_tokenizer_encode(idim_tokenizer *tokenizer, const char *text, const char *pair,
                          int64_t max_length, int64_t capacity, int32_t *ids, int32_t *segment,
                          int64_t *n)
{
    library_clear(tokenizer->lib);
    encoding *e = &tokenizer->whole;
    *n = 0;
    TRY(tokenizer_encode(tokenizer, text, (int64_t)strlen(text), pair,
                         pair != NULL ? (int64_t)strlen(pair) : 0, max_length, e));
    *n = e->n;
    int64_t written = e->n < capacity ? e->n : capacity;
    if (written > 0 && ids != NULL)
        memcpy(ids, e->ids, (size_t)written * sizeof *ids);
    if (written > 0 && segment != NULL)
        memcpy(segment, e->segment, (size_t)written * sizeof *segment);
    return 0;
}
