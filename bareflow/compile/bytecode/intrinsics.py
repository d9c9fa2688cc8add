"""Lowers the LLVM intrinsics that C programs contain (LLVM Language Reference, "Intrinsic Functions")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bareflow.compile.bytecode import floats, ir, wide
from bareflow.compile.bytecode.abi import is_wide, leaf_types
from bareflow.compile.bytecode.builder import MASK64, Builder
from bareflow.compile.bytecode.floats import (
    DOUBLE,
    FLOAT,
    NARROW,
    convert,
    float_op,
    library_name,
    sign_bit,
    sign_slot,
    suffix,
    with_sign_slot,
)
from bareflow.compile.bytecode.integers import mask_wide, sign_wide
from bareflow.compile.bytecode.vcode import Ref
from bareflow.compile.bytecode.x86 import X86
from bareflow.layouts.opcodes import ARITH

_NOTHING = frozenset(
    [
        "lifetime.start",
        "lifetime.end",
        "assume",
        "va_end",
        "prefetch",
        "donothing",
        "sideeffect",
        "dbg.declare",
        "dbg.value",
        "dbg.label",
        "experimental.noalias.scope.decl",
        "invariant.start",
        "invariant.end",
        "pseudoprobe",
        "clear_cache",
    ]
)
_FIRST = frozenset({"expect", "expect.with.probability", "launder.invariant.group", "strip.invariant.group"})
_FIRST |= {"threadlocal.address", "ssa.copy", "annotation", "ptr.annotation", "arithmetic.fence"}
# Intrinsics that are a function of the C library, by the name of the double version.
_LIBRARY = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "tanh",
        "exp",
        "exp2",
        "exp10",
        "log",
        "log2",
        "log10",
        "pow",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "nearbyint",
        "round",
        "roundeven",
        "fma",
        "ldexp",
    ]
)
_LIBRARY_NAMES = {"minnum": "fmin", "maxnum": "fmax", "minimumnum": "fmin", "maximumnum": "fmax"}
_LIBRARY_NAMES |= {"lrint": "lrint", "llrint": "llrint", "lround": "lround"}
_LIBRARY_NAMES |= {"llround": "llround"} | {name: name for name in _LIBRARY}
_NARROW_BITS = frozenset({"fabs", "copysign", "is.fpclass", "fmuladd"})  # need no float in between
_CONSTRAINED = "experimental.constrained."
_COMPARES = frozenset({"fcmp", "fcmps"})
_SATURATING = {"sadd.sat": "sadd", "uadd.sat": "uadd", "ssub.sat": "ssub", "usub.sat": "usub"}


def lower_intrinsic(b: Builder, ins: ir.Instruction, name: str) -> list[Ref]:
    """Lower a call of `llvm.NAME…`; `name` comes without the prefix.

    Raises:
        RefusedError: naming an intrinsic that has no lowering.
    """
    base = _base_name(name)
    if base in _NOTHING:
        return [b.const(0)] if base == "invariant.start" else []
    operands = [argument.operand for argument in ins.arguments if argument.operand is not None]
    if base in _FIRST:
        return b.leaves(operands[0])
    if base.startswith(_CONSTRAINED):
        return _constrained(b, ins, base.removeprefix(_CONSTRAINED), operands)
    if base not in _NARROW_BITS and any(operand.type.kind in NARROW for operand in operands):
        return _widened(b, ins, base)
    if base in _LIBRARY_NAMES:
        return [_library(b, ins, _LIBRARY_NAMES[base], operands)]
    if base in _SIMPLE:
        return _SIMPLE[base](b, ins, operands)
    raise ir.RefusedError(f"intrinsic llvm.{base}")


def _base_name(name: str) -> str:
    """The name without its type suffixes (`.i32`, `.p0.p0.i64`, `.f64`)."""
    parts = name.split(".")
    while len(parts) > 1 and parts[-1][0] in "ipfv" and parts[-1].lstrip("ipfv")[:1].isdigit():
        parts.pop()
    return ".".join(parts)


def _library(b: Builder, ins: ir.Instruction, name: str, operands: list[ir.Operand]) -> Ref:
    arguments = [(operand.type, b.ref(operand)) for operand in operands]
    return b.library(library_name(name, operands[0].type), ins.type, arguments)


def _widened(b: Builder, ins: ir.Instruction, base: str) -> list[Ref]:
    """Compute in float what is asked of _Float16 or __bf16; an fma, which float would round wrongly, in double."""
    within = DOUBLE if base == "fma" else FLOAT

    def widen(kind: ir.Type) -> ir.Type:
        if kind.kind == "struct":
            return replace(kind, members=tuple(widen(member) for member in kind.members))
        return within if kind.kind in NARROW else kind

    arguments = list(ins.arguments)
    for number, argument in enumerate(arguments):
        if argument.operand is not None and argument.type.kind in NARROW:
            name = f"{ins.name}^{number}"
            b.values[name] = [convert(b, b.ref(argument.operand), argument.type, within)]
            arguments[number] = replace(argument, type=within, operand=ir.Local(within, name))
    made = lower_intrinsic(b, replace(ins, type=widen(ins.type), arguments=tuple(arguments)), base)
    leaves = [leaf for leaf, _ in leaf_types(ins.type)]
    return [convert(b, v, within, k) if k.kind in NARROW else v for v, k in zip(made, leaves, strict=True)]


def _constrained(b: Builder, ins: ir.Instruction, op: str, operands: list[ir.Operand]) -> list[Ref]:
    """Lower what clang emits under `#pragma STDC FENV_ACCESS ON`: the interpreter moves no operation anyway."""
    if op in _PLAIN:
        plain = ir.Instruction(ins.name, op, ins.type, tuple(operands), source=operands[0].type)
        if op in _COMPARES:
            plain.word = next(argument.word for argument in ins.arguments if argument.word)
        return [_PLAIN[op](b, plain)]
    callee = ir.Global(ir.PTR, f"llvm.{op}")
    kept = tuple(argument for argument in ins.arguments if argument.operand is not None)
    return lower_intrinsic(b, replace(ins, operands=(callee,), arguments=kept), op)


def _memory(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    callee = ins.operands[0]
    word = callee.name.split(".")[1] if isinstance(callee, ir.Global) else ""
    length = operands[2]
    if word == "memcpy" and isinstance(length, ir.Constant):
        b.emit("memcpy-i", b.ref(operands[0]), b.ref(operands[1]), imm=length.value)
    else:
        b.emit(word, b.ref(operands[0]), b.ref(operands[1]), b.ref(length))
    return []


def _narrow(kind: ir.Type, what: str) -> int:
    """The width of an integer of at most 64 bits."""
    if kind.kind != "int" or kind.bits > 64:
        raise ir.RefusedError(f"{what} of {kind}")
    return kind.bits


def _count(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    word = _word(ins)
    value = b.ref(operands[0])
    if is_wide(ins.type):
        return [wide.count_bits(b, word, value, ins.type.bits)]
    if word == "ctpop":
        return [b.op("ctpop", value)]
    return [b.op(word, value, imm=_narrow(ins.type, word))]


def _word(ins: ir.Instruction) -> str:
    callee = ins.operands[0]
    return _base_name(callee.name[5:]) if isinstance(callee, ir.Global) else ""


def _bswap(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    value = b.ref(operands[0])
    if is_wide(ins.type):
        return [wide.swap_bytes(b, value, ins.type.bits)]
    return [b.op("bswap", value, imm=64 - ins.type.bits)]


def _funnel(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    high, low, amount = (b.ref(operand) for operand in operands)
    if is_wide(ins.type):
        return [wide.funnel(b, _word(ins), high, low, amount, ins.type.bits)]
    bits = _narrow(ins.type, _word(ins))
    return [b.op(_word(ins), high, low, d=amount, e=bits)]


def _overflow(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    word = _word(ins).split(".")[0]
    if is_wide(operands[0].type):
        return list(wide.overflow(b, word, b.ref(operands[0]), b.ref(operands[1]), operands[0].type.bits))
    bits = _narrow(operands[0].type, "overflow check")
    result = b.reg(2)
    b.emit("overflow", result, b.ref(operands[0]), b.ref(operands[1]), d=ARITH[word], e=bits)
    return [result, result.next()]


def _saturate(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    word = _SATURATING[_word(ins)]
    if is_wide(ins.type):
        return [wide.saturate(b, word, b.ref(operands[0]), b.ref(operands[1]), ins.type.bits)]
    kind = ARITH[word]
    bits = _narrow(ins.type, "saturating arithmetic")
    return [b.op("saturate", b.ref(operands[0]), b.ref(operands[1]), d=kind, e=bits)]


def _extremum(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    word = _word(ins)
    bits = ins.type.bits
    left, right = (b.ref(operand) for operand in operands)
    seen = [left, right]
    if bits > 64:
        if word[0] == "s":
            seen = [sign_wide(b, left, bits), sign_wide(b, right, bits)]
        less = b.op("set-slt128" if word[0] == "s" else "set-ult128", *seen)
    elif word[0] == "u":
        less = b.op("set-ult", left, right)
    else:
        less = b.op("set-slt64", *(b.signed(ref, bits) for ref in seen))
    first, second = (left, right) if word.endswith("min") else (right, left)
    low = b.op("select", less, first, d=second)
    return [b.wide(low, b.op("select", less, first.next(), d=second.next())) if bits > 64 else low]


def _abs(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    value = b.ref(operands[0])
    bits = ins.type.bits
    if bits > 64:
        zero = b.wide(b.const(0), b.const(0))
        negated = b.reg(2)
        b.emit("sub128", negated, zero, value)
        negated = mask_wide(b, negated, bits)
        less = b.op("set-slt128", sign_wide(b, value, bits), zero)
        low = b.op("select", less, negated, d=value)
        return [b.wide(low, b.op("select", less, negated.next(), d=value.next()))]
    less = b.op("set-slt64-i", b.signed(value, bits), imm=0)
    return [b.op("select", less, b.mask(b.op("rsub64-i", value, imm=0), ins.type), d=value)]


def _fabs(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    value = b.ref(operands[0])
    cleared = b.op("and-i", sign_slot(ins.type, value), imm=sign_bit(ins.type) - 1)
    return [with_sign_slot(b, ins.type, value, cleared)]


def _copysign(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    sign = sign_bit(ins.type)
    value, other = (b.ref(operand) for operand in operands)
    magnitude = b.op("and-i", sign_slot(ins.type, value), imm=sign - 1)
    changed = b.op("or", magnitude, b.op("and-i", sign_slot(ins.type, other), imm=sign))
    return [with_sign_slot(b, ins.type, value, changed)]


def _sqrt(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    return [float_op(b, "sqrt", ins.type, b.ref(operands[0]))]


def _muladd(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    first, second, third = (b.ref(operand) for operand in operands)
    if is_wide(ins.type) or ins.type.kind in NARROW:
        return [float_op(b, "add", ins.type, float_op(b, "mul", ins.type, first, second), third)]
    return [b.op(f"muladd{suffix(ins.type)}", first, second, d=third)]


def _fpclass(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    classes = operands[1]
    number = classes.value if isinstance(classes, ir.Constant) else 0
    kind, value = operands[0].type, b.ref(operands[0])
    if kind.kind == "fp128":  # the lower half matters where it is not zero
        return [b.op("fpclassq", b.op("or", value.next(), b.op("set-ne-i", value, imm=0)), imm=number)]
    if kind.kind == "bfloat":
        kind, value = FLOAT, convert(b, value, kind, FLOAT)
    return [b.op("fpclassh" if kind.kind == "half" else f"fpclass{suffix(kind)}", value, imm=number)]


def _ieee_extremum(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    """Lower minimum and maximum, which give a NaN for one, and know -0 from 0: by the bits of what is equal."""
    kind, greater = ins.type, _word(ins) == "maximum"
    x, y = (b.ref(operand) for operand in operands)
    letter = suffix(kind)
    first = b.op(f"set-olt-{letter}", *((y, x) if greater else (x, y)))
    equal, unordered = b.op(f"set-oeq-{letter}", x, y), b.op(f"set-uno-{letter}", x, y)
    nan = float_op(b, "add", kind, x, y)

    def slot(x: Ref, y: Ref, nan: Ref) -> Ref:
        chosen = b.op("select", equal, b.op("and" if greater else "or", x, y), d=b.op("select", first, x, d=y))
        return b.op("select", unordered, nan, d=chosen)

    low = slot(x, y, nan)
    return [b.wide(low, slot(x.next(), y.next(), nan.next())) if is_wide(kind) else low]


def _powi(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    name = {"f": "__powisf2", "d": "__powidf2", "x": "__powixf2"}[suffix(ins.type)]
    return [b.library(name, ins.type, [(operand.type, b.ref(operand)) for operand in operands])]


def _objectsize(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    smallest = operands[1]
    unknown = 0 if isinstance(smallest, ir.Constant) and smallest.value else MASK64
    return [b.mask(b.const(unknown), ins.type)]


def _with_memory(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    """Lower frexp and modf, whose second result the C library stores in memory."""
    value, second = operands[0], ins.type.members[1]
    place = b.op("frame", imm=b.frame_memory(second.size, max(8, second.align)))
    arguments = [(value.type, b.ref(value)), (ir.PTR, place)]
    first = b.library(library_name(_word(ins), value.type), value.type, arguments)
    if is_wide(second):
        return [first, b.wide(b.op("load64", place, imm=0), b.op("load16", place, imm=8))]
    return [first, b.op(f"load{8 * second.size}", place, imm=0)]


def _sincos(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    kind, value = operands[0].type, b.ref(operands[0])
    return [b.library(library_name(name, kind), kind, [(kind, value)]) for name in ("sin", "cos")]


def _canonicalize(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    """Multiply by one, which quiets a NaN."""
    bits = {"f": 0x7F << 23, "d": 0x3FF << 52, "x": 0x3FFF << 64 | 1 << 63}[suffix(ins.type)]
    return [float_op(b, "mul", ins.type, b.ref(operands[0]), b.ref(ir.Constant(ins.type, bits)))]


def _rounding(b: Builder, ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    """What fegetround returns, bits 10 and 11 of a control word, as FLT_ROUNDS: 0 → 1, 1 → 3, 2 → 2, 3 → 0."""
    mode = b.op("lshr-i", b.library("fegetround", ins.type, []), imm=9)
    return [b.op("and-i", b.op("lshr", b.const(0b00101101), mode), imm=3)]


def _here(b: Builder, ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    """Lower frameaddress and returnaddress, of this call only."""
    level = operands[0]
    if not isinstance(level, ir.Constant) or level.value:
        raise ir.RefusedError(f"{_word(ins)} of a caller")
    return [b.op("frame-address" if _word(ins) == "frameaddress" else "return-address")]


def _thread_pointer(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return [b.op("thread", b.const(0))]


def _false(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return [b.const(0)]


def _stacksave(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return [b.op("stacksave")]


def _stackrestore(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    b.emit("stackrestore", b.ref(operands[0]))
    return []


def _trap(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    b.emit("trap")
    return []


def _tsc(b: Builder, _ins: ir.Instruction, _operands: list[ir.Operand]) -> list[Ref]:
    return [b.op("tsc")]


def _va_start(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    if b.named is None:
        raise ir.RefusedError("va_start in a function that is not variadic")
    gprs, xmms, words = b.named
    b.emit("va-start", b.ref(operands[0]), d=8 * gprs | (48 + 16 * xmms) << 16, e=8 * words)
    return []


def _va_copy(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    b.emit("memcpy-i", b.ref(operands[0]), b.ref(operands[1]), imm=24)
    return []


def _ptrmask(b: Builder, _ins: ir.Instruction, operands: list[ir.Operand]) -> list[Ref]:
    return [b.op("and", b.ref(operands[0]), b.ref(operands[1]))]


_PLAIN: dict[str, Callable[[Builder, ir.Instruction], Ref]] = {
    **dict.fromkeys(("fadd", "fsub", "fmul", "fdiv", "frem"), floats.lower_float_binary),
    **dict.fromkeys(("fptosi", "fptoui"), floats.lower_to_int),
    **dict.fromkeys(("sitofp", "uitofp"), floats.lower_to_float),
    **dict.fromkeys(("fpext", "fptrunc"), floats.lower_resize),
    **dict.fromkeys(_COMPARES, floats.lower_fcmp),
}
_Lowering = Callable[[Builder, ir.Instruction, list[ir.Operand]], list[Ref]]
_SIMPLE: dict[str, _Lowering] = {
    **dict.fromkeys(("memcpy", "memmove", "memset", "memcpy.inline", "memset.inline"), _memory),
    **dict.fromkeys(("ctpop", "ctlz", "cttz", "bitreverse"), _count),
    **dict.fromkeys(("fshl", "fshr"), _funnel),
    **dict.fromkeys((f"{name}.with.overflow" for name in ARITH.members), _overflow),
    **dict.fromkeys(_SATURATING, _saturate),
    **dict.fromkeys(("smax", "smin", "umax", "umin"), _extremum),
    **dict.fromkeys(("minimum", "maximum"), _ieee_extremum),
    **dict.fromkeys(("frameaddress", "returnaddress"), _here),
    **X86,
    "thread.pointer": _thread_pointer,
    "frexp": _with_memory,
    "modf": _with_memory,
    "sincos": _sincos,
    "canonicalize": _canonicalize,
    "get.rounding": _rounding,
    "bswap": _bswap,
    "abs": _abs,
    "fabs": _fabs,
    "copysign": _copysign,
    "sqrt": _sqrt,
    "fmuladd": _muladd,
    "is.fpclass": _fpclass,
    "powi": _powi,
    "objectsize": _objectsize,
    "is.constant": _false,
    "stacksave": _stacksave,
    "stackrestore": _stackrestore,
    "trap": _trap,
    "debugtrap": _trap,
    "ubsantrap": _trap,
    "readcyclecounter": _tsc,
    "va_start": _va_start,
    "va_copy": _va_copy,
    "ptrmask": _ptrmask,
}
