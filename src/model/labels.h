/* What config.json says about a model's outputs: how many, their names, and the problem.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MODEL_LABELS_H
#define IDIM_MODEL_LABELS_H

#include "format/json.h"
#include "model/model.h"

enum { LABELS_MAX = 100000 };

/* Settles m->n_labels, m->label_name and m->problem from config.json and the options. A name table
 * of another size than the number asked for is left out. */
int labels_read(idim_model *m, const json_place *config, const model_options *options);

#endif
