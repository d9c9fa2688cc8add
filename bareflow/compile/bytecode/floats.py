"""Lowers floating-point arithmetic, comparisons and conversions.

float, double and long double have opcodes. _Float16 and __bf16 are computed as float and rounded, as LLVM does where
the CPU cannot; __float128 is computed by the compiler runtime, and so are conversions to and from _Float16.
"""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import is_wide
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.integers import mask_wide, sign_wide
from bareflow.compile.bytecode.vcode import Ref

FLOAT, DOUBLE = ir.Type("float"), ir.Type("double")
NARROW = frozenset({"half", "bfloat"})
_INT = ir.int_type(32)

# Predicate of LLVM → (predicate of the bytecode, whether the operands change places).
_PREDICATES = {
    **{name: (name, False) for name in ["oeq", "olt", "ole", "one", "ord", "ueq", "ult", "ule", "une", "uno"]},
    "ogt": ("olt", True),
    "oge": ("ole", True),
    "ugt": ("ult", True),
    "uge": ("ule", True),
}
# How the compiler runtime compares: a function, and the comparison of its result with 0 that holds. What is
# unordered makes the results of le, lt, eq and ne positive, those of ge and gt negative.
_RUNTIME_COMPARE = {
    "oeq": ("eq", "eq"),
    "olt": ("lt", "slt32"),
    "ole": ("le", "sle32"),
    "ult": ("ge", "slt32"),
    "ule": ("gt", "sle32"),
    "une": ("ne", "ne"),
    "uno": ("unord", "ne"),
    "ord": ("unord", "eq"),
}

_LETTERS = {"float": "f", "double": "d", "x86_fp80": "x"}
_RUNTIME = {"half": "hf", "float": "sf", "double": "df", "x86_fp80": "xf", "fp128": "tf"}
_SIGN_BITS = {"half": 15, "bfloat": 15, "float": 31, "double": 63, "x86_fp80": 15, "fp128": 63}


def suffix(kind: ir.Type) -> str:
    """The letter that opcodes use for a floating-point type."""
    if kind.kind not in _LETTERS:
        raise ir.RefusedError("vector arithmetic" if kind.kind == "vector" else f"arithmetic of {kind}")
    return _LETTERS[kind.kind]


def library_name(name: str, kind: ir.Type) -> str:
    """The C library's name of a function for that type, from the name for double."""
    return name + {"f": "f", "d": "", "x": "l"}[suffix(kind)]


def runtime_letters(kind: ir.Type) -> str:
    """The two letters for a type in names of the compiler runtime."""
    if kind.kind not in _RUNTIME:
        raise ir.RefusedError(f"conversion of {kind}")
    return _RUNTIME[kind.kind]


def float_op(b: Builder, op: str, kind: ir.Type, *values: Ref) -> Ref:
    """Append add, sub, mul, div or sqrt of that type."""
    if kind.kind in NARROW:
        return convert(b, float_op(b, op, FLOAT, *(convert(b, v, kind, FLOAT) for v in values)), FLOAT, kind)
    if kind.kind == "fp128" and op != "sqrt":
        return b.library(f"__{op}tf3", kind, [(kind, v) for v in values])
    return (b.op_wide if is_wide(kind) else b.op)(op + suffix(kind), *values)


def convert(b: Builder, value: Ref, source: ir.Type, to: ir.Type) -> Ref:
    """Append a conversion between floating-point types; within one type it is nothing."""
    if source.kind == to.kind:
        return value
    if source.kind == "bfloat":
        return convert(b, b.op("shl64-i", value, imm=16), FLOAT, to)
    if to.kind == "bfloat" and source.kind == "float":
        return _round_to_bfloat(b, value)
    if source.kind == "half" and to.kind != "float":
        return convert(b, convert(b, value, source, FLOAT), FLOAT, to)
    if {source.kind, to.kind} & {"half", "fp128"}:
        widens = source.store_size < to.store_size
        name = f"__{'extend' if widens else 'trunc'}{runtime_letters(source)}{runtime_letters(to)}2"
        return b.library(name, to, [(source, value)])
    return (b.op_wide if is_wide(to) else b.op)(f"{suffix(source)}to{suffix(to)}", value)


def _round_to_bfloat(b: Builder, value: Ref) -> Ref:
    """A float's upper half, rounded to nearest even; a NaN stays one and becomes quiet."""
    upper = b.op("lshr-i", value, imm=16)
    carry = b.op("add64-i", b.op("and-i", upper, imm=1), imm=0x7FFF)
    rounded = b.op("lshr-i", b.op("add64", value, carry), imm=16)
    ordered = b.op("set-ord-f", value, value)
    return b.op("select", ordered, rounded, d=b.op("or-i", upper, imm=0x40))


