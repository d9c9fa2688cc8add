"""Version 1 of optimized_snapshot.bin, the historical layout: functions and nothing else.

It holds no addresses and no relocations, so only position-independent leaf functions can be kept in it:
code that reaches nothing outside itself. It has no checksum and is never booted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bareflow.errors import SnapshotError
from bareflow.layouts.snapshot import SNAPSHOT_MAGIC, SNAPSHOT_V1_HEADER
from bareflow.snapshot.contents import (
    SEGMENT_EXECUTE,
    SEGMENT_READ,
    Function,
    Segment,
    Snapshot,
    SnapshotContents,
    SnapshotRefusedError,
)

_NAME_LENGTH = struct.Struct("<I")
_FACTS = struct.Struct("<QQd")  # code size, call count, average cycles


@dataclass(frozen=True)
class LeafFunction:
    """A function as version 1 knows it.

    Args:
        name: its symbol.
        code: its machine code.
        call_count: calls in the profile.
        average_cycles: cycles per call in the profile, finite and not negative.
        refers_to: symbols that its relocations name; must be empty to be written.
    """

    name: str
    code: bytes
    call_count: int = 0
    average_cycles: float = 0.0
    refers_to: tuple[str, ...] = ()


def write_v1(functions: Sequence[LeafFunction]) -> bytes:
    """Encode functions in the historical layout.

    Raises:
        SnapshotError: for one that is no position-independent leaf, or whose figures do not fit.
    """
    parts = [SNAPSHOT_V1_HEADER.encode(magic=SNAPSHOT_MAGIC, version=1, function_count=len(functions))]
    for function in functions:
        if function.refers_to:
            raise SnapshotError(
                f"{function.name} refers to {', '.join(function.refers_to)}, so it is no leaf that version 1 can hold.",
                "Write a version 2 snapshot.",
            )
        name = function.name.encode("utf-8", "surrogateescape")
        try:
            facts = _FACTS.pack(len(function.code), function.call_count, function.average_cycles)
        except struct.error as problem:
            raise SnapshotError(f"The figures of {function.name} do not fit: {problem}.") from None
        parts += [_NAME_LENGTH.pack(len(name)), name, facts, function.code]
    data = b"".join(parts)
    read_v1(data)
    return data


def read_v1(data: bytes) -> tuple[LeafFunction, ...]:
    """Decode the historical layout.

    Raises:
        SnapshotRefusedError: when it is not exactly right.
    """
    if len(data) < SNAPSHOT_V1_HEADER.size:
        raise SnapshotRefusedError("too-short", f"{len(data)} bytes of at least {SNAPSHOT_V1_HEADER.size}")
    header = SNAPSHOT_V1_HEADER.decode(data)
    if header["magic"] != SNAPSHOT_MAGIC:
        raise SnapshotRefusedError("magic", f"{header['magic']:#010x} instead of {SNAPSHOT_MAGIC:#010x}")
    if header["version"] != 1:
        raise SnapshotRefusedError("version", f"version {header['version']}")
    functions: list[LeafFunction] = []
    at = SNAPSHOT_V1_HEADER.size
    for number in range(header["function_count"]):
        function, at = _read_function(data, at, number)
        functions.append(function)
    if at != len(data):
        raise SnapshotRefusedError("total-size", f"the functions end at {at} of {len(data)} bytes")
    return tuple(functions)


def _read_function(data: bytes, at: int, number: int) -> tuple[LeafFunction, int]:
    """Decode one function at offset `at`; return it and the offset behind it."""
    end_of_length = at + _NAME_LENGTH.size
    length = _NAME_LENGTH.unpack_from(data, at)[0] if end_of_length <= len(data) else len(data)
    facts_at = end_of_length + length
    if facts_at + _FACTS.size > len(data):
        raise SnapshotRefusedError("function", f"function {number} begins at {at} and the file ends at {len(data)}")
    size, calls, cycles = _FACTS.unpack_from(data, facts_at)
    start = facts_at + _FACTS.size
    name = data[end_of_length:facts_at].decode("utf-8", "surrogateescape")
    if size > len(data) - start:
        raise SnapshotRefusedError(
            "function", f"function {number} has {size} bytes of code and {len(data) - start} are left"
        )
    if data[facts_at + _FACTS.size - 1] & 0x80 or cycles - cycles != 0:
        raise SnapshotRefusedError("function", f"function {number} takes {cycles} cycles")
    return LeafFunction(name, data[start : start + size], calls, cycles), start + size


def lift(functions: Sequence[LeafFunction], size_bytes: int) -> Snapshot:
    """A version 1 file as a `Snapshot`: each function at its code's offset in the file, tier "frozen"."""
    segments: list[Segment] = []
    lifted: list[Function] = []
    at = SNAPSHOT_V1_HEADER.size
    for leaf in functions:
        at += _NAME_LENGTH.size + len(leaf.name.encode("utf-8", "surrogateescape")) + _FACTS.size
        if leaf.code:
            segments.append(Segment(at, leaf.code, len(leaf.code), SEGMENT_READ | SEGMENT_EXECUTE))
        lifted.append(Function(leaf.name, "frozen", at, len(leaf.code), leaf.call_count, leaf.average_cycles))
        at += len(leaf.code)
    contents = SnapshotContents(0, 0, 0, tuple(segments), tuple(lifted), stack_size=0)
    return Snapshot(1, size_bytes, None, None, contents)
