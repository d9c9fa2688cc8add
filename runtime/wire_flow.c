/* SPDX-License-Identifier: MIT */
/* The two byte streams of a link: what is kept and resent, what is ordered and cut into messages.
 * bareflow/wire/flow.py does the same in Python. */
#include "wire_flow.h"

#define FIRST_TIMEOUT_US 250000 /* before a round trip was measured: 1 KiB at 115200 baud takes 100000 */
#define MIN_TIMEOUT_US 20000
#define MAX_TIMEOUT_US 2000000
#define CLEAN_SEGMENTS 8 /* segments without a loss until longer ones are tried */

static uint32_t tail_of(const struct bf_wire *wire) {
    return __atomic_load_n(&wire->tail, __ATOMIC_ACQUIRE);
}

static void ring_put(struct bf_wire *wire, uint32_t at, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        wire->config.outgoing[(at + i) & wire->mask] = bytes[i];
}

static void ring_get(const struct bf_wire *wire, uint32_t at, uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = wire->config.outgoing[(at + i) & wire->mask];
}

static uint32_t ring_free(const struct bf_wire *wire) {
    uint32_t used = tail_of(wire) - __atomic_load_n(&wire->head, __ATOMIC_ACQUIRE);
    return wire->config.outgoing_size - used;
}

/* Append a message if it fits; -1: it does not, or another append is under way. */
static int append(struct bf_wire *wire, uint16_t type, const void *head, size_t head_length, const void *rest,
                  size_t rest_length) {
    if (__atomic_exchange_n(&wire->sending, 1, __ATOMIC_ACQUIRE))
        return -1;
    int result = -1;
    if (head_length <= wire->peer_max_message && rest_length <= wire->peer_max_message - head_length &&
        MESSAGE_HEADER_SIZEOF + head_length + rest_length <= ring_free(wire)) {
        struct message_header header = {.type = type, .length = (uint16_t)(head_length + rest_length)};
        uint32_t at = wire->tail;
        ring_put(wire, at, (const uint8_t *)&header, sizeof header);
        ring_put(wire, at + (uint32_t)sizeof header, head, head_length);
        ring_put(wire, at + (uint32_t)(sizeof header + head_length), rest, rest_length);
        __atomic_store_n(&wire->tail, at + (uint32_t)(sizeof header + head_length + rest_length),
                         __ATOMIC_RELEASE);
        result = 0;
    }
    __atomic_store_n(&wire->sending, 0, __ATOMIC_RELEASE);
    return result;
}

int bf_wire_send2(struct bf_wire *wire, uint16_t type, const void *head, size_t head_length, const void *rest,
                  size_t rest_length) {
    if (!append(wire, type, head, head_length, rest, rest_length))
        return 0;
    __atomic_fetch_add(&wire->dropped, 1, __ATOMIC_RELAXED);
    return -1;
}

int bf_wire_send(struct bf_wire *wire, uint16_t type, const void *payload, size_t length) {
    return bf_wire_send2(wire, type, payload, length, payload, 0);
}

uint32_t bf_wire_room(const struct bf_wire *wire) {
    uint32_t space = ring_free(wire);
    uint32_t room = space > MESSAGE_HEADER_SIZEOF ? space - MESSAGE_HEADER_SIZEOF : 0;
    return room < wire->peer_max_message ? room : wire->peer_max_message;
}

int bf_wire_idle(const struct bf_wire *wire) {
    return tail_of(wire) == wire->head && wire->dropped == wire->dropped_said;
}

void bf_out_report_drops(struct bf_wire *wire) {
    struct dropped_record record = {.total = __atomic_load_n(&wire->dropped, __ATOMIC_RELAXED)};
    if (record.total != wire->dropped_said &&
        !append(wire, FRAME_DROPPED, &record, sizeof record, &record, 0))
        wire->dropped_said = record.total;
}

static void calm(struct bf_wire *wire) {
    wire->timed_at = wire->resend_at = wire->went_back_at = 0;
    wire->round_trip_us = wire->deviation_us = 0;
    wire->backoff = 0;
    wire->clean = 0;
}

void bf_out_rewind(struct bf_wire *wire) {
    wire->acknowledged = wire->next = wire->sent = wire->head;
    calm(wire);
}

static uint64_t timeout_us(const struct bf_wire *wire) {
    uint64_t first = FIRST_TIMEOUT_US;
    if (wire->round_trip_us)
        first = 2 * (uint64_t)wire->round_trip_us +
                4 * (uint64_t)wire->deviation_us; /* a longer segment doubles it */
    if (first < MIN_TIMEOUT_US)
        first = MIN_TIMEOUT_US;
    first <<= wire->backoff;
    return first < MAX_TIMEOUT_US ? first : MAX_TIMEOUT_US;
}

static void go_back(struct bf_wire *wire, uint64_t now) {
    wire->next = wire->acknowledged;
    wire->went_back_at = now;
    wire->timed_at = wire->resend_at = 0;
    wire->clean = 0;
    wire->segment = wire->segment / 2 > WIRE_MIN_SEGMENT ? wire->segment / 2 : WIRE_MIN_SEGMENT;
    wire->window = wire->window / 2 > 4 * wire->segment ? wire->window / 2 : 4 * wire->segment;
    wire->resent++;
}

void bf_out_resume(struct bf_wire *wire, uint64_t now) {
    wire->backoff = 0;
    if (wire->next != wire->acknowledged)
        go_back(wire, now);
}

