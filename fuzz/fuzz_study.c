/* measure.json and what the page makes of it. A first byte of r or l makes the rest the record or
 * the log of a run instead; measure.json is then a small one that is right.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "measure/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *folder, const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        abort();
}

static void drop(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char measure[] = "{\"schema\":\"idim.measure/1\",\"cells\":[]}";
    static const char record[] = "{\"schema\":\"idim.run/1\"}";
    char folder[64], run[96];
    bool is_record = size > 0 && data[0] == 'r', is_log = size > 0 && data[0] == 'l';
    snprintf(folder, sizeof folder, "fuzz_study.%ld.tmp", (long)getpid());
    snprintf(run, sizeof run, "%s/runs/0123456789abcdef", folder);
    idim *lib;
    if (idim_open(NULL, &lib) != 0 || file_make_folder(lib, run) != 0)
        abort();
    if (is_record || is_log) {
        put(folder, "measure.json", measure, sizeof measure - 1);
        put(run, "record.json", is_record ? (const void *)(data + 1) : record,
            is_record ? size - 1 : sizeof record - 1);
        put(run, "log.jsonl", data + 1, is_log ? size - 1 : 0);
    } else {
        put(folder, "measure.json", data, size);
        put(run, "record.json", record, sizeof record - 1);
        put(run, "log.jsonl", "", 0);
    }

    int status = report_write_page(lib, folder);
    if (status != 0 &&
        (idim_error(lib)[0] == '\0' || (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED)))
        abort();
    idim_close(lib);
    drop(run, "record.json");
    drop(run, "log.jsonl");
    drop(folder, "measure.json");
    drop(folder, "report.html");
    rmdir(run);
    snprintf(run, sizeof run, "%s/runs", folder);
    rmdir(run);
    rmdir(folder);
    return 0;
}
