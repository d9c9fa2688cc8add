"""One image for several CPUs: each machine runs the code that was compiled for the most that it has."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.compile.cpu import target_by_name
from bareflow.freeze import Frozen, freeze, side_by_side
from bareflow.image.recipe import recipe_for_workload
from bareflow.layouts.snapshot import REFUSAL
from bareflow.native import native_command

SOURCE = "int puts(const char *);\nint main(void) { puts(WHO); return 0; }\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("targets")


@pytest.fixture(scope="module")
def several(folder: Path) -> Frozen:
    """A program that says for which CPU it was compiled, for three of them."""
    (folder / "who.c").write_text(SOURCE)
    recipe = recipe_for_workload(folder / "who.c")
    cpus = ("x86-64-v3", "x86-64-v2", "x86-64-v4")
    return side_by_side([freeze(replace(recipe, flags=(f'-DWHO="{cpu}"',), cpu=cpu)) for cpu in cpus])


@pytest.fixture(scope="module")
def here() -> frozenset[str]:
    """What this machine's CPU has; asking starts a compiler process, which stays."""
    return target_by_name("native").enabled


@pytest.fixture(scope="module")
def image(folder: Path, several: Frozen) -> Path:
    recipe = replace(recipe_for_workload(folder / "who.c"), memory_mib=32, boot=frozenset({"bios"}))
    return build_image(recipe, folder / "who.img", frozen=several).image


@pytest.mark.parametrize(("cpu", "target"), [("Nehalem", "x86-64-v2"), ("max", "x86-64-v3")])
def test_a_machine_runs_the_target_with_the_most_features_that_it_has(boot, image, several, cpu, target):
    result = boot(image, cpu=cpu, accel="tcg")
    assert (result.verdict, result.stdout.decode().strip()) == ("exited", target), result.explain()
    builds = {one.target.name: one.program.build_id.hex() for one in several.targets}
    assert result.build_id == builds[target]


def test_a_machine_that_fits_no_target_is_told_which_feature_it_lacks(boot, image):
    result = boot(image, cpu="qemu64", accel="tcg")
    assert (result.verdict, result.status) == ("refused", REFUSAL["feature"])
    assert b"refused: feature ssse3" in result.kernel_text


def test_a_changed_bit_in_a_target_that_would_not_run_is_refused(boot, image, several, folder):
    data, best = image.read_bytes(), several.targets[0].snapshot
    at = data.index(best) + len(best) - 1
    (folder / "flipped.img").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    result = boot(folder / "flipped.img", cpu="Nehalem", accel="tcg")
    assert (result.verdict, result.status) == ("refused", REFUSAL["crc"])


def test_a_linux_process_runs_the_best_target_for_this_cpu(several, folder, here):
    (folder / "who.bin").write_bytes(several.snapshot)
    done = subprocess.run(native_command(folder / "who.bin", ()), capture_output=True, text=True, check=True)
    best = next(one.target.name for one in several.targets if one.target.enabled <= here)
    assert done.stdout.strip() == best


def test_a_recipe_that_names_several_cpus_is_frozen_for_each(folder, image):
    assert image.exists()
    recipe = replace(recipe_for_workload(folder / "who.c"), flags=('-DWHO="x"',), targets=("x86-64-v2", "x86-64-v4"))
    frozen = freeze(recipe)
    assert [one.target.name for one in frozen.targets] == ["x86-64-v4", "x86-64-v2"]
    assert frozen.least.snapshot == frozen.targets[1].snapshot
    assert all(one.snapshot in frozen.snapshot for one in frozen.targets)
