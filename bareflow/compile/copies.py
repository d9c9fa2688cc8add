"""Copies of a function's blocks within it, for compile.versions: the versions, the plain code, and a way between.

Whoever leaves a version in the middle of a loop must not arrive in the middle of the plain code's loop: a loop with
two ways in is none to the optimiser. So there is one more copy, `landing`, that is left for the plain code when the
outermost loop goes round. And a call that would leave a version at once should not begin with it: after such a
departure the next calls (SKIPPED of them) begin with the next version, or with the plain code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bareflow.compile.cfg import FunctionText
from bareflow.compile.irtext import quoted
from bareflow.compile.specialise import Nodes, literal

MARK = "bareflow.site"
SKIPPED = 255  # calls that do not begin with a version that was left in a loop
LIKELY = (2000, 1)  # weights of a comparison
LANDING = "landing."
ROUND = f"{MARK}.round"  # a global that nobody reads
_MARKED = re.compile(rf"^\s+(%\S+) = call (i\d+) @{re.escape(MARK)}\.i\d+\(i\d+ (\S+), i32 (\d+)\)")
_SITE = re.compile(rf"{re.escape(MARK)}\.(\d+)")
_NAMED = re.compile(r'%("[^"]*"|[-\w$.]+)')
_LABEL = re.compile(r'^("[^"]*"|[-\w$.]+):')
_DEFINED = re.compile(r'^\s+%("[^"]*"|[-\w$.]+) = ')
_TARGET = re.compile(r'label %("[^"]*"|[-\w$.]+)')
_TARGETS = re.compile(r'(label %(?:"[^"]*"|[-\w$.]+))')
Rename = Callable[[re.Match[str]], str]


def copies(
    function: FunctionText, lines: Sequence[str], chain: Sequence[Mapping[int, int]], nodes: Nodes
) -> tuple[list[str], list[str]]:
    """A function with versions in it.

    Args:
        function: keeps nothing in registers beyond a block; its sites are marked by calls at the start of blocks.
        lines: the module's.
        chain: versions: site → value.
        nodes: takes the weights.

    Returns:
        its lines, and the globals that it needs.
    """
    entry = function.blocks[0].terminator
    rest = lines[entry.last + 1 : function.last]
    own = frozenset(found[1] for line in rest if (found := _DEFINED.match(line) or _LABEL.match(line)))
    loops = _Loops(function, lines)
    skips = [f"@{MARK}.skip.{at}.{function.name}" if loops.hold(values) else "" for at, values in enumerate(chain)]
    skips = [quoted(skip[1:]) if skip else "" for skip in skips]
    out = [lines[function.first], *lines[function.first + 1 : entry.first]]
    out += _entrance(lines[entry.first : entry.last + 1], skips, own)
    out += [_plain(line) for line in rest]
    weights = nodes.weights(*LIKELY)
    for at, values in enumerate(chain):
        straight = _prefix(at + 1) if at + 1 < len(chain) else ""
        out += _version(rest, own, at, values, _Ways(straight, skips[at], loops.sites), weights)
    if any(skips):
        out += _landing(rest, own, loops)
    return [*out, "}", ""], [f"{skip} = internal global i32 0, align 4" for skip in skips if skip]


class _Loops:
    """Which blocks go round.

    Args:
        function: with its blocks.
        lines: the module's.
    """

    def __init__(self, function: FunctionText, lines: Sequence[str]) -> None:
        labels = [_LABEL.match(lines[block.first - 1]) for block in function.blocks]
        self._names = [label[1] if label else "" for label in labels]
        targets = [block.terminator.targets for block in function.blocks]
        groups = _components(targets)
        self._group = {member: number for number, group in enumerate(groups) for member in group}
        round_ = {n for n, group in enumerate(groups) if len(group) > 1 or group[0] in targets[group[0]]}
        marked = [_SITE.fullmatch(name) for name in self._names]
        self.sites = frozenset(int(found[1]) for at, found in enumerate(marked) if found and self._group[at] in round_)
        self._headers = self._find_headers(targets, round_)

    def hold(self, values: Mapping[int, int]) -> bool:
        """Whether some of these sites are in a loop."""
        return bool(self.sites & values.keys())

    def _find_headers(self, targets: Sequence[Sequence[int]], round_: set[int]) -> dict[str, int]:
        """The only way into each outermost loop: label → the loop's number."""
        entered: dict[int, set[int]] = {}
        for at, ways in enumerate(targets):
            for target in ways:
                if self._group[at] != self._group[target] and self._group[target] in round_:
                    entered.setdefault(self._group[target], set()).add(target)
        return {self._names[next(iter(ways))]: group for group, ways in entered.items() if len(ways) == 1}

    def goes_round(self, label: str, target: str) -> bool:
        """Whether a jump from one block to another starts the outermost loop's next iteration."""
        at = self._names.index(label)
        return target in self._headers and self._group[at] == self._headers[target]


