"""What `snapshot-info` says: plain data for JSON, tables for people, and a disassembly. Decides nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import capstone
from capstone import x86_const
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bareflow.errors import UsageError
from bareflow.layouts.snapshot import CPUID_WORD
from bareflow.snapshot.contents import SEGMENT_EXECUTE, Function, Segment, Snapshot
from bareflow.snapshot.reader import read_snapshot as load

__all__ = ["describe", "disassemble", "load", "printable", "render"]

_PADDING_BYTES = 16  # code that no function claims and that is shorter is alignment
_RELOCATIONS_SHOWN = 16


def printable(name: str) -> str:
    """A name as it can be put on a terminal and into JSON: what is no printable character is escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def describe(snapshot: Snapshot) -> dict[str, Any]:
    """Everything a snapshot says but its bytes, ready for `json.dumps`.

    Addresses and sizes are numbers; what version 1 does not know is null. In version 1 an address is the
    code's offset in the file. The keys are the fields of docs/formats/snapshot.md.
    """
    contents = snapshot.contents
    booted = snapshot.version > 1
    return {
        "version": snapshot.version,
        "size_bytes": snapshot.size_bytes,
        "crc32": snapshot.crc32,
        "abi_version": snapshot.abi_version,
        "build_id": contents.build_id.hex() or None,
        "entry": contents.entry if booted else None,
        "stack_size": contents.stack_size if booted else None,
        "position_independent": contents.position_independent or not booted,
        "phdr_address": contents.phdr_address if booted else None,
        "phdr_count": contents.phdr_count if booted else None,
        "code_bytes": sum(len(s.data) for s in contents.segments if s.flags & SEGMENT_EXECUTE),
        "data_bytes": sum(len(s.data) for s in contents.segments if not s.flags & SEGMENT_EXECUTE),
        "memory_bytes": sum(s.memory_size for s in contents.segments),
        "segments": [
            {
                "address": s.address,
                "file_size": len(s.data),
                "memory_size": s.memory_size,
                "permissions": s.permissions,
            }
            for s in contents.segments
        ],
        "functions": [
            {
                "name": printable(f.name),
                "tier": f.tier,
                "address": f.address,
                "size": f.size,
                "call_count": f.call_count,
                "average_cycles": f.average_cycles,
            }
            for f in contents.functions
        ],
        "features": [
            {"name": printable(f.name), "word": CPUID_WORD.name_of(f.word), "bit": f.bit} for f in contents.features
        ],
        "relocations": [{"address": r.address, "addend": r.addend} for r in contents.relocations],
        "targets": [{"cpu": printable(name), **describe(one)} for name, one in snapshot.targets],
    }


def render(snapshot: Snapshot, console: Console) -> None:
    """Print the header's facts and one table each of segments, functions, features and relocations."""
    console.print(_facts(snapshot))
    for name, one in snapshot.targets:
        needs = ", ".join(printable(f.name) for f in one.contents.features) or "nothing"
        console.print(
            Text(f"Target {printable(name)}: {one.size_bytes:,} bytes, build {one.build_id.hex()}; needs {needs}")
        )
    if snapshot.targets:
        console.print(Text(f"What follows is of {printable(snapshot.targets[-1][0])}, the last that is tried."))
    if snapshot.version > 1:
        console.print(_segments(snapshot))
    console.print(_functions(snapshot))
    contents = snapshot.contents
    if contents.features:
        names = ", ".join(printable(f.name) for f in contents.features)
        console.print(Text(f"Needs of the CPU: {names}"))
    if contents.relocations:
        shown = ", ".join(f"{r.address:#x}={r.addend:#x}" for r in contents.relocations[:_RELOCATIONS_SHOWN])
        more = ", …" if len(contents.relocations) > _RELOCATIONS_SHOWN else ""
        console.print(Text(f"Relocations: {len(contents.relocations)} ({shown}{more})"))


def _facts(snapshot: Snapshot) -> Table:
    contents = snapshot.contents
    facts = [("version", str(snapshot.version)), ("size", f"{snapshot.size_bytes:,} bytes")]
    if snapshot.version > 1:
        facts += [
            ("build id", contents.build_id.hex()),
            ("CRC-32", f"{snapshot.crc32:#010x}"),
            ("kernel ABI", str(snapshot.abi_version)),
            ("entry", f"{contents.entry:#x}"),
            ("stack", f"{contents.stack_size:,} bytes"),
            ("position-independent", "yes" if contents.position_independent else "no"),
        ]
        if contents.phdr_count:
            facts.append(("program headers", f"{contents.phdr_count} at {contents.phdr_address:#x}"))
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        table.add_row(name, value)
    return table


def _segments(snapshot: Snapshot) -> Table:
    table = Table(title="Segments", title_justify="left")
    for heading in ("address", "in the file", "in memory"):
        table.add_column(heading, justify="right")
    table.add_column("may")
    for s in snapshot.segments:
        table.add_row(f"{s.address:#x}", f"{len(s.data):,}", f"{s.memory_size:,}", s.permissions)
    return table


