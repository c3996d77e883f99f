/* The compiler: one pass over the expression, jumps relative to their place, so that a finished
 * part can be moved or written again for a repetition.
 *
 * SPDX-License-Identifier: MIT */
#include "text/pattern.h"

#include <stdarg.h>
#include <string.h>

#include "text/unicode.h"

enum { CODE_LIMIT = 4096, DEPTH_LIMIT = 16, LOOK_LIMIT = 2, REPEAT_LIMIT = 1000 };

typedef enum group_kind { GROUP_PLAIN, GROUP_LOOK } group_kind;

typedef struct group {
    group_kind kind;
    int64_t begin;     /* of its code, the look-ahead instruction included          */
    int64_t alternate; /* where the code of this alternative begins                 */
    int64_t shortest;  /* match of the alternatives before this one                 */
    int64_t length;    /* the shortest match of this alternative                    */
    bool fold;         /* letter case, before the group                             */
} group;

typedef struct compiler {
    pattern *p;
    const json_place *at;
    const uint32_t *c;
    int64_t n, i;
    bool fold; /* (?i: is in force */
    group group[DEPTH_LIMIT];
    int64_t depth, looks;
    int64_t atom, atom_length; /* what a repetition would repeat: code from here; -1 nothing */
} compiler;

static int refuse(const compiler *k, const char *what)
{
    return json_fail(k->at, IDIM_EUNSUPPORTED, "character %lld: %s", (long long)k->i, what);
}

static bool next_is(const compiler *k, int64_t ahead, uint32_t c)
{
    return k->i + ahead < k->n && k->c[k->i + ahead] == c;
}

/* ---- sets ----------------------------------------------------------------------------------- */

static int add_range(compiler *k, letter_set *s, uint32_t first, uint32_t last)
{
    if (s->n == s->room) {
        int64_t room = s->room == 0 ? 4 : 2 * s->room;
        TRY(memory_resize(k->p->lib, room, sizeof *s->range, "pattern", (void **)&s->range));
        s->room = room;
    }
    s->range[s->n++] = (letter_range){first, last};
    return 0;
}

/* the range, and where letter case counts for nothing its letters in the other case */
static int add_letters(compiler *k, letter_set *s, uint32_t first, uint32_t last)
{
    enum { LONG_S = 0x17f, KELVIN = 0x212a };
    TRY(add_range(k, s, first, last));
    if (!k->fold)
        return 0;
    if (last > 127)
        return refuse(k, "letters beyond ASCII are not supported where (?i) is in force");
    for (uint32_t c = first; c <= last; c++) {
        uint32_t small = c | 0x20;
        if (small < 'a' || small > 'z')
            continue;
        TRY(add_range(k, s, c ^ 0x20, c ^ 0x20));
        if (small == 's')
            TRY(add_range(k, s, LONG_S, LONG_S));
        if (small == 'k')
            TRY(add_range(k, s, KELVIN, KELVIN));
    }
    return 0;
}

static int new_set(compiler *k, int64_t *index)
{
    pattern *p = k->p;
    if (p->n_sets == p->sets_room) {
        int64_t room = p->sets_room == 0 ? 8 : 2 * p->sets_room;
        TRY(memory_resize(p->lib, room, sizeof *p->set, "pattern", (void **)&p->set));
        p->sets_room = room;
    }
    *index = p->n_sets;
    p->set[p->n_sets++] = (letter_set){.n = 0};
    return 0;
}

/* works out the answers for ASCII, as letter_set_has would find them */
static void seal_set(letter_set *s)
{
    for (uint32_t c = 0; c < 128; c++) {
        int properties = unicode_properties(c);
        bool has = (s->categories >> unicode_category_of(c) & 1) != 0 ||
                   (properties & s->properties) != 0 || (~properties & s->not_properties) != 0;
        for (int64_t i = 0; !has && i < s->n; i++)
            has = c >= s->range[i].first && c <= s->range[i].last;
        if (has != s->negated)
            s->ascii[c >> 6] |= (uint64_t)1 << (c & 63);
    }
}

static uint32_t categories_named(const char *name)
{
    static const char names[] = "CnLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCo";
    uint32_t found = 0;
    for (int i = 0; i < UNICODE_CATEGORIES; i++)
        if (name[0] == names[2 * i] &&
            (name[1] == '\0' || (name[1] == names[2 * i + 1] && name[2] == '\0')))
            found |= (uint32_t)1 << i;
    return found;
}

