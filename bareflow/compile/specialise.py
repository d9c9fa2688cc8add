"""Guarded clones: a function whose arguments hold the same values in most calls gets a copy for these values.

The function itself becomes a dispatcher: it compares its arguments and calls the clone, or else the body as it
was. So it is right for any input. The clone's body is the function's own; that it is only ever called with
constants is what the optimiser finds out by itself (IPSCCP, inlining), before it unrolls and vectorises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.compile.irtext import ATTRIBUTES, BLOCK_ADDRESS, bare, quoted
from bareflow.compile.prof import MAX_WEIGHT, Heat, next_node, profile_of
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile

PLAIN = ".plain"
MIN_SHARE = 0.02  # of the program's work: below it a clone pays nothing
MIN_CALLS = 8  # a value seen in fewer calls is no evidence, unless the function itself is hot
MIN_SAMPLE = 64  # calls that must have been seen where not all were: growing code leaves the interpreter
HOT_SHARE = 0.10
DOMINANT = 0.90  # of the calls
FREQUENT = 0.25  # of the calls, where two or three values share nearly all of them
MAX_VALUES = 2  # of one argument, in clones of their own
MAX_SINGLES = 3  # clones for one argument alone
_PASSED_BY_COPY = re.compile(r"\b(?:byval|inalloca|preallocated|swifterror|swiftself)\b")
_PROF = re.compile(r" ?!prof !\d+")
_LOOP = re.compile(r"(?<=!llvm\.loop )!\d+")
_LOOP_NODE = re.compile(r"(!\d+) = distinct !\{(!\d+)((?:, [^{}]*)?)\}$")
_WIDTH = re.compile(r"i(\d+)$")


@dataclass(frozen=True, order=True)
class Clone:
    """A copy of a function for certain values.

    Args:
        function: its name.
        values: (argument, value) in order; values zero-extended.
        calls: calls of the profile in which they surely were so.
        total: of so many in which arguments were looked at.
    """

    function: str
    values: tuple[tuple[int, int], ...]
    calls: int = 0
    total: int = 0

    @property
    def name(self) -> str:
        """The clone's symbol."""
        return f"{self.function}.when" + "".join(f".{argument}_{value}" for argument, value in self.values)


def can_specialise(function: FunctionText, lines: Sequence[str]) -> bool:
    """Whether a function can be called by a dispatcher of its own and still mean the same."""
    parameters = function.parameters
    if function.variadic or not parameters or function.name == "main":
        return False
    if any(not p.name or _PASSED_BY_COPY.search(p.attributes) for p in parameters):
        return False
    tail = _PROF.sub("", function.tail)
    if re.search(r"\b(?:comdat|section|prefix|prologue|personality|gc|partition|available_externally)\b", tail):
        return False
    body = lines[function.first : function.last]
    return not any("returns_twice" in line or "@llvm.va_start" in line or "@setjmp" in line for line in body)


def propose(text: str, profile: Profile, digests: Mapping[str, str], heat: Heat) -> tuple[Clone, ...]:
    """Clones that a profile suggests, hottest function first; within a function the most specific first."""
    lines = text.splitlines()
    functions = find_functions(lines)
    held = {bare(found[1]) for line in lines if "blockaddress(" in line for found in BLOCK_ADDRESS.finditer(line)}
    found: list[Clone] = []
    for name in heat.hottest(MIN_SHARE):
        function, known = functions[name], profile_of(profile, name, digests)
        if known and name not in held and can_specialise(function, lines):
            found += _clones(function, known, heat.share(name))
    return tuple(found)


def _clones(function: FunctionText, known: FunctionProfile, share: float) -> list[Clone]:
    """All dominant values together, then each argument alone: one may change while another stays."""
    frequent: dict[int, list[Clone]] = {}
    for argument, seen in sorted(known.values.items()):
        integer = argument < len(function.parameters) and _WIDTH.match(function.parameters[argument].type)
        if integer and _is_evidence(seen.total, known.all_calls, share):
            values = _frequent(seen)
            frequent[argument] = [Clone(function.name, ((argument, v),), count, seen.total) for v, count in values]
    singles = [clone for clones in frequent.values() for clone in clones]
    singles.sort(key=lambda one: (one.values[0][1], one.values[0][0]))  # small values first: they can be unrolled
    dominant = [clones[0] for clones in frequent.values() if clones and clones[0].calls >= DOMINANT * clones[0].total]
    return [*_together(dominant), *singles[:MAX_SINGLES]]


