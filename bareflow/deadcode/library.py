"""The functions of a shared library: where they begin, how long they are, and who may call them.

From the symbol table where there is one; a stripped library still has a frame description for each function, by
which stacks are unwound. Offsets count from the library's base address.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow.errors import ToolError

STT_FUNC = 2  # System V gABI, symbol table
SHN_UNDEF = 0
SYMBOLS, FRAMES = "symbol table", "unwind tables (the library is stripped)"
_SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym: name, info, other, section, value, size
_TABLE_ENCODING = 0x3B  # DW_EH_PE_datarel | DW_EH_PE_sdata4: what every linker writes into .eh_frame_hdr


@dataclass(frozen=True)
class Library:
    """A shared library, looked at and not loaded.

    Args:
        path: the file.
        size_bytes: of the file.
        sizes: bytes of each function by its offset, ascending; aliases count once.
        source: where that was read: `SYMBOLS` or `FRAMES`.
        exported: names of the functions that it offers to programs.
        imported: names that it takes from other libraries.
        code: offset and bytes of its executable segment, in whole pages.
        initialisers: functions that run when it is loaded.
    """

    path: Path
    size_bytes: int
    sizes: Mapping[int, int]
    source: str
    exported: tuple[str, ...]
    imported: tuple[str, ...]
    code: tuple[int, int]
    initialisers: int

    @property
    def code_bytes(self) -> int:
        """Bytes of all functions."""
        return sum(self.sizes.values())


def read_library(path: Path) -> Library:
    """Read a library's functions.

    Raises:
        ToolError: it is no library that can be read.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            sizes, source = _functions(elf)
            exported, imported = _dynamic(elf)
            loads = [s for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & 1]
            if len(loads) != 1 or not sizes:
                raise ToolError(f"{path} is laid out as no library of functions is.")
            start = loads[0]["p_vaddr"] & ~4095
            end = -(-(loads[0]["p_vaddr"] + loads[0]["p_memsz"]) // 4096) * 4096
            within = {at: size for at, size in sorted(sizes.items()) if start <= at < end}
            table = elf.get_section_by_name(".init_array")
            count = table["sh_size"] // 8 if table else 0
    except (OSError, ELFError) as problem:
        raise ToolError(f"{path} cannot be read: {problem}.") from None
    return Library(path, path.stat().st_size, within, source, exported, imported, (start, end - start), count)


def file_offset(elf: ELFFile, address: int) -> int:
    """Where in the file an address's byte is."""
    for segment in elf.iter_segments("PT_LOAD"):
        into = address - segment["p_vaddr"]
        if 0 <= into < segment["p_filesz"]:
            return int(segment["p_offset"] + into)
    raise ToolError(f"The address {address:#x} is in no segment.")


def _functions(elf: ELFFile) -> tuple[dict[int, int], str]:
    table = elf.get_section_by_name(".symtab")
    sizes: dict[int, int] = {}
    if table is not None:
        for _, info, _, section, value, size in _SYMBOL.iter_unpack(table.data()):
            if info & 15 == STT_FUNC and section != SHN_UNDEF and size:
                sizes[value] = max(size, sizes.get(value, 0))
        return sizes, SYMBOLS
    return dict(_framed(elf)), FRAMES


def _framed(elf: ELFFile) -> Iterator[tuple[int, int]]:
    """Offset and size of what each frame description covers, by the search table of .eh_frame_hdr (LSB 10.6.2)."""
    head, frames = elf.get_section_by_name(".eh_frame_hdr"), elf.get_section_by_name(".eh_frame")
    if head is None or frames is None:
        return
    data, body = head.data(), frames.data()
    if data[3] != _TABLE_ENCODING:
        return
    (count,) = struct.unpack_from("<I", data, 8)
    for start, description in struct.iter_unpack("<ii", data[12 : 12 + 8 * count]):
        at = head["sh_addr"] + description - frames["sh_addr"]
        (size,) = struct.unpack_from("<I", body, at + 12)  # length, CIE pointer, start, then the range
        if size:
            yield head["sh_addr"] + start, size


def _dynamic(elf: ELFFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    table = elf.get_section_by_name(".dynsym")
    exported, imported = set(), set()
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
            exported.add(symbol.name)
        elif symbol["st_shndx"] == "SHN_UNDEF" and symbol.name:
            imported.add(symbol.name)
    return tuple(sorted(exported)), tuple(sorted(imported))
