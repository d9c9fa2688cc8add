"""Three C libraries that are not ours, unmodified: each grows, converges, freezes, and says what it says on Linux.

The sources come from Debian's archive, once; without it these tests are skipped and say so.
"""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.errors import ToolError
from bareflow.grow import Places, Settings, grow
from bareflow.growth.summary import document
from bareflow.image.recipe import recipe_for_workload
from bareflow.toolchain import cache_dir
from bench.libraries.fetch import LIBRARIES, build_reference, fetch

BOOTS = 12


@pytest.fixture(scope="module")
def workloads():
    """Folder of each library's workload, by name."""
    try:
        return fetch(LIBRARIES, cache_dir() / "libraries")
    except ToolError as problem:
        pytest.skip(f"the libraries' sources cannot be fetched: {problem.message} {problem.detail.strip()[-200:]}")


def expected(workload: Path, arguments, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """What the program does on Linux, made by the host's compiler."""
    program = build_reference(workload, folder / "reference")
    return subprocess.run([program, *arguments], capture_output=True, check=False)


def grown(library, workload, folder, arguments, *, native):
    recipe = replace(recipe_for_workload(workload, name=library.name), arguments=arguments)
    settings = Settings(native=native, timeout_s=120, boots=BOOTS, accel="tcg")
    return asyncio.run(grow(recipe, Places(folder, library.name), settings))


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one.name)
@pytest.mark.parametrize("way", ["native", "guest"])
def test_a_library_grows_converges_freezes_and_says_what_linux_says(workloads, library, way, tmp_path):
    native = way == "native"
    arguments = library.arguments if native else library.guest
    reference = expected(workloads[library.name], arguments, tmp_path)
    growth = grown(library, workloads[library.name], tmp_path, arguments, native=native)
    facts = document(growth)
    assert growth.difference == ""
    assert facts["stdout"].encode() == reference.stdout
    assert facts["exit_code"] == reference.returncode == 0
    assert facts["converged"], f"{facts['boots']} boots were not enough"
    assert {up["to"] for up in facts["tier_ups"]} >= {"O3"}
