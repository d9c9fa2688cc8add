/* SPDX-License-Identifier: MIT */
/* The kernel's own frames on COM2 (bareflow/layouts/wire.py): no session, never resent. */
#include "bareflow/cobs.h"
#include "bareflow/crc32.h"
#include "kernel.h"

#define FRAME_MAX (FRAME_HEADER_SIZEOF + WIRE_MAX_PAYLOAD + 4)

/* Sends the frame's payload in two pieces; together at most WIRE_MAX_PAYLOAD bytes. */
void wire_send(unsigned type, const void *head, size_t head_size, const void *tail, size_t tail_size) {
    static uint8_t plain[FRAME_MAX], stuffed[BF_COBS_MAX(FRAME_MAX) + 1];
    const struct frame_header header = {.type = (uint16_t)type, .length = (uint16_t)(head_size + tail_size)};
    if (!boot.com2)
        return;
    memcpy(plain, &header, sizeof header);
    memcpy(plain + sizeof header, head, head_size);
    memcpy(plain + sizeof header + head_size, tail, tail_size);
    const size_t size = sizeof header + head_size + tail_size;
    const uint32_t crc = bf_crc32(0, plain, size);
    memcpy(plain + size, &crc, sizeof crc);
    const size_t length = bf_cobs_encode(plain, size + sizeof crc, stuffed);
    stuffed[length] = 0;
    serial_put(boot.com2, stuffed, length + 1);
}

void wire_started(const uint8_t build_id[16]) {
    struct started_record record = {.tsc_hz = clock_hz};
    memcpy(record.build_id, build_id, sizeof record.build_id);
    memcpy(record.stamps, boot.stamps, sizeof record.stamps);
    console_flush();
    wire_send(FRAME_STARTED, &record, sizeof record, NULL, 0);
}
