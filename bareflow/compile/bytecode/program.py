"""Compiles a module of LLVM bitcode to a bytecode program.

SROA runs first, because it turns memory into values without changing a branch; where a function's
branches did change, or what SROA made cannot be expressed, the unoptimised function is used as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import llvmlite.binding as llvm

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import Place, Signature, make_signature
from bareflow.compile.bytecode.allocate import allocate_slots
from bareflow.compile.bytecode.builder import Symbols
from bareflow.compile.bytecode.edges import Edge, function_edges, shape
from bareflow.compile.bytecode.encode import encode_function
from bareflow.compile.bytecode.lower import lower_function
from bareflow.compile.bytecode.parse import parse_module
from bareflow.compile.bytecode.vcode import VFunction


@dataclass(frozen=True)
class BytecodeFunction:
    """One interpreted function.

    Args:
        name: of the function.
        external: the caller's own number of it (see `compile_bytecode`).
        code: instructions, 16 bytes each.
        slots: 64-bit slots in its frame.
        frame_bytes, frame_align: memory of its allocas.
        parameters: argument slots.
        signature: number of its native signature.
        first_edge, edge_count: its counters among the program's.
        edges: what each counter counts.
        first_value: its first value table; arguments without one are those whose place has kind 0.
        value_count: how many it has.
        twice: whether it calls setjmp.
    """

    name: str
    external: int
    code: bytes
    slots: int
    frame_bytes: int
    frame_align: int
    parameters: int
    signature: int
    first_edge: int
    edge_count: int
    edges: tuple[Edge, ...]
    first_value: int
    value_count: int
    twice: bool


@dataclass(frozen=True)
class BytecodeProgram:
    """All functions that can be interpreted, and why the others cannot.

    Args:
        functions: in the order of the module.
        symbols: names whose addresses the symbol table must hold, by number.
        weak: those that may stay undefined.
        thread_locals: those of thread-local variables: the table holds their distance to the thread pointer.
        signatures: of functions and call sites, by number.
        refused: reason, by function name.
        edge_count: u64 counters that the program needs.
        value_count: value tables that it needs.
    """

    functions: tuple[BytecodeFunction, ...]
    symbols: tuple[str, ...]
    weak: frozenset[str]
    thread_locals: frozenset[str]
    signatures: tuple[Signature, ...]
    refused: Mapping[str, str]
    edge_count: int
    value_count: int


@dataclass
class _Tables:
    """What all functions of a program share while it is compiled."""

    symbols: Symbols = field(default_factory=Symbols)
    signatures: dict[Signature, int] = field(default_factory=dict)
    edges: int = 0
    values: int = 0

    def signature(self, wanted: Signature) -> int:
        return self.signatures.setdefault(wanted, len(self.signatures))


@dataclass(frozen=True)
class _Lowered:
    """A function with its slots, before its counters are numbered."""

    code: VFunction
    slots: int
    signature: Signature


def value_places(signature: Signature) -> list[Place]:
    """The argument slots whose values are counted."""
    return [place for place in signature.arguments if place.kind]


def _promoted_text(module: llvm.ModuleRef) -> str:
    """The module's text after SROA."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple("x86_64-unknown-linux-musl").create_target_machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(0))
    manager = llvm.create_new_module_pass_manager()
    manager.add_sroa_pass()
    manager.run(module, builder)
    return str(module)