/* behind \p or \P: {Lu}, {^Lu} */
static int add_categories(compiler *k, letter_set *s, bool negated)
{
    char name[4] = "";
    int64_t length = 0, at = k->i + 1;
    if (next_is(k, 1, '^')) {
        negated = !negated;
        at++;
    }
    while (at < k->n && k->c[at] < 128 && k->c[at] != '}' && length < 3)
        name[length++] = (char)k->c[at++];
    uint32_t found = length <= 2 ? categories_named(name) : 0;
    if (!next_is(k, 0, '{') || at == k->n || k->c[at] != '}' || found == 0)
        return refuse(k, "expected a general category like {L} or {Lu} behind \\p");
    uint32_t cased = categories_named("Lu") | categories_named("Ll") | categories_named("Lt");
    if (k->fold && (found & cased) != 0 && (found & cased) != cased)
        return refuse(k, "letters of one case are not supported where (?i) is in force");
    k->i = at + 1;
    s->categories |= negated ? ~found & (((uint32_t)1 << UNICODE_CATEGORIES) - 1) : found;
    return 0;
}

static int read_hexadecimal(compiler *k, int64_t digits, uint32_t *out)
{
    *out = 0;
    for (int64_t end = k->i + digits; k->i < end; k->i++) {
        uint32_t c = k->i < k->n ? k->c[k->i] : 0, small = c | 0x20;
        if (!(c >= '0' && c <= '9') && !(small >= 'a' && small <= 'f'))
            return refuse(k, "expected a hexadecimal digit");
        *out = *out << 4 | (c <= '9' ? c - '0' : small - 'a' + 10);
    }
    return 0;
}

/* Behind a backslash: a letter (*is_letter), or a kind of letters added to s. */
static int read_escape(compiler *k, letter_set *s, bool *is_letter, uint32_t *letter)
{
    static const char from[] = "nrtfvae", to[] = "\n\r\t\f\v\a\x1b";
    if (k->i == k->n)
        return refuse(k, "nothing behind a backslash");
    uint32_t c = k->c[k->i++];
    const char *known = c < 128 && c != 0 ? strchr(from, (int)c) : NULL;
    *is_letter = true;
    *letter = known != NULL ? (uint32_t)(unsigned char)to[known - from] : c;
    bool alphanumeric = (c | 0x20) - 'a' < 26 || c - '0' < 10;
    if (known != NULL || !alphanumeric)
        return 0;
    if (c == 'x')
        return read_hexadecimal(k, 2, letter);
    if (c == 'u')
        return read_hexadecimal(k, 4, letter);

    *is_letter = false;
    uint32_t all = ((uint32_t)1 << UNICODE_CATEGORIES) - 1, digits = (uint32_t)1 << UNICODE_ND;
    switch (c) {
    case 's':
        s->properties |= UNICODE_SPACE;
        return 0;
    case 'S':
        s->not_properties |= UNICODE_SPACE;
        return 0;
    case 'd':
        s->categories |= digits;
        return 0;
    case 'D':
        s->categories |= all & ~digits;
        return 0;
    case 'p':
    case 'P':
        return add_categories(k, s, c == 'P');
    default:
        k->i--;
        return refuse(k, "this letter behind a backslash is not supported");
    }
}

/* [a-z\p{N}] behind its bracket */
static int read_class(compiler *k, letter_set *s)
{
    if (next_is(k, 0, '^')) {
        s->negated = true;
        k->i++;
    }
    bool any = false;
    for (; k->i < k->n && (k->c[k->i] != ']' || !any); any = true) {
        bool is_letter = true, closed = true;
        uint32_t first = k->c[k->i++], last;
        if (first == '[' || (first == '&' && next_is(k, 0, '&')))
            return refuse(k, "sets inside sets are not supported");
        if (first == '\\')
            TRY(read_escape(k, s, &is_letter, &first));
        if (!is_letter)
            continue;
        last = first;
        if (next_is(k, 0, '-') && k->i + 1 < k->n && k->c[k->i + 1] != ']') {
            k->i++;
            last = k->c[k->i++];
            if (last == '\\')
                TRY(read_escape(k, s, &closed, &last));
            if (last == '[' || !closed || last < first)
                return refuse(k, "expected a range from a letter to one behind it");
        }
        TRY(add_letters(k, s, first, last));
    }
    if (k->i == k->n)
        return refuse(k, "expected ] at the end of a set");
    k->i++;
    return 0;
}