def _is_evidence(seen: int, calls: int, share: float) -> bool:
    """Whether a function's arguments were looked at in enough of its calls."""
    return seen >= (MIN_CALLS if share < HOT_SHARE else 1) if seen >= calls else seen >= MIN_SAMPLE


def _together(clones: Sequence[Clone]) -> list[Clone]:
    """One clone for the values of several; that they come together is a lower bound."""
    if len(clones) < 2:
        return []
    total = min(clone.total for clone in clones)
    others = sum(-((clone.calls - clone.total) * total // clone.total) for clone in clones)
    values = tuple(pair for clone in clones for pair in clone.values)
    return [Clone(clones[0].function, values, max(total - others, 0), total)]


def _frequent(seen: ArgumentValues) -> tuple[tuple[int, int], ...]:
    """(value, calls) of one value that dominates, or of a few that together do."""
    top = [pair for pair in seen.top(MAX_VALUES) if pair[1] >= FREQUENT * seen.total]
    if seen.dominant(DOMINANT) is not None:
        top = top[:1]
    return tuple(top) if sum(count for _, count in top) >= DOMINANT * seen.total else ()


def specialise(text: str, clones: Sequence[Clone], *, apart: bool = False) -> str:
    """Put clones into a module, with guards in the order given.

    Args:
        text: the module's.
        clones: of any functions.
        apart: leave `noinline` on the plain bodies, for dispatchers that are inlined into their callers: what
            does not hold then costs no more than the comparison.

    Raises:
        KeyError: for a function that the module does not define.
    """
    lines = text.splitlines()
    functions = find_functions(lines)
    groups, nodes = Groups(lines), Nodes(lines)
    changed: dict[int, list[str]] = {}
    for name in dict.fromkeys(clone.function for clone in clones):
        function = functions[name]
        mine = [clone for clone in clones if clone.function == name]
        body = lines[function.first + 1 : function.last]
        changed[function.first] = _dispatcher(function, mine, nodes)
        changed[function.first] += _copy(function, body, name + PLAIN, None if apart else groups)
        for clone in mine:
            changed[function.first] += _copy(function, nodes.without_jam(body), clone.name, groups)
        changed |= {at: [] for at in range(function.first + 1, function.last + 1)}
    out = [new for at, line in enumerate(lines) for new in changed.get(at, [line])]
    return "\n".join([*out, *groups.added, *nodes.added]) + "\n"


def without_noinline(text: str) -> str:
    """Let every function be inlined that only `noinline` keeps from it; those with assembly may not be copied."""
    lines = text.splitlines()
    groups = Groups(lines, r"noinline")
    for name, function in find_functions(lines).items():
        group = None if name.endswith(PLAIN) else ATTRIBUTES.search(function.tail)
        if group and not any(" asm " in line for line in lines[function.first : function.last]):
            head, _, tail = function.line.rpartition(f" {group[0]} ")
            lines[function.first] = f"{head} {groups.inlinable(group[0])} {tail}"
    return "\n".join([*lines, *groups.added]) + "\n"


class Nodes:
    """Metadata that is added to a module."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._free = next_node("\n".join(lines))
        self._loops = {found[1]: found[3] for line in lines if (found := _LOOP_NODE.match(line))}
        self.added: list[str] = []

    def without_jam(self, body: Sequence[str]) -> list[str]:
        """A function's body whose loops are not jammed: the constants of a clone unroll them better."""
        renamed: dict[str, str] = {}

        def name(found: re.Match[str]) -> str:
            old = found[0]
            if old in self._loops and old not in renamed:
                renamed[old], no = f"!{self._free}", f"!{self._free + 1}"
                self._free += 2
                self.added.append(f"{renamed[old]} = distinct !{{{renamed[old]}{self._loops[old]}, {no}}}")
                self.added.append(f'{no} = !{{!"llvm.loop.unroll_and_jam.disable"}}')
            return renamed.get(old, old)

        return [_LOOP.sub(name, line) for line in body]

    def weights(self, hit: int, miss: int) -> str:
        """The attachment of a guard's weights; empty when it never ran."""
        if not hit and not miss:
            return ""
        scale = max(hit, miss) // MAX_WEIGHT + 1
        number, self._free = self._free, self._free + 1
        body = f"i32 {max(hit // scale, 1)}, i32 {max(miss // scale, 1)}"
        self.added.append(f'!{number} = !{{!"branch_weights", {body}}}')
        return f", !prof !{number}"


class Groups:
    """Attribute groups; a clone may be inlined into its dispatcher whatever the function itself says.

    Args:
        lines: the module's.
        words: what is taken out, as a regular expression.
    """

    def __init__(self, lines: Sequence[str], words: str = "noinline|alwaysinline|inlinehint") -> None:
        self._words = re.compile(rf"\b(?:{words}) ")
        self._texts = {line.split(" ")[1]: line for line in lines if line.startswith("attributes #")}
        self._free = max((int(number[1:]) for number in self._texts), default=-1) + 1
        self._inlinable: dict[str, str] = {}
        self.added: list[str] = []

    def inlinable(self, group: str) -> str:
        """The group like `group` that allows inlining."""
        if group not in self._inlinable:
            body = self._texts[group].partition(" = ")[2]
            kept = re.search(r"\b(?:optnone|naked|returns_twice)\b", body)
            changed = body if kept else self._words.sub("", body)
            self._inlinable[group] = group
            if changed != body:
                self._inlinable[group] = f"#{self._free}"
                self._free += 1
                self.added.append(f"attributes {self._inlinable[group]} = {changed}")
        return self._inlinable[group]


def _copy(function: FunctionText, body: Sequence[str], name: str, groups: Groups | None) -> list[str]:
    parameters = function.parameter_text
    tail = _PROF.sub("", function.tail)
    tail = ATTRIBUTES.sub(lambda match: groups.inlinable(match[0]), tail) if groups else tail
    tail = re.sub(r"\s*(?:local_)?unnamed_addr", "", tail).strip()
    head = f"define internal {function.returns} {quoted(name)}{parameters}"
    return [f"{head} {tail} {{" if tail else f"{head} {{", *body, "}", ""]


def _dispatcher(function: FunctionText, clones: Sequence[Clone], nodes: Nodes) -> list[str]:
    """The function's own symbol: compare, then call; with the weights that the profile gives."""
    lines = [function.line]
    left = clones[0].total
    for number, clone in enumerate(clones):
        hit, left = min(clone.calls, left), max(left - clone.calls, 0)
        targets = f"label %bareflow.hit.{number}, label %bareflow.try.{number + 1}"
        lines += [f"bareflow.try.{number}:", *_guard(function, clone, number)]
        lines += [f"  br i1 %bareflow.same.{number}, {targets}{nodes.weights(hit, left)}"]
        lines += [f"bareflow.hit.{number}:", *_call(function, clone.name, clone)]
    return [*lines, f"bareflow.try.{len(clones)}:", *_call(function, function.name + PLAIN, None), "}", ""]


def _guard(function: FunctionText, clone: Clone, number: int) -> list[str]:
    """Compare every argument without a branch between."""
    lines, before = [], ""
    for at, (argument, value) in enumerate(clone.values):
        parameter = function.parameters[argument]
        name = f"%bareflow.is.{number}.{at}"
        last = at == len(clone.values) - 1
        target = f"%bareflow.same.{number}" if last and not before else name
        lines.append(f"  {target} = icmp eq {parameter.type} {parameter.name}, {literal(parameter.type, value)}")
        if before:
            joined = f"%bareflow.same.{number}" if last else f"%bareflow.all.{number}.{at}"
            lines.append(f"  {joined} = and i1 {before}, {name}")
            before = joined
        else:
            before = target
    return lines


def literal(kind: str, value: int) -> str:
    """A zero-extended value as LLVM writes it."""
    bits = int(kind[1:])
    if bits == 1:
        return "true" if value else "false"
    return str(value - (1 << bits) if value >> bits - 1 else value)


def _call(function: FunctionText, name: str, clone: Clone | None) -> list[str]:
    fixed = dict(clone.values) if clone else {}
    given = []
    for at, parameter in enumerate(function.parameters):
        value = literal(parameter.type, fixed[at]) if at in fixed else parameter.name
        given.append(" ".join(word for word in (parameter.type, parameter.attributes, value) if word))
    call = f"tail call {function.returns} {quoted(name)}({', '.join(given)})"
    if function.returns.endswith("void"):
        return [f"  {call}", "  ret void"]
    result = f'%"bareflow.result.{name}"'
    kind = _type_of(function.returns)
    return [f"  {result} = {call}", f"  ret {kind} {result}"]


def _type_of(returns: str) -> str:
    """The type behind a calling convention and return attributes."""
    if returns[-1] in "}]>":
        depth = 0
        for at in range(len(returns) - 1, -1, -1):
            depth += (returns[at] in "}]>") - (returns[at] in "{[<")
            if not depth:
                return returns[at:]
    return returns.rsplit(" ", 1)[-1]