def lower_float_binary(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fadd, fsub, fmul, fdiv and frem."""
    kind = ins.type
    left, right = (b.ref(operand) for operand in ins.operands)
    if ins.op != "frem":
        return float_op(b, ins.op[1:], kind, left, right)
    within = FLOAT if kind.kind in NARROW else kind
    values = [(within, convert(b, value, kind, within)) for value in (left, right)]
    return convert(b, b.library(library_name("fmod", within), within, values), within, kind)


def sign_bit(kind: ir.Type) -> int:
    """The sign bit of a floating-point type, in the slot that holds it."""
    if kind.kind not in _SIGN_BITS:
        raise ir.RefusedError("vector arithmetic")
    return 1 << _SIGN_BITS[kind.kind]


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
    kind = ins.operands[0].type
    left, right = (b.ref(operand) for operand in ins.operands)
    if kind.kind in NARROW:
        left, right = (convert(b, value, kind, FLOAT) for value in (left, right))
        kind = FLOAT
    if swap:
        left, right = right, left
    return f"{predicate}-{'q' if kind.kind == 'fp128' else suffix(kind)}", left, right


def lower_fcmp(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a floating-point comparison whose result is needed in a slot."""
    parts = float_compare(b, ins)
    if parts is None:
        return b.const(int(ins.word == "true"))
    predicate, left, right = parts
    if predicate.endswith("-q"):
        return _runtime_compare(b, predicate[:-2], ins.operands[0].type, left, right)
    return b.op(f"set-{predicate}", left, right)


def _runtime_compare(b: Builder, predicate: str, kind: ir.Type, left: Ref, right: Ref) -> Ref:
    if predicate in {"one", "ueq"}:  # two questions
        unordered = _runtime_compare(b, "uno", kind, left, right)
        equal = b.op("or", unordered, _runtime_compare(b, "oeq", kind, left, right))
        return equal if predicate == "ueq" else b.op("xor-i", equal, imm=1)
    name, holds = _RUNTIME_COMPARE[predicate]
    answer = b.library(f"__{name}tf2", _INT, [(kind, left), (kind, right)])
    return b.op(f"set-{holds}-i", answer, imm=0)


def lower_to_float(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower sitofp and uitofp."""
    value, bits, signed, kind = b.ref(ins.operands[0]), ins.source.bits, ins.op == "sitofp", ins.type
    if kind.kind in NARROW:
        made = _to_float(b, value, bits, FLOAT, signed=signed)
        return convert(b, made, FLOAT, kind)
    return _to_float(b, value, bits, kind, signed=signed)


def _to_float(b: Builder, value: Ref, bits: int, kind: ir.Type, *, signed: bool) -> Ref:
    if bits > 64 or kind.kind == "fp128":
        width = 128 if bits > 64 else 64
        if signed:
            value = sign_wide(b, value, bits) if bits > 64 else b.signed(value, bits)
        name = f"__float{'' if signed else 'un'}{'ti' if bits > 64 else 'di'}{runtime_letters(kind)}"
        return b.library(name, kind, [(ir.int_type(width), value)])
    letter = suffix(kind)
    if signed and bits == 32 and letter != "x":
        return b.op(f"s32to{letter}", value)
    op = b.op_wide if is_wide(kind) else b.op
    if signed:
        return op(f"sto{letter}", b.signed(value, bits))
    return op(f"uto{letter}" if bits == 64 else f"sto{letter}", value)


def lower_to_int(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fptosi and fptoui."""
    source, value, signed = ins.source, b.ref(ins.operands[0]), ins.op == "fptosi"
    if source.kind in NARROW:
        source, value = FLOAT, convert(b, value, source, FLOAT)
    bits = ins.type.bits
    if bits > 64 or source.kind == "fp128":
        name = f"__fix{'' if signed else 'uns'}{runtime_letters(source)}{'ti' if bits > 64 else 'di'}"
        made = b.library(name, ir.int_type(128 if bits > 64 else 64), [(source, value)])
        return mask_wide(b, made, bits) if bits > 64 else b.mask(made, ins.type)
    return b.mask(b.op(f"{suffix(source)}to{'s' if signed else 'u'}", value), ins.type)


def lower_resize(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower fpext and fptrunc."""
    return convert(b, b.ref(ins.operands[0]), ins.source, ins.type)


def _element(ins: ir.Instruction) -> tuple[int, int]:
    """The place of an element in a vector that one slot holds, and the element's mask."""
    index = ins.operands[-1]
    if not isinstance(index, ir.Constant):
        raise ir.RefusedError("vector index that is no number")
    width = 8 * ins.operands[0].type.members[0].store_size
    return index.value * width, (1 << width) - 1


def lower_extract_element(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower extractelement from the vector of floats that clang makes of a small struct."""
    value = b.ref(ins.operands[0])
    place, mask = _element(ins)
    return b.op("and-i", b.op("lshr-i", value, imm=place) if place else value, imm=mask)


def lower_insert_element(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower insertelement into such a vector."""
    value, element = b.ref(ins.operands[0]), b.ref(ins.operands[1])
    place, mask = _element(ins)
    if place:
        element = b.op("shl64-i", element, imm=place)
    return b.op("or", b.op("and-i", value, imm=~(mask << place) & 0xFFFF_FFFF_FFFF_FFFF), element)
