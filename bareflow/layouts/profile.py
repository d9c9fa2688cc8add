"""Profiles: the interpreter's messages that the growth layout lacks, and the profile file."""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

PROFILE_MAGIC = 0x46504642
PROFILE_VERSION = 3
DIGEST_BYTES = 16
VALUE_OTHERS = 1
VALUE_SITE = 2

PROFILE_MESSAGE = Enumeration(
    name="profile message",
    prefix="PROFILE",
    doc="Messages of the interpreter to the host, 64–79. All counts are totals since the guest started.",
    members={
        "edges": (64, "edge_counts, then 64-bit counts"),
        "values": (65, "value_counts, then a bytecode_values: one argument's most frequent values"),
        "back-edges": (66, "back_edge_counts, one or several"),
    },
)

PROFILE_TABLE = Enumeration(
    name="profile table",
    prefix="PROFILE_TABLE",
    doc="The tables of a profile file, in their order.",
    members={
        "functions": (0, "profile_function, by name and digest"),
        "times": (1, "profile_time"),
        "branches": (2, "profile_branch"),
        "counts": (3, "profile_count"),
        "values": (4, "profile_value"),
        "stacks": (5, "profile_stack"),
        "frames": (6, "profile_name, outermost first"),
        "events": (7, "profile_event"),
        "builds": (8, "profile_name: build ids in hexadecimal"),
        "cpus": (9, "profile_name: CPUs that it was taken on"),
        "strings": (10, "bytes: names in UTF-8, each ended by a zero; padded with zeros"),
        "special": (11, "profile_special; version 1 has none"),
        "runs": (12, "profile_run: what may be seen further; versions 1 and 2 have none"),
        "parts": (13, "bytes: the profile files of these runs, one behind the other"),
    },
)

EVENT_KIND = Enumeration(
    name="event kind",
    prefix="EVENT",
    doc="What became of a tier-up.",
    members={
        "published": (1, "calls go to the new code"),
        "refused": (2, "the code cache was full or the agent refused it"),
        "failed": (3, "the compiler failed"),
    },
)

SPECIAL_KIND = Enumeration(
    name="special kind",
    prefix="SPECIAL",
    doc="How a frozen program treats a special case.",
    members={
        "clone": (1, "a copy of a function, for values of its arguments"),
        "version": (2, "a copy within a function, for what it reads"),
    },
)

EDGE_COUNTS = Record(
    "edge_counts",
    "Edge counters of one function; several messages where they do not fit one.",
    (
        Field("function", "u32", "index"),
        Field("first", "u16", "counter that the first count belongs to"),
        Field("count", "u16", "how many follow"),
    ),
)

VALUE_COUNTS = Record(
    "value_counts",
    "Says whose values follow.",
    (
        Field("function", "u32", "index"),
        Field("argument", "u32", "argument, counted from 0"),
    ),
)

BACK_EDGE_COUNTS = Record(
    "back_edge_counts",
    "Back edges that a function took.",
    (
        Field("function", "u32", "index"),
        Field("reserved", "u32", "zero"),
        Field("count", "u64", "of all its loops"),
    ),
)


def _header(tables: int) -> Record:
    return Record(
        "profile_header",
        "Begins a profile file. Every table begins at a multiple of 8 bytes, counted from the header's first.",
        (
            Field("magic", "u32", "PROFILE_MAGIC"),
            Field("version", "u32", "PROFILE_VERSION"),
            Field("header_size", "u32", "PROFILE_HEADER_SIZEOF"),
            Field("crc32", "u32", "CRC-32 of the whole file with this field zero"),
            Field("total_size", "u64", "size of the file in bytes"),
            Field("boots", "u64", "runs merged into it"),
            Field("dropped", "u64", "records that guests dropped"),
            Field("tsc_hz", "u64", "TSC ticks in a second, of the fastest machine; 0: unknown"),
            Field("offsets", "u32", "by PROFILE_TABLE: where it begins", tables),
            Field("counts", "u32", "by PROFILE_TABLE: its entries; of strings the bytes", tables),
        ),
    )


PROFILE_HEADER = _header(len(PROFILE_TABLE.members))
PROFILE_HEADER_1 = _header(11)  # of version 1
PROFILE_HEADER_2 = _header(12)  # of version 2

PROFILE_FUNCTION = Record(
    "profile_function",
    "One function with one body. The ranges lie one behind the other without gaps.",
    (
        Field("name", "u32", "offset in the strings"),
        Field("tier", "u32", "TIER_…, the highest that it reached"),
        Field("digest", "bytes", "start of the SHA-256 of its body; zeros: unknown", DIGEST_BYTES),
        Field("calls", "u64", "from outside"),
        Field("self_calls", "u64", "direct calls to itself"),
        Field("back_edges", "u64", "loop iterations"),
        Field("times", "u32", "number of its profile_time"),
        Field("branches", "u32", "number of its profile_branch"),
        Field("values", "u32", "number of its profile_value"),
        Field("tunings", "u32", "bit n: tuning n (compile.variants) was faster than plain O3 where it was measured"),
    ),
)

