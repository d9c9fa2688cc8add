"""A profile into a module: `!prof` weights and entry counts; and out of it how often each block ran.

LLVM's optimiser uses weights wherever they come from. Three traps: counts that are all zero would become 1:1
weights, so they are left out; weights have 32 bits, so large counts are scaled; a branch whose targets are one
block is none. A summary of all counts tells LLVM which of them are hot and which are cold in this program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bareflow.compile.cfg import FunctionText, find_functions
from bareflow.profile.values import UNKNOWN_DIGEST, FunctionProfile, Profile

MAX_WEIGHT = (1 << 32) - 1
MAX_COUNT = (1 << 63) - 1
# Parts of all counts, in millionths, for which a summary says how large the counts are that make them up: LLVM's own.
CUTOFFS = (10_000, *range(100_000, 1_000_000, 100_000), 950_000, 990_000, 999_000, 999_900, 999_990, 999_999)
_NODE = re.compile(r"^!(\d+) = ", re.MULTILINE)
_PROF = re.compile(r",? !prof !\d+")


def next_node(text: str) -> int:
    """A metadata number that is free, and with it all above."""
    return max((int(number) for number in _NODE.findall(text)), default=-1) + 1


def profile_of(profile: Profile, name: str, digests: Mapping[str, str]) -> FunctionProfile | None:
    """What a profile says of one function with the body that it has now.

    Args:
        profile: of any number of programs and versions.
        name: the function's.
        digests: of the program's functions by name; one that is missing matches only an unknown digest.
    """
    exact = profile.functions.get((name, digests.get(name, UNKNOWN_DIGEST)))
    return exact or profile.functions.get((name, UNKNOWN_DIGEST))


def weights(counts: Sequence[int]) -> tuple[int, ...] | None:
    """Counts as branch weights: scaled into 32 bits, what ran stays above zero; None if nothing ran."""
    if not any(counts):
        return None
    scale = max(counts) // MAX_WEIGHT + 1
    return tuple(max(count // scale, 1) if count else 0 for count in counts)


def attach(text: str, profile: Profile, digests: Mapping[str, str]) -> str:
    """Give a module the weights and entry counts of a profile."""
    lines = text.splitlines()
    node = next_node(text)
    nodes: dict[str, int] = {}

    def number(body: str) -> int:
        return nodes.setdefault(body, node + len(nodes))

    for name, function in find_functions(lines).items():
        known = profile_of(profile, name, digests)
        if known is None:
            continue
        entry = number(f'!{{!"function_entry_count", i64 {known.all_calls}}}')
        lines[function.first] = f"{_PROF.sub('', lines[function.first].removesuffix(' {'))} !prof !{entry} {{"
        for at, counts in _branches(function, known):
            body = ", ".join(f"i32 {count}" for count in counts)
            weight = number(f'!{{!"branch_weights", {body}}}')
            lines[at] = f"{_PROF.sub('', lines[at])}, !prof !{weight}"
    flag = _summary(text, profile, digests, number)
    lines += [f"!{number} = {body}" for body, number in nodes.items()]
    return "\n".join(_with_flag(lines, flag) if flag is not None else lines) + "\n"


def _summary(text: str, profile: Profile, digests: Mapping[str, str], number: Callable[[str], int]) -> int | None:
    """The node of a ProfileSummary (llvm/IR/ProfileSummary.h), as front ends write it; None: nothing ran."""
    counts: list[int] = []
    entries: list[int] = []
    for name, function in find_functions(text.splitlines()).items():
        known = profile_of(profile, name, digests)
        if known is not None:
            counts += (min(count, MAX_COUNT) for count in block_counts(function, known))
            entries.append(known.all_calls)
    if not any(counts):
        return None
    counts.sort(reverse=True)
    pairs = (
        ("TotalCount", min(sum(counts), MAX_COUNT)),
        ("MaxCount", counts[0]),
        ("MaxInternalCount", counts[0]),
        ("MaxFunctionCount", max(entries)),
        ("NumCounts", len(counts)),
        ("NumFunctions", len(entries)),
    )
    parts = [number('!{!"ProfileFormat", !"InstrProf"}')]
    parts += [number(f'!{{!"{key}", i64 {value}}}') for key, value in pairs]
    detail = [number(f"!{{i32 {cut}, i64 {least}, i32 {many}}}") for cut, least, many in _detail(counts)]
    listed = number("!{" + ", ".join(f"!{node}" for node in detail) + "}")
    parts.append(number(f'!{{!"DetailedSummary", !{listed}}}'))
    summary = number("!{" + ", ".join(f"!{node}" for node in parts) + "}")
    return number(f'!{{i32 1, !"ProfileSummary", !{summary}}}')


def _detail(counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """(cutoff, least count, how many) of the largest counts that make up each part of them all."""
    total, held, at = sum(counts), 0, 0
    found = []
    for cutoff in CUTOFFS:
        while at < len(counts) and held * 1_000_000 < total * cutoff:
            held += counts[at]
            at += 1
        found.append((cutoff, counts[max(at - 1, 0)], at))
    return found


def _with_flag(lines: list[str], flag: int) -> list[str]:
    """Add a node to the module's flags."""
    for at, line in enumerate(lines):
        if line.startswith("!llvm.module.flags = !{"):
            return [*lines[:at], f"{line.removesuffix('}')}, !{flag}}}", *lines[at + 1 :]]
    return [*lines, f"!llvm.module.flags = !{{!{flag}}}"]


