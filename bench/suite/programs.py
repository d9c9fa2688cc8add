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
        problem: why its arguments cannot be known; empty where they are.
    """

    name: str
    source: Path
    train: tuple[str, ...]
    test: tuple[str, ...]
    problem: str = ""


def _arguments(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Read NAME.args: a line `train: …` and a line `test: …`; one alone is for both, without the file there are none.

    Returns:
        both, and what is wrong with the file.
    """
    if not path.exists():
        return (), (), ""
    try:
        lines = [line.partition(":") for line in path.read_text().splitlines()]
        given = {word.strip().lower(): tuple(shlex.split(rest)) for word, colon, rest in lines if colon}
    except (OSError, ValueError) as problem:
        return (), (), f"{path.name} cannot be read: {problem}"
    either = given.get("test", given.get("train"))
    if either is None:
        return (), (), f"{path.name} has neither a line train: nor a line test:"
    return given.get("train", either), either, ""


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
        if path.name.startswith("."):
            continue
        folder = path.is_dir() and any(path.rglob("*.c"))
        if (path.suffix != ".c" or not path.is_file()) and not folder:
            continue
        name = path.name if folder else path.stem
        if only and not any(fnmatch.fnmatch(name, pattern) for pattern in only):
            continue
        found.append(SuiteProgram(name, path, *_arguments(suite / f"{name}.args")))
    if not found:
        meant = f" called {' or '.join(only)}" if only else ""
        raise UsageError(f"{suite} holds no program{meant}.", "A program is a C file, or a folder of C files.")
    return tuple(found)
