/* SPDX-License-Identifier: MIT */
/* Profiles. Generated from bareflow/layouts/profile.py: do not edit. */
/* clang-format off */
#ifndef BAREFLOW_GEN_PROFILE_H
#define BAREFLOW_GEN_PROFILE_H

/* the bytes "BFPF" */
#define PROFILE_MAGIC 0x46504642
/* readers know 1 and 2, too, and refuse any other */
#define PROFILE_VERSION 3
/* flag of a profile_value */
#define VALUE_OTHERS 1
/* flag of a profile_value */
#define VALUE_SITE 2

/* Messages of the interpreter to the host, 64–79. All counts are totals since the guest started. */
#define PROFILE_EDGES 64 /* edge_counts, then 64-bit counts */
#define PROFILE_VALUES 65 /* value_counts, then a bytecode_values: one argument's most frequent values */
#define PROFILE_BACK_EDGES 66 /* back_edge_counts, one or several */

/* The tables of a profile file, in their order. */
#define PROFILE_TABLE_FUNCTIONS 0 /* profile_function, by name and digest */
#define PROFILE_TABLE_TIMES 1 /* profile_time */
#define PROFILE_TABLE_BRANCHES 2 /* profile_branch */
#define PROFILE_TABLE_COUNTS 3 /* profile_count */
#define PROFILE_TABLE_VALUES 4 /* profile_value */
#define PROFILE_TABLE_STACKS 5 /* profile_stack */
#define PROFILE_TABLE_FRAMES 6 /* profile_name, outermost first */
#define PROFILE_TABLE_EVENTS 7 /* profile_event */
#define PROFILE_TABLE_BUILDS 8 /* profile_name: build ids in hexadecimal */
#define PROFILE_TABLE_CPUS 9 /* profile_name: CPUs that it was taken on */
#define PROFILE_TABLE_STRINGS 10 /* bytes: names in UTF-8, each ended by a zero; padded with zeros */
#define PROFILE_TABLE_SPECIAL 11 /* profile_special; version 1 has none */
#define PROFILE_TABLE_RUNS 12 /* profile_run: what may be seen further; versions 1 and 2 have none */
#define PROFILE_TABLE_PARTS 13 /* bytes: the profile files of these runs, one behind the other */

/* What became of a tier-up. */
#define EVENT_PUBLISHED 1 /* calls go to the new code */
#define EVENT_REFUSED 2 /* the code cache was full or the agent refused it */
#define EVENT_FAILED 3 /* the compiler failed */

/* How a frozen program treats a special case. */
#define SPECIAL_CLONE 1 /* a copy of a function, for values of its arguments */
#define SPECIAL_VERSION 2 /* a copy within a function, for what it reads */

/* Edge counters of one function; several messages where they do not fit one. */
#define EDGE_COUNTS_FUNCTION_OFFSET 0
#define EDGE_COUNTS_FIRST_OFFSET 4
#define EDGE_COUNTS_COUNT_OFFSET 6
#define EDGE_COUNTS_SIZEOF 8

/* Says whose values follow. */
#define VALUE_COUNTS_FUNCTION_OFFSET 0
#define VALUE_COUNTS_ARGUMENT_OFFSET 4
#define VALUE_COUNTS_SIZEOF 8

/* Back edges that a function took. */
#define BACK_EDGE_COUNTS_FUNCTION_OFFSET 0
#define BACK_EDGE_COUNTS_RESERVED_OFFSET 4
#define BACK_EDGE_COUNTS_COUNT_OFFSET 8
#define BACK_EDGE_COUNTS_SIZEOF 16

/* Begins a profile file. Every table begins at a multiple of 8 bytes, counted from the header's first. */
#define PROFILE_HEADER_MAGIC_OFFSET 0
#define PROFILE_HEADER_VERSION_OFFSET 4
#define PROFILE_HEADER_HEADER_SIZE_OFFSET 8
#define PROFILE_HEADER_CRC32_OFFSET 12
#define PROFILE_HEADER_TOTAL_SIZE_OFFSET 16
#define PROFILE_HEADER_BOOTS_OFFSET 24
#define PROFILE_HEADER_DROPPED_OFFSET 32
#define PROFILE_HEADER_TSC_HZ_OFFSET 40
#define PROFILE_HEADER_OFFSETS_OFFSET 48
#define PROFILE_HEADER_COUNTS_OFFSET 104
#define PROFILE_HEADER_SIZEOF 160

