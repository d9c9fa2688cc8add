"""The end of a search: what is faster than clang's code, and costs little where no value recurs.

What wins here is frozen, so this is stricter than the steps before: more rounds, a wider margin, and a limit of what
may be lost with other values than the profile's. Where the whole choice does not pass, parts of it may.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bareflow.compile.tiers import DEFAULT_OPTIONS
from bareflow.compile.variants import PLACES, PLAIN_TUNING, Choice, missed
from bareflow.trials.special import LOSS, WORTH

if TYPE_CHECKING:
    from bareflow.trials.measure import Ratio
    from bareflow.trials.search import Built, Search

MARGIN = 0.025  # what is frozen was faster than clang's code by that much
SHORT_S = 1e-3  # of a training run: below it
SHORT_MARGIN = 0.05  # that much, since what starting costs is no small part of it
PARTS_SHARE = 0.25  # of the time that was given goes into trying parts of a choice, at most
MISSES = ", with other values"
NEAR = 0.04  # above what may be lost: so much may be the place's fault
MOVED = 2  # choices that are tried at other places for that


def decide(run: Search, plain: Built, best: Built) -> tuple[Built, Ratio | None]:
    """What is frozen, and its gain: the best, a part of it, or clang's code, whose gain is None.

    What other values cost is measured: the same choice with clones and versions for values that do not come. Tunings
    were chosen by how they suit the clones, and may not suit the code beside them.

    Args:
        run: the search.
        plain: clang's code.
        best: what was found.
    """
    if best.path == plain.path:
        return plain, None
    run.say("comparing the best with clang's own code")
    gain = run.measure({"it": best}, plain, run.rounds[2])["it"]
    if not gain.faster(margin(run)):
        run.found("all of it", gain, "no faster")
        return plain, None
    if not specialised(best.choice):
        return best, gain
    whole = _bearable(run, plain, best, gain)
    if whole is best:
        return best, gain
    again = run.measure({"it": whole}, plain, run.rounds[2])["it"] if whole else gain
    return (whole, again) if whole and again.faster(margin(run)) else _part(run, plain, best)


def margin(run: Search) -> float:
    """How much faster than clang's code the end result must be."""
    least = SHORT_MARGIN if run.once_s - run.floor_s < SHORT_S else MARGIN
    return max(least, run.settings.margin)


def specialised(choice: Choice) -> bool:
    """Whether it has clones or versions."""
    return bool(choice.clones or choice.versions)


def allowed(gain: Ratio) -> float:
    """What a choice may cost where its values do not come: a fifth of what it saves where they do, and 2 % at most."""
    return min(LOSS, 1 + WORTH * max(1 - gain.median, 0))


def _bearable(run: Search, plain: Built, best: Built, gain: Ratio) -> Built | None:
    """A choice that costs little where the values of its clones and versions do not come, at another place maybe."""
    built, right = build_missing(run, MISSES[2:], best.choice, plain)
    if built is None:
        return best if right else None
    found = run.measure({"it": built}, plain, run.rounds[2])["it"]
    bearable = found.median <= allowed(gain)
    run.found(MISSES[2:], found, "taken" if bearable else "too slow")
    if not bearable and found.median <= allowed(gain) + NEAR and not run.late:
        moved, good = _elsewhere(run, plain, "all of it", best)
        return moved if good else None
    return best if bearable else None


def build_missing(run: Search, name: str, choice: Choice, plain: Built) -> tuple[Built | None, bool]:
    """Build a choice's clones and versions for other values.

    Returns:
        the build, if it can be measured, and whether it is right: one that has the base's code is.
    """
    missing = choice
    for function in _functions(choice):
        missing = missed(missing, function)
    built = run.try_build(name, missing, plain)
    return built, built is not None or run.findings[-1].verdict == "same code"


