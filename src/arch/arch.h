/* An architecture: a table that binds published tensor names to weights, and one forward function.
 *
 * A family is one file, src/arch/x.c, and one line in the array in arch.c. It has three functions:
 * configure reads config.json, declare adds every tensor to params (in a fixed order, remembering
 * their numbers), forward makes logits from a batch on the tape.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_ARCH_ARCH_H
#define IDIM_ARCH_ARCH_H

#include <jansson.h>

#include "tape/tape.h"
#include "weights/params.h"

enum { ARCH_MAX_LAYERS = 1024 };

/* Which row of the last layer the head reads. */
typedef enum pooling {
    POOLING_OWN, /* what the family's own head does: the first token, the last, a pooler ... */
    POOLING_CLS, /* the first token; through the pooler of a family that has one */
    POOLING_MEAN,
    POOLING_LAST
} pooling;

/* Rotary positions: frequencies theta^(-j / half), divided by factor; as Llama 3.1 does it, only
 * those that turn less than low times in `original` tokens, and those up to high in part. */
typedef struct rope_scaling {
    double theta, factor, low, high, original;
    bool llama3;
} rope_scaling;

/* The numbers of config.json that shape the arithmetic. Families use the fields they need. */
typedef struct arch_config {
    int64_t vocab, types;    /* rows of the embedding tables                          */
    int64_t positions;       /* tokens a sequence may have                            */
    int64_t position_offset; /* rows of the position table before the first           */
    int64_t hidden, layers, heads, inner;
    int64_t buckets, max_distance; /* of relative positions */
    int64_t groups, group_layers;  /* of shared layers */
    int64_t embedded;              /* width of the embeddings where they have their own     */
    int64_t pad; /* the padding token, whose embedding gets no gradient; -1: none */
    int64_t head_size, key_heads; /* where they are not hidden / heads, and heads */
    rope_scaling rope;
    int64_t decoder_layers, decoder_heads, decoder_inner;
    int64_t eos, first_token; /* the token whose row is pooled; before the decoder's first */
    double scale;             /* of attention's scores */
    bool scales_by_layer, norms_heads, norms_after, gated, scales_words, query_bias, out_bias,
        feed_bias;
    bool ignores_segments;
    double norm_eps;
    double dropout, attention_dropout, classifier_dropout;
    double embedding_dropout, activation_dropout, pooler_dropout;
    bool language, tied; /* losses of next tokens, by the word table or by a head of its own */
    int64_t end_of_text; /* the token between texts; -1: there is none                    */
    bool causal, projects, activates; /* projects, activates: the head, before its last layer */
    bool scores_query, scores_key;    /* with distances; shares_keys: projected as the content */
    bool shares_keys, norms_distances, adds_positions;
    int64_t span;   /* distances are -span .. span - 1 */
    int64_t around; /* tokens that a convolution sees; 0: there is none */
    unary_kind around_activation;
    unary_kind head_activation;
    pool_kind reads; /* what the head reads, where the configuration says it */
    double initializer_range;
    unary_kind activation; /* of the feed-forward layers */
    pooling pooling;       /* the user's choice */
    int64_t n_labels;
    int64_t *tensor; /* [n_tensors] numbers of the tensors, laid out as the family likes */
    int64_t n_tensors;
} arch_config;

typedef struct arch {
    const char *model_type; /* config.json's model_type                 */
    const char *prefix;     /* "bert.": names may carry it or not       */
    /* Fills *out from the object of config.json (path is for sentences); n_labels and pooling are
     * the caller's to set before declare. */
    int (*configure)(idim *lib, const json_t *config, const char *path, arch_config *out);
    /* Adds the tensors; allocates c->tensor, the caller's to free. */
    int (*declare)(params *p, arch_config *c);
    /* logits [batch.n][n_labels], of a language model what next_tokens gives; NULL when the tape
     * has failed. The batch has been checked (arch_check_batch). */
    var *(*forward)(tape *t, const arch_config *c, const idim_batch *batch);
    /* Ends of names that files have and nobody needs, and pairs of a name and another that stands
     * for the same tensor; NULL at the end, or NULL. */
    const char *const *buffers, *const *aliases;
    bool language; /* it can be asked for the losses of next tokens (arch_config.language) */
} arch;

/* NULL if there is none; arch_names lists what there is, for the error sentence: all, or those that
 * are language models. */
const arch *arch_find(const char *model_type);
void arch_names(bool language, char *out, size_t size);

/* Ids, segments and lengths within the model's tables; IDIM_EARGUMENT names the first that is not.
 * Labels are not looked at. */
int arch_check_batch(idim *lib, const arch_config *c, const idim_batch *batch);

#endif
