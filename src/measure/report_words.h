/* Numbers and answers in words, the same in the page, the tables and the figures. Plain text: who
 * writes HTML escapes it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MEASURE_REPORT_WORDS_H
#define IDIM_MEASURE_REPORT_WORDS_H

#include "base/buffer.h"
#include "measure/report_study.h"

/* "12,345" */
void words_count(buffer *b, int64_t n);
/* two leading digits: "170", "1,200", "34,000"; "nothing" is "-" */
void words_about(buffer *b, double d);
/* the size of a model: "22.7 million", "340,000" */
void words_size(buffer *b, int64_t n);
/* "12 s", "3 min 20 s", "2 h 05 min" */
void words_time(buffer *b, double seconds);
/* "87.9 %" of an accuracy or F1, "0.632" of a correlation; "-" where there is none */
void words_score(buffer *b, const char *metric, double score);
bool words_is_percent(const char *metric);

/* "170 (120 to 260)", "-" without an answer */
void words_d90(buffer *b, const study_answer *a);

/* "(95 % interval 120 to 260)" and its forms where an end is open; nothing where both are. */
void words_interval(buffer *b, const study_answer *a);

/* One or two sentences that answer the cell's question, or say why there is no answer. */
void words_answer(buffer *b, const study_cell *c);

/* The answer by the chance-corrected rule, one sentence; nothing where it was not looked for. */
void words_corrected(buffer *b, const study_cell *c);

/* The first answer, with those of the other methods for the same model and task. */
void words_headline(buffer *b, const study *s);

/* How many cells have an answer and between what d90 lies; nothing where one sentence said it all.
 */
void words_overall(buffer *b, const study *s);

/* "not reached" */
void words_status(buffer *b, measure_status status);

/* The colour of a method, 0 to 2: the same in every figure. */
int words_series(const char *method);

/* "said", or "said, groups none" */
void words_method(buffer *b, const study_cell *c);

#endif
