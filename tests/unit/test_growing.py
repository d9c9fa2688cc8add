"""Runs that follow each other, and what is said of them at the end: no process, no compiler."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bareflow.cli import images
from bareflow.errors import MachineError, UsageError
from bareflow.growth import boots as boots_module
from bareflow.growth.boots import Boot, Boots, Outcome, difference, grow_boots, tiers_of
from bareflow.growth.growing import TierUp
from bareflow.growth.program import functions_known, start_tiers, tiers_reached
from bareflow.growth.result import GrownFunction, GrowthResult, TierFacts
from bareflow.growth.summary import Growth, Sizes, document, functions_table, summary_lines, tier_up_line
from bareflow.profile.values import FunctionProfile, Profile, TierTimes
from bareflow.report.growth import read_growth
from bareflow.snapshot.slots import Slot

DIGEST = "ab" * 16


def function(name="f", tier="O1", calls=5, tiers=None, digest=DIGEST):
    return GrownFunction(name, name, digest, tier, calls, 0, 10.0, 64, tiers or {})


def run_result(tier="O1", output=b"42\n", status=0, ups=(), functions=None):
    known = FunctionProfile("f", DIGEST, 5, 0, 0, tier, {tier: TierTimes(5, 60, 2, 9, 64)})
    profile = Profile({known.key: known}, boots=1)
    found = (function(tier=tier),) if functions is None else functions
    return GrowthResult(status, output, found, {}, tuple(ups), 1.0, 20.0, 5.0, (), {}, 2e9, True, profile)


def rise(before, after, compile_ms=3.0):
    return TierUp("f", before, after, compile_ms, 12.5, 64, 100, 250.0)


@dataclass(frozen=True)
class Played:
    """A program as far as runs are concerned."""

    base: SimpleNamespace
    bitcode: SimpleNamespace
    start: dict[str, str] = field(default_factory=dict)
    spent_ms: dict[str, float] = field(default_factory=lambda: {"f": 4.0})
    rises: tuple[TierUp, ...] = ()


class Machine:
    """Plays the results given, and remembers what it was asked to start with."""

    def __init__(self, monkeypatch, results):
        self.results, self.started, self.rises, self.saved = list(results), [], [], []
        monkeypatch.setattr(boots_module, "restart", replace_start)

    async def run(self, program):
        self.started.append(program.start)
        self.rises.append([(up.function, up.before, up.after) for up in program.rises])
        return self.results.pop(0)

    def grow(self, most=9, earlier=None):
        base = SimpleNamespace(
            symbols=SimpleNamespace(functions={"f.body": (0, 48)}), slots=[Slot("f", "", "f.body", "O1")]
        )
        program = Played(base, SimpleNamespace(name="w"))
        return asyncio.run(grow_boots(program, self.run, most=most, earlier=earlier, save=self.saved.append))


def replace_start(program, tiers, _profile):
    return replace(program, start=dict(tiers), rises=())


def test_each_run_starts_where_the_one_before_ended_until_nothing_rises(monkeypatch):
    machine = Machine(
        monkeypatch,
        [
            run_result("O1", ups=[rise("interp", "O1")]),
            run_result("O3", ups=[rise("O1", "O3")]),
            run_result("O3"),
        ],
    )
    grown = machine.grow()
    assert machine.started == [{}, {"f": "O1"}, {"f": "O3"}]
    assert (len(grown.boots), grown.converged, grown.profile.boots) == (3, True, 3)
    assert [profile.boots for profile in machine.saved] == [1, 2, 3]


def test_no_more_runs_are_made_than_allowed(monkeypatch):
    machine = Machine(monkeypatch, [run_result(ups=[rise("interp", "O1")])] * 2)
    grown = machine.grow(most=2)
    assert (len(grown.boots), grown.converged) == (2, False)


def test_what_a_run_has_earned_begins_the_next_and_counts_as_a_rise(monkeypatch):
    short = replace(run_result("O1"), earned={"f": "O3"})
    machine = Machine(monkeypatch, [short, run_result("O3")])
    grown = machine.grow()
    assert machine.started == [{}, {"f": "O3"}]
    assert machine.rises == [[], [("f", "O1", "O3")]]
    assert [(up.before, up.after, up.at_ms, up.code_bytes) for up in grown.last.tier_ups] == [("O1", "O3", 0.0, 48)]
    assert (len(grown.boots), grown.converged) == (2, True)


def test_the_profile_of_earlier_growths_is_merged_in(monkeypatch):
    machine = Machine(monkeypatch, [run_result()])
    grown = machine.grow(earlier=run_result().profile)
    assert (grown.profile.boots, grown.profile.named("f").calls) == (2, 10)


@pytest.mark.parametrize(
    ("second", "words"),
    [(run_result(output=b"43\n"), "line 1 of the output"), (run_result(status=1), "exit status is 1 and was 0")],
)
def test_a_run_that_differs_from_the_first_is_an_error_that_says_how(monkeypatch, second, words):
    machine = Machine(monkeypatch, [run_result(ups=[rise("interp", "O1")]), second])
    with pytest.raises(MachineError, match=words):
        machine.grow()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Outcome(0, b"a\nb\n"), ""),
        (Outcome(0, b"a\nc\n"), "line 2 of the output is 'c\\n' and was 'b\\n'"),
        (Outcome(0, b"a\n"), "line 2 of the output is missing and was 'b\\n'"),
        (Outcome(0, b"a\nb\nmore"), "line 3 of the output is 'more' and was missing"),
        (Outcome(0, b"a\nb"), "line 2 of the output is 'b' and was 'b\\n'"),
        (Outcome(7, b"a\nb\n"), "the exit status is 7 and was 0"),
        (Outcome(0, b"a\n\xff\n"), "line 2 of the output is '\\\\xff\\n' and was 'b\\n'"),
    ],
)
def test_a_difference_names_the_first_line_or_the_status(found, words):
    assert difference(Outcome(0, b"a\nb\n"), found) == words


def test_start_tiers_never_lie_below_what_can_run_a_function():
    split = SimpleNamespace(functions={"f": 1, "g": 2, "h": 3})
    interpreted = SimpleNamespace(branches={"f": (), "g": ()})
    assert start_tiers(split, interpreted, {"f": "O2", "h": "interp", "gone": "O3"}) == {
        "f": "O2",
        "g": "interp",
        "h": "O0",
    }


def test_only_functions_with_the_same_body_start_where_they_were():
    one = SimpleNamespace(name="f", digest=DIGEST)
    split = SimpleNamespace(functions={"f.local": one, "g": SimpleNamespace(name="g", digest="cd" * 16)})
    same = FunctionProfile("f", DIGEST, tier="O3")
    other = FunctionProfile("g", DIGEST, tier="O3")
    assert tiers_reached(functions_known(split, Profile({same.key: same, other.key: other}))) == {"f.local": "O3"}


def test_tiers_of_a_result_go_by_symbol():
    assert tiers_of(run_result("O2")) == {"f": "O2"}


def growth(**changes):
    facts = {"O1": TierFacts(3, 99.0, 11.0, 9, 64)}
    program = SimpleNamespace(interpreted=SimpleNamespace(refused={"g": "inline assembly"}))
    last = replace(run_result(ups=[rise("interp", "O1")], functions=(function(tiers=facts),)), kept={"k": "a table"})
    boots = Boots((Boot(1, program, last),), last.profile, converged=True)
    made = Growth(
        "w",
        "native",
        boots,
        2,
        Sizes(1000, 200, 30, {"kernel": 20, "snapshot": 10}),
        Path("w.profile"),
        Path("optimized_snapshot.bin"),
        Path("w.shrunk.img"),
        "",
        compile_ms=5.0,
        freeze_ms=2.0,
        total_ms=1000.0,
        measured={"frozen": {"f": 7.5}, "aot": {"f": 8.0}},
        evidence={"choice": {"describe": ["f when argument 0 is 3"]}},
    )
    return replace(made, **changes)


def test_the_document_holds_what_was_promised_and_the_report_reads_it():
    facts = document(growth())
    assert (facts["boots"], facts["development_bytes"], facts["payload_bytes"]) == (1, 1200, 30)
    assert (facts["outputs_agree"], facts["compile_share"]) == (True, 0.005)
    row = facts["functions"][0]
    assert (row["name"], row["tier"], row["calls"], row["code_bytes"]) == ("f", "O1", 5, 64)
    assert row["cycles_per_call"] == 11.0  # the median of timed calls, not the mean that ticks distort
    up = facts["tier_ups"][0]
    assert (up["function"], up["from"], up["to"], up["boot"], up["at_ms"]) == ("f", "interp", "O1", 1, 250.0)
    assert (up["compile_ms"], up["hot_to_published_ms"]) == (3.0, 12.5)
    read = read_growth(facts)
    assert (read.boots, read.development_bytes, read.outputs_agree) == (1, 1200, True)
    assert read.functions["f"].cycles == {"O1": 11.0, "frozen": 7.5, "aot": 8.0}
    assert {heading for heading, *_ in read.reasons} >= {
        "not grown: stays in the base",
        "starts at O0: not interpreted",
    }
    assert read.specialisations == (("", "f when argument 0 is 3"),)


def test_a_growth_whose_frozen_program_differs_says_so_everywhere():
    facts = document(growth(difference="the exit status is 1 and was 0"))
    assert facts["outputs_agree"] is False
    assert facts["error"] == "the exit status is 1 and was 0"
    assert any("exit status is 1" in line for line in summary_lines(facts))


def test_what_people_read_names_functions_tiers_and_sizes():
    facts = document(growth())
    text = "\n".join(summary_lines(facts))
    assert "1,200" in text
    assert "after 2 earlier" in text
    assert "0.50%" in text
    table = functions_table(facts["functions"])
    assert [str(column.header) for column in table.columns] == [
        "function",
        "tier",
        "calls",
        "O1",
        "frozen",
        "aot",
        "bytes",
    ]
    assert "f: interp → O1 after 100 calls, compiled in 3.0 ms" in tier_up_line(1, rise("interp", "O1"))
    assert "from the cache" in tier_up_line(1, rise("interp", "O1", compile_ms=0.0))


def test_boot_qemu_of_a_shrunk_image_that_is_not_there_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "output_folder", lambda: tmp_path)
    with pytest.raises(UsageError, match=r"Run \./inv grow --image classic first"):
        images.shrunk_image(None, None, ())
    (tmp_path / "classic.shrunk.img").write_bytes(b"")
    assert images.shrunk_image("classic", None, ())[0] == tmp_path / "classic.shrunk.img"


def test_a_program_too_short_to_climb_is_told_what_to_try():
    facts = document(growth())
    said = "\n".join(summary_lines(facts))
    assert "no function reached O3 (highest O1)" in said
    assert "--args" in said
    facts["functions"][0]["tier"] = "O3"
    assert "no function" not in "\n".join(summary_lines(facts))