def compile_bytecode(bitcode: bytes, function_index: Mapping[str, int] | None = None) -> BytecodeProgram:
    """Compile every function that is defined in the bitcode.

    Args:
        bitcode: a module, unoptimised, whose local symbols have been made global and unique
            (`promote_locals`), since the tables refer to them by name.
        function_index: the caller's number of each function to be interpreted; others are left out.
            Without it every function is interpreted, numbered in the order of the module.

    Raises:
        RuntimeError: from llvmlite, for what is no bitcode.
    """
    module = llvm.parse_bitcode(bitcode)
    text = str(module)
    original = parse_module(text, whole=())
    tables = _Tables()
    lowered, refused = _lower_all(text, original, parse_module(_promoted_text(module)), tables, function_index)
    functions = [
        _encode(
            original.functions[name], lowered[name], tables, number if function_index is None else function_index[name]
        )
        for number, name in enumerate(name for name, function in original.functions.items() if function.blocks)
        if name in lowered
    ]
    symbols = tuple(tables.symbols.names)
    return BytecodeProgram(
        functions=tuple(functions),
        symbols=symbols,
        weak=frozenset(original.weak & set(symbols)),
        thread_locals=frozenset(original.thread_locals & set(symbols)),
        signatures=tuple(tables.signatures),
        refused=refused,
        edge_count=tables.edges,
        value_count=tables.values,
    )


def _lower_all(
    text: str, original: ir.Module, promoted: ir.Module, tables: _Tables, wanted: Mapping[str, int] | None
) -> tuple[dict[str, _Lowered], dict[str, str]]:
    """Lower the promoted functions; those that fail, once more from the unoptimised text.

    Returns:
        What was lowered, and the reasons for what was not, both by name.
    """
    lowered: dict[str, _Lowered] = {}
    failed: set[str] = set()
    for name, function in original.functions.items():
        if not function.blocks or (wanted is not None and name not in wanted):
            continue
        better = promoted.functions[name]
        if better.refused or shape(better) != shape(function):
            failed.add(name)
            continue
        try:
            made = _lower(better, promoted, tables)
        except ir.RefusedError:
            failed.add(name)
            continue
        if made.code.twice:  # its variables stay in memory, where longjmp leaves them alone
            failed.add(name)
        else:
            lowered[name] = made
    module = parse_module(text, whole=failed) if failed else original
    refused: dict[str, str] = {}
    for name in sorted(failed):
        try:
            lowered[name] = _lower(module.functions[name], module, tables)
        except ir.RefusedError as error:
            refused[name] = str(error)
    return lowered, refused


def _lower(function: ir.Function, module: ir.Module, tables: _Tables) -> _Lowered:
    code = lower_function(function, module, tables.symbols, tables.signature)
    returns = ir.PTR if any(parameter.sret for parameter in function.parameters) else function.returns
    indirect = function.variadic or code.twice
    signature = make_signature(function.parameters, returns, sign=function.sign, variadic=indirect)
    return _Lowered(code, allocate_slots(code), signature)


def _encode(original: ir.Function, lowered: _Lowered, tables: _Tables, external: int) -> BytecodeFunction:
    """Number a function's counters and encode it."""
    edges, edge_count = function_edges(original)
    counted = len(value_places(lowered.signature))
    found = BytecodeFunction(
        name=original.name,
        external=external,
        code=encode_function(lowered.code, lowered.slots, tables.edges),
        slots=lowered.slots,
        frame_bytes=lowered.code.frame_bytes,
        frame_align=lowered.code.frame_align,
        parameters=len(lowered.signature.arguments),
        signature=tables.signature(lowered.signature),
        first_edge=tables.edges,
        edge_count=edge_count,
        edges=tuple(edges),
        first_value=tables.values,
        value_count=counted,
        twice=lowered.code.twice,
    )
    tables.edges += edge_count
    tables.values += counted
    return found


def promote_locals(bitcode: bytes, prefix: str = "") -> bytes:
    """Make every internal and private symbol of a module external, so that tables can name it.

    Args:
        bitcode: a module.
        prefix: put before the names of those symbols, to keep several modules apart.
    """
    module = llvm.parse_bitcode(bitcode)
    local = {llvm.Linkage.internal, llvm.Linkage.private}
    for value in (*module.functions, *module.global_variables):
        if value.linkage in local:
            value.linkage = llvm.Linkage.external
            value.name = f"{prefix}{value.name or 'unnamed'}"
    return bytes(module.as_bitcode())
