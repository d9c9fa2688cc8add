"""Weights of running code: coarse enough that the same behaviour always gives the same text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bareflow.growth.weights import HEAVIEST, coarse_counts, coarsened, weighted
from bareflow.profile.values import FunctionProfile

TEXT = """define dso_local i32 @f.body(i1 %c) #0 {
  br i1 %c, label %a, label %b

a:
  ret i32 1

b:
  ret i32 2
}

define available_externally dso_local i32 @g.local(i1 %c) {
  br i1 %c, label %a, label %b

a:
  ret i32 1

b:
  ret i32 2
}
"""


def seen(**functions):
    return {name.replace("_", "."): FunctionProfile(name, **facts) for name, facts in functions.items()}.get


@given(st.lists(st.integers(0, 1 << 50), min_size=1, max_size=6))
def test_weights_are_powers_of_two_and_the_largest_count_has_the_largest(counts):
    found = coarse_counts(counts)
    assert found[counts.index(max(counts))] == max(found) == HEAVIEST
    assert all(weight > 0 and weight & weight - 1 == 0 for weight in found)


def test_more_of_the_same_changes_no_weight():
    assert coarse_counts((900, 100)) == coarse_counts((9_050, 1_020)) == coarse_counts((90_000_000, 9_700_000))
    assert coarse_counts((50, 50)) == coarse_counts((51, 49))


def test_what_has_not_happened_in_few_calls_may_still_happen():
    few, many = coarse_counts((10, 0)), coarse_counts((10**6, 0))
    assert few[1] > many[1] >= 1


@pytest.mark.parametrize(("calls", "entry"), [(0, 1), (10, 1), (1023, 1), (1024, 1024), (10**6, 1024), (2**20, 2**20)])
def test_calls_are_known_by_their_power_of_1024(calls, entry):
    assert coarsened(FunctionProfile("f", calls=calls), "g").calls == entry


def test_the_body_and_what_it_may_inline_have_weights():
    text = weighted(TEXT, seen(f={"calls": 3, "branches": {0: (3, 0)}}, g_local={"calls": 9, "branches": {0: (0, 9)}}))
    body, other = text.split("define available_externally")
    assert "!prof" in body
    assert "!prof" in other
    assert text.count('!{!"branch_weights"') == 2
    assert text.count('!{!"function_entry_count"') == 1  # both were called less than 1024 times


def test_without_counts_the_text_is_the_same():
    assert weighted(TEXT, lambda _: None) == TEXT
    assert weighted(TEXT, seen(f={"calls": 10**6})) == TEXT
