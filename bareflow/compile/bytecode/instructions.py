"""Parses single instructions of LLVM's text, by their first word, into `ir` values."""

from __future__ import annotations

from collections.abc import Callable

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.tokens import Cursor, unquote

_BINARY = frozenset(
    [
        "add",
        "sub",
        "mul",
        "udiv",
        "sdiv",
        "urem",
        "srem",
        "shl",
        "lshr",
        "ashr",
        "and",
        "or",
        "xor",
        "fadd",
        "fsub",
        "fmul",
        "fdiv",
        "frem",
    ]
)
_CASTS = frozenset(
    [
        "trunc",
        "zext",
        "sext",
        "fptrunc",
        "fpext",
        "fptoui",
        "fptosi",
        "uitofp",
        "sitofp",
        "ptrtoint",
        "inttoptr",
        "bitcast",
        "addrspacecast",
        "ptrtoaddr",
    ]
)


def parse_instruction(op: str, cursor: Cursor) -> ir.Instruction:
    """Parse what follows an instruction's first word and its flags.

    Raises:
        ir.RefusedError: bytecode cannot express it.
    """
    if op in _BINARY:
        return _parse_binary(op, cursor)
    if op in _CASTS:
        operand = cursor.typed()
        cursor.expect("to")
        return ir.Instruction("", op, cursor.type(), (operand,), source=operand.type)
    if op not in _PARSERS:
        raise ir.RefusedError(f"instruction {op}")
    return _PARSERS[op](op, cursor)


def _parse_binary(op: str, cursor: Cursor) -> ir.Instruction:
    left = cursor.typed()
    cursor.expect(",")
    return ir.Instruction("", op, left.type, (left, cursor.value(left.type)))


def _parse_list(op: str, cursor: Cursor) -> ir.Instruction:
    """A comma-separated list of typed operands; the result has the first one's type."""
    found = [cursor.typed()]
    while cursor.accept(","):
        found.append(cursor.typed())
    kind = found[1].type if op == "select" else found[0].type
    return ir.Instruction("", op, kind, tuple(found))


def _parse_compare(op: str, cursor: Cursor) -> ir.Instruction:
    predicate = cursor.take()
    left = cursor.typed()
    cursor.expect(",")
    return ir.Instruction("", op, ir.int_type(1), (left, cursor.value(left.type)), word=predicate)


def _parse_ret(op: str, cursor: Cursor) -> ir.Instruction:
    if cursor.accept("void"):
        return ir.Instruction("", op, ir.VOID)
    operand = cursor.typed()
    return ir.Instruction("", op, operand.type, (operand,))


def _label(cursor: Cursor) -> str:
    cursor.expect("label")
    return unquote(cursor.take())


def _parse_br(op: str, cursor: Cursor) -> ir.Instruction:
    if cursor.next == "label":
        return ir.Instruction("", op, ir.VOID, blocks=(_label(cursor),))
    condition = cursor.typed()
    cursor.expect(",")
    first = _label(cursor)
    cursor.expect(",")
    return ir.Instruction("", op, ir.VOID, (condition,), (first, _label(cursor)))


def _parse_switch(op: str, cursor: Cursor) -> ir.Instruction:
    operand = cursor.typed()
    cursor.expect(",")
    blocks = [_label(cursor)]
    numbers: list[int] = []
    cursor.expect("[")
    while not cursor.accept("]"):
        case = cursor.typed()
        if not isinstance(case, ir.Constant):
            raise ir.RefusedError("switch case")
        numbers.append(case.value)
        cursor.expect(",")
        blocks.append(_label(cursor))
    return ir.Instruction("", op, ir.VOID, (operand,), tuple(blocks), numbers=tuple(numbers))


def _parse_nothing(op: str, _cursor: Cursor) -> ir.Instruction:
    return ir.Instruction("", op, ir.VOID)


def _parse_phi(op: str, cursor: Cursor) -> ir.Instruction:
    kind = cursor.type()
    values: list[ir.Operand] = []
    blocks: list[str] = []
    while cursor.accept("["):
        values.append(cursor.value(kind))
        cursor.expect(",")
        blocks.append(unquote(cursor.take()))
        cursor.expect("]")
        cursor.accept(",")
    return ir.Instruction("", op, kind, tuple(values), tuple(blocks))


def _parse_alloca(op: str, cursor: Cursor) -> ir.Instruction:
    kind = cursor.type()
    count: ir.Operand = ir.Constant(ir.int_type(32), 1)
    align = kind.align
    while cursor.accept(","):
        if cursor.accept("align"):
            align = int(cursor.take())
        else:
            count = cursor.typed()
    return ir.Instruction("", op, ir.PTR, (count,), source=kind, numbers=(align,))


