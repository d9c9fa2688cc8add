"""Calls through pointers that nearly always reach one function: compared with it, and then called by name.

What is called by name can be inlined. A training run counts where such calls go; a profile has a digest of the
function's name in place of its address, which the next build changes. The comparison stands in a function of its own
that is always inlined, so that the caller keeps its instructions and their numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, find_functions, instructions
from bareflow.compile.irtext import TOKEN, balanced, bare, quoted, split_list
from bareflow.compile.prof import Heat, profile_of
from bareflow.compile.specialise import MIN_SHARE, Nodes
from bareflow.profile.values import Profile

FREQUENT = 0.3  # of a call's targets: below it a comparison pays nothing
MOST_TARGETS = 2
PREFIX = "bareflow.through"
_KINDS = r"(?:void|ptr|float|double|i\d+|\{ [\w, ]+ \}|<\d+ x \w+>)"
_THROUGH = re.compile(
    rf'^(  (?:%\S+ = )?(?:tail |notail )?call )((?:(?:noundef|zeroext|signext) )*{_KINDS}) (%(?:"[^"]*"|[-\w$.]+))\('
)
_GIVEN = re.compile(rf"({_KINDS}) ((?:[\w()]+ )*)(\S+|getelementptr .*)$")
_PASSED = re.compile(r"\b(?:byval|sret|inalloca|preallocated|swift\w+|nest|inreg|metadata)\b")
_WIDENED = re.compile(r"\b(zeroext|signext) ")
_GROUP = re.compile(r"attributes #(\d+) = ")
_TYPE = re.compile(rf"({_KINDS})$")


@dataclass(frozen=True)
class Through:
    """A call through a pointer.

    Args:
        number: ordinal of the instruction in its function's unoptimised text.
        line: the same in the module's text.
        pointer: what is called.
        returns: the type with its attributes.
        passed: (type, "zeroext", "signext" or nothing) of each argument.
        start, end: of the arguments within the line.
    """

    number: int
    line: int
    pointer: str
    returns: str
    passed: tuple[tuple[str, str], ...]
    start: int
    end: int


@dataclass(frozen=True)
class Promotion:
    """A call and the functions that it is compared with: name → calls; of all its calls."""

    function: str
    number: int
    targets: tuple[tuple[str, int], ...]
    total: int


def find_through(lines: Sequence[str], function: FunctionText) -> tuple[Through, ...]:
    """The calls through pointers of a function, in order; none with arguments passed in memory."""
    found = []
    for number, at in instructions(lines, function):
        call = _THROUGH.match(lines[at])
        if not call:
            continue
        end = balanced(lines[at], call.end() - 1)
        given = [_GIVEN.match(one) for one in split_list(lines[at][call.end() : end - 1])]
        if any(one is None or _PASSED.search(one[2]) for one in given):
            continue
        passed = tuple((one[1], "".join(_WIDENED.findall(one[2]))) for one in given if one)
        found.append(Through(number, at, call[3], call[2], passed, call.end(), end - 1))
    return tuple(found)


def address_taken(lines: Iterable[str], names: Mapping[str, object]) -> tuple[str, ...]:
    """The functions, of some, that are named where they are not called, in order."""
    found: dict[str, None] = {}
    for line in lines:
        if line.startswith(("define ", "declare ", "!", "attributes ")):
            continue
        for token in TOKEN.finditer(line):
            name = bare(token[0])
            called = line[token.end() : token.end() + 1] == "("
            if token[0][0] == "@" and name in names and not called:
                found.setdefault(name)
    return tuple(found)


def named(name: str) -> int:
    """What stands for a function in a profile."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def propose_direct(text: str, profile: Profile, digests: Mapping[str, str], heat: Heat) -> tuple[Promotion, ...]:
    """The calls of hot functions that mostly reach one function or two, which fit them."""
    lines = text.splitlines()
    functions = find_functions(lines)
    by_digest: dict[int, str] = {}
    found = []
    for name in heat.hottest(MIN_SHARE):
        known = profile_of(profile, name, digests)
        for call in find_through(lines, functions[name]) if known and known.sites else ():
            seen = known.sites.get(call.number) if known else None
            if not seen or not seen.total:
                continue
            by_digest = by_digest or {named(one): one for one in functions}
            mostly = [(by_digest.get(value, ""), count) for value, count in seen.top(MOST_TARGETS)]
            good = [
                (target, count)
                for target, count in mostly
                if count >= FREQUENT * seen.total and target and _fits(call, functions[target])
            ]
            if good:
                found.append(Promotion(name, call.number, tuple(good), seen.total))
    return tuple(found)


def _fits(call: Through, target: FunctionText) -> bool:
    """Whether a function takes and returns what a call gives and wants."""
    kind, returned = _TYPE.search(call.returns), _TYPE.search(target.returns)
    takes = [parameter.type for parameter in target.parameters]
    words = f"{target.returns} {' '.join(parameter.attributes for parameter in target.parameters)}"
    same = bool(kind and returned and kind[1] == returned[1]) and takes == [one for one, _ in call.passed]
    return same and not target.variadic and not _PASSED.search(words) and "cc " not in target.returns


def with_direct(text: str, promotions: Sequence[Promotion]) -> str:
    """Compare pointers with functions before calls through them.

    Raises:
        KeyError: for a function or a call that the module does not have.
    """
    lines = text.splitlines()
    functions, nodes = find_functions(lines), Nodes(lines)
    group = 1 + max((int(found[1]) for line in lines if (found := _GROUP.match(line))), default=-1)
    out = [f"attributes #{group} = {{ alwaysinline }}"]
    for at, one in enumerate(promotions):
        call = {call.number: call for call in find_through(lines, functions[one.function])}[one.number]
        name = f"{PREFIX}.{at}"
        line = lines[call.line]
        given = ", ".join(filter(None, [f"ptr {call.pointer}", line[call.start : call.end]]))
        head = line[: line.rindex(call.pointer, 0, call.start)]
        lines[call.line] = f"{head}@{name}({given}{line[call.end :]}"
        out += _wrapper(name, call, one, nodes, group)
    return "\n".join([*lines, *out, *nodes.added]) + "\n"


def _wrapper(name: str, call: Through, promotion: Promotion, nodes: Nodes, group: int) -> list[str]:
    """A function that compares its first argument, and calls by name or through it."""
    given = [" ".join([*filter(None, one), f"%a{at}"]) for at, one in enumerate(call.passed)]
    takes, gives = ", ".join(["ptr %through", *given]), ", ".join(given)
    kind = _TYPE.search(call.returns)
    assert kind

    def called(what: str, at: int) -> list[str]:
        if kind[1] == "void":
            return [f"  call {call.returns} {what}({gives})", "  ret void"]
        return [f"  %r{at} = call {call.returns} {what}({gives})", f"  ret {kind[1]} %r{at}"]

    lines = [f"define internal {call.returns} @{name}({takes}) #{group} {{"]
    left = promotion.total
    for at, (target, count) in enumerate(promotion.targets):
        left = max(left - count, 0)
        weights = nodes.weights(count, left)
        lines += [
            f"try{at}:",
            f"  %same{at} = icmp eq ptr %through, {quoted(target)}",
            f"  br i1 %same{at}, label %hit{at}, label %try{at + 1}{weights}",
            f"hit{at}:",
            *called(quoted(target), at),
        ]
    last = len(promotion.targets)
    return [*lines, f"try{last}:", *called("%through", last), "}", ""]
