"""The end of a search: what is frozen when the whole choice, or a part of it, costs too much with other values."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bareflow.compile.specialise import Clone
from bareflow.compile.variants import AHEAD, Choice, Tuning
from bareflow.compile.versions import Version
from bareflow.trials.final import MISSES, allowed, decide, parts
from bareflow.trials.measure import Ratio
from bareflow.trials.record import choice_from_json, choice_to_json
from bareflow.trials.search import Built, Finding, Settings

WIDE = Tuning(width=128)
CLONES = (Clone("work", ((0, 4), (1, 4)), 9, 9), Clone("work", ((0, 4),), 9, 9))
VERSION = Version("main", ((3, 7),), ("n is 7",), 9, 9)
ALL = Choice(clones=CLONES, versions=(VERSION,), tuning=WIDE, library=True)


def even(median):
    """A ratio without noise."""
    return Ratio(median, median, median, 15)


@dataclass
class Scripted:
    """A search whose measurements are given: (special cases, tuned, values recur) → ratio; anything else is 1."""

    times: dict
    once_s: float = 0.01
    floor_s: float = 0.0
    settings: Settings = field(default_factory=Settings)
    rounds: tuple = (3, 9, 15)
    runs: int = 1
    build_s: float = 0.2
    late: bool = False
    findings: list = field(default_factory=list)

    def say(self, _text):
        pass

    def found(self, name, ratio, verdict):
        self.findings.append(Finding(name, ratio, verdict))

    def try_build(self, name, choice, _base):
        return Built(choice, None, Path(name))

    def measure(self, built, _base, _rounds):
        return {name: even(self.times.get(self.key(one.choice), 1.0)) for name, one in built.items()}

    @staticmethod
    def key(choice):
        if choice.place == "in one piece":
            return choice.place, choice.tuning == WIDE, all(one in CLONES for one in choice.clones)
        clones = len(choice.clones)
        missed = any(one not in CLONES for one in choice.clones)
        return clones, len(choice.versions), choice.tuning == WIDE, not missed


def end(times, choice=ALL, **more):
    run = Scripted(times, **more)
    best, gain = decide(run, Built(AHEAD, None, Path("plain")), Built(choice, None, Path("best")))
    return best.choice, gain and gain.median, run


def test_a_choice_that_costs_nothing_with_other_values_is_frozen_whole():
    assert end({(2, 1, True, True): 0.5})[:2] == (ALL, 0.5)


def test_what_costs_too_much_with_other_values_loses_the_part_that_does():
    times = {(2, 1, True, True): 0.5, (2, 1, True, False): 1.05, (2, 1, False, True): 0.6}
    choice, gain, run = end(times)
    assert (choice, gain) == (replace(ALL, tuning=Tuning()), 0.6)
    assert {f"without tunings{MISSES}", "without tunings"} <= {one.name for one in run.findings}
    times[2, 1, False, False] = 1.05
    times[1, 1, True, True] = 0.7
    assert end(times)[:2] == (replace(ALL, clones=CLONES[:1]), 0.7)


def test_what_costs_a_little_too_much_is_tried_at_other_places():
    times = {(2, 1, True, True): 0.5, (2, 1, True, False): 1.2, (2, 1, False, True): 0.6, (2, 1, False, False): 1.05}
    choice, gain, run = end({**times, ("in one piece", False, True): 0.62, ("in one piece", False, False): 1.01})
    assert (choice, gain) == (replace(ALL, tuning=Tuning(), place="in one piece"), 0.62)
    assert f"without tunings, placed in one piece{MISSES}" in {one.name for one in run.findings}


def test_without_any_part_that_pays_clangs_code_stays():
    assert end({(2, 1, True, True): 0.5, (2, 1, True, False): 1.05})[:2] == (AHEAD, None)
    assert end({})[:2] == (AHEAD, None)


@pytest.mark.parametrize(("once_s", "taken"), [(0.01, True), (0.0005, False)])
def test_a_training_run_that_is_hardly_longer_than_its_start_must_gain_more(once_s, taken):
    plain = Choice(tuning=WIDE)
    assert end({(0, 0, True, True): 0.96}, plain, once_s=once_s)[0] == (plain if taken else AHEAD)


def test_of_a_program_that_runs_for_long_few_parts_are_tried():
    times = {(2, 1, True, True): 0.5, (2, 1, True, False): 1.05, (1, 1, True, True): 0.6, (0, 0, True, True): 0.7}
    assert end(times)[:2] == (replace(ALL, clones=CLONES[:1]), 0.6)
    assert end(times, once_s=2.0)[:2] == (replace(ALL, clones=(), versions=()), 0.7)


def test_a_small_gain_may_cost_less_than_a_large_one():
    assert allowed(even(0.1)) == allowed(even(0.9)) == pytest.approx(1.02)
    assert allowed(even(0.97)) == pytest.approx(1.006)


def test_parts_are_smaller_than_the_whole_and_none_is_named_twice():
    found = parts(ALL)
    assert ALL not in found.values()
    assert found["without special cases"] == replace(ALL, clones=(), versions=())
    assert found["without special cases of work"].clones == ()
    assert found["without special cases of work"].versions == (VERSION,)


def test_a_choice_is_the_same_when_it_was_written_and_read():
    assert choice_from_json(choice_to_json(ALL)) == ALL
