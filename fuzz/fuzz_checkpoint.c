/* The reader of checkpoints, into a trainer of five numbers. The input is a file without its
 * checksum, which is added here: a fuzzer would never get past it.
 *
 * SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "base/hash.h"
#include "train/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { D = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "fuzz_checkpoint.%ld.tmp", (long)getpid());
    idim *lib;
    if (idim_open(NULL, &lib) != 0)
        abort();
    uint8_t digest[HASH_BYTES];
    hash_bytes(data, (int64_t)size, digest);
    const file_piece pieces[] = {{data, (int64_t)size}, {digest, HASH_BYTES}};
    if (file_write_pieces(lib, path, pieces, 2) != 0)
        abort();

    real x[D], m[D], v[D];
    trainer t = {.lib = lib, .d = D, .steps = 100, .x = x, .optimiser = {.m = m, .v = v}};
    run_state state;
    int status = checkpoint_read(&t, "run", &state, path);
    if (status == 0 && (t.step < 0 || t.step > t.steps || state.log_bytes < 0))
        abort();
    if (status != 0 &&
        (idim_error(lib)[0] == '\0' ||
         (status != IDIM_EFORMAT && status != IDIM_EUNSUPPORTED && status != IDIM_EMISMATCH)))
        abort();
    idim_close(lib);
    remove(path);
    return 0;
}
