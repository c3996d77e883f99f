/* CRC-32 (polynomial 0x04C11DB7 reflected, as in Ethernet, gzip and PNG): finds every change of one
 * bit and every change within 32 bits in a row.
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_FORMAT_CRC_H
#define IDIM_FORMAT_CRC_H

#include <stdint.h>

static inline uint32_t crc32_of(const uint8_t *bytes, int64_t n)
{
    uint32_t crc = UINT32_MAX;
    for (int64_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

#endif