PROFILE_TIME = Record(
    "profile_time",
    "A function at a tier. Cycles are the TSC's, calls below included.",
    (
        Field("tier", "u32", "TIER_…"),
        Field("reserved", "u32", "zero"),
        Field("samples", "u64", "calls that were timed; as many as `calls` where timing is exact"),
        Field("calls", "u64", "calls that they stand for"),
        Field("cycles_low", "u64", "cycles of these, low 64 bits"),
        Field("cycles_high", "u64", "high 64 bits"),
        Field("minimum", "u64", "fewest cycles of a call; all ones: none was timed"),
        Field("code_bytes", "u64", "size of its code; 0: unknown"),
    ),
)

PROFILE_BRANCH = Record(
    "profile_branch",
    "How often a terminator went to each of its successors, in the order of LLVM's branch weights.",
    (
        Field("counter", "u32", "the first of its edge counters, which names it"),
        Field("counts", "u32", "number of its profile_count"),
    ),
)

PROFILE_COUNT = Record("profile_count", "One successor.", (Field("count", "u64", "times taken"),))

PROFILE_VALUE = Record(
    "profile_value",
    "A value of an argument, or of a load or call result, and how often it surely was so.",
    (
        Field("argument", "u32", "counted from 0; with VALUE_SITE the number of an instruction"),
        Field("flags", "u32", "VALUE_OTHERS: all other values together; VALUE_SITE: no argument"),
        Field("value", "u64", "zero-extended integer, or the bits of a float"),
        Field("count", "u64", "calls"),
    ),
)

PROFILE_STACK = Record(
    "profile_stack",
    "A stack that ticks found.",
    (
        Field("frames", "u32", "number of its frames"),
        Field("reserved", "u32", "zero"),
        Field("count", "u64", "ticks"),
    ),
)

PROFILE_EVENT = Record(
    "profile_event",
    "One tier-up, in one boot.",
    (
        Field("boot", "u64", "names the boot"),
        Field("at_us", "u64", "when the function was found hot, since the boot"),
        Field("compile_us", "u64", "time in the compiler; 0: from the cache"),
        Field("latency_us", "u64", "from hot to published"),
        Field("calls", "u64", "of the function, by then"),
        Field("code_bytes", "u64", "size of the new code"),
        Field("name", "u32", "offset in the strings"),
        Field("kind", "u32", "EVENT_…"),
        Field("before", "u32", "TIER_…"),
        Field("after", "u32", "TIER_…"),
    ),
)

PROFILE_SPECIAL = Record(
    "profile_special",
    "A special case that the program was frozen with.",
    (
        Field("function", "u32", "offset of its name in the strings"),
        Field("values", "u32", "offset in the strings: its values in words"),
        Field("kind", "u32", "SPECIAL_…"),
        Field("reserved", "u32", "zero"),
        Field("calls", "u64", "calls, or reads of a version, in which they held"),
        Field("total", "u64", "of so many"),
        Field("gain", "u32", "time with it, in millionths of that without; 0: not measured"),
        Field("miss", "u32", "the same where the values do not hold"),
    ),
)

PROFILE_RUN = Record(
    "profile_run",
    "One run of which another host may see more. What was seen of it is a profile file of its own, in the parts, and "
    "not in the other tables: of a run that is in two profiles, what saw more of it counts.",
    (
        Field("run", "u64", "its identity, as in agent_started"),
        Field("size", "u64", "bytes of its profile file, a multiple of 8"),
    ),
)

PROFILE_NAME = Record("profile_name", "A name.", (Field("name", "u32", "offset in the strings"),))

PROFILE = Layout(
    name="profile",
    title="Profiles",
    doc="What was seen of a program while it ran. Profiles merge by adding counts; docs/profile.md tells how.",
    constants=(
        Constant("PROFILE_MAGIC", PROFILE_MAGIC, 'the bytes "BFPF"'),
        Constant("PROFILE_VERSION", PROFILE_VERSION, "readers know 1 and 2, too, and refuse any other"),
        Constant("VALUE_OTHERS", VALUE_OTHERS, "flag of a profile_value"),
        Constant("VALUE_SITE", VALUE_SITE, "flag of a profile_value"),
    ),
    enumerations=(PROFILE_MESSAGE, PROFILE_TABLE, EVENT_KIND, SPECIAL_KIND),
    records=(
        EDGE_COUNTS,
        VALUE_COUNTS,
        BACK_EDGE_COUNTS,
        PROFILE_HEADER,
        PROFILE_FUNCTION,
        PROFILE_TIME,
        PROFILE_BRANCH,
        PROFILE_COUNT,
        PROFILE_VALUE,
        PROFILE_STACK,
        PROFILE_EVENT,
        PROFILE_NAME,
        PROFILE_SPECIAL,
        PROFILE_RUN,
    ),
)
