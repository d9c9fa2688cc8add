/* SPDX-License-Identifier: MIT */
/* Growth. Generated from bareflow/layouts/growth.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_GROWTH_H
#define BAREFLOW_GEN_GROWTH_H

/* "BLFG" */
#define GROWTH_MAGIC 0x47464c42
/* of the tables and messages */
#define GROWTH_VERSION 2
/* entries in tables by tier */
#define GROWTH_TIERS 6
/* added to a function's index by its entry for calls to itself */
#define GROWTH_SELF 0x80000000
/* iterations that count as much as a call */
#define GROWTH_BACK_EDGES 10
/* most blobs in one trial */
#define TRIAL_CANDIDATES 8
/* most bytes in a code piece */
#define GROWTH_MAX_CODE 960
/* counts of every function, not only of those that changed */
#define COLLECT_ALL 1
/* send hot again for functions that still wait at their tier */
#define COLLECT_HOT 2

/* Messages of the agent (32–47) and to it (48–63). */
#define GROWTH_STARTED 32 /* agent_started: the agent runs, and where its code cache is */
#define GROWTH_HOT 33 /* hot_record: a function has earned the next tier */
#define GROWTH_PUBLISHED 34 /* published_record: what became of a publish */
#define GROWTH_COUNTS 35 /* function_counts, one or several */
#define GROWTH_TIMES 36 /* time_sample, several: calls that were timed */
#define GROWTH_PLACES 37 /* 64-bit addresses: where ticks found the program */
#define GROWTH_COLLECTED 38 /* collected_record: every count asked for has been sent */
#define GROWTH_ENDED 39 /* collected_record: the program is leaving */
#define GROWTH_TRIED 40 /* tried_record: a round of a trial */
#define GROWTH_CODE 48 /* code_piece, then bytes for the code cache */
#define GROWTH_PUBLISH 49 /* publish_order: check a blob and let calls go to it */
#define GROWTH_ARM 50 /* arm_order: when a function counts as hot */
#define GROWTH_COLLECT 51 /* collect_order: send what changed */
#define GROWTH_TRIAL 53 /* trial_order, then trial_candidates: let calls go to each in turn, and time them */
#define GROWTH_TEXT 52 /* text_order: send what the console said, and says from now on, as FRAME_TEXT messages */
#define GROWTH_INPUT 55 /* text_order, then bytes of standard input from that offset on; what has come before is skipped */

/* What became of a publish. */
#define PUBLISH_DONE 0 /* calls go there from now on */
#define PUBLISH_DAMAGED 1 /* the blob's CRC is another: send it again */
#define PUBLISH_REFUSED 2 /* no such function, tier or address */

/* Why a function is hot. */
#define HOT_CALLS 1 /* its calls crossed the tier's threshold */
#define HOT_BACK_EDGES 2 /* its loops did, at GROWTH_BACK_EDGES times as many iterations, in the interpreter */

/* What a stub uses, half a cache line: it counts down, and jumps to `target` until the counter turns negative. */
#define SLOT_TARGET_OFFSET 0
#define SLOT_COUNTER_OFFSET 8
#define SLOT_SELF_COUNTER_OFFSET 16
#define SLOT_TIER_OFFSET 24
#define SLOT_RESERVED_OFFSET 28
#define SLOT_SIZEOF 32

/* Calls timed at one tier: cycles from the call to its return, calls below included, the agent's own left out. */
#define TIER_TIMES_SAMPLES_OFFSET 0
#define TIER_TIMES_WEIGHT_OFFSET 8
#define TIER_TIMES_CYCLES_LOW_OFFSET 16
#define TIER_TIMES_CYCLES_HIGH_OFFSET 24
#define TIER_TIMES_MINIMUM_OFFSET 32
#define TIER_TIMES_SIZEOF 40

