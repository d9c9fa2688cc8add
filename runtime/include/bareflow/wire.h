/* SPDX-License-Identifier: MIT */
/* The guest's side of the wire: a reliable stream of messages each way over any byte port.
 * docs/wire.md has the protocol, bareflow/wire/link.py the host's side.
 *
 * No libc, no allocation, no clock, no blocking: all memory is the caller's, the time is passed in, and the
 * port's functions take or give what they can at once. Everything here may be called from an interrupt or
 * signal handler that has interrupted any other call here on the same link; a call that finds its own kind
 * half done gives up at once: bf_wire_poll returns, bf_wire_send drops (and counts). One thread may poll
 * while another sends. */
#ifndef BAREFLOW_WIRE_H
#define BAREFLOW_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "bareflow/cobs.h"
#include "bareflow/gen/wire.h"

/* A frame without COBS, and with it. */
#define BF_WIRE_RAW (FRAME_HEADER_SIZEOF + WIRE_MAX_PAYLOAD + 4)
#define BF_WIRE_LINE BF_COBS_MAX(BF_WIRE_RAW)

struct bf_wire_config {
    uint32_t session;     /* not zero; different at every boot: time stamp counter, RDRAND */
    uint8_t build_id[16]; /* of the running program; the host compares it with what it compiles */

    /* Messages wait here until the host has them. The size MUST be a power of two and at least 64. A message
     * takes its payload and MESSAGE_HEADER_SIZEOF bytes. */
    uint8_t *outgoing;
    uint32_t outgoing_size;

    /* The message that is arriving. Its size is the longest payload that the host may send, at most 65535;
     * the host is told so. */
    uint8_t *incoming;
    uint32_t incoming_size;

    /* Give at most `n` bytes from the port, or take at most `n`; return how many, 0 if none can be had now.
     * They MUST NOT block. */
    size_t (*read)(void *context, uint8_t *bytes, size_t n);
    size_t (*write)(void *context, const uint8_t *bytes, size_t n);

    /* A message has arrived, whole, in order, once per host process. Called from within bf_wire_poll; it may
     * call bf_wire_send, not bf_wire_poll. The payload is valid until it returns. */
    void (*receive)(void *context, uint16_t type, const uint8_t *payload, uint32_t length);
    void *context;
};

/* All of a link's state; the fields from `peer` to `oversized` may be read at any time. */
struct bf_wire {
    struct bf_wire_config config;
    uint32_t mask; /* outgoing_size - 1 */

    uint32_t peer;             /* incarnation of the host that is there; 0: none yet */
    uint8_t peer_build_id[16]; /* what it believes to serve; zeros: it does not know */
    uint32_t peer_max_message; /* longest payload that it takes */
    uint64_t dropped;          /* messages that did not fit */
    uint32_t damaged;          /* pieces of the line that were no frame */
    uint32_t gaps;             /* data that came behind missing data */
    uint32_t duplicates;       /* data that had come before */
    uint32_t resent;           /* times that the stream went back */
    uint32_t oversized;        /* messages longer than `incoming`, skipped */

    /* Outgoing stream offsets, head <= acknowledged <= next <= sent <= tail modulo 2^32, except that next
     * falls behind sent when the stream goes back. `tail` is written by send only, all others by poll only.
     */
    uint32_t head, acknowledged, next, sent, tail;
    uint32_t segment, window, clean;      /* bytes */
    uint32_t timed;                       /* offset whose acknowledgement is timed, if timed_at is not 0 */
    uint32_t round_trip_us, deviation_us; /* 0: not measured yet */
    uint64_t timed_at, resend_at, went_back_at, hello_at, hello_sent_at; /* us; 0: never */
    uint64_t dropped_said;
    uint32_t hello_wait_us;
    uint8_t backoff, ack_due, nak_due;
    uint8_t polling, sending; /* locks that are tried, never waited for */

    /* Incoming stream. */
    uint32_t expected;     /* offset awaited next */
    uint32_t message_have; /* bytes of the arriving message so far, its header included */
    uint8_t message_header[MESSAGE_HEADER_SIZEOF];

    /* The line: a frame that is arriving, a frame that is leaving. */
    uint32_t rx_used, rx_skip;
    uint32_t tx_used, tx_done;
    uint8_t rx[BF_WIRE_LINE];
    uint8_t tx[BF_WIRE_LINE + 2];
    uint8_t raw[BF_WIRE_RAW];
};

/* Prepare a link. Sends nothing yet. Returns 0, or -1 for a configuration that breaks a MUST above. */
int bf_wire_init(struct bf_wire *wire, const struct bf_wire_config *config);

/* Read what has come, deliver it, write what is due, all as far as the port goes at once and at most
 * about BF_WIRE_POLL_BYTES each way. `now_us` counts from any origin, starts above 0 and never decreases.
 * Returns after how many microseconds to call again if nothing arrives before (0: at once, there is more). */
#define BF_WIRE_POLL_BYTES 4096
uint64_t bf_wire_poll(struct bf_wire *wire, uint64_t now_us);

/* Queue a message for the host; types are FRAME_…, 16 and above. Returns 0, or -1 if it was dropped because
 * it does not fit or another send was interrupted by this one; the link tells the host how many were. */
int bf_wire_send(struct bf_wire *wire, uint16_t type, const void *payload, size_t length);

/* As bf_wire_send, for a payload in two pieces: a record and what follows it. */
int bf_wire_send2(struct bf_wire *wire, uint16_t type, const void *head, size_t head_length, const void *rest,
                  size_t rest_length);

/* Longest payload that bf_wire_send would take now. */
uint32_t bf_wire_room(const struct bf_wire *wire);

/* Whether the host has everything that was sent and knows what was dropped, for instance before the guest
 * ends. */
int bf_wire_idle(const struct bf_wire *wire);

#endif
