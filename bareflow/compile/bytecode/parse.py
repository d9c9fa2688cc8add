"""Parses the text of an LLVM module, as printed by LLVM 22, into `ir` values.

What a function holds that bytecode cannot express does not stop the parser: the function's `refused`
says why, and its blocks and terminators are still there, because edge counters are numbered by them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from bareflow.compile.bytecode import ir
from bareflow.compile.bytecode.instructions import parse_instruction
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
        if cursor.take() == "musttail":
            function.refused = function.refused or "tail call that must not take a frame"
    op = cursor.take()
    while cursor.next in _FLAGS:
        flags.add(cursor.take())
        if flags & {"nofpclass"}:
            cursor.skip_group()
    try:
        found = parse_instruction(op, cursor)
    except ir.RefusedError as error:
        function.refused = function.refused or str(error)
        found = ir.Instruction("", op, ir.VOID)
    found.name = name
    found.flags |= flags
    return found