/* One function with one body. The ranges lie one behind the other without gaps. */
#define PROFILE_FUNCTION_NAME_OFFSET 0
#define PROFILE_FUNCTION_TIER_OFFSET 4
#define PROFILE_FUNCTION_DIGEST_OFFSET 8
#define PROFILE_FUNCTION_CALLS_OFFSET 24
#define PROFILE_FUNCTION_SELF_CALLS_OFFSET 32
#define PROFILE_FUNCTION_BACK_EDGES_OFFSET 40
#define PROFILE_FUNCTION_TIMES_OFFSET 48
#define PROFILE_FUNCTION_BRANCHES_OFFSET 52
#define PROFILE_FUNCTION_VALUES_OFFSET 56
#define PROFILE_FUNCTION_TUNINGS_OFFSET 60
#define PROFILE_FUNCTION_SIZEOF 64

/* A function at a tier. Cycles are the TSC's, calls below included. */
#define PROFILE_TIME_TIER_OFFSET 0
#define PROFILE_TIME_RESERVED_OFFSET 4
#define PROFILE_TIME_SAMPLES_OFFSET 8
#define PROFILE_TIME_CALLS_OFFSET 16
#define PROFILE_TIME_CYCLES_LOW_OFFSET 24
#define PROFILE_TIME_CYCLES_HIGH_OFFSET 32
#define PROFILE_TIME_MINIMUM_OFFSET 40
#define PROFILE_TIME_CODE_BYTES_OFFSET 48
#define PROFILE_TIME_SIZEOF 56

/* How often a terminator went to each of its successors, in the order of LLVM's branch weights. */
#define PROFILE_BRANCH_COUNTER_OFFSET 0
#define PROFILE_BRANCH_COUNTS_OFFSET 4
#define PROFILE_BRANCH_SIZEOF 8

/* One successor. */
#define PROFILE_COUNT_COUNT_OFFSET 0
#define PROFILE_COUNT_SIZEOF 8

/* A value of an argument, or of a load or call result, and how often it surely was so. */
#define PROFILE_VALUE_ARGUMENT_OFFSET 0
#define PROFILE_VALUE_FLAGS_OFFSET 4
#define PROFILE_VALUE_VALUE_OFFSET 8
#define PROFILE_VALUE_COUNT_OFFSET 16
#define PROFILE_VALUE_SIZEOF 24

/* A stack that ticks found. */
#define PROFILE_STACK_FRAMES_OFFSET 0
#define PROFILE_STACK_RESERVED_OFFSET 4
#define PROFILE_STACK_COUNT_OFFSET 8
#define PROFILE_STACK_SIZEOF 16

/* One tier-up, in one boot. */
#define PROFILE_EVENT_BOOT_OFFSET 0
#define PROFILE_EVENT_AT_US_OFFSET 8
#define PROFILE_EVENT_COMPILE_US_OFFSET 16
#define PROFILE_EVENT_LATENCY_US_OFFSET 24
#define PROFILE_EVENT_CALLS_OFFSET 32
#define PROFILE_EVENT_CODE_BYTES_OFFSET 40
#define PROFILE_EVENT_NAME_OFFSET 48
#define PROFILE_EVENT_KIND_OFFSET 52
#define PROFILE_EVENT_BEFORE_OFFSET 56
#define PROFILE_EVENT_AFTER_OFFSET 60
#define PROFILE_EVENT_SIZEOF 64

/* A name. */
#define PROFILE_NAME_NAME_OFFSET 0
#define PROFILE_NAME_SIZEOF 4

/* A special case that the program was frozen with. */
#define PROFILE_SPECIAL_FUNCTION_OFFSET 0
#define PROFILE_SPECIAL_VALUES_OFFSET 4
#define PROFILE_SPECIAL_KIND_OFFSET 8
#define PROFILE_SPECIAL_RESERVED_OFFSET 12
#define PROFILE_SPECIAL_CALLS_OFFSET 16
#define PROFILE_SPECIAL_TOTAL_OFFSET 24
#define PROFILE_SPECIAL_GAIN_OFFSET 32
#define PROFILE_SPECIAL_MISS_OFFSET 36
#define PROFILE_SPECIAL_SIZEOF 40

/* One run of which another host may see more. What was seen of it is a profile file of its own, in the parts, and not in the other tables: of a run that is in two profiles, what saw more of it counts. */
#define PROFILE_RUN_RUN_OFFSET 0
#define PROFILE_RUN_SIZE_OFFSET 8
#define PROFILE_RUN_SIZEOF 16

#if !defined(__ASSEMBLER__) && !defined(BAREFLOW_LINKER_SCRIPT)
#include <stddef.h>
#include <stdint.h>

