"""Trials of special cases: clones for arguments, versions for what a program reads, inlining against the source's wish.

Each is judged by itself first; together they have to be faster again. A comparison pays most where it stands in the
caller, outside of its loop, so clones and versions are first tried with every function open to inlining. What is
faster is measured once more with neighbours of its values: the next run may have others, and must lose next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from bareflow.compile.specialise import Clone
from bareflow.compile.variants import Candidate, Change, Choice, clone_sets, missed
from bareflow.compile.versions import Version

if TYPE_CHECKING:
    from bareflow.trials.measure import Ratio
    from bareflow.trials.search import Built, Search

OPEN = "noinline of the source ignored"
SHARE = 0.75  # of all time, at most, is over when the last special case is begun with
LOSS = 1.02  # what other values than the profile's may cost
NEEDED = 0.03  # that much slower without it, or more: a value that a version needs
WORTH = 0.2  # of what the profile's values save, that much may be lost where they do not hold; the end is stricter
EVEN = 0.97  # or more, of code that other values find faster than clang's all the same: both count alike then


def take_special(run: Search, base: Built, *, specialise: bool = True) -> Built:
    """Find the special cases that pay.

    Args:
        run: the search.
        base: what they are built upon.
        specialise: allow clones and versions.
    """
    until = run.until - (1 - SHARE) * run.settings.budget_s
    opened = None
    if " noinline " in run.program.text:
        opened = run.try_build(OPEN, replace(base.choice, inline_all=True), base)
    if opened is None:
        return _take_both(run, base, until) if specialise else base
    best = _take_both(run, opened, until) if specialise else opened
    if best is not opened:
        kept = Candidate("noinline of the source kept", lambda choice: replace(choice, inline_all=False), OPEN)
        return run.take([kept], best)
    best = run.take([Candidate(OPEN, lambda choice: replace(choice, inline_all=True), OPEN)], base)
    return _take_both(run, base, until) if best is base and specialise else best


def _take_both(run: Search, base: Built, until: float) -> Built:
    return _take_versions(run, _take_clones(run, base, until), until)


def _take_clones(run: Search, base: Built, until: float) -> Built:
    """For each function: which clones pay by themselves, then all of these together."""
    for name, clones in clone_sets(run.program.proposed).items():
        if time.monotonic() > until:
            run.no_time(f"copies of {name}")
            continue
        single = [Candidate(clone.name, _adding((clone,)), clone.name) for clone in clones]
        good = {candidate.name for candidate, _ in run.screen(single, base)}
        kept = tuple(clone for clone in clones if clone.name in good)
        if kept:
            together = Candidate(f"copies of {name}", _adding(kept), f"copies of {name}")
            base = _taken(run, together, base, name)
    return base


def _taken(run: Search, candidate: Candidate, base: Built, function: str) -> Built:
    """Take what is faster and costs little where its values do not hold."""
    better = run.take([candidate], base)
    if better is base:
        return base
    name = f"{candidate.name}, with other values"
    without = run.try_build(name, missed(better.choice, function), better)
    if without is None:
        return base
    built = {"hit": better, name: without}
    if run.plain:
        built["clang's code"] = run.plain
    ratios = run.screened(built, base, run.rounds[1])
    kept = bearable(ratios["hit"], ratios[name], ratios.get("clang's code"))
    run.found(name, ratios[name], "taken" if kept else "too slow")
    return better if kept else base


def bearable(hit: Ratio, miss: Ratio, plain: Ratio | None) -> bool:
    """Whether a special case is worth what it costs where its values do not hold.

    Args:
        hit: with the profile's values, against what it is built upon.
        miss: with other values.
        plain: clang's code against the same: what is still faster than that may cost as much as it brings.
    """
    if miss.median <= max(LOSS, 1 + WORTH * (1 - hit.median)):
        return True
    return plain is not None and miss.median <= plain.median and hit.median * miss.median < EVEN


def _adding(clones: tuple[Clone, ...]) -> Change:
    return lambda choice: replace(choice, clones=(*choice.clones, *clones))


def _take_versions(run: Search, base: Built, until: float) -> Built:
    """For each function: the value that pays most, then others on top of it as long as they pay too.

    Behind the version for several stands one for the first alone: the others may change in the next run.
    """
    by_function: dict[str, list[Version]] = {}
    for version in run.program.proposed_versions:
        by_function.setdefault(version.function, []).append(version)
    for name, versions in by_function.items():
        if time.monotonic() > until:
            run.no_time(f"versions of {name}")
            continue
        by_name = {version.name: version for version in versions}
        single = [Candidate(version.name, _versions_of(name, (version,)), name) for version in versions]
        kept: tuple[Version, ...] = ()
        promising = run.screen(single, base)
        for candidate, _ in promising:
            wanted = (*kept, by_name[candidate.name])
            together = reduce(Version.__or__, wanted)
            chain = (together, wanted[0]) if kept else wanted
            better = _taken(run, Candidate(together.name, _versions_of(name, chain), name), base, name)
            if better is not base:
                base, kept = better, wanted
        if run.brief or not promising:
            base = _take_whole(run, base, versions, kept)
    return base


def _take_whole(run: Search, base: Built, versions: list[Version], kept: tuple[Version, ...]) -> Built:
    """Some values pay together only: all of a function's at once, but those that are not needed, large ones first.

    What is large may well be another next time. Behind that version stands what pays without it.
    """
    name = versions[0].function
    behind = tuple(one for one in base.choice.versions if one.function == name)
    if len(versions) - len(kept) < 2 or time.monotonic() > run.until:
        return base

    def candidate(wanted: Sequence[Version]) -> Candidate:
        together = reduce(Version.__or__, wanted)
        return Candidate(together.name, _versions_of(name, (together, *behind[:1])), name)

    whole = candidate(versions)
    if not run.screen([whole], base):
        return base
    needed = list(versions)
    best = run.try_build(whole.name, whole.change(base.choice), base)
    for one in sorted(versions, key=lambda version: -max(value for _, value in version.values)):
        rest = [other for other in needed if other is not one]
        if best is None or one in kept or not rest or run.late:
            continue
        less = run.try_build(candidate(rest).name, candidate(rest).change(base.choice), base)
        if less and (
            less.path == best.path or run.measure({"it": less}, best, run.rounds[0])["it"].median < 1 + NEEDED
        ):
            needed, best = rest, less
    return _taken(run, candidate(needed), base, name) if len(needed) > 1 else base


def _as_fast(run: Search, less: Built, best: Built) -> bool:
    return run.measure({"it": less}, best, run.rounds[0])["it"].median < 1 + NEEDED


def _versions_of(name: str, chain: tuple[Version, ...]) -> Callable[[Choice], Choice]:
    """Replace the versions of one function."""

    def change(choice: Choice) -> Choice:
        others = tuple(one for one in choice.versions if one.function != name)
        return replace(choice, versions=(*others, *chain))

    return change
