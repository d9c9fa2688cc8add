"""Links one compiled function into a running image: an ELF object becomes bytes for a given address.

Code and read-only data of the object are laid out one behind the other; what is writable is refused, because
globals live once, in the base. Relocation kinds are one table; any other is an error that names kind and symbol.
Source: System V ABI, AMD64 supplement, "Relocation Types", and its section on relaxing GOTPCRELX.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_x64
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Symbol, SymbolTableSection

from bareflow.errors import LinkError

_LATER = {"R_X86_64_GOTPCRELX": 41, "R_X86_64_REX_GOTPCRELX": 42}  # pyelftools' table lacks the first
KINDS = {**{name: value for name, value in ENUM_RELOC_TYPE_x64.items() if isinstance(value, int)}, **_LATER}
_KIND_NAMES = {value: name for name, value in KINDS.items()}
_ROW = 64  # bytes in a cache line: where code begins


@dataclass(frozen=True)
class Piece:
    """A section of the object and where it lies in the blob."""

    name: str
    offset: int
    data: bytes
    code: bool


@dataclass(frozen=True)
class Relocation:
    """One field to fill in: `offset` bytes into the blob, `kind` its R_X86_64 number."""

    offset: int
    kind: int
    symbol: str
    addend: int


@dataclass(frozen=True)
class Plan:
    """An object laid out but not placed.

    Args:
        pieces: its sections.
        relocations: what is to be filled in.
        symbols: symbols defined in it → offset in the blob.
        entry: offset of the function that was asked for.
        code_size: bytes of that function.
        size: bytes of the blob, with room for the addresses that GOT references need.
        got: symbol → offset of the word that holds its address.
        weak: symbols that are at address 0 where nobody has them.
    """

    pieces: tuple[Piece, ...]
    relocations: tuple[Relocation, ...]
    symbols: Mapping[str, int]
    entry: int
    code_size: int
    size: int
    got: Mapping[str, int]
    weak: frozenset[str] = frozenset()


@dataclass
class _Site:
    """A field being patched."""

    blob: bytearray
    offset: int
    place: int  # its address
    target: int  # symbol's address
    addend: int
    got: int | None  # address of the word that holds the symbol's address


def _put(site: _Site, form: str, value: int) -> None:
    struct.pack_into(form, site.blob, site.offset, value)


def _absolute64(site: _Site) -> None:
    _put(site, "<Q", (site.target + site.addend) & 0xFFFFFFFFFFFFFFFF)


def _absolute32(site: _Site) -> None:
    _put(site, "<I", site.target + site.addend)


def _absolute32s(site: _Site) -> None:
    _put(site, "<i", site.target + site.addend)


def _relative32(site: _Site) -> None:
    _put(site, "<i", site.target + site.addend - site.place)


def _relative64(site: _Site) -> None:
    _put(site, "<q", site.target + site.addend - site.place)


def _through_got(site: _Site) -> None:
    """A load of the symbol's address: `mov` becomes `lea`, an indirect call or jump a direct one, the rest loads."""
    opcode = bytes(site.blob[site.offset - 2 : site.offset])
    if site.addend == -4 and opcode[0:1] == b"\x8b":
        site.blob[site.offset - 2] = 0x8D
    elif site.addend == -4 and opcode == b"\xff\x15":
        site.blob[site.offset - 2 : site.offset] = b"\x67\xe8"  # addr32 call
    elif site.addend == -4 and opcode == b"\xff\x25":
        site.blob[site.offset - 2] = 0xE9  # jmp, and a nop where the field's last byte was
        site.blob[site.offset + 3] = 0x90
        struct.pack_into("<i", site.blob, site.offset - 1, site.target - site.place - 3)
        return
    else:
        assert site.got is not None
        _put(site, "<i", site.got + site.addend - site.place)
        return
    _relative32(site)


PATCHES: Mapping[str, Callable[[_Site], None]] = {
    "R_X86_64_64": _absolute64,
    "R_X86_64_PC32": _relative32,
    "R_X86_64_PLT32": _relative32,
    "R_X86_64_32": _absolute32,
    "R_X86_64_32S": _absolute32s,
    "R_X86_64_PC64": _relative64,
    "R_X86_64_TPOFF32": _absolute32s,  # a thread-local symbol's "address" is its distance to the thread pointer
    "R_X86_64_GOTPCREL": _through_got,
    "R_X86_64_GOTPCRELX": _through_got,
    "R_X86_64_REX_GOTPCRELX": _through_got,
}
_THROUGH_GOT = frozenset(name for name, patch in PATCHES.items() if patch is _through_got)


