"""CPU time of programs as Linux processes: pinned, interleaved, paired; and when a difference counts.

What is measured is the executable that is frozen, nothing added: where code and data lie moves times by more than
most candidates do. A figure is a ratio of two times that were taken in the same round. A candidate is faster only when
the bound of a confidence interval of the median over rounds says so: noise alone never wins.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bareflow.errors import ToolError

MAX_RUNS = 48  # processes within a round
LEAST_SHARE = 0.1  # of a time that is left when what starting takes is taken off
ROUND_S = 0.03  # CPU time of one candidate in one round that is aimed at


@dataclass(frozen=True)
class Workload:
    """What a trial runs: argv (with argv[0]), standard input, and seconds after which a run is given up."""

    arguments: tuple[str, ...]
    stdin: bytes = b""
    timeout_s: float = 120.0


@dataclass(frozen=True)
class Outcome:
    """One run: CPU seconds, exit status (negative: a signal), what it wrote to standard output, if that was kept."""

    cpu_s: float
    status: int
    output: bytes


@dataclass(frozen=True)
class Ratio:
    """A candidate's time to the reference's, over rounds.

    Args:
        median: over rounds.
        low, high: bounds of its confidence interval, about 95 %.
        rounds: how many.
    """

    median: float
    low: float
    high: float
    rounds: int

    def faster(self, margin: float) -> bool:
        """Whether it is faster by more than a margin, and that is not noise."""
        return self.median < 1 - margin and self.high < 1 - margin / 3


def pick_core() -> int:
    """The core that runs are pinned to: the last one allowed, which a busy system uses least."""
    return max(os.sched_getaffinity(0))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_plain(path: Path, load: Workload) -> Outcome:
    """Run once, in an empty folder, and keep what it writes.

    Raises:
        ToolError: it cannot be run or does not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place, pinned(pick_core()):
        return run_process(load.arguments, load, executable=path, folder=place, keep=True)


def time_main(path: Path, load: Workload, runs: int) -> float:
    """The least CPU time of some runs, each a process of its own, in seconds.

    Raises:
        ToolError: it cannot be run or does not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place, pinned(pick_core()):
        return min(
            run_process(load.arguments, load, executable=path, folder=place, keep=False).cpu_s for _ in range(runs)
        )


def run_process(
    command: Sequence[str | Path], load: Workload, *, executable: Path | None, folder: str | Path | None, keep: bool
) -> Outcome:
    """Run a command and read its CPU time from the kernel's accounting.

    Args:
        command: with argv[0].
        load: its standard input and its time; its arguments are not looked at.
        executable: the file, if it is not argv[0].
        folder: where it runs; None: here.
        keep: return what it writes to standard output.

    Raises:
        ToolError: it cannot be started or does not end in time.
    """
    words = [str(word) for word in command]
    with _typed(load.stdin) as stdin:
        try:
            child = subprocess.Popen(
                words,
                executable=executable,
                stdin=stdin,
                stdout=subprocess.PIPE if keep else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
            )
        except OSError as problem:
            raise ToolError(f"{executable or words[0]} cannot be run: {problem.strerror}.") from None
        return _wait(child, words[0], load.timeout_s)


def _wait(child: subprocess.Popen[bytes], name: str, timeout_s: float) -> Outcome:
    late = threading.Event()

    def give_up() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(timeout_s, give_up)
    timer.start()
    try:
        output = child.stdout.read() if child.stdout else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        timer.cancel()
        if child.stdout:
            child.stdout.close()
    if late.is_set():
        raise ToolError(f"A run of {name} did not end within {timeout_s:g} s.", "Give it smaller arguments.")
    return Outcome(usage.ru_utime + usage.ru_stime, child.returncode, output)


@contextmanager
def _typed(data: bytes) -> Iterator[IO[bytes] | int]:
    """A program's standard input, anew for every run."""
    if not data:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def runs_for(seconds: float) -> int:
    """How many processes one round of a candidate takes, if one takes that long."""
    return max(1, min(MAX_RUNS, math.ceil(ROUND_S / max(seconds, 1e-6))))


def compare(
    paths: Mapping[str, Path],
    reference: str,
    load: Workload,
    *,
    rounds: int,
    runs: int,
    seed: int = 1,
    until: float = math.inf,
    floor_s: float = 0.0,
) -> dict[str, Ratio]:
    """Measure executables side by side in random order.

    Args:
        paths: by name; `reference` among them.
        reference: what ratios are against.
        load: what they run.
        rounds: of all of them.
        runs: within a round; the least time counts.
        seed: of the order.
        until: of the monotonic clock; behind it no further round begins, once half of them are done.
        floor_s: CPU time of a process that does nothing, taken off each time.

    Returns:
        the others' ratios.
    """
    order = random.Random(seed)  # noqa: S311  an order, no secret
    times: dict[str, list[float]] = {name: [] for name in paths}
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place, pinned(pick_core()):
        folders = {name: Path(place, str(number)) for number, name in enumerate(paths)}
        for folder in folders.values():
            folder.mkdir()
        for done in range(rounds):
            if 2 * done >= rounds and time.monotonic() > until:
                break
            for name, seconds in _round(paths, load, folders, runs, order).items():
                times[name].append(max(seconds - floor_s, LEAST_SHARE * seconds))
    return {name: ratio(times[name], times[reference]) for name in paths if name != reference}


def _round(
    paths: Mapping[str, Path], load: Workload, folders: Mapping[str, Path], runs: int, order: random.Random
) -> dict[str, float]:
    """The least of each one's times; they take turns, so that whatever slows the machine meets all."""
    least = dict.fromkeys(paths, math.inf)
    for _ in range(runs):
        names = list(paths)
        order.shuffle(names)
        for name in names:
            done = run_process(load.arguments, load, executable=paths[name], folder=folders[name], keep=False)
            least[name] = min(least[name], done.cpu_s)
    return least


def ratio(mine: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Median of the paired ratios; its interval is from order statistics (Conover, Nonparametric Statistics, 3.2)."""
    ordered = sorted(a / b for a, b in zip(mine, theirs, strict=True))
    number = len(ordered)
    reach = 0.98 * math.sqrt(number)  # half of 1.96 times the square root
    low = max(0, math.floor((number - 1) / 2 - reach))
    high = min(number - 1, math.ceil((number - 1) / 2 + reach))
    return Ratio(statistics.median(ordered), ordered[low], ordered[high], number)
