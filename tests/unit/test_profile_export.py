"""Profiles from a guest's records, and in other people's formats."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from rich.console import Console

from bareflow.errors import ProfileError
from bareflow.layouts.bytecode import BYTECODE_VALUES
from bareflow.layouts.growth import (
    AGENT_STARTED,
    COLLECTED_RECORD,
    FUNCTION_COUNTS,
    GROWTH_MESSAGE,
    HOT_RECORD,
    TIER_TIMES,
)
from bareflow.layouts.profile import BACK_EDGE_COUNTS, EDGE_COUNTS, PROFILE_MESSAGE, VALUE_COUNTS
from bareflow.layouts.snapshot import TIER
from bareflow.profile.decoder import KnownFunction, ProfileDecoder
from bareflow.profile.export import to_chrome_trace, to_collapsed, to_speedscope, to_text
from bareflow.profile.report import rows, table
from bareflow.profile.values import ArgumentValues, FunctionProfile, Profile, TierTimes, TierUp

KNOWN = (
    KnownFunction("main", "0" * 32),
    KnownFunction("fib", "a" * 32),
    KnownFunction("switchy", "b" * 32, ((0, 1, 2), (4, 5))),
)


def counts(function: int, calls: int, *times: tuple[str, int, int]) -> bytes:
    """A function_counts with (tier, calls, cycles each)."""
    timed = sum(1 << TIER[tier] for tier, _, _ in times)
    out = FUNCTION_COUNTS.encode(function=function, tier=TIER["O1"], timed=timed, calls=calls, self_calls=1)
    for _, weight, cycles in times:
        out += TIER_TIMES.encode(samples=2, weight=weight, cycles_low=weight * cycles, minimum=cycles - 1)
    return out


def decoder() -> ProfileDecoder:
    return ProfileDecoder(KNOWN, build_id="ab", cpu="x86-64-v2", locate={0x1000: "fib"}.get)


def test_totals_replace_what_was_said_before():
    taker = decoder()
    assert taker.take(GROWTH_MESSAGE["counts"], counts(1, 5, ("O0", 5, 100)))
    later = counts(1, 9, ("O0", 5, 100), ("O1", 4, 50)) + counts(0, 1)
    assert taker.take(GROWTH_MESSAGE["counts"], later)
    assert taker.take(GROWTH_MESSAGE["counts"], later)
    profile = taker.profile()
    fib = profile.named("fib")
    assert (fib.calls, fib.self_calls, fib.tier, fib.digest) == (9, 1, "O1", "a" * 32)
    assert fib.times == {"O0": TierTimes(5, 500, 2, 99), "O1": TierTimes(4, 200, 2, 49)}
    assert profile.named("main").calls == 1
    assert profile.boots == 1
    assert (profile.builds, profile.cpus) == ({"ab"}, {"x86-64-v2"})


def test_copies_of_one_function_are_counted_together():
    known = (KnownFunction("inlined", "c" * 32), KnownFunction("inlined", "c" * 32))
    taker = ProfileDecoder(known, build_id="ab", cpu="x86-64-v2")
    taker.take(GROWTH_MESSAGE["counts"], counts(0, 5) + counts(1, 9))
    assert taker.profile().named("inlined").calls == 14


def test_the_clock_comes_from_two_time_stamps():
    taker = decoder()
    taker.take(GROWTH_MESSAGE["started"], AGENT_STARTED.encode(tsc=1000, ns=500))
    taker.take(
        GROWTH_MESSAGE["collected"], COLLECTED_RECORD.encode(tsc=3_000_001_000, ns=1_000_000_500, places_dropped=3)
    )
    assert taker.profile().tsc_hz == 3_000_000_000
    assert taker.profile().dropped == 3


def test_ticks_become_samples_of_functions():
    taker = decoder()
    taker.take(GROWTH_MESSAGE["places"], struct.pack("<3Q", 0x1000, 0x1000, 0x9999))
    assert taker.profile().stacks == {("fib",): 2, ("[unknown]",): 1}


def test_edges_become_branches_by_terminator():
    taker = decoder()
    edges = EDGE_COUNTS.encode(function=2, first=0, count=3) + struct.pack("<3Q", 7, 8, 9)
    taker.take(PROFILE_MESSAGE["edges"], edges)
    pairs = EDGE_COUNTS.encode(function=1, first=2, count=2) + struct.pack("<2Q", 5, 6)
    taker.take(PROFILE_MESSAGE["edges"], pairs)
    assert taker.profile().named("switchy").branches == {0: (7, 8, 9)}
    assert taker.profile().named("fib").branches == {2: (5, 6)}


def test_values_count_only_calls_that_surely_had_them():
    taker = decoder()
    seen = BYTECODE_VALUES.encode(value=(30, 4, 9), count=(90, 8, 2), error=(0, 3, 2))
    taker.take(PROFILE_MESSAGE["values"], VALUE_COUNTS.encode(function=1, argument=0) + seen)
    assert taker.profile().named("fib").values == {0: ArgumentValues({30: 90, 4: 5}, 5)}


def test_back_edges_and_what_only_the_host_knows_are_taken_too():
    taker = decoder()
    taker.take(PROFILE_MESSAGE["back-edges"], BACK_EDGE_COUNTS.encode(function=1, count=77))
    taker.set_code_bytes(1, "O1", 240)
    event = TierUp(1, 2, "fib", "O0", "O1")
    taker.add_event(event)
    profile = taker.profile()
    assert profile.named("fib").back_edges == 77
    assert profile.named("fib").times["O1"].code_bytes == 240
    assert profile.events == (event,)


def test_messages_of_others_are_left_to_them():
    assert not decoder().take(GROWTH_MESSAGE["published"], b"")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (GROWTH_MESSAGE["counts"], counts(1, 5, ("O0", 5, 100))[:-1]),
        (GROWTH_MESSAGE["counts"], counts(3, 5)),
        (GROWTH_MESSAGE["counts"], FUNCTION_COUNTS.encode(tier=9)),
        (GROWTH_MESSAGE["places"], b"1234567"),
        (GROWTH_MESSAGE["hot"], b""),
        (GROWTH_MESSAGE["hot"], HOT_RECORD.encode(function=9)),
        (PROFILE_MESSAGE["edges"], EDGE_COUNTS.encode(function=0, count=5)),
        (PROFILE_MESSAGE["values"], b""),
    ],
)
def test_a_record_that_cannot_be_right_is_an_error(kind: int, payload: bytes):
    with pytest.raises(ProfileError, match="makes no sense"):
        decoder().take(kind, payload)


def sample() -> Profile:
    functions = (
        FunctionProfile("main", calls=1, tier="O0", times={"O0": TierTimes(1, 900, 1, 900, 40)}),
        FunctionProfile(
            "fib",
            calls=99,
            tier="O2",
            times={"O2": TierTimes(99, 99000, 9, 800, 80)},
            branches={0: (1, 2)},
            values={0: ArgumentValues({30: 99}, 1)},
        ),
    )
    events = (
        TierUp(5, 1000, "fib", "O0", "O1", "published", 400, 900, 100, 60),
        TierUp(5, 1500, "main", "O0", "O1", "failed", 300, 0, 1, 0),
        TierUp(5, 9000, "fib", "O1", "O2", "published", 0, 500, 1000, 80),
    )
    return Profile({f.key: f for f in functions}, {("main",): 3, ("main", "fib"): 12}, events, boots=1)


def test_collapsed_stacks_are_what_flamegraph_reads():
    assert to_collapsed(sample()) == "main 3\nmain;fib 12\n"
    assert to_collapsed(Profile(stacks={("a;b\nc",): 2})) == "a_b_c 2\n"


def test_without_samples_cycles_are_the_weights():
    profile = Profile(sample().functions)
    assert to_collapsed(profile) == "fib 99000\nmain 900\n"


def test_speedscope_files_follow_the_schema():
    document = to_speedscope(sample(), "classic")
    _follows_speedscope(document)
    assert document["profiles"][0]["endValue"] == 15
    assert to_text(document) == to_text(to_speedscope(sample(), "classic"))


def _follows_speedscope(document: dict[str, Any]) -> None:
    """The parts of speedscope's file-format-schema.json that apply to a sampled profile."""
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(set(frame) <= {"name", "file", "line", "col"} and isinstance(frame["name"], str) for frame in frames)
    for profile in document["profiles"]:
        assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
        assert profile["type"] == "sampled"
        assert profile["unit"] in {"none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(0 <= at < len(frames) for stack in profile["samples"] for at in stack)
        assert all(isinstance(weight, int) and weight >= 0 for weight in profile["weights"])
        assert profile["endValue"] - profile["startValue"] == sum(profile["weights"])
    assert 0 <= document["activeProfileIndex"] < len(document["profiles"])


def test_a_chrome_trace_has_compilations_as_slices_and_tiers_as_counters():
    events = to_chrome_trace(sample())["traceEvents"]
    slices = [e for e in events if e["ph"] == "X" and e["name"] != "compile"]
    assert [(e["name"], e["ts"], e["dur"], e["cat"]) for e in slices] == [
        ("fib O0→O1", 1000, 900, "published"),
        ("main O0→O1", 1500, 300, "failed"),
        ("fib O1→O2", 9000, 500, "published"),
    ]
    assert slices[0]["tid"] != slices[1]["tid"]  # they overlap
    counters = [(e["ts"], {t: n for t, n in e["args"].items() if n}) for e in events if e["ph"] == "C"]
    assert counters == [(0, {"O0": 2}), (1900, {"O0": 1, "O1": 1}), (9500, {"O0": 1, "O2": 1})]
    assert all(e["pid"] == 1 for e in events)


def test_slices_of_one_thread_never_overlap():
    crowd = tuple(TierUp(1, at * 100, f"f{at}", "O0", "O1", "published", 50, 350, 1, 1) for at in range(20))
    events = to_chrome_trace(Profile(events=crowd))["traceEvents"]
    by_thread: dict[int, int] = {}
    for event in (e for e in events if e["ph"] == "X" and e["name"] != "compile"):
        assert by_thread.get(event["tid"], 0) <= event["ts"]
        by_thread[event["tid"]] = event["ts"] + event["dur"]


def test_the_table_shows_the_heaviest_function_first():
    shown = rows(sample())
    assert [row.name for row in shown] == ["fib", "main"]
    assert shown[0].constant == ("0=30",)
    assert shown[0].code_bytes == 80
    text = io.StringIO()
    Console(file=text, width=160).print(table(sample()))
    assert "~1,000" in text.getvalue()
    assert "2 functions, 1 boot, 3 tier-ups, 15 samples, nothing dropped" in text.getvalue()
