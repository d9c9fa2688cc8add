"""Writes a bytecode program as assembly that links into the base image: code, tables, thunks, counters."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bareflow.compile.bytecode.abi import Place
from bareflow.compile.bytecode.program import BytecodeProgram
from bareflow.compile.split import SELF_SUFFIX
from bareflow.layouts.bytecode import (
    BYTECODE,
    BYTECODE_FUNCTION,
    BYTECODE_PLACE,
    BYTECODE_SIGNATURE,
    BYTECODE_VALUES,
)

_NATIVE = next(c.value for c in BYTECODE.constants if c.name == "BYTECODE_NATIVE")
_THUNK = next(c.value for c in BYTECODE.constants if c.name == "BYTECODE_THUNK_SIZEOF")
_VERSION = next(c.value for c in BYTECODE.constants if c.name == "BYTECODE_VERSION")


def _data(data: bytes) -> Iterator[str]:
    """Bytes as .quad lines; the length is a multiple of 4."""
    whole = len(data) // 8
    words = struct.unpack_from(f"<{whole}Q", data)
    for at in range(0, whole, 8):
        yield "    .quad " + ",".join(hex(word) for word in words[at : at + 8])
    if len(data) % 8:
        yield f"    .long {int.from_bytes(data[whole * 8 :], 'little'):#x}"


def _place(place: Place) -> bytes:
    return BYTECODE_PLACE.encode(
        place=place.place,
        bits=place.bits,
        extend=place.extend,
        kind=place.kind,
        index=place.index,
        size=place.size,
    )


def _signatures(program: BytecodeProgram) -> tuple[bytes, bytes]:
    """The signature table and the place table it points into."""
    places: list[bytes] = []
    signatures: list[bytes] = []
    for signature in program.signatures:
        signatures.append(
            BYTECODE_SIGNATURE.encode(
                first_place=len(places),
                arguments=len(signature.arguments),
                results=len(signature.results),
                stack_words=signature.stack_words,
                vectors=signature.vectors,
                variadic=int(signature.variadic),
                x87=signature.x87,
            )
        )
        places += [_place(place) for place in (*signature.arguments, *signature.results)]
    return b"".join(signatures), b"".join(places)


def _functions(program: BytecodeProgram) -> bytes:
    records: list[bytes] = []
    at = 0
    for function in program.functions:
        count = len(function.code) // 16
        records.append(
            BYTECODE_FUNCTION.encode(
                code=at,
                code_count=count,
                frame_bytes=function.frame_bytes,
                frame_align=function.frame_align,
                slots=function.slots,
                parameters=function.parameters,
                signature=function.signature,
                first_edge=function.first_edge,
                edges=function.edge_count,
                first_value=function.first_value,
                values=function.value_count,
                twice=int(function.twice),
                external=function.external,
            )
        )
        at += count
    return b"".join(records)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _symbols(program: BytecodeProgram) -> Iterator[str]:
    numbers = {function.name: at for at, function in enumerate(program.functions)}
    for name in program.symbols:
        if name in program.weak:
            yield f"    .weak {_quoted(name)}"
        yield f"    .quad {_quoted(name)}{'@tpoff' if name in program.thread_locals else ''}"
        stem = name.removesuffix(SELF_SUFFIX)
        yield f"    .long {numbers.get(stem, _NATIVE):#x}, {int(stem != name and stem in numbers)}"


def _section(name: str, flags: str, label: str, lines: Iterator[str], kind: str = "@progbits") -> list[str]:
    return [f'    .section {name},"{flags}",{kind}', "    .balign 16", f"{label}:", *lines]


def emit_assembly(program: BytecodeProgram, name: str = "bf_interp_program", slots: str = "0") -> str:
    """GNU assembly that defines `struct bf_interp_program NAME` and everything it points to.

    Every interpreted function F also gets a global symbol `bf_interp.F`: its native entry.

    Args:
        program: from `compile_bytecode`.
        name: of the program's symbol.
        slots: symbol of the growing runtime's slot table; 0: there is none.
    """
    signatures, places = _signatures(program)
    code = b"".join(function.code for function in program.functions)
    thunks: list[str] = []
    for number, function in enumerate(program.functions):
        symbol = _quoted(f"bf_interp.{function.name}")
        thunks += [f"    .balign {_THUNK}", f"    .globl {symbol}", f"    .type {symbol},@function", f"{symbol}:"]
        thunks += [f"    movl ${number}, %eax", "    jmp bf_interp_entry"]
    lines = _section(".text.bf_interp", "ax", ".Lthunks", iter(thunks))
    lines += _section(".rodata.bf_interp", "a", ".Lcode", _data(code))
    for label, data in ((".Lfunctions", _functions(program)), (".Lsignatures", signatures), (".Lplaces", places)):
        lines += ["    .balign 16", f"{label}:", *_data(data)]
    lines += _section(".data.rel.ro.bf_interp", "aw", ".Lsymbols", _symbols(program))
    lines += _counters(program)
    lines += _section(".data.bf_interp", "aw", name, iter(_program(program, slots)))
    lines += [f"    .globl {name}", f"    .type {name},@object", '    .section .note.GNU-stack,"",@progbits', ""]
    return "\n".join(lines)


def _counters(program: BytecodeProgram) -> list[str]:
    """Zeroed arrays: calls, back edges and cycles of each function, edges, value tables."""
    number = len(program.functions)
    sizes = (
        (".Lcalls", number * 8),
        (".Lbacks", number * 8),
        (".Lcycles", number * 8),
        (".Ledges", program.edge_count * 8),
        (".Lvalues", program.value_count * BYTECODE_VALUES.size),
    )
    lines = ['    .section .bss.bf_interp,"aw",@nobits']
    for label, size in sizes:
        lines += ["    .balign 16", f"{label}:", f"    .zero {size}"]
    return lines


def _program(program: BytecodeProgram, slots: str) -> list[str]:
    counts = (
        _VERSION,
        len(program.functions),
        len(program.symbols),
        len(program.signatures),
        program.edge_count,
        program.value_count,
    )
    tables = ("code", "functions", "signatures", "places", "symbols", "thunks")
    counters = ("calls", "backs", "cycles", "edges", "values")
    return [
        f"    .long {','.join(str(count) for count in counts)}",
        *(f"    .quad .L{label}" for label in (*tables, *counters)),
        f"    .quad {slots}",
    ]
