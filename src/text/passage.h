/* A text on its way through the pipeline: code points, each with the place in the original it came
 * from; cuts, the pieces a pre-tokeniser makes of it; and the sink for the tokens a model makes of
 * a piece.
 *
 *     original   "Été: 5"     c    e t e : _ 5          cuts  [0,3) [3,4) [5,6)
 *                             from 0 1 2 3 4 5
 *
 * The reference aligns every code point with exactly one of the original, so `from` is one number.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_PASSAGE_H
#define IDIM_TEXT_PASSAGE_H

#include "base/library.h"
#include "text/tokenizer.h"

enum { TEXT_LIMIT = INT32_MAX - 64 }; /* code points of a text */

typedef struct passage {
    idim *lib;
    uint32_t *c;   /* [n] */
    int32_t *from; /* [n] */
    int64_t n, room;
    uint32_t
        *next_c; /* a pass that may lengthen the text writes here; the two then change places */
    int32_t *next_from;
    int64_t next_n, next_room;
    int64_t taken; /* of a pass that tells changes: code points behind it, and the one that waits */
    uint32_t waiting;
    int64_t change;
    bool waits;
} passage;

void passage_free(passage *p);

/* Takes c[0 .. n), which is the original from `first` on. */
int passage_set(passage *p, const uint32_t *c, int64_t first, int64_t n);

/* Takes a part of another passage. */
int passage_copy(passage *p, const passage *source, int64_t begin, int64_t end);

/* A pass that may lengthen the text: rewrite, put for each code point, finish. */
void passage_rewrite(passage *p);
int passage_put(passage *p, uint32_t c, int32_t from);
void passage_finish(passage *p);

/* A pass that tells how each code point comes about, as the reference's alignments count it: 0, it
 * takes the place of the next one of the text; 1, it was inserted behind the last; -k, it takes the
 * place of the next one and k more vanish. passage_vanish lets n more vanish behind the last one.
 * Rewrite first, passage_change_end finishes. */
int passage_change(passage *p, uint32_t c, int64_t change);
void passage_vanish(passage *p, int64_t n);
int passage_change_end(passage *p);

/* Decodes bytes (see unicode_read) into a block that grows with need. */
int passage_decode(idim *lib, const char *bytes, int64_t length, uint32_t **c, int64_t *n,
                   int64_t *room);

typedef struct cut {
    int64_t begin, end; /* into the passage */
} cut;

typedef struct cuts {
    idim *lib;
    cut *item; /* [n] none is empty */
    int64_t n, room;
} cuts;

int cuts_add(cuts *list, int64_t begin, int64_t end);
void cuts_free(cuts *list);

/* Puts c in front of each cut that does not begin with it (of the one at the beginning of the
 * original alone, if only_first); it counts as coming from the cut's first code point. */
int passage_prepend(passage *p, cuts *list, uint32_t c, bool only_first);

/* Where a model puts the tokens of one cut. */
typedef struct token_sink {
    encoding *out;
    const passage *p;
    int64_t begin; /* of the cut */
} token_sink;

/* Token `id` for code points [begin, end) of the cut, begin < end. */
int token_put(const token_sink *sink, int32_t id, int64_t begin, int64_t end);

/* One entry more; grows the arrays. */
int encoding_put(idim *lib, encoding *e, int32_t id, int32_t segment, int64_t begin, int64_t end);

#endif
