"""A frozen program's function table carries what the profile counted."""

from __future__ import annotations

from bareflow.freeze import with_counts
from bareflow.profile.values import FunctionProfile, Profile, TierTimes
from bareflow.snapshot.contents import Function


def profile(*functions: FunctionProfile) -> Profile:
    return Profile({one.key: one for one in functions})


def test_functions_carry_their_calls_and_the_cycles_of_their_highest_timed_tier():
    times = {"O0": TierTimes(10, 1000, 10), "O3": TierTimes(4, 80, 4), "interp": TierTimes(2, 9000, 2)}
    seen = profile(FunctionProfile("hot", "a" * 32, calls=7, self_calls=5, times=times))
    hot, unknown = with_counts((Function("hot", "frozen", 4, 8), Function("other", "frozen", 12, 8)), seen)
    assert (hot.call_count, hot.average_cycles) == (12, 20.0)
    assert (unknown.call_count, unknown.average_cycles) == (0, 0.0)


def test_of_two_bodies_with_one_name_the_busier_counts():
    seen = profile(FunctionProfile("f", "a" * 32, calls=3), FunctionProfile("f", "b" * 32, calls=9))
    assert with_counts((Function("f", "frozen", 4, 8),), seen)[0].call_count == 9
