/* id2label wins over label2id and both over num_labels, as in transformers; two tables that
 * contradict each other are refused.
 *
 * SPDX-License-Identifier: MIT */
#include "model/labels.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *published; /* the option's and problem_type's word */
    model_problem problem;
} problems[] = {
    {"classes", "single_label_classification", PROBLEM_CLASSES},
    {"regression", "regression", PROBLEM_REGRESSION},
    {"multi-label", "multi_label_classification", PROBLEM_MULTI_LABEL},
};
enum { N_PROBLEMS = sizeof problems / sizeof problems[0] };

static int fill_from_id2label(idim_model *m, const json_place *table)
{
    for (int64_t i = 0; i < m->n_labels; i++) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)i);
        json_place entry = json_member(table, key);
        const char *name;
        TRY(json_want_text(&entry, &name));
        TRY(memory_text(m->lib, name, (int64_t)strlen(name), &m->label_name[i]));
    }
    return 0;
}

static int fill_from_label2id(idim_model *m, const json_place *table)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)table->value, name, value)
    {
        json_place entry = json_member(table, name);
        int64_t id;
        TRY(json_want_integer(&entry, 0, m->n_labels - 1, &id));
        if (m->label_name[id] != NULL)
            return json_fail(&entry, IDIM_EFORMAT,
                             "expected a number of its own, found %lld, "
                             "which '%.80s' has",
                             (long long)id, m->label_name[id]);
        TRY(memory_text(m->lib, name, (int64_t)strlen(name), &m->label_name[id]));
    }
    return 0;
}

/* does another class have the name of class i? Then label2id can name only one of them. */
static bool has_namesake(const idim_model *m, int64_t i)
{
    for (int64_t k = 0; k < m->n_labels; k++)
        if (k != i && strcmp(m->label_name[k], m->label_name[i]) == 0)
            return true;
    return false;
}

/* label2id may say less than id2label, never something else */
static int check_agreement(const idim_model *m, const json_place *label2id)
{
    for (int64_t i = 0; i < m->n_labels; i++) {
        json_place entry = json_member(label2id, m->label_name[i]);
        int64_t id = i;
        if (json_present(&entry))
            TRY(json_want_integer(&entry, 0, m->n_labels - 1, &id));
        if (id != i && !has_namesake(m, i))
            return json_fail(&entry, IDIM_EFORMAT, "expected %lld as in id2label, found %lld",
                             (long long)i, (long long)id);
    }
    return 0;
}

static void free_names(idim_model *m, int64_t n)
{
    for (int64_t i = 0; m->label_name != NULL && i < n; i++)
        memory_free(m->lib, m->label_name[i]);
    memory_free(m->lib, m->label_name);
    m->label_name = NULL;
}

static int read_names(idim_model *m, const json_place *config)
{
    json_place id2label = json_member(config, "id2label"),
               label2id = json_member(config, "label2id");
    bool forward = json_present(&id2label), backward = json_present(&label2id);
    if (!forward && !backward)
        return 0;

    int64_t n;
    TRY(json_want_object(forward ? &id2label : &label2id, &n));
    if (n < 1 || n > LABELS_MAX)
        return json_fail(forward ? &id2label : &label2id, IDIM_EFORMAT,
                         "expected between 1 and %d labels, found %lld", LABELS_MAX, (long long)n);
    m->n_labels = n;
    TRY(NEW(m->lib, char *, n, "label names", &m->label_name));
    TRY(forward ? fill_from_id2label(m, &id2label) : fill_from_label2id(m, &label2id));
    return forward && backward ? check_agreement(m, &label2id) : 0;
}

static int read_problem(idim_model *m, const json_place *config, const char *wanted)
{
    const char *published = NULL;
    TRY(json_take_text(config, "problem_type", &published));
    m->problem = m->n_labels == 1 ? PROBLEM_REGRESSION : PROBLEM_CLASSES;
    int found = wanted == NULL && published == NULL ? 0 : -1;
    for (int i = 0; i < N_PROBLEMS; i++) {
        bool same = wanted != NULL      ? strcmp(wanted, problems[i].name) == 0
                    : published != NULL ? strcmp(published, problems[i].published) == 0
                                        : false;
        if (same) {
            m->problem = problems[i].problem;
            found = i;
        }
    }
    if (found < 0 && wanted != NULL)
        return fail(m->lib, IDIM_EARGUMENT,
                    "problem: expected classes, regression, multi-label or causal-lm, found '%s'",
                    wanted);
    if (found < 0) {
        json_place at = json_member(config, "problem_type");
        return json_fail_expected(&at, "regression, single_label_classification or "
                                       "multi_label_classification");
    }
    if (m->problem == PROBLEM_REGRESSION && m->n_labels != 1)
        return fail(m->lib, IDIM_EUNSUPPORTED, "%s: regression: expected one label, found %lld",
                    m->path, (long long)m->n_labels);
    return 0;
}

int labels_read(idim_model *m, const json_place *config, const model_options *options)
{
    if (options->problem != NULL && strcmp(options->problem, "causal-lm") == 0) {
        m->problem = PROBLEM_LANGUAGE;
        m->n_labels = LANGUAGE_OUTPUTS;
        return 0;
    }
    m->n_labels = 2;
    TRY(json_take_integer(config, "num_labels", 1, LABELS_MAX, &m->n_labels));
    TRY(read_names(m, config));

    if (options->n_labels > LABELS_MAX)
        return fail(m->lib, IDIM_EARGUMENT, "labels: expected at most %d, found %lld", LABELS_MAX,
                    (long long)options->n_labels);
    if (options->n_labels > 0 && options->n_labels != m->n_labels) {
        free_names(m, m->n_labels);
        m->n_labels = options->n_labels;
    }
    return read_problem(m, config, options->problem);
}
