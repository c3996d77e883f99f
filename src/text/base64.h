/* Base64 (RFC 4648, with its padding).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TEXT_BASE64_H
#define IDIM_TEXT_BASE64_H

#include "format/json.h"

/* The bytes of the string at `at`; the caller frees *out. */
int base64_read(const json_place *at, uint8_t **out, int64_t *n);

#endif