def kind_name(kind: int) -> str:
    """The name of a relocation kind, or its number."""
    return _KIND_NAMES.get(kind, f"relocation kind {kind}")


@dataclass(frozen=True)
class _Section:
    """A section as far as linking goes."""

    name: str
    flags: int
    size: int
    align: int
    data: bytes


@dataclass(frozen=True)
class _Symbol:
    """A row of the symbol table; `home` is its section, None where that is none of the object's."""

    name: str
    bind: str
    home: int | None
    value: int
    size: int


@dataclass(frozen=True)
class _Object:
    """What an ELF object says, read once: one that holds several functions is planned for each of them.

    Args:
        sections: by their index.
        symbols: by theirs; empty where there is no table.
        relocations: section index → (offset, kind, symbol index, addend).
    """

    sections: tuple[_Section, ...]
    symbols: tuple[_Symbol, ...]
    relocations: Mapping[int, tuple[tuple[int, int, int, int], ...]]


def plan_object(data: bytes, entry: str) -> Plan:
    """Lay out a function's code and read-only data.

    Args:
        data: an ELF64 x86-64 relocatable file.
        entry: the symbol of the function wanted.

    Raises:
        LinkError: not such a file, writable data, an unknown relocation kind, or no such function.
    """
    try:
        return _plan(_read(data), entry)
    except (ELFError, struct.error, UnicodeDecodeError, IndexError) as problem:
        raise LinkError(f"The object of {entry} is damaged.", detail=str(problem)) from None
    except _NoObject:
        raise LinkError(f"The object of {entry} is no x86-64 relocatable file.") from None


class _NoObject(Exception):  # noqa: N818  plan_object says whose it is
    """An ELF file of another kind."""


@lru_cache(maxsize=16)
def _read(data: bytes) -> _Object:
    elf = ELFFile(io.BytesIO(data))
    if elf["e_machine"] != "EM_X86_64" or elf["e_type"] != "ET_REL":
        raise _NoObject
    sections: list[_Section] = []
    symbols: tuple[_Symbol, ...] = ()
    relocations: dict[int, tuple[tuple[int, int, int, int], ...]] = {}
    for one in elf.iter_sections():
        flags = one["sh_flags"]
        content = one.data() if flags & SH_FLAGS.SHF_ALLOC and one["sh_size"] else b""
        sections.append(_Section(one.name, flags, one["sh_size"], one["sh_addralign"], content))
        if isinstance(one, SymbolTableSection) and not symbols:
            symbols = tuple(map(_symbol, one.iter_symbols()))
        elif isinstance(one, RelocationSection) and one.is_RELA():  # .llvm.call-graph-profile has another kind
            rows = (
                (row["r_offset"], row["r_info_type"], row["r_info_sym"], row["r_addend"])
                for row in one.iter_relocations()
            )
            relocations[one["sh_info"]] = (*relocations.get(one["sh_info"], ()), *rows)
    return _Object(tuple(sections), symbols, relocations)


def _symbol(row: Symbol) -> _Symbol:
    home = row["st_shndx"]
    return _Symbol(
        row.name, row["st_info"]["bind"], home if isinstance(home, int) else None, row["st_value"], row["st_size"]
    )


