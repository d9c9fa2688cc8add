"""Compiles a module of LLVM bitcode to a bytecode program.

SROA runs first, because it turns memory into values without changing a branch; where a function's
branches did change, or what SROA made cannot be expressed, the unoptimised function is used as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import llvmlite.binding as llvm

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import Place, Signature, make_signature
from bareflow.compile.bytecode.allocate import allocate_slots
from bareflow.compile.bytecode.builder import Symbols
from bareflow.compile.bytecode.edges import Edge, function_edges, shape
from bareflow.compile.bytecode.encode import encode_function
from bareflow.compile.bytecode.lower import lower_function
from bareflow.compile.bytecode.parse import parse_module


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


@dataclass(frozen=True)
class BytecodeProgram:
    """All functions that can be interpreted, and why the others cannot.

    Args:
        functions: in the order of the module.
        symbols: names whose addresses the symbol table must hold, by number.
        weak: those that may stay undefined.
        signatures: of functions and call sites, by number.
        refused: reason, by function name.
        edge_count: u64 counters that the program needs.
        value_count: value tables that it needs.
    """

    functions: tuple[BytecodeFunction, ...]
    symbols: tuple[str, ...]
    weak: frozenset[str]
    signatures: tuple[Signature, ...]
    refused: Mapping[str, str]
    edge_count: int
    value_count: int


@dataclass
class _Tables:
    """What all functions of a program share while it is compiled."""

    text: str  # of the unoptimised module
    symbols: Symbols = field(default_factory=Symbols)
    signatures: dict[Signature, int] = field(default_factory=dict)
    edges: int = 0
    values: int = 0

    @cached_property
    def unoptimised(self) -> ir.Module:
        """The whole unoptimised module, parsed when a function first needs it."""
        return parse_module(self.text)

    def signature(self, wanted: Signature) -> int:
        return self.signatures.setdefault(wanted, len(self.signatures))


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
    original = parse_module(text, terminators_only=True)
    promoted = parse_module(_promoted_text(module))
    tables = _Tables(text)
    functions: list[BytecodeFunction] = []
    refused: dict[str, str] = {}
    for number, function in enumerate(f for f in original.functions.values() if f.blocks):
        external = number if function_index is None else function_index.get(function.name)
        if external is None:
            continue
        try:
            functions.append(_compile(function, promoted, tables, external))
        except ir.RefusedError as error:
            refused[function.name] = str(error)
    symbols = tuple(tables.symbols.names)
    return BytecodeProgram(
        functions=tuple(functions),
        symbols=symbols,
        weak=frozenset(original.weak & set(symbols)),
        signatures=tuple(tables.signatures),
        refused=refused,
        edge_count=tables.edges,
        value_count=tables.values,
    )


def _compile(function: ir.Function, promoted: ir.Module, tables: _Tables, external: int) -> BytecodeFunction:
    """Compile one function from its promoted version, or from itself if that fails."""
    better = promoted.functions[function.name]
    if not better.refused and shape(better) == shape(function):
        try:
            return _compile_version(better, function, promoted, tables, external)
        except ir.RefusedError:
            pass
    return _compile_version(tables.unoptimised.functions[function.name], function, promoted, tables, external)


def _compile_version(
    version: ir.Function, original: ir.Function, module: ir.Module, tables: _Tables, external: int
) -> BytecodeFunction:
    lowered = lower_function(version, module, tables.symbols, tables.signature)
    slots = allocate_slots(lowered)
    returns, sign = version.returns, version.sign
    if any(parameter.sret for parameter in version.parameters):
        returns = ir.PTR
    signature = make_signature(version.parameters, returns, sign=sign, variadic=version.variadic)
    edges, edge_count = function_edges(original)
    counted = len(value_places(signature))
    found = BytecodeFunction(
        name=original.name,
        external=external,
        code=encode_function(lowered, slots, tables.edges),
        slots=slots,
        frame_bytes=lowered.frame_bytes,
        frame_align=lowered.frame_align,
        parameters=len(signature.arguments),
        signature=tables.signature(signature),
        first_edge=tables.edges,
        edge_count=edge_count,
        edges=tuple(edges),
        first_value=tables.values,
        value_count=counted,
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
