/* SPDX-License-Identifier: MIT */
#include "code.h"

#include <cpuid.h>

#include "bareflow/agent.h"
#include "bareflow/copy.h"
#include "bareflow/crc32.h"
#include "port.h"

struct bf_code bf_code;
static uint64_t window_start, window_end; /* what is writable now; empty outside of a tick */

void bf_code_open(uint64_t hint, uint64_t size) {
    bf_code.base = (uint64_t)bf_code_memory(hint, size);
    bf_code.size = bf_code.base ? size : 0;
}

static int inside(uint64_t start, uint64_t length) {
    return length && start >= bf_code.base && length <= bf_code.size &&
           start - bf_code.base <= bf_code.size - length;
}

void bf_code_close(void) {
    if (window_end > window_start)
        bf_code_writable(window_start, window_end, 0);
    window_start = window_end = 0;
}

void bf_code_take(const uint8_t *payload, uint32_t length) {
    struct code_piece piece;
    if (length <= sizeof piece)
        return;
    bf_copy(&piece, payload, sizeof piece);
    length -= sizeof piece;
    uint64_t end = piece.address + length;
    if (!inside(piece.address, length))
        return;
    if (piece.address < window_start || end > window_end) {
        bf_code_close();
        if (bf_code_writable(piece.address, end, 1) < 0)
            return;
        window_start = piece.address & ~4095ull;
        window_end = (end + 4095) & ~4095ull;
    }
    bf_copy((void *)piece.address, payload + sizeof piece, length);
}

uint16_t bf_code_usable(uint64_t start, uint64_t entry, uint32_t length, uint32_t crc) {
    uint32_t a, b, c, d;
    if (!inside(start, length) || entry - start >= length)
        return PUBLISH_REFUSED;
    if (bf_crc32(0, (const void *)start, length) != crc)
        return PUBLISH_DAMAGED;
    if (start + length - bf_code.base > bf_code.used)
        bf_code.used = start + length - bf_code.base;
    __cpuid(0, a, b, c, d); /* serialises: no instruction of the blob was fetched before it was written */
    return PUBLISH_DONE;
}
