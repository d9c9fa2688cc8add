/* SPDX-License-Identifier: MIT */
/* The host's orders for trials, checked, and the rounds that it is told of. */
#include "bareflow/copy.h"
#include "code.h"
#include "rotate.h"

/* Why a trial does not begin: PUBLISH_…; with PUBLISH_DONE `entries` are filled in. */
static uint16_t take(const struct trial_order *order, const uint8_t *payload, uint32_t length,
                     uint64_t *entries) {
    struct trial_candidate one;
    uint16_t status = PUBLISH_DONE;
    if (order->function >= bf_program.functions || order->candidates > TRIAL_CANDIDATES || !order->calls ||
        !order->rounds || length < order->candidates * sizeof one)
        return PUBLISH_REFUSED;
    for (uint32_t i = 0; i < order->candidates && status == PUBLISH_DONE; i++) {
        bf_copy(&one, payload + i * sizeof one, sizeof one);
        entries[i] = one.entry;
        status = bf_code_usable(one.start, one.entry, one.length, one.crc);
    }
    return status;
}

void bf_trial_order(struct bf_wire *wire, const uint8_t *payload, uint32_t length) {
    struct trial_order order;
    uint64_t entries[TRIAL_CANDIDATES];
    if (length < sizeof order)
        return;
    bf_copy(&order, payload, sizeof order);
    bf_rotation_end(BF_ANY);
    if (!order.candidates)
        return;
    struct tried_record answer = {.function = order.function, .trial = order.trial};
    answer.status = take(&order, payload + sizeof order, length - (uint32_t)sizeof order, entries);
    if (answer.status == PUBLISH_DONE)
        bf_rotation_start(&order, entries);
    else
        bf_wire_send(wire, GROWTH_TRIED, &answer, sizeof answer);
}

void bf_trial_report(struct bf_wire *wire) {
    const struct tried_record *record;
    while (bf_wire_room(wire) >= sizeof *record && (record = bf_rotation_report()))
        bf_wire_send(wire, GROWTH_TRIED, record, sizeof *record);
}
