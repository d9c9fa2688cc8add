"""CPU time of a program's main in Linux processes: pinned, interleaved, paired; and when a difference counts.

A figure is a ratio of two times that were taken in the same round. A candidate is faster only when the bound of
a confidence interval of the median over rounds says so: noise alone never wins.
"""

from __future__ import annotations

import math
import os
import random
import statistics
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import ToolError

MAX_RUNS = 64  # of main in one process
PROCESS_S = 0.02  # CPU time of one process that is aimed at


@dataclass(frozen=True)
class Workload:
    """What a trial runs: argv (with argv[0]), standard input, and seconds after which a run is given up."""

    arguments: tuple[str, ...]
    stdin: bytes = b""
    timeout_s: float = 120.0


@dataclass(frozen=True)
class Outcome:
    """One plain run: its exit status (negative: a signal) and what it wrote to standard output."""

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


def run_plain(path: Path, load: Workload) -> Outcome:
    """Run once, in an empty folder.

    Raises:
        ToolError: it cannot be run or does not end in time.
    """
    status, output = _run(path, load, {}, capture=True)
    return Outcome(status, output)


def time_main(path: Path, load: Workload, runs: int) -> float:
    """The least CPU time of main over some runs in one process, in seconds.

    Raises:
        ToolError: a run ended otherwise than by exit, or reported nothing.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        out = Path(folder) / "times"
        settings = {"BAREFLOW_TRIAL_RUNS": str(runs), "BAREFLOW_TRIAL_OUT": str(out)}
        status, _ = _run(path, load, settings, capture=False)
        data = out.read_bytes() if out.exists() else b""
    if status or len(data) < 8 * runs:
        raise ToolError(
            f"A trial of {load.arguments[0]} did not report its times.", "It must end by returning or exit."
        )
    times: tuple[int, ...] = struct.unpack(f"<{runs}Q", data[: 8 * runs])
    return min(times) * 1e-9


def _run(path: Path, load: Workload, settings: Mapping[str, str], *, capture: bool) -> tuple[int, bytes]:
    core = max(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        os.sched_setaffinity(0, {core})
        try:
            done = subprocess.run(
                load.arguments,
                executable=path,
                input=load.stdin,
                stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=place,
                env={**os.environ, **settings},
                timeout=load.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"A trial of {load.arguments[0]} did not end within {load.timeout_s:g} s.") from None
        except OSError as problem:
            raise ToolError(f"{path} cannot be run: {problem.strerror}.") from None
        finally:
            os.sched_setaffinity(0, before)
    return done.returncode, done.stdout or b""


def runs_for(seconds: float) -> int:
    """How often main runs in one process, if once takes that long."""
    return max(1, min(MAX_RUNS, math.ceil(PROCESS_S / max(seconds, 1e-6))))


def compare(
    paths: Mapping[str, Path], reference: str, load: Workload, *, rounds: int, runs: int, seed: int = 1
) -> dict[str, Ratio]:
    """Measure executables side by side in random order.

    Args:
        paths: by name; `reference` among them.
        reference: what ratios are against.
        load: what they run.
        rounds: of all of them.
        runs: of main within a round; the least time counts.
        seed: of the order.

    Returns:
        the others' ratios.
    """
    order = random.Random(seed)  # noqa: S311  an order, no secret
    times: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        names = list(paths)
        order.shuffle(names)
        for name in names:
            times[name].append(time_main(paths[name], load, runs))
    return {name: ratio(times[name], times[reference]) for name in paths if name != reference}


def ratio(mine: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Median of the paired ratios; its interval is from order statistics (Conover, Nonparametric Statistics, 3.2)."""
    ordered = sorted(a / b for a, b in zip(mine, theirs, strict=True))
    number = len(ordered)
    reach = 0.98 * math.sqrt(number)  # half of 1.96 times the square root
    low = max(0, math.floor((number - 1) / 2 - reach))
    high = min(number - 1, math.ceil((number - 1) / 2 + reach))
    return Ratio(statistics.median(ordered), ordered[low], ordered[high], number)
