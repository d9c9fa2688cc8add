"""The small program that the snapshot tests are about, assembled by hand; tests/golden/ holds it as files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from bareflow.snapshot.contents import Feature, Function, Relocation, Segment, SnapshotContents
from bareflow.snapshot.v1 import LeafFunction

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
