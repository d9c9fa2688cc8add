"""Lowers calls of functions known by name or through a pointer; the ABI is in `abi`."""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import make_signature, slot_words
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.vcode import Ref

_TWICE = frozenset({"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "vfork", "getcontext"})


def lower_call(b: Builder, ins: ir.Instruction) -> list[Ref]:
    """Lower a call to a function known by name or through a pointer."""
    callee = ins.operands[0]
    name = callee.name if isinstance(callee, ir.Global) else ""
    known = b.module.functions.get(name)
    if "returns_twice" in ins.flags or name in _TWICE or (known and "returns_twice" in known.attributes):
        raise ir.RefusedError(f"calls {name or 'a function'}, which may return twice")
    words: list[Ref] = []
    for argument in ins.arguments:
        words += _argument(b, argument)
    signature = make_signature(ins.arguments, ins.type, sign="sext" in ins.flags, variadic="variadic" in ins.flags)
    return b.call(b.symbols.index(name) if name else b.ref(callee), signature, words, ins.type)


def _argument(b: Builder, argument: ir.Argument) -> list[Ref]:
    if argument.operand is None:
        raise ir.RefusedError("metadata argument")
    if argument.byval is None:
        return slot_words(argument.type, b.leaves(argument.operand))
    copy = b.op("frame", imm=b.frame_memory(argument.byval.size, max(16, argument.align)))
    b.emit("memcpy-i", copy, b.ref(argument.operand), imm=argument.byval.size)
    return [copy]
