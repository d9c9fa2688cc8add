"""Lowers the x86 intrinsics that ordinary C uses: pauses, barriers, the time stamp counter, carries."""

from __future__ import annotations

from collections.abc import Callable

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.vcode import Ref


def _nothing(_b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return []


def _fence(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    b.emit("fence")
    return []


def _tsc(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return [b.op("tsc")]


def _carry(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    """Lower addcarry and subborrow: carry in, two numbers; carry out and the result."""
    callee = ins.operands[0]
    adds = isinstance(callee, ir.Global) and "addcarry" in callee.name
    kind = operands[1].type
    carry = b.op("set-ne-i", b.ref(operands[0]), imm=0)
    first, second = b.ref(operands[1]), b.ref(operands[2])
    op = "add64" if adds else "sub64"
    middle = b.mask(b.op(op, first, second), kind)
    result = b.mask(b.op(op, middle, carry), kind)
    if adds:
        out = b.op("or", b.op("set-ult", middle, first), b.op("set-ult", result, middle))
    else:
        out = b.op("or", b.op("set-ult", first, second), b.op("set-ult", middle, carry))
    return [out, result]


X86: dict[str, Callable[[Builder, ir.Instruction, list[ir.Operand]], list[Ref]]] = {
    **{f"x86.{name}": _nothing for name in ("sse2.pause", "sse2.clflush", "clflushopt", "clwb")},
    **{f"x86.{name}": _fence for name in ("sse2.mfence", "sse2.lfence", "sse.sfence")},
    **{f"x86.{name}.{bits}": _carry for name in ("addcarry", "subborrow") for bits in (32, 64)},
    "x86.rdtsc": _tsc,
}