/* What the agent knows of a function. */
#define FUNCTION_STATS_ARMED_OFFSET 0
#define FUNCTION_STATS_SELF_ARMED_OFFSET 8
#define FUNCTION_STATS_THRESHOLD_OFFSET 16
#define FUNCTION_STATS_HOT_TSC_OFFSET 24
#define FUNCTION_STATS_SAMPLED_TSC_OFFSET 32
#define FUNCTION_STATS_SAMPLED_CALLS_OFFSET 40
#define FUNCTION_STATS_SENT_CALLS_OFFSET 48
#define FUNCTION_STATS_HOT_TIERS_OFFSET 56
#define FUNCTION_STATS_FRESH_OFFSET 60
#define FUNCTION_STATS_SIZEOF 64

/* The generated head of the tables, symbol bf_program. */
#define GROWTH_PROGRAM_MAGIC_OFFSET 0
#define GROWTH_PROGRAM_VERSION_OFFSET 4
#define GROWTH_PROGRAM_FUNCTIONS_OFFSET 8
#define GROWTH_PROGRAM_TICK_US_OFFSET 12
#define GROWTH_PROGRAM_ARENA_HINT_OFFSET 16
#define GROWTH_PROGRAM_ARENA_SIZE_OFFSET 24
#define GROWTH_PROGRAM_SAMPLE_CYCLES_OFFSET 32
#define GROWTH_PROGRAM_THRESHOLDS_OFFSET 40
#define GROWTH_PROGRAM_BUILD_ID_OFFSET 88
#define GROWTH_PROGRAM_SIZEOF 104

/* Sent once to each host process that asks. */
#define AGENT_STARTED_VERSION_OFFSET 0
#define AGENT_STARTED_FUNCTIONS_OFFSET 4
#define AGENT_STARTED_ARENA_BASE_OFFSET 8
#define AGENT_STARTED_ARENA_SIZE_OFFSET 16
#define AGENT_STARTED_TSC_OFFSET 24
#define AGENT_STARTED_NS_OFFSET 32
#define AGENT_STARTED_TIMING_OVERHEAD_OFFSET 40
#define AGENT_STARTED_CPUID_OFFSET 48
#define AGENT_STARTED_BUILD_ID_OFFSET 80
#define AGENT_STARTED_ARENA_USED_OFFSET 96
#define AGENT_STARTED_RUN_OFFSET 104
#define AGENT_STARTED_SIZEOF 112

/* A function crossed its threshold. Sent once a tier, unless asked for again. */
#define HOT_RECORD_FUNCTION_OFFSET 0
#define HOT_RECORD_TIER_OFFSET 4
#define HOT_RECORD_REASON_OFFSET 6
#define HOT_RECORD_CALLS_OFFSET 8
#define HOT_RECORD_TSC_OFFSET 16
#define HOT_RECORD_SIZEOF 24

/* The answer to a publish. */
#define PUBLISHED_RECORD_FUNCTION_OFFSET 0
#define PUBLISHED_RECORD_TIER_OFFSET 4
#define PUBLISHED_RECORD_STATUS_OFFSET 6
#define PUBLISHED_RECORD_BLOB_OFFSET 8
#define PUBLISHED_RECORD_CALLS_OFFSET 16
#define PUBLISHED_RECORD_HOT_TSC_OFFSET 24
#define PUBLISHED_RECORD_TSC_OFFSET 32
#define PUBLISHED_RECORD_SIZEOF 40

/* All counts of a function since the start; `times` holds a tier_times for each tier that has any. */
#define FUNCTION_COUNTS_FUNCTION_OFFSET 0
#define FUNCTION_COUNTS_TIER_OFFSET 4
#define FUNCTION_COUNTS_TIMED_OFFSET 6
#define FUNCTION_COUNTS_CALLS_OFFSET 8
#define FUNCTION_COUNTS_SELF_CALLS_OFFSET 16
#define FUNCTION_COUNTS_SIZEOF 24

