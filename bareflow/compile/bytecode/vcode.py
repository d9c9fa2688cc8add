"""Code between IR and bytecode: the final opcodes, over any number of virtual registers and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bareflow.layouts.opcodes import ROLES

PCOPY = "pcopy"  # parallel copy of `sources` to `targets`; expanded into mov once slots are known


class Reg:
    """A virtual register of `size` consecutive slots; `slot` is the first, once allocated.

    One of more than one slot is always written whole, by one instruction.
    """

    __slots__ = ("number", "size", "slot")

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.size = size
        self.slot = -1


@dataclass(frozen=True)
class Ref:
    """One slot of a register (for a 128-bit value or long double: this and the next)."""

    reg: Reg
    index: int = 0

    @property
    def slot(self) -> int:
        """The slot number, once allocated."""
        return self.reg.slot + self.index

    def next(self) -> Ref:
        """The slot behind it: the high half of a 128-bit value, sign and exponent of a long double."""
        return Ref(self.reg, self.index + 1)


Field = Ref | int | str | None  # a string is a label


@dataclass
class Ins:
    """An instruction; which fields are registers is said by `ROLES[op]`.

    Args:
        op: opcode name, or PCOPY.
        imm: the whole immediate, when d and e are not used apart.
        words: arguments of a call or return, in the 16-byte words behind it.
        cases: (value, label, edge) of a switch, the default first.
        targets, sources: of a PCOPY.
    """

    op: str
    a: Field = None
    b: Field = None
    c: Field = None
    d: Field = None
    e: int = 0
    imm: int | None = None
    words: tuple[Ref, ...] = ()
    cases: tuple[tuple[int, str, int], ...] = ()
    targets: tuple[Ref, ...] = ()
    sources: tuple[Ref, ...] = ()

    def uses(self) -> list[Ref]:
        """The registers it reads."""
        if self.op == PCOPY:
            return list(self.sources)
        fields = (self.a, self.b, self.c, self.d)
        found = [f for f, role in zip(fields, ROLES[self.op], strict=True) if role in "UQ" and isinstance(f, Ref)]
        return found + list(self.words)

    def defs(self) -> list[Ref]:
        """The registers it writes."""
        if self.op == PCOPY:
            return list(self.targets)
        if isinstance(self.a, Ref) and (ROLES[self.op][0] in "DP" or self.op in {"call", "call-r"}):
            return [self.a]
        return []

    def labels(self) -> list[str]:
        """Where it may go, besides to the next instruction."""
        found = [label for _, label, _ in self.cases]
        if isinstance(self.d, str):
            found.append(self.d)
        return found


@dataclass
class VBlock:
    """A straight run of code: body, then the copies for the phis behind it, then what leaves it."""

    label: str
    body: list[Ins] = field(default_factory=list)
    copies: list[Ins] = field(default_factory=list)
    ending: list[Ins] = field(default_factory=list)

    def __iter__(self) -> Iterator[Ins]:
        yield from self.body
        yield from self.copies
        yield from self.ending


@dataclass
class VFunction:
    """A lowered function, before slots are allocated.

    Args:
        parameters: registers of the arguments, which live in the first slots.
        frame_bytes, frame_align: memory of its static allocas.
        twice: it calls setjmp.
    """

    name: str
    blocks: list[VBlock]
    registers: list[Reg]
    parameters: list[Reg]
    frame_bytes: int = 0
    frame_align: int = 16
    twice: bool = False