/* ---- code ----------------------------------------------------------------------------------- */

static int make_room(compiler *k, int64_t more)
{
    pattern *p = k->p;
    if (p->n + more > CODE_LIMIT)
        return refuse(k, "the pattern is too large");
    if (p->n + more <= p->room)
        return 0;
    int64_t room = 2 * (p->n + more);
    TRY(memory_resize(p->lib, room, sizeof *p->code, "pattern", (void **)&p->code));
    p->room = room;
    return 0;
}

static int append(compiler *k, instruction i)
{
    TRY(make_room(k, 1));
    k->p->code[k->p->n++] = i;
    return 0;
}

/* in front of what is at `at`; nothing jumps over that place */
static int insert(compiler *k, int64_t at, instruction i)
{
    TRY(make_room(k, 1));
    pattern *p = k->p;
    memmove(p->code + at + 1, p->code + at, (size_t)(p->n - at) * sizeof *p->code);
    p->code[at] = i;
    p->n++;
    return 0;
}

static int append_set(compiler *k, int64_t set)
{
    seal_set(&k->p->set[set]);
    k->atom = k->p->n;
    k->atom_length = 1;
    k->group[k->depth].length++;
    return append(k, (instruction){.op = OP_SET, .x = set});
}

static int append_assertion(compiler *k, pattern_op op)
{
    k->atom = -1;
    return append(k, (instruction){.op = op});
}

static int open_group(compiler *k, group_kind kind, bool fold)
{
    if (k->depth + 1 == DEPTH_LIMIT)
        return refuse(k, "too many groups inside one another");
    group *g = &k->group[++k->depth];
    *g = (group){kind, k->p->n, k->p->n, INT64_MAX, 0, k->fold};
    k->fold = fold;
    k->atom = -1;
    return 0;
}

/* behind an opening parenthesis */
static int read_group(compiler *k)
{
    if (!next_is(k, 0, '?'))
        return open_group(k, GROUP_PLAIN, k->fold);
    bool look = next_is(k, 1, '='), look_not = next_is(k, 1, '!');
    if (next_is(k, 1, ':')) {
        k->i += 2;
        return open_group(k, GROUP_PLAIN, k->fold);
    }
    if (next_is(k, 1, 'i') && next_is(k, 2, ':')) {
        k->i += 3;
        return open_group(k, GROUP_PLAIN, true);
    }
    if (!look && !look_not)
        return refuse(k, "this kind of group is not supported");
    k->i += 2;
    if (k->looks++ == LOOK_LIMIT)
        return refuse(k, "too many look-aheads inside one another");
    TRY(open_group(k, GROUP_LOOK, k->fold));
    TRY(append(k, (instruction){.op = look ? OP_LOOK : OP_LOOK_NOT}));
    k->group[k->depth].alternate = k->p->n;
    return 0;
}

/* The end of an alternative: a jump behind the group, whose place is told when it closes. Until
 * then y chains the jumps, as distances. */
static int end_alternative(compiler *k)
{
    group *g = &k->group[k->depth];
    TRY(append(k, (instruction){.op = OP_JUMP, .y = -1}));
    TRY(insert(k, g->alternate, (instruction){.op = OP_SPLIT, .x = 1}));
    k->p->code[g->alternate].y = k->p->n - g->alternate;
    g->alternate = k->p->n;
    g->shortest = g->length < g->shortest ? g->length : g->shortest;
    g->length = 0;
    k->atom = -1;
    return 0;
}

static void close_group(compiler *k)
{
    group *g = &k->group[k->depth];
    pattern *p = k->p;
    for (int64_t i = g->begin; i < p->n; i++)
        if (p->code[i].op == OP_JUMP && p->code[i].y == -1) {
            p->code[i].x = p->n - i;
            p->code[i].y = 0;
        }
    g->shortest = g->length < g->shortest ? g->length : g->shortest;
}