def _functions(snapshot: Snapshot) -> Table:
    table = Table(title=f"Functions ({len(snapshot.functions)})", title_justify="left")
    table.add_column("function", overflow="fold")
    table.add_column("tier")
    for heading in ("address" if snapshot.version > 1 else "offset", "bytes", "calls", "cycles per call"):
        table.add_column(heading, justify="right")
    for f in snapshot.functions:
        cycles = f"{f.average_cycles:,.1f}" if f.average_cycles else ""  # never timed
        numbers = (f"{f.address:#x}", f"{f.size:,}", f"{f.call_count:,}", cycles)
        table.add_row(Text(printable(f.name)), f.tier, *numbers)
    return table


def disassemble(snapshot: Snapshot, function: str | None = None) -> Iterator[str]:
    """Yield the lines of a disassembly in Intel syntax, with names where code calls, jumps or looks.

    Args:
        snapshot: of either version.
        function: one function's name; None takes all executable bytes, in order of address.

    Raises:
        UsageError: when there is no function of that name.
    """
    regions = list(_regions(snapshot))
    if function is not None:
        regions = [(f, address, code) for f, address, code in regions if f and f.name == function]
        if not regions:
            raise _unknown(snapshot, function)
    else:
        regions = list({address: (f, address, code) for f, address, code in reversed(regions)}.values())[::-1]
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    engine.skipdata = True  # what is no instruction becomes .byte
    for owner, address, code in regions:
        yield from _lines(snapshot, engine, owner, address, code)


def _unknown(snapshot: Snapshot, function: str) -> UsageError:
    names = [f.name for f in snapshot.functions]
    near = difflib.get_close_matches(function, names, n=1)
    hint = f"Did you mean {printable(near[0])}?" if near else f"It has {len(names)} others."
    return UsageError(f"The snapshot has no function {printable(function)}.", hint)


def _regions(snapshot: Snapshot) -> Iterator[tuple[Function | None, int, bytes]]:
    """Executable bytes cut at function starts: (function or None, address, code), by address."""
    for segment in snapshot.segments:
        if not segment.flags & SEGMENT_EXECUTE:
            continue
        inside = [f for f in snapshot.functions if segment.holds(f.address, f.size)]
        inside.sort(key=lambda f: (f.address, -f.size))
        at, end = segment.address, segment.address + len(segment.data)
        for number, function in enumerate(inside):
            later = (f.address for f in inside[number + 1 :] if f.address > function.address)
            size = function.size or next(later, end) - function.address
            yield from _unclaimed(segment, at, function.address)
            yield function, function.address, _bytes(segment, function.address, function.address + size)
            at = max(at, function.address + size)
        yield from _unclaimed(segment, at, end)


def _unclaimed(segment: Segment, start: int, end: int) -> Iterator[tuple[None, int, bytes]]:
    if end - start >= _PADDING_BYTES:
        yield None, start, _bytes(segment, start, end)


def _bytes(segment: Segment, start: int, end: int) -> bytes:
    return segment.data[start - segment.address : end - segment.address]


def _lines(snapshot: Snapshot, engine: capstone.Cs, owner: Function | None, address: int, code: bytes) -> Iterator[str]:
    title = (
        f"{printable(owner.name)} ({owner.tier}, {len(code)} bytes)" if owner else f"{len(code)} bytes of no function"
    )
    yield f"{address:#x} {title}:"
    for instruction in engine.disasm(code, address):
        text = f"{instruction.mnemonic} {instruction.op_str}".strip()
        line = f"  {instruction.address:8x}  {instruction.bytes.hex(' '):<30}  {text}"
        comment = ", ".join(_named_targets(snapshot, instruction))
        yield f"{line}  ; {comment}" if comment else line
    yield ""


def _named_targets(snapshot: Snapshot, instruction: Any) -> Iterator[str]:
    """Names of the addresses that the instruction calls, jumps to or forms from RIP or as a constant."""
    if instruction.id == 0:  # data between instructions has no operands
        return
    branches = instruction.group(capstone.CS_GRP_CALL) or instruction.group(capstone.CS_GRP_JUMP)
    for operand in instruction.operands:
        if operand.type == x86_const.X86_OP_IMM:
            name = _name(snapshot, operand.imm, only_start=not branches)
        elif operand.type == x86_const.X86_OP_MEM and operand.mem.base == x86_const.X86_REG_RIP:
            target = instruction.address + instruction.size + operand.mem.disp
            name = _name(snapshot, target) or f"{target:#x}"
        else:
            name = ""
        if name:
            yield name


def _name(snapshot: Snapshot, address: int, *, only_start: bool = False) -> str:
    function = snapshot.function_at(address)
    if function is None or (only_start and function.address != address):
        return ""
    offset = address - function.address
    return printable(function.name) + (f"+{offset:#x}" if offset else "")
