"""What lies at an address: functions and code of the snapshot on an image, and of its kernel.

The snapshot's own function table names every function. The kernel brings no names along: they come from the
ELF file that its build left in the cache, if it is still there, and so do the unwind tables of both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol as ElfSymbol
from elftools.elf.sections import SymbolTableSection

from bareflow.compile.freestanding import flat_bytes
from bareflow.errors import BareFlowError
from bareflow.image.disk import read_file
from bareflow.layouts.boot import KERNEL_HEADER
from bareflow.machine.codemap import Code, CodeMap, Symbol
from bareflow.snapshot.contents import SEGMENT_EXECUTE
from bareflow.snapshot.reader import read_snapshot
from bareflow.toolchain import cache_dir

_PF_X = 1


def image_code(image: Path, build_id: bytes = b"") -> CodeMap:
    """Read what an image tells of its code. What is missing or damaged is left out: this serves crash reports.

    Args:
        image: the file.
        build_id: of the program that ran, where the image has it for several CPUs.
    """
    maps = []
    for read in (partial(_snapshot_code, build_id=build_id), _kernel_code):
        with contextlib.suppress(BareFlowError, OSError, ELFError):
            maps.append(read(image))
    return CodeMap(
        symbols=[symbol for part in maps for symbol in part.symbols],
        code=[piece for part in maps for piece in part.code],
        elves=[path for part in maps for path in part.elves],
    )


def _snapshot_code(image: Path, build_id: bytes) -> CodeMap:
    found = read_snapshot(read_file(image, "OPTIMIZED_SNAPSHOT.BIN"))
    snapshot = next((one.contents for _, one in found.targets if one.build_id == build_id), found.contents)
    symbols = [Symbol(f.name, f.address, f.size, "workload", f.tier) for f in snapshot.functions]
    code = [Code(s.address, s.data) for s in snapshot.segments if s.flags & SEGMENT_EXECUTE]
    known = CodeMap(symbols, code)
    elf = cache_dir() / "elf" / f"{snapshot.build_id.hex()}.elf"
    if not elf.exists():
        return known
    # The table has the workload's own functions; the ELF file also has the C library's.
    library = [symbol for symbol in elf_code(elf, "workload").symbols if known.find(symbol.address) is None]
    return CodeMap([*symbols, *library], code, [elf])


def _kernel_code(image: Path) -> CodeMap:
    elf = kernel_elf(read_file(image, "KERNEL.BIN"))
    return elf_code(elf, "kernel") if elf else CodeMap()


def kernel_elf(kernel: bytes) -> Path | None:
    """The ELF file that a KERNEL.BIN was made from, if its build is still in the cache."""
    for path in (cache_dir() / "freestanding").glob("kernel-*/kernel.elf"):
        if _unsealed(flat_bytes(path.read_bytes())) == _unsealed(kernel):
            return path
    return None


def _unsealed(kernel: bytes) -> bytes:
    """A KERNEL.BIN without what is filled in after linking."""
    plain = bytearray(kernel)
    for name in ("file_size", "crc32"):
        at = KERNEL_HEADER.offsets[name]
        plain[at : at + 4] = bytes(4)
    return bytes(plain)


def elf_code(path: Path, module: str) -> CodeMap:
    """Functions and code of an ELF file.

    Raises:
        OSError, ELFError: when it cannot be read.
    """
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        code = [Code(s["p_vaddr"], s.data()) for s in elf.iter_segments("PT_LOAD") if s["p_flags"] & _PF_X]
        table = elf.get_section_by_name(".symtab")
        entries = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
        return CodeMap(list(_functions(entries, module)), code, [path])


def _functions(entries: Iterable[ElfSymbol], module: str) -> Iterable[Symbol]:
    for entry in entries:
        label = entry["st_info"]["type"] == "STT_NOTYPE" and entry["st_shndx"] != "SHN_ABS"
        code = entry["st_info"]["type"] == "STT_FUNC" or label
        if code and entry.name and entry["st_shndx"] != "SHN_UNDEF":
            yield Symbol(entry.name, entry["st_value"], entry["st_size"], module)
