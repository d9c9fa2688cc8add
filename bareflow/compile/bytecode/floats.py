"""Lowers floating-point arithmetic, comparisons and conversions."""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import is_wide
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.vcode import Ref

# Predicate of LLVM → (predicate of the bytecode, whether the operands change places).
_PREDICATES = {
    **{name: (name, False) for name in ["oeq", "olt", "ole", "one", "ord", "ueq", "ult", "ule", "une", "uno"]},
    "ogt": ("olt", True),
    "oge": ("ole", True),
    "ugt": ("ult", True),
    "uge": ("ule", True),
}


def suffix(kind: ir.Type) -> str:
    """The letter that opcodes use for a floating-point type."""
    if kind.kind not in {"float", "double"}:
        raise ir.RefusedError("vector arithmetic" if kind.kind == "vector" else f"type {kind}")
    return kind.kind[0]


def lower_float_binary(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fadd, fsub, fmul, fdiv and frem."""
    letter = suffix(ins.type)
    left, right = (b.ref(operand) for operand in ins.operands)
    if ins.op == "frem":
        return b.library("fmodf" if letter == "f" else "fmod", ins.type, [(ins.type, left), (ins.type, right)])
    return b.op(ins.op[1:] + letter, left, right)


def sign_bit(kind: ir.Type) -> int:
    """The sign bit of a floating-point type."""
    return 1 << (31 if suffix(kind) == "f" else 63)


def lower_fneg(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fneg: it flips the sign bit, of a NaN too."""
    return b.op("xor-i", b.ref(ins.operands[0]), imm=sign_bit(ins.type))


def float_compare(b: Builder, ins: ir.Instruction) -> tuple[str, Ref, Ref] | None:
    """A floating-point comparison as predicate and slots; None for those that do not look."""
    if ins.word not in _PREDICATES:
        return None
    predicate, swap = _PREDICATES[ins.word]
    left, right = (b.ref(operand) for operand in ins.operands)
    if swap:
        left, right = right, left
    return f"{predicate}-{suffix(ins.operands[0].type)}", left, right


def lower_fcmp(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a floating-point comparison whose result is needed in a slot."""
    parts = float_compare(b, ins)
    if parts is None:
        return b.const(int(ins.word == "true"))
    predicate, left, right = parts
    return b.op(f"set-{predicate}", left, right)


def lower_to_float(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower sitofp and uitofp."""
    letter = suffix(ins.type)
    value = b.ref(ins.operands[0])
    bits = ins.source.bits
    signed = ins.op == "sitofp"
    if is_wide(ins.source):
        if bits != 128:
            raise ir.RefusedError(f"{ins.op} from {ins.source}")
        name = f"__float{'' if signed else 'un'}ti{letter}f".replace("ff", "sf")
        return b.library(name, ins.type, [(ins.source, value)])
    if signed and bits == 32:
        return b.op(f"s32to{letter}", value)
    if signed:
        return b.op(f"sto{letter}", b.signed(value, bits))
    return b.op(f"{'u' if bits == 64 else 's'}to{letter}", value)


def lower_to_int(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fptosi and fptoui."""
    letter = suffix(ins.source)
    value = b.ref(ins.operands[0])
    signed = ins.op == "fptosi"
    if is_wide(ins.type):
        if ins.type.bits != 128:
            raise ir.RefusedError(f"{ins.op} to {ins.type}")
        name = f"__fix{'' if signed else 'uns'}{'s' if letter == 'f' else 'd'}fti"
        return b.library(name, ins.type, [(ins.source, value)])
    return b.mask(b.op(f"{letter}to{'s' if signed else 'u'}", value), ins.type)


def lower_resize(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fpext and fptrunc."""
    return b.op(f"{suffix(ins.source)}to{suffix(ins.type)}", b.ref(ins.operands[0]))


def lower_extract_element(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower extractelement from the pair of floats that clang makes of a small struct."""
    index = _pair_index(ins)
    value = b.ref(ins.operands[0])
    return b.op("lshr-i", value, imm=32) if index else b.op("and-i", value, imm=0xFFFFFFFF)


def lower_insert_element(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower insertelement into such a pair."""
    index = _pair_index(ins)
    element = b.ref(ins.operands[1])
    if index:
        element = b.op("shl64-i", element, imm=32)
    kept = b.op("and-i", b.ref(ins.operands[0]), imm=0xFFFFFFFF << (0 if index else 32))
    return b.op("or", kept, element)


def _pair_index(ins: ir.Instruction) -> int:
    index = ins.operands[-1]
    if not isinstance(index, ir.Constant):
        raise ir.RefusedError("vector index that is no number")
    return index.value
