"""The tiering policy: each predicate at its border."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bareflow.profile.values import FunctionProfile, TierTimes
from bareflow.tiering import (
    BACK_EDGE_FACTOR,
    COMPILE_MS,
    RISING,
    SPEED,
    Costs,
    Counters,
    Policy,
    expected_cycles,
    plan,
)

COUNTS = Policy()
BREAKEVEN = Policy("breakeven")


def after(counters: Counters, policy: Policy = COUNTS, costs: Costs | None = None) -> str | None:
    steps = plan([counters], policy, costs)
    assert all(step.before == counters.tier for step in steps)
    return steps[0].after if steps else None


@pytest.mark.parametrize(
    ("tier", "threshold", "to"), [("interp", 10, "O0"), ("O0", 100, "O1"), ("O1", 1000, "O2"), ("O2", 10000, "O3")]
)
def test_a_function_goes_up_at_its_threshold_and_not_before(tier: str, threshold: int, to: str):
    assert after(Counters("f", tier, threshold - 1)) is None
    assert after(Counters("f", tier, threshold)) == to


@pytest.mark.parametrize(("tier", "threshold"), [("interp", 10), ("O0", 100), ("O1", 1000), ("O2", 10000)])
def test_loop_iterations_make_a_function_hot_too(tier: str, threshold: int):
    border = threshold * BACK_EDGE_FACTOR
    assert after(Counters("f", tier, 1, border - 1)) is None
    (step,) = plan([Counters("f", tier, 1, border)], COUNTS)
    assert (step.after, step.reason) == (RISING[RISING.index(tier) + 1], "back-edges")


def test_a_function_that_is_far_past_goes_one_tier_up_or_there_at_once():
    assert after(Counters("f", "interp", 10_000)) == "O0"
    assert after(Counters("f", "O0", 9_999)) == "O1"
    far = [Counters("f", "interp", 10_000), Counters("g", "O0", 9_999)]
    assert [step.after for step in plan(far, COUNTS, at_once=True)] == ["O3", "O2"]


def test_the_highest_tier_is_the_end():
    assert after(Counters("f", "O3", 10**9)) is None
    assert after(Counters("f", "frozen", 10**9)) is None
    assert after(Counters("f", "frozen", 10**9, cycles={"frozen": 5.0}), BREAKEVEN) is None
    assert after(Counters("f", "O0", 10**9), Policy(highest="O1")) == "O1"
    assert after(Counters("f", "O1", 10**9), Policy(highest="O1")) is None


def test_thresholds_are_the_recipes():
    policy = Policy(thresholds=(5, 6, 7), interpreter_threshold=2)
    assert [policy.threshold(tier) for tier in (*RISING, "frozen")] == [2, 5, 6, 7, None, None]
    assert after(Counters("f", "O0", 5), policy) == "O1"


def test_a_barred_tier_is_passed_over_or_awaited():
    assert after(Counters("f", "O0", 100, barred=frozenset({"O1"}))) is None
    assert after(Counters("f", "O0", 1000, barred=frozenset({"O1"}))) == "O2"
    assert after(Counters("f", "O0", 10**6, barred=frozenset(RISING))) is None


def test_the_most_called_is_planned_first():
    steps = plan([Counters("cold", "O0", 100), Counters("b", "O0", 900), Counters("a", "O0", 900)], COUNTS)
    assert [step.function for step in steps] == ["a", "b", "cold"]


def test_breakeven_rises_only_when_the_saving_outweighs_the_compilation():
    costs = Costs({"O1": 1.0, "O2": 1e9, "O3": 1e9}, tsc_hz=1e9)  # O1: 1000 lines cost a million cycles
    counters = {"cycles": {"O0": 3000.0, "O1": 1000.0}, "lines": 1000}
    assert after(Counters("f", "O0", 500, **counters), BREAKEVEN, costs) is None
    assert after(Counters("f", "O0", 501, **counters), BREAKEVEN, costs) == "O1"
    assert after(Counters("f", "O0", 501, self_calls=1, **counters), BREAKEVEN, costs) is None


def test_breakeven_takes_the_tier_of_greatest_gain():
    costs = Costs({"O1": 1.0, "O2": 2.0, "O3": 3.0}, tsc_hz=1e9)
    cycles = {"O0": 3000.0, "O1": 1000.0, "O2": 900.0, "O3": 899.0}
    assert after(Counters("f", "O0", 2_000, lines=1000, cycles=cycles), BREAKEVEN, costs) == "O1"
    assert after(Counters("f", "O0", 50_000, lines=1000, cycles=cycles), BREAKEVEN, costs) == "O2"
    assert after(Counters("f", "O0", 2_000_000, lines=1000, cycles=cycles), BREAKEVEN, costs) == "O3"


def test_breakeven_never_rises_to_code_that_measured_slower():
    cycles = {"O1": 100.0, "O2": 130.0, "O3": 100.0}
    assert after(Counters("f", "O1", 10**12, lines=10, cycles=cycles), BREAKEVEN) is None


def test_breakeven_estimates_what_was_not_measured():
    assert after(Counters("f", "O0", 10**6, lines=100, cycles={"O0": 1000.0}), BREAKEVEN) == "O3"
    assert after(Counters("f", "O0", 3, lines=100, cycles={"O0": 1000.0}), BREAKEVEN) is None


def test_breakeven_without_any_cycles_counts():
    assert after(Counters("f", "O0", 100), BREAKEVEN) == "O1"
    assert after(Counters("f", "O0", 99), BREAKEVEN) is None


def test_breakeven_passes_over_a_barred_tier():
    barred = frozenset({"O3", "O2"})
    assert after(Counters("f", "O0", 10**9, lines=10, cycles={"O0": 900.0}, barred=barred), BREAKEVEN) == "O1"


def test_a_functions_own_compile_time_replaces_the_estimate():
    counters = Counters("f", "O2", 1000, lines=1000, compile_ms={"O3": 2.0})
    assert Costs(tsc_hz=1e9).cycles(counters, "O3") == 2e6
    assert Costs(tsc_hz=1e9).cycles(counters, "O2") == pytest.approx(COMPILE_MS["O2"] * 1e6)
    assert Costs().cycles(counters, "O3") == 4e6


def test_measured_compilations_replace_the_estimates():
    costs = Costs.measured([("O1", 500, 10.0), ("O1", 1500, 10.0), ("O3", 0, 5.0)])
    assert costs.compile_ms["O1"] == 10.0
    assert costs.compile_ms["O3"] == COMPILE_MS["O3"]


def test_cycles_are_scaled_from_the_nearest_measured_tier():
    measured = {"O0": 325.0, "O3": 50.0}
    assert expected_cycles(measured, "O0") == 325.0
    assert expected_cycles(measured, "O1") == pytest.approx(127.0)
    assert expected_cycles(measured, "O2") == pytest.approx(50.0 * SPEED["O2"])
    assert expected_cycles({"O0": 100.0, "O2": 10.0}, "O1") == pytest.approx(10.0 * SPEED["O1"] / SPEED["O2"])


def test_counters_come_from_a_profile():
    function = FunctionProfile(
        "f", calls=5, self_calls=6, back_edges=7, tier="O3", times={"O0": TierTimes(2, 50, 2), "O1": TierTimes()}
    )
    counters = Counters.of(function, tier="O0", lines=9, barred={"O2"})
    assert counters == Counters("f", "O0", 11, 7, 9, {"O0": 25.0}, {}, frozenset({"O2"}), 6)


@pytest.mark.parametrize("wrong", [{"kind": "magic"}, {"highest": "frozen"}])
def test_a_policy_that_does_not_exist_is_refused(wrong: dict[str, str]):
    with pytest.raises(ValueError, match="is no"):
        Policy(**wrong)


@given(
    st.sampled_from(RISING),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**5),
    st.dictionaries(st.sampled_from(RISING), st.floats(1, 1e9), max_size=4),
    st.frozensets(st.sampled_from(RISING)),
    st.sampled_from([COUNTS, BREAKEVEN]),
)
def test_a_plan_only_ever_goes_up_and_never_to_a_barred_tier(tier, calls, backs, lines, cycles, barred, policy):
    for step in plan([Counters("f", tier, calls, backs, lines, cycles, {}, barred)], policy):
        assert RISING.index(step.after) > RISING.index(tier)
        assert step.after not in barred
