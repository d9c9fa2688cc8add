"""Objects + musl → one program at fixed addresses, and from it what a code snapshot says.

ld.lld lays it out by runtime/snapshot.ld. The unwind tables stay in the ELF file but in no segment, so they
cost no payload and the host can still walk a crashed guest's stack.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow.compile.cpu import Feature as CpuFeature
from bareflow.compile.frontend import clang
from bareflow.compile.libc import static_libc
from bareflow.compile.tiers import ObjectCode
from bareflow.errors import LinkError
from bareflow.layouts.snapshot import CPUID_WORD
from bareflow.snapshot.contents import (
    BUILD_ID_SIZE,
    SEGMENT_WRITE,
    Feature,
    Function,
    Segment,
    SnapshotContents,
)
from bareflow.toolchain import data_root, full_disk, run, zig

# Sections that nobody refers to go; debug information goes, names stay; no page changes its rights at start.
# fmt: off
FLAGS = (
    "-m", "elf_x86_64", "-static", "--build-id=none", "--gc-sections", "-z", "nostart-stop-gc", "--strip-debug", "-O2",
    "-z", "norelro", "-z", "max-page-size=4096", "-z", "noexecstack", "--no-warn-symbol-ordering",
    "--color-diagnostics=never", "--error-limit=50",
)
# fmt: on
_UNDEFINED = re.compile(r"error: undefined(?: hidden)? symbol: (\S+)((?:\n>>> .*)*)")
_REFERENCE = re.compile(r":\(([^()]+)\)")
_MAX_NAMED = 5
_AFTER_CONSTANTS = "    .init_array :"  # in snapshot.ld
_PLACED = (".rodata", ".eh_frame", ".note", ".llvm", ".comment", ".text", ".data", ".bss")  # by snapshot.ld


@dataclass(frozen=True)
class LinkedProgram:
    """A program at its addresses.

    Args:
        elf: the whole ELF file, with symbols and unwind tables.
        entry: address of _start.
        phdr_address: where the ELF program headers are loaded; 0: they are not.
        phdr_count: their number.
        segments: what is loaded, by address.
        functions: the workload's own functions by address; tier "frozen". The C library's are in the
            ELF file only: their names would cost more payload than they explain.
    """

    elf: bytes
    entry: int
    phdr_address: int
    phdr_count: int
    segments: tuple[Segment, ...]
    functions: tuple[Function, ...]

    @property
    def memory_bytes(self) -> int:
        """What the segments take in memory, in whole pages."""
        return sum(-(-(s.address % 4096 + s.memory_size) // 4096) * 4096 for s in self.segments)

    @property
    def build_id(self) -> bytes:
        """Start of the SHA-256 of entry and segments."""
        digest = hashlib.sha256(self.entry.to_bytes(8, "little"))
        for segment in self.segments:
            digest.update(repr((segment.address, segment.memory_size, segment.flags)).encode() + segment.data)
        return digest.digest()[:BUILD_ID_SIZE]


def link_frozen(
    objects: Sequence[ObjectCode], *, name: str, order: Sequence[str] = (), tier: str = "frozen"
) -> LinkedProgram:
    """Link a whole program statically with musl.

    Args:
        objects: the program's own objects.
        name: of the workload, for messages.
        order: functions to place first, hottest first.
        tier: what the function table says of the program's own functions.

    Raises:
        LinkError: undefined symbols, with who refers to them; a missing main; more than 2 GiB.
    """
    data = _run_linker(objects, name, order, with_headers=False)
    if _needs_headers(data):
        data = _run_linker(objects, name, order, with_headers=True)
    return read_program(data, {function for each in objects for function in each.functions}, tier)


def _run_linker(objects: Sequence[ObjectCode], name: str, order: Sequence[str], *, with_headers: bool) -> bytes:
    libc = static_libc()
    with tempfile.TemporaryDirectory(prefix="bareflow-") as temporary:
        folder = Path(temporary)
        files = [folder / f"{name}-{number}.o" for number in range(len(objects))]
        for file, each in zip(files, objects, strict=True):
            file.write_bytes(each.data)
        script, listing, out = folder / "snapshot.ld", folder / "order", folder / "program.elf"
        script.write_text(with_own_sections(link_script(with_headers), [each.data for each in objects]))
        listing.write_text("".join(f"{function}\n" for function in order))
        command = zig("ld.lld", *FLAGS, "-T", script, "--symbol-ordering-file", listing, "-o", out)
        command += map(str, (libc.start, *files, "--start-group", *libc.archives, "--end-group"))
        try:
            run(command, what=f"linking {name}", error=LinkError)
        except LinkError as failure:
            raise explain(name, failure.detail.replace(f"{temporary}/", "")) from None
        return out.read_bytes()


@cache
def link_script(with_headers: bool) -> str:
    """runtime/snapshot.ld with our constants filled in; `with_headers` loads the ELF headers."""
    root = data_root() / "runtime"
    defines = ["-DBAREFLOW_LINKER_SCRIPT", *(["-DWITH_HEADERS"] if with_headers else [])]
    command = clang("-E", "-P", "-x", "c", *defines, "-I", root / "include", root / "snapshot.ld")
    return run(command, what="reading snapshot.ld").stdout


def with_own_sections(script: str, objects: Iterable[bytes]) -> str:
    """A link script that also places the read-only sections that a program gave names of its own.

    The linker puts a section that its script does not name behind the last one of its kind: the unwind tables,
    which are not loaded. Code and writable data find a loaded place.

    Args:
        script: from `link_script`.
        objects: ELF relocatables.
    """
    lines = [f'    "{name}" : {{ *("{name}") }} :rodata\n' for name in sorted(_own_sections(objects))]
    return script.replace(_AFTER_CONSTANTS, "".join([*lines, _AFTER_CONSTANTS]))


def _own_sections(objects: Iterable[bytes]) -> set[str]:
    read_only: set[str] = set()
    others: set[str] = set()
    for data in objects:
        for section in ELFFile(io.BytesIO(data)).iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and not section.name.startswith(_PLACED):
                (others if section["sh_flags"] & (SH_FLAGS.SHF_WRITE | SH_FLAGS.SHF_EXECINSTR) else read_only).add(
                    section.name
                )
    return read_only - others


def _needs_headers(data: bytes) -> bool:
    """Whether the program finds its own headers: thread-local data, or a walk over loaded objects."""
    elf = ELFFile(io.BytesIO(data))
    if any(s["p_type"] == "PT_TLS" and s["p_memsz"] for s in elf.iter_segments()):
        return True
    table = elf.get_section_by_name(".symtab")
    return isinstance(table, SymbolTableSection) and bool(table.get_symbol_by_name("dl_iterate_phdr"))


def explain(name: str, output: str) -> LinkError:
    """The linker's messages as one sentence for people."""
    undefined: dict[str, str] = {}
    for match in _UNDEFINED.finditer(output):
        who = _REFERENCE.search(match[2])
        place = who[1].removeprefix(".text.").removesuffix(".body") if who else ""
        undefined.setdefault(match[1], "" if "+" in place else place)  # not a function, but a table of ours
    if "main" in undefined:
        return LinkError(f"{name} defines no main().", "A workload starts at main: is a file left out?", output)
    if undefined:
        return _undefined_symbols(name, undefined, output)
    duplicate = re.search(r"error: duplicate symbol: (\S+)", output)
    if duplicate and not re.search(r"\.a\b", output[duplicate.end() :]):
        return LinkError(f"{name} defines {duplicate[1]} twice.", "Leave a file out, or make it static.", output)
    if duplicate:
        return LinkError(
            f"{duplicate[1]} is defined by {name} and by the C library.", "Rename it, or make it static.", output
        )
    if "out of range" in output or "unable to move location counter" in output:
        return LinkError(f"{name} is larger than 2 GiB.", "Let it allocate its large arrays instead.", output)
    return LinkError(f"Linking {name} failed.", full_disk(), output)