/* One timed call. */
#define TIME_SAMPLE_FUNCTION_OFFSET 0
#define TIME_SAMPLE_TIER_OFFSET 4
#define TIME_SAMPLE_WEIGHT_OFFSET 8
#define TIME_SAMPLE_CYCLES_OFFSET 16
#define TIME_SAMPLE_SIZEOF 24

/* Ends a round of counts. */
#define COLLECTED_RECORD_TSC_OFFSET 0
#define COLLECTED_RECORD_NS_OFFSET 8
#define COLLECTED_RECORD_TICKS_OFFSET 16
#define COLLECTED_RECORD_TICKS_MISSED_OFFSET 24
#define COLLECTED_RECORD_AGENT_CYCLES_OFFSET 32
#define COLLECTED_RECORD_TIMES_DROPPED_OFFSET 40
#define COLLECTED_RECORD_PLACES_DROPPED_OFFSET 48
#define COLLECTED_RECORD_SIZEOF 56

/* Bytes follow. */
#define CODE_PIECE_ADDRESS_OFFSET 0
#define CODE_PIECE_SIZEOF 8

/* The blob has been sent whole. */
#define PUBLISH_ORDER_FUNCTION_OFFSET 0
#define PUBLISH_ORDER_TIER_OFFSET 4
#define PUBLISH_ORDER_FLAGS_OFFSET 6
#define PUBLISH_ORDER_BLOB_OFFSET 8
#define PUBLISH_ORDER_START_OFFSET 16
#define PUBLISH_ORDER_ENTRY_OFFSET 24
#define PUBLISH_ORDER_LENGTH_OFFSET 32
#define PUBLISH_ORDER_CRC_OFFSET 36
#define PUBLISH_ORDER_SIZEOF 40

/* Blobs of one function, sent whole before, take turns. A new order, a publish or the last round ends a trial. */
#define TRIAL_ORDER_FUNCTION_OFFSET 0
#define TRIAL_ORDER_CANDIDATES_OFFSET 4
#define TRIAL_ORDER_FLAGS_OFFSET 6
#define TRIAL_ORDER_TRIAL_OFFSET 8
#define TRIAL_ORDER_CALLS_OFFSET 16
#define TRIAL_ORDER_ROUNDS_OFFSET 20
#define TRIAL_ORDER_SIZEOF 24

/* One of the blobs. */
#define TRIAL_CANDIDATE_START_OFFSET 0
#define TRIAL_CANDIDATE_ENTRY_OFFSET 8
#define TRIAL_CANDIDATE_LENGTH_OFFSET 16
#define TRIAL_CANDIDATE_CRC_OFFSET 20
#define TRIAL_CANDIDATE_SIZEOF 24

/* What one round of a trial took; or, with no candidates, why the trial did not begin. */
#define TRIED_RECORD_FUNCTION_OFFSET 0
#define TRIED_RECORD_STATUS_OFFSET 4
#define TRIED_RECORD_CANDIDATES_OFFSET 6
#define TRIED_RECORD_TRIAL_OFFSET 8
#define TRIED_RECORD_ROUND_OFFSET 16
#define TRIED_RECORD_TIMED_OFFSET 20
#define TRIED_RECORD_CYCLES_OFFSET 24
#define TRIED_RECORD_SIZEOF 88

/* Sets a function's threshold. */
#define ARM_ORDER_FUNCTION_OFFSET 0
#define ARM_ORDER_RESERVED_OFFSET 4
#define ARM_ORDER_THRESHOLD_OFFSET 8
#define ARM_ORDER_SIZEOF 16

/* Asks for counts. */
#define COLLECT_ORDER_FLAGS_OFFSET 0
#define COLLECT_ORDER_RESERVED_OFFSET 4
#define COLLECT_ORDER_SIZEOF 8

