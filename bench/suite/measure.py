"""Runs programs side by side: each run its own pinned process, CPU time, configurations in random order."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bareflow.errors import ToolError


@dataclass(frozen=True)
class Run:
    """One run: CPU seconds, exit status, standard output."""

    cpu_s: float
    status: int
    output: bytes


def pick_core() -> int:
    """The core that runs are pinned to: the last one allowed, which a busy system uses least."""
    return max(os.sched_getaffinity(0))


def run_once(command: Sequence[str | Path], core: int, timeout_s: float = 120.0) -> Run:
    """Run a command on one core and read its CPU time from the kernel's accounting.

    Raises:
        ToolError: when it cannot be started or does not end in time.
    """
    words = [str(word) for word in command]
    try:
        with pinned(core), subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            output = _collect(child, timeout_s)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
    except OSError as error:
        raise ToolError(f"{words[0]} cannot be run: {error.strerror}.", "Build it again.") from None
    return Run(usage.ru_utime + usage.ru_stime, child.returncode, output)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process, and what it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _collect(child: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """Read all output; a child that takes too long is killed."""
    timer = threading.Timer(timeout_s, child.kill)
    timer.start()
    try:
        assert child.stdout is not None
        return child.stdout.read()
    finally:
        timer.cancel()


def interleave(
    commands: Mapping[str, Sequence[str | Path]],
    *,
    rounds: int,
    repeats: int,
    seed: int,
    on_round: Callable[[int], None] = lambda _round: None,
) -> dict[str, list[float]]:
    """Measure every configuration in every round, in a new random order each time.

    Args:
        commands: configuration → command.
        rounds: how many rounds.
        repeats: runs of one configuration within a round; the least counts.
        seed: of the order.
        on_round: told of every round that ends.

    Returns:
        configuration → CPU seconds, one figure a round, so that figures of one round pair up.
    """
    order = random.Random(seed)  # noqa: S311  an order, no secret
    core = pick_core()
    figures: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds):
        names = list(commands)
        order.shuffle(names)
        least = dict.fromkeys(names, float("inf"))
        for _ in range(repeats):
            for name in names:
                least[name] = min(least[name], run_once(commands[name], core).cpu_s)
        for name, seconds in least.items():
            figures[name].append(seconds)
        on_round(number)
    return figures


def paired_ratio(figures: Sequence[float], reference: Sequence[float]) -> float:
    """The median over rounds of one configuration's time to the reference's in the same round."""
    return statistics.median(mine / theirs for mine, theirs in zip(figures, reference, strict=True))


def geomean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return statistics.geometric_mean(values) if values else float("nan")
