"""Binary layouts as data: records of fixed-width little-endian fields, enumerations, constants.

A `Layout` is one format. From it come the encoder and decoder used here, one C header (`gen_c`) and one
page of documentation (`gen_doc`). A field that its natural alignment would move is refused: padding is
always written out, so that C, assembly and Python agree without `packed`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CODES = {
    "u8": ("B", 1),
    "u16": ("H", 2),
    "u32": ("I", 4),
    "u64": ("Q", 8),
    "i32": ("i", 4),
    "i64": ("q", 8),
    "f64": ("d", 8),
}


@dataclass(frozen=True)
class Field:
    """One member of a record.

    Args:
        name: the member's name, in C and in Python.
        kind: "u8", "u16", "u32", "u64", "i32", "i64", "f64", or "bytes" for raw octets.
        doc: what it holds, with its unit.
        count: array length; for "bytes" the number of octets.
    """

    name: str
    kind: str
    doc: str
    count: int = 1

    @property
    def alignment(self) -> int:
        """The natural alignment in bytes."""
        return 1 if self.kind == "bytes" else _CODES[self.kind][1]

    @property
    def size(self) -> int:
        """The size of the whole member in bytes."""
        return self.alignment * self.count

    @property
    def code(self) -> str:
        """The `struct` code of the whole member."""
        if self.kind == "bytes":
            return f"{self.count}s"
        return f"{self.count if self.count > 1 else ''}{_CODES[self.kind][0]}"


@dataclass(frozen=True)
class Record:
    """A C structure without holes.

    Raises:
        ValueError: when a field is not naturally aligned, or the size is not a multiple of the widest.
    """

    name: str
    doc: str
    fields: tuple[Field, ...]
    offsets: Mapping[str, int] = field(init=False, compare=False)
    size: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        offsets: dict[str, int] = {}
        at = 0
        for member in self.fields:
            if at % member.alignment:
                raise ValueError(f"{self.name}.{member.name} is misaligned at offset {at}: write out the padding")
            offsets[member.name] = at
            at += member.size
        widest = max(member.alignment for member in self.fields)
        if at % widest:
            raise ValueError(f"{self.name} has size {at}, no multiple of {widest}: write out the padding")
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "size", at)

    @property
    def format(self) -> str:
        """The `struct` format of the whole record."""
        return "<" + "".join(member.code for member in self.fields)

    def encode(self, **values: Any) -> bytes:
        """Encode a record; a field that is not named is zero.

        Raises:
            KeyError: for a name that is no field.
            struct.error: for a value that does not fit.
        """
        unknown = values.keys() - self.offsets.keys()
        if unknown:
            raise KeyError(f"{self.name} has no field {min(unknown)}")
        flat: list[Any] = []
        for member in self.fields:
            if member.kind == "bytes":
                flat.append(values.get(member.name, b""))
            elif member.count == 1:
                flat.append(values.get(member.name, 0))
            else:
                given = tuple(values.get(member.name, ()))
                flat.extend(given + (0,) * (member.count - len(given)))
        return struct.pack(self.format, *flat)

    def decode(self, data: bytes | bytearray | memoryview, offset: int = 0) -> dict[str, Any]:
        """Decode one record; arrays come back as tuples.

        Raises:
            struct.error: when fewer than `size` bytes are left.
        """
        flat = list(struct.unpack_from(self.format, data, offset))
        values: dict[str, Any] = {}
        for member in self.fields:
            if member.kind == "bytes" or member.count == 1:
                values[member.name] = flat.pop(0)
            else:
                values[member.name] = tuple(flat[: member.count])
                del flat[: member.count]
        return values


@dataclass(frozen=True)
class Constant:
    """A number that C, assembly and Python share; `name` is its whole C name."""

    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """Named numbers with a common C prefix: member `x` of prefix `P` is `P_X` in C."""

    name: str
    prefix: str
    doc: str
    members: Mapping[str, tuple[int, str]]

    def __getitem__(self, member: str) -> int:
        return self.members[member][0]

    def name_of(self, value: int) -> str:
        """The member's name, or `unknown-N` for a number that has none."""
        for name, (number, _) in self.members.items():
            if number == value:
                return name
        return f"unknown-{value}"

    def doc_of(self, value: int) -> str:
        """The member's description, or an empty string."""
        for number, doc in self.members.values():
            if number == value:
                return doc
        return ""


@dataclass(frozen=True)
class Layout:
    """One format: what the header and the documentation page are made from."""

    name: str
    title: str
    doc: str
    constants: tuple[Constant, ...] = ()
    enumerations: tuple[Enumeration, ...] = ()
    records: tuple[Record, ...] = ()
