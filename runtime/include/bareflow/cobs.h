/* SPDX-License-Identifier: MIT */
/* Consistent Overhead Byte Stuffing: bytes without zeros, so that a zero can end a frame.
 * Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999. No libc, no allocation. */
#ifndef BAREFLOW_COBS_H
#define BAREFLOW_COBS_H

#include <stddef.h>
#include <stdint.h>

/* Most bytes that `n` bytes take when encoded, without the zero that ends a frame. */
#define BF_COBS_MAX(n) ((n) + (n) / 254 + 1)

/* What bf_cobs_decode returns for bytes that no encoder made. */
#define BF_COBS_DAMAGED ((size_t)-1)

/* Encodes `n` bytes into `out`, which MUST hold BF_COBS_MAX(n) and MUST NOT overlap `in`.
 * Returns the number of bytes written. The zero that ends a frame is the caller's to write. */
size_t bf_cobs_encode(const uint8_t *in, size_t n, uint8_t *out);

/* Decodes `n` bytes (without the final zero) into `out`, which MUST hold `n` bytes and may be `in` itself.
 * Returns the number of bytes written, or BF_COBS_DAMAGED; then `out` holds nothing of use. */
size_t bf_cobs_decode(const uint8_t *in, size_t n, uint8_t *out);

#endif
