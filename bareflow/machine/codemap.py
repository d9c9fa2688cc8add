"""Functions and code by address: what a backtrace is looked up in."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

FAR = 1 << 16  # bytes: further than this behind a symbol without a size, an address is not its


@dataclass(frozen=True)
class Symbol:
    """A function.

    Args:
        name: as in the source.
        address: of its first byte.
        size: bytes of code; 0 where the assembler did not say.
        module: "workload" or "kernel".
        tier: how it was compiled, where known.
    """

    name: str
    address: int
    size: int
    module: str
    tier: str = ""


@dataclass(frozen=True)
class Code:
    """Executable bytes at their address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class CodeMap:
    """Everything executable that is known of a machine.

    Args:
        symbols: functions, sorted by address.
        code: executable segments.
        elves: ELF files whose unwind tables may be used.
    """

    symbols: Sequence[Symbol] = ()
    code: Sequence[Code] = ()
    elves: Sequence[Path] = ()
    _addresses: Sequence[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.symbols, key=lambda symbol: (symbol.address, symbol.size)))
        object.__setattr__(self, "symbols", ordered)
        object.__setattr__(self, "_addresses", [symbol.address for symbol in ordered])

    def find(self, address: int) -> Symbol | None:
        """The function that an address lies in."""
        at = bisect.bisect_right(self._addresses, address) - 1
        if at < 0:
            return None
        symbol = self.symbols[at]
        inside = address - symbol.address < (symbol.size or FAR)
        return symbol if inside else None

    def before(self, address: int, count: int) -> bytes:
        """The `count` bytes of code that end at an address; empty where it is no code."""
        for piece in self.code:
            at = address - piece.address
            if count <= at <= len(piece.data):
                return piece.data[at - count : at]
        return b""

    def describe(self, address: int) -> str:
        """For people: name+offset, or nothing."""
        symbol = self.find(address)
        return f"{symbol.name}+{address - symbol.address:#x}" if symbol else ""