def _components(targets: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components (Tarjan, 1972), without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    held: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(targets)):
        work = [(root, iter(targets[root]))] if root not in order else []
        while work:
            at, rest = work[-1]
            if at not in order:
                order[at] = low[at] = len(order)
                stack.append(at)
                held.add(at)
            for target in rest:
                if target not in order:
                    work.append((target, iter(targets[target])))
                    break
                if target in held:
                    low[at] = min(low[at], low[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == order[at]:
                    group = stack[stack.index(at) :]
                    del stack[len(stack) - len(group) :]
                    held -= set(group)
                    found.append(group)
    return found


def _entrance(terminator: Sequence[str], skips: Sequence[str], own: frozenset[str]) -> list[str]:
    """The end of the entry's block: to the first version that is not to be skipped, or to the plain code."""
    out: list[str] = []
    for at, skip in enumerate(skips):
        begin = [_NAMED.sub(_prefixed(_prefix(at), own), line) for line in terminator]
        if not skip:
            return [*out, *begin]
        left, go, wait, later = (f"{MARK}.{word}.{at}" for word in ("left", "begin", "skip", "next"))
        out += [
            f"  %{left} = load atomic i32, ptr {skip} unordered, align 4",
            f"  %{go}.now = icmp eq i32 %{left}, 0",
            f"  br i1 %{go}.now, label %{go}, label %{wait}",
            f"{go}:",
            *begin,
            f"{wait}:",
            f"  %{later} = add i32 %{left}, -1",
            f"  store atomic i32 %{later}, ptr {skip} unordered, align 4",
        ]
    return [*out, *terminator]


def _prefix(version: int) -> str:
    return f"v{version}."


def _prefixed(prefix: str, own: frozenset[str]) -> Rename:
    """Gives what is defined outside of the entry's block another name."""

    def name(found: re.Match[str]) -> str:
        if found[1] not in own:
            return found[0]
        return f'%"{prefix}{found[1][1:]}' if found[1].startswith('"') else f"%{prefix}{found[1]}"

    return name


def _plain(line: str) -> str:
    """A marked value is what it is."""
    found = _MARKED.match(line)
    return f"  {found[1]} = add {found[2]} {found[3]}, 0" if found else line


class _Ways:
    """Where a version is left for.

    Args:
        straight: prefix of the copy that follows it.
        skip: the global that has calls begin elsewhere; empty if none of its sites is in a loop.
        looping: sites in loops.
    """

    def __init__(self, straight: str, skip: str, looping: frozenset[int]) -> None:
        self._straight, self._skip, self._looping = straight, skip, looping

    def out(self, number: int, label: str) -> tuple[str, list[str]]:
        """The label to go to from a site, and a block that must be there for it."""
        if number not in self._looping:
            return f"{self._straight}{MARK}.{number}", []
        return f"{label}.miss", [
            f"{label}.miss:",
            f"  store atomic i32 {SKIPPED}, ptr {self._skip} unordered, align 4",
            f"  br label %{LANDING}{MARK}.{number}",
        ]


def _version(
    rest: Sequence[str], own: frozenset[str], at: int, values: Mapping[int, int], ways: _Ways, weights: str
) -> list[str]:
    """A copy of all blocks but the entry's, with constants in place of the values."""
    out: list[str] = []
    extra: list[str] = []
    name = _prefixed(_prefix(at), own)
    for line in rest:
        if label := _LABEL.match(line):
            out.append(_NAMED.sub(name, f"%{label[1]}")[1:] + ":")
            continue
        found = _MARKED.match(line)
        if not found or int(found[4]) not in values:
            out.append(_NAMED.sub(name, _plain(line)))
            continue
        kind, number = found[2], int(found[4])
        label_ = f"{_prefix(at)}{MARK}.{number}"
        target, block = ways.out(number, label_)
        extra += block
        value = literal(kind, values[number])
        out += [
            f"  %{label_}.seen = freeze {kind} {_NAMED.sub(name, found[3])}",
            f"  %{label_}.same = icmp eq {kind} %{label_}.seen, {value}",
            f"  br i1 %{label_}.same, label %{label_}.hit, label %{target}{weights}",
            f"{label_}.hit:",
            f"  {_NAMED.sub(name, found[1])} = add {kind} 0, {value}",
        ]
    return out + extra


def _landing(rest: Sequence[str], own: frozenset[str], loops: _Loops) -> list[str]:
    """A copy of all blocks but the entry's that is left where an outermost loop goes round.

    The store on that way keeps LLVM from merging its end with the plain loop's, which would not be the same loop then.
    """
    out: list[str] = []
    ways: list[str] = []
    name, here = _prefixed(LANDING, own), ""

    def target(found: re.Match[str]) -> str:
        if not loops.goes_round(here, found[1]):
            return "label " + _NAMED.sub(name, f"%{found[1]}")
        way = f"{MARK}.round.{len(ways) // 3}"
        ways.extend([f"{way}:", f"  store atomic i8 1, ptr @{ROUND} unordered, align 1", f"  br {found[0]}"])
        return f"label %{way}"

    for line in rest:
        if label := _LABEL.match(line):
            here = label[1]
            out.append(_NAMED.sub(name, f"%{here}")[1:] + ":")
            continue
        pieces = _TARGETS.split(_plain(line))
        out.append(
            "".join(_TARGET.sub(target, one) if at % 2 else _NAMED.sub(name, one) for at, one in enumerate(pieces))
        )
    return out + ways