/* Asks for the console's text, or brings some; a program under Linux has none. */
#define TEXT_ORDER_OFFSET_OFFSET 0
#define TEXT_ORDER_SIZEOF 8

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct slot {
    uint64_t target; /* address of the code that runs the function now */
    int64_t counter; /* calls left until the agent looks; calls so far = armed - counter */
    int64_t self_counter; /* likewise for direct calls to itself */
    uint32_t tier; /* TIER_… of the code at target */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct slot, target) == SLOT_TARGET_OFFSET, "target");
_Static_assert(offsetof(struct slot, counter) == SLOT_COUNTER_OFFSET, "counter");
_Static_assert(offsetof(struct slot, self_counter) == SLOT_SELF_COUNTER_OFFSET, "self_counter");
_Static_assert(offsetof(struct slot, tier) == SLOT_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct slot, reserved) == SLOT_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct slot) == SLOT_SIZEOF, "slot");

struct tier_times {
    uint64_t samples; /* calls that were timed */
    uint64_t weight; /* calls that they stand for */
    uint64_t cycles_low; /* sum of weight × cycles, low 64 bits */
    uint64_t cycles_high; /* high 64 bits */
    uint64_t minimum; /* fewest cycles of a call; all ones: none */
};
_Static_assert(offsetof(struct tier_times, samples) == TIER_TIMES_SAMPLES_OFFSET, "samples");
_Static_assert(offsetof(struct tier_times, weight) == TIER_TIMES_WEIGHT_OFFSET, "weight");
_Static_assert(offsetof(struct tier_times, cycles_low) == TIER_TIMES_CYCLES_LOW_OFFSET, "cycles_low");
_Static_assert(offsetof(struct tier_times, cycles_high) == TIER_TIMES_CYCLES_HIGH_OFFSET, "cycles_high");
_Static_assert(offsetof(struct tier_times, minimum) == TIER_TIMES_MINIMUM_OFFSET, "minimum");
_Static_assert(sizeof(struct tier_times) == TIER_TIMES_SIZEOF, "tier_times");

struct function_stats {
    uint64_t armed; /* calls = armed - slot.counter */
    uint64_t self_armed; /* calls to itself = self_armed - slot.self_counter */
    uint64_t threshold; /* calls of both kinds at which it is hot; all ones: never */
    uint64_t hot_tsc; /* when it was last found hot */
    uint64_t sampled_tsc; /* when a call was last timed */
    uint64_t sampled_calls; /* calls by then */
    uint64_t sent_calls; /* calls of both kinds last reported */
    uint32_t hot_tiers; /* bit t: found hot at tier t */
    uint32_t fresh; /* calls to be timed at once, because the code is new */
};
_Static_assert(offsetof(struct function_stats, armed) == FUNCTION_STATS_ARMED_OFFSET, "armed");
_Static_assert(offsetof(struct function_stats, self_armed) == FUNCTION_STATS_SELF_ARMED_OFFSET, "self_armed");
_Static_assert(offsetof(struct function_stats, threshold) == FUNCTION_STATS_THRESHOLD_OFFSET, "threshold");
_Static_assert(offsetof(struct function_stats, hot_tsc) == FUNCTION_STATS_HOT_TSC_OFFSET, "hot_tsc");
_Static_assert(offsetof(struct function_stats, sampled_tsc) == FUNCTION_STATS_SAMPLED_TSC_OFFSET, "sampled_tsc");
_Static_assert(offsetof(struct function_stats, sampled_calls) == FUNCTION_STATS_SAMPLED_CALLS_OFFSET, "sampled_calls");
_Static_assert(offsetof(struct function_stats, sent_calls) == FUNCTION_STATS_SENT_CALLS_OFFSET, "sent_calls");
_Static_assert(offsetof(struct function_stats, hot_tiers) == FUNCTION_STATS_HOT_TIERS_OFFSET, "hot_tiers");
_Static_assert(offsetof(struct function_stats, fresh) == FUNCTION_STATS_FRESH_OFFSET, "fresh");
_Static_assert(sizeof(struct function_stats) == FUNCTION_STATS_SIZEOF, "function_stats");

