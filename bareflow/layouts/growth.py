"""Growth: the tables inside a growing program, and the messages between its agent and the host.

Tables are in the program's memory, written by the agent and read by its stubs; messages travel in the wire's
reliable stream (layouts.wire), types from 32 on.
"""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

MAGIC = 0x47464C42
VERSION = 2
MAX_CODE = 960
BACK_EDGES = 10
COLLECT_ALL, COLLECT_HOT = 1, 2
TRIAL_CANDIDATES = 8
TIERS = 6  # entries in tables by tier; TIER numbers are in layouts.snapshot

GROWTH_MESSAGE = Enumeration(
    name="growth message",
    prefix="GROWTH",
    doc="Messages of the agent (32–47) and to it (48–63).",
    members={
        "started": (32, "agent_started: the agent runs, and where its code cache is"),
        "hot": (33, "hot_record: a function has earned the next tier"),
        "published": (34, "published_record: what became of a publish"),
        "counts": (35, "function_counts, one or several"),
        "times": (36, "time_sample, several: calls that were timed"),
        "places": (37, "64-bit addresses: where ticks found the program"),
        "collected": (38, "collected_record: every count asked for has been sent"),
        "ended": (39, "collected_record: the program is leaving"),
        "tried": (40, "tried_record: a round of a trial"),
        "code": (48, "code_piece, then bytes for the code cache"),
        "publish": (49, "publish_order: check a blob and let calls go to it"),
        "arm": (50, "arm_order: when a function counts as hot"),
        "collect": (51, "collect_order: send what changed"),
        "trial": (53, "trial_order, then trial_candidates: let calls go to each in turn, and time them"),
        "text": (52, "text_order: send what the console said, and says from now on, as FRAME_TEXT messages"),
        "input": (55, "text_order, then bytes of standard input from that offset on; what has come before is skipped"),
    },
)

PUBLISH_STATUS = Enumeration(
    name="publish status",
    prefix="PUBLISH",
    doc="What became of a publish.",
    members={
        "done": (0, "calls go there from now on"),
        "damaged": (1, "the blob's CRC is another: send it again"),
        "refused": (2, "no such function, tier or address"),
    },
)

HOT_REASON = Enumeration(
    name="hot reason",
    prefix="HOT",
    doc="Why a function is hot.",
    members={
        "calls": (1, "its calls crossed the tier's threshold"),
        "back-edges": (2, "its loops did, at GROWTH_BACK_EDGES times as many iterations, in the interpreter"),
    },
)

SLOT = Record(
    "slot",
    "What a stub uses, half a cache line: it counts down, and jumps to `target` until the counter turns negative.",
    (
        Field("target", "u64", "address of the code that runs the function now"),
        Field("counter", "i64", "calls left until the agent looks; calls so far = armed - counter"),
        Field("self_counter", "i64", "likewise for direct calls to itself"),
        Field("tier", "u32", "TIER_… of the code at target"),
        Field("reserved", "u32", "zero"),
    ),
)

TIER_TIMES = Record(
    "tier_times",
    "Calls timed at one tier: cycles from the call to its return, calls below included, the agent's own left out.",
    (
        Field("samples", "u64", "calls that were timed"),
        Field("weight", "u64", "calls that they stand for"),
        Field("cycles_low", "u64", "sum of weight × cycles, low 64 bits"),
        Field("cycles_high", "u64", "high 64 bits"),
        Field("minimum", "u64", "fewest cycles of a call; all ones: none"),
    ),
)

FUNCTION_STATS = Record(
    "function_stats",
    "What the agent knows of a function.",
    (
        Field("armed", "u64", "calls = armed - slot.counter"),
        Field("self_armed", "u64", "calls to itself = self_armed - slot.self_counter"),
        Field("threshold", "u64", "calls of both kinds at which it is hot; all ones: never"),
        Field("hot_tsc", "u64", "when it was last found hot"),
        Field("sampled_tsc", "u64", "when a call was last timed"),
        Field("sampled_calls", "u64", "calls by then"),
        Field("sent_calls", "u64", "calls of both kinds last reported"),
        Field("hot_tiers", "u32", "bit t: found hot at tier t"),
        Field("fresh", "u32", "calls to be timed at once, because the code is new"),
    ),
)