void bf_out_missing(struct bf_wire *wire, uint64_t now) {
    uint64_t pause = wire->round_trip_us ? wire->round_trip_us : MIN_TIMEOUT_US;
    int recent = wire->went_back_at && now - wire->went_back_at < pause;
    if (wire->next != wire->acknowledged && !recent)
        go_back(wire, now);
}

void bf_out_expire(struct bf_wire *wire, uint64_t now) {
    if (!wire->resend_at || now < wire->resend_at)
        return;
    if (wire->backoff < 7)
        wire->backoff++;
    go_back(wire, now);
}

/* Jacobson's estimate of the round trip over bytes sent once (Karn); RFC 6298. */
static void measure(struct bf_wire *wire, uint64_t now) {
    if (!wire->timed_at || bf_ahead(wire->acknowledged, wire->timed) < 0)
        return;
    uint64_t passed = now - wire->timed_at;
    uint32_t sample = passed > MAX_TIMEOUT_US ? MAX_TIMEOUT_US : (uint32_t)passed + 1;
    wire->timed_at = 0;
    if (!wire->round_trip_us) {
        wire->round_trip_us = sample;
        wire->deviation_us = sample / 2;
        return;
    }
    uint32_t error =
        sample > wire->round_trip_us ? sample - wire->round_trip_us : wire->round_trip_us - sample;
    wire->deviation_us = (wire->deviation_us * 3 + error) / 4;
    wire->round_trip_us = (wire->round_trip_us * 7 + sample) / 8;
}

/* Forget the messages that have arrived whole. */
static void release(struct bf_wire *wire) {
    uint32_t head = wire->head;
    while (bf_ahead(wire->acknowledged, head) >= MESSAGE_HEADER_SIZEOF) {
        struct message_header header;
        ring_get(wire, head, (uint8_t *)&header, sizeof header);
        uint32_t end = head + MESSAGE_HEADER_SIZEOF + header.length;
        if (bf_ahead(end, wire->acknowledged) > 0)
            break;
        head = end;
    }
    __atomic_store_n(&wire->head, head, __ATOMIC_RELEASE);
}

void bf_out_acknowledge(struct bf_wire *wire, uint32_t offset, uint64_t now) {
    int32_t progress = bf_ahead(offset, wire->acknowledged);
    if (progress <= 0 || bf_ahead(offset, wire->sent) > 0)
        return;
    wire->acknowledged = offset;
    if (bf_ahead(offset, wire->next) > 0)
        wire->next = offset;
    measure(wire, now);
    wire->backoff = 0;
    uint32_t most =
        wire->config.outgoing_size < BF_WIRE_POLL_BYTES ? wire->config.outgoing_size : BF_WIRE_POLL_BYTES;
    wire->window += (uint32_t)progress;
    if (wire->window > most)
        wire->window = most;
    wire->clean += (uint32_t)progress;
    if (wire->clean >= CLEAN_SEGMENTS * wire->segment) {
        wire->segment = wire->segment * 2 < WIRE_MAX_PAYLOAD ? wire->segment * 2 : WIRE_MAX_PAYLOAD;
        wire->clean = 0;
    }
    release(wire);
    wire->resend_at = wire->next != wire->acknowledged ? now + timeout_us(wire) : 0;
}

uint32_t bf_out_segment(struct bf_wire *wire, uint8_t *to, uint32_t *offset, uint64_t now) {
    uint32_t size = tail_of(wire) - wire->next, flying = wire->next - wire->acknowledged;
    if (size > wire->segment)
        size = wire->segment;
    if (!size || (flying && flying + size > wire->window))
        return 0;
    *offset = wire->next;
    ring_get(wire, wire->next, to, size);
    if (!wire->timed_at && bf_ahead(wire->next, wire->sent) >= 0) {
        wire->timed = wire->next + size;
        wire->timed_at = now;
    }
    wire->next += size;
    if (bf_ahead(wire->next, wire->sent) > 0)
        wire->sent = wire->next;
    if (!wire->resend_at)
        wire->resend_at = now + timeout_us(wire);
    return size;
}

/* Deliver the arriving message if it is whole. */
static void deliver(struct bf_wire *wire) {
    struct message_header header;
    bf_copy(&header, wire->message_header, sizeof header);
    if (wire->message_have < sizeof header + header.length)
        return;
    wire->message_have = 0;
    if (header.length > wire->config.incoming_size)
        wire->oversized++;
    else
        wire->config.receive(wire->config.context, header.type, wire->config.incoming, header.length);
}

/* Append one byte of the stream to the arriving message. */
static void byte_in(struct bf_wire *wire, uint8_t byte) {
    uint32_t at = wire->message_have++;
    if (at < MESSAGE_HEADER_SIZEOF)
        wire->message_header[at] = byte;
    else if (at - MESSAGE_HEADER_SIZEOF < wire->config.incoming_size)
        wire->config.incoming[at - MESSAGE_HEADER_SIZEOF] = byte;
    if (wire->message_have >= MESSAGE_HEADER_SIZEOF)
        deliver(wire);
}

void bf_in_take(struct bf_wire *wire, uint32_t offset, const uint8_t *bytes, uint32_t length) {
    int32_t known = bf_ahead(wire->expected, offset);
    wire->ack_due = 1;
    if (known < 0) {
        wire->gaps++;
        wire->nak_due = 1;
        return;
    }
    wire->nak_due = 0;
    if (known >= (int32_t)length) {
        wire->duplicates++;
        return;
    }
    for (uint32_t i = (uint32_t)known; i < length; i++)
        byte_in(wire, bytes[i]);
    wire->expected = offset + length;
}
