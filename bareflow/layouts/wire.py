"""The wire: frames between guest and host, and the records the kernel itself sends in them.

On the line a frame is COBS(header, payload, CRC-32 of both) followed by one zero byte.
Reliable messages travel as one stream of bytes each way; a DATA frame carries any slice of it (docs/wire.md).
COBS: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999. CRC-32: as in IEEE 802.3 (zlib's).
"""

from __future__ import annotations

from bareflow.layouts.record import Constant, Enumeration, Field, Layout, Record

WIRE_VERSION = 1
WIRE_MAX_PAYLOAD = 1024
WIRE_MIN_SEGMENT = 32
WIRE_FIRST_OFFSET = 1
HELLO_ASK = 1

FRAME_TYPE = Enumeration(
    name="frame type",
    prefix="FRAME",
    doc="What a frame or a message carries. 1–15 belong to the link, 16–31 to the kernel, 32 and above to the agent.",
    members={
        "hello": (1, "wire_hello: who is there, and where both streams stand"),
        "ack": (2, "nothing but the header's acknowledgement"),
        "data": (3, "a slice of the sender's stream of messages, at offset `sequence`"),
        "nak": (4, "as ack, and something behind it was damaged or is missing: resend from there"),
        "dropped": (5, "message dropped_record: records that did not fit the sender's buffer"),
        "text": (16, "text_mark, then the console's bytes from there; without any: the text ends there"),
        "final": (17, "final_record: the last frame of a guest"),
        "trap": (18, "trap_record, then words of the stack; one or several frames"),
        "text-mark": (19, "text_mark: which console bytes are not the workload's standard output"),
        "started": (20, "started_record: the workload's first instruction is next"),
    },
)

TEXT_STREAM = Enumeration(
    name="text stream",
    prefix="TEXT",
    doc="Whose bytes they are.",
    members={
        "stdout": (1, "the workload's standard output"),
        "stderr": (2, "the workload's standard error"),
        "kernel": (3, "the kernel's own words"),
    },
)

FRAME_HEADER = Record(
    "frame_header",
    "Begins every frame.",
    (
        Field("session", "u32", "chosen anew by the guest at each boot; 0: from the kernel, without a session"),
        Field("sequence", "u32", "data: stream offset of the first byte, modulo 2^32; otherwise 0: not resent"),
        Field("acknowledged", "u32", "every byte of the other's stream before this offset has arrived"),
        Field("type", "u16", "FRAME_…"),
        Field("length", "u16", "bytes of payload"),
    ),
)

MESSAGE_HEADER = Record(
    "message_header",
    "Begins every message in a stream; the payload follows at once.",
    (
        Field("type", "u16", "FRAME_…"),
        Field("length", "u16", "bytes of payload; at most what the receiver's hello allows"),
    ),
)

WIRE_HELLO = Record(
    "wire_hello",
    "Payload of hello. The host asks (session 0, HELLO_ASK) and the guest answers with its session; a guest that no "
    "host has asked sends hello now and then, so that a host which listens knows to ask.",
    (
        Field("version", "u16", "WIRE_VERSION; a peer refuses any other"),
        Field("flags", "u16", "HELLO_…"),
        Field("incarnation", "u32", "from the host: chosen anew by each host process; from the guest: 0"),
        Field("peer", "u32", "from the guest: the incarnation that it answers, 0: none has asked; from the host: 0"),
        Field("stream_offset", "u32", "where the sender's stream resumes: the first byte of a message"),
        Field("max_message", "u32", "most bytes of payload in a message that the sender of this takes"),
        Field("reserved", "u32", "zero"),
        Field("dropped", "u64", "records dropped so far"),
        Field("build_id", "bytes", "of the program that the sender runs or serves; zero: unknown", 16),
    ),
)

DROPPED_RECORD = Record(
    "dropped_record",
    "Sent in the stream as soon as there is room again.",
    (Field("total", "u64", "records dropped since the session began"),),
)

FINAL_RECORD = Record(
    "final_record",
    "How the guest ended; without it no exit status is believed.",
    (
        Field("verdict", "u32", "VERDICT_…"),
        Field("status", "i32", "exit status, signal, refusal or letter"),
        Field("tsc_hz", "u64", "TSC ticks in a second; 0: unknown"),
        Field("stamps", "u64", "boot stamps, see boot info", 8),
        Field("memory_used", "u64", "most bytes of physical memory ever in use"),
        Field("page_faults", "u64", "page faults that the kernel served"),
        Field("dropped", "u64", "records that were dropped"),
    ),
)

TRAP_RECORD = Record(
    "trap_record",
    "A CPU exception that nobody handled. `stack_words` 64-bit words of the stack follow. More words come in frames "
    "that differ in `stack_first` alone.",
    (
        Field("vector", "u32", "exception number"),
        Field("stack_words", "u32", "how many words follow"),
        Field("stack_first", "u32", "words from rsp up to the first of them"),
        Field("reserved", "u32", "zero"),
        Field("error_code", "u64", "as pushed by the CPU"),
        Field("rip", "u64", "instruction"),
        Field("rflags", "u64", "flags"),
        Field("cr2", "u64", "faulting address"),
        Field("cr3", "u64", "page tables"),
        Field("registers", "u64", "rax rcx rdx rbx rsp rbp rsi rdi r8 … r15", 16),
    ),
)

TEXT_MARK = Record(
    "text_mark",
    "Both streams reach the console in order; this tells a host which bytes were not standard output.",
    (
        Field("offset", "u64", "first byte, counted on the console from behind CONSOLE_MARK"),
        Field("length", "u32", "bytes"),
        Field("stream", "u32", "TEXT_…"),
    ),
)

STARTED_RECORD = Record(
    "started_record",
    "Sent once, just before the workload's first instruction.",
    (
        Field("build_id", "bytes", "of the snapshot", 16),
        Field("tsc_hz", "u64", "TSC ticks in a second; 0: not known yet"),
        Field("stamps", "u64", "boot stamps so far", 8),
    ),
)

WIRE = Layout(
    name="wire",
    title="The wire",
    doc="Frames survive lost, doubled, flipped and inserted bytes: what does not pass its CRC never happened.",
    constants=(
        Constant("WIRE_VERSION", WIRE_VERSION, "of this protocol"),
        Constant("WIRE_MAX_PAYLOAD", WIRE_MAX_PAYLOAD, "most bytes of payload in a frame"),
        Constant("WIRE_MIN_SEGMENT", WIRE_MIN_SEGMENT, "bytes of payload in a data frame on the worst line"),
        Constant("WIRE_FIRST_OFFSET", WIRE_FIRST_OFFSET, "stream offset of a session's first byte"),
        Constant("HELLO_ASK", HELLO_ASK, "the other side is to answer with a hello"),
        Constant("TRAP_STACK_WORDS", 96, "stack words in a trap's frame"),
        Constant("TRAP_STACK_FRAMES", 16, "most frames of a trap: 1.3 s at 115200 baud"),
        Constant("CONSOLE_MARK", 0x000200, "three bytes 00 02 00 that the kernel writes to the console first"),
    ),
    enumerations=(FRAME_TYPE, TEXT_STREAM),
    records=(
        FRAME_HEADER,
        MESSAGE_HEADER,
        WIRE_HELLO,
        DROPPED_RECORD,
        FINAL_RECORD,
        TRAP_RECORD,
        TEXT_MARK,
        STARTED_RECORD,
    ),
)
