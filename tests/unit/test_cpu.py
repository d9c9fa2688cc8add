"""CPU targets by name, and the CPUID bits that code needs."""

import pytest

from bareflow.compile import cpu
from bareflow.errors import UsageError
from bareflow.layouts.snapshot import CPUID_WORD


def names(target, **kwargs):
    return [feature.name for feature in cpu.required_features(target, **kwargs)]


def test_a_level_needs_what_it_adds_to_the_baseline():
    target = cpu.target_by_name("x86-64-v2")
    assert (target.cpu, target.features) == ("x86-64-v2", "")
    assert names(target) == ["cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"]


def test_the_baseline_needs_nothing():
    assert names(cpu.target_by_name("x86-64")) == []


def test_switched_features_count_with_all_that_they_imply():
    target = cpu.target_by_name("x86-64,+avx2")
    assert target.features == "+avx2"
    assert set(names(target)) == {"sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2"}
    assert "avx2" not in cpu.target_by_name("x86-64-v3,-avx").enabled
    assert "fma" not in cpu.target_by_name("x86-64-v3,-sse4.1").enabled


def test_features_that_only_intrinsics_use_are_needed_only_with_them():
    target = cpu.target_by_name("skylake")
    assert "aes" not in names(target)
    assert "aes" in names(target, intrinsics=True)


@pytest.mark.parametrize(
    ("name", "offered"),
    [("x86-64-v22", "x86-64-v2"), ("haswel", "haswell"), ("x86-64,+avx22", "+avx2"), ("x86-64,avx2", "+avx2")],
)
def test_unknown_names_offer_the_nearest(name, offered):
    with pytest.raises(UsageError) as caught:
        cpu.target_by_name(name)
    assert offered in caught.value.hint


def test_nothing_near_still_says_what_to_try():
    with pytest.raises(UsageError, match="'zzzz'") as caught:
        cpu.target_by_name("zzzz")
    assert "native" in caught.value.hint


def test_a_host_that_differs_from_its_model_is_described_by_switches(monkeypatch):
    monkeypatch.setattr(cpu, "_host", lambda: ("haswell", frozenset(cpu.models()["haswell"]) - {"bmi2"} | {"adx"}))
    target = cpu.target_by_name("native")
    assert target.cpu == "haswell"
    assert target.features == "+adx,-bmi2"
    assert "bmi2" not in target.enabled


def test_a_host_that_nobody_knows_is_the_baseline_with_its_features(monkeypatch):
    monkeypatch.setattr(cpu, "_host", lambda: ("future-lake", frozenset({"sse3", "popcnt"})))
    assert cpu.target_by_name("native").features == "+popcnt,+sse3"


def test_every_feature_has_a_place_that_the_layout_knows():
    for name, (word, bit, implied) in cpu.FEATURES.items():
        assert word in CPUID_WORD.members, name
        assert 0 <= bit < 32
        assert set(implied) <= cpu.FEATURES.keys()
    places = [(word, bit) for name, (word, bit, _) in cpu.FEATURES.items() if name != "crc32"]
    assert len(set(places)) == len(places)


def test_every_model_lists_known_features_with_what_they_imply():
    for name, features in cpu.models().items():
        assert set(features) == cpu.closure(features), name
        assert set(features) <= cpu.FEATURES.keys(), name


def test_switching_off_in_other_tuning_names_is_allowed():
    assert cpu.target_by_name("x86-64-v3,+prefer-no-gather").features == "+prefer-no-gather"
