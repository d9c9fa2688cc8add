"""Lowers integer arithmetic, comparisons, casts and selects.

Integers of up to 64 bits are kept zero-extended in a slot. Widths other than 32 and 64 compute in the
next larger one and are cut to size behind it; signed operations sign-extend their operands first.
"""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import is_wide, leaf_types
from bareflow.compile.bytecode.builder import MASK64, Builder, signed_value
from bareflow.compile.bytecode.vcode import PCOPY, Ins, Ref

_COMMUTES = frozenset(["add", "mul", "and", "or", "xor"])
_SIGNED = frozenset(["ashr", "sdiv", "srem"])
_WIDTHLESS = frozenset(["and", "or", "xor", "lshr", "udiv", "urem"])
_LIBRARY = {"udiv": "__udivti3", "sdiv": "__divti3", "urem": "__umodti3", "srem": "__modti3"}
_SWAPPED = {"sgt": "slt", "sge": "sle", "slt": "sgt", "sle": "sge", "ugt": "ult", "uge": "ule", "ult": "ugt"}
_SWAPPED |= {"ule": "uge", "eq": "eq", "ne": "ne"}


def lower_binary(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower an integer operation on two operands."""
    if ins.type.kind != "int":
        raise ir.RefusedError("vector arithmetic")
    if is_wide(ins.type):
        return _wide_binary(b, ins)
    left, right = ins.operands
    if isinstance(left, ir.Constant) and ins.op in _COMMUTES:
        left, right = right, left
    bits = ins.type.bits
    if ins.op in _WIDTHLESS:
        return _apply(b, ins.op, left, right)
    name = ins.op + ("32" if bits == 32 or (bits < 32 and ins.op not in _SIGNED) else "64")
    if bits in {32, 64}:
        return _apply(b, name, left, right)
    if ins.op in _SIGNED:
        wide = b.signed(b.ref(left), bits)
        amount = b.ref(right) if ins.op == "ashr" else b.signed(b.ref(right), bits)
        return b.mask(b.op(name, wide, amount), ins.type)
    return b.mask(_apply(b, name, left, right), ins.type)


def _apply(b: Builder, name: str, left: ir.Operand, right: ir.Operand) -> Ref:
    if isinstance(right, ir.Constant):
        if name in {"sub32", "sub64"}:
            return b.op(f"add{name[3:]}-i", b.ref(left), imm=-signed_value(right) & MASK64)
        return b.op(f"{name}-i", b.ref(left), imm=right.value)
    if isinstance(left, ir.Constant) and name in {"sub32", "sub64"}:
        return b.op(f"rsub{name[3:]}-i", b.ref(right), imm=left.value)
    return b.op(name, b.ref(left), b.ref(right))


def _wide_binary(b: Builder, ins: ir.Instruction) -> Ref:
    left, right = (b.ref(operand) for operand in ins.operands)
    bits = ins.type.bits
    if ins.op in {"and", "or", "xor"}:
        return b.wide(b.op(ins.op, left, right), b.op(ins.op, left.next(), right.next()))
    if ins.op in _SIGNED and bits < 128:
        left = sign_wide(b, left, bits)
        right = right if ins.op == "ashr" else sign_wide(b, right, bits)
    if ins.op in _LIBRARY:
        kind = ir.int_type(128)
        result = b.library(_LIBRARY[ins.op], kind, [(kind, left), (kind, right)])
    else:
        result = b.reg(2)
        b.emit(f"{ins.op}128", result, left, right)
    return mask_wide(b, result, bits)


def sign_wide(b: Builder, value: Ref, bits: int) -> Ref:
    """Sign-extend a wide value's low `bits` to 128."""
    return b.wide(value, b.signed(value.next(), bits - 64)) if bits < 128 else value


def mask_wide(b: Builder, value: Ref, bits: int) -> Ref:
    """Cut a wide value to `bits`."""
    if bits == 128:
        return value
    return b.wide(value, b.mask(value.next(), ir.int_type(bits - 64)))


def compare_parts(b: Builder, ins: ir.Instruction) -> tuple[str, Ref, Ref | int]:
    """An integer comparison of at most 64 bits as predicate of the bytecode, left slot, slot or number."""
    left, right = ins.operands
    predicate = ins.word
    if isinstance(left, ir.Constant) and not isinstance(right, ir.Constant):
        left, right, predicate = right, left, _SWAPPED[predicate]
    kind = left.type
    if kind.kind not in {"int", "ptr"}:
        raise ir.RefusedError("vector comparison")
    bits = kind.bits or 64
    number = right if isinstance(right, ir.Constant) else None
    if predicate[0] != "s":
        return predicate, b.ref(left), number.value if number else b.ref(right)
    if bits in {32, 64}:
        return f"{predicate}{bits}", b.ref(left), signed_value(number) if number else b.ref(right)
    wide = b.signed(b.ref(left), bits)
    return f"{predicate}64", wide, signed_value(number) if number else b.signed(b.ref(right), bits)


def lower_icmp(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower an integer comparison whose result is needed in a slot."""
    if is_wide(ins.operands[0].type):
        return _wide_compare(b, ins)
    predicate, left, right = compare_parts(b, ins)
    if isinstance(right, Ref):
        return b.op(f"set-{predicate}", left, right)
    return b.op(f"set-{predicate}-i", left, imm=right & MASK64)


def _wide_compare(b: Builder, ins: ir.Instruction) -> Ref:
    left, right = (b.ref(operand) for operand in ins.operands)
    predicate = ins.word
    bits = ins.operands[0].type.bits
    if predicate[0] == "s":
        left, right = sign_wide(b, left, bits), sign_wide(b, right, bits)
    if predicate in {"sgt", "sge", "ugt", "uge"}:
        left, right, predicate = right, left, _SWAPPED[predicate]
    result = b.op(f"set-{'eq' if predicate == 'ne' else predicate}128", left, right)
    return b.op("xor-i", result, imm=1) if predicate == "ne" else result


def case_number(b: Builder, ins: ir.Instruction) -> Ref:
    """Which case of a switch on a wide integer holds, counted from 1; 0: none."""
    value = b.ref(ins.operands[0])
    found = b.const(0)
    for number, case in enumerate(ins.numbers, 1):
        equal = b.op("set-eq128", value, b.ref(ir.Constant(ins.operands[0].type, case)))
        found = b.op("select", equal, b.const(number), d=found)
    return found


def lower_select(b: Builder, ins: ir.Instruction) -> list[Ref]:
    """Lower a select, leaf by leaf."""
    if ins.operands[0].type.kind != "int":
        raise ir.RefusedError("vector select")
    condition = b.ref(ins.operands[0])
    found: list[Ref] = []
    leaves = [leaf for leaf, _ in leaf_types(ins.type)]
    for leaf, yes, no in zip(leaves, b.leaves(ins.operands[1]), b.leaves(ins.operands[2]), strict=True):
        low = b.op("select", condition, yes, d=no)
        if is_wide(leaf):
            low = b.wide(low, b.op("select", condition, yes.next(), d=no.next()))
        found.append(low)
    return found


def lower_zext(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a zero extension: nothing to do within a slot."""
    value = b.ref(ins.operands[0])
    if is_wide(ins.type) and not is_wide(ins.source):
        return b.wide(value, b.const(0))
    return value


def lower_trunc(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a truncation."""
    value = b.ref(ins.operands[0])
    if is_wide(ins.type):
        return mask_wide(b, value, ins.type.bits)
    return b.mask(value, ins.type)


def lower_sext(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a sign extension."""
    value = b.ref(ins.operands[0])
    bits, to = ins.source.bits, ins.type.bits
    if bits > 64:
        return mask_wide(b, sign_wide(b, value, bits), to)
    if to > 64:
        low = b.signed(value, bits)
        return mask_wide(b, b.wide(low, b.op("ashr64-i", low, imm=63)), to)
    if to == 32:
        return b.op("sext32", value, imm=64 - bits)
    return b.mask(b.signed(value, bits), ins.type)


def lower_bitcast(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower a cast that keeps the bits, pointers included."""
    value = b.ref(ins.operands[0])
    if is_wide(ins.type) and not is_wide(ins.source):
        return b.wide(value, b.const(0))
    return b.mask(value, ins.type) if ins.op in {"ptrtoint", "ptrtoaddr"} else value


def copy_values(targets: list[Ref], sources: list[Ref]) -> Ins:
    """A parallel copy of leaves; both lists hold whole registers or parts of aggregates."""
    pairs = [
        (target if half == 0 else target.next(), source if half == 0 else source.next())
        for target, source in zip(targets, sources, strict=True)
        for half in range(target.reg.size)
    ]
    return Ins(PCOPY, targets=tuple(p[0] for p in pairs), sources=tuple(p[1] for p in pairs))
