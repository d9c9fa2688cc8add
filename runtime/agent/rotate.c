/* SPDX-License-Identifier: MIT */
/* A trial: for some calls each candidate has its turn, in a new random order every round. Its first calls
 * warm caches and predictors; the others are timed by the slow path. A call below another of the same
 * function goes where the outer one went and is not timed by itself. */
#include "rotate.h"

#define ROUNDS_QUEUED 4
#define WARM_SHARE 4 /* one call in four of a turn is not timed */

static struct {
    uint32_t active, function, candidates, calls, rounds;
    uint64_t trial, kept; /* the host's number; where calls went before */
    uint64_t entries[TRIAL_CANDIDATES];
    uint32_t order[TRIAL_CANDIDATES]; /* of this round */
    uint32_t round, turn, call;
    const uint64_t *inside; /* where the return address of the timed call stands; NULL: none */
    uint64_t random;
    uint64_t cycles[TRIAL_CANDIDATES];
    uint32_t timed[TRIAL_CANDIDATES];
} rotation;

static struct tried_record queue[ROUNDS_QUEUED];
static uint32_t queue_in, queue_out;

int bf_rotating(uint32_t function) {
    return rotation.active && rotation.function == function;
}

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003. */
static uint32_t below(uint32_t limit) {
    rotation.random ^= rotation.random << 13;
    rotation.random ^= rotation.random >> 7;
    rotation.random ^= rotation.random << 17;
    return (uint32_t)((rotation.random >> 32) * limit >> 32);
}

static void begin_round(void) {
    for (uint32_t i = 0; i < rotation.candidates; i++) {
        uint32_t other = below(i + 1);
        rotation.order[i] = rotation.order[other];
        rotation.order[other] = i;
        rotation.cycles[i] = rotation.timed[i] = 0;
    }
    rotation.turn = rotation.call = 0;
}

static void point_at(uint64_t target) {
    __atomic_store_n(&bf_slots[rotation.function].target, target, __ATOMIC_RELEASE);
}

static void end(void) {
    rotation.active = 0;
    point_at(rotation.kept);
    bf_rearm(rotation.function);
}

void bf_rotation_end(uint32_t function) {
    if (function == BF_ANY ? rotation.active : (uint32_t)bf_rotating(function))
        end();
}

/* A round is worth a report if all turns timed as much: none was cut short by frames thrown away. */
static void end_round(void) {
    uint32_t timed = rotation.timed[0], equal = timed != 0;
    for (uint32_t i = 1; i < rotation.candidates; i++)
        equal &= rotation.timed[i] == timed;
    if (equal && queue_in - queue_out < ROUNDS_QUEUED) {
        struct tried_record *record = &queue[queue_in++ % ROUNDS_QUEUED];
        *record = (struct tried_record){.function = rotation.function,
                                        .status = PUBLISH_DONE,
                                        .candidates = (uint16_t)rotation.candidates,
                                        .trial = rotation.trial,
                                        .round = rotation.round++,
                                        .timed = timed};
        for (uint32_t i = 0; i < rotation.candidates; i++)
            record->cycles[i] = rotation.cycles[i];
        bf_kick();
    }
    if (rotation.round == rotation.rounds)
        end();
    else
        begin_round();
}

uint32_t bf_rotation_turn(const uint64_t *return_slot) {
    if (rotation.inside && return_slot < rotation.inside)
        return 0;
    rotation.inside = 0;
    if (rotation.call == rotation.calls) {
        rotation.call = 0;
        if (++rotation.turn == rotation.candidates)
            end_round();
        if (!rotation.active)
            return 0;
    }
    uint32_t candidate = rotation.order[rotation.turn];
    point_at(rotation.entries[candidate]);
    return ++rotation.call > rotation.calls / WARM_SHARE ? candidate + 1 : 0;
}

void bf_rotation_begun(const uint64_t *return_slot, int timed) {
    rotation.inside = timed ? return_slot : 0;
}

void bf_rotation_time(uint32_t candidate, uint64_t cycles) {
    rotation.inside = 0;
    if (!rotation.active || candidate >= rotation.candidates)
        return;
    rotation.cycles[candidate] += cycles;
    rotation.timed[candidate]++;
}

void bf_rotation_start(const struct trial_order *order, const uint64_t *entries) {
    rotation.function = order->function;
    rotation.candidates = order->candidates;
    rotation.calls = order->calls;
    rotation.rounds = order->rounds;
    rotation.trial = order->trial;
    rotation.kept = bf_slots[order->function].target;
    rotation.random = bf_tsc() | 1;
    rotation.round = 0;
    rotation.inside = 0;
    for (uint32_t i = 0; i < order->candidates; i++)
        rotation.entries[i] = entries[i];
    begin_round();
    rotation.active = 1;
    bf_rearm(order->function);
}

const struct tried_record *bf_rotation_report(void) {
    return queue_out == queue_in ? 0 : &queue[queue_out++ % ROUNDS_QUEUED];
}
