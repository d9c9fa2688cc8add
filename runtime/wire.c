/* SPDX-License-Identifier: MIT */
/* The guest's side of the wire: framing, sessions and hello. The two streams are in wire_flow.c.
 * bareflow/wire/link.py does the same in Python. */
#include "bareflow/wire.h"

#include "bareflow/crc32.h"
#include "wire_flow.h"

#define HELLO_FIRST_US 100000 /* between two hellos that nobody answers; doubles up to: */
#define HELLO_LAST_US 2000000
#define HELLO_SPACING_US 20000 /* at least, between two that something on the line provokes */

int bf_wire_init(struct bf_wire *wire, const struct bf_wire_config *config) {
    uint32_t size = config->outgoing_size;
    if (!config->session || size < 64 || (size & (size - 1)) || config->incoming_size > 0xffff)
        return -1;
    uint8_t *byte = (uint8_t *)wire;
    for (size_t i = 0; i < sizeof *wire; i++)
        byte[i] = 0;
    wire->config = *config;
    wire->mask = size - 1;
    wire->head = wire->acknowledged = wire->next = wire->sent = wire->tail = WIRE_FIRST_OFFSET;
    wire->expected = WIRE_FIRST_OFFSET;
    wire->segment = 256;
    wire->window = size < 1024 ? size : 1024;
    wire->peer_max_message = WIRE_MAX_PAYLOAD;
    wire->hello_wait_us = HELLO_FIRST_US;
    wire->hello_at = 1;
    return 0;
}

/* Put a frame whose payload stands in raw behind the header into tx, which MUST be empty. */
static void frame_out(struct bf_wire *wire, uint16_t type, uint32_t sequence, uint32_t length) {
    struct frame_header header = {
        .session = wire->config.session,
        .sequence = sequence,
        .acknowledged = wire->expected,
        .type = type,
        .length = (uint16_t)length,
    };
    bf_copy(wire->raw, &header, sizeof header);
    uint32_t crc = bf_crc32(0, wire->raw, sizeof header + length);
    bf_copy(wire->raw + sizeof header + length, &crc, sizeof crc);
    size_t at = 0;
    if (type == FRAME_HELLO)
        wire->tx[at++] = 0; /* ends whatever an earlier boot left unfinished */
    at += bf_cobs_encode(wire->raw, sizeof header + length + sizeof crc, wire->tx + at);
    wire->tx[at++] = 0;
    wire->tx_used = (uint32_t)at;
    wire->tx_done = 0;
}

static void hello_out(struct bf_wire *wire, uint64_t now) {
    struct wire_hello hello = {
        .version = WIRE_VERSION,
        .peer = wire->peer,
        .stream_offset = wire->head,
        .max_message = wire->config.incoming_size,
        .dropped = wire->dropped,
    };
    bf_copy(hello.build_id, wire->config.build_id, sizeof hello.build_id);
    bf_copy(wire->raw + FRAME_HEADER_SIZEOF, &hello, sizeof hello);
    frame_out(wire, FRAME_HELLO, 0, sizeof hello);
    wire->hello_sent_at = now;
    if (wire->peer) {
        wire->hello_at = 0;
        return;
    }
    wire->hello_at = now + wire->hello_wait_us;
    if (wire->hello_wait_us < HELLO_LAST_US)
        wire->hello_wait_us *= 2;
}

/* A hello has come. Only a host's question counts: session 0 and an incarnation. */
static void hello_in(struct bf_wire *wire, const struct frame_header *header, const uint8_t *payload,
                     uint64_t now) {
    struct wire_hello hello;
    if (header->length < sizeof hello)
        return;
    bf_copy(&hello, payload, sizeof hello);
    if (header->session || !hello.incarnation || hello.version != WIRE_VERSION)
        return;
    if (hello.incarnation != wire->peer) {
        wire->peer = hello.incarnation;
        bf_out_rewind(wire);
        wire->message_have = 0;
        wire->ack_due = wire->nak_due = 0;
    } else {
        bf_out_resume(wire, now);
    }
    bf_copy(wire->peer_build_id, hello.build_id, sizeof wire->peer_build_id);
    wire->peer_max_message = hello.max_message < 0xffff ? hello.max_message : 0xffff;
    uint64_t soon = wire->hello_sent_at ? wire->hello_sent_at + HELLO_SPACING_US : now;
    wire->hello_at = soon > now ? soon : now;
}

