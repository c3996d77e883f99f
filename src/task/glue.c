/* Columns as in the published files. Test files have no labels but for MRPC's
 * original one. Class order: the hub's, which a model's own label names override.
 *
 * SPDX-License-Identifier: MIT */
#include "task/glue.h"

#include <string.h>

#define FILES                                                                                      \
    {                                                                                              \
        "train.tsv", "dev.tsv", "test.tsv"                                                         \
    }
#define NO_COLUMN                                                                                  \
    {                                                                                              \
        NULL, -1                                                                                   \
    }

/* clang-format off */
static const glue_task tasks[] = {
    {.name = "cola", .folder = "CoLA", .file = FILES,
     .labelled = {{NULL, 3}, NO_COLUMN, {NULL, 1}, false},
     .test = {{"sentence", 1}, NO_COLUMN, NO_COLUMN, true},
     .labels = {"0", "1"},
     .metric = "matthews_correlation"},
    {.name = "sst2", .folder = "SST-2", .file = FILES,
     .labelled = {{"sentence", 0}, NO_COLUMN, {"label", 1}, true},
     .test = {{"sentence", 1}, NO_COLUMN, {"label", -1}, true},
     .labels = {"0", "1"},
     .metric = "accuracy"},
    {.name = "mrpc", .folder = "MRPC", .file = FILES,
     .labelled = {{"#1 String", 3}, {"#2 String", 4}, {"Quality", 0}, true},
     .test = {{"#1 String", 3}, {"#2 String", 4}, {"Quality", -1}, true},
     .labels = {"0", "1"},
     .metric = "accuracy", .combined = true},
    {.name = "stsb", .folder = "STS-B", .file = FILES,
     .labelled = {{"sentence1", 7}, {"sentence2", 8}, {"score", GLUE_LAST}, true},
     .test = {{"sentence1", 7}, {"sentence2", 8}, {"score", -1}, true},
     .metric = "pearson", .combined = true},
    {.name = "qqp", .folder = "QQP", .file = FILES,
     .labelled = {{"question1", 3}, {"question2", 4}, {"is_duplicate", 5}, true},
     .test = {{"question1", 1}, {"question2", 2}, {"is_duplicate", -1}, true},
     .labels = {"0", "1"},
     .metric = "accuracy", .combined = true, .skips_short_rows = true},
    {.name = "mnli", .folder = "MNLI", .file = {"train.tsv", "dev_matched.tsv", "test_matched.tsv"},
     .labelled = {{"sentence1", 8}, {"sentence2", 9}, {"gold_label", GLUE_LAST}, true},
     .test = {{"sentence1", 8}, {"sentence2", 9}, {"gold_label", -1}, true},
     .labels = {"entailment", "neutral", "contradiction"},
     .metric = "accuracy", .mismatched = "dev_mismatched.tsv"},
    {.name = "qnli", .folder = "QNLI", .file = FILES,
     .labelled = {{"question", 1}, {"sentence", 2}, {"label", GLUE_LAST}, true},
     .test = {{"question", 1}, {"sentence", 2}, {"label", -1}, true},
     .labels = {"entailment", "not_entailment"},
     .metric = "accuracy"},
    {.name = "rte", .folder = "RTE", .file = FILES,
     .labelled = {{"sentence1", 1}, {"sentence2", 2}, {"label", GLUE_LAST}, true},
     .test = {{"sentence1", 1}, {"sentence2", 2}, {"label", -1}, true},
     .labels = {"entailment", "not_entailment"},
     .metric = "accuracy"},
    {.name = "wnli", .folder = "WNLI", .file = FILES,
     .labelled = {{"sentence1", 1}, {"sentence2", 2}, {"label", GLUE_LAST}, true},
     .test = {{"sentence1", 1}, {"sentence2", 2}, {"label", -1}, true},
     .labels = {"0", "1"},
     .metric = "accuracy"},
};
/* clang-format on */

enum { N_TASKS = sizeof tasks / sizeof tasks[0] };

const glue_task *glue_find(const char *name)
{
    for (int i = 0; i < N_TASKS; i++)
        if (strcmp(tasks[i].name, name) == 0)
            return &tasks[i];
    return NULL;
}

const char *task_glue_name(int64_t i)
{
    return i >= 0 && i < N_TASKS ? tasks[i].name : NULL;
}
