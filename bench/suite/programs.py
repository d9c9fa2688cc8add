"""The programs of a suite: each C file, or folder of C files, with a main that prints a checksum."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import UsageError


@dataclass(frozen=True)
class SuiteProgram:
    """One program.

    Args:
        name: its file's or folder's name.
        source: the C file or the folder.
        train: the arguments it is profiled with.
        test: the arguments it is scored with.
    """

    name: str
    source: Path
    train: tuple[str, ...]
    test: tuple[str, ...]


def _arguments(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read NAME.args: a line `train: …` and a line `test: …`; without the file a program has no arguments."""
    if not path.exists():
        return (), ()
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    test = tuple(shlex.split(lines.get("test", "")))
    train = tuple(shlex.split(lines["train"])) if "train" in lines else test
    return train, test


def find_programs(suite: Path, only: Sequence[str] = ()) -> tuple[SuiteProgram, ...]:
    """List the programs of a folder in the order of their names.

    Args:
        suite: the folder.
        only: names or shell patterns; none takes all.

    Raises:
        UsageError: when there is no such folder, or nothing in it that is meant.
    """
    if not suite.is_dir():
        raise UsageError(f"there is no folder {suite}.", "Name a folder of C programs with --suite.")
    found = []
    for path in sorted(suite.iterdir()):
        folder = path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.c"))
        if (path.suffix != ".c" or not path.is_file()) and not folder:
            continue
        name = path.name if folder else path.stem
        if only and not any(fnmatch.fnmatch(name, pattern) for pattern in only):
            continue
        train, test = _arguments(suite / f"{name}.args")
        found.append(SuiteProgram(name, path, train, test))
    if not found:
        meant = f" called {' or '.join(only)}" if only else ""
        raise UsageError(f"{suite} holds no program{meant}.", "A program is a C file, or a folder of C files.")
    return tuple(found)
