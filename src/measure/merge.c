/* idim_merge: base and adapter written as one ordinary model folder.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/record.h"
#include "model/export.h"

#include <string.h>

static int merge(const job *j)
{
    const char *folder = spec_text(j->spec, "output_dir");
    if (folder == NULL || folder[0] == '\0')
        return fail(j->lib, IDIM_EARGUMENT,
                    "output_dir: expected a folder to write (--output-dir DIR), found none");
    TRY(model_export(j->model, folder, j->adapter->label_name));

    json_t *out =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "schema", "idim.merge/1", "version", IDIM_VERSION,
                  "path", folder, "architecture", j->model->arch->model_type, "parameters",
                  (json_int_t)j->model->weights->size);
    json_object_set_new(out, "base", json_string(j->model->path));
    json_object_set_new(out, "adapter", record_adapter(j));
    return record_finish(j->lib, out);
}

int idim_merge(idim *lib, const char *spec_json)
{
    job j;
    library_clear(lib);
    int status = job_open(lib, "merge", spec_json, &j);
    if (status == 0)
        status = merge(&j);
    job_close(&j);
    return status;
}