struct edge_counts {
    uint32_t function; /* index */
    uint16_t first; /* counter that the first count belongs to */
    uint16_t count; /* how many follow */
};
_Static_assert(offsetof(struct edge_counts, function) == EDGE_COUNTS_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct edge_counts, first) == EDGE_COUNTS_FIRST_OFFSET, "first");
_Static_assert(offsetof(struct edge_counts, count) == EDGE_COUNTS_COUNT_OFFSET, "count");
_Static_assert(sizeof(struct edge_counts) == EDGE_COUNTS_SIZEOF, "edge_counts");

struct value_counts {
    uint32_t function; /* index */
    uint32_t argument; /* argument, counted from 0 */
};
_Static_assert(offsetof(struct value_counts, function) == VALUE_COUNTS_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct value_counts, argument) == VALUE_COUNTS_ARGUMENT_OFFSET, "argument");
_Static_assert(sizeof(struct value_counts) == VALUE_COUNTS_SIZEOF, "value_counts");

struct back_edge_counts {
    uint32_t function; /* index */
    uint32_t reserved; /* zero */
    uint64_t count; /* of all its loops */
};
_Static_assert(offsetof(struct back_edge_counts, function) == BACK_EDGE_COUNTS_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct back_edge_counts, reserved) == BACK_EDGE_COUNTS_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct back_edge_counts, count) == BACK_EDGE_COUNTS_COUNT_OFFSET, "count");
_Static_assert(sizeof(struct back_edge_counts) == BACK_EDGE_COUNTS_SIZEOF, "back_edge_counts");

struct profile_header {
    uint32_t magic; /* PROFILE_MAGIC */
    uint32_t version; /* PROFILE_VERSION */
    uint32_t header_size; /* PROFILE_HEADER_SIZEOF */
    uint32_t crc32; /* CRC-32 of the whole file with this field zero */
    uint64_t total_size; /* size of the file in bytes */
    uint64_t boots; /* runs merged into it */
    uint64_t dropped; /* records that guests dropped */
    uint64_t tsc_hz; /* TSC ticks in a second, of the fastest machine; 0: unknown */
    uint32_t offsets[14]; /* by PROFILE_TABLE: where it begins */
    uint32_t counts[14]; /* by PROFILE_TABLE: its entries; of strings the bytes */
};
_Static_assert(offsetof(struct profile_header, magic) == PROFILE_HEADER_MAGIC_OFFSET, "magic");
_Static_assert(offsetof(struct profile_header, version) == PROFILE_HEADER_VERSION_OFFSET, "version");
_Static_assert(offsetof(struct profile_header, header_size) == PROFILE_HEADER_HEADER_SIZE_OFFSET, "header_size");
_Static_assert(offsetof(struct profile_header, crc32) == PROFILE_HEADER_CRC32_OFFSET, "crc32");
_Static_assert(offsetof(struct profile_header, total_size) == PROFILE_HEADER_TOTAL_SIZE_OFFSET, "total_size");
_Static_assert(offsetof(struct profile_header, boots) == PROFILE_HEADER_BOOTS_OFFSET, "boots");
_Static_assert(offsetof(struct profile_header, dropped) == PROFILE_HEADER_DROPPED_OFFSET, "dropped");
_Static_assert(offsetof(struct profile_header, tsc_hz) == PROFILE_HEADER_TSC_HZ_OFFSET, "tsc_hz");
_Static_assert(offsetof(struct profile_header, offsets) == PROFILE_HEADER_OFFSETS_OFFSET, "offsets");
_Static_assert(offsetof(struct profile_header, counts) == PROFILE_HEADER_COUNTS_OFFSET, "counts");
_Static_assert(sizeof(struct profile_header) == PROFILE_HEADER_SIZEOF, "profile_header");

