/* SPDX-License-Identifier: MIT */
/* Between wire.c and wire_flow.c: the two byte streams of a link. Called by bf_wire_poll only. */
#ifndef BAREFLOW_WIRE_FLOW_H
#define BAREFLOW_WIRE_FLOW_H

#include "bareflow/copy.h"
#include "bareflow/wire.h"

/* How far offset `later` is ahead of `earlier`. */
static inline int32_t bf_ahead(uint32_t later, uint32_t earlier) {
    return (int32_t)(later - earlier);
}

void bf_out_rewind(struct bf_wire *wire); /* the host lost its memory: from the first message on */
void bf_out_resume(struct bf_wire *wire, uint64_t now); /* the host is back: resend at once */
void bf_out_acknowledge(struct bf_wire *wire, uint32_t offset, uint64_t now);
void bf_out_missing(struct bf_wire *wire,
                    uint64_t now);                      /* the host misses what follows its acknowledgement */
void bf_out_expire(struct bf_wire *wire, uint64_t now); /* go back if the host was silent for too long */
void bf_out_report_drops(struct bf_wire *wire);         /* queue a dropped_record if there is news and room */

/* Copy the next slice to send to `to` (WIRE_MAX_PAYLOAD bytes); returns its length, 0 for none. */
uint32_t bf_out_segment(struct bf_wire *wire, uint8_t *to, uint32_t *offset, uint64_t now);

/* Take a slice of the host's stream; delivers the messages that it completes. */
void bf_in_take(struct bf_wire *wire, uint32_t offset, const uint8_t *bytes, uint32_t length);

#endif