def parts(choice: Choice) -> dict[str, Choice]:
    """What is left of a choice without some of it, by name: special cases of one function, clones but one, tunings."""
    found: dict[str, Choice] = {}
    for name in _functions(choice):
        clones = tuple(one for one in choice.clones if one.function != name)
        versions = tuple(one for one in choice.versions if one.function != name)
        if clones or versions:
            found[f"without special cases of {name}"] = replace(choice, clones=clones, versions=versions)
        mine = [one for one in choice.clones if one.function == name]
        if len(mine) > 1:
            found[f"one copy of {name}"] = replace(choice, clones=(*clones, mine[0]))
        chain = [one for one in choice.versions if one.function == name]
        if len(chain) > 1:
            found[f"one version of {name}"] = replace(choice, versions=(*versions, chain[-1]))
    if tuned(choice):
        for name, one in list(found.items()):
            found[f"{name} and tunings"] = untuned(one)
        found["without tunings"] = untuned(choice)
    found["without special cases"] = replace(choice, clones=(), versions=())
    return found


def _functions(choice: Choice) -> list[str]:
    """Those with special cases."""
    named = [one.function for one in choice.clones] + [one.function for one in choice.versions]
    return list(dict.fromkeys(named))


def tuned(choice: Choice) -> bool:
    """Whether it has tunings or options."""
    return untuned(choice) != choice


def untuned(choice: Choice) -> Choice:
    """The same without tunings and options."""
    return replace(choice, options=DEFAULT_OPTIONS, tuning=PLAIN_TUNING, functions={}, recursion=0)


def _affordable(run: Search, choices: dict[str, Choice]) -> dict[str, Choice]:
    """Those that there is time for: of a program that runs for long only what is left without special cases."""
    each = 2 * (run.build_s + run.once_s * (1 + run.runs * run.rounds[1]))
    most = max(int(PARTS_SHARE * run.settings.budget_s / each), 1)
    return dict(list(choices.items())[-most:])


def _build_parts(run: Search, plain: Built, choices: dict[str, Choice]) -> tuple[dict[str, Built], dict[str, Built]]:
    """Parts that are right, and all that is to be measured: these, and the same with other values."""
    hits: dict[str, Built] = {}
    builds: dict[str, Built] = {}
    for name, choice in choices.items():
        other, missing, right = run.try_build(name, choice, plain), None, True
        if other and specialised(choice):
            missing, right = build_missing(run, name + MISSES, choice, plain)
        if other and right:
            hits[name] = builds[name] = other
        if missing:
            builds[name + MISSES] = missing
    return hits, builds


def _part(run: Search, plain: Built, best: Built) -> tuple[Built, Ratio | None]:
    """The fastest part of a choice that costs little with other values."""
    run.say("trying parts of the best")
    hits, builds = _build_parts(run, plain, _affordable(run, parts(best.choice)))
    if not hits:
        return plain, None
    ratios = run.measure(builds, plain, run.rounds[1])
    moved = MOVED
    for name in sorted(hits, key=lambda one: ratios[one].median):
        found, miss = ratios[name], ratios.get(name + MISSES)
        fast, near = found.faster(margin(run)), False
        if miss:
            bearable = miss.median <= allowed(found)
            run.found(name + MISSES, miss, "taken" if bearable else "too slow")
            near = fast and not bearable and miss.median <= allowed(found) + NEAR
            fast = fast and bearable
        if near and moved and not run.late:
            moved -= 1
            hits[name], fast = _elsewhere(run, plain, name, hits[name])
        again = run.measure({"it": hits[name]}, plain, run.rounds[2])["it"] if fast else found
        taken = fast and again.faster(margin(run))
        run.found(name, again, "taken" if taken else "no faster")
        if taken:
            return hits[name], again
    return plain, None


def _elsewhere(run: Search, plain: Built, name: str, best: Built) -> tuple[Built, bool]:
    """The same at another place, where other values may cost less; and whether there is such a place."""
    run.say(f"trying {name} at other places")
    places = [place for place in PLACES if place != best.choice.place]
    choices = {f"{name}, placed {place}": replace(best.choice, place=place) for place in places}
    hits, builds = _build_parts(run, plain, choices)
    ratios = run.measure(builds, plain, run.rounds[1]) if builds else {}
    for called in sorted(hits, key=lambda one: ratios[one].median):
        found, miss = ratios[called], ratios.get(called + MISSES)
        good = found.faster(margin(run)) and (miss is None or miss.median <= allowed(found))
        run.found(called + MISSES, miss or found, "taken" if good else "too slow")
        if good:
            return hits[called], True
    return best, False