static int end_group(compiler *k)
{
    if (k->depth == 0)
        return refuse(k, "unexpected )");
    close_group(k);
    group *g = &k->group[k->depth];
    k->fold = g->fold;
    k->depth--;
    if (g->kind == GROUP_PLAIN) {
        k->atom = g->begin;
        k->atom_length = g->shortest;
        k->group[k->depth].length += g->shortest;
        return 0;
    }
    TRY(append_assertion(k, OP_MATCH));
    k->p->code[g->begin].x = k->p->n - g->begin;
    k->looks--;
    return 0;
}

/* ---- repetitions ---------------------------------------------------------------------------- */

static int64_t read_number(compiler *k, int64_t absent)
{
    int64_t n = 0, begin = k->i;
    for (; k->i < k->n && k->c[k->i] - '0' < 10 && n <= REPEAT_LIMIT; k->i++)
        n = 10 * n + (k->c[k->i] - '0');
    return k->i > begin ? n : absent;
}

/* {2} {2,} {,3} {2,3} behind its brace */
static int read_braces(compiler *k, int64_t *min, int64_t *max)
{
    int64_t begin = k->i;
    *min = read_number(k, 0);
    bool empty = k->i == begin;
    *max = *min;
    if (next_is(k, 0, ',')) {
        k->i++;
        *max = read_number(k, INT64_MAX);
        empty = empty && *max == INT64_MAX;
    }
    bool large = *min > REPEAT_LIMIT || (*max > REPEAT_LIMIT && *max != INT64_MAX);
    if (empty || large || !next_is(k, 0, '}') || *max < *min)
        return refuse(k, "expected a repetition like {2}, {2,} or {2,3}");
    k->i++;
    return 0;
}

/* one copy more of code[from .. from + n) */
static int append_copy(compiler *k, int64_t from, int64_t n)
{
    TRY(make_room(k, n));
    memcpy(k->p->code + k->p->n, k->p->code + from, (size_t)n * sizeof *k->p->code);
    k->p->n += n;
    return 0;
}

static instruction split_to(int64_t first, int64_t second, bool lazy)
{
    return (instruction){.op = OP_SPLIT, .x = lazy ? second : first, .y = lazy ? first : second};
}

/* min copies, then a loop, or max - min copies each of which may be left out with all behind it */
static int repeat_code(compiler *k, int64_t min, int64_t max, bool lazy)
{
    pattern *p = k->p;
    int64_t from = k->atom, n = p->n - from;
    if (max == INT64_MAX && k->atom_length == 0)
        return refuse(k, "what may be empty cannot be repeated without end");

    for (int64_t copies = 1; copies < min; copies++)
        TRY(append_copy(k, from, n));
    if (max == INT64_MAX) {
        int64_t loop = min == 0 ? from : p->n;
        if (min > 0)
            TRY(append_copy(k, from, n));
        TRY(insert(k, loop, split_to(1, n + 2, lazy)));
        return append(k, (instruction){.op = OP_JUMP, .x = -(n + 1)});
    }
    if (max == 0) {
        p->n = from;
        return 0;
    }
    int64_t optional = max - min, rest = (n + 1) * optional;
    if (min == 0) {
        TRY(insert(k, from, split_to(1, rest, lazy)));
        from++;
        optional--;
    }
    for (; optional > 0; optional--) {
        TRY(append(k, split_to(1, (n + 1) * optional, lazy)));
        TRY(append_copy(k, from, n));
    }
    return 0;
}

static int read_repetition(compiler *k)
{
    int64_t min = 0, max = INT64_MAX;
    uint32_t c = k->c[k->i++];
    if (k->atom < 0)
        return refuse(k, "nothing to repeat");
    if (c == '+')
        min = 1;
    else if (c == '?')
        max = 1;
    else if (c == '{')
        TRY(read_braces(k, &min, &max));

    bool lazy = next_is(k, 0, '?'), possessive = next_is(k, 0, '+');
    if ((possessive || lazy) && c == '{')
        return refuse(k, "a sign behind braces is not supported");
    k->i += lazy || possessive;
    bool again = next_is(k, 0, '?') || next_is(k, 0, '*') || next_is(k, 0, '+');
    if (again || next_is(k, 0, '{'))
        return refuse(k, "a repetition of a repetition is not supported");

    k->group[k->depth].length += k->atom_length * (min - 1);
    pattern *p = k->p;
    instruction *last = &p->code[k->atom];
    if (!lazy && k->atom == p->n - 1 && last->op == OP_SET) {
        *last = (instruction){OP_LOOP, possessive, last->x, 0, min, max};
    } else {
        if (possessive)
            return refuse(k, "+ behind a repeated group is not supported");
        TRY(repeat_code(k, min, max, lazy));
    }
    k->atom = -1;
    return 0;
}