def _memory_flags(cursor: Cursor) -> frozenset[str]:
    found = {cursor.take() for _ in range(2) if cursor.next in {"atomic", "volatile"}}
    return frozenset(found)


def _parse_load(op: str, cursor: Cursor) -> ir.Instruction:
    flags = _memory_flags(cursor)
    kind = cursor.type()
    cursor.expect(",")
    return ir.Instruction("", op, kind, (cursor.typed(),), source=kind, flags=flags)


def _parse_store(op: str, cursor: Cursor) -> ir.Instruction:
    flags = _memory_flags(cursor)
    value = cursor.typed()
    cursor.expect(",")
    return ir.Instruction("", op, ir.VOID, (value, cursor.typed()), source=value.type, flags=flags)


def _parse_gep(op: str, cursor: Cursor) -> ir.Instruction:
    source = cursor.type()
    cursor.expect(",")
    found = _parse_list(op, cursor)
    found.type, found.source = found.operands[0].type, source
    return found


def _parse_indices(op: str, cursor: Cursor) -> ir.Instruction:
    """Parse extractvalue and insertvalue."""
    operands = [cursor.typed()]
    numbers: list[int] = []
    while cursor.accept(","):
        if cursor.next.isdigit():
            numbers.append(int(cursor.take()))
        else:
            operands.append(cursor.typed())
    kind = operands[0].type
    if op == "extractvalue":
        for number in numbers:
            kind = kind.members[number if kind.kind == "struct" else 0]
    return ir.Instruction("", op, kind, tuple(operands), numbers=tuple(numbers))


def _parse_element(op: str, cursor: Cursor) -> ir.Instruction:
    found = _parse_list(op, cursor)
    if op == "extractelement":
        found.type = found.operands[0].type.members[0]
    return found


def _parse_rmw(op: str, cursor: Cursor) -> ir.Instruction:
    word = cursor.take()
    pointer = cursor.typed()
    cursor.expect(",")
    value = cursor.typed()
    return ir.Instruction("", op, value.type, (pointer, value), word=word)


def _parse_cmpxchg(op: str, cursor: Cursor) -> ir.Instruction:
    cursor.accept("weak")
    cursor.accept("volatile")
    found = [cursor.typed()]
    for _ in range(2):
        cursor.expect(",")
        found.append(cursor.typed())
    kind = ir.Type("struct", members=(found[1].type, ir.int_type(1)))
    return ir.Instruction("", op, kind, tuple(found), source=found[1].type)


_KEEPS_MORE = frozenset({"preserve_mostcc", "preserve_allcc"})  # to a caller they are C's


def _parse_call(op: str, cursor: Cursor) -> ir.Instruction:
    while cursor.next in {"ccc", "fastcc", "coldcc", *_KEEPS_MORE}:
        if cursor.take() in {"fastcc", "coldcc"}:
            raise ir.RefusedError("calling convention that is not C's")
    words, _, _ = cursor.attributes()
    kind = cursor.type()
    flags = {"sext"} if "signext" in words else set()
    if cursor.next == "(":
        if "..." in cursor.tokens[cursor.at : cursor.tokens.index(")", cursor.at)]:
            flags.add("variadic")
        cursor.skip_group()
    if cursor.next == "asm":
        raise ir.RefusedError("inline assembly")
    callee = cursor.value(ir.PTR)
    cursor.expect("(")
    arguments: list[ir.Argument] = []
    while not cursor.accept(")"):
        arguments.append(cursor.argument(named=True))
        cursor.accept(",")
    if "returns_twice" in cursor.tokens[cursor.at :]:
        flags.add("returns_twice")
    return ir.Instruction("", op, kind, (callee,), arguments=tuple(arguments), flags=frozenset(flags))


_PARSERS: dict[str, Callable[[str, Cursor], ir.Instruction]] = {
    "icmp": _parse_compare,
    "fcmp": _parse_compare,
    "ret": _parse_ret,
    "br": _parse_br,
    "switch": _parse_switch,
    "unreachable": _parse_nothing,
    "fence": _parse_nothing,
    "phi": _parse_phi,
    "alloca": _parse_alloca,
    "load": _parse_load,
    "store": _parse_store,
    "getelementptr": _parse_gep,
    "extractvalue": _parse_indices,
    "insertvalue": _parse_indices,
    "extractelement": _parse_element,
    "insertelement": _parse_element,
    "atomicrmw": _parse_rmw,
    "cmpxchg": _parse_cmpxchg,
    "call": _parse_call,
    "select": _parse_list,
    "freeze": _parse_list,
    "fneg": _parse_list,
}
