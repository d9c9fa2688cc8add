"""Lowers calls of functions known by name or through a pointer; the ABI is in `abi`."""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import make_signature, slot_words
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.vcode import Ref

_SETJMP = frozenset({"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp"})
_TWICE = _SETJMP | {"vfork", "getcontext"}
_SETJMP_ARGUMENTS = 2


def lower_call(b: Builder, ins: ir.Instruction) -> list[Ref]:
    """Lower a call to a function known by name or through a pointer."""
    callee = ins.operands[0]
    name = callee.name if isinstance(callee, ir.Global) else ""
    if name in _SETJMP and _looks_like_setjmp(ins):
        return _setjmp(b, ins, name)
    known = b.module.functions.get(name)
    if name in _TWICE or "returns_twice" in ins.flags or (known and "returns_twice" in known.attributes):
        raise ir.RefusedError(f"calls {name or 'a function'}, which may return twice")
    words: list[Ref] = []
    for argument in ins.arguments:
        words += _argument(b, argument)
    signature = make_signature(ins.arguments, ins.type, sign="sext" in ins.flags, variadic="variadic" in ins.flags)
    return b.call(b.symbols.index(name) if name else b.ref(callee), signature, words, ins.type)


def _looks_like_setjmp(ins: ir.Instruction) -> bool:
    kinds = [argument.type for argument in ins.arguments]
    fits = (
        0 < len(kinds) <= _SETJMP_ARGUMENTS and kinds[0].kind == "ptr" and all(k.kind in {"ptr", "int"} for k in kinds)
    )
    return fits and ins.type.kind == "int" and not any(argument.byval for argument in ins.arguments)


def _setjmp(b: Builder, ins: ir.Instruction, name: str) -> list[Ref]:
    """Lower setjmp: run() returns, and whoever called it makes the call from a frame that stays."""
    words = [word for argument in ins.arguments for word in _argument(b, argument)]
    result = b.reg()
    b.emit("setjmp", result, d=b.symbols.index(name), words=tuple(words))
    b.twice = True
    return [result]


def _argument(b: Builder, argument: ir.Argument) -> list[Ref]:
    if argument.operand is None:
        raise ir.RefusedError("metadata argument")
    if argument.byval is None:
        return slot_words(argument.type, b.leaves(argument.operand))
    copy = b.op("frame", imm=b.frame_memory(argument.byval.size, max(16, argument.align)))
    b.emit("memcpy-i", copy, b.ref(argument.operand), imm=argument.byval.size)
    return [copy]
