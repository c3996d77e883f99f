/* idim.h - measure the intrinsic dimension of a pretrained language model, and fine-tune it by
 * moving d numbers in a random subspace of all its weights.
 *
 * Usage, the whole of it:
 *
 *     idim *lib;
 *     idim_open(NULL, &lib);
 *     if (idim_tune(lib, "{\"model\": \"M\", \"task\": \"mrpc\", \"data\": \"glue/MRPC\","
 *                        " \"method\": \"said\", \"dim\": 2000, \"output_dir\": \"out\"}",
 *                   NULL, NULL) != IDIM_OK)
 *         fprintf(stderr, "%s\n", idim_error(lib));
 *     else
 *         puts(idim_result(lib));
 *     idim_close(lib);
 *
 * Conventions, said once and true everywhere below:
 *  - int results: 0 is success, a negative idim_status is failure; idim_error() says why in one
 *    sentence: file, place, expected, found, and what to do.
 *  - X_open/X_new give a handle to the caller, X_close/X_free take it back and accept NULL.
 *  - A pointer returned by a getter is borrowed and lives as long as the handle it came from.
 *  - The library never frees what the caller allocated and never asks the caller to free().
 *  - An idim and all made from it belong to one thread at a time; different idims are independent.
 *    Threads used inside never change a result.
 *  - Nothing here prints, exits, or keeps state outside the handles.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_H
#define IDIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(IDIM_STATIC)
#define IDIM_API __attribute__((visibility("default")))
#else
#define IDIM_API
#endif

#define IDIM_VERSION "0.2.0"

typedef struct idim idim;                     /* the library: memory, threads, last error       */
typedef struct idim_model idim_model;         /* weights as one flat vector, and how to run them */
typedef struct idim_tokenizer idim_tokenizer; /* text to token ids                              */
typedef struct idim_subspace idim_subspace;   /* the map between x (d numbers) and the weights  */

typedef enum idim_status {
    IDIM_OK = 0,
    IDIM_EMEMORY = -1,      /* out of memory                                    */
    IDIM_EIO = -2,          /* the operating system refused                     */
    IDIM_EFORMAT = -3,      /* the file is not what it claims to be             */
    IDIM_EUNSUPPORTED = -4, /* the file is fine, this version cannot handle it  */
    IDIM_EARGUMENT = -5,    /* the caller asked for something impossible        */
    IDIM_ENOTFINITE = -6,   /* the loss or a gradient is no longer finite       */
    IDIM_EMISMATCH = -7,    /* base, data or settings are not those of before   */
    IDIM_ESTOPPED = -8      /* a callback asked to stop; the run can be resumed */
} idim_status;

/* ---- library ------------------------------------------------------------------------------- */

typedef struct idim_options {
    /* as realloc, told the old size; new_size 0 frees. NULL: the C heap. */
    void *(*alloc)(void *user, void *p, size_t old_size, size_t new_size);
    void (*log)(void *user, const char *line); /* NULL: silence */
    void *user;
    int threads; /* 0: one per core */
} idim_options;

IDIM_API int idim_open(const idim_options *options, idim **out); /* options may be NULL */
IDIM_API void idim_close(idim *lib);

/* The sentence of the last failure of a function that was given this library; "" if none. */
IDIM_API const char *idim_error(const idim *lib);

/* The JSON text (one object, with a "schema") the last command left; "" before the first. */
IDIM_API const char *idim_result(const idim *lib);

/* ---- commands: a spec is JSON text, a result is JSON text ---------------------------------- */

/* One row of the settings table: flags, help, man page, completion and spec keys come from it. */
typedef enum idim_type {
    IDIM_TEXT,
    IDIM_PATH,
    IDIM_CHOICE, /* one word of `choices`  */
    IDIM_INTEGER,
    IDIM_NUMBER,
    IDIM_FLAG
} idim_type;

typedef struct idim_setting {
    const char *name;     /* spec key, "learning_rate"; the flag is --learning-rate       */
    idim_type type;       /* how the value is read                                        */
    const char *fallback; /* default as text; "" when none; "auto" when it depends (help) */
    const char *unnamed;  /* the value that a run's name leaves out; NULL: it holds them all */
    double low, high;     /* range of numbers, inclusive                                  */
    const char *choices;  /* "a|b|c" for IDIM_CHOICE, else NULL                           */
    const char *commands; /* the commands that take it, "tune eval predict"               */
    const char *group;    /* heading in the help                                          */
    const char *help;     /* one sentence                                                 */
} idim_setting;

IDIM_API const idim_setting *idim_settings(int64_t *n);

/* Names of the settings that measure takes lists of (JSON arrays); NULL after the last. */
IDIM_API const char *const *idim_lists(void);

/* What of words[0 .. n) was meant by a mistyped word: one that holds it, else the one with the
 * fewest letters to change; NULL when none is near. */
IDIM_API const char *idim_nearest(const char *word, const char *const *words, int64_t n);

typedef struct idim_progress {
    const char *phase; /* "train", "eval", ...                                */
    int64_t step, steps;
    double loss, learning_rate; /* of the last step; NaN and 0: none yet      */
    double seconds_left;        /* negative: not known yet                    */
    double score;               /* last score on dev, NaN: none yet           */
} idim_progress;

/* Called about once a step. A result other than 0 asks to save and stop (IDIM_ESTOPPED). */
typedef int idim_watch(void *user, const idim_progress *now);

/* Each takes the settings of its command as one JSON object, {"model": "...", ...}; keys are the
 * names of the settings table; a key that is not there, or a value out of range, is IDIM_EARGUMENT
 * with the nearest valid choice. On success idim_result() is the result. */
