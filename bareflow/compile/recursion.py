"""Recursion unrolled: a function that calls itself gets copies of its body in place of its own calls, some levels deep.

LLVM inlines no function into itself. So the function calls a copy that is always inlined, that one the next copy,
and the last of them the function. Any depth of recursion gives what it gave before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.compile.irtext import ATTRIBUTES, BLOCK_ADDRESS, bare, quoted
from bareflow.compile.specialise import can_specialise

DEEP = ".deep."
MOST_LINES = 4000  # of IR that all copies may have when they are inlined
_KEPT = re.compile(r"\b(?:optnone|naked|returns_twice)\b")
_WORDS = re.compile(r"\b(?:noinline|alwaysinline|inlinehint|optsize|minsize) ")


def self_recursive(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of some functions that call themselves by name and can be copied."""
    lines = text.splitlines()
    functions = find_functions(lines)
    held = {bare(found[1]) for line in lines if "blockaddress(" in line for found in BLOCK_ADDRESS.finditer(line)}
    found = []
    for name in names:
        function = functions[name]
        body = lines[function.first + 1 : function.last]
        own = _own_calls(function, body)
        plain = not any(" asm " in line or "musttail " in line for line in body)
        if own and plain and name not in held and can_specialise(function, lines):
            found.append(name)
    return tuple(found)


def unroll_recursion(text: str, names: Sequence[str], levels: int) -> str:
    """Put copies of functions into a module, fewer where they would be too large.

    Args:
        text: the module's.
        names: functions that call themselves.
        levels: of copies.
    """
    lines = text.splitlines()
    functions = find_functions(lines)
    groups = {line.split(" ")[1]: line for line in lines if line.startswith("attributes #")}
    free = max((int(number[1:]) for number in groups), default=-1) + 1
    out: list[str] = []
    for name in names:
        function = functions.get(name)
        if function is None:
            continue
        body = lines[function.first + 1 : function.last]
        depth = _affordable(len(body), _own_calls(function, body), levels)
        old = ATTRIBUTES.search(function.tail)
        words = groups[old[0]].partition(" = { ")[2].removesuffix(" }") if old else ""
        if not depth or _KEPT.search(words):
            continue
        group = f"#{free}"
        free += 1
        out.append(f"attributes {group} = {{ alwaysinline {_WORDS.sub('', words + ' ').strip()} }}")
        for level in range(1, depth + 1):
            callee = f"{name}{DEEP}{level + 1}" if level < depth else name
            head = f"define internal {function.returns} {quoted(f'{name}{DEEP}{level}')}{function.parameter_text}"
            out += [f"{head} {group} {{", *_calling(name, callee, body), "}", ""]
        lines[function.first + 1 : function.last] = _calling(name, f"{name}{DEEP}1", body)
    return "\n".join([*lines, *out]) + "\n"


def _own_calls(function: FunctionText, body: Sequence[str]) -> int:
    own = _call_of(function.name)
    return sum(bool(own.search(line)) for line in body)


def _call_of(name: str) -> re.Pattern[str]:
    return re.compile(rf"(\bcall [^@\"]*){re.escape(quoted(name))}(?=\()")


def _calling(name: str, callee: str, body: Sequence[str]) -> list[str]:
    own, target = _call_of(name), quoted(callee)
    return [own.sub(lambda found: found[1] + target, line) for line in body]


def _affordable(lines: int, calls: int, levels: int) -> int:
    """How many levels fit: each call of one level is a whole body of the next."""
    total = bodies = 1
    for level in range(levels):
        bodies *= calls
        total += bodies
        if total * lines > MOST_LINES:
            return level
    return levels
