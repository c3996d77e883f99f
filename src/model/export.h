/* A model as an ordinary Hugging Face folder, for whatever reads those.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_MODEL_EXPORT_H
#define IDIM_MODEL_EXPORT_H

#include "model/model.h"

/* Writes m's theta as it is now into folder (made if it is not there): model.safetensors under the
 * names of the sequence classifier of m's family, config.json (the base's with that class, the
 * labels and the problem), and the base's tokenizer files as they are. label_name [n_labels] or
 * NULL.
 *
 * IDIM_EUNSUPPORTED where that class computes something else: another family, or a pooling that is
 * not the family's own. IDIM_EARGUMENT when folder is the base's own. */
int model_export(const idim_model *m, const char *folder, const char *const *label_name);

#endif
