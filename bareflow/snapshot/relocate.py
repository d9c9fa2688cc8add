"""Links one compiled function into a running image: an ELF object becomes bytes for a given address.

Code and read-only data of the object are laid out one behind the other; what is writable is refused, because
globals live once, in the base. Relocation kinds are one table; any other is an error that names kind and symbol.
Source: System V ABI, AMD64 supplement, "Relocation Types", and its section on relaxing GOTPCRELX.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_x64
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

from bareflow.errors import LinkError

_WRITE, _ALLOC, _EXECUTE = 1, 2, 4
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


def plan_object(data: bytes, entry: str) -> Plan:
    """Lay out a function's code and read-only data.

    Args:
        data: an ELF64 x86-64 relocatable file.
        entry: the symbol of the function wanted.

    Raises:
        LinkError: not such a file, writable data, an unknown relocation kind, or no such function.
    """
    try:
        elf = ELFFile(io.BytesIO(data))
        if elf["e_machine"] != "EM_X86_64" or elf["e_type"] != "ET_REL":
            raise LinkError(f"The object of {entry} is no x86-64 relocatable file.")
        return _plan(elf, entry)
    except (ELFError, struct.error, UnicodeDecodeError) as problem:
        raise LinkError(f"The object of {entry} is damaged.", detail=str(problem)) from None


def _plan(elf: ELFFile, entry: str) -> Plan:
    table = next((one for one in elf.iter_sections() if isinstance(one, SymbolTableSection)), None)
    if table is None:
        raise LinkError(f"The object of {entry} has no symbols.")
    pieces, offsets, end = _lay_out(elf, entry, _needed(elf, table, entry))
    names = _symbol_names(table, offsets)
    symbols = {name: offset for name, offset in names.values() if offset is not None}
    relocations = tuple(_relocations(elf, names, offsets, entry))
    got: dict[str, int] = {}
    end = -(-end // 8) * 8
    for one in relocations:
        if kind_name(one.kind) in _THROUGH_GOT and one.symbol not in got:
            got[one.symbol] = end
            end += 8
    if entry not in symbols:
        raise LinkError(f"The object of {entry} does not define it.")
    size = next(symbol["st_size"] for symbol in table.iter_symbols() if symbol.name == entry)
    weak = frozenset(one.name for one in table.iter_symbols() if one["st_info"]["bind"] == "STB_WEAK")
    return Plan(tuple(pieces), relocations, symbols, symbols[entry], size, end, got, weak)


def _needed(elf: ELFFile, table: SymbolTableSection, entry: str) -> set[int]:
    """The section that a function is in and all that it leads to: its object may hold other functions as well."""
    homes = [symbol["st_shndx"] for symbol in table.iter_symbols()]
    leads: dict[int, set[int]] = {}
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection):
            to = {homes[one["r_info_sym"]] for one in section.iter_relocations()}
            leads.setdefault(section["sh_info"], set()).update(home for home in to if isinstance(home, int))
    waiting = [symbol["st_shndx"] for symbol in table.iter_symbols() if symbol.name == entry]
    found: set[int] = set()
    while waiting:
        at = waiting.pop()
        if isinstance(at, int) and at not in found:
            found.add(at)
            waiting += leads.get(at, ())
    return found


def _lay_out(elf: ELFFile, entry: str, needed: set[int]) -> tuple[list[Piece], dict[int, int], int]:
    """Sections that stay, code first; their offsets by section index; and the end."""
    pieces: list[Piece] = []
    offsets: dict[int, int] = {}
    at = 0
    wanted = [(at, one) for at, one in enumerate(elf.iter_sections()) if at in needed and _wanted(one, entry)]
    for index, one in sorted(wanted, key=lambda pair: not pair[1]["sh_flags"] & _EXECUTE):
        code = bool(one["sh_flags"] & _EXECUTE)
        align = max(one["sh_addralign"], _ROW if code else 1)
        if align > 4096:
            raise LinkError(f"Section {one.name} of {entry} wants an alignment of {align} bytes.")
        at = -(-at // align) * align
        offsets[index] = at
        pieces.append(Piece(one.name, at, one.data(), code))
        at += one["sh_size"]
    return pieces, offsets, at


def _wanted(section: Section, entry: str) -> bool:
    """Whether a section goes into the blob; call-frame information and notes do not."""
    flags, size, name = section["sh_flags"], section["sh_size"], section.name
    if not flags & _ALLOC or not size or name.startswith((".eh_frame", ".note", ".llvm")):
        return False
    if flags & _WRITE and not name.startswith(".data.rel.ro"):
        raise LinkError(f"The object of {entry} has writable data in {name}, which may exist only once, in the base.")
    return True


def _symbol_names(table: SymbolTableSection, offsets: Mapping[int, int]) -> dict[int, tuple[str, int | None]]:
    """Symbol index → name and offset in the blob, None where another image defines it."""
    names: dict[int, tuple[str, int | None]] = {}
    for index, symbol in enumerate(table.iter_symbols()):
        place = symbol["st_shndx"]
        if place in offsets:
            local = symbol["st_info"]["bind"] == "STB_LOCAL"
            name = f"{symbol.name}#{index}" if local else symbol.name  # local names need not be unique
            names[index] = (name, offsets[place] + symbol["st_value"])
        elif place == "SHN_ABS":
            names[index] = (symbol.name, None)
        else:
            names[index] = (symbol.name, None)
    return names


def _relocations(
    elf: ELFFile, names: Mapping[int, tuple[str, int | None]], offsets: Mapping[int, int], entry: str
) -> list[Relocation]:
    found: list[Relocation] = []
    for section in elf.iter_sections():
        if not isinstance(section, RelocationSection) or section["sh_info"] not in offsets:
            continue
        base = offsets[section["sh_info"]]
        for one in section.iter_relocations():
            kind, (symbol, _) = one["r_info_type"], names[one["r_info_sym"]]
            if kind_name(kind) not in PATCHES:
                raise LinkError(f"{entry} uses {kind_name(kind)} for {symbol}, which we do not link.")
            found.append(Relocation(base + one["r_offset"], kind, symbol, one["r_addend"]))
    return found


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
