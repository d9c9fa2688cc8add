"""What trials try on every program: where its functions lie, tunings of all of them, options of the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bareflow.compile.choose import Program
from bareflow.compile.tiers import Options
from bareflow.compile.variants import PLACES, Candidate, Change, Choice, Tuning, module_options, tunings

DIRECT = "calls through pointers compared with what they mostly reach"
RECURSION = (1, 2, 3, 4)  # levels


def places() -> list[Candidate]:
    """The same code at other places."""
    return [Candidate(f"placed {place}", _placed(place), "place") for place in PLACES]


def weights() -> Candidate:
    """The profile's branch weights and entry counts."""
    return Candidate("profile weights", _weighted, "weights")


def direct() -> Candidate:
    """Calls through pointers compared with the functions that they mostly reach."""
    return Candidate(DIRECT, lambda choice: replace(choice, direct=True), DIRECT)


def library() -> Candidate:
    """Functions of the C library, such as qsort, compiled with the program."""
    return Candidate("the C library compiled with it", lambda choice: replace(choice, library=True), "library")


def general(program: Program) -> list[Candidate]:
    """Tunings of all functions, then options of the module; likelier ones first."""
    found = []
    if program.measured:
        found.append(Candidate("tunings measured while growing", partial(_measured, program), "measured"))
    if program.recursive:
        found += [Candidate(f"recursion unrolled {n} deep", _unrolled(n), "recursion") for n in RECURSION]
    for name, tuning in tunings(program.text, program.target).items():
        kind = "width" if tuning.width else "schedule" if tuning.schedule else name
        found.append(Candidate(name, _tuned(tuning), kind))
    for name, (kind, change) in module_options().items():
        changed = _optioned(change)
        found.append(Candidate(name, _opened(changed) if kind == "jam" else changed, kind))
    return found


def _measured(program: Program, choice: Choice) -> Choice:
    return replace(choice, functions=program.measured)


def _weighted(choice: Choice) -> Choice:
    return replace(choice, weights=True)


def _unrolled(levels: int) -> Change:
    return lambda choice: replace(choice, recursion=levels)


def _placed(place: str) -> Change:
    return lambda choice: replace(choice, place=place)


def _opened(change: Change) -> Change:
    """With `noinline` ignored: where the arguments come from says which loops may be jammed."""
    return lambda choice: change(replace(choice, inline_all=True))


def _tuned(tuning: Tuning) -> Change:
    return lambda choice: replace(choice, tuning=choice.tuning | tuning)


def _optioned(change: Callable[[Options], Options]) -> Change:
    return lambda choice: replace(choice, options=change(choice.options))
