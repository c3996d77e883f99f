/* idim_tune: one training run, its spec from text.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/run.h"

int idim_tune(idim *lib, const char *spec_json, idim_watch *watch, void *user)
{
    job j;
    library_clear(lib);
    int status = job_open(lib, "tune", spec_json, &j);
    if (status == 0) {
        run_options options = {
            .folder = spec_text(j.spec, "output_dir"), .watch = watch, .user = user};
        status = run_job(&j, &options);
    }
    job_close(&j);
    return status;
}
