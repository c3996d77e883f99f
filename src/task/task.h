/* A task: labelled examples in splits, encoded once, and the metric that judges predictions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TASK_TASK_H
#define IDIM_TASK_TASK_H

#include "base/library.h"
#include "text/tokenizer.h"

typedef enum split_name { SPLIT_TRAIN, SPLIT_DEV, SPLIT_TEST, N_SPLITS } split_name;

typedef enum task_kind { TASK_CLASSES, TASK_REGRESSION } task_kind;

typedef struct split {
    char *path;      /* NULL: there is no such split */
    char sha256[65]; /* of the file */
    int64_t n;
    int32_t *ids, *segment;     /* [start[n]] */
    int64_t *start;             /* [n + 1] */
    float *label;               /* [n]; NULL where the file has no labels */
    char **text;                /* [2 n] text and pair (NULL) of each example, for inspect */
    int64_t truncated, skipped; /* texts cut to the maximum length; unusable rows */
} split;

typedef struct task_options {
    const char *name;           /* a GLUE task ("mrpc"), or NULL                                  */
    const char *data;           /* its folder                                                     */
    const char *file[N_SPLITS]; /* or any .tsv .csv .jsonl; NULL: none                        */
    const char *text;           /* column names, "a" or "a,b"; NULL: found by rule (FORMATS)      */
    const char *label;          /* column name; NULL: "label"                                     */
    bool needs_labels;          /* false: predict, the label column may be missing                */
    const char *const *known_labels; /* the model's label names in order, or NULL             */
    int64_t n_known_labels;
    int64_t max_length; /* tokens with special tokens                                     */
    int64_t max_samples[N_SPLITS]; /* 0: all                                                  */
} task_options;

typedef struct task {
    idim *lib;
    char *name; /* "mrpc", or the train file's name         */
    task_kind kind;
    int64_t n_labels;   /* 1 for regression                         */
    char **label_name;  /* [n_labels], classes only                 */
    const char *metric; /* the one that judges: "accuracy", ...     */
    split splits[N_SPLITS];
    split mismatched; /* MNLI's second dev set                    */
} task;

task_options task_defaults(void);
int task_open(idim *lib, const task_options *options, idim_tokenizer *tokenizer, task **out);
void task_close(task *t);

/* Packs examples order[0 .. n) of a split into arrays owned by `b`, which grows as needed. */
typedef struct batch_buffer {
    int32_t *ids, *segment, *start;
    float *label;
    int64_t token_room, example_room;
} batch_buffer;
int batch_pack(idim *lib, const split *s, const int32_t *order, int64_t n, batch_buffer *b,
               idim_batch *out);
void batch_free(idim *lib, batch_buffer *b);

/* Examples of epoch `epoch` in training order: a function of (seed, epoch) alone. */
void task_order(uint64_t seed, int64_t epoch, int32_t *order, int64_t n);

#endif
