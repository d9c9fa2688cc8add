"""Growth on a machine by the command line: rises in QEMU, freezes, and boots shrunk with the same output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.image.disk import read_file
from bareflow.profile.store import load_profile
from bareflow.report.growth import read_growth

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
#include <stdio.h>
static unsigned step(unsigned x) { return x * 2654435761u ^ x >> 9; }
int main(int argc, char **argv) {
    unsigned sum = argc;
    char name[40] = "nobody";
    int got = scanf("%39s", name);
    for (int i = 0; i < 200000; i++) sum = step(sum + i);
    printf("%s: sum %u for %s (%d)\\n", argc > 1 ? argv[1] : "?", sum, name, got);
    return 4;
}
"""


def run(*words: object, cwd: Path, typed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bareflow", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, input=typed, capture_output=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A growth of a small program: (folder, what `grow --json` printed, its stderr)."""
    folder = tmp_path_factory.mktemp("grown")
    (folder / "steps.c").write_text(PROGRAM)
    (folder / "typed.txt").write_text("somebody\n")
    words = ("grow", "--workload", "steps.c", "--args", "'a b'", "--stdin", "typed.txt", "--boots", "4")
    done = run(*words, "--timeout-s", "60", "--accel", "tcg", "--out", "out", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    return folder, json.loads(done.stdout), done.stderr.decode()


def test_a_guest_grows_converges_and_is_frozen(grown):
    _, facts, said = grown
    step = next(row for row in facts["functions"] if row["name"] == "step")
    assert (step["tier"], facts["outputs_agree"], facts["exit_code"]) == ("O3", True, 4)
    assert facts["stdout"].startswith("a b: sum ")
    assert facts["stdout"].endswith("for somebody (1)\n")
    assert facts["converged"]
    assert "step: interp → " in said
    assert facts["development_bytes"] > 100_000_000 > facts["payload_bytes"]


def test_the_same_program_says_the_same_on_linux(grown, tmp_path):
    folder, facts, _ = grown
    subprocess.run(["cc", "-O1", "-w", folder / "steps.c", "-o", tmp_path / "steps"], check=True)
    done = subprocess.run([tmp_path / "steps", "a b"], input=b"somebody\n", capture_output=True, check=False)
    assert (done.stdout.decode(), done.returncode) == (facts["stdout"], facts["exit_code"])


def test_every_rise_in_the_guest_is_timed_and_chained(grown):
    ups = [up for up in grown[1]["tier_ups"] if up["function"] == "step"]
    assert ups[0]["from"] == "interp"
    assert [up["from"] for up in ups[1:]] == [up["to"] for up in ups[:-1]]
    assert all(up["hot_to_published_ms"] > 0 for up in ups if up["at_ms"])


def test_the_report_page_reads_the_document(grown):
    read = read_growth(grown[1])
    assert read.outputs_agree
    assert read.boots == grown[1]["boots"]


def test_the_growing_image_carries_the_profile(grown):
    folder, facts, _ = grown
    assert read_file(folder / "out" / "steps.grow.img", "PROFILE.BIN") == Path(folder / facts["profile"]).read_bytes()


def test_freezing_from_the_profile_boots_to_the_same_output(grown, tmp_path):
    folder, facts, _ = grown
    again = run(
        *("freeze", "--workload", folder / "steps.c", "--args", "'a b'"),
        *("--profile", folder / facts["profile"], "--out", tmp_path, "--json"),
        cwd=tmp_path,
    )
    assert again.returncode == 0, again.stderr.decode()
    frozen = json.loads(again.stdout)
    assert Path(frozen["snapshot"]).read_bytes() == (folder / facts["snapshot"]).read_bytes()
    assert frozen["payload_bytes"] == facts["payload_bytes"]
    booted = subprocess.run(
        [sys.executable, "-m", "bareflow", "boot-qemu", "--image", frozen["image"], "--accel", "tcg", "--json"],
        input=b"somebody\n",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (json.loads(booted.stdout)["stdout"], booted.returncode) == (facts["stdout"], 4)


def test_the_shrunk_image_is_booted_by_name(grown):
    folder, facts, _ = grown
    (folder / "steps.toml").write_text('extends = "base"\n[workload]\nsources = ["steps.c"]\n')
    words = ("boot-qemu", "--image", "steps.toml", "--shrunk", "--out", "out", "--accel", "tcg", "--json")
    booted = run(*words, cwd=folder, typed=b"somebody\n")
    assert booted.returncode == facts["exit_code"], booted.stderr.decode()
    document = json.loads(booted.stdout)
    assert (document["stdout"], document["payload_bytes"]) == (facts["stdout"], facts["payload_bytes"])
    assert Path(document["image"]) == Path(facts["image"])


def test_a_guest_that_crashes_while_it_grows_is_an_error_with_its_backtrace_and_keeps_its_counts(tmp_path):
    (tmp_path / "bad.c").write_text(
        "static volatile int x; static int f(int n) { return x += n; }\n"
        "int main(void) { for (int i = 0; i < 3000000; i++) f(i); volatile int *at = (int *)8; return *at; }\n"
    )
    done = run("grow", "--workload", "bad.c", "--timeout-s", "60", "--accel", "tcg", "--out", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert b"did not end by itself while it grew: trapped" in done.stderr
    assert load_profile(tmp_path / "bad.profile").named("f").all_calls > 0
    assert b"Traceback" not in done.stderr
