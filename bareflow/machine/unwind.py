"""Who called whom: frames from registers and a piece of the stack.

Where an unwind table (.eh_frame) covers the code, its rules are followed: certain frames. From there on, and
where no table is at hand, every word on the stack that follows a call instruction is taken: marked uncertain.
Tables: System V ABI, AMD64 supplement, 3.7; DWARF 5, 6.4.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from bareflow.machine.codemap import CodeMap

MAX_FRAMES = 64
SCAN_WORDS = 256  # looked through where no table tells
# DWARF register numbers, System V ABI AMD64 supplement, figure 3.36.
# fmt: off
DWARF_REGISTERS = (
    "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    "rip",
)
# fmt: on
RETURN_ADDRESS = 16


@dataclass(frozen=True)
class StackWords:
    """A piece of the stack.

    Args:
        base: address of the first word.
        words: 64-bit words from there upwards.
    """

    base: int
    words: Sequence[int]

    def at(self, address: int) -> int | None:
        """The word at an address; none outside of the piece."""
        index, rest = divmod(address - self.base, 8)
        return self.words[index] if rest == 0 and 0 <= index < len(self.words) else None


@dataclass(frozen=True)
class RawFrame:
    """A place in the code: of the trap itself, then of every call that led there."""

    address: int
    certain: bool


@dataclass
class _Row:
    """Unwind rules for one range of code, from pyelftools' decoded table."""

    cfa_register: str
    cfa_offset: int
    saved: Mapping[int, int]  # DWARF register → where it is, from the canonical frame address


class UnwindTables:
    """The .eh_frame tables of some ELF files; a file that cannot be read has none."""

    def __init__(self, elves: Sequence[Path]) -> None:
        self._elves = elves

    @cached_property
    def _entries(self) -> list[tuple[int, FDE]]:
        entries = []
        for path in self._elves:
            try:
                with path.open("rb") as stream:
                    info = ELFFile(stream).get_dwarf_info(relocate_dwarf_sections=False)
                    found = info.EH_CFI_entries() if info.has_EH_CFI() else []
                    entries += [(e["initial_location"], e) for e in found if isinstance(e, FDE)]
            except (OSError, ELFError, DWARFError):
                continue
        return sorted(entries, key=lambda entry: entry[0])

    def row(self, address: int) -> _Row | None:
        """The rules at an address; none without a table or where they are an expression."""
        at = bisect.bisect_right(self._entries, address, key=lambda entry: entry[0]) - 1
        if at < 0:
            return None
        start, entry = self._entries[at]
        if address >= start + entry["address_range"]:
            return None
        try:
            lines = [line for line in entry.get_decoded().table if line["pc"] <= address]
        except (ELFError, DWARFError, KeyError, IndexError):
            return None
        return _row(lines[-1]) if lines else None


def _row(line: Mapping[Any, Any]) -> _Row | None:
    rule = line["cfa"]
    if rule.reg is None or rule.reg >= len(DWARF_REGISTERS):
        return None
    saved = {
        register: where.arg for register, where in line.items() if isinstance(register, int) and where.type == "OFFSET"
    }
    return _Row(DWARF_REGISTERS[rule.reg], rule.offset, saved)


def unwind(registers: Mapping[str, int], stack: StackWords, code: CodeMap) -> list[RawFrame]:
    """Frames from the innermost on, `registers` holding rip, rsp and what else is known."""
    frames = [RawFrame(registers["rip"], certain=True)]
    tables = UnwindTables(code.elves)
    known: dict[str, int] | None = dict(registers)
    if known is not None and not code.before(known["rip"] + 1, 1):
        known = _after_wild_call(known, stack, code)
        frames += [RawFrame(known["rip"], certain=True)] if known else []
    scan_from = registers["rsp"]
    while known is not None and len(frames) < MAX_FRAMES:
        scan_from = known["rsp"]
        known = _caller(known, stack, tables, innermost=len(frames) == 1)
        if known is None:
            break
        if not known["rip"] and len(frames) > 1:
            return frames  # the outermost frame says so with a zero
        frames.append(RawFrame(known["rip"], certain=True))
    return (frames + list(scan(stack, scan_from, code)))[:MAX_FRAMES]


def _after_wild_call(known: dict[str, int], stack: StackWords, code: CodeMap) -> dict[str, int] | None:
    """Step back from a call to where no code is: the return address is on top of the stack."""
    word = stack.at(known["rsp"])
    if word is None or not follows_call(code, word):
        return None
    return {**known, "rip": word, "rsp": known["rsp"] + 8}


def _caller(
    known: dict[str, int], stack: StackWords, tables: UnwindTables, *, innermost: bool
) -> dict[str, int] | None:
    """The registers as they were in the caller; none where the tables do not tell."""
    # A return address may be the first byte of another function: look up the call before it.
    row = tables.row(known["rip"] - (0 if innermost else 1))
    if row is None or row.cfa_register not in known:
        return None
    frame_address = known[row.cfa_register] + row.cfa_offset
    found = {register: stack.at(frame_address + offset) for register, offset in row.saved.items()}
    rip = found.pop(RETURN_ADDRESS, None)
    if rip is None:
        return None
    restored = {DWARF_REGISTERS[n]: v for n, v in found.items() if n < len(DWARF_REGISTERS) and v is not None}
    lost = {DWARF_REGISTERS[n] for n, v in found.items() if n < len(DWARF_REGISTERS) and v is None}
    kept = {name: value for name, value in known.items() if name not in lost}
    return {**kept, **restored, "rip": rip, "rsp": frame_address}


def scan(stack: StackWords, start: int, code: CodeMap) -> Iterator[RawFrame]:
    """Every word from `start` upwards, of a limited number, that could be a return address."""
    first = max(0, -(-(start - stack.base) // 8))
    for word in stack.words[first : first + SCAN_WORDS]:
        if follows_call(code, word):
            yield RawFrame(word, certain=False)


def follows_call(code: CodeMap, address: int) -> bool:
    """Whether a call instruction ends right before an address. Encodings: Intel SDM volume 2, CALL."""
    if code.before(address, 5)[:1] == b"\xe8":
        return True
    for size in range(2, 8):
        text = code.before(address, size)
        if len(text) == size and text[0] == 0xFF and _indirect_call_size(text) == size:
            return True
    return False


def _indirect_call_size(text: bytes) -> int:
    """Bytes that `ff /2` takes with its operand; 0 if it is another instruction."""
    mode, operation, base = text[1] >> 6, text[1] >> 3 & 7, text[1] & 7
    if operation != 2:
        return 0
    if mode == 3:
        return 2
    size = 2 + (base == 4) + (0, 1, 4)[mode]
    wide = base == 5 or (base == 4 and len(text) > 2 and text[2] & 7 == 5)
    return size + (4 if mode == 0 and wide else 0)


def words_from(data: bytes) -> tuple[int, ...]:
    """Whole 64-bit words out of bytes."""
    return struct.unpack_from(f"<{len(data) // 8}Q", data)