struct profile_function {
    uint32_t name; /* offset in the strings */
    uint32_t tier; /* TIER_…, the highest that it reached */
    uint8_t digest[16]; /* start of the SHA-256 of its body; zeros: unknown */
    uint64_t calls; /* from outside */
    uint64_t self_calls; /* direct calls to itself */
    uint64_t back_edges; /* loop iterations */
    uint32_t times; /* number of its profile_time */
    uint32_t branches; /* number of its profile_branch */
    uint32_t values; /* number of its profile_value */
    uint32_t tunings; /* bit n: tuning n (compile.variants) was faster than plain O3 where it was measured */
};
_Static_assert(offsetof(struct profile_function, name) == PROFILE_FUNCTION_NAME_OFFSET, "name");
_Static_assert(offsetof(struct profile_function, tier) == PROFILE_FUNCTION_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct profile_function, digest) == PROFILE_FUNCTION_DIGEST_OFFSET, "digest");
_Static_assert(offsetof(struct profile_function, calls) == PROFILE_FUNCTION_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct profile_function, self_calls) == PROFILE_FUNCTION_SELF_CALLS_OFFSET, "self_calls");
_Static_assert(offsetof(struct profile_function, back_edges) == PROFILE_FUNCTION_BACK_EDGES_OFFSET, "back_edges");
_Static_assert(offsetof(struct profile_function, times) == PROFILE_FUNCTION_TIMES_OFFSET, "times");
_Static_assert(offsetof(struct profile_function, branches) == PROFILE_FUNCTION_BRANCHES_OFFSET, "branches");
_Static_assert(offsetof(struct profile_function, values) == PROFILE_FUNCTION_VALUES_OFFSET, "values");
_Static_assert(offsetof(struct profile_function, tunings) == PROFILE_FUNCTION_TUNINGS_OFFSET, "tunings");
_Static_assert(sizeof(struct profile_function) == PROFILE_FUNCTION_SIZEOF, "profile_function");

struct profile_time {
    uint32_t tier; /* TIER_… */
    uint32_t reserved; /* zero */
    uint64_t samples; /* calls that were timed; as many as `calls` where timing is exact */
    uint64_t calls; /* calls that they stand for */
    uint64_t cycles_low; /* cycles of these, low 64 bits */
    uint64_t cycles_high; /* high 64 bits */
    uint64_t minimum; /* fewest cycles of a call; all ones: none was timed */
    uint64_t code_bytes; /* size of its code; 0: unknown */
};
_Static_assert(offsetof(struct profile_time, tier) == PROFILE_TIME_TIER_OFFSET, "tier");
_Static_assert(offsetof(struct profile_time, reserved) == PROFILE_TIME_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct profile_time, samples) == PROFILE_TIME_SAMPLES_OFFSET, "samples");
_Static_assert(offsetof(struct profile_time, calls) == PROFILE_TIME_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct profile_time, cycles_low) == PROFILE_TIME_CYCLES_LOW_OFFSET, "cycles_low");
_Static_assert(offsetof(struct profile_time, cycles_high) == PROFILE_TIME_CYCLES_HIGH_OFFSET, "cycles_high");
_Static_assert(offsetof(struct profile_time, minimum) == PROFILE_TIME_MINIMUM_OFFSET, "minimum");
_Static_assert(offsetof(struct profile_time, code_bytes) == PROFILE_TIME_CODE_BYTES_OFFSET, "code_bytes");
_Static_assert(sizeof(struct profile_time) == PROFILE_TIME_SIZEOF, "profile_time");

struct profile_branch {
    uint32_t counter; /* the first of its edge counters, which names it */
    uint32_t counts; /* number of its profile_count */
};
_Static_assert(offsetof(struct profile_branch, counter) == PROFILE_BRANCH_COUNTER_OFFSET, "counter");
_Static_assert(offsetof(struct profile_branch, counts) == PROFILE_BRANCH_COUNTS_OFFSET, "counts");
_Static_assert(sizeof(struct profile_branch) == PROFILE_BRANCH_SIZEOF, "profile_branch");

struct profile_count {
    uint64_t count; /* times taken */
};
_Static_assert(offsetof(struct profile_count, count) == PROFILE_COUNT_COUNT_OFFSET, "count");
_Static_assert(sizeof(struct profile_count) == PROFILE_COUNT_SIZEOF, "profile_count");

struct profile_value {
    uint32_t argument; /* counted from 0; with VALUE_SITE the number of an instruction */
    uint32_t flags; /* VALUE_OTHERS: all other values together; VALUE_SITE: no argument */
    uint64_t value; /* zero-extended integer, or the bits of a float */
    uint64_t count; /* calls */
};
_Static_assert(offsetof(struct profile_value, argument) == PROFILE_VALUE_ARGUMENT_OFFSET, "argument");
_Static_assert(offsetof(struct profile_value, flags) == PROFILE_VALUE_FLAGS_OFFSET, "flags");
_Static_assert(offsetof(struct profile_value, value) == PROFILE_VALUE_VALUE_OFFSET, "value");
_Static_assert(offsetof(struct profile_value, count) == PROFILE_VALUE_COUNT_OFFSET, "count");
_Static_assert(sizeof(struct profile_value) == PROFILE_VALUE_SIZEOF, "profile_value");

struct profile_stack {
    uint32_t frames; /* number of its frames */
    uint32_t reserved; /* zero */
    uint64_t count; /* ticks */
};
_Static_assert(offsetof(struct profile_stack, frames) == PROFILE_STACK_FRAMES_OFFSET, "frames");
_Static_assert(offsetof(struct profile_stack, reserved) == PROFILE_STACK_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct profile_stack, count) == PROFILE_STACK_COUNT_OFFSET, "count");
_Static_assert(sizeof(struct profile_stack) == PROFILE_STACK_SIZEOF, "profile_stack");

