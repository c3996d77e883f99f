/* The coded form of the adapter file, to adapter.c. Others see adapter.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_ADAPTER_CODED_H
#define IDIM_SUBSPACE_ADAPTER_CODED_H

#include "subspace/adapter.h"

/* Does the file begin as a coded adapter does? A file too short to tell does not. */
int adapter_is_coded(idim *lib, const char *path, bool *out);

int adapter_coded_write(idim *lib, const adapter *a, const char *path);

/* Fills a from the file at a->path, whose lib and path are set. What was taken before a failure is
 * adapter_free's. */
int adapter_coded_read(adapter *a);

#endif