IDIM_API int idim_tune(idim *lib, const char *spec, idim_watch *watch, void *user);
IDIM_API int idim_eval(idim *lib, const char *spec, idim_watch *watch, void *user);
IDIM_API int idim_predict(idim *lib, const char *spec, idim_watch *watch, void *user);
IDIM_API int idim_bound(idim *lib, const char *spec, idim_watch *watch, void *user);
/* One row of d numbers an example, to the NumPy file that "output" names. */
IDIM_API int idim_gradients(idim *lib, const char *spec, idim_watch *watch, void *user);

/* Finds d90 with its interval for every combination of the models, tasks and methods given (these
 * keys take arrays), in the study folder "output_dir". {"status": DIR} only shows how one stands.
 */
IDIM_API int idim_measure(idim *lib, const char *spec, idim_watch *watch, void *user);
IDIM_API int idim_inspect(idim *lib, const char *spec);
IDIM_API int idim_merge(idim *lib, const char *spec);

/* The time and memory of a training step, part by part, with tune's settings. Writes nothing. */
IDIM_API int idim_bench(idim *lib, const char *spec, idim_watch *watch, void *user);

/* What `command` would do: resolved settings, D, d, memory, time. Touches nothing. */
IDIM_API int idim_plan(idim *lib, const char *command, const char *spec);

/* n texts, or n = 2k texts taken as k pairs when pairs is set, with lengths in bytes. */
IDIM_API int idim_tokenize(idim *lib, const char *spec, const char *const *texts,
                           const int64_t *lengths, int64_t n, int pairs);

/* A study folder (measure.json, runs/) to its page, report.html, and its figures, figures/. The
 * same folder gives the same bytes. */
IDIM_API int idim_report(idim *lib, const char *study_dir);

/* Kernels against their reference, adjoint and gradient checks on this machine. */
IDIM_API int idim_selftest(idim *lib);

/* ---- pieces, for those who build their own loop --------------------------------------------- */

/* Sequences packed end to end: no padding, no mask. */
typedef struct idim_batch {
    const int32_t *ids;     /* [start[n]] token ids                                      */
    const int32_t *segment; /* [start[n]] or NULL (all 0)                                */
    const int32_t *start;   /* [n + 1] where each sequence begins; start[0] = 0          */
    const float *label;     /* [n] class or value, [n][labels] for multi-label; or NULL  */
    int64_t n;
} idim_batch;

/* A Hugging Face folder, or a name in its cache. labels > 0 asks for a head of that many outputs
 * (made from seed where the folder has none that fits); labels = 0 takes the folder's own. */
IDIM_API int idim_model_open(idim *lib, const char *path, int64_t labels, uint64_t seed,
                             idim_model **out);
IDIM_API void idim_model_close(idim_model *model);
IDIM_API int64_t idim_model_size(const idim_model *model);   /* D */
IDIM_API int64_t idim_model_labels(const idim_model *model); /* outputs of the head */

/* logits[n][labels] of a batch at the model's current weights. */
IDIM_API int idim_model_predict(idim_model *model, const idim_batch *batch, float *logits);

/* Mean loss over the batch, dropout off, and its gradient [D] unless gradient is NULL. */
IDIM_API int idim_model_loss(idim_model *model, const idim_batch *batch, double *loss,
                             float *gradient);

/* The tokenizer of a model folder. */
IDIM_API int idim_tokenizer_open(idim *lib, const char *path, idim_tokenizer **out);
IDIM_API void idim_tokenizer_close(idim_tokenizer *tokenizer);

/* Ids of one text (pair NULL) or a pair with special tokens, at most max_length (0: no limit).
 * Writes at most capacity entries to ids and segment; *n is the number there are. */
IDIM_API int idim_tokenizer_encode(idim_tokenizer *tokenizer, const char *text, const char *pair,
                                   int64_t max_length, int64_t capacity, int32_t *ids,
                                   int32_t *segment, int64_t *n);

/* x[d] = [z | lambda | direct];  theta_i = theta0_i + s_i lambda_i (P z)_i. */
typedef struct idim_subspace_options {
    const char *method;     /* "said", "did", "full", "head", "bias"                         */
    const char *projection; /* "fastfood", "fastfood-tensor", "srht", "onehot", "dense", ... */
    const char *normalize;  /* "global", "tensor", "weight", "capped", "balanced"            */
    const char *groups;     /* said: one lambda per "block", "module", "tensor"; "none": one */
    const char *pull;       /* "exact", "public" (the 1/L weight of public code)             */
    int64_t dim;            /* d, counting z and the lambdas                                 */
    uint64_t seed;
} idim_subspace_options;

IDIM_API idim_subspace_options idim_subspace_defaults(void);
IDIM_API int idim_subspace_new(idim_model *model, const idim_subspace_options *options,
                               idim_subspace **out);
IDIM_API void idim_subspace_free(idim_subspace *s);
IDIM_API int64_t idim_subspace_dim(const idim_subspace *s); /* d */

/* The x that leaves the weights as published: z = 0, lambda = 1, direct entries at theta0. */
IDIM_API void idim_subspace_origin(const idim_subspace *s, float *x /* [d] */);

/* x -> the model's weights. */
IDIM_API int idim_subspace_push(idim_subspace *s, const float *x /* [d] */);

/* The exact adjoint: gradient [D] -> dx [d], at the given x. */
IDIM_API int idim_subspace_pull(idim_subspace *s, const float *x, const float *gradient, float *dx);

#ifdef __cplusplus
}
#endif
#endif
