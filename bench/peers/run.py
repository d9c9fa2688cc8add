"""Runs the peers that are installed beside frozen code and clang's, one after the other on one core."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bareflow.errors import BareFlowError
from bareflow.trials.measure import pick_core, pinned
from bareflow.trials.search import Settings
from bench.suite.builds import REFERENCE, clang, frozen
from bench.suite.programs import SuiteProgram

FOLDER = Path(__file__).resolve().parent
TIMEOUT_S = 120.0
TRAINING = ("20", "100000", "100000", "24")
Say = Callable[[str], None]


def peers() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Commands of the peers that are installed, and why the others are not measured."""
    found: dict[str, list[str]] = {}
    absent: dict[str, str] = {}
    for name, program, script in (
        ("LuaJIT", "luajit", "work.lua"),
        ("PyPy", "pypy3", "work.py"),
        ("Node", "node", "work.js"),
    ):
        path = shutil.which(program)
        if path:
            found[name] = [path, str(FOLDER / script)]
        else:
            absent[name] = f"there is no {program} on PATH"
    python = numba_python()
    if python:
        found["Numba"] = [python, str(FOLDER / "work.py"), "numba"]
    else:
        absent["Numba"] = "no Python on PATH has numba"
    return found, absent


def numba_python() -> str | None:
    """A Python that has Numba: the first on PATH, or ours."""
    for python in filter(None, (shutil.which("python3"), shutil.which("python"), sys.executable)):
        done = subprocess.run([python, "-c", "import numba"], capture_output=True, check=False)
        if not done.returncode:
            return python
    return None


def parse(times: str, results: str) -> tuple[dict[str, float], dict[str, str]]:
    """Nanoseconds and results by name, from what a program wrote.

    Raises:
        ValueError: it wrote something else.
    """
    ns = {name: float(value) for name, value in (line.split() for line in times.splitlines())}
    pairs: list[tuple[str, str]] = [(name, value) for name, value in map(str.split, results.splitlines())]
    return ns, dict(pairs)


def run_peers(settings: Settings, say: Say = lambda _text: None) -> dict[str, Any]:
    """Measure frozen code, clang's and every peer.

    Returns:
        `rows` (name, `ns` by work, `ratio` by work against AOT -O3 -march=native, `agree`), `absent` with reasons.
    """
    commands, absent = peers()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bareflow-bench-") as temporary:
        program = SuiteProgram("work", FOLDER / "work.c", TRAINING, ())
        ours = {}
        for name, builder in ((REFERENCE, clang("-O3", "native")), ("frozen", frozen(settings=settings))):
            say(f"beside others: building {name}")
            folder = Path(temporary, name)
            folder.mkdir()
            ours[name] = [str(builder(program, folder).path)]
        commands = {**ours, **commands}
        known: tuple[dict[str, float], dict[str, str]] | None = None
        for name, command in commands.items():
            say(f"beside others: running {name}")
            try:
                ns, results = _run(command)
            except (OSError, ValueError, subprocess.SubprocessError) as problem:
                absent[name] = f"it failed: {str(problem).splitlines()[0][:200]}"
                continue
            known = known or (ns, results)
            ratios = {work: taken / max(known[0][work], 1.0) for work, taken in ns.items() if work in known[0]}
            rows.append({"name": name, "ns": ns, "ratio": ratios, "agree": results == known[1]})
    return {"rows": rows, "absent": absent}


def _run(command: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    with pinned(pick_core()):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
    return parse(done.stderr, done.stdout)


def peers_or_reason(settings: Settings, say: Say) -> dict[str, Any]:
    """As `run_peers`; what keeps it from being done at all is said in `absent`."""
    try:
        return run_peers(settings, say)
    except BareFlowError as problem:
        return {"rows": [], "absent": {"all": problem.message}}
