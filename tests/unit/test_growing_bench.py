"""What bench-tiers makes of its figures."""

import pytest

from bench.bench_tiers import distribution, judge, lines_of, median_run, printed_cycles


def growth(share):
    return {"compile_ms": 1.0, "total_ms": 1.0 / share, "compile_share": share, "hot_to_published": distribution([])}


def figures(**changes):
    row = {"name": "f", "seconds": 1e-3, "image_cycles": 2.0, "frozen_cycles": 2.0, "aot_cycles": 2.0}
    found = {
        "calls": 10,
        "growth": median_run([growth(5e-4)]),
        "functions": [{**row, "image_to_frozen": 1.0, "frozen_to_aot": 1.0}],
        "counting": {"ratio": 1.0},
        "interpreter": {"fibonacci": {"ratio": 30.0, "limit": 100.0}},
        "latency": {"all": distribution([1.0]), "o1_small": distribution([1.0])},
    }
    return found | changes


def test_a_distribution_is_of_all_values():
    found = distribution([float(n) for n in range(100, 0, -1)])
    assert found == {"count": 100, "median_ms": 50.5, "p95_ms": 95.0, "max_ms": 100.0}
    assert distribution([7.0])["p95_ms"] == 7.0
    assert distribution([])["count"] == 0


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, ""),
        ({"counting": {"ratio": 1.06}}, "counting"),
        ({"latency": {"all": distribution([]), "o1_small": distribution([101.0])}}, "latency"),
        ({"interpreter": {"fibonacci": {"ratio": 101.0, "limit": 100.0}}}, "interpreter"),
    ],
)
def test_a_missed_limit_is_named(changes, missed):
    found = figures(**changes)
    held = judge(found)
    assert [name for name, holds in held.items() if not holds] == [missed] * bool(missed)
    last = lines_of({**found, "holds": held})[-1]
    assert last == (f"missed: {missed}" if missed else "all limits hold")


def test_the_growing_run_with_the_median_share_counts_and_all_shares_are_told():
    found = figures(growth=median_run([growth(2e-3), growth(4e-4), growth(9e-4)]))
    assert (found["growth"]["compile_share"], judge(found)["compile_share"]) == (9e-4, True)
    assert "the median of 0.2000%, 0.0400%, 0.0900%" in lines_of({**found, "holds": judge(found)})[2]
    assert not judge(figures(growth=median_run([growth(2e-3), growth(4e-4), growth(1.1e-3)])))["compile_share"]


def test_short_functions_are_not_held_to_frozen_code():
    row = {**figures()["functions"][0], "image_to_frozen": 1.5}
    assert not judge(figures(functions=[row]))["image_to_frozen"]
    assert judge(figures(functions=[{**row, "seconds": 1e-8}]))["image_to_frozen"]


def test_the_ticks_that_classic_prints_are_read():
    assert printed_cycles("fibonacci = 832040 cycles 1234\n") == 1234
