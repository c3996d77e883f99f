/* Templates: [CLS] A [SEP] B [SEP], as a list of pieces. TemplateProcessing spells the list out,
 * BertProcessing and RobertaProcessing name the two tokens of theirs. ByteLevel, and Roberta's by
 * the way, take blanks off the offsets.
 *
 * SPDX-License-Identifier: MIT */
#include "text/part.h"

#include <string.h>

enum { SINGLE, PAIR, TEMPLATE_LIMIT = 256 };

void template_free(idim *lib, text_template *t)
{
    memory_free(lib, t->piece[SINGLE]);
    memory_free(lib, t->piece[PAIR]);
    *t = (text_template){.n = {0, 0}};
}

static int add_piece(idim *lib, text_template *t, int which, template_piece piece)
{
    int64_t n = t->n[which];
    if (n == TEMPLATE_LIMIT)
        return fail(lib, IDIM_EUNSUPPORTED,
                    "post_processor: expected at most %d pieces, found more", TEMPLATE_LIMIT);
    if (n == 0)
        TRY(NEW(lib, template_piece, TEMPLATE_LIMIT, "template", &t->piece[which]));
    t->piece[which][n] = piece;
    t->n[which]++;
    return 0;
}

int template_plain(idim *lib, text_template *t)
{
    TRY(add_piece(lib, t, SINGLE, (template_piece){.text = 0}));
    TRY(add_piece(lib, t, PAIR, (template_piece){.text = 0}));
    return add_piece(lib, t, PAIR, (template_piece){.text = 1, .segment = 1});
}

/* {"Sequence": {"id": "A", "type_id": 0}} */
static int add_sequence(const json_place *at, text_template *t, int which)
{
    json_place id = json_member(at, "id"), segment = json_member(at, "type_id");
    const char *name;
    int64_t type;
    TRY(json_want_text(&id, &name));
    TRY(json_want_integer(&segment, 0, INT32_MAX, &type));
    bool first = strcmp(name, "A") == 0, second = strcmp(name, "B") == 0;
    if (!first && !(second && which == PAIR))
        return json_fail_expected(&id, which == PAIR ? "\"A\" or \"B\"" : "\"A\"");
    template_piece piece = {.text = first ? 0 : 1, .segment = (int32_t)type};
    return add_piece(at->lib, t, which, piece);
}

/* {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, whose ids are told in special_tokens */
static int add_special(const json_place *at, const json_place *specials, text_template *t,
                       int which)
{
    json_place id = json_member(at, "id"), segment = json_member(at, "type_id");
    const char *name;
    int64_t type, n;
    TRY(json_want_text(&id, &name));
    TRY(json_want_integer(&segment, 0, INT32_MAX, &type));
    json_place special = json_member(specials, name);
    if (special.value == NULL)
        return json_fail_expected(&id, "a key of special_tokens");

    json_place ids = json_member(&special, "ids");
    TRY(json_want_list(&ids, &n));
    for (int64_t i = 0; i < n; i++) {
        json_place item = json_item(&ids, i);
        int64_t token;
        TRY(json_want_integer(&item, 0, VOCABULARY_MAX_ID, &token));
        template_piece piece = {-1, (int32_t)token, (int32_t)type};
        TRY(add_piece(at->lib, t, which, piece));
    }
    return 0;
}

static int read_pieces(const json_place *list, const json_place *specials, text_template *t,
                       int which)
{
    int64_t n;
    TRY(json_want_list(list, &n));
    for (int64_t i = 0; i < n; i++) {
        json_place piece = json_item(list, i);
        json_place sequence = json_member(&piece, "Sequence");
        json_place special = json_member(&piece, "SpecialToken");
        if (sequence.value != NULL)
            TRY(add_sequence(&sequence, t, which));
        else if (special.value != NULL)
            TRY(add_special(&special, specials, t, which));
        else
            return json_fail_expected(&piece, "{\"Sequence\": ...} or {\"SpecialToken\": ...}");
    }
    return 0;
}

static int open_template(const json_place *at, void *state)
{
    json_place single = json_member(at, "single"), pair = json_member(at, "pair");
    json_place specials = json_member(at, "special_tokens");
    int64_t n;
    ((text_template *)state)->lays = true;
    TRY(json_want_object(&specials, &n));
    TRY(read_pieces(&single, &specials, state, SINGLE));
    return read_pieces(&pair, &specials, state, PAIR);
}

/* ["[SEP]", 102] */
static int read_token(const json_place *in, const char *key, int32_t *out)
{
    json_place at = json_member(in, key);
    int64_t n, token;
    TRY(json_want_list(&at, &n));
    json_place id = json_item(&at, 1);
    TRY(json_want_integer(&id, 0, VOCABULARY_MAX_ID, &token));
    *out = (int32_t)token;
    return 0;
}

/* cls A sep, and for pairs `between` more of sep, B, sep */
static int lay_out(const json_place *at, text_template *t, int between, int32_t second_segment)
{
    template_piece cls = {.text = -1}, sep = {.text = -1}, last = {-1, 0, second_segment};
    template_piece first = {.text = 0}, second = {1, 0, second_segment};
    t->lays = true;
    TRY(read_token(at, "cls", &cls.id));
    TRY(read_token(at, "sep", &sep.id));
    last.id = sep.id;

    for (int which = SINGLE; which <= PAIR; which++) {
        TRY(add_piece(at->lib, t, which, cls));
        TRY(add_piece(at->lib, t, which, first));
        TRY(add_piece(at->lib, t, which, sep));
    }
    for (int i = 0; i < between; i++)
        TRY(add_piece(at->lib, t, PAIR, sep));
    TRY(add_piece(at->lib, t, PAIR, second));
    return add_piece(at->lib, t, PAIR, last);
}

static int open_bert(const json_place *at, void *state)
{
    return lay_out(at, state, 0, 1);
}

static int open_byte_level(const json_place *at, void *state)
{
    text_template *t = state;
    json_place trims = json_member(at, "trim_offsets"),
               prefix = json_member(at, "add_prefix_space");
    TRY(json_want_flag(&trims, &t->trims));
    return json_want_flag(&prefix, &t->keeps_prefix);
}

static int open_roberta(const json_place *at, void *state)
{
    TRY(open_byte_level(at, state));
    return lay_out(at, state, 1, 0);
}

static void close_template(idim *lib, void *state)
{
    template_free(lib, state);
}

const text_part template_processing = {
    .kind = PART_POST_PROCESSOR,
    .type = "TemplateProcessing",
    .state_size = sizeof(text_template),
    .open = open_template,
    .close = close_template,
};

const text_part bert_processing = {
    .kind = PART_POST_PROCESSOR,
    .type = "BertProcessing",
    .state_size = sizeof(text_template),
    .open = open_bert,
    .close = close_template,
};

const text_part roberta_processing = {
    .kind = PART_POST_PROCESSOR,
    .type = "RobertaProcessing",
    .state_size = sizeof(text_template),
    .open = open_roberta,
    .close = close_template,
};

const text_part byte_level_processing = {
    .kind = PART_POST_PROCESSOR,
    .type = "ByteLevel",
    .state_size = sizeof(text_template),
    .open = open_byte_level,
    .close = close_template,
};
