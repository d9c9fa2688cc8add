"""Where the System V AMD64 ABI passes arguments and results, slot by slot.

Source: System V Application Binary Interface, AMD64, section 3.2.3. clang has already split structs into
scalars, byval memory and sret pointers, so only registers and stack words remain to be numbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.vcode import Ref
from bareflow.layouts.bytecode import BYTECODE, PLACE

_MAX_LEAVES = 64
_STACK_ALIGN = 64  # that bf_interp_native gives its outgoing arguments
_GPRS, _XMMS = 6, 8
_RESULT_REGISTERS = 2  # of each kind
_INTEGER, _FLOAT = 1, 2
_SCALARS = frozenset({"int", "half", "bfloat", "float", "double", "ptr", "x86_fp80", "fp128"})
_MAX_ARGUMENTS = next(c.value for c in BYTECODE.constants if c.name == "BYTECODE_MAX_ARGUMENTS")


def is_wide(kind: ir.Type) -> bool:
    """Whether a scalar takes two slots."""
    return kind.bits > 64 or kind.kind in {"x86_fp80", "fp128"}


def leaf_types(kind: ir.Type) -> list[tuple[ir.Type, int]]:
    """The scalars of a type, with their byte offsets.

    Raises:
        RefusedError: for a type that no slot can hold.
    """
    if kind.kind == "void":
        return []
    if kind.kind == "int" and kind.bits > 128:
        raise ir.RefusedError(f"integer of {kind.bits} bits")
    if kind.kind in _SCALARS or is_packed(kind):
        return [(kind, 0)]
    if kind.kind == "struct":
        parts = zip(kind.members, kind.offsets, strict=False)
    elif kind.kind == "array" and kind.count <= _MAX_LEAVES:
        parts = zip(kind.members * kind.count, range(0, kind.size or 1, kind.members[0].size or 1), strict=False)
    else:
        raise ir.RefusedError("vector type" if kind.kind == "vector" else f"type {kind}")
    found = [(leaf, at + offset) for member, at in parts for leaf, offset in leaf_types(member)]
    if len(found) > _MAX_LEAVES:
        raise ir.RefusedError("large aggregate value")
    return found


def is_packed(kind: ir.Type) -> bool:
    """Whether it is a vector that one slot holds, which clang makes of small structs of floats at calls."""
    return kind.kind == "vector" and (kind.count, kind.members[0].kind) in {
        (2, "float"),
        *((count, narrow) for count in (2, 4) for narrow in ("half", "bfloat")),
    }


@dataclass(frozen=True)
class Place:
    """A `bytecode_place`: where one slot travels."""

    place: int
    index: int
    bits: int = 64
    extend: int = 0
    kind: int = 0
    size: int = 0


@dataclass(frozen=True)
class Signature:
    """A `bytecode_signature`: the places of the arguments and results."""

    arguments: tuple[Place, ...]
    results: tuple[Place, ...]
    stack_words: int
    vectors: int
    variadic: bool
    x87: int = 0


class _Assigner:
    """Hands out registers and stack words in order; `results`: those of a result."""

    def __init__(self, *, results: bool = False) -> None:
        self.gprs = self.xmms = self.words = self.x87 = 0
        self.results = results
        self.places: list[Place] = []

    def all(self, arguments: Iterable[ir.Argument]) -> None:
        for argument in arguments:
            if argument.byval is not None:
                self.byval(argument.byval, argument.align)
                continue
            for leaf, _ in leaf_types(argument.type):
                self.scalar(leaf, sign=argument.sign)

    def scalar(self, kind: ir.Type, *, sign: bool) -> None:
        if kind.kind == "x86_fp80":
            self._extended()
        elif kind.kind == "fp128":
            self._quadruple()
        elif is_wide(kind):
            self._wide()
        elif kind.kind in {"float", "double", "half", "bfloat"} or is_packed(kind):
            counted = _FLOAT if kind.kind in {"float", "double"} else 0
            self._one(PLACE["xmm"], bits=8 * kind.store_size, extend=0, kind=counted)
        else:
            value_kind = 0 if kind.kind == "ptr" else _INTEGER
            self._one(PLACE["gpr"], bits=kind.bits or 64, extend=int(sign), kind=value_kind)

    def _one(self, place: int, *, bits: int, extend: int, kind: int) -> None:
        if place == PLACE["gpr"] and self.gprs < _GPRS:
            self.places.append(Place(place, self.gprs, bits, extend, kind))
            self.gprs += 1
        elif place == PLACE["xmm"] and self.xmms < _XMMS:
            self.places.append(Place(place, self.xmms, bits, extend, kind))
            self.xmms += 1
        else:
            self.places.append(Place(PLACE["stack"], self.words, bits, extend, kind))
            self.words += 1

    def _wide(self) -> None:
        """A 128-bit integer is never split between a register and the stack."""
        if self.gprs + 2 <= _GPRS:
            self.places += [Place(PLACE["gpr"], self.gprs), Place(PLACE["gpr"], self.gprs + 1)]
            self.gprs += 2
            return
        self.words += self.words & 1
        self.places += [Place(PLACE["stack"], self.words), Place(PLACE["stack"], self.words + 1)]
        self.words += 2

    def _quadruple(self) -> None:
        """A __float128 is passed in a whole vector register, or in memory, aligned to 16 bytes."""
        if self.xmms < _XMMS:
            self.places += [Place(PLACE["xmm"], self.xmms), Place(PLACE["xmm_high"], self.xmms)]
            self.xmms += 1
            return
        self.words += self.words & 1
        self.places += [Place(PLACE["stack"], self.words), Place(PLACE["stack"], self.words + 1)]
        self.words += 2

    def _extended(self) -> None:
        """A long double is passed in memory, aligned to 16 bytes, and returned in an x87 register."""
        if self.results:
            place, first = PLACE["x87"], 2 * self.x87
            self.x87 += 1
        else:
            place, first = PLACE["stack"], self.words + (self.words & 1)
            self.words = first + 2
        self.places += [Place(place, first), Place(place, first + 1, bits=16)]

    def byval(self, kind: ir.Type, align: int) -> None:
        if align > _STACK_ALIGN:
            raise ir.RefusedError(f"argument in memory aligned by {align} bytes")
        step = max(8, align) // 8
        self.words = -(-self.words // step) * step
        self.places.append(Place(PLACE["byval"], self.words, size=kind.size))
        self.words += -(-kind.size // 8)


def make_signature(arguments: Iterable[ir.Argument], returns: ir.Type, *, sign: bool, variadic: bool) -> Signature:
    """The signature of a function or call.

    Raises:
        RefusedError: for types that do not travel in these registers.
    """
    assigner = _Assigner()
    assigner.all(arguments)
    if len(assigner.places) > _MAX_ARGUMENTS:
        raise ir.RefusedError(f"{len(assigner.places)} arguments")
    results = _Assigner(results=True)
    for leaf, _ in leaf_types(returns):
        results.scalar(leaf, sign=sign)
    if max(results.gprs, results.xmms, results.x87) > _RESULT_REGISTERS or results.words:
        raise ir.RefusedError("result in more than two registers of a kind")
    places, words = tuple(assigner.places), (assigner.words + 1) & ~1
    return Signature(places, tuple(results.places), words, assigner.xmms, variadic, results.x87)


def named_counts(parameters: Iterable[ir.Argument]) -> tuple[int, int, int]:
    """General registers, vector registers and stack words that the named parameters take."""
    assigner = _Assigner()
    assigner.all(parameters)
    return assigner.gprs, assigner.xmms, assigner.words


def slot_words(kind: ir.Type, refs: Sequence[Ref]) -> list[Ref]:
    """A value's leaves as single slots: a wide one counts twice."""
    found: list[Ref] = []
    for (leaf, _), ref in zip(leaf_types(kind), refs, strict=True):
        found += [ref, ref.next()] if is_wide(leaf) else [ref]
    return found