struct growth_program {
    uint32_t magic; /* GROWTH_MAGIC */
    uint32_t version; /* GROWTH_VERSION */
    uint32_t functions; /* slots, without the last, which the agent calibrates itself with */
    uint32_t tick_us; /* microseconds between ticks */
    uint64_t arena_hint; /* address wanted for the code cache, within 2 GiB of everything */
    uint64_t arena_size; /* its bytes */
    uint64_t sample_cycles; /* TSC ticks between two timed calls of a function */
    uint64_t thresholds[6]; /* by tier: calls at which a function is hot; all ones: never */
    uint8_t build_id[16]; /* of the base */
};
_Static_assert(offsetof(struct growth_program, magic) == GROWTH_PROGRAM_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct growth_program, version) == GROWTH_PROGRAM_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct growth_program, functions) == GROWTH_PROGRAM_FUNCTIONS_OFFSET, "functions");
_Static_assert(offsetof(struct growth_program, tick_us) == GROWTH_PROGRAM_TICK_US_OFFSET, "tick_us");
_Static_assert(offsetof(struct growth_program, arena_hint) == GROWTH_PROGRAM_ARENA_HINT_OFFSET, "arena_hint");
_Static_assert(offsetof(struct growth_program, arena_size) == GROWTH_PROGRAM_ARENA_SIZE_OFFSET, "arena_size");
_Static_assert(offsetof(struct growth_program, sample_cycles) == GROWTH_PROGRAM_SAMPLE_CYCLES_OFFSET, "sample_cycles");
_Static_assert(offsetof(struct growth_program, thresholds) == GROWTH_PROGRAM_THRESHOLDS_OFFSET, "thresholds");
_Static_assert(offsetof(struct growth_program, build_id) == GROWTH_PROGRAM_BUILD_ID_OFFSET, "build_id");
_Static_assert(sizeof(struct growth_program) == GROWTH_PROGRAM_SIZEOF, "growth_program");

struct agent_started {
    uint32_t version; /* GROWTH_VERSION */
    uint32_t functions; /* number of functions */
    uint64_t arena_base; /* address of the code cache; 0: there is none */
    uint64_t arena_size; /* its bytes */
    uint64_t tsc; /* now */
    uint64_t ns; /* now, nanoseconds of the monotonic clock; 0: there is none */
    uint64_t timing_overhead; /* cycles that timing a call adds, already subtracted everywhere */
    uint32_t cpuid[8]; /* the words of layouts.snapshot CPUID_WORD in order */
    uint8_t build_id[16]; /* of the base */
    uint64_t arena_used; /* bytes at the cache's start that published code lies in: a later host leaves them alone */
    uint64_t run; /* names this run, by chance; the same for every host; version 1 has none */
};
_Static_assert(offsetof(struct agent_started, version) == AGENT_STARTED_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct agent_started, functions) == AGENT_STARTED_FUNCTIONS_OFFSET, "functions");
_Static_assert(offsetof(struct agent_started, arena_base) == AGENT_STARTED_ARENA_BASE_OFFSET, "arena_base");
_Static_assert(offsetof(struct agent_started, arena_size) == AGENT_STARTED_ARENA_SIZE_OFFSET, "arena_size");
_Static_assert(offsetof(struct agent_started, tsc) == AGENT_STARTED_TSC_OFFSET, "tsc");
_Static_assert(offsetof(struct agent_started, ns) == AGENT_STARTED_NS_OFFSET, "ns");
_Static_assert(offsetof(struct agent_started, timing_overhead) == AGENT_STARTED_TIMING_OVERHEAD_OFFSET, "timing_overhead");
_Static_assert(offsetof(struct agent_started, cpuid) == AGENT_STARTED_CPUID_OFFSET, "cpuid");
_Static_assert(offsetof(struct agent_started, build_id) == AGENT_STARTED_BUILD_ID_OFFSET, "build_id");
_Static_assert(offsetof(struct agent_started, arena_used) == AGENT_STARTED_ARENA_USED_OFFSET, "arena_used");
_Static_assert(offsetof(struct agent_started, run) == AGENT_STARTED_RUN_OFFSET, "run");
_Static_assert(sizeof(struct agent_started) == AGENT_STARTED_SIZEOF, "agent_started");

