"""Versions and clones of functions print what plain code prints, on inputs that no training saw."""

import random
import subprocess
from functools import reduce
from pathlib import Path

import pytest

from bareflow.compile.cpu import target_by_name
from bareflow.compile.frontend import clang, compile_sources
from bareflow.compile.variants import Choice
from bareflow.compile.versions import Version
from bareflow.toolchain import run
from bareflow.trials.executable import link_executable
from bareflow.trials.freeze import program_of
from bareflow.trials.train import train
from tests.native.made_programs import Maker

PROGRAMS, KERNELS = 12, 3
TRAIN = ("4", "6", "3", "5", "9", "2")
OTHERS = (
    TRAIN,
    ("5", "6", "3", "5", "9", "2"),
    ("4", "6", "3", "31", "1000003", "2"),
    ("-1", "-7", "-3", "-5", "-9", "-2"),
    ("17", "2", "1", "0", "0", "6"),
    ("0", "40", "32767", "64", "4294967295", "2147483647"),
    (),
)


def outputs(path: Path):
    runs = [subprocess.run([path, *args], capture_output=True, timeout=60, check=False) for args in OTHERS]
    return [(run.returncode, run.stdout) for run in runs]


def merged(versions, order):
    """All values of each function in one version, and behind it a version for one of them."""
    by_function = {}
    for version in versions:
        by_function.setdefault(version.function, []).append(version)
    chains = []
    for mine in by_function.values():
        order.shuffle(mine)
        chains += [reduce(Version.__or__, mine), mine[0]]
    return tuple(chains)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_programs_made_at_random_print_what_ahead_of_time_code_prints(seed, tmp_path):
    source = tmp_path / "made.c"
    source.write_text(Maker(seed).program(KERNELS))
    run(clang("-O3", "-march=native", "-w", "-fno-pie", "-c", source, "-o", tmp_path / "aot.o"), what="compiling")
    expected = outputs(link_executable([(tmp_path / "aot.o").read_bytes()], tmp_path / "aot", name="made"))
    assert any(status == 0 and text for status, text in expected)
    bitcode = compile_sources([source], flags=("-w",), name="made")
    program = program_of(bitcode, target_by_name("native"), train(bitcode, TRAIN))
    versions = merged(program.proposed_versions, random.Random(seed))  # noqa: S311  an order, no secret
    assert versions
    choices = (
        Choice(versions=versions, clones=program.proposed[:2], weights=True, inline_all=True),
        Choice(versions=program.proposed_versions[seed % 3 :: 3]),
        Choice(versions=versions, weights=seed % 4 == 0),
    )
    path = link_executable([program.compile(choices[seed % 3]).data], tmp_path / "frozen", name="made")
    assert outputs(path) == expected
