/* SPDX-License-Identifier: MIT */
/* The kernel's own frames on COM2 (bareflow/layouts/wire.py): no session, never resent. */
#include "bareflow/cobs.h"
#include "bareflow/crc32.h"
#include "grow.h"

#define FRAME_MAX (FRAME_HEADER_SIZEOF + sizeof(union wire_payload) + 4)

static uint64_t frame[FRAME_MAX / 8 + 1], stuffed[BF_COBS_MAX(FRAME_MAX) / 8 + 1];
union wire_payload *const wire_payload = (void *)((uint8_t *)frame + FRAME_HEADER_SIZEOF);

void wire_send(unsigned type, size_t size) {
    struct frame_header *const header = (void *)frame;
    uint8_t *const bytes = (void *)frame, *const out = (void *)stuffed;
    header->type = (uint16_t)type;
    header->length = (uint16_t)size;
    size += FRAME_HEADER_SIZEOF;
    *(uint32_t *)(bytes + size) = bf_crc32(0, bytes, size);
    size = bf_cobs_encode(bytes, size + 4, out);
    out[size] = 0;
    tty_break();
    serial_put(boot.com2, out, size + 1);
}