struct hot_record {
    uint32_t function; /* index */
    uint16_t tier; /* TIER_… that it is at */
    uint16_t reason; /* HOT_… */
    uint64_t calls; /* of both kinds */
    uint64_t tsc; /* when */
};
_Static_assert(offsetof(struct hot_record, function) == HOT_RECORD_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct hot_record, tier) == HOT_RECORD_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct hot_record, reason) == HOT_RECORD_REASON_OFFSET, "reason");
_Static_assert(offsetof(struct hot_record, calls) == HOT_RECORD_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct hot_record, tsc) == HOT_RECORD_TSC_OFFSET, "tsc");
_Static_assert(sizeof(struct hot_record) == HOT_RECORD_SIZEOF, "hot_record");

struct published_record {
    uint32_t function; /* index */
    uint16_t tier; /* TIER_… */
    uint16_t status; /* PUBLISH_… */
    uint64_t blob; /* as in the order */
    uint64_t calls; /* of both kinds, by then */
    uint64_t hot_tsc; /* when the function was found hot */
    uint64_t tsc; /* when calls began to go there */
};
_Static_assert(offsetof(struct published_record, function) == PUBLISHED_RECORD_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct published_record, tier) == PUBLISHED_RECORD_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct published_record, status) == PUBLISHED_RECORD_STATUS_OFFSET, "status");
_Static_assert(offsetof(struct published_record, blob) == PUBLISHED_RECORD_BLOB_OFFSET, "blob");
_Static_assert(offsetof(struct published_record, calls) == PUBLISHED_RECORD_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct published_record, hot_tsc) == PUBLISHED_RECORD_HOT_TSC_OFFSET, "hot_tsc");
_Static_assert(offsetof(struct published_record, tsc) == PUBLISHED_RECORD_TSC_OFFSET, "tsc");
_Static_assert(sizeof(struct published_record) == PUBLISHED_RECORD_SIZEOF, "published_record");

struct function_counts {
    uint32_t function; /* index */
    uint16_t tier; /* TIER_… now */
    uint16_t timed; /* bit t: a tier_times of tier t follows, lowest first */
    uint64_t calls; /* from outside */
    uint64_t self_calls; /* of itself, while that was counted */
};
_Static_assert(offsetof(struct function_counts, function) == FUNCTION_COUNTS_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct function_counts, tier) == FUNCTION_COUNTS_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct function_counts, timed) == FUNCTION_COUNTS_TIMED_OFFSET, "timed");
_Static_assert(offsetof(struct function_counts, calls) == FUNCTION_COUNTS_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct function_counts, self_calls) == FUNCTION_COUNTS_SELF_CALLS_OFFSET, "self_calls");
_Static_assert(sizeof(struct function_counts) == FUNCTION_COUNTS_SIZEOF, "function_counts");

struct time_sample {
    uint32_t function; /* index */
    uint32_t tier; /* TIER_… */
    uint64_t weight; /* calls that it stands for */
    uint64_t cycles; /* from call to return */
};
_Static_assert(offsetof(struct time_sample, function) == TIME_SAMPLE_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct time_sample, tier) == TIME_SAMPLE_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct time_sample, weight) == TIME_SAMPLE_WEIGHT_OFFSET, "weight");
_Static_assert(offsetof(struct time_sample, cycles) == TIME_SAMPLE_CYCLES_OFFSET, "cycles");
_Static_assert(sizeof(struct time_sample) == TIME_SAMPLE_SIZEOF, "time_sample");

