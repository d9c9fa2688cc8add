"""The control flow in a module's text: functions, blocks and terminators by line, and the numbers of edge counters.

Only terminators and labels are understood, so any instruction may stand between them. Numbers of counters are
those of `compile.bytecode.edges`: profiles of the interpreter and of instrumented code name the same branches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bareflow.compile.bytecode.edges import back_edges
from bareflow.compile.irtext import TOKEN, balanced, bare, split_list

_LABEL = re.compile(r'^("(?:[^"]*)"|[-\w$.]+):(?:\s|$)')
_TARGET = re.compile(r'label %("(?:[^"]*)"|[-\w$.]+)')
_BRANCH = re.compile(r"^\s+br i1 (.+?), label ")
_SWITCH = re.compile(r"^\s+switch (i\d+) (.+?), label ")
_CASE = re.compile(r"^\s+i\d+ (-?\d+), label ")
_LEAVES = re.compile(r"^\s+(?:%\S+ = )?(?:ret|unreachable|resume|indirectbr|invoke|callbr|cleanupret|catchret)\b")
_CALL = re.compile(r'\bcall\b[^@]*(@(?:"[^"]*"|[-\w$.]+))\(')
LINKAGE_WORDS = frozenset(
    {"private", "internal", "available_externally", "linkonce", "linkonce_odr", "weak", "weak_odr", "external"}
    | {"dso_local", "dso_preemptable", "default", "hidden", "protected"}
)
KNOWN = frozenset({"br", "jump", "switch"})


def instructions(lines: Sequence[str], function: FunctionText) -> Iterator[tuple[int, int]]:
    """Number and line of each instruction of a function: what a profile's `sites` name them by, if unoptimised."""
    body = (at for at in range(function.first + 1, function.last) if lines[at].startswith("  "))
    return enumerate(body)


@dataclass(frozen=True)
class Terminator:
    """The end of a block.

    Args:
        kind: "br" (conditional), "jump", "switch" or "other".
        first, last: its lines in the module's text.
        operand: what a branch or switch looks at.
        type: a switch's integer type, else empty.
        targets: ordinals of the blocks it goes to; a switch's default first.
        cases: a switch's values, in order.
    """

    kind: str
    first: int
    last: int
    operand: str = ""
    type: str = ""
    targets: tuple[int, ...] = ()
    cases: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """A block: the line behind its label, its terminator, and the functions it calls by name."""

    first: int
    terminator: Terminator
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Counter:
    """Edge counters of one terminator: the first one's number within the function, and how many."""

    block: int
    first: int
    count: int


@dataclass(frozen=True)
class Parameter:
    """A parameter: its type, its attributes as text, its name with the sigil."""

    type: str
    attributes: str
    name: str


@dataclass(frozen=True)
class FunctionText:
    """A defined function.

    Args:
        name: without sigil and quotes.
        symbol: as printed.
        line: its `define` line.
        first, last: the module's lines of `define` and of the closing bracket.
        blocks: in the order of the text.
    """

    name: str
    symbol: str
    line: str
    first: int
    last: int
    blocks: tuple[Block, ...]

    @property
    def parameter_text(self) -> str:
        """The parameters with their brackets."""
        start = self.line.index(f"{self.symbol}(") + len(self.symbol)
        return self.line[start : balanced(self.line, start)]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What stands between the brackets; a variadic function's dots are left out."""
        return tuple(_parameter(text) for text in split_list(self.parameter_text[1:-1]) if text != "...")

    @property
    def returns(self) -> str:
        """Calling convention, return attributes and type, as a call would have them too."""
        words = self.line[len("define ") : self.line.index(f"{self.symbol}(")].split(" ")
        while words and words[0] in LINKAGE_WORDS:
            words.pop(0)
        return " ".join(words).strip()

    @property
    def tail(self) -> str:
        """What stands between the parameters and the opening bracket: address, attributes, section, profile."""
        start = self.line.index(f"{self.symbol}(") + len(self.symbol)
        return self.line[balanced(self.line, start) : -1].strip()

    @property
    def variadic(self) -> bool:
        """Whether it takes arguments beyond its parameters."""
        start = _behind(self.line, self.symbol)
        return self.line[start : balanced(self.line, start)].endswith("...)")

    @cached_property
    def back_edges(self) -> set[tuple[int, int]]:
        """The (from, to) pairs of blocks that close loops."""
        return back_edges([block.terminator.targets for block in self.blocks])

    @cached_property
    def counters(self) -> tuple[Counter, ...]:
        """What is counted, as compile.bytecode.edges says."""
        found, number = [], 0
        for at, block in enumerate(self.blocks):
            kind, targets = block.terminator.kind, block.terminator.targets
            if kind not in KNOWN or (kind == "jump" and (at, targets[0]) not in self.back_edges):
                continue
            number += number & 1 if kind == "br" else 0
            found.append(Counter(at, number, len(targets)))
            number += len(targets)
        return tuple(found)

    @property
    def edge_count(self) -> int:
        """How many counters it takes, padding included."""
        last = self.counters[-1] if self.counters else Counter(0, 0, 0)
        return last.first + last.count + (last.first + last.count & 1)