static void frame_in(struct bf_wire *wire, const uint8_t *raw, uint64_t now) {
    struct frame_header header;
    bf_copy(&header, raw, sizeof header);
    const uint8_t *payload = raw + sizeof header;
    if (header.type == FRAME_HELLO) {
        hello_in(wire, &header, payload, now);
        return;
    }
    if (!wire->peer || header.session != wire->config.session)
        return;
    if (header.type == FRAME_DATA || header.type == FRAME_ACK || header.type == FRAME_NAK)
        bf_out_acknowledge(wire, header.acknowledged, now);
    if (header.type == FRAME_NAK)
        bf_out_missing(wire, now);
    if (header.type == FRAME_DATA)
        bf_in_take(wire, header.sequence, payload, header.length);
}

/* A zero has come: what stands in rx is a frame, nothing, or damaged. */
static void piece_in(struct bf_wire *wire, uint64_t now) {
    uint32_t used = wire->rx_used, skip = wire->rx_skip;
    wire->rx_used = wire->rx_skip = 0;
    if (!used && !skip)
        return;
    size_t size = skip ? BF_COBS_DAMAGED : bf_cobs_decode(wire->rx, used, wire->rx);
    if (size != BF_COBS_DAMAGED && size >= FRAME_HEADER_SIZEOF + 4) {
        uint32_t crc;
        uint16_t length;
        bf_copy(&crc, wire->rx + size - 4, sizeof crc);
        bf_copy(&length, wire->rx + FRAME_HEADER_LENGTH_OFFSET, sizeof length);
        if (length == size - FRAME_HEADER_SIZEOF - 4 && length <= WIRE_MAX_PAYLOAD &&
            crc == bf_crc32(0, wire->rx, size - 4)) {
            frame_in(wire, wire->rx, now);
            return;
        }
    }
    wire->damaged++;
    wire->nak_due = wire->peer != 0;
}

static void bytes_in(struct bf_wire *wire, const uint8_t *bytes, size_t n, uint64_t now) {
    for (size_t i = 0; i < n; i++) {
        if (!bytes[i])
            piece_in(wire, now);
        else if (wire->rx_used < sizeof wire->rx)
            wire->rx[wire->rx_used++] = bytes[i];
        else
            wire->rx_skip = 1;
    }
}

/* Put the next frame that is due into tx; 0: none is. */
static int next_out(struct bf_wire *wire, uint64_t now) {
    if (wire->hello_at && now >= wire->hello_at) {
        hello_out(wire, now);
        return 1;
    }
    if (!wire->peer || wire->hello_at) /* a host that has not had our hello would not understand */
        return 0;
    uint32_t length = 0, offset = 0;
    uint16_t type = FRAME_NAK;
    if (!wire->nak_due) {
        type = FRAME_DATA;
        length = bf_out_segment(wire, wire->raw + FRAME_HEADER_SIZEOF, &offset, now);
        if (!length) {
            type = FRAME_ACK;
            if (!wire->ack_due)
                return 0;
        }
    }
    wire->ack_due = wire->nak_due = 0;
    frame_out(wire, type, offset, length);
    return 1;
}

/* Write what is due; 1: the port takes no more, or enough was written for one call. */
static int write_out(struct bf_wire *wire, uint64_t now) {
    uint32_t budget = BF_WIRE_POLL_BYTES;
    for (;;) {
        if (wire->tx_done == wire->tx_used && (!budget || !next_out(wire, now)))
            return !budget;
        uint32_t want = wire->tx_used - wire->tx_done;
        size_t done = wire->config.write(wire->config.context, wire->tx + wire->tx_done, want);
        wire->tx_done += (uint32_t)done;
        budget -= done < budget ? (uint32_t)done : budget;
        if (done < want)
            return 1;
    }
}

/* Microseconds until something is due by itself. */
static uint64_t until_due(const struct bf_wire *wire, uint64_t now) {
    uint64_t at = now + HELLO_LAST_US;
    if (wire->hello_at && wire->hello_at < at)
        at = wire->hello_at;
    if (wire->peer && wire->resend_at && wire->resend_at < at)
        at = wire->resend_at;
    return at > now ? at - now : 0;
}

uint64_t bf_wire_poll(struct bf_wire *wire, uint64_t now_us) {
    if (__atomic_exchange_n(&wire->polling, 1, __ATOMIC_ACQUIRE))
        return 0;
    uint8_t bytes[256];
    size_t n = sizeof bytes;
    for (uint32_t taken = 0; n == sizeof bytes && taken < BF_WIRE_POLL_BYTES; taken += (uint32_t)n) {
        n = wire->config.read(wire->config.context, bytes, sizeof bytes);
        bytes_in(wire, bytes, n, now_us);
    }
    bf_out_report_drops(wire);
    bf_out_expire(wire, now_us);
    int more = n == sizeof bytes;
    more |= write_out(wire, now_us);
    uint64_t wait = more ? 0 : until_due(wire, now_us);
    __atomic_store_n(&wire->polling, 0, __ATOMIC_RELEASE);
    return wait;
}
