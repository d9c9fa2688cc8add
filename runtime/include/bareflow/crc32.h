/* SPDX-License-Identifier: MIT */
/* CRC-32 as zlib computes it, for snapshots, kernel files and frames on the wire. */
#ifndef BAREFLOW_CRC32_H
#define BAREFLOW_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin with) over `n` bytes. Pieces may be of any length and alignment; the result
 * is what zlib's crc32() gives for the whole: polynomial 0xEDB88320, reflected, inverted at both ends. */
uint32_t bf_crc32(uint32_t crc, const void *data, size_t n);

#endif