def _behind(line: str, symbol: str) -> int:
    """Where the bracket behind a function's name opens."""
    return line.index(f"{symbol}(") + len(symbol)


def _parameter(text: str) -> Parameter:
    end = balanced(text, 0) if text[0] in "([{<" else len(re.match(r'%"[^"]*"|\S+', text)[0])  # type: ignore[index]
    name = re.search(r'%(?:"[^"]*"|[-\w$.]+)$', text)
    if not name:
        return Parameter(text[:end], text[end:].strip(), "")
    return Parameter(text[:end], text[end : name.start()].strip(), name[0])


def find_functions(lines: Sequence[str]) -> dict[str, FunctionText]:
    """The functions that a module's text defines, by name, in order."""
    found: dict[str, FunctionText] = {}
    for first, last in _extents(lines):
        symbol = next(token[0] for token in TOKEN.finditer(lines[first]) if token[0][0] == "@")
        function = FunctionText(bare(symbol), symbol, lines[first], first, last, _blocks(lines, first, last))
        found[function.name] = function
    return found


def _extents(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    first = None
    for at, line in enumerate(lines):
        if line.startswith("define "):
            first = at
        elif line == "}" and first is not None:
            yield first, at
            first = None


def _blocks(lines: Sequence[str], first: int, last: int) -> tuple[Block, ...]:
    starts = [first + 1]
    ordinals: dict[str, int] = {}
    for at in range(first + 1, last):
        label = _LABEL.match(lines[at])
        if label:
            if any(line.strip() and not line.lstrip().startswith(";") for line in lines[starts[-1] : at]):
                starts.append(at + 1)
            else:
                starts[-1] = at + 1  # the entry block has a name of its own
            ordinals[label[1]] = len(starts) - 1
    ends = [*starts[1:], last]
    return tuple(_block(lines, start, end, ordinals) for start, end in zip(starts, ends, strict=True))


def _block(lines: Sequence[str], first: int, end: int, ordinals: dict[str, int]) -> Block:
    calls = [bare(found[1]) for at in range(first, end) if " call " in lines[at] and (found := _CALL.search(lines[at]))]
    for at in range(end - 1, first - 1, -1):
        line = lines[at]
        if line.startswith("  br "):
            targets = tuple(ordinals[name] for name in _TARGET.findall(line))
            condition = _BRANCH.match(line)
            kind = "br" if condition else "jump"
            return Block(first, Terminator(kind, at, at, condition[1] if condition else "", "", targets), tuple(calls))
        if line.startswith("  switch "):
            return Block(first, _switch(lines, at, ordinals), tuple(calls))
        if _LEAVES.match(line):
            targets = tuple(ordinals[name] for text in lines[at:end] for name in _TARGET.findall(text))
            return Block(first, Terminator("other", at, end - 1, targets=targets), tuple(calls))
    return Block(first, Terminator("other", end, end), tuple(calls))


def _switch(lines: Sequence[str], at: int, ordinals: dict[str, int]) -> Terminator:
    head = _SWITCH.match(lines[at])
    assert head, lines[at]
    last = at
    targets = [ordinals[name] for name in _TARGET.findall(lines[at])]
    cases = []
    if not re.search(r"\]\s*(?:,.*)?$", lines[at]):
        while not lines[last].startswith("  ]"):
            last += 1
            if case := _CASE.match(lines[last]):
                cases.append(int(case[1]))
                targets += [ordinals[name] for name in _TARGET.findall(lines[last])]
    return Terminator("switch", at, last, head[2], head[1], tuple(targets), tuple(cases))
