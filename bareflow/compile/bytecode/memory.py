"""Lowers loads, stores, address computations, allocas and atomics.

An address computation that only loads, stores and further constant offsets use is not computed at all:
it becomes part of the instruction that uses it.
"""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import is_wide, leaf_types
from bareflow.compile.bytecode.builder import MASK64, Address, Builder, signed_value
from bareflow.compile.bytecode.vcode import Ref
from bareflow.layouts.opcodes import ATOMIC

_POWERS = (1, 2, 4, 8)


def _fits32(value: int) -> bool:
    return -(1 << 31) <= value < 1 << 31


def address_of(b: Builder, operand: ir.Operand) -> Address:
    """The address that a pointer operand stands for, folded as far as it goes."""
    if isinstance(operand, ir.Local) and operand.name in b.addresses:
        return b.addresses[operand.name]
    return Address(b.ref(operand))


def _access(b: Builder, op: str, value: Ref, address: Address, offset: int, size: int) -> None:
    """Emit one load or store of at most 8 bytes."""
    if size not in _POWERS:
        if address.index is not None:
            address = Address(b.materialise(address))
        b.emit(f"{op}-n", value, address.base, size, imm=(address.offset + offset) & MASK64)
    elif address.index is None:
        b.emit(f"{op}{8 * size}", value, address.base, imm=(address.offset + offset) & MASK64)
    else:
        suffix = "w" if address.signed32 else "x"
        b.emit(
            f"{op}{8 * size}-{suffix}", value, address.base, address.index, d=address.scale, e=address.offset + offset
        )


def lower_load(b: Builder, ins: ir.Instruction) -> list[Ref]:
    """Lower a load, leaf by leaf; an atomic one of 16 bytes exchanges zero for zero, as compiled code does."""
    if "atomic" in ins.flags and ins.type.store_size == _SIXTEEN:
        zero = b.wide(b.const(0), b.const(0))
        result = b.reg(2)
        b.emit("cmpxchg128", result, b.ref(ins.operands[0]), zero, d=zero)
        return [result]
    address = address_of(b, ins.operands[0])
    leaves = leaf_types(ins.type)
    if len(leaves) > 1 or is_wide(leaves[0][0]):
        address = Address(b.materialise(address))
    found: list[Ref] = []
    for leaf, offset in leaves:
        low = b.reg()
        _access(b, "load", low, address, offset, min(8, leaf.store_size))
        if is_wide(leaf):
            high = b.reg()
            _access(b, "load", high, address, offset + 8, leaf.store_size - 8)
            low = b.wide(low, high)
        elif leaf.bits % 8:
            low = b.mask(low, leaf)
        found.append(low)
    return found


def lower_store(b: Builder, ins: ir.Instruction) -> None:
    """Lower a store, leaf by leaf; an atomic one is followed by a fence."""
    value, pointer = ins.operands
    if "atomic" in ins.flags and value.type.store_size == _SIXTEEN:
        b.emit("atomicrmw128", b.reg(2), b.ref(pointer), b.ref(value), d=ATOMIC["xchg"])
        return
    refs = b.leaves(value)
    address = address_of(b, pointer)
    leaves = leaf_types(value.type)
    if len(leaves) > 1 or is_wide(leaves[0][0]):
        address = Address(b.materialise(address))
    for (leaf, offset), ref in zip(leaves, refs, strict=True):
        _access(b, "store", ref, address, offset, min(8, leaf.store_size))
        if is_wide(leaf):
            _access(b, "store", ref.next(), address, offset + 8, leaf.store_size - 8)
    if "atomic" in ins.flags:
        b.emit("fence")


