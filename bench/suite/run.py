"""The bench itself: build, check that outputs agree, measure, sum up."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bareflow.errors import BareFlowError
from bareflow.trials.agree import outputs_agree
from bareflow.trials.executable import image_digest
from bareflow.trials.measure import Outcome, ratio
from bench.suite.builds import OURS, REFERENCE, Builder, Built, builders
from bench.suite.measure import geomean, interleave, plan, run_once
from bench.suite.programs import SuiteProgram, find_programs

TOO_SHORT_S = 0.0005  # a reference run below this was folded away, or does nothing worth measuring
Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        suite: the folder of programs.
        only: names or patterns; none takes all.
        configurations: which to build; none takes all.
        rounds: rounds of paired figures; fewer for programs that run for long.
        repeats: runs within a round, of which the least counts; more for programs that are short.
        seed: of the order within a round.
        timeout_s: seconds after which the reference's run is given up; others get four times its own time, and 10 s.
        trials_s: seconds of trials for one program.
    """

    suite: Path
    only: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()
    rounds: int = 5
    repeats: int = 3
    seed: int = 1
    timeout_s: float = 60.0
    trials_s: float = 40.0


class Excluded(Exception):  # noqa: N818  no error: the program has no row, and this says why
    """Why a program is not measured."""


@dataclass(frozen=True)
class _Reference:
    built: Built
    outcome: Outcome
    timeout_s: float


def _reference(program: SuiteProgram, builder: Builder, folder: Path, timeout_s: float) -> _Reference:
    """Build and run what all others are compared with, before anything else is built.

    Raises:
        Excluded: with the reason.
    """
    try:
        built = builder(program, _place(folder))
        first = run_once(built.path, program, timeout_s)
        again = run_once(built.path, program, timeout_s)
    except BareFlowError as problem:
        detail = next((line for line in problem.detail.splitlines() if "error" in line), "")
        raise Excluded(" ".join(filter(None, [problem.message, detail.strip()]))) from None
    if first.status < 0:
        raise Excluded(f"the reference is ended by signal {-first.status}")
    if min(first.cpu_s, again.cpu_s) < TOO_SHORT_S:
        why = "folded away, or too short to measure"
        if first.status:
            why = f"it ends with status {first.status}, perhaps for want of arguments, input or files"
        raise Excluded(f"the reference runs for only {1000 * min(first.cpu_s, again.cpu_s):.2f} ms: {why}")
    if not first.output and not first.status:
        raise Excluded("the reference prints nothing, so nothing can be compared")
    if (first.status, first.output) != (again.status, again.output):
        raise Excluded("the reference prints something else each time it runs")
    return _Reference(built, first, 10.0 + 4 * max(first.cpu_s, again.cpu_s))


def _place(folder: Path) -> Path:
    """A new folder; all have names of one length, since a path's length moves a program's stack."""
    place = folder / f"{len(list(folder.iterdir())):03d}"
    place.mkdir()
    return place


def _build_all(
    program: SuiteProgram, wanted: Mapping[str, Builder], folder: Path, say: Say
) -> tuple[dict[str, Built], dict[str, str]]:
    """Build every configuration but the reference; why some failed comes second."""
    done: dict[str, Built] = {}
    failed: dict[str, str] = {}
    for name, builder in wanted.items():
        if name == REFERENCE:
            continue
        say(f"{program.name}: building {name}")
        try:
            done[name] = builder(program, _place(folder))
        except BareFlowError as error:
            failed[name] = error.message
    return done, failed


def _same_bytes(done: Mapping[str, Built]) -> dict[str, str]:
    """Configuration → the first one whose executable is loaded with the same bytes: the same program, run once."""
    first: dict[str, str] = {}
    return {name: first.setdefault(image_digest(built.path), name) for name, built in done.items()}


def _agreement(
    done: Mapping[str, Built], program: SuiteProgram, same: Mapping[str, str], reference: _Reference
) -> dict[str, bool]:
    """Whether each configuration ends and prints as the reference does; one that hangs does not."""
    found: dict[str, bool] = {}
    for name in done:
        if same[name] != name:
            found[name] = found[same[name]]
            continue
        try:
            run = run_once(done[name].path, program, reference.timeout_s)
        except BareFlowError:
            found[name] = False
            continue
        expected = reference.outcome
        found[name] = run.status == expected.status and outputs_agree(run.output, expected.output)
    return found


