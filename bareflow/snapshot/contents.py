"""What a code snapshot holds, as values, and the one error for a snapshot that is not exactly right.

`SnapshotContents` is what the freezing stage hands to `writer.write_snapshot`; `Snapshot` is what
`reader.read_snapshot` makes of a file of either version.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from bareflow.errors import SnapshotError
from bareflow.layouts.memmap import MEMMAP
from bareflow.layouts.record import Layout
from bareflow.layouts.snapshot import REFUSAL, SNAPSHOT


def _constant(layout: Layout, name: str) -> int:
    return next(constant.value for constant in layout.constants if constant.name == name)


SEGMENT_EXECUTE = _constant(SNAPSHOT, "SEGMENT_EXECUTE")
SEGMENT_WRITE = _constant(SNAPSHOT, "SEGMENT_WRITE")
SEGMENT_READ = _constant(SNAPSHOT, "SEGMENT_READ")
FLAG_PIE = _constant(SNAPSHOT, "SNAPSHOT_FLAG_PIE")
VERSION_2 = _constant(SNAPSHOT, "SNAPSHOT_VERSION")
VERSION_TARGETS = _constant(SNAPSHOT, "SNAPSHOT_TARGETS_VERSION")
WORKLOAD_BASE = _constant(MEMMAP, "MEM_WORKLOAD_BASE")
MMAP_BASE = _constant(MEMMAP, "MEM_MMAP_BASE")
BUILD_ID_SIZE = 16


class SnapshotRefusedError(SnapshotError):
    """A snapshot refused for one of the reasons that the loader knows too.

    Args:
        reason: a member of `REFUSAL`, for instance "write-and-execute".
        where: the segment, function or field that it is about.
        source: the file's name, or another word for the snapshot.
    """

    def __init__(self, reason: str, where: str, source: str = "The snapshot") -> None:
        self.refusal = REFUSAL[reason]
        self.reason = reason
        self.where = where
        super().__init__(
            f"{source} is refused ({reason}): {REFUSAL.doc_of(self.refusal)}: {where}.",
            "Build it again." if reason in {"crc", "too-short", "total-size"} else "",
        )

    def named(self, source: str) -> SnapshotRefusedError:
        """The same refusal of the snapshot called `source`."""
        return SnapshotRefusedError(self.reason, self.where, source)


@dataclass(frozen=True)
class Segment:
    """One piece of the address space; memory beyond `data` is zero.

    Args:
        address: virtual address of its first byte.
        data: the bytes that the file brings.
        memory_size: bytes of memory that it takes, at least len(data).
        flags: SEGMENT_READ with SEGMENT_WRITE or SEGMENT_EXECUTE or neither.
    """

    address: int
    data: bytes
    memory_size: int
    flags: int

    def holds(self, address: int, size: int) -> bool:
        """Whether [address, address + size), and at least its first byte, are bytes that the file brings."""
        into = address - self.address
        return 0 <= into < len(self.data) and size <= len(self.data) - into

    @property
    def permissions(self) -> str:
        """The flags as people write them: "r-x"."""
        bits = ((SEGMENT_READ, "r"), (SEGMENT_WRITE, "w"), (SEGMENT_EXECUTE, "x"))
        return "".join(letter if self.flags & bit else "-" for bit, letter in bits)


@dataclass(frozen=True)
class Function:
    """What is known of one function.

    Args:
        name: its symbol.
        tier: a member of `TIER`, "frozen" for instance.
        address: virtual address of its first byte of code.
        size: bytes of code; 0 when nobody said (assembly).
        call_count: calls in the profile.
        average_cycles: cycles per call in the profile, finite and not negative.
    """

    name: str
    tier: str
    address: int
    size: int
    call_count: int = 0
    average_cycles: float = 0.0


@dataclass(frozen=True)
class Feature:
    """A CPU feature without which the code must not run: its LLVM name, CPUID_WORD number and bit."""

    name: str
    word: int
    bit: int


@dataclass(frozen=True)
class Relocation:
    """R_X86_64_RELATIVE: the 64-bit word at `address` becomes load bias + `addend`."""

    address: int
    addend: int


@dataclass(frozen=True)
class SnapshotContents:
    """Everything that a version 2 snapshot says.

    Args:
        entry: address of _start.
        phdr_address: address of the ELF program headers (AT_PHDR); 0: none.
        phdr_count: their number (AT_PHNUM).
        segments: in any order; the file has them by address.
        functions: in the order in which they are to be listed.
        features: in any order.
        relocations: in any order; only with `position_independent`.
        stack_size: bytes of stack that the workload may use.
        build_id: 16 bytes; empty: the start of the SHA-256 of the segments.
        position_independent: whether the kernel may add a bias to every address.
    """

    entry: int
    phdr_address: int
    phdr_count: int
    segments: tuple[Segment, ...]
    functions: tuple[Function, ...] = ()
    features: tuple[Feature, ...] = ()
    relocations: tuple[Relocation, ...] = ()
    stack_size: int = 1 << 20
    build_id: bytes = b""
    position_independent: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that was read and is exactly right.

    Version 1 knows only position-independent functions; its contents have each function's code as a
    segment of its own, at the code's offset in the file, and no entry.

    Version 3 holds several snapshots of one program; its contents are the last one's, the one for the least CPU.

    Args:
        version: 1, 2 or 3.
        size_bytes: size of the file.
        crc32: the CRC-32 in the file; None in version 1.
        abi_version: the kernel ABI it was made for; None in version 1.
        contents: what it says.
        targets: of version 3: each target's CPU and its snapshot, in the order in which they are tried.
    """

    version: int
    size_bytes: int
    crc32: int | None
    abi_version: int | None
    contents: SnapshotContents
    targets: tuple[tuple[str, Snapshot], ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The pieces of the address space, by address."""
        return self.contents.segments

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions, in the file's order."""
        return self.contents.functions

    @property
    def build_id(self) -> bytes:
        """What identifies the linked program; empty in version 1."""
        return self.contents.build_id

    def code_of(self, function: Function) -> bytes:
        """The function's machine code."""
        for segment in self.segments:
            if segment.holds(function.address, function.size):
                start = function.address - segment.address
                return segment.data[start : start + function.size]
        raise SnapshotError(f"The code of {function.name} is in no segment.")

    @cached_property
    def _by_address(self) -> list[Function]:
        """The functions by address; of those at one address the first listed and longest stands last."""
        listed = reversed(self.functions)
        return sorted(listed, key=lambda f: (f.address, f.size))

    def function_at(self, address: int) -> Function | None:
        """The function whose code holds `address`; one of unknown size only by its first byte."""
        number = bisect_right(self._by_address, address, key=lambda f: f.address)
        if number == 0:
            return None
        function = self._by_address[number - 1]
        return function if address - function.address < max(function.size, 1) else None
