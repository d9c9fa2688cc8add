"""Makes the C library's last resort a breakpoint: an archive with `int3` wherever its code has `hlt`.

musl ends a program that it cannot trust any more, an overrun array on the stack for instance, by `hlt`. Ring 3 may not
do that: Linux kills it. Our workloads run in ring 0, where the CPU would only stop, without a word. Both instructions
have one byte; nothing else in the archive changes. Format: System V's `ar`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise

import capstone
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

MAGIC = b"!<arch>\n"
HEADER_SIZE = 60
EXECUTABLE = 4  # SHF_EXECINSTR
HALT, BREAKPOINT = b"\xf4", b"\xcc"


def halts_as_breakpoints(archive: bytes) -> bytes:
    """Return an archive of x86-64 objects whose code traps where it halted."""
    changed = bytearray(archive)
    for start, size in members(archive):
        data = archive[start : start + size]
        if data.startswith(b"\x7fELF") and HALT in data:
            for at in halts(data):
                changed[start + at : start + at + 1] = BREAKPOINT
    return bytes(changed)


def members(archive: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each member's bytes begin, and how many they are."""
    at = len(MAGIC)
    while at + HEADER_SIZE <= len(archive):
        size = int(archive[at + 48 : at + 58])
        yield at + HEADER_SIZE, size
        at += HEADER_SIZE + size + size % 2


def halts(data: bytes) -> list[int]:
    """Return where in an object file its functions halt."""
    elf = ELFFile(io.BytesIO(data))
    table = elf.get_section_by_name(".symtab")
    starts: dict[int, set[int]] = {}
    for symbol in table.iter_symbols() if isinstance(table, SymbolTableSection) else ():
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and isinstance(symbol["st_shndx"], int):
            starts.setdefault(symbol["st_shndx"], set()).add(int(symbol["st_value"]))
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    found = []
    for index, section in enumerate(elf.iter_sections()):
        if not section["sh_flags"] & EXECUTABLE or section["sh_type"] == "SHT_NOBITS":
            continue
        code = section.data()
        edges = sorted({0, len(code)} | starts.get(index, set()))
        for begin, end in pairwise(edges):
            body = code[begin:end]
            if HALT in body:
                lines = engine.disasm_lite(body, begin)
                found += [section["sh_offset"] + place for place, _, name, _ in lines if name == "hlt"]
    return found
