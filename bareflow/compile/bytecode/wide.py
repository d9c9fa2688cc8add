"""Lowers intrinsics on integers of 65 to 128 bits: counts, swaps, rotations, overflow checks, saturation.

Values are zero-extended to 128 bits. Those of fewer bits come from _BitInt, and from `__builtin_add_overflow` and its
like where one operand is signed and the other is not.
"""

from __future__ import annotations

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.builder import Builder
from bareflow.compile.bytecode.integers import mask_wide, sign_wide
from bareflow.compile.bytecode.vcode import Ref

_WIDE = 128


def count_bits(b: Builder, word: str, value: Ref, bits: int) -> Ref:
    """Lower ctpop, ctlz, cttz and bitreverse."""
    if word == "bitreverse":
        turned = b.wide(b.op(word, value.next(), imm=64), b.op(word, value, imm=64))
        return _shift(b, "lshr128", turned, _WIDE - bits)
    if word == "ctpop":
        return b.wide(b.op("add64", b.op("ctpop", value), b.op("ctpop", value.next())), b.const(0))
    if word == "cttz" and bits < _WIDE:  # a bit behind the last one ends the search
        value = b.wide(value, b.op("or-i", value.next(), imm=1 << (bits - 64)))
    found = _zeros(b, word, value)
    if word == "ctlz" and bits < _WIDE:
        found = b.op("sub64-i", found, imm=_WIDE - bits)
    return b.wide(found, b.const(0))


def _zeros(b: Builder, word: str, value: Ref) -> Ref:
    """Zeros at one end of a 128-bit value: those of the half there, and where it is zero, 64 and the other's."""
    near, far = (value.next(), value) if word == "ctlz" else (value, value.next())
    beyond = b.op("add64-i", b.op(word, far, imm=64), imm=64)
    return b.op("select", near, b.op(word, near, imm=64), d=beyond)


def swap_bytes(b: Builder, value: Ref, bits: int) -> Ref:
    """Lower bswap."""
    turned = b.wide(b.op("bswap", value.next(), imm=0), b.op("bswap", value, imm=0))
    return _shift(b, "lshr128", turned, _WIDE - bits)


def funnel(b: Builder, word: str, high: Ref, low: Ref, amount: Ref, bits: int) -> Ref:
    """Lower fshl and fshr: what is shifted in from the other operand goes in two steps, for 128 is no amount."""
    if bits != _WIDE:
        raise ir.RefusedError(f"{word} of i{bits}")
    by = b.op("and-i", amount, imm=_WIDE - 1)
    rest = b.op("rsub64-i", by, imm=_WIDE - 1)
    if word == "fshl":
        parts = (b.op_wide("shl128", high, by), b.op_wide("lshr128", _shift(b, "lshr128", low, 1), rest))
    else:
        parts = (b.op_wide("lshr128", low, by), b.op_wide("shl128", _shift(b, "shl128", high, 1), rest))
    first, second = parts
    return b.wide(b.op("or", first, second), b.op("or", first.next(), second.next()))


def _shift(b: Builder, op: str, value: Ref, amount: int) -> Ref:
    return b.op_wide(op, value, b.const(amount)) if amount else value


def overflow(b: Builder, word: str, left: Ref, right: Ref, bits: int) -> tuple[Ref, Ref]:
    """Lower an operation with an overflow check, named as in ARITH: the result, and whether it does not fit."""
    signed = word[0] == "s"
    if signed:
        left, right = sign_wide(b, left, bits), sign_wide(b, right, bits)
    if word[1:] == "mul":
        result, flag = (_multiply_signed if signed else _multiply_unsigned)(b, left, right)
    else:
        result = b.op_wide(f"{word[1:]}128", left, right)
        flag = _carry(b, word, left, right, result) if bits == _WIDE else b.const(0)
    if bits == _WIDE:
        return result, flag
    kept = mask_wide(b, result, bits)
    same = b.op("set-eq128", sign_wide(b, kept, bits) if signed else kept, result)
    return kept, b.op("or", flag, b.op("xor-i", same, imm=1))


def _carry(b: Builder, word: str, left: Ref, right: Ref, result: Ref) -> Ref:
    if word == "uadd":
        return b.op("set-ult128", result, left)
    if word == "usub":
        return b.op("set-ult128", left, right)
    # The signs tell: a sum's differs from both summands', or operands' differ and the difference's from the first's.
    first = b.op("xor", left.next(), right.next() if word == "ssub" else result.next())
    second = b.op("xor", left.next() if word == "ssub" else right.next(), result.next())
    return b.op("lshr-i", b.op("and", first, second), imm=63)


def _multiply_unsigned(b: Builder, left: Ref, right: Ref) -> tuple[Ref, Ref]:
    """The low 128 bits of a product, and whether there are more: from the products of its halves."""
    zero = b.const(0)

    def product(first: Ref, second: Ref) -> Ref:
        return b.op_wide("mul128", b.wide(first, zero), b.wide(second, zero))

    crossed = (product(left.next(), right), product(left, right.next()))
    low = product(left, right)
    upper = b.wide(low.next(), zero)
    for one in crossed:
        upper = b.op_wide("add128", upper, b.wide(one, zero))
    both = b.op("and", b.op("set-ne-i", left.next(), imm=0), b.op("set-ne-i", right.next(), imm=0))
    more = b.op("or", b.op("or", crossed[0].next(), crossed[1].next()), upper.next())
    return b.wide(low, upper), b.op("or", both, b.op("set-ne-i", more, imm=0))


def _multiply_signed(b: Builder, left: Ref, right: Ref) -> tuple[Ref, Ref]:
    """The product of the magnitudes with its sign; one that is not zero and has another sign did not fit."""
    signs = [b.op("ashr64-i", value.next(), imm=63) for value in (left, right)]
    magnitudes = [_with_sign(b, value, sign) for value, sign in zip((left, right), signs, strict=True)]
    product, flag = _multiply_unsigned(b, *magnitudes)
    sign = b.op("xor", *signs)
    result = _with_sign(b, product, sign)
    wrong = b.op("lshr-i", b.op("xor", result.next(), sign), imm=63)
    some = b.op("set-ne-i", b.op("or", product, product.next()), imm=0)
    return result, b.op("or", flag, b.op("and", wrong, some))


def _with_sign(b: Builder, value: Ref, sign: Ref) -> Ref:
    """The value where `sign` is 0, its negative where all bits of `sign` are set."""
    flipped = b.wide(b.op("xor", value, sign), b.op("xor", value.next(), sign))
    return b.op_wide("sub128", flipped, b.wide(sign, sign))


def saturate(b: Builder, word: str, left: Ref, right: Ref, bits: int) -> Ref:
    """Lower saturating addition or subtraction, named as in ARITH."""
    result, flag = overflow(b, word, left, right, bits)
    if word[0] == "u":
        limit = mask_wide(b, b.wide(b.const(-1), b.const(-1)), bits) if word == "uadd" else b.wide(*[b.const(0)] * 2)
    else:  # the least number where the first operand is negative, else the greatest, its complement
        sign = b.op("ashr64-i", sign_wide(b, left, bits).next(), imm=63)
        greatest = ir.Constant(ir.int_type(_WIDE), (1 << (bits - 1)) - 1)
        top = b.ref(greatest)
        limit = mask_wide(b, b.wide(b.op("xor", top, sign), b.op("xor", top.next(), sign)), bits)
    low = b.op("select", flag, limit, d=result)
    return b.wide(low, b.op("select", flag, limit.next(), d=result.next()))