/* ---- the expression ------------------------------------------------------------------------- */

/* a letter, a set, or \A and \z */
static int read_letters(compiler *k)
{
    uint32_t c = k->c[k->i];
    if (c == '\\' && (next_is(k, 1, 'A') || next_is(k, 1, 'z'))) {
        k->i += 2;
        return append_assertion(k, k->c[k->i - 1] == 'A' ? OP_BEGIN : OP_END);
    }
    int64_t set;
    TRY(new_set(k, &set));
    letter_set *s = &k->p->set[set];
    k->i++;
    bool is_letter = true;
    if (c == '[') {
        TRY(read_class(k, s));
        return append_set(k, set);
    }
    if (c == '.') {
        s->negated = true;
        TRY(add_range(k, s, '\n', '\n'));
        return append_set(k, set);
    }
    if (c == '\\')
        TRY(read_escape(k, s, &is_letter, &c));
    if (is_letter)
        TRY(add_letters(k, s, c, c));
    return append_set(k, set);
}

static int compile(compiler *k)
{
    k->group[0].shortest = INT64_MAX;
    k->atom = -1;
    while (k->i < k->n) {
        switch (k->c[k->i]) {
        case '(':
            k->i++;
            TRY(read_group(k));
            break;
        case ')':
            k->i++;
            TRY(end_group(k));
            break;
        case '|':
            k->i++;
            TRY(end_alternative(k));
            break;
        case '^':
        case '$':
            k->i++;
            TRY(append_assertion(k, k->c[k->i - 1] == '^' ? OP_BEGIN_LINE : OP_END_LINE));
            break;
        case '?':
        case '*':
        case '+':
        case '{':
            TRY(read_repetition(k));
            break;
        default:
            TRY(read_letters(k));
        }
    }
    if (k->depth > 0)
        return refuse(k, "expected )");
    close_group(k);
    return append(k, (instruction){.op = OP_MATCH});
}

int pattern_compile_text(const json_place *at, const char *text, pattern *out)
{
    int64_t length = (int64_t)strlen(text);
    out->lib = at->lib;
    compiler k = {.p = out, .at = at};
    for (int64_t place = 0; place < length; k.i++) {
        uint32_t c = unicode_read((const uint8_t *)text, length, &place);
        int64_t set;
        TRY(new_set(&k, &set));
        TRY(add_range(&k, &out->set[set], c, c));
        TRY(append_set(&k, set));
    }
    return append(&k, (instruction){.op = OP_MATCH});
}

int pattern_compile(const json_place *at, const char *text, pattern *out)
{
    int64_t length = (int64_t)strlen(text);
    uint32_t *c;
    out->lib = at->lib;
    TRY(NEW(at->lib, uint32_t, length, "pattern", &c));
    compiler k = {.p = out, .at = at, .c = c};
    for (int64_t place = 0; place < length; k.n++)
        c[k.n] = unicode_read((const uint8_t *)text, length, &place);
    int status = compile(&k);
    memory_free(at->lib, c);
    return status;
}

int pattern_read(const json_place *in, pattern *out)
{
    json_place given = json_member(in, "pattern");
    json_place text = json_member(&given, "String"), regex = json_member(&given, "Regex");
    int64_t n;
    const char *content;
    TRY(json_want_object(&given, &n));
    if (regex.value == NULL) {
        TRY(json_want_text(&text, &content));
        return pattern_compile_text(&text, content, out);
    }
    TRY(json_want_text(&regex, &content));
    return pattern_compile(&regex, content, out);
}

void pattern_free(idim *lib, pattern *p)
{
    for (int64_t i = 0; i < p->n_sets; i++)
        memory_free(lib, p->set[i].range);
    memory_free(lib, p->set);
    memory_free(lib, p->code);
    *p = (pattern){.lib = lib};
}
