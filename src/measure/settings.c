/* The settings table, in the order of the help.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/settings.h"

#include <string.h>

#define LARGE 9007199254740992.0 /* 2^53: every integer up to here is exact in a double */

#define TRAINS "tune measure bench"
#define SPACE  "tune measure gradients bench"
#define DATA   "tune measure eval predict inspect gradients bench"
#define SCORES "tune measure eval predict gradients bench"
#define ALL    "tune measure eval predict inspect tokenize report selftest gradients bench merge bound"

/* name, type, fallback, unnamed, low, high, choices, commands, group, help */
static const idim_setting table[] = {
    {"model", IDIM_PATH, "", NULL, 0, 0, NULL,
     "tune measure eval predict inspect tokenize gradients bench merge bound", "Model",
     "a folder with config.json, model.safetensors and tokenizer.json or vocab.txt, or a name in "
     "the Hugging Face cache"},
    {"adapter", IDIM_PATH, "", NULL, 0, 0, NULL, "eval predict inspect gradients merge bound",
     "Model", "a file that tune wrote into its output folder (adapter.idim, best.idim)"},
    {"pooling", IDIM_CHOICE, "auto", NULL, 0, 0, "auto|cls|mean|last", SCORES, "Model",
     "what the head reads: as the model's family has it, the first token, the mean of all, the "
     "last"},
    {"dropout", IDIM_NUMBER, "auto", NULL, 0, 0.99, NULL, TRAINS, "Model",
     "overrides every dropout of the model's config; 0 turns them off"},

    {"task", IDIM_CHOICE, "", NULL, 0, 0, "cola|sst2|mrpc|stsb|qqp|mnli|qnli|rte|wnli|causal-lm",
     DATA " bound", "Data",
     "a GLUE task: columns and metrics are known; needs data. causal-lm: the next tokens of the "
     "texts of train, dev and test, without labels"},
    {"data", IDIM_PATH, "", NULL, 0, 0, NULL, DATA " bound", "Data",
     "the folder of the GLUE task (train.tsv, dev.tsv, test.tsv), or the folder of such folders "
     "(CoLA, SST-2, MRPC, ...)"},
    {"train", IDIM_PATH, "", NULL, 0, 0, NULL, "tune measure inspect gradients bench bound", "Data",
     "a .tsv, .csv or .jsonl file to train on; its header names the columns (causal-lm: any other "
     "file is one text)"},
    {"dev", IDIM_PATH, "", NULL, 0, 0, NULL, "tune measure eval inspect gradients bench bound",
     "Data", "a file scored during training"},
    {"test", IDIM_PATH, "", NULL, 0, 0, NULL, DATA " bound", "Data",
     "a file scored at the end, or to be labelled by predict"},
    {"text", IDIM_TEXT, "", NULL, 0, 0, NULL, DATA " bound", "Data",
     "the column of the text, or two for a pair: COL[,COL] (default: sentence1,sentence2, else the "
     "first one or two that are not the label)"},
    {"label", IDIM_TEXT, "", NULL, 0, 0, NULL, DATA " bound", "Data",
     "the column of the label (default: label); float labels mean regression"},
    {"label_separator", IDIM_TEXT, "", "", 0, 0, NULL, "tune eval predict inspect gradients",
     "Data",
     "one character between the labels of a cell, for rows with any number of them (in JSONL a "
     "list "
     "says so itself)"},
    {"max_seq_length", IDIM_INTEGER, "auto", NULL, 2, 1048576, NULL,
     "tune measure eval predict inspect tokenize gradients bench", "Data",
     "tokens a text may have, special tokens included (default: 128; eval and predict: as the "
     "adapter was trained; tokenize: no limit)"},
    {"max_train_samples", IDIM_INTEGER, "0", NULL, 0, LARGE, NULL, SPACE " bound", "Data",
     "use only the first N examples to train; 0: all"},
    {"max_eval_samples", IDIM_INTEGER, "0", NULL, 0, LARGE, NULL,
     "tune measure eval gradients bench bound", "Data", "score only the first N examples; 0: all"},

    {"split", IDIM_CHOICE, "train", NULL, 0, 0, "train|dev|test", "gradients", "Data",
     "the examples whose gradients are written"},

    {"of", IDIM_CHOICE, "loss", NULL, 0, 0, "loss|logits", "gradients", SETTINGS_SUBSPACE,
     "what is differentiated: the loss of each example, or what the head says of it (the "
     "difference of two classes, each of more classes, the value of a regression)"},
    {"method", IDIM_CHOICE, "said", NULL, 0, 0, "said|did|full|head|bias", SPACE, SETTINGS_SUBSPACE,
     "what is trained: a subspace with learned scales, without, every weight, the classifier, or "
     "all biases and the classifier"},
    {"dim", IDIM_INTEGER, "", NULL, 1, LARGE, NULL, "tune gradients bench", SETTINGS_SUBSPACE,
     "d, counting everything that is trained (said, did)"},
    {"projection", IDIM_CHOICE, "fastfood", NULL, 0, 0,
     "fastfood|fastfood-tensor|srht|onehot|dense|sparse", SPACE, SETTINGS_SUBSPACE,
     "the random map from d numbers to all weights"},
    {"normalize", IDIM_CHOICE, "balanced", NULL, 0, 0, "global|tensor|weight|capped|balanced",
     SPACE, SETTINGS_SUBSPACE,
     "how far each tensor moves: every weight alike, every tensor alike, in proportion to its "
     "norm, every tensor alike with small ones capped, or that with biases and embedding tables "
     "held back tenfold"},
    {"pull", IDIM_CHOICE, "exact", NULL, 0, 0, "exact|public", SPACE, SETTINGS_SUBSPACE,
     "the exact adjoint, or the 1/L weight of public code (fastfood-tensor)"},
    {"groups", IDIM_CHOICE, "block", NULL, 0, 0, "block|module|tensor|none", SPACE,
     SETTINGS_SUBSPACE, "said: one learned scale per layer, submodule or tensor, or one for all"},

    {"learning_rate", IDIM_NUMBER, "auto", NULL, 0, 1e6, NULL, "tune", "Training",
     "the largest rate (default: full 5e-5; in a subspace it falls with d, docs/defaults.md)"},
    {"lambda_learning_rate", IDIM_NUMBER, "auto", NULL, 0, 1e6, NULL, TRAINS, "Training",
     "said: the largest rate of the learned scales (default: 0.05 for every d)"},
    {"lr_scheduler_type", IDIM_CHOICE, "linear", NULL, 0, 0, "linear|cosine|constant", TRAINS,
     "Training", "how the rate goes from its largest to the end"},
    {"warmup_steps", IDIM_NUMBER, "0", NULL, 0, LARGE, NULL, TRAINS, "Training",
     "steps in which the rate rises; a fraction below 1 is of all steps"},
    {"optimizer", IDIM_CHOICE, "adamw", NULL, 0, 0, "adamw|adamw-shared|sgd", TRAINS, "Training",
     "AdamW (0.9, 0.999, 1e-8), the same with one second moment for all of z, or plain gradient "
     "descent"},
    {"weight_decay", IDIM_NUMBER, "0", NULL, 0, 1e6, NULL, TRAINS, "Training",
     "decoupled weight decay; never on the learned scales"},
    {"max_grad_norm", IDIM_NUMBER, "1", NULL, 0, 1e30, NULL, TRAINS, "Training",
     "the gradient is shortened to this length; 0: never"},
    {"num_train_epochs", IDIM_NUMBER, "3", NULL, 0, 1e6, NULL, TRAINS, "Training",
     "times every example is seen"},
    {"max_steps", IDIM_INTEGER, "", NULL, 0, LARGE, NULL, TRAINS, "Training",
     "optimiser steps, instead of epochs"},
    {"per_device_train_batch_size", IDIM_INTEGER, "auto", NULL, 1, 1048576, NULL, TRAINS,
     "Training", "examples in one forward and backward pass (default: 16 in a subspace, else 8)"},
    {"gradient_accumulation_steps", IDIM_INTEGER, "1", NULL, 1, 1048576, NULL, TRAINS, "Training",
     "passes that make one optimiser step"},
    {"data_order", IDIM_CHOICE, "stratified", "shuffled", 0, 0, "stratified|shuffled", TRAINS,
     "Training",
     "how an epoch's examples follow each other: at random, or that dealt out so that every batch "
     "has each class in its share"},
    {"seed", IDIM_INTEGER, "42", NULL, 0, LARGE, NULL, SPACE, "Training",
     "of the projection, a fresh head, the order of the data and dropout, each its own stream"},
    {"precision", IDIM_CHOICE, "fp32", NULL, 0, 0, "fp32|bf16", SCORES " bound", "Training",
     "bf16: products of dense layers and attention take operands rounded to bf16, where the CPU "
     "has AVX512-BF16; everything else, the pair scores of XLNet and DeBERTa too, is fp32"},
    {"eval_steps", IDIM_INTEGER, "auto", NULL, 0, LARGE, NULL, "tune", "Training",
     "steps between two scores on dev; 0: at the end only (default: after every epoch)"},

    {"dims", IDIM_TEXT, "10:10000", NULL, 0, 0, NULL, "measure", "Measuring",
     "the range of d that is searched: LOW:HIGH"},
    {"threshold", IDIM_NUMBER, "0.9", NULL, 0.01, 1, NULL, "measure", "Measuring",
     "the share of full fine-tuning's score that d has to reach"},
    {"preset", IDIM_CHOICE, "standard", NULL, 0, 0, "quick|standard|thorough", "measure",
     "Measuring",
     "quick: at most 600 training steps in all and a wide interval; standard: about twenty runs; "
     "thorough: the paper's 100 dimensions at four rates"},
    {"seeds", IDIM_INTEGER, "auto", NULL, 1, 1000, NULL, "measure", "Measuring",
     "seeds of full fine-tuning (default: by preset)"},
    {"budget", IDIM_TEXT, "", NULL, 0, 0, NULL, "measure", "Measuring",
     "where to stop: runs of each cell (20), or time of this call (90m, 2h)"},

    {"linearised", IDIM_FLAG, "false", NULL, 0, 0, NULL, "measure", "Measuring",
     "adds the curve of the linearised model, which takes about two epochs for every d at once"},

    {"max_adapter_bytes", IDIM_INTEGER, "0", "0", 0, LARGE, NULL, "tune measure", SETTINGS_CODING,
     "codes the adapter: the finest that takes at most N bytes; 0: no limit"},
    {"bits", IDIM_NUMBER, "0", "0", 0, 32, NULL, "tune measure", SETTINGS_CODING,
     "codes the adapter: about B bits for a number of z; 0: as max_adapter_bytes says, and plain "
     "32-bit numbers when that is 0 too"},

    {"coding_steps", IDIM_NUMBER, "0.3", "0.3", 0, 1, NULL, "tune measure", SETTINGS_CODING,
     "said and did with bits or max_adapter_bytes: the last steps, a fraction of all, that train "
     "the numbers as they will be coded"},
    {"for_bound", IDIM_FLAG, "false", "false", 0, 0, NULL, "tune measure", SETTINGS_CODING,
     "codes the adapter with the bits a number that give the lowest bound on the error"},
    {"delta", IDIM_NUMBER, "0.05", "0.05", 1e-300, 0.5, NULL, "bound tune measure", SETTINGS_CODING,
     "bound, for_bound: the probability with which the bound may be wrong"},

    {"logits", IDIM_FLAG, "false", NULL, 0, 0, NULL, "predict", "Output",
     "adds the outputs of the head to each prediction"},

    {"status", IDIM_PATH, "", NULL, 0, 0, NULL, "measure", SETTINGS_RUNNING,
     "shows how the study in this folder stands, and does nothing"},
    {"output", IDIM_PATH, "", NULL, 0, 0, NULL, "gradients", SETTINGS_RUNNING,
     "the NumPy file to write (.npy)"},
    {"output_dir", IDIM_PATH, "", NULL, 0, 0, NULL, "tune measure merge", SETTINGS_RUNNING,
     "the folder for adapter.idim, best.idim, record.json and log.jsonl (tune), or the study "
     "(measure); what was stopped goes on from here"},
    {"threads", IDIM_INTEGER, "0", NULL, 0, 4096, NULL, ALL, SETTINGS_RUNNING,
     "threads to use; 0: one per core"},

    {"config", IDIM_PATH, "", NULL, 0, 0, NULL, ALL, SETTINGS_COMMAND,
     "a JSON file of settings; what stands on the command line wins"},
    {"json", IDIM_FLAG, "false", NULL, 0, 0, NULL, ALL, SETTINGS_COMMAND,
     "exactly one JSON object on standard output"},
    {"quiet", IDIM_FLAG, "false", NULL, 0, 0, NULL, ALL, SETTINGS_COMMAND,
     "no progress and no notes on standard error"},
    {"verbose", IDIM_FLAG, "false", NULL, 0, 0, NULL, ALL, SETTINGS_COMMAND,
     "a line of progress every second on standard error, also where there is no terminal (-v)"},
    {"dry_run", IDIM_FLAG, "false", NULL, 0, 0, NULL, "tune measure eval predict gradients",
     SETTINGS_COMMAND, "prints the resolved settings, sizes, memory and time, and touches nothing"},
};

/* in the order in which measure varies them, the last fastest: cells of one base stand together */
static const char *const lists[] = {"model", "task",   "projection", "normalize",
                                    "pull",  "groups", "method",     NULL};

const char *const *idim_lists(void)
{
    return lists;
}

const idim_setting *idim_settings(int64_t *n)
{
    *n = (int64_t)(sizeof table / sizeof table[0]);
    return table;
}

bool setting_serves(const idim_setting *row, const char *command)
{
    size_t length = strlen(command);
    for (const char *at = row->commands; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, command, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}
