"""Parses the text of an LLVM module, as printed by LLVM 22, into `ir` values.

What a function holds that bytecode cannot express does not stop the parser: the function's `refused`
says why, and its blocks and terminators are still there, because edge counters are numbered by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.tokens import Cursor, tokenize, unquote

_METADATA = re.compile(r",\s*![\w.]+.*$")
_LABEL = re.compile(r'^("[^"]*"|[-\w.$]+):')
_TYPE_LINE = re.compile(r'^(%(?:"[^"]*"|[-\w.$]+)) = type (.*)$')
_GLOBAL_LINE = re.compile(r'^(@(?:"[^"]*"|[-\w.$]+)) = (.*?)\b(?:global|constant|alias|ifunc)\b')
_GROUP_LINE = re.compile(r"^attributes (#\d+) = \{(.*)\}")
_FLAGS = frozenset(
    [
        "nuw",
        "nsw",
        "exact",
        "disjoint",
        "nneg",
        "samesign",
        "inbounds",
        "nusw",
        "fast",
        "nnan",
        "ninf",
        "nsz",
        "arcp",
        "contract",
        "afn",
        "reassoc",
        "tail",
        "musttail",
        "notail",
        "volatile",
        "inrange",
    ]
)
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
_ENDINGS = tuple(f"  {word}" for word in ("br ", "switch ", "ret ", "unreachable", "indirectbr ", "callbr ", "invoke "))


def parse_module(text: str, *, whole: Container[str] | None = None) -> ir.Module:
    """Parse a module's text, as printed by LLVM.

    Args:
        text: of the module.
        whole: names of the functions to parse whole, by default all. Of the others only the terminators
            are kept: enough, and fast, for edge counters.
    """
    groups = dict(_attribute_groups(text))
    module = ir.Module()
    named: dict[str, ir.Type] = {}
    _named_types(text, named)
    function: ir.Function | None = None
    skips = False
    lines = iter(text.splitlines())
    for line in lines:
        if function is not None:
            if line == "}":
                function = None
            elif line[:1] == " " and skips and not line.startswith(_ENDINGS):
                continue
            elif line and line[0] != ";":
                _body_line(function, line, lines, named)
        elif line.startswith(("define ", "declare ")):
            parsed = _header(line, named, groups)
            module.functions[parsed.name] = parsed
            if " extern_weak " in line:
                module.weak.add(parsed.name)
            function = parsed if line.startswith("define ") else None
            skips = whole is not None and parsed.name not in whole
            if function is None:
                parsed.blocks = []
        elif line.startswith("@"):
            _global(module, line)
    return module


def _attribute_groups(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    for line in text.splitlines():
        if (match := _GROUP_LINE.match(line)) is not None:
            yield match.group(1), frozenset(re.sub(r'"[^"]*"(="[^"]*")?', "", match.group(2)).split())


def _named_types(text: str, named: dict[str, ir.Type]) -> None:
    """Resolve the named types; pointers are opaque, so no type can be recursive."""
    waiting = {m.group(1): m.group(2) for m in map(_TYPE_LINE.match, text.splitlines()) if m}

    def resolve(name: str) -> None:
        body = waiting.pop(name)
        for token in tokenize(body):
            if token in waiting:
                resolve(token)
        try:
            named[unquote(name)] = Cursor(tokenize(body), named).type()
        except ir.RefusedError:
            named[unquote(name)] = ir.Type("opaque")

    while waiting:
        resolve(next(iter(waiting)))


def _global(module: ir.Module, line: str) -> None:
    match = _GLOBAL_LINE.match(line)
    if match is None:
        return
    name = unquote(match.group(1))
    if "thread_local" in match.group(2):
        module.thread_locals.add(name)
    if "extern_weak" in match.group(2):
        module.weak.add(name)


def _header(line: str, named: dict[str, ir.Type], groups: dict[str, frozenset[str]]) -> ir.Function:
    """Parse a define or declare line; one that cannot be parsed is a refused function."""
    cursor = Cursor(tokenize(line), named)
    name = unquote(next(token for token in cursor.tokens if token[0] == "@"))
    attributes: set[str] = set()
    for token in cursor.tokens:
        attributes |= groups.get(token, frozenset())
    function = ir.Function(name, ir.VOID, sign=False, parameters=(), variadic=False, attributes=frozenset(attributes))
    try:
        _signature(function, cursor)
    except ir.RefusedError as error:
        function.refused = str(error)
    return function


_LINKAGE = frozenset(
    [
        "define",
        "declare",
        "private",
        "internal",
        "available_externally",
        "linkonce",
        "weak",
        "common",
        "appending",
        "extern_weak",
        "linkonce_odr",
        "weak_odr",
        "external",
        "dso_local",
        "dso_preemptable",
        "default",
        "hidden",
        "protected",
        "dllimport",
        "dllexport",
        "ccc",
        "fastcc",
        "coldcc",
        "unnamed_addr",
        "local_unnamed_addr",
    ]
)


def _signature(function: ir.Function, cursor: Cursor) -> None:
    while cursor.next in _LINKAGE:
        if cursor.take() in {"fastcc", "coldcc"}:
            raise ir.RefusedError("calling convention that is not C's")
    words, _, _ = cursor.attributes()
    function.sign = "signext" in words
    function.returns = cursor.type()
    cursor.take()
    cursor.expect("(")
    parameters: list[ir.Argument] = []
    while not cursor.accept(")"):
        if cursor.accept("..."):
            function.variadic = True
        else:
            parameters.append(cursor.argument(named=False))
        cursor.accept(",")
    unnamed = 0
    for at, parameter in enumerate(parameters):
        if parameter.operand is None:
            local = ir.Local(parameter.type, str(unnamed))
            parameters[at] = ir.Argument(
                parameter.type, local, parameter.sign, parameter.byval, parameter.align, parameter.sret
            )
            unnamed += 1
        elif isinstance(parameter.operand, ir.Local) and parameter.operand.name.isdigit():
            unnamed = int(parameter.operand.name) + 1
    function.parameters = tuple(parameters)
    function.blocks = [ir.Block(str(unnamed))]


def _body_line(function: ir.Function, line: str, lines: Iterator[str], named: dict[str, ir.Type]) -> None:
    label = _LABEL.match(line)
    if label is not None:
        name = unquote("%" + label.group(1))
        if len(function.blocks) == 1 and not function.blocks[0].instructions:
            function.blocks[0].name = name
        else:
            function.blocks.append(ir.Block(name))
        return
    text = line
    if line.lstrip().startswith("switch ") and not line.rstrip().endswith("]"):
        for more in lines:
            text += " " + more
            if more.strip().startswith("]"):
                break
    if not function.blocks:
        function.blocks = [ir.Block("0")]
    function.blocks[-1].instructions.append(_instruction(function, text, named))


def _instruction(function: ir.Function, text: str, named: dict[str, ir.Type]) -> ir.Instruction:
    if "!" in text:
        text = _METADATA.sub("", text)
    cursor = Cursor(tokenize(text), named)
    name = ""
    if cursor.next[:1] == "%":
        name = unquote(cursor.take())
        cursor.expect("=")
    flags: set[str] = set()
    while cursor.next in {"tail", "musttail", "notail"}:
        cursor.take()
    op = cursor.take()
    while cursor.next in _FLAGS:
        flags.add(cursor.take())
        if flags & {"nofpclass"}:
            cursor.skip_group()
    try:
        found = _parse(op, cursor)
    except ir.RefusedError as error:
        function.refused = function.refused or str(error)
        found = ir.Instruction("", op, ir.VOID)
    found.name = name
    found.flags |= flags
    return found


def _parse(op: str, cursor: Cursor) -> ir.Instruction:
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


def _parse_call(op: str, cursor: Cursor) -> ir.Instruction:
    while cursor.next in {"ccc", "fastcc", "coldcc"}:
        if cursor.take() != "ccc":
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