struct profile_event {
    uint64_t boot; /* names the boot */
    uint64_t at_us; /* when the function was found hot, since the boot */
    uint64_t compile_us; /* time in the compiler; 0: from the cache */
    uint64_t latency_us; /* from hot to published */
    uint64_t calls; /* of the function, by then */
    uint64_t code_bytes; /* size of the new code */
    uint32_t name; /* offset in the strings */
    uint32_t kind; /* EVENT_… */
    uint32_t before; /* TIER_… */
    uint32_t after; /* TIER_… */
};
_Static_assert(offsetof(struct profile_event, boot) == PROFILE_EVENT_BOOT_OFFSET, "boot");
_Static_assert(offsetof(struct profile_event, at_us) == PROFILE_EVENT_AT_US_OFFSET, "at_us");
_Static_assert(offsetof(struct profile_event, compile_us) == PROFILE_EVENT_COMPILE_US_OFFSET, "compile_us");
_Static_assert(offsetof(struct profile_event, latency_us) == PROFILE_EVENT_LATENCY_US_OFFSET, "latency_us");
_Static_assert(offsetof(struct profile_event, calls) == PROFILE_EVENT_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct profile_event, code_bytes) == PROFILE_EVENT_CODE_BYTES_OFFSET, "code_bytes");
_Static_assert(offsetof(struct profile_event, name) == PROFILE_EVENT_NAME_OFFSET, "name");
_Static_assert(offsetof(struct profile_event, kind) == PROFILE_EVENT_KIND_OFFSET, "kind");
_Static_assert(offsetof(struct profile_event, before) == PROFILE_EVENT_BEFORE_OFFSET, "before");
_Static_assert(offsetof(struct profile_event, after) == PROFILE_EVENT_AFTER_OFFSET, "after");
_Static_assert(sizeof(struct profile_event) == PROFILE_EVENT_SIZEOF, "profile_event");

struct profile_name {
    uint32_t name; /* offset in the strings */
};
_Static_assert(offsetof(struct profile_name, name) == PROFILE_NAME_NAME_OFFSET, "name");
_Static_assert(sizeof(struct profile_name) == PROFILE_NAME_SIZEOF, "profile_name");

struct profile_special {
    uint32_t function; /* offset of its name in the strings */
    uint32_t values; /* offset in the strings: its values in words */
    uint32_t kind; /* SPECIAL_… */
    uint32_t reserved; /* zero */
    uint64_t calls; /* calls, or reads of a version, in which they held */
    uint64_t total; /* of so many */
    uint32_t gain; /* time with it, in millionths of that without; 0: not measured */
    uint32_t miss; /* the same where the values do not hold */
};
_Static_assert(offsetof(struct profile_special, function) == PROFILE_SPECIAL_FUNCTION_OFFSET, "function");
_Static_assert(offsetof(struct profile_special, values) == PROFILE_SPECIAL_VALUES_OFFSET, "values");
_Static_assert(offsetof(struct profile_special, kind) == PROFILE_SPECIAL_KIND_OFFSET, "kind");
_Static_assert(offsetof(struct profile_special, reserved) == PROFILE_SPECIAL_RESERVED_OFFSET, "reserved");
_Static_assert(offsetof(struct profile_special, calls) == PROFILE_SPECIAL_CALLS_OFFSET, "calls");
_Static_assert(offsetof(struct profile_special, total) == PROFILE_SPECIAL_TOTAL_OFFSET, "total");
_Static_assert(offsetof(struct profile_special, gain) == PROFILE_SPECIAL_GAIN_OFFSET, "gain");
_Static_assert(offsetof(struct profile_special, miss) == PROFILE_SPECIAL_MISS_OFFSET, "miss");
_Static_assert(sizeof(struct profile_special) == PROFILE_SPECIAL_SIZEOF, "profile_special");

struct profile_run {
    uint64_t run; /* its identity, as in agent_started */
    uint64_t size; /* bytes of its profile file, a multiple of 8 */
};
_Static_assert(offsetof(struct profile_run, run) == PROFILE_RUN_RUN_OFFSET, "run");
_Static_assert(offsetof(struct profile_run, size) == PROFILE_RUN_SIZE_OFFSET, "size");
_Static_assert(sizeof(struct profile_run) == PROFILE_RUN_SIZEOF, "profile_run");

#endif

#endif