def _branches(function: FunctionText, known: FunctionProfile) -> Iterable[tuple[int, tuple[int, ...]]]:
    """The last lines of terminators that get weights, with the weights."""
    for counter in function.counters:
        end = function.blocks[counter.block].terminator
        found = weights(known.branches.get(counter.first, ()))
        if end.kind == "jump" or found is None or len(found) != len(end.targets) or len(set(end.targets)) < 2:
            continue
        yield end.last, found


def block_counts(function: FunctionText, known: FunctionProfile) -> list[int]:
    """How often each block ran: the entry by calls, the others by the edges that lead there."""
    counters = {counter.block: counter for counter in function.counters}
    incoming: list[list[tuple[int, int]]] = [[] for _ in function.blocks]
    for at, block in enumerate(function.blocks):
        for place, target in enumerate(block.terminator.targets):
            incoming[target].append((at, place))
    counts: dict[int, int] = {}

    def edge(at: int, place: int) -> int | None:
        """The edge's own counter; None: it ran as often as its block."""
        if at not in counters:
            return None
        taken = known.branches.get(counters[at].first, ())
        return taken[place] if place < len(taken) else 0

    for start in range(len(function.blocks)):
        stack = [start]
        while stack:
            at = stack[-1]
            sources = [(source, edge(source, place)) for source, place in incoming[at]]
            waiting = [s for s, own in sources if own is None and s not in counts and s not in stack]
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            total = sum(counts.get(source, 0) if own is None else own for source, own in sources)
            counts[at] = total + (known.all_calls if at == 0 else 0)
    return [counts[at] for at in range(len(function.blocks))]


@dataclass(frozen=True)
class Heat:
    """How much of a program's work is where.

    Args:
        weights: lines of IR that ran, by function; what the profile does not know is not there.
        calls: how often a function called another: (caller, callee) → calls.
    """

    weights: Mapping[str, int]
    calls: Mapping[tuple[str, str], int]

    def share(self, name: str) -> float:
        """A function's part of all lines that ran, 0 to 1; calls below it not included."""
        total = sum(self.weights.values())
        return self.weights.get(name, 0) / total if total else 0.0

    def hottest(self, least: float = 0.0) -> tuple[str, ...]:
        """Functions that ran, by weight, the heaviest first; only those of at least that share."""
        ran = [name for name, weight in self.weights.items() if weight and self.share(name) >= least]
        return tuple(sorted(ran, key=lambda name: (-self.weights[name], name)))

    @property
    def never(self) -> tuple[str, ...]:
        """Functions that are known never to have run, in the module's order."""
        return tuple(name for name, weight in self.weights.items() if not weight)


def heat(text: str, profile: Profile, digests: Mapping[str, str]) -> Heat:
    """Where a profile says that a module spends its time."""
    weight: dict[str, int] = {}
    calls: dict[tuple[str, str], int] = {}
    functions = find_functions(text.splitlines())
    for name, function in functions.items():
        known = profile_of(profile, name, digests)
        if known is None:
            continue
        weight[name] = 0
        for block, count in zip(function.blocks, block_counts(function, known), strict=True):
            weight[name] += count * (block.terminator.first - block.first + 1)
            for callee in block.calls if count else ():
                if callee in functions:
                    calls[name, callee] = calls.get((name, callee), 0) + count
        if not weight[name] and known.all_calls:
            weight[name] = known.all_calls
    return Heat(weight, calls)
