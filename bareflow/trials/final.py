"""The end of a search: what is faster than clang's code, and costs little where no value recurs.

What wins here is frozen, so this is stricter than the steps before: more rounds, a wider margin, and a limit of what
may be lost with other values than the profile's. Where the whole choice does not pass, parts of it may.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bareflow.compile.tiers import DEFAULT_OPTIONS
from bareflow.compile.variants import PLAIN_TUNING, Choice, missed
from bareflow.trials.special import LOSS, WORTH

if TYPE_CHECKING:
    from bareflow.trials.measure import Ratio
    from bareflow.trials.search import Built, Search

MARGIN = 0.025  # what is frozen was faster than clang's code by that much
SHORT_S = 1e-3  # of a training run: below it
SHORT_MARGIN = 0.05  # that much, since what starting costs is no small part of it
PARTS_SHARE = 0.25  # of the time that was given goes into trying parts of a choice, at most
MISSES = ", with other values"


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
    if not specialised(best.choice) or _bearable(run, plain, best.choice, gain):
        return best, gain
    return _part(run, plain, best)


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


def _bearable(run: Search, plain: Built, choice: Choice, gain: Ratio) -> bool:
    """Whether a choice costs little where the values of its clones and versions do not come."""
    built, right = build_missing(run, MISSES[2:], choice, plain)
    if built is None:
        return right
    found = run.measure({"it": built}, plain, run.rounds[2])["it"]
    bearable = found.median <= allowed(gain)
    run.found(MISSES[2:], found, "taken" if bearable else "too slow")
    return bearable


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


def _part(run: Search, plain: Built, best: Built) -> tuple[Built, Ratio | None]:
    """The fastest part of a choice that costs little with other values."""
    run.say("trying parts of the best")
    hits: dict[str, Built] = {}
    builds: dict[str, Built] = {}
    for name, choice in _affordable(run, parts(best.choice)).items():
        other, missing, right = run.try_build(name, choice, plain), None, True
        if other and specialised(choice):
            missing, right = build_missing(run, name + MISSES, choice, plain)
        if other and right:
            hits[name] = builds[name] = other
        if missing:
            builds[name + MISSES] = missing
    if not hits:
        return plain, None
    ratios = run.measure(builds, plain, run.rounds[1])
    for name in sorted(hits, key=lambda one: ratios[one].median):
        miss = ratios.get(name + MISSES)
        if miss:
            run.found(name + MISSES, miss, "taken" if miss.median <= allowed(ratios[name]) else "too slow")
        if not ratios[name].faster(margin(run)) or (miss and miss.median > allowed(ratios[name])):
            run.found(name, ratios[name], "no faster")
            continue
        again = run.measure({"it": hits[name]}, plain, run.rounds[2])["it"]
        taken = again.faster(margin(run))
        run.found(name, again, "taken" if taken else "no faster")
        if taken:
            return hits[name], again
    return plain, None