struct collected_record {
    uint64_t tsc; /* now */
    uint64_t ns; /* now, nanoseconds of the monotonic clock; 0: there is none */
    uint64_t ticks; /* ticks served */
    uint64_t ticks_missed; /* ticks that found the agent busy */
    uint64_t agent_cycles; /* cycles spent in ticks */
    uint64_t times_dropped; /* timed calls that are only in the sums */
    uint64_t places_dropped; /* ticks whose address was not kept */
};
_Static_assert(offsetof(struct collected_record, tsc) == COLLECTED_RECORD_TSC_OFFSET, "tsc");
_Static_assert(offsetof(struct collected_record, ns) == COLLECTED_RECORD_NS_OFFSET, "ns");
_Static_assert(offsetof(struct collected_record, ticks) == COLLECTED_RECORD_TICKS_OFFSET, "ticks");
_Static_assert(offsetof(struct collected_record, ticks_missed) == COLLECTED_RECORD_TICKS_MISSED_OFFSET, "ticks_missed");
_Static_assert(offsetof(struct collected_record, agent_cycles) == COLLECTED_RECORD_AGENT_CYCLES_OFFSET, "agent_cycles");
_Static_assert(offsetof(struct collected_record, times_dropped) == COLLECTED_RECORD_TIMES_DROPPED_OFFSET, "times_dropped");
_Static_assert(offsetof(struct collected_record, places_dropped) == COLLECTED_RECORD_PLACES_DROPPED_OFFSET, "places_dropped");
_Static_assert(sizeof(struct collected_record) == COLLECTED_RECORD_SIZEOF, "collected_record");

struct code_piece {
    uint64_t address; /* of the first byte, in the code cache */
};
_Static_assert(offsetof(struct code_piece, address) == CODE_PIECE_ADDRESS_OFFSET, "address");
_Static_assert(sizeof(struct code_piece) == CODE_PIECE_SIZEOF, "code_piece");

struct publish_order {
    uint32_t function; /* index */
    uint16_t tier; /* TIER_… */
    uint16_t flags; /* zero */
    uint64_t blob; /* the host's number for it */
    uint64_t start; /* address of its first byte */
    uint64_t entry; /* address to call */
    uint32_t length; /* its bytes */
    uint32_t crc; /* CRC-32 of them */
};
_Static_assert(offsetof(struct publish_order, function) == PUBLISH_ORDER_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct publish_order, tier) == PUBLISH_ORDER_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct publish_order, flags) == PUBLISH_ORDER_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct publish_order, blob) == PUBLISH_ORDER_BLOB_OFFSET, "blob");
_Static_assert(offsetof(struct publish_order, start) == PUBLISH_ORDER_START_OFFSET, "start");
_Static_assert(offsetof(struct publish_order, entry) == PUBLISH_ORDER_ENTRY_OFFSET, "entry");
_Static_assert(offsetof(struct publish_order, length) == PUBLISH_ORDER_LENGTH_OFFSET, "length");
_Static_assert(offsetof(struct publish_order, crc) == PUBLISH_ORDER_CRC_OFFSET, "crc");
_Static_assert(sizeof(struct publish_order) == PUBLISH_ORDER_SIZEOF, "publish_order");

struct trial_order {
    uint32_t function; /* index */
    uint16_t candidates; /* how many trial_candidates follow; 0 ends the trial */
    uint16_t flags; /* zero */
    uint64_t trial; /* the host's number for it */
    uint32_t calls; /* calls of one turn; those of its first quarter are not timed */
    uint32_t rounds; /* of a turn for each */
};
_Static_assert(offsetof(struct trial_order, function) == TRIAL_ORDER_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct trial_order, candidates) == TRIAL_ORDER_CANDIDATES_OFFSET, "candidates");
_Static_assert(offsetof(struct trial_order, flags) == TRIAL_ORDER_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct trial_order, trial) == TRIAL_ORDER_TRIAL_OFFSET, "trial");
_Static_assert(offsetof(struct trial_order, calls) == TRIAL_ORDER_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct trial_order, rounds) == TRIAL_ORDER_ROUNDS_OFFSET, "rounds");
_Static_assert(sizeof(struct trial_order) == TRIAL_ORDER_SIZEOF, "trial_order");

