/* SPDX-License-Identifier: MIT */
/* Consistent Overhead Byte Stuffing. A block is a code byte c and c - 1 bytes that are not zero; a zero
 * follows it unless c is 255 or the block is the last. */
#include "bareflow/cobs.h"

size_t bf_cobs_encode(const uint8_t *in, size_t n, uint8_t *out) {
    size_t code_at = 0, to = 1;
    uint8_t code = 1;
    for (size_t from = 0; from < n; from++) {
        if (in[from]) {
            out[to++] = in[from];
            code++;
        }
        if (!in[from] || code == 255) {
            out[code_at] = code;
            code_at = to++;
            code = 1;
        }
    }
    out[code_at] = code;
    return to;
}

size_t bf_cobs_decode(const uint8_t *in, size_t n, uint8_t *out) {
    size_t from = 0, to = 0;
    while (from < n) {
        size_t code = in[from++];
        if (code == 0 || code - 1 > n - from)
            return BF_COBS_DAMAGED;
        for (size_t left = code - 1; left; left--) {
            if (!in[from])
                return BF_COBS_DAMAGED;
            out[to++] = in[from++];
        }
        if (code != 255 && from < n)
            out[to++] = 0;
    }
    return to;
}
