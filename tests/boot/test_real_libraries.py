"""Three C libraries that are not ours, unmodified: each grows, converges, freezes, and says what it says on Linux.

The sources come from Debian's archive, once; without it these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bareflow.errors import ToolError
from bareflow.toolchain import cache_dir
from bench.libraries.fetch import LIBRARIES, build_reference, fetch

ROOT = Path(__file__).resolve().parents[2]
BOOTS = 12
LIMIT_S = 900  # for a whole growth; only a broken one takes it


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


def grow(workload: Path, arguments, folder: Path, *flags: str) -> dict[str, object]:
    """What `grow --json` prints, of a new growth."""
    words = ("grow", "--workload", str(workload), "--args", shlex.join(arguments), "--boots", str(BOOTS), *flags)
    command = [sys.executable, "-m", "bareflow", *words, "--timeout-s", "120", "--out", str(folder), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


# In a machine each of them; as a process, which is the same growth but for the wire, one that is done soon.
WAYS = [("guest", one) for one in LIBRARIES] + [("native", one) for one in LIBRARIES if one.name == "bzip2"]


@pytest.mark.parametrize(("way", "library"), WAYS, ids=[f"{way}-{one.name}" for way, one in WAYS])
def test_a_library_grows_converges_freezes_and_says_what_linux_says(workloads, way, library, tmp_path):
    native = way == "native"
    arguments = library.arguments if native else library.guest
    reference = expected(workloads[library.name], arguments, tmp_path)
    facts = grow(workloads[library.name], arguments, tmp_path, *(("--native",) if native else ("--accel", "tcg")))
    assert facts["outputs_agree"] is True
    assert facts["stdout"].encode() == reference.stdout
    assert facts["exit_code"] == reference.returncode == 0
    assert facts["converged"], f"{facts['boots']} boots were not enough"
    assert {up["to"] for up in facts["tier_ups"]} >= {"O3"}
