"""The small program that the snapshot tests are about, assembled by hand; tests/golden/ holds it as files."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import replace
from pathlib import Path

from bareflow.layouts.snapshot import SNAPSHOT_FEATURE, SNAPSHOT_FUNCTION, SNAPSHOT_HEADER, SNAPSHOT_SEGMENT
from bareflow.snapshot.contents import Feature, Function, Relocation, Segment, SnapshotContents
from bareflow.snapshot.v1 import LeafFunction
from bareflow.snapshot.writer import write_snapshot, write_targets

GOLDEN = Path(__file__).resolve().parent / "golden"

# _start: mov edi, 10; call triangle; mov edi, eax; mov eax, 231; syscall
_START = bytes.fromhex("bf0a000000 e816000000 89c7 b8e7000000 0f05")
# triangle: xor eax, eax; 1: add eax, edi; dec edi; jne 1b; jmp twice
_TRIANGLE = bytes.fromhex("31c0 01f8 ffcf 75fa eb06")
# twice: add eax, eax; add eax, [rip + …] (the constant); ret
_TWICE = bytes.fromhex("01c0 0305c80f0000 c3")
CODE = _START.ljust(32, b"\xcc") + _TRIANGLE.ljust(16, b"\xcc") + _TWICE


def program() -> SnapshotContents:
    """A position-independent program with everything that version 2 knows."""
    constants = struct.pack("<6I56x", 5, 4, 3, 2, 1, 0)  # room for one program header at its end
    pointers = struct.pack("<QQ", 0x401020, 0x401030)
    return SnapshotContents(
        entry=0x401000,
        phdr_address=0x402018,
        phdr_count=1,
        segments=(
            Segment(0x401000, CODE, len(CODE), 5),
            Segment(0x402000, constants, len(constants), 4),
            Segment(0x403F00, pointers, 0x2000, 6),
        ),
        functions=(
            Function("triangle", "frozen", 0x401020, 10, 1_000_000, 21.5),
            Function("twice", "O3", 0x401030, 9, 1_000_000, 3.0),
            Function("_start", "O2", 0x401000, 0),
        ),
        features=(Feature("sse4.2", 0, 20), Feature("popcnt", 0, 23)),
        relocations=(Relocation(0x403F00, 0x401020), Relocation(0x403F08, 0x401030)),
        stack_size=65536,
        build_id=bytes(range(16)),
        position_independent=True,
    )


def leaves() -> tuple[LeafFunction, ...]:
    """Two functions that version 1 can hold."""
    leaf = LeafFunction("add", bytes.fromhex("8d0437 c3"), 1000, 2.25)
    return (leaf, LeafFunction("größe", b"\xc3", 2**40, 0.0))


def with_crc(data: bytes) -> bytes:
    """The file with its CRC made right again, so that the check gets to what comes behind it."""
    if len(data) < 16:
        return data
    crc = zlib.crc32(data[:12] + bytes(4) + data[16:])
    return data[:12] + struct.pack("<I", crc) + data[16:]


def for_avx512() -> SnapshotContents:
    """The same program, which needs one more feature and whose code has one more byte."""
    code = Segment(0x401000, CODE + b"\xcc", len(CODE) + 1, 5)
    least = program()
    features = (*least.features, Feature("avx512f", 2, 16))
    return replace(least, segments=(code, *least.segments[1:]), features=features, build_id=bytes(range(16, 32)))


DATA = write_snapshot(program())
LARGER = write_snapshot(for_avx512())
TARGETS = write_targets([("x86-64-v4", LARGER), ("x86-64-v2", DATA)])
SEGMENTS = SNAPSHOT_HEADER.size
FUNCTIONS = SEGMENTS + 3 * SNAPSHOT_SEGMENT.size
FEATURES = FUNCTIONS + 3 * SNAPSHOT_FUNCTION.size + 2 * 16
CODES = {"u16": "<H", "u32": "<I", "u64": "<Q", "f64": "<d"}


def patched(record, field: str, value, at: int = 0) -> bytes:
    """The sample with one field of the record at offset `at` changed and the CRC made right."""
    kind = next(f.kind for f in record.fields if f.name == field)
    start = at + record.offsets[field]
    packed = struct.pack(CODES[kind], value)
    return with_crc(DATA[:start] + packed + DATA[start + len(packed) :])


# Files with one wrong field, and the refusal that each must meet.
# fmt: off
REFUSED = [
    ("magic", patched(SNAPSHOT_HEADER, "magic", 0x534E4151)),
    ("version", patched(SNAPSHOT_HEADER, "version", 1)),
    ("version", patched(SNAPSHOT_HEADER, "version", 4)),
    ("header-size", patched(SNAPSHOT_HEADER, "header_size", 112)),
    ("total-size", DATA + b"\0"),
    ("total-size", DATA[:-1]),
    ("total-size", patched(SNAPSHOT_HEADER, "total_size", 2**63)),
    ("crc", DATA[:300] + bytes([DATA[300] ^ 1]) + DATA[301:]),
    ("crc", DATA[:12] + bytes(4) + DATA[16:]),
    ("abi", patched(SNAPSHOT_HEADER, "abi_version", 0)),
    ("abi", patched(SNAPSHOT_HEADER, "flags", 3)),
    ("abi", patched(SNAPSHOT_HEADER, "reserved", 1)),
    ("table", patched(SNAPSHOT_HEADER, "segment_count", 0)),
    ("table", patched(SNAPSHOT_HEADER, "segment_count", 0xFFFFFFFF)),
    ("table", patched(SNAPSHOT_HEADER, "function_count", 0x80000000)),
    ("table", patched(SNAPSHOT_HEADER, "relocations_offset", 0)),
    ("table", patched(SNAPSHOT_HEADER, "features_offset", 0xFFFFFFF8)),
    ("table", patched(SNAPSHOT_HEADER, "strings_offset", 0)),
    ("table", patched(SNAPSHOT_HEADER, "strings_size", 3)),
    ("table", patched(SNAPSHOT_HEADER, "strings_size", 0xFFFFFFFF)),
    ("table", patched(SNAPSHOT_HEADER, "phdr_count", 2)),
    ("table", patched(SNAPSHOT_HEADER, "phdr_address", 0)),
    ("table", patched(SNAPSHOT_HEADER, "phdr_address", 0x404000)),
    ("table", patched(SNAPSHOT_FEATURE, "bit", 32, FEATURES)),
    ("table", patched(SNAPSHOT_FEATURE, "word", 8, FEATURES)),
    ("table", patched(SNAPSHOT_FEATURE, "name_offset", 0x10000, FEATURES)),
    ("segment", patched(SNAPSHOT_SEGMENT, "flags", 0, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "flags", 1, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "flags", 12, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "reserved", 1, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "address", 0x3FFFFF, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "address", 0x402000, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "address", 2**64 - 64, SEGMENTS + 80)),
    ("segment", patched(SNAPSHOT_SEGMENT, "address", 0x100000000000 - 64, SEGMENTS + 80)),
    ("segment", patched(SNAPSHOT_SEGMENT, "memory_size", 0x1001, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "memory_size", 0, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "memory_size", 56, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "memory_size", 2**64 - 1, SEGMENTS + 80)),
    ("segment", patched(SNAPSHOT_SEGMENT, "file_offset", 0, SEGMENTS)),
    ("segment", patched(SNAPSHOT_SEGMENT, "file_size", 15, SEGMENTS + 80)),
    ("segment", patched(SNAPSHOT_SEGMENT, "file_size", 2**64 - 1, SEGMENTS + 80)),
    ("write-and-execute", patched(SNAPSHOT_SEGMENT, "flags", 7, SEGMENTS)),
    ("write-and-execute", patched(SNAPSHOT_SEGMENT, "flags", 3, SEGMENTS)),
    ("entry", patched(SNAPSHOT_HEADER, "entry", 0)),
    ("entry", patched(SNAPSHOT_HEADER, "entry", 0x402000)),
    ("entry", patched(SNAPSHOT_HEADER, "entry", 0x401000 + len(CODE))),
    ("function", patched(SNAPSHOT_FUNCTION, "name_offset", 0xFFFFFFFF, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "tier", 6, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "address", 0x402000, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "size", 26, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "address", 0x401000 + len(CODE), FUNCTIONS + 80)),
    ("function", patched(SNAPSHOT_FUNCTION, "size", 2**64 - 1, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "average_cycles", math.nan, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "average_cycles", math.inf, FUNCTIONS)),
    ("function", patched(SNAPSHOT_FUNCTION, "average_cycles", -1.0, FUNCTIONS)),
    ("relocation", patched(SNAPSHOT_HEADER, "flags", 0)),
    ("memory", patched(SNAPSHOT_HEADER, "stack_size", 0x100000000000)),
]
# fmt: on
