"""Freezing with a profile and with trials."""

import json
import subprocess
from dataclasses import replace

import pytest

from bareflow.compile.frontend import compile_sources
from bareflow.freeze import freeze
from bareflow.image.recipe import recipe_for_workload
from bareflow.native import native_command
from bareflow.snapshot.evidence import evidence_of
from bareflow.snapshot.reader import read_snapshot
from bareflow.trials.freeze import TrialRun
from bareflow.trials.measure import Workload
from bareflow.trials.search import Settings
from bareflow.trials.train import train, with_reads

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) static int rare(int x) { return x * 3 + atoi("4"); }
__attribute__((noinline)) static unsigned mix(unsigned x, int rounds) {
    for (int i = 0; i < rounds; i++)
        x = (x ^ x >> 3) * 0x9E3779B1u;
    return x;
}
int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 6;
    unsigned x = 1;
    for (int i = 0; i < 20000; i++)
        x = mix(x, rounds);
    if (rounds == 99)
        x = (unsigned)rare((int)x);
    printf("%u\n", x);
}
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("workload") / "mixer.c"
    path.write_text(SOURCE)
    return recipe_for_workload(path)


def run(snapshot, folder, argument):
    path = folder / "it.snapshot"
    path.write_bytes(snapshot)
    done = subprocess.run(
        native_command(path, ["mixer", argument]), capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_a_profile_decides_on_clones_order_and_cold_code(recipe, tmp_path):
    plain = freeze(recipe)
    profile = train(compile_sources(recipe.sources, name=recipe.name), ("6",))
    frozen = freeze(recipe, profile=profile)
    addresses = {function.name: function.address for function in frozen.program.functions}
    assert addresses["main"] < addresses["rare"]
    assert addresses["mix"] < addresses["rare"]
    assert frozen.evidence["choice"]["describe"] == ["mix: a copy where argument 1 is 6"]
    (case,) = frozen.evidence["special"]
    assert (case["function"], case["values"], case["calls"], case["total"]) == (
        "mix",
        ["argument 1 is 6"],
        20000,
        20000,
    )
    assert evidence_of(read_snapshot(frozen.snapshot))["special"] == [case]
    assert "argument 1 is 6 in 100 % of 20,000 calls" in case["words"]
    assert frozen.evidence["never_called"] == ["rare"]
    assert json.loads(frozen.elf.with_suffix(".json").read_text()) == frozen.evidence
    for argument in ("6", "5", "99", "-1"):
        assert run(frozen.snapshot, tmp_path, argument) == run(plain.snapshot, tmp_path, argument)


def test_trials_leave_a_record_and_freeze_the_same_bytes_again(recipe, tmp_path):
    profile = train(compile_sources(recipe.sources, name=recipe.name), ("6",))
    trials = TrialRun(Workload(("mixer", "6")), Settings(budget_s=5))
    said: list[str] = []
    frozen = freeze(recipe, profile=profile, trials=trials, progress=said.append)
    assert any(text.startswith("trying ") for text in said) or frozen.evidence["findings"]
    assert {finding["verdict"] for finding in frozen.evidence["findings"]} <= {
        *("taken", "no faster", "too slow", "same code", "other output", "failed", "no time")
    }
    assert freeze(recipe, profile=profile, trials=trials).snapshot == frozen.snapshot
    assert run(frozen.snapshot, tmp_path, "7") == run(freeze(recipe).snapshot, tmp_path, "7")


def test_a_profile_from_a_machine_gets_what_only_a_training_run_counts(recipe):
    bitcode = compile_sources(recipe.sources, name=recipe.name)
    counted = train(bitcode, ("6",))
    bare = {key: replace(function, sites={}, calls=7) for key, function in counted.functions.items()}
    merged = with_reads(replace(counted, functions=bare), bitcode, ("6",))
    assert merged.named("main").sites == counted.named("main").sites
    assert merged.named("mix").calls == 7
    assert with_reads(counted, bitcode, ("5",)) is counted