GROWTH_PROGRAM = Record(
    "growth_program",
    "The generated head of the tables, symbol bf_program.",
    (
        Field("magic", "u32", "GROWTH_MAGIC"),
        Field("version", "u32", "GROWTH_VERSION"),
        Field("functions", "u32", "slots, without the last, which the agent calibrates itself with"),
        Field("tick_us", "u32", "microseconds between ticks"),
        Field("arena_hint", "u64", "address wanted for the code cache, within 2 GiB of everything"),
        Field("arena_size", "u64", "its bytes"),
        Field("sample_cycles", "u64", "TSC ticks between two timed calls of a function"),
        Field("thresholds", "u64", "by tier: calls at which a function is hot; all ones: never", TIERS),
        Field("build_id", "bytes", "of the base", 16),
    ),
)

AGENT_STARTED = Record(
    "agent_started",
    "Sent once to each host process that asks.",
    (
        Field("version", "u32", "GROWTH_VERSION"),
        Field("functions", "u32", "number of functions"),
        Field("arena_base", "u64", "address of the code cache; 0: there is none"),
        Field("arena_size", "u64", "its bytes"),
        Field("tsc", "u64", "now"),
        Field("ns", "u64", "now, nanoseconds of the monotonic clock; 0: there is none"),
        Field("timing_overhead", "u64", "cycles that timing a call adds, already subtracted everywhere"),
        Field("cpuid", "u32", "the words of layouts.snapshot CPUID_WORD in order", 8),
        Field("build_id", "bytes", "of the base", 16),
        Field(
            "arena_used",
            "u64",
            "bytes at the cache's start that published code lies in: a later host leaves them alone",
        ),
        Field("run", "u64", "names this run, by chance; the same for every host; version 1 has none"),
    ),
)

HOT_RECORD = Record(
    "hot_record",
    "A function crossed its threshold. Sent once a tier, unless asked for again.",
    (
        Field("function", "u32", "index"),
        Field("tier", "u16", "TIER_… that it is at"),
        Field("reason", "u16", "HOT_…"),
        Field("calls", "u64", "of both kinds"),
        Field("tsc", "u64", "when"),
    ),
)

PUBLISHED_RECORD = Record(
    "published_record",
    "The answer to a publish.",
    (
        Field("function", "u32", "index"),
        Field("tier", "u16", "TIER_…"),
        Field("status", "u16", "PUBLISH_…"),
        Field("blob", "u64", "as in the order"),
        Field("calls", "u64", "of both kinds, by then"),
        Field("hot_tsc", "u64", "when the function was found hot"),
        Field("tsc", "u64", "when calls began to go there"),
    ),
)

FUNCTION_COUNTS = Record(
    "function_counts",
    "All counts of a function since the start; `times` holds a tier_times for each tier that has any.",
    (
        Field("function", "u32", "index"),
        Field("tier", "u16", "TIER_… now"),
        Field("timed", "u16", "bit t: a tier_times of tier t follows, lowest first"),
        Field("calls", "u64", "from outside"),
        Field("self_calls", "u64", "of itself, while that was counted"),
    ),
)

TIME_SAMPLE = Record(
    "time_sample",
    "One timed call.",
    (
        Field("function", "u32", "index"),
        Field("tier", "u32", "TIER_…"),
        Field("weight", "u64", "calls that it stands for"),
        Field("cycles", "u64", "from call to return"),
    ),
)

COLLECTED_RECORD = Record(
    "collected_record",
    "Ends a round of counts.",
    (
        Field("tsc", "u64", "now"),
        Field("ns", "u64", "now, nanoseconds of the monotonic clock; 0: there is none"),
        Field("ticks", "u64", "ticks served"),
        Field("ticks_missed", "u64", "ticks that found the agent busy"),
        Field("agent_cycles", "u64", "cycles spent in ticks"),
        Field("times_dropped", "u64", "timed calls that are only in the sums"),
        Field("places_dropped", "u64", "ticks whose address was not kept"),
    ),
)

CODE_PIECE = Record(
    "code_piece",
    "Bytes follow.",
    (Field("address", "u64", "of the first byte, in the code cache"),),
)

