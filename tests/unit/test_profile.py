"""Profiles: merging in any order, the file, JSON, and what does not belong to a program."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bareflow.errors import ProfileError
from bareflow.layouts.profile import EVENT_KIND, PROFILE_HEADER, SPECIAL_KIND
from bareflow.profile.document import from_json, to_json
from bareflow.profile.file import decode_profile, encode_profile
from bareflow.profile.report import specialised
from bareflow.profile.store import load_profile, save_profile
from bareflow.profile.values import (
    TIERS,
    ArgumentValues,
    FunctionProfile,
    Profile,
    Special,
    TierTimes,
    TierUp,
    merge_all,
    with_runs,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
COUNTS = st.integers(0, 2**40)
NAMES = st.sampled_from(["fibonacci", "sum_to_n", "größe", "matrix.multiply", ""])
DIGESTS = st.sampled_from(["0" * 32, "a5" * 16])
TIER_NAMES = st.sampled_from(TIERS)
TIMES = st.builds(TierTimes, COUNTS, st.integers(0, 2**90), COUNTS, st.none() | COUNTS, COUNTS)
VALUES = st.builds(ArgumentValues, st.dictionaries(st.sampled_from([0, 1, 7, 2**64 - 1]), COUNTS), COUNTS)
FUNCTIONS = st.builds(
    FunctionProfile,
    NAMES,
    DIGESTS,
    COUNTS,
    COUNTS,
    COUNTS,
    TIER_NAMES,
    st.dictionaries(TIER_NAMES, TIMES, max_size=3),
    st.dictionaries(st.integers(0, 9), st.lists(COUNTS, max_size=3).map(tuple), max_size=3),
    st.dictionaries(st.integers(0, 3), VALUES, max_size=2),
)
KINDS = st.sampled_from(tuple(EVENT_KIND.members))
EVENTS = st.builds(TierUp, COUNTS, COUNTS, NAMES, TIER_NAMES, TIER_NAMES, KINDS, COUNTS, COUNTS, COUNTS, COUNTS)
PARTS = st.integers(0, 2**32 - 1)
CASES = st.sampled_from(tuple(SPECIAL_KIND.members))
SPECIAL = st.builds(
    Special, NAMES, CASES, st.sampled_from(["argument 0 is 7", "taps is 9"]), COUNTS, COUNTS, PARTS, PARTS
)
SEEN = st.builds(
    Profile,
    st.lists(FUNCTIONS, max_size=3).map(lambda functions: {f.key: f for f in functions}),
    st.dictionaries(st.lists(NAMES, max_size=3).map(tuple), COUNTS, max_size=3),
    st.lists(EVENTS, max_size=3).map(sorted).map(tuple),
    st.frozensets(st.sampled_from(["00ff", "abcd"])),
    st.frozensets(st.sampled_from(["x86-64-v2", "znver4"])),
    COUNTS,
    COUNTS,
    COUNTS,
    st.lists(SPECIAL, max_size=3).map(lambda cases: {case.key: case for case in cases}),
)
PROFILES = SEEN | st.builds(with_runs, SEEN, st.dictionaries(st.sampled_from([1, 7, 2**64 - 1]), SEEN, max_size=2))


@given(PROFILES, PROFILES)
@settings(max_examples=40)
def test_merging_is_commutative(one: Profile, two: Profile):
    assert one.merge(two) == two.merge(one)


@given(PROFILES, PROFILES, PROFILES)
@settings(max_examples=40)
def test_merging_is_associative(one: Profile, two: Profile, three: Profile):
    assert one.merge(two).merge(three) == one.merge(two.merge(three)) == merge_all(three, one, two)


@given(SEEN, SEEN, PROFILES)
@settings(max_examples=40)
def test_a_run_that_is_merged_again_changes_nothing(first: Profile, second: Profile, others: Profile):
    once = merge_all(others, first.of_run(7), second.of_run(7))
    assert once.merge(first.of_run(7)) == second.of_run(7).merge(once) == once


def test_a_run_that_two_hosts_have_served_counts_once():
    def served(calls: int, tier: str, values: ArgumentValues) -> Profile:
        function = FunctionProfile("f", calls=calls, tier=tier, branches={0: (calls, 1)}, values={0: values})
        return Profile({function.key: function}, {("f",): calls}, boots=1, dropped=2)

    before = served(100, "O3", ArgumentValues({1: 100}))
    first = served(5, "O1", ArgumentValues({1: 3, 2: 2}))
    second = served(9, "O2", ArgumentValues({1: 8}, 1))
    both = before.merge(first.of_run(7)).merge(second.of_run(7))
    seen = both.named("f")
    assert (seen.calls, seen.tier, seen.branches, both.boots, both.dropped) == (109, "O3", {0: (109, 2)}, 2, 4)
    assert seen.values[0] == ArgumentValues({1: 108}, 1)
    assert both.stacks == {("f",): 109}
    assert both.merge(first.of_run(8)).named("f").calls == 114
    assert both.whole().merge(second.of_run(7)).named("f").calls == 118


def test_what_does_not_fit_a_program_leaves_its_runs_too():
    fitted = example().merge(example().of_run(7)).fit({"sum_to_n": "11" * 16}).profile
    assert {f.name: f.calls for f in fitted.functions.values()} == {"sum_to_n": 6}
    assert fitted.merge(example().fit({"sum_to_n": "11" * 16}).profile.of_run(7)) == fitted
    assert fitted.stacks == {}


@given(PROFILES)
@settings(max_examples=40)
def test_an_empty_profile_changes_nothing(profile: Profile):
    assert merge_all(profile) == profile.merge(Profile()) == profile


@given(PROFILES)
@settings(max_examples=60)
def test_the_file_gives_back_what_was_written(profile: Profile):
    data = encode_profile(profile)
    assert decode_profile(data) == profile
    assert encode_profile(decode_profile(data)) == data


@given(PROFILES)
@settings(max_examples=60)
def test_json_gives_back_what_was_written(profile: Profile):
    assert from_json(to_json(profile)) == profile


def test_values_of_loads_and_call_results_are_kept_apart_from_arguments():
    function = FunctionProfile(
        "f", values={7: ArgumentValues({1: 2}, 0)}, sites={7: ArgumentValues({4: 900}, 0), 12: ArgumentValues({}, 3)}
    )
    profile = Profile({function.key: function})
    assert decode_profile(encode_profile(profile)) == profile
    assert from_json(to_json(profile)) == profile
    assert profile.merge(profile).named("f").sites[7].counts == {4: 1800}


CASE = Special("fibonacci", "clone", "argument 0 is 30", total=4, calls=3, gain=500_000)
SPECIALISED = {CASE.key: CASE}


def example() -> Profile:
    function = FunctionProfile(
        "fibonacci",
        "5a" * 16,
        calls=50_000,
        self_calls=120_000,
        back_edges=3,
        tier="O3",
        times={"interp": TierTimes(10, 9000, 10, 800, 0), "O3": TierTimes(49_000, 4_900_000, 300, 90, 128)},
        branches={0: (7, 3), 2: (1, 2, 3)},
        values={0: ArgumentValues({30: 95, 2: 3}, 2)},
    )
    other = FunctionProfile("sum_to_n", "11" * 16, calls=3)
    events = (TierUp(9, 100, "fibonacci", "O0", "O1", "published", 900, 2000, 120, 64),)
    return Profile(
        {f.key: f for f in (function, other)},
        {("main", "fibonacci"): 40},
        events,
        frozenset({"ab" * 16}),
        frozenset({"x86-64-v2"}),
        1,
        5,
        2_000_000_000,
    )


def test_counts_add_and_the_most_frequent_values_stay():
    one = Profile({("f", "0" * 32): FunctionProfile("f", values={0: ArgumentValues({1: 5, 2: 4}, 1)})})
    two = Profile({("f", "0" * 32): FunctionProfile("f", values={0: ArgumentValues({3: 6, 2: 4}, 0)})})
    seen = one.merge(two).functions["f", "0" * 32].values[0]
    assert seen.top(2) == ((2, 8), (3, 6))
    assert seen.total == 20
    assert seen.dominant(0.6) is None
    assert ArgumentValues({8: 90}, 10).dominant(0.9) == 8


def test_a_tier_is_exact_only_when_every_call_was_timed():
    times = example().functions["fibonacci", "5a" * 16].times
    assert times["interp"].exact
    assert not times["O3"].exact
    assert times["O3"].cycles_per_call == 100
    assert TierTimes().cycles_per_call is None


def test_a_changed_source_keeps_unchanged_functions_and_says_what_it_drops():
    fitted = example().fit({"fibonacci": "5a" * 16, "sum_to_n": "22" * 16, "new": "33" * 16})
    assert [f.name for f in fitted.profile.functions.values()] == ["fibonacci"]
    assert fitted.changed == ("sum_to_n",)
    assert fitted.gone == ()
    assert fitted.explain() == "The profile of sum_to_n (changed) was dropped."
    assert fitted.profile.events == example().events


def test_a_function_that_is_gone_takes_its_samples_and_events_with_it():
    fitted = example().fit({"sum_to_n": "11" * 16})
    assert fitted.gone == ("fibonacci",)
    assert fitted.profile.stacks == {}
    assert fitted.profile.events == ()
    assert fitted.explain() == "The profile of fibonacci (gone) was dropped."


def test_nothing_is_said_when_everything_fits():
    fitted = example().fit({"fibonacci": "5a" * 16, "sum_to_n": "11" * 16})
    assert fitted.profile == example()
    assert fitted.explain() == ""


def test_two_versions_of_a_function_merge_without_mixing():
    old = Profile({("f", "00" * 16): FunctionProfile("f", "00" * 16, calls=5)})
    new = Profile({("f", "ff" * 16): FunctionProfile("f", "ff" * 16, calls=7)})
    both = old.merge(new)
    assert len(both.functions) == 2
    assert both.named("f").calls == 7
    assert both.fit({"f": "00" * 16}).profile.named("f").calls == 5


def test_every_changed_byte_of_a_file_is_noticed():
    data = encode_profile(example())
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(ProfileError):
            decode_profile(bytes(damaged))


def test_every_shortened_file_is_refused():
    data = encode_profile(example())
    for size in range(len(data)):
        with pytest.raises(ProfileError):
            decode_profile(data[:size])
    with pytest.raises(ProfileError, match="bytes and says"):
        decode_profile(data + b"\0")


@given(st.integers(0, 10**9), st.integers(0, 2**32 - 1))
@settings(max_examples=200)
def test_a_file_with_a_right_crc_and_wrong_numbers_is_read_or_refused(where: int, word: int):
    data = bytearray(encode_profile(example()))
    at = where % (len(data) // 4) * 4
    crc_at = PROFILE_HEADER.offsets["crc32"]
    data[at : at + 4] = word.to_bytes(4, "little")
    data[crc_at : crc_at + 4] = bytes(4)
    data[crc_at : crc_at + 4] = zlib.crc32(data).to_bytes(4, "little")
    try:
        decode_profile(bytes(data))
    except ProfileError as error:
        assert "is not a profile" in error.message  # noqa: PT017 — either outcome is right


def test_a_file_says_its_name_and_why_it_is_refused(tmp_path: Path):
    path = tmp_path / "x.profile"
    path.write_bytes(b"\x7fELF" + bytes(500))
    with pytest.raises(ProfileError, match=r"x\.profile is not a profile: it does not begin with the magic"):
        load_profile(path)
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(tmp_path / "absent")


@pytest.mark.parametrize("name", ["p.profile", "p.json"])
def test_profiles_are_stored_in_both_forms(name: str, tmp_path: Path):
    save_profile(tmp_path / name, example())
    assert load_profile(tmp_path / name) == example()
    assert (tmp_path / name).read_bytes().startswith(b"{") == name.endswith(".json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "it is no"),
        ("[]", "."),
        ("{", "."),
        ('{"format": "bareflow-profile", "version": 1}', "'functions' is missing"),
        ('{"format": "bareflow-profile", "version": 2}', "of version 1"),
    ],
)
def test_json_that_is_no_profile_is_refused(text: str, words: str):
    with pytest.raises(ProfileError, match="is not a profile in JSON") as caught:
        from_json(text)
    assert words in caught.value.message


def test_a_negative_count_in_json_is_refused():
    with pytest.raises(ProfileError, match="-5 is no count"):
        from_json(to_json(example()).replace('"calls": 3', '"calls": -5'))


def test_a_count_beyond_64_bits_is_an_error_and_not_a_wrong_file():
    with pytest.raises(ProfileError, match="64 bits"):
        encode_profile(Profile(boots=1 << 64))


def test_profiles_written_by_the_first_version_stay_readable():
    binary, document = GOLDEN / "profile-v1.bin", GOLDEN / "profile-v1.json"
    assert load_profile(binary) == load_profile(document) == example()
    assert to_json(load_profile(document)) == document.read_text()


def test_profiles_written_by_the_second_version_stay_readable():
    assert load_profile(GOLDEN / "profile-v2.bin") == replace(example(), special=SPECIALISED)


def test_profiles_written_by_the_third_version_stay_readable_and_writable():
    binary = GOLDEN / "profile-v3.bin"
    assert load_profile(binary) == replace(example(), special=SPECIALISED).merge(example().of_run(7))
    assert encode_profile(load_profile(binary)) == binary.read_bytes()


def test_parts_of_a_profile_file_that_are_no_profiles_are_refused():
    whole = example().of_run(7)
    nested = with_runs(Profile(), {8: whole})
    with pytest.raises(ProfileError, match="do not fit each other"):
        decode_profile(encode_profile(nested))


def test_a_changed_function_loses_its_special_cases():
    fitted = replace(example(), special=SPECIALISED).fit({})
    assert fitted.profile.special == {}


def test_what_was_specialised_is_told_in_words():
    profile = replace(example(), special=SPECIALISED)
    (line,) = specialised(profile)
    assert line == "fibonacci: a clone for argument 0 is 30 in 75 % of 4 calls; takes 0.500 of the time"
