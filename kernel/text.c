/* SPDX-License-Identifier: MIT */
/* The console over the wire. What it says is kept for a host that wants it over the wire: the agent reads it
 * by offset and sends it in its reliable stream; what it can no longer take goes out in frames of our own.
 * Where one port carries everything this is the only way for text. What is typed comes the same way, by
 * offset too, so that it may be sent again. */
#ifdef CONFIG_GROW
#include "grow.h"
#include "x86.h"

#define TEXT_SIZE 65536u /* bytes kept; a power of two */
#define IN_FLIGHT 8192u  /* most that the agent can have taken and its host not have */

static uint8_t text[TEXT_SIZE], speakers[TEXT_SIZE];
static uint64_t said;    /* bytes in all */
static uint64_t taken;   /* of them by the agent */
static uint64_t arrived; /* of them known to be with its host */
static bool wanted;
static uint8_t typed[TEXT_SIZE];
static uint64_t typed_in, typed_out;

void text_wanted(void) {
    wanted = true;
}

static uint64_t oldest(void) {
    return said > TEXT_SIZE ? said - TEXT_SIZE : 0;
}

/* Bytes of one speaker from `*offset` on, or from the oldest that is kept; where they begin is left there. */
static struct text_mark piece_at(uint64_t offset, uint64_t most) {
    struct text_mark mark = {.offset = offset < oldest() ? oldest() : offset};
    if (mark.offset >= said)
        return mark;
    mark.stream = speakers[mark.offset % TEXT_SIZE];
    while (mark.length < most && mark.offset + mark.length < said &&
           speakers[(mark.offset + mark.length) % TEXT_SIZE] == mark.stream)
        mark.length++;
    return mark;
}

static void copy_piece(uint8_t *to, const struct text_mark *mark) {
    for (uint32_t i = 0; i < mark->length; i++)
        to[i] = text[(mark->offset + i) % TEXT_SIZE];
}

/* A frame with what is at `offset`; returns where it ends. Without text it says that there is no more. */
static uint64_t send_piece(uint64_t offset) {
    const struct text_mark mark = piece_at(offset, sizeof wire_payload->text.bytes);
    wire_payload->text.mark = mark;
    copy_piece(wire_payload->text.bytes, &mark);
    wire_send(FRAME_TEXT, sizeof mark + mark.length);
    return mark.offset + mark.length;
}

void text_keep(uint8_t byte, unsigned stream) {
    if (wanted && said - taken == TEXT_SIZE)
        taken = send_piece(taken);
    text[said % TEXT_SIZE] = byte;
    speakers[said++ % TEXT_SIZE] = (uint8_t)stream;
}

void text_send(void) {
    uint64_t at = taken > IN_FLIGHT ? taken - IN_FLIGHT : 0;
    if (!wanted)
        return;
    if (at < arrived)
        at = arrived;
    while (at < said)
        at = send_piece(at);
    send_piece(said);
}

/* A text_mark and its bytes; 0: there is nothing yet. Without room it says that all before has arrived. */
int64_t text_read(uint8_t *bytes, uint64_t count, uint64_t offset) {
    wanted = true;
    if (count <= sizeof(struct text_mark)) {
        arrived = offset < taken ? offset : taken;
        return 0;
    }
    const struct text_mark mark = piece_at(offset, count - sizeof mark);
    if (!mark.length)
        return 0;
    memcpy(bytes, &mark, sizeof mark); /* may fault, and then nothing is taken */
    copy_piece(bytes + sizeof mark, &mark);
    if (mark.offset + mark.length > taken)
        taken = mark.offset + mark.length;
    return (int64_t)(sizeof mark + mark.length);
}

/* What lies behind a gap, or has no room, is not taken. */
int64_t text_type(const uint8_t *bytes, uint64_t count, uint64_t offset) {
    uint64_t at = offset > typed_in ? count : typed_in - offset;
    for (; at < count && typed_in - typed_out < TEXT_SIZE; at++) {
        typed[typed_in % TEXT_SIZE] = bytes[at];
        typed_in++;
    }
    return (int64_t)(at < count ? at : count);
}

int text_typed(void) {
    return typed_out == typed_in ? -1 : typed[typed_out++ % TEXT_SIZE];
}
#endif
