"""Runs programs side by side: each run its own pinned process, CPU time, configurations in random order."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bareflow.trials.measure import Outcome, Workload, pick_core, pinned, run_process
from bench.suite.programs import SuiteProgram

__all__ = ["Plan", "geomean", "interleave", "pick_core", "plan", "run_once"]

SHORT_S = 0.06  # CPU time of one configuration in one round that is at least aimed at
MAX_REPEATS = 20
LONG_S = 90.0  # CPU time of all rounds of one program that is not exceeded if fewer will do
MIN_ROUNDS = 3


@dataclass(frozen=True)
class Plan:
    """How often one program runs: rounds, and runs of each configuration within a round, of which the least counts."""

    rounds: int
    repeats: int


def plan(once_s: float, configurations: int, rounds: int, repeats: int) -> Plan:
    """More runs of what is short, fewer of what is long.

    Args:
        once_s: CPU seconds of the reference.
        configurations: that are measured.
        rounds: as wished.
        repeats: as wished.
    """
    repeats = max(repeats, min(MAX_REPEATS, math.ceil(SHORT_S / max(once_s, 1e-6))))
    affordable = LONG_S / max(once_s * configurations, 1e-6)
    if rounds * repeats > affordable:
        repeats = max(1, int(affordable / rounds))
    if rounds * repeats > affordable:
        rounds = max(min(rounds, MIN_ROUNDS), int(affordable / repeats))
    return Plan(rounds, repeats)


def run_once(path: Path, program: SuiteProgram, timeout_s: float, *, keep: bool = True) -> Outcome:
    """Run a program's executable with its test arguments on one core, with nothing to read.

    Raises:
        ToolError: when it cannot be started or does not end in time.
    """
    with pinned(pick_core()):
        command = (program.name, *program.test)
        return run_process(command, Workload((), timeout_s=timeout_s), executable=path, folder=path.parent, keep=keep)


def interleave(
    paths: Mapping[str, Path], program: SuiteProgram, given: Plan, *, seed: int, timeout_s: float
) -> dict[str, list[float]]:
    """Measure every configuration in every round, in a new random order each time.

    Args:
        paths: configuration → executable.
        program: whose they are.
        given: rounds and repeats.
        seed: of the order.
        timeout_s: seconds after which a run is given up.

    Returns:
        configuration → CPU seconds, one figure a round, so that figures of one round pair up.

    Raises:
        ToolError: a run did not end in time.
    """
    order = random.Random(seed)  # noqa: S311  an order, no secret
    figures: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(given.rounds):
        least = dict.fromkeys(paths, math.inf)
        for _ in range(given.repeats):
            names = list(paths)
            order.shuffle(names)
            for name in names:
                least[name] = min(least[name], run_once(paths[name], program, timeout_s, keep=False).cpu_s)
        for name, seconds in least.items():
            figures[name].append(seconds)
    return figures


def geomean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return statistics.geometric_mean(values) if values else float("nan")