PUBLISH_ORDER = Record(
    "publish_order",
    "The blob has been sent whole.",
    (
        Field("function", "u32", "index"),
        Field("tier", "u16", "TIER_…"),
        Field("flags", "u16", "zero"),
        Field("blob", "u64", "the host's number for it"),
        Field("start", "u64", "address of its first byte"),
        Field("entry", "u64", "address to call"),
        Field("length", "u32", "its bytes"),
        Field("crc", "u32", "CRC-32 of them"),
    ),
)

TRIAL_ORDER = Record(
    "trial_order",
    "Blobs of one function, sent whole before, take turns. A new order, a publish or the last round ends a trial.",
    (
        Field("function", "u32", "index"),
        Field("candidates", "u16", "how many trial_candidates follow; 0 ends the trial"),
        Field("flags", "u16", "zero"),
        Field("trial", "u64", "the host's number for it"),
        Field("calls", "u32", "calls of one turn; those of its first quarter are not timed"),
        Field("rounds", "u32", "of a turn for each"),
    ),
)

TRIAL_CANDIDATE = Record(
    "trial_candidate",
    "One of the blobs.",
    (
        Field("start", "u64", "address of its first byte"),
        Field("entry", "u64", "address to call"),
        Field("length", "u32", "its bytes"),
        Field("crc", "u32", "CRC-32 of them"),
    ),
)

TRIED_RECORD = Record(
    "tried_record",
    "What one round of a trial took; or, with no candidates, why the trial did not begin.",
    (
        Field("function", "u32", "index"),
        Field("status", "u16", "PUBLISH_…"),
        Field("candidates", "u16", "entries in `cycles`"),
        Field("trial", "u64", "as in the order"),
        Field("round", "u32", "from 0"),
        Field("timed", "u32", "calls that each turn timed"),
        Field("cycles", "u64", "their sum by candidate, in the order's order", TRIAL_CANDIDATES),
    ),
)

ARM_ORDER = Record(
    "arm_order",
    "Sets a function's threshold.",
    (
        Field("function", "u32", "index"),
        Field("reserved", "u32", "zero"),
        Field("threshold", "u64", "calls of both kinds at which it is hot at its tier; all ones: never"),
    ),
)

COLLECT_ORDER = Record(
    "collect_order",
    "Asks for counts.",
    (
        Field("flags", "u32", "COLLECT_…"),
        Field("reserved", "u32", "zero"),
    ),
)

TEXT_ORDER = Record(
    "text_order",
    "Asks for the console's text, or brings some; a program under Linux has none.",
    (Field("offset", "u64", "first byte, counted as in text_mark"),),
)

GROWTH = Layout(
    name="growth",
    title="Growth",
    doc="How a program is counted, timed and given better code while it runs; docs/growth.md tells the story.",
    constants=(
        Constant("GROWTH_MAGIC", MAGIC, '"BLFG"'),
        Constant("GROWTH_VERSION", VERSION, "of the tables and messages"),
        Constant("GROWTH_TIERS", TIERS, "entries in tables by tier"),
        Constant("GROWTH_SELF", 0x80000000, "added to a function's index by its entry for calls to itself"),
        Constant("GROWTH_BACK_EDGES", BACK_EDGES, "iterations that count as much as a call"),
        Constant("TRIAL_CANDIDATES", TRIAL_CANDIDATES, "most blobs in one trial"),
        Constant("GROWTH_MAX_CODE", MAX_CODE, "most bytes in a code piece"),
        Constant("COLLECT_ALL", COLLECT_ALL, "counts of every function, not only of those that changed"),
        Constant("COLLECT_HOT", COLLECT_HOT, "send hot again for functions that still wait at their tier"),
    ),
    enumerations=(GROWTH_MESSAGE, PUBLISH_STATUS, HOT_REASON),
    records=(
        SLOT,
        TIER_TIMES,
        FUNCTION_STATS,
        GROWTH_PROGRAM,
        AGENT_STARTED,
        HOT_RECORD,
        PUBLISHED_RECORD,
        FUNCTION_COUNTS,
        TIME_SAMPLE,
        COLLECTED_RECORD,
        CODE_PIECE,
        PUBLISH_ORDER,
        TRIAL_ORDER,
        TRIAL_CANDIDATE,
        TRIED_RECORD,
        ARM_ORDER,
        COLLECT_ORDER,
        TEXT_ORDER,
    ),
)