struct trial_candidate {
    uint64_t start; /* address of its first byte */
    uint64_t entry; /* address to call */
    uint32_t length; /* its bytes */
    uint32_t crc; /* CRC-32 of them */
};
_Static_assert(offsetof(struct trial_candidate, start) == TRIAL_CANDIDATE_START_OFFSET, "start");
_Static_assert(offsetof(struct trial_candidate, entry) == TRIAL_CANDIDATE_ENTRY_OFFSET, "entry");
_Static_assert(offsetof(struct trial_candidate, length) == TRIAL_CANDIDATE_LENGTH_OFFSET, "length");
_Static_assert(offsetof(struct trial_candidate, crc) == TRIAL_CANDIDATE_CRC_OFFSET, "crc");
_Static_assert(sizeof(struct trial_candidate) == TRIAL_CANDIDATE_SIZEOF, "trial_candidate");

struct tried_record {
    uint32_t function; /* index */
    uint16_t status; /* PUBLISH_… */
    uint16_t candidates; /* entries in `cycles` */
    uint64_t trial; /* as in the order */
    uint32_t round; /* from 0 */
    uint32_t timed; /* calls that each turn timed */
    uint64_t cycles[8]; /* their sum by candidate, in the order's order */
};
_Static_assert(offsetof(struct tried_record, function) == TRIED_RECORD_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct tried_record, status) == TRIED_RECORD_STATUS_OFFSET, "status");
_Static_assert(offsetof(struct tried_record, candidates) == TRIED_RECORD_CANDIDATES_OFFSET, "candidates");
_Static_assert(offsetof(struct tried_record, trial) == TRIED_RECORD_TRIAL_OFFSET, "trial");
_Static_assert(offsetof(struct tried_record, round) == TRIED_RECORD_ROUND_OFFSET, "round");
_Static_assert(offsetof(struct tried_record, timed) == TRIED_RECORD_TIMED_OFFSET, "timed");
_Static_assert(offsetof(struct tried_record, cycles) == TRIED_RECORD_CYCLES_OFFSET, "cycles");
_Static_assert(sizeof(struct tried_record) == TRIED_RECORD_SIZEOF, "tried_record");

struct arm_order {
    uint32_t function; /* index */
    uint32_t reserved; /* zero */
    uint64_t threshold; /* calls of both kinds at which it is hot at its tier; all ones: never */
};
_Static_assert(offsetof(struct arm_order, function) == ARM_ORDER_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct arm_order, reserved) == ARM_ORDER_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct arm_order, threshold) == ARM_ORDER_THRESHOLD_OFFSET, "threshold");
_Static_assert(sizeof(struct arm_order) == ARM_ORDER_SIZEOF, "arm_order");

struct collect_order {
    uint32_t flags; /* COLLECT_… */
    uint32_t reserved; /* zero */
};
_Static_assert(offsetof(struct collect_order, flags) == COLLECT_ORDER_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct collect_order, reserved) == COLLECT_ORDER_RESERVED_OFFSET, "reserved");
_Static_assert(sizeof(struct collect_order) == COLLECT_ORDER_SIZEOF, "collect_order");

struct text_order {
    uint64_t offset; /* first byte, counted as in text_mark */
};
_Static_assert(offsetof(struct text_order, offset) == TEXT_ORDER_OFFSET_OFFSET, "offset");
_Static_assert(sizeof(struct text_order) == TEXT_ORDER_SIZEOF, "text_order");

#endif

#endif
