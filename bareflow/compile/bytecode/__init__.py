"""The interpreter's compiler: LLVM bitcode in, bytecode and its tables out. See docs/interpreter.md."""

from __future__ import annotations

from bareflow.compile.bytecode.assembly import emit_assembly
from bareflow.compile.bytecode.edges import Edge, describe_edges
from bareflow.compile.bytecode.program import BytecodeFunction, BytecodeProgram, compile_bytecode, promote_locals

__all__ = [
    "BytecodeFunction",
    "BytecodeProgram",
    "Edge",
    "compile_bytecode",
    "describe_edges",
    "emit_assembly",
    "promote_locals",
]