_LEFT_OUT = "Is a source file left out? Assembly (.S) is not taken: libraries mostly have a macro to do without."


def _undefined_symbols(name: str, undefined: dict[str, str], output: str) -> LinkError:
    named = [f"{symbol} (used by {place})" if place else symbol for symbol, place in undefined.items()]
    shown = ", ".join(named[:_MAX_NAMED]) + (", …" if len(named) > _MAX_NAMED else "")
    if any(symbol.startswith("llvm.") for symbol in undefined):
        return LinkError(f"{name} uses an intrinsic that this LLVM does not have: {shown}.", detail=output)
    many = f"{len(named)} symbols are" if len(named) > 1 else "one symbol is"
    return LinkError(f"{name} does not link: {many} undefined: {shown}.", _LEFT_OUT, output)


def read_program(data: bytes, own: set[str], tier: str) -> LinkedProgram:
    """Take apart a linked ELF file; `own` names the workload's functions."""
    elf = ELFFile(io.BytesIO(data))
    loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_memsz"]]
    segments = tuple(_segment(s["p_vaddr"], s.data(), s["p_memsz"], s["p_flags"]) for s in loads)
    headers = [s["p_vaddr"] for s in loads if s["p_offset"] == 0]
    return LinkedProgram(
        elf=data,
        entry=elf["e_entry"],
        phdr_address=headers[0] + elf["e_phoff"] if headers else 0,
        phdr_count=elf["e_phnum"] if headers else 0,
        segments=tuple(sorted(segments, key=lambda segment: segment.address)),
        functions=tuple(_own_functions(elf, own, tier)),
    )


def _segment(address: int, data: bytes, memory_size: int, flags: int) -> Segment:
    """Zeros at the end of writable data need not be in the file."""
    kept = data.rstrip(b"\0") if flags & SEGMENT_WRITE else data
    return Segment(address, kept, memory_size, flags)


def _own_functions(elf: ELFFile, own: set[str], tier: str) -> list[Function]:
    """The workload's functions by address: visible ones by name, internal ones by the file they come from."""
    table = elf.get_section_by_name(".symtab")
    found: dict[int, Function] = {}
    inside = False
    assert isinstance(table, SymbolTableSection)
    for symbol in table.iter_symbols():
        kind, binding = symbol["st_info"]["type"], symbol["st_info"]["bind"]
        if kind == "STT_FILE":
            inside = symbol.name.startswith(WORKLOAD_FILE)
        visible = binding != "STB_LOCAL" or inside
        if kind == "STT_FUNC" and symbol.name in own and visible and symbol["st_size"]:
            function = Function(symbol.name, tier, symbol["st_value"], symbol["st_size"])
            found.setdefault(function.address, function)
    return [found[address] for address in sorted(found)]


# The worker gives every merged module this source name, so that its internal symbols are told from musl's.
WORKLOAD_FILE = "workload:"


def snapshot_contents(program: LinkedProgram, *, features: Sequence[CpuFeature], stack_size: int) -> SnapshotContents:
    """What the snapshot of a linked program says."""
    return SnapshotContents(
        entry=program.entry,
        phdr_address=program.phdr_address,
        phdr_count=program.phdr_count,
        segments=program.segments,
        functions=program.functions,
        features=tuple(Feature(f.name, CPUID_WORD[f.word], f.bit) for f in features),
        stack_size=stack_size,
        build_id=program.build_id,
    )