def _plan(file: _Object, entry: str) -> Plan:
    if not file.symbols:
        raise LinkError(f"The object of {entry} has no symbols.")
    pieces, offsets, end = _lay_out(file, entry)
    names = _symbol_names(file.symbols, offsets)
    symbols = {name: offset for name, offset in names if offset is not None}
    relocations = tuple(_relocations(file, names, offsets, entry))
    got: dict[str, int] = {}
    end = -(-end // 8) * 8
    for one in relocations:
        if kind_name(one.kind) in _THROUGH_GOT and one.symbol not in got:
            got[one.symbol] = end
            end += 8
    if entry not in symbols:
        raise LinkError(f"The object of {entry} does not define it.")
    size = next(symbol.size for symbol in file.symbols if symbol.name == entry)
    weak = frozenset(one.name for one in file.symbols if one.bind == "STB_WEAK")
    return Plan(tuple(pieces), relocations, symbols, symbols[entry], size, end, got, weak)


def _needed(file: _Object, entry: str) -> set[int]:
    """The section that a function is in and all that it leads to: its object may hold other functions as well."""
    waiting = [one.home for one in file.symbols if one.name == entry]
    found: set[int] = set()
    while waiting:
        at = waiting.pop()
        if at is not None and at not in found:
            found.add(at)
            waiting += [file.symbols[symbol].home for _, _, symbol, _ in file.relocations.get(at, ())]
    return found


def _lay_out(file: _Object, entry: str) -> tuple[list[Piece], dict[int, int], int]:
    """Sections that the function needs, code first; their offsets by section index; and the end."""
    pieces: list[Piece] = []
    offsets: dict[int, int] = {}
    at = 0
    wanted = [(index, file.sections[index]) for index in sorted(_needed(file, entry))]
    wanted = [(index, one) for index, one in wanted if _wanted(one, entry)]
    for index, one in sorted(wanted, key=lambda pair: not pair[1].flags & SH_FLAGS.SHF_EXECINSTR):
        code = bool(one.flags & SH_FLAGS.SHF_EXECINSTR)
        align = max(one.align, _ROW if code else 1)
        if align > 4096:
            raise LinkError(f"Section {one.name} of {entry} wants an alignment of {align} bytes.")
        at = -(-at // align) * align
        offsets[index] = at
        pieces.append(Piece(one.name, at, one.data, code))
        at += one.size
    return pieces, offsets, at


def _wanted(section: _Section, entry: str) -> bool:
    """Whether a section goes into the blob; call-frame information and notes do not."""
    if (
        not section.flags & SH_FLAGS.SHF_ALLOC
        or not section.size
        or section.name.startswith((".eh_frame", ".note", ".llvm"))
    ):
        return False
    if section.flags & SH_FLAGS.SHF_WRITE and not section.name.startswith(".data.rel.ro"):
        raise LinkError(
            f"The object of {entry} has writable data in {section.name}, which may exist only once, in the base."
        )
    return True


def _symbol_names(symbols: Iterable[_Symbol], offsets: Mapping[int, int]) -> list[tuple[str, int | None]]:
    """By symbol index: name and offset in the blob, None where another image defines it."""
    names: list[tuple[str, int | None]] = []
    for index, one in enumerate(symbols):
        if one.home is not None and one.home in offsets:
            name = f"{one.name}#{index}" if one.bind == "STB_LOCAL" else one.name  # local names need not be unique
            names.append((name, offsets[one.home] + one.value))
        else:
            names.append((one.name, None))
    return names


def _relocations(
    file: _Object, names: Sequence[tuple[str, int | None]], offsets: Mapping[int, int], entry: str
) -> Iterator[Relocation]:
    for section, base in offsets.items():
        for offset, kind, number, addend in file.relocations.get(section, ()):
            symbol, _ = names[number]
            if kind_name(kind) not in PATCHES:
                raise LinkError(f"{entry} uses {kind_name(kind)} for {symbol}, which we do not link.")
            yield Relocation(base + offset, kind, symbol, addend)


def place_object(plan: Plan, address: int, symbols: Mapping[str, int]) -> bytes:
    """Fill in an object's relocations for an address.

    Args:
        plan: from `plan_object`.
        address: where the blob's first byte will be.
        symbols: the running image's symbols; thread-local ones as distance to the thread pointer.

    Returns:
        The blob.

    Raises:
        LinkError: an undefined symbol, or a distance that its field cannot hold.
    """
    blob = bytearray(b"\xcc" * plan.size)  # int3 between the pieces
    for piece in plan.pieces:
        blob[piece.offset : piece.offset + len(piece.data)] = piece.data
    for symbol, offset in plan.got.items():
        struct.pack_into("<Q", blob, offset, _address(plan, symbol, address, symbols))
    for one in plan.relocations:
        got = plan.got.get(one.symbol)
        site = _Site(
            blob,
            one.offset,
            address + one.offset,
            _address(plan, one.symbol, address, symbols),
            one.addend,
            None if got is None else address + got,
        )
        try:
            PATCHES[kind_name(one.kind)](site)
        except struct.error:
            raise LinkError(
                f"{kind_name(one.kind)} cannot reach {one.symbol} at {site.target:#x} from {site.place:#x}."
            ) from None
    return bytes(blob)


def _address(plan: Plan, symbol: str, address: int, symbols: Mapping[str, int]) -> int:
    if symbol in plan.symbols:
        return address + plan.symbols[symbol]
    if symbol not in symbols and symbol in plan.weak:
        return 0
    if symbol not in symbols:
        raise LinkError(f"{symbol} is not in the running image.", "What the base does not hold cannot be called.")
    return symbols[symbol]
