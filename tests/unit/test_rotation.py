"""What trials of single functions make of their rounds; and orders and answers, without an agent."""

import asyncio
from types import SimpleNamespace

import pytest

from bareflow.compile.choose import Program
from bareflow.compile.cpu import target_by_name
from bareflow.compile.variants import NUMBERED, Tuning
from bareflow.layouts.growth import GROWTH_MESSAGE, PUBLISH_STATUS, TRIED_RECORD
from bareflow.profile.values import FunctionProfile, Profile
from bareflow.trials.freeze import by_profile
from bareflow.trials.rotate import FEWEST, FunctionTrial, Rotation, calls_in_turn, judge


def rounds(*factors, number=15, noise=0.01):
    """Turns of candidates that take `factors` of 1000 cycles, with a disturbance now and then."""
    made = []
    for at in range(number):
        shake = 1 + noise * ((at * 7) % 5 - 2) / 2
        made.append(
            tuple(
                round(1_000_000 * factor * shake * (9 if (at + n) % 11 == 0 else 1)) for n, factor in enumerate(factors)
            )
        )
    return made


def test_the_fastest_by_more_than_noise_is_taken_whatever_interrupts_now_and_then():
    best, found = judge(rounds(1.0, 0.97, 0.8, 1.4))
    assert best == 2
    assert [round(one.median, 2) for one in found] == [0.97, 0.8, 1.4]


def test_what_is_faster_by_less_than_the_margin_is_not_taken():
    assert judge(rounds(1.0, 0.99))[0] == 0


def test_noise_alone_never_wins():
    shaken = [(1000, 1000 + (300 if at % 2 else -310)) for at in range(15)]
    assert judge(shaken)[0] == 0


def test_too_few_rounds_say_nothing():
    assert judge(rounds(1.0, 0.5, number=FEWEST - 1)) == (0, [])


def test_turns_have_many_calls_of_what_is_short_and_one_of_what_is_long():
    assert calls_in_turn(10) == 4096
    assert calls_in_turn(1000) == 200
    assert calls_in_turn(1e9) == 1
    assert calls_in_turn(0) == 4096


def test_rounds_of_another_trial_are_left_alone_and_a_refusal_ends_this_one():
    rotation = Rotation((), SimpleNamespace(arena=None), None, lambda *_: True)
    rotation.take(TRIED_RECORD.encode(trial=5, candidates=2, cycles=(1, 2, 0, 0, 0, 0, 0, 0)))
    assert not rotation._rounds
    rotation.take(TRIED_RECORD.encode(trial=0, candidates=2, cycles=(1, 2, 0, 0, 0, 0, 0, 0)))
    assert rotation._rounds == [(1, 2)]
    rotation.take(TRIED_RECORD.encode(trial=0, status=PUBLISH_STATUS["damaged"]))
    assert rotation._over.is_set()
    assert rotation._refused == "the agent says damaged"


def test_no_time_means_no_trials():
    sent = []
    rotation = Rotation((), SimpleNamespace(arena=None), None, lambda *message: bool(sent.append(message)))
    asyncio.run(rotation.run(0.0))
    assert sent == []
    assert GROWTH_MESSAGE["trial"] not in sent


@pytest.mark.parametrize("taken", ["no fused multiply-add", None])
def test_the_profile_says_what_was_taken(taken):
    rotation = Rotation((), SimpleNamespace(arena=None), None, lambda *_: True)
    one = FunctionProfile("f", "00" * 16)
    rotation.done["f"] = FunctionTrial("f", one.digest, {}, taken)
    noted = rotation.noted(Profile({one.key: one}))
    assert noted.functions[one.key].tunings == (1 if taken else 0)
    assert noted.functions[one.key].merge(one).tunings == noted.functions[one.key].tunings


FUSED = """\
define double @f(double %0) {
  %2 = call double @llvm.fmuladd.f64(double %0, double %0, double 1.0)
  ret double %2
}
"""


def test_what_was_taken_is_frozen_unless_machines_differ():
    number = NUMBERED.index("no fused multiply-add")
    one = FunctionProfile("f", "00" * 16, tunings=1 << number)
    program = Program(None, FUSED, target_by_name("x86-64-v3"), Profile({one.key: one}), {"f": one.digest})
    choice = by_profile(program)
    assert choice.functions == {"f": Tuning(contract=False)}
    assert "fmul double" in program.edited(choice)
    other = one.merge(FunctionProfile("f", "00" * 16, tunings=1 << number + 1))
    program = Program(None, FUSED, target_by_name("x86-64-v3"), Profile({one.key: other}), {"f": one.digest})
    assert not by_profile(program).functions
