"""A CPU's registers as QEMU's monitor prints them, made into numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# fmt: off
GENERAL = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)
# fmt: on
INTERRUPT_FLAG = 1 << 9  # rflags.IF, Intel SDM volume 1, 3.4.3

_PAIR = re.compile(r"\b([A-Z][A-Z0-9]*)\s*=\s*([0-9a-fA-F]+)\b")
# In 16 and 32-bit mode QEMU prints the narrow names.
_NARROW = {"EFL": "rflags", "RFL": "rflags", "EIP": "rip"} | {f"E{name[1:].upper()}": name for name in GENERAL[:8]}
_WANTED = {name.upper(): name for name in (*GENERAL, "rip")} | _NARROW
_CONTROL = {name.upper(): name for name in ("cr0", "cr2", "cr3", "cr4", "efer", "hlt", "cpl", "cs")}


@dataclass(frozen=True)
class Registers:
    """What a CPU held when it was asked.

    Args:
        values: by lower-case 64-bit name (rax, rip, rflags, cr2, …); "hlt" is 1 while the CPU is halted.
        text: QEMU's own listing.
    """

    values: Mapping[str, int]
    text: str

    @property
    def halted_for_good(self) -> bool:
        """Whether the CPU waits for an interrupt with interrupts off."""
        return self.values.get("hlt") == 1 and not self.values.get("rflags", INTERRUPT_FLAG) & INTERRUPT_FLAG

    def lines(self) -> list[str]:
        """For people."""
        return register_lines({name: self.values[name] for name in (*GENERAL, *_TAIL) if name in self.values})


_TAIL = ("rip", "rflags", "cr2", "cr3", "cr0", "cr4", "efer")


def register_lines(values: Mapping[str, int], per_line: int = 3) -> list[str]:
    """Lay out registers for people, `per_line` to a line."""
    cells = [f"{name:>6} {value:016x}" for name, value in values.items()]
    return [" ".join(cells[at : at + per_line]) for at in range(0, len(cells), per_line)]


def parse_registers(text: str) -> Registers:
    """Parse `info registers`; the first value of a name counts, as CPU 0 comes first."""
    values: dict[str, int] = {}
    for name, digits in _PAIR.findall(text):
        ours = _WANTED.get(name) or _CONTROL.get(name)
        if ours:
            values.setdefault(ours, int(digits, 16))
    return Registers(values, text.replace("\r\n", "\n").strip())


def parse_words(text: str) -> tuple[int, ...]:
    """Parse the monitor's `x`: "address: 0x… 0x…" a line, until memory that it cannot read."""
    words: list[int] = []
    for line in text.splitlines():
        _, colon, values = line.partition(":")
        cells = values.split()
        if not colon or not cells or not all(cell.startswith("0x") for cell in cells):
            break
        words += [int(cell, 16) for cell in cells]
    return tuple(words)
