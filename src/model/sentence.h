/* Sentence-embedding folders (modules.json, 1_Pooling/config.json): what they pool by is told, not
 * followed, since a classifier is trained anew on whatever row it is given.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MODEL_SENTENCE_H
#define IDIM_MODEL_SENTENCE_H

#include "model/model.h"
#include "weights/binding.h"

/* Adds a sentence when the folder pools otherwise than `auto`, which was asked for, would. */
int sentence_note(const idim_model *m, note_list *notes);

#endif
