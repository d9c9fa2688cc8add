/* SPDX-License-Identifier: MIT */
/* What the interpreter saw, one message a call. Counts are totals, so one that is sent twice does no harm.
 * Parts of a function: its back edges, then its edge counters in slices, then its value tables. */
#include "seen.h"

#include "bareflow/agent.h"
#include "bareflow/gen/profile.h"
#include "bareflow/gen/snapshot.h"
#include "bareflow/interp.h"

#define EDGES_IN_MESSAGE 100

/* Only in programs that have interpreted functions. */
extern struct bf_interp_program bf_interp_program __attribute__((weak));

static void send_back_edges(struct bf_wire *wire, uint32_t index) {
    struct back_edge_counts record = {.function = bf_interp_program.function[index].external,
                                      .count = bf_interp_program.backs[index]};
    bf_wire_send(wire, PROFILE_BACK_EDGES, &record, sizeof record);
}

static void send_edges(struct bf_wire *wire, const struct bytecode_function *function, uint32_t slice) {
    uint32_t first = slice * EDGES_IN_MESSAGE, left = function->edges - first;
    struct edge_counts record = {.function = function->external,
                                 .first = (uint16_t)first,
                                 .count = (uint16_t)(left < EDGES_IN_MESSAGE ? left : EDGES_IN_MESSAGE)};
    bf_wire_send2(wire, PROFILE_EDGES, &record, sizeof record,
                  &bf_interp_program.edge[function->first_edge + first], record.count * sizeof(uint64_t));
}

/* Arguments whose place has kind 0 have no table. */
static uint32_t argument_of(const struct bytecode_function *function, uint32_t table) {
    const struct bytecode_signature *signature = &bf_interp_program.signature[function->signature];
    const struct bytecode_place *place = &bf_interp_program.place[signature->first_place];
    uint32_t argument = 0;
    for (; argument < signature->arguments; argument++)
        if (place[argument].kind && !table--)
            break;
    return argument;
}

static void send_values(struct bf_wire *wire, const struct bytecode_function *function, uint32_t table) {
    struct value_counts record = {.function = function->external, .argument = argument_of(function, table)};
    const struct bytecode_values *values = &bf_interp_program.value[function->first_value + table];
    bf_wire_send2(wire, PROFILE_VALUES, &record, sizeof record, values, sizeof *values);
}

int bf_seen_next(struct bf_seen *seen, struct bf_wire *wire, int all) {
    if (!&bf_interp_program)
        return 0;
    while (seen->function < bf_interp_program.functions) {
        const struct bytecode_function *function = &bf_interp_program.function[seen->function];
        uint32_t slices = (function->edges + EDGES_IN_MESSAGE - 1) / EDGES_IN_MESSAGE, part = seen->part++;
        if (!bf_interp_program.calls[seen->function] ||
            (!all && bf_slots[function->external].tier != TIER_INTERP) || part > slices + function->values) {
            seen->function++;
            seen->part = 0;
            continue;
        }
        if (part == 0)
            send_back_edges(wire, seen->function);
        else if (part <= slices)
            send_edges(wire, function, part - 1);
        else
            send_values(wire, function, part - 1 - slices);
        return 1;
    }
    return 0;
}
