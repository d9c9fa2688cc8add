"""The tasks for those who change BareFlow: its tests and its style."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from invoke import Exit

from bareflow.cli.task import task
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
    help={"only": "a pytest expression (-k)", "folder": "unit, native, boot or hardware; all but hardware unless given"}
)
def test(_context: Any, only: str = "", folder: str = "", verbose: bool = False) -> None:
    """Run the tests: unit, native (C on this host), boot (QEMU)."""
    from bareflow.toolchain import ensure_program

    root = _checkout()
    for program, package in NATIVE_TOOLS.items():
        ensure_program(program, package)
    folders = [f"tests/{folder}"] if folder else ["tests/unit", "tests/native", "tests/boot"]
    if not all((root / name).is_dir() for name in folders):
        raise UsageError(f"there is no folder {folders[0]}.", "Use unit, native, boot or hardware.")
    command = [sys.executable, "-m", "pytest", *folders]
    command += ["-k", only] if only else []
    command += ["-v"] if verbose else []
    status = _run(command, root)
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
def lint(_context: Any) -> None:
    """Check style and types: ruff, mypy strict, clang-format."""
    root = _checkout()
    failed = [command[2] for command in lint_commands(root) if _run(command, root)]
    if failed:
        raise Exit(code=1)


@task(help={"check": "only say what is stale"})
def generate(_context: Any, check: bool = False) -> None:
    """Rewrite the C headers and format pages made from bareflow/layouts."""
    from bareflow.layouts.gen_c import main, outputs

    root = _checkout()
    stale = [path for path, text in outputs(root).items() if not path.exists() or path.read_text() != text]
    if not check:
        main()
    elif stale:
        sys.stderr.write("".join(f"stale: {path}\n" for path in stale))
        raise Exit(code=1)


TASKS = [test, fuzz, lint, generate]
