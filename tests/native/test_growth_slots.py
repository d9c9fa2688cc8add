"""Stubs, slots and the slow path, assembled by the host's tools and run under its sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bareflow.snapshot.slots import GrowthOptions, Slot, slots_source

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fno-omit-frame-pointer"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PLAIN = ["integers", "floats", "variadic", "pairs", "mixes", "bigs", "extended", "wide", "complex_product"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slots")
    slots = [Slot(name, "", f"{name}_body", "O0") for name in PLAIN]
    slots += [Slot("hop", "", "hop_one", "O0"), Slot("thrower", "", "thrower_body", "O0")]
    slots += [Slot("deep", "deep_self", "deep_body", "O0")]
    source = folder / "slots.S"
    source.write_text(slots_source(slots, aliases=[("second_name", "hop")], options=GrowthOptions(thresholds={})))

    def build(name: str, *flags: str) -> Path:
        """The slow path may use general registers only, whatever the rest is compiled with."""
        include, no_pie = f"-I{ROOT}/runtime/include", "-fno-pie"
        slow, program = [folder / f"{name}-{part}.o" for part in ("slow", "rotate")], folder / name
        agent = ["cc", *FLAGS, *flags, no_pie, "-mgeneral-regs-only", include, "-c"]
        for part, made in zip(("slow", "rotate"), slow, strict=True):
            subprocess.run([*agent, f"{ROOT}/runtime/agent/{part}.c", "-o", made], check=True)
        files = [f"{ROOT}/tests/native/slot_driver.c", source, f"{ROOT}/runtime/agent/entry.S", *slow]
        command = ["cc", *FLAGS, *flags, no_pie, "-no-pie", include, *files, "-o", program, "-pthread", "-lm"]
        subprocess.run(command, check=True)
        return program

    return build


def run(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checked(driver):
    return driver("checked", *SANITIZERS)


def test_the_slow_path_keeps_every_kind_of_argument_and_result(checked):
    run(checked, "arguments")


def test_frames_that_longjmp_throws_away_and_deep_recursion_do_no_harm(checked):
    run(checked, "jumps")


def test_a_tick_between_two_time_stamps_makes_no_call_take_for_ever(checked):
    run(checked, "ticks")


def test_ten_million_slot_swaps_under_running_calls_give_no_wrong_result(driver):
    printed = run(driver("fast", "-O2"), "swaps", "10000000")
    assert int(printed.split()[0]) >= 1000000


def test_a_second_name_is_the_same_address(checked):
    symbols = subprocess.run(["nm", checked], capture_output=True, text=True, check=True).stdout
    places = {line.split()[2]: line.split()[0] for line in symbols.splitlines() if len(line.split()) == 3}
    assert places["second_name"] == places["hop"]
