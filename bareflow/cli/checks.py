"""The tasks for those who change BareFlow: its tests and its style."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from invoke import Exit

from bareflow.cli.task import emit_json, task
from bareflow.errors import UsageError

NATIVE_TOOLS = {"cc": "gcc", "mcopy": "mtools", "fsck.fat": "dosfstools", "qemu-system-x86_64": "qemu-system-x86"}
C_FOLDERS = ("kernel", "runtime", "loader", "images/workloads", "tests", "bench")


def _checkout() -> Path:
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests").is_dir():
        raise UsageError("this task needs a checkout of BareFlow, not an installed wheel.", "Clone the project.")
    return root


def _run(command: list[str], root: Path) -> int:
    return subprocess.run(command, cwd=root, check=False).returncode


def _checked(command: list[str], root: Path, *, keep: bool) -> dict[str, Any]:
    """Run a command; what it says goes to the terminal, or is kept."""
    done = subprocess.run(
        command,
        cwd=root,
        check=False,
        text=True,
        stdout=subprocess.PIPE if keep else None,
        stderr=subprocess.STDOUT if keep else None,
    )
    return {"ok": done.returncode == 0, "output": done.stdout}


def lint_commands(root: Path) -> list[list[str]]:
    """The commands of `lint`: Python's style, Python's types, C's format."""
    c_files = [
        str(path.relative_to(root))
        for folder in C_FOLDERS
        for path in sorted((root / folder).rglob("*.[ch]"))
        if "gen" not in path.parts
    ]
    python = [sys.executable, "-m"]
    return [
        [*python, "ruff", "check", "."],
        [*python, "ruff", "format", "--check", "."],
        [*python, "mypy"],
        [str(Path(sys.executable).with_name("clang-format")), "--dry-run", "--Werror", *c_files],
    ]


@task(
    help={
        "folder": "unit, native, boot, hardware, or a file in one; all but hardware unless given",
        "only": "a pytest expression",
        "durations": "show this many of the slowest",
        "verbose": "name each test",
        "jobs": "processes at once; 2 where there are two processors, 1 with --only, --verbose or a file",
    }
)
def test(
    _context: Any, folder: str = "", only: str = "", durations: int = 0, jobs: int = 0, verbose: bool = False
) -> None:
    """Run the tests: unit, native (C on this host), boot (QEMU)."""
    from bareflow.cli.lanes import run_lanes
    from bareflow.toolchain import ensure_program

    root = _checkout()
    if min(durations, jobs) < 0:
        raise UsageError("--durations and --jobs must not be below 0.")
    for program, package in NATIVE_TOOLS.items():
        ensure_program(program, package)
    places = [f"tests/{folder.removeprefix('tests/')}"] if folder else ["tests/unit", "tests/native", "tests/boot"]
    if not all((root / name).exists() for name in places):
        raise UsageError(f"there is no {places[0]}.", "Use unit, native, boot, hardware, or a file in one.")
    words = places + (["-k", only] if only else []) + ["-v"] * verbose
    words += [f"--durations={durations}"] if durations else []
    few = only or verbose or (root / places[0]).is_file()
    count = jobs or (1 if few else min(2, len(os.sched_getaffinity(0))))
    status = run_lanes(words, root, count) if count > 1 else _run([sys.executable, "-m", "pytest", *words], root)
    if status:
        raise Exit(code=status)


@task(
    help={
        "name": "the harness: fat16, gguf, …",
        "runs": "inputs to run",
        "seed": "of libFuzzer's random numbers",
        "minimise": "afterwards replace the committed corpus by the smallest that reaches as much",
    }
)
def fuzz(_context: Any, name: str = "", runs: int = 10_000_000, seed: int = 1, minimise: bool = False) -> None:
    """Run a C harness of tests/native under libFuzzer, ASan and UBSan."""
    root = _checkout()
    command = [sys.executable, "-m", "tests.native.libfuzzer", name, "--runs", str(runs), "--seed", str(seed)]
    status = _run(command + ["--minimise"] * minimise, root)
    if status:
        raise Exit(code=status)


@task(help={})
def lint(_context: Any, json: bool = False) -> None:
    """Check style and types: ruff, mypy strict, clang-format."""
    root = _checkout()
    checks = [{"command": command[:4], **_checked(command, root, keep=json)} for command in lint_commands(root)]
    ok = all(check["ok"] for check in checks)
    if json:
        emit_json({"ok": ok, "checks": checks})
    if not ok:
        raise Exit(code=1)


@task(help={"check": "only say what is stale"})
def generate(_context: Any, check: bool = False, json: bool = False) -> None:
    """Rewrite the C headers and format pages made from bareflow/layouts."""
    from bareflow.layouts.gen_c import rewrite, stale

    files, what = stale(_checkout()), "stale" if check else "wrote"
    if not check:
        rewrite(files)
    if json:
        emit_json({what: [str(path) for path in files]})
    else:
        sys.stderr.write("".join(f"{what}: {path}\n" for path in files))
    if check and files:
        raise Exit(code=1)


TASKS = [test, fuzz, lint, generate]
