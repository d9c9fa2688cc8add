"""Places in unoptimised IR where a program learns a number that it keeps using: loads of fields and globals, calls.

A size that comes from argv, a struct or a global passes through one. Only loads from one place count: a global, or
a field behind a pointer, at constant offsets. An element whose index is computed is data. Locals that never have
their address taken are no sites: what is stored in them came from one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, instructions
from bareflow.compile.irtext import balanced, bare, split_list

WIDEST = 64  # bits
_NARROW = re.compile(r"i(?:8|16|32|64)$")
_DEFINED = re.compile(r'^\s+(%(?:"[^"]*"|[-\w$.]+)) = (.*)$')
_LOAD = re.compile(r"load (i\d+|ptr), ptr (.*)$")
_CALL = re.compile(r'(?:tail |notail )?call (?:[\w()]+(?:\([^()]*\))? )*?(i\d+) (@(?:"[^"]*"|[-\w$.]+))\(')
_OFFSETS = re.compile(r"getelementptr (?:inbounds |nuw |nusw )*(?=\S)")
_CONSTANT = re.compile(r"i\d+ -?\d+$")
_FIELD = re.compile(r'%"?(?:struct|union)\.([\w$]+?)(?:\.\d+)?"?$')
_STEPS = 8  # pointers to follow back to where an address comes from
_LOCAL = re.compile(r'%(?:"[^"]*"|[-\w$.]+)')


@dataclass(frozen=True)
class Site:
    """One such place.

    Args:
        number: ordinal of the instruction in its function's unoptimised text.
        line: the same in the module's text.
        value: what it defines, with the sigil.
        type: "i8" to "i64".
        place: equal for two sites that look at the same place in the same way.
        words: what it is, for people.
    """

    number: int
    line: int
    value: str
    type: str
    place: str
    words: str


def find_sites(lines: Sequence[str], function: FunctionText) -> tuple[Site, ...]:
    """The sites of a function whose values are used, in order."""
    body = range(function.first + 1, function.last)
    values = {found[1]: found[2] for at in body if (found := _DEFINED.match(lines[at]))}
    plain = _plain_locals(lines, body, values)
    uses: dict[str, int] = {}
    for at in body:
        for name in _LOCAL.findall(lines[at]):
            uses[name] = uses.get(name, 0) + 1
    sites: list[Site] = []
    for number, at in instructions(lines, function):
        match = _DEFINED.match(lines[at])
        if not match or uses[match[1]] < 2:
            continue
        told = _call(match[2], number) or _load(match[2], values, plain)
        if told:
            sites.append(Site(number, at, match[1], *told))
    return tuple(sites)


def _call(text: str, number: int) -> tuple[str, str, str] | None:
    """(type, place, words) of a call that returns an integer."""
    match = _CALL.match(text)
    if not match or not _NARROW.match(match[1]) or match[2].startswith("@llvm."):
        return None
    return match[1], f"call {number}", f"what {bare(match[2])} returns"


def _load(text: str, values: dict[str, str], plain: frozenset[str]) -> tuple[str, str, str] | None:
    """(type, place, words) of a load of an integer from one place in memory."""
    match = _LOAD.match(text)
    if not match or not _NARROW.match(match[1]):
        return None
    pointer = _operand(match[2])
    if pointer in plain:
        return None
    place = _place(pointer, values, _STEPS)
    return (match[1], f"{match[1]} {place}", _words(pointer, values)) if place else None


def _operand(text: str) -> str:
    """The pointer that a load's text begins with."""
    return split_list(text)[0]


def _place(pointer: str, values: dict[str, str], steps: int) -> str:
    """How a pointer is come by, written the same for the same way; empty if an offset is computed."""
    text = values.get(pointer, "alloca ")
    if text.startswith("alloca "):
        return pointer  # a global, a parameter, or a local whose address is taken
    if not steps:
        return ""
    if load := _LOAD.match(text):
        behind = _place(_operand(load[2]), values, steps - 1)
        return f"*({behind})" if behind else ""
    if offsets := _OFFSETS.match(text):
        kind, base, *indices = split_list(text[offsets.end() :])
        if not all(_CONSTANT.match(index) for index in indices if not index.startswith("!")):
            return ""
        behind = _place(base.removeprefix("ptr "), values, steps - 1)
        return f"{behind}[{kind} {' '.join(indices)}]" if behind else ""
    return ""


def _words(pointer: str, values: dict[str, str]) -> str:
    """A place in words: "n", "field 2 of struct config", "dims[1]"."""
    text = values.get(pointer, pointer)
    if pointer.startswith("@"):
        return bare(pointer)
    offsets = _OFFSETS.match(text)
    if not offsets:
        return "a variable in memory"
    inside = text[offsets.end() :]
    if inside.startswith("("):
        inside = inside[1 : balanced(inside, 0) - 1]
    kind, base, *indices = [part for part in split_list(inside) if not part.startswith("!")]
    base = base.removeprefix("ptr ")
    last = indices[-1].split(" ")[-1]
    if field := _FIELD.match(kind):
        return f"field {last} of struct {field[1]}" if len(indices) > 1 else f"struct {field[1]}"
    if base.startswith("@"):
        return f"{bare(base)}[{last}]" if kind.startswith("[") else f"{bare(base)} + {last} bytes"
    return f"element {last} behind a pointer"


def _plain_locals(lines: Sequence[str], body: range, values: dict[str, str]) -> frozenset[str]:
    """Locals that are only ever loaded and stored whole, so that their address goes nowhere."""
    held = {name for name, text in values.items() if text.startswith("alloca ")}
    for at in body:
        text = lines[at]
        if "alloca " in text or "@llvm.lifetime." in text:
            continue
        named = set(_LOCAL.findall(text)) & held
        if not named:
            continue
        whole = re.search(r"(?:^\s+store (.*), ptr| = load [^,]+, ptr) (%(?:\"[^\"]*\"|[-\w$.]+)),", text)
        if whole:
            named -= {whole[2]} - set(_LOCAL.findall(whole[1] or ""))
        held -= named
    return frozenset(held)