def gep_address(b: Builder, ins: ir.Instruction) -> Address:
    """The address a getelementptr computes; emits code only where more than one index varies."""
    if ins.type.kind != "ptr":
        raise ir.RefusedError("vector of pointers")
    address = address_of(b, ins.operands[0])
    kind = ins.source
    for number, index in enumerate(ins.operands[1:]):
        if number and kind.kind == "struct":
            if not isinstance(index, ir.Constant):
                raise ir.RefusedError("struct index that is no number")
            address = _offset(b, address, kind.offsets[index.value])
            kind = kind.members[index.value]
            continue
        if number:
            kind = kind.members[0]
        if isinstance(index, ir.Constant):
            address = _offset(b, address, signed_value(index) * kind.size)
        else:
            address = _indexed(b, address, index, kind.size)
    return address


def _offset(b: Builder, address: Address, offset: int) -> Address:
    total = address.offset + offset
    if not _fits32(total + 16):
        return Address(b.op("add64-i", b.materialise(address), imm=offset & MASK64))
    return Address(address.base, total, address.index, address.scale, address.signed32)


def _indexed(b: Builder, address: Address, index: ir.Operand, scale: int) -> Address:
    if address.index is not None:
        address = Address(b.materialise(address))
    if isinstance(index, ir.Local) and index.name in b.narrow:
        ref, signed32 = b.narrow[index.name], True
    else:
        bits = index.type.bits
        ref, signed32 = b.ref(index), bits == 32
        if bits not in {32, 64}:
            ref = b.signed(ref, bits)
    if not _fits32(scale):
        wide = b.signed(ref, 32) if signed32 else ref
        return Address(b.op("add64", b.materialise(address), b.op("mul64-i", wide, imm=scale)))
    return Address(address.base, address.offset, ref, scale, signed32)


def lower_alloca(b: Builder, ins: ir.Instruction, *, entry: bool) -> Ref:
    """Lower an alloca: part of the frame where its size is known and it runs once, else fresh memory."""
    count = ins.operands[0]
    size, align = ins.source.size, ins.numbers[0]
    if entry and isinstance(count, ir.Constant):
        result = b.reg()
        b.emit("frame", result, imm=b.frame_memory(size * count.value, align))
        return result
    return b.op("alloca", b.op("mul64-i", b.ref(count), imm=size), imm=max(16, align))


def _atomic_size(kind: ir.Type) -> int:
    if kind.store_size not in _POWERS:
        raise ir.RefusedError(f"atomic operation on {kind}")
    return kind.store_size


_SIXTEEN = 16
_NARROW_ONLY = frozenset({"fadd", "fsub", "fmax", "fmin", "uinc_wrap", "udec_wrap", "usub_cond", "usub_sat"})


def lower_rmw(b: Builder, ins: ir.Instruction) -> Ref:
    """Lower an atomicrmw."""
    if ins.word not in ATOMIC.members:
        raise ir.RefusedError(f"atomicrmw {ins.word}")
    pointer, value = (b.ref(operand) for operand in ins.operands)
    if ins.type.store_size == _SIXTEEN and ins.word not in _NARROW_ONLY:
        result = b.reg(2)
        b.emit("atomicrmw128", result, pointer, value, d=ATOMIC[ins.word])
        return result
    if ins.word[0] == "f" and ins.type.kind not in {"float", "double"}:
        raise ir.RefusedError(f"atomicrmw {ins.word} of {ins.type}")
    return b.op("atomicrmw", pointer, value, d=ATOMIC[ins.word], e=_atomic_size(ins.type))


def lower_cmpxchg(b: Builder, ins: ir.Instruction) -> list[Ref]:
    """Lower a cmpxchg; its results are the old value and a flag."""
    pointer, expected, desired = (b.ref(operand) for operand in ins.operands)
    result = b.reg(2)
    if ins.source.store_size == _SIXTEEN:
        b.emit("cmpxchg128", result, pointer, expected, d=desired)
        return [result, b.op("set-eq128", result, expected)]
    b.emit("cmpxchg", result, pointer, expected, d=desired, e=_atomic_size(ins.source))
    return [result, result.next()]
