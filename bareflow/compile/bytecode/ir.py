"""LLVM IR as values: types with their x86-64 layout, operands, instructions, functions, modules.

Layout follows the data layout string of x86_64-linux (LLVM Language Reference, "Data Layout"):
i128 and odd integers above 64 bits are aligned to 16, odd ones below to the next power of two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property

_ADDRESSES = (1 << 64) - 1  # sizes and offsets are taken modulo 2**64, as LLVM does


class RefusedError(Exception):
    """A function the bytecode cannot express; the message is the reason, in a few words."""


@dataclass(frozen=True)
class Type:
    """A first-class type.

    Args:
        kind: "int", "float", "double", "ptr", "void", "struct", "array", "vector", "opaque", or
            the name of a type that is never interpreted ("x86_fp80", "metadata", …).
        bits: width of an integer.
        count: elements of an array or vector.
        members: member types of a struct; the element of an array or vector.
        packed: a struct without padding.
    """

    kind: str
    bits: int = 0
    count: int = 0
    members: tuple[Type, ...] = ()
    packed: bool = False

    def __str__(self) -> str:
        if self.kind == "int":
            return f"i{self.bits}"
        if self.kind in {"array", "vector"}:
            return f"{self.kind} of {self.count} {self.members[0]}"
        return self.kind

    @cached_property
    def store_size(self) -> int:
        """Bytes that a load or store of it touches."""
        if self.kind == "int":
            return (self.bits + 7) // 8
        if self.kind == "vector":
            return self.members[0].store_size * self.count
        if self.kind == "array":
            return self.members[0].size * self.count & _ADDRESSES  # clang makes arrays of -1 bytes in ms_struct
        if self.kind == "struct":
            return self.offsets[-1]
        sizes = {"float": 4, "double": 8, "ptr": 8, "x86_fp80": 10, "fp128": 16, "half": 2, "bfloat": 2}
        if self.kind not in sizes:
            raise RefusedError(f"type {self}")
        return sizes[self.kind]

    @cached_property
    def align(self) -> int:
        """The ABI alignment in bytes."""
        if self.kind == "array":
            return self.members[0].align
        if self.kind == "struct":
            return 1 if self.packed else max((m.align for m in self.members), default=1)
        size = self.store_size
        power = 1 << max(0, size - 1).bit_length()
        return power if self.kind == "vector" else min(16, power)

    @cached_property
    def size(self) -> int:
        """Bytes from one array element to the next."""
        return -(-self.store_size // self.align) * self.align

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Offsets of a struct's members, then its size."""
        found: list[int] = []
        at = 0
        for member in self.members:
            if not self.packed:
                at = -(-at // member.align) * member.align
            found.append(at)
            at = (at + member.size) & _ADDRESSES
        return (*found, -(-at // self.align) * self.align)


VOID = Type("void")
PTR = Type("ptr")


@cache
def int_type(bits: int) -> Type:
    """The integer type of that width."""
    return Type("int", bits=bits)


@dataclass(frozen=True)
class Local:
    """A value of the function: argument, instruction or block."""

    type: Type
    name: str


@dataclass(frozen=True)
class Constant:
    """A scalar's bits: integers modulo their width, floats as IEEE 754, null and undefined as 0."""

    type: Type
    value: int


@dataclass(frozen=True)
class Aggregate:
    """A constant struct or array, element by element."""

    type: Type
    elements: tuple[Operand, ...]


@dataclass(frozen=True)
class Global:
    """The address of a function or variable."""

    type: Type
    name: str


@dataclass(frozen=True)
class Expression:
    """A constant expression; `source` is a getelementptr's element type."""

    type: Type
    op: str
    operands: tuple[Operand, ...]
    source: Type = VOID


@dataclass(frozen=True)
class Unsupported:
    """An operand that no function with bytecode may have; `reason` says what it is."""

    type: Type
    reason: str


Operand = Local | Constant | Aggregate | Global | Expression | Unsupported


@dataclass(frozen=True)
class Argument:
    """A parameter, or an argument at a call, with what the ABI needs to know; `word`: of metadata, the string."""

    type: Type
    operand: Operand | None
    sign: bool = False
    byval: Type | None = None
    align: int = 0
    sret: bool = False
    word: str = ""


@dataclass
class Instruction:
    """One instruction.

    Args:
        name: of the result, "" without one.
        op: LLVM's opcode word.
        type: of the result (of the stored value for a store).
        operands: in LLVM's order; a phi's incoming values.
        blocks: a terminator's successors in LLVM's order; a phi's predecessors.
        word: predicate, cast kind or atomic operation.
        source: allocated, loaded or indexed type.
        numbers: case values of a switch, indices of extractvalue, alignment of an alloca.
        arguments: of a call.
        flags: "variadic", "volatile", "atomic", "returns_twice", "sext" (a call's result).
    """

    name: str
    op: str
    type: Type
    operands: tuple[Operand, ...] = ()
    blocks: tuple[str, ...] = ()
    word: str = ""
    source: Type = VOID
    numbers: tuple[int, ...] = ()
    arguments: tuple[Argument, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass
class Block:
    """A basic block; its last instruction is the terminator."""

    name: str
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def terminator(self) -> Instruction:
        """The instruction that leaves the block."""
        return self.instructions[-1]


@dataclass
class Function:
    """A function; without blocks it is a declaration."""

    name: str
    returns: Type
    sign: bool
    parameters: tuple[Argument, ...]
    variadic: bool
    attributes: frozenset[str]
    blocks: list[Block] = field(default_factory=list)
    refused: str = ""


@dataclass
class Module:
    """What the parser found."""

    functions: dict[str, Function] = field(default_factory=dict)
    thread_locals: set[str] = field(default_factory=set)
    weak: set[str] = field(default_factory=set)
