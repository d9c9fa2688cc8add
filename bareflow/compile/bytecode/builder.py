"""What every part of the lowering needs: registers, operands, constants, symbols, emission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.abi import (
    Signature,
    is_packed,
    is_wide,
    leaf_types,
    make_signature,
    slot_words,
)
from bareflow.compile.bytecode.vcode import PCOPY, Field, Ins, Ref, Reg, VBlock

MASK64 = (1 << 64) - 1
_MAX_HOISTED = 48


@dataclass(frozen=True)
class Address:
    """An address not computed yet: base + index * scale + offset; `signed32`: the index is 32 bits wide."""

    base: Ref
    offset: int = 0
    index: Ref | None = None
    scale: int = 1
    signed32: bool = False


class Symbols:
    """Numbers the names that code refers to, over the whole program."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def index(self, name: str) -> int:
        """The number of a name."""
        return self.names.setdefault(name, len(self.names))


class Builder:
    """Emits virtual code for one function.

    Args:
        module: the parsed module, for what it knows about the symbols used.
        symbols: the program's.
        signature: interns a call's signature and returns its number.
    """

    def __init__(self, module: ir.Module, symbols: Symbols, signature: Callable[[Signature], int]) -> None:
        self.module = module
        self.symbols = symbols
        self.signature = signature
        self.registers: list[Reg] = []
        self.values: dict[str, list[Ref]] = {}
        self.addresses: dict[str, Address] = {}
        self.narrow: dict[str, Ref] = {}  # sign extensions of 32 bits that only indices use
        self.named: tuple[int, int, int] | None = None  # of a variadic function, see `named_counts`
        self.twice = False  # it calls setjmp
        self.prologue: list[Ins] = []
        self.block = VBlock("")
        self.out: list[Ins] = []
        self.in_loop = False
        self.hoisted: dict[tuple[str, int, int], Ref] = {}
        self.local: dict[tuple[str, int, int], Ref] = {}
        self.frame_bytes = 0
        self.frame_align = 16

    def start(self, block: VBlock, *, in_loop: bool) -> None:
        """Emit into that block from now on."""
        self.block, self.out, self.in_loop = block, block.body, in_loop
        self.local = {}

    def reg(self, size: int = 1) -> Ref:
        """A new register."""
        reg = Reg(len(self.registers), size)
        self.registers.append(reg)
        return Ref(reg)

    def new(self, kind: ir.Type) -> list[Ref]:
        """New registers for a value of that type, one a leaf."""
        return [self.reg(2 if is_wide(leaf) else 1) for leaf, _ in leaf_types(kind)]

    def emit(self, op: str, a: Field = None, b: Field = None, c: Field = None, **more: object) -> None:
        """Append an instruction."""
        self.out.append(Ins(op, a, b, c, **more))  # type: ignore[arg-type]

    def op(self, op: str, b: Field = None, c: Field = None, **more: object) -> Ref:
        """Append an instruction with a one-slot result; return the result."""
        result = self.reg()
        self.emit(op, result, b, c, **more)
        return result

    def op_wide(self, op: str, b: Field = None, c: Field = None) -> Ref:
        """Append an instruction with a two-slot result; return the result."""
        result = self.reg(2)
        self.emit(op, result, b, c)
        return result

    def wide(self, low: Ref, high: Ref) -> Ref:
        """A two-slot register made of two single ones."""
        result = self.reg(2)
        self.out.append(Ins(PCOPY, targets=(result, result.next()), sources=(low, high)))
        return result

    def frame_memory(self, size: int, align: int) -> int:
        """Reserve memory in the frame; return its offset."""
        self.frame_align = max(self.frame_align, align)
        offset = -(-self.frame_bytes // align) * align
        self.frame_bytes = offset + size
        return offset

    def _shared(self, op: str, first: int, second: int, make: Ins) -> Ref:
        """The result of a constant instruction: once a block, or once a call where it stands in a loop."""
        key = (op, first, second)
        known = self.hoisted.get(key) or self.local.get(key)
        if known is not None:
            return known
        make.a = result = self.reg()
        if self.in_loop and len(self.hoisted) < _MAX_HOISTED:
            self.hoisted[key] = result
            self.prologue.append(make)
        else:
            self.local[key] = result
            self.out.append(make)
        return result

    def const(self, value: int) -> Ref:
        """A slot with that constant."""
        value &= MASK64
        return self._shared("const", value, 0, Ins("const", imm=value))

    def symbol(self, name: str, addend: int = 0) -> Ref:
        """A slot with that symbol's address."""
        if name.startswith("llvm."):
            raise ir.RefusedError(f"address of {name}")
        if not -(1 << 31) <= addend < 1 << 31:
            return self.op("add64-i", self.symbol(name), imm=addend & MASK64)
        index = self.symbols.index(name)
        address = self._shared("sym", index, addend, Ins("sym", d=index, e=addend))
        return self.op("thread", address) if name in self.module.thread_locals else address

    def leaves(self, operand: ir.Operand) -> list[Ref]:
        """The slots of an operand, one reference a leaf."""
        if isinstance(operand, ir.Local):
            return self._local(operand)
        if isinstance(operand, ir.Aggregate) and not is_packed(operand.type):
            return [ref for element in operand.elements for ref in self.leaves(element)]
        return [self._constant(operand)]

    def _local(self, operand: ir.Local) -> list[Ref]:
        if operand.name in self.values:
            return self.values[operand.name]
        if operand.name in self.addresses:
            return [self.materialise(self.addresses[operand.name])]
        raise ir.RefusedError(f"value %{operand.name} before its definition")

    def _constant(self, operand: ir.Operand) -> Ref:
        if isinstance(operand, ir.Constant):
            if is_wide(operand.type):
                return self.wide(self.const(operand.value), self.const(operand.value >> 64))
            leaf_types(operand.type)  # refuses the types that no slot can hold
            return self.const(operand.value)
        if isinstance(operand, ir.Aggregate):
            return self.const(_packed_bits(operand))
        if isinstance(operand, ir.Global):
            return self.symbol(operand.name)
        if isinstance(operand, ir.Expression):
            return self._expression(operand)
        raise ir.RefusedError(operand.reason if isinstance(operand, ir.Unsupported) else "operand")

    def ref(self, operand: ir.Operand) -> Ref:
        """The slot of a scalar operand (the first of two for a wide one)."""
        found = self.leaves(operand)
        if len(found) != 1:
            raise ir.RefusedError("vector type" if operand.type.kind == "vector" else "aggregate as a scalar")
        return found[0]

    def _expression(self, operand: ir.Expression) -> Ref:
        flat = self.constant_address(operand)
        if flat is not None:
            name, addend = flat
            if name:
                return self.mask(self.symbol(name, addend), operand.type)
            return self.const(addend & _type_mask(operand.type))
        if operand.op in {"sub", "add", "xor", "mul"}:
            name = "xor" if operand.op == "xor" else operand.op + "64"
            left, right = (self.ref(o) for o in operand.operands)
            return self.mask(self.op(name, left, right), operand.type)
        if operand.op == "trunc":
            return self.mask(self.ref(operand.operands[0]), operand.type)
        raise ir.RefusedError(f"constant expression {operand.op}")

    def constant_address(self, operand: ir.Operand) -> tuple[str, int] | None:
        """A constant as symbol ("" for none) and number, when it is of that form."""
        if isinstance(operand, ir.Global):
            return operand.name, 0
        if isinstance(operand, ir.Constant):
            return "", operand.value
        return self._folded(operand) if isinstance(operand, ir.Expression) else None

    def _folded(self, operand: ir.Expression) -> tuple[str, int] | None:
        base = self.constant_address(operand.operands[0])
        if base is None or operand.op in {"ptrtoint", "inttoptr", "bitcast", "ptrtoaddr"}:
            return base
        rest = [o for o in operand.operands[1:] if isinstance(o, ir.Constant)]
        if len(rest) != len(operand.operands) - 1:
            return None
        if operand.op == "getelementptr":
            return base[0], base[1] + constant_offset(operand.source, rest)
        if operand.op in {"add", "sub"}:
            return base[0], base[1] + (signed_value(rest[0]) if operand.op == "add" else -signed_value(rest[0]))
        return None

    def mask(self, value: Ref, kind: ir.Type) -> Ref:
        """Cut a slot to the width of an integer type of at most 64 bits."""
        if kind.kind != "int" or kind.bits >= 64:
            return value
        return self.op("and-i", value, imm=_type_mask(kind))

    def signed(self, value: Ref, bits: int) -> Ref:
        """Sign-extend a slot's low `bits` to 64."""
        return value if bits == 64 else self.op("sext64", value, imm=64 - bits)

    def materialise(self, address: Address) -> Ref:
        """Compute an address into a slot."""
        if address.index is None:
            if address.offset == 0:
                return address.base
            return self.op("add64-i", address.base, imm=address.offset & MASK64)
        op = "lea-w" if address.signed32 else "lea-x"
        return self.op(op, address.base, address.index, d=address.scale, e=address.offset)

    def call(self, target: int | Ref, signature: Signature, words: Sequence[Ref], kind: ir.Type) -> list[Ref]:
        """Call a symbol by number, or an address; return the result's leaves."""
        result = self.reg(len(signature.results)) if signature.results else None
        number = self.signature(signature)
        if isinstance(target, Ref):
            self.emit("call-r", result, None, target, words=tuple(words), e=number)
        else:
            self.emit("call", result, d=target, words=tuple(words), e=number)
        if result is None:
            return []
        found: list[Ref] = []
        at = 0
        for leaf, _ in leaf_types(kind):
            found.append(Ref(result.reg, at))
            at += 2 if is_wide(leaf) else 1
        return found

    def library(self, name: str, kind: ir.Type, arguments: Sequence[tuple[ir.Type, Ref]]) -> Ref:
        """Call a function of the C library or compiler runtime by name; return its scalar result."""
        signature = make_signature((ir.Argument(t, None) for t, _ in arguments), kind, sign=False, variadic=False)
        words = [word for t, ref in arguments for word in slot_words(t, [ref])]
        return self.call(self.symbols.index(name), signature, words, kind)[0]


def _type_mask(kind: ir.Type) -> int:
    return (1 << (kind.bits if kind.kind == "int" else 64)) - 1


def _packed_bits(operand: ir.Aggregate) -> int:
    width = 8 * operand.type.members[0].store_size
    bits = 0
    for number, element in enumerate(operand.elements):
        if not isinstance(element, ir.Constant):
            raise ir.RefusedError("vector constant")
        bits |= element.value << number * width
    return bits


def signed_value(constant: ir.Constant) -> int:
    """A constant's bits as a signed number."""
    bits = constant.type.bits
    return constant.value - (1 << bits) if constant.value >> (bits - 1) else constant.value


def constant_offset(source: ir.Type, indices: list[ir.Constant]) -> int:
    """The byte offset of a getelementptr whose indices are all constants."""
    offset = signed_value(indices[0]) * source.size
    kind = source
    for index in indices[1:]:
        if kind.kind == "struct":
            offset += kind.offsets[index.value]
            kind = kind.members[index.value]
        else:
            kind = kind.members[0]
            offset += signed_value(index) * kind.size
    return offset
