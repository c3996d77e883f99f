/* What a pre-tokeniser makes of the matches and the text between them:
 *
 *     the-final--countdown, "-" matches
 *     removed               the final countdown
 *     isolated              the - final - - countdown
 *     merged with previous  the- final- - countdown
 *     merged with next      the -final - -countdown
 *     contiguous            the - final -- countdown
 *
 *     splitter s = {.out = &finer, .behavior = SPLIT_REMOVED};
 *     TRY(splitter_add(&s, begin, end, matches)) for pieces that are the whole of a cut, in order
 *     TRY(splitter_end(&s));
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_SPLITTER_H
#define IDIM_TEXT_SPLITTER_H

#include "text/passage.h"

typedef enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
} split_behavior;

typedef struct splitter {
    cuts *out;
    split_behavior behavior;
    bool held, held_matches; /* a piece waits for what comes next */
    cut piece;
} splitter;

int splitter_add(splitter *s, int64_t begin, int64_t end, bool matches);
int splitter_end(splitter *s);

/* Cuts every cut of the list finer, at the letters for which `is` holds. */
int split_at_letters(const passage *p, cuts *list, split_behavior behavior,
                     bool (*is)(const void *state, uint32_t c), const void *state);

#endif
