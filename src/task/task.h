/* A task: labelled examples in splits, encoded once, and the metric that judges predictions.
 *
 * What files may hold, and what becomes of it:
 *  - A GLUE task by name: its columns are found by their published header names, else by position;
 *    labels are GLUE's own. No quoting. Rows of QQP with too few cells are skipped and counted.
 *  - Any .tsv, .csv, .jsonl with a header (format/table.h). Labels are values (regression) when all
 *    of the train split's are decimal numbers and at least one is not written as an integer; else
 *    they are classes. So 0, 1, 2 are classes, 0.0, 1.0, 2.0 are values. Among values nan and inf
 * are refused.
 *  - Class names are known_labels when these cover the data's labels (by name, letters' case aside;
 *    or by number, where no known label is a number), else those of the train split (of all splits
 *    where there is none), sorted: by value when all are integers, by bytes otherwise. A label that
 *    is none of them is IDIM_EFORMAT with file and line.
 *  - Multi-label: rows of JSONL whose label is a list, or a separator that splits the cells ("a|b";
 *    spaces around a name are not part of it, an empty cell has no label). Names are settled as
 * those of classes are.
 *  - An empty text is a text; a zero byte and bytes that are not UTF-8 go to the tokenizer as they
 *    are. A file without rows is refused unless labels are not needed.
 *  - max_samples takes the first rows, as the Hugging Face scripts do.
 *  - As a language model's texts (options.language) there are no labels: task/language.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_TASK_H
#define IDIM_TASK_TASK_H

#include "base/library.h"
#include "text/tokenizer.h"

typedef enum split_name { SPLIT_TRAIN, SPLIT_DEV, SPLIT_TEST, N_SPLITS } split_name;

/* multi-label: any number of the labels, none too, is right at once; language: examples are blocks
 * of tokens, each token is predicted from those before it */
typedef enum task_kind { TASK_CLASSES, TASK_REGRESSION, TASK_MULTI_LABEL, TASK_LANGUAGE } task_kind;

/* What is known of a block, in the place of labels: how many tokens are predicted, the bytes of
 * text they stand for, and what the untouched model makes of them: the sum of their losses and how
 * many it finds likeliest. NaN until it has been asked (measure/untouched.h). */
enum { FACT_TOKENS, FACT_BYTES, FACT_NATS, FACT_HITS, N_FACTS };

enum { TASK_MAX_LABELS = 1000 };

typedef struct split {
    char *path;       /* NULL: there is no such split */
    char sha256[65];  /* of the file */
    char encoded[65]; /* SHA-256 of start, ids, segment and label: what training sees of it */
    char *columns;    /* "sentence1, sentence2 -> label", for people */
    int64_t n;
    int32_t *ids, *segment; /* [start[n]] */
    int64_t *start;         /* [n + 1] */
    float *label;           /* [n]; multi-label: [n][n_labels] of 0 and 1; language: [n][N_FACTS];
                               NULL where the file has no labels */
    int64_t label_width;    /* floats an example: 1, n_labels or N_FACTS */
    char **text;            /* [2 n] text and pair (NULL) of each example, for inspect; NULL of
                               blocks */
    int64_t truncated, skipped; /* texts cut to the maximum length; unusable rows */
    char *text_pool;            /* what text points into */
} split;

typedef struct task_options {
    const char *name; /* a GLUE task ("mrpc"), or NULL                              */
    const char *data; /* its folder, or that of all GLUE tasks (glue/MRPC, glue); files given below
                         take the place of its own    */
    const char *file[N_SPLITS]; /* with a name: read as that task's; else any .tsv .csv .jsonl */
    const char *text;           /* column names, "a" or "a,b"; NULL: found by rule (FORMATS)  */
    const char *label;          /* column name; NULL: "label"                                 */
    const char *separator;      /* one character between the labels of a cell: multi-label   */
    bool multi_label;           /* the labels are those of a multi-label model or adapter    */
    bool needs_labels;          /* false: predict; labels are not read at all                 */
    bool takes_labels;          /* labels are read where there are any                        */
    const char *const *known_labels; /* the model's label names in order, or NULL             */
    int64_t n_known_labels;
    bool labels_fixed;   /* the labels are an adapter's: known_labels and no others; without
                            known_labels they are values */
    int64_t max_length;  /* tokens with special tokens; 0: no limit               */
    bool language;       /* blocks of max_length tokens (2 or more), no labels     */
    int64_t end_of_text; /* language: the token before each text; -1: there is none */
    int64_t max_samples[N_SPLITS]; /* 0: all                                                */
} task_options;

typedef struct task {
    idim *lib;
    char *name; /* "mrpc", or the name of the train file (else dev, test) without folder and end */
    task_kind kind;
    int64_t n_labels;   /* 1 for regression; language: LANGUAGE_OUTPUTS */
    char **label_name;  /* [n_labels]; NULL for regression and language */
    int64_t vocabulary; /* language: tokens of the tokenizer            */
    const char *metric; /* the one that judges: "accuracy", ...     */
    bool combined;      /* two-metric GLUE tasks: combined_score    */
    bool by_number;     /* labels of the data may be numbers of classes (known_labels) */
    split splits[N_SPLITS];
    split mismatched; /* MNLI's second dev set                    */
} task;

task_options task_defaults(void);

/* tokenizer NULL: texts and labels only, ids, segment and start stay NULL. */
int task_open(idim *lib, const task_options *options, idim_tokenizer *tokenizer, task **out);
void task_close(task *t);

/* "cola", ... in the order of FORMATS; NULL beyond the last. */
const char *task_glue_name(int64_t i);

/* Packs examples order[0 .. n) of a split into arrays owned by `b`, which grows as needed. */
typedef struct batch_buffer {
    int32_t *ids, *segment, *start;
    float *label;
    int64_t token_room, example_room, label_room;
} batch_buffer;
int batch_pack(idim *lib, const split *s, const int32_t *order, int64_t n, batch_buffer *b,
               idim_batch *out);
void batch_free(idim *lib, batch_buffer *b);

#endif