def bench_program(
    program: SuiteProgram,
    wanted: Mapping[str, Builder],
    settings: Settings,
    folder: Path,
    say: Say = lambda _text: None,
) -> tuple[dict[str, Any] | None, str]:
    """Build, check and measure one program: its row of the result, or the reason why it has none."""
    if program.problem:
        return None, program.problem
    folder = folder / program.name
    folder.mkdir()
    say(f"{program.name}: building and running the reference")
    try:
        reference = _reference(program, wanted[REFERENCE], folder, settings.timeout_s)
    except Excluded as reason:
        return None, str(reason)
    others, failed = _build_all(program, wanted, folder, say)
    done = {name: others.get(name, reference.built) for name in wanted if name == REFERENCE or name in others}
    same = _same_bytes({REFERENCE: reference.built, **done})
    agree = _agreement({REFERENCE: reference.built, **done}, program, same, reference)
    measured = {name for name in same.values() if agree[name]}
    how = plan(reference.outcome.cpu_s, len(measured), settings.rounds, settings.repeats)
    say(f"{program.name}: measuring, {how.rounds} rounds of {how.repeats} runs")
    paths = {name: built.path for name, built in done.items() if name in measured}
    try:
        figures = interleave(paths, program, how, seed=settings.seed, timeout_s=reference.timeout_s)
    except BareFlowError as problem:
        return None, problem.message
    ratios = {name: ratio(figures[same[name]], figures[REFERENCE]) for name in done if agree[name]}
    everything = {**agree, **{name: False for name in failed if name in OURS}}
    return {
        "name": program.name,
        "ratio": {name: found.median for name, found in ratios.items()},
        "interval": {name: [found.low, found.high] for name, found in ratios.items()},
        "agree": all(everything.values()),
        "agree_by_configuration": everything,
        "same_bytes_as": {name: other for name, other in same.items() if other != name},
        "failed": failed,
        "reference_ms": 1000 * min(figures[REFERENCE]),
        "rounds": how.rounds,
        "repeats": how.repeats,
        "bytes": {name: built.bytes for name, built in done.items()},
        "compile_ms": {name: built.compile_ms for name, built in done.items()},
        "chosen": {name: built.evidence for name, built in done.items() if built.evidence},
    }, ""


def bench_suite(settings: Settings, on_program: Say = lambda _name: None) -> dict[str, Any]:
    """Run a suite and sum it up.

    Returns:
        `kernels` (name, `ratio` by configuration against AOT -O3 -march=native, `agree`, `bytes`, `compile_ms`),
        `geomean` and `worst` by configuration, `excluded` with reasons.

    Raises:
        UsageError: for a suite that is not there, a configuration that is not known.
    """
    programs = find_programs(settings.suite, settings.only)
    wanted = builders(settings.configurations, trials_s=settings.trials_s, timeout_s=settings.timeout_s)
    kernels: list[dict[str, Any]] = []
    excluded: list[dict[str, str]] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bareflow-bench-") as temporary:
        for number, program in enumerate(programs):
            place = f"{number + 1} of {len(programs)}{_left(started, number, len(programs))}: "
            row, reason = bench_program(program, wanted, settings, Path(temporary), _behind(place, on_program))
            if row is None:
                excluded.append({"name": program.name, "reason": reason})
            else:
                kernels.append(row)
            shutil.rmtree(Path(temporary, program.name), ignore_errors=True)
    return {
        "kernels": kernels,
        **summary(kernels, list(wanted)),
        "excluded": excluded,
        "rounds": settings.rounds,
        "seconds": round(time.monotonic() - started, 1),
    }


def _behind(place: str, say: Say) -> Say:
    return lambda text: say(place + text)


def _left(started: float, done: int, programs: int) -> str:
    """How long the rest will take, by what was done so far."""
    if not done:
        return ""
    seconds = (time.monotonic() - started) / done * (programs - done)
    return f", about {seconds / 60:.0f} min left" if seconds >= 60 else f", about {seconds:.0f} s left"


def summary(kernels: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> dict[str, Any]:
    """The geometric mean and the worst ratio of every configuration that measured anything."""
    if names is None:
        names = list(dict.fromkeys(name for row in kernels for name in row["ratio"]))
    columns = {name: [row["ratio"][name] for row in kernels if name in row["ratio"]] for name in names}
    return {
        "geomean": {name: geomean(values) for name, values in columns.items() if values},
        "worst": {name: max(values) for name, values in columns.items() if values},
    }
