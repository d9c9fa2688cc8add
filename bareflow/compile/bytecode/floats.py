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

_LETTERS = {"float": "f", "double": "d", "x86_fp80": "x"}
_RUNTIME_LETTERS = {"f": "s", "d": "d", "x": "x"}  # in names of the compiler runtime


def suffix(kind: ir.Type) -> str:
    """The letter that opcodes use for a floating-point type."""
    if kind.kind not in _LETTERS:
        raise ir.RefusedError("vector arithmetic" if kind.kind == "vector" else f"type {kind}")
    return _LETTERS[kind.kind]


def library_name(name: str, kind: ir.Type) -> str:
    """The C library's name of a function for that type, from the name for double."""
    return name + {"f": "f", "d": "", "x": "l"}[suffix(kind)]


def float_op(b: Builder, op: str, kind: ir.Type, first: Ref, second: Ref | None = None) -> Ref:
    """Append the operation `op` of that type, which is its result's, too."""
    return (b.op_wide if is_wide(kind) else b.op)(op + suffix(kind), first, second)


def lower_float_binary(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fadd, fsub, fmul, fdiv and frem."""
    left, right = (b.ref(operand) for operand in ins.operands)
    if ins.op == "frem":
        return b.library(library_name("fmod", ins.type), ins.type, [(ins.type, left), (ins.type, right)])
    return float_op(b, ins.op[1:], ins.type, left, right)


def sign_bit(kind: ir.Type) -> int:
    """The sign bit of a floating-point type, in the slot that holds it."""
    return 1 << {"f": 31, "d": 63, "x": 15}[suffix(kind)]


def sign_slot(kind: ir.Type, value: Ref) -> Ref:
    """The slot of a value that holds its sign."""
    return value.next() if is_wide(kind) else value


def with_sign_slot(b: Builder, kind: ir.Type, value: Ref, changed: Ref) -> Ref:
    """The value with that slot replaced."""
    return b.wide(value, changed) if is_wide(kind) else changed


def lower_fneg(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fneg: it flips the sign bit, of a NaN too."""
    value = b.ref(ins.operands[0])
    flipped = b.op("xor-i", sign_slot(ins.type, value), imm=sign_bit(ins.type))
    return with_sign_slot(b, ins.type, value, flipped)


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
        name = f"__float{'' if signed else 'un'}ti{_RUNTIME_LETTERS[letter]}f"
        return b.library(name, ins.type, [(ins.source, value)])
    if signed and bits == 32 and letter != "x":
        return b.op(f"s32to{letter}", value)
    if signed:
        return float_op(b, "sto", ins.type, b.signed(value, bits))
    return float_op(b, "uto" if bits == 64 else "sto", ins.type, value)


def lower_to_int(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fptosi and fptoui."""
    letter = suffix(ins.source)
    value = b.ref(ins.operands[0])
    signed = ins.op == "fptosi"
    if is_wide(ins.type):
        if ins.type.bits != 128:
            raise ir.RefusedError(f"{ins.op} to {ins.type}")
        name = f"__fix{'' if signed else 'uns'}{_RUNTIME_LETTERS[letter]}fti"
        return b.library(name, ins.type, [(ins.source, value)])
    return b.mask(b.op(f"{letter}to{'s' if signed else 'u'}", value), ins.type)


def lower_resize(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fpext and fptrunc."""
    return float_op(b, f"{suffix(ins.source)}to", ins.type, b.ref(ins.operands[0]))


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
