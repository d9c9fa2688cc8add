"""The bench itself: build, check that outputs agree, measure, sum up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bareflow.errors import BareFlowError
from bareflow.trials.agree import outputs_agree
from bench.suite.builds import REFERENCE, Builder, Built, builders
from bench.suite.measure import geomean, interleave, paired_ratio, pick_core, run_once
from bench.suite.programs import SuiteProgram, find_programs

TOO_SHORT_S = 0.002  # a reference run below this was folded away, or does nothing worth measuring


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Args:
        suite: the folder of programs.
        only: names or patterns; none takes all.
        configurations: which to build; none takes all.
        rounds: rounds of paired figures.
        repeats: runs within a round; the least counts.
        seed: of the order within a round.
    """

    suite: Path
    only: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()
    rounds: int = 5
    repeats: int = 3
    seed: int = 1


def _build_all(program: SuiteProgram, wanted: Mapping[str, Builder], folder: Path) -> tuple[dict[str, Built], str]:
    """Build every configuration; the reason why the program is excluded comes second."""
    done: dict[str, Built] = {}
    for name, builder in wanted.items():
        place = folder / program.name / name
        place.mkdir(parents=True)
        try:
            done[name] = builder(program, place)
        except BareFlowError as error:
            return done, f"{name}: {error.message}"
    return done, ""


def bench_program(
    program: SuiteProgram, wanted: Mapping[str, Builder], settings: Settings, folder: Path
) -> tuple[dict[str, Any] | None, str]:
    """Build, check and measure one program: its row of the result, or the reason why it has none."""
    done, reason = _build_all(program, wanted, folder)
    if reason:
        return None, reason
    core = pick_core()
    commands = {name: (str(built.path), *program.test) for name, built in done.items()}
    first = {name: run_once(command, core) for name, command in commands.items()}
    reference = first[REFERENCE]
    if reference.cpu_s < TOO_SHORT_S:
        return (
            None,
            f"the reference runs for only {1000 * reference.cpu_s:.1f} ms: folded away, or too short to measure",
        )
    agree = {
        name: run.status == reference.status and outputs_agree(run.output, reference.output)
        for name, run in first.items()
    }
    figures = interleave(commands, rounds=settings.rounds, repeats=settings.repeats, seed=settings.seed)
    return {
        "name": program.name,
        "ratio": {name: paired_ratio(figures[name], figures[REFERENCE]) for name in figures},
        "agree": all(agree.values()),
        "agree_by_configuration": agree,
        "reference_ms": 1000 * min(figures[REFERENCE]),
        "bytes": {name: built.bytes for name, built in done.items()},
        "compile_ms": {name: built.compile_ms for name, built in done.items()},
        "chosen": {name: built.evidence for name, built in done.items() if built.evidence},
    }, ""


def bench_suite(settings: Settings, on_program: Callable[[str], None] = lambda _name: None) -> dict[str, Any]:
    """Run a suite and sum it up.

    Returns:
        `kernels` (name, `ratio` by configuration against AOT -O3 -march=native, `agree`, `bytes`, `compile_ms`),
        `geomean` and `worst` by configuration, `excluded` with reasons.

    Raises:
        UsageError: for a suite that is not there.
    """
    programs = find_programs(settings.suite, settings.only)
    known = builders()
    wanted = {name: known[name] for name in known if not settings.configurations or name in settings.configurations}
    wanted[REFERENCE] = known[REFERENCE]
    kernels: list[dict[str, Any]] = []
    excluded: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="bareflow-bench-") as folder:
        for program in programs:
            on_program(program.name)
            row, reason = bench_program(program, wanted, settings, Path(folder))
            if row is None:
                excluded.append({"name": program.name, "reason": reason})
            else:
                kernels.append(row)
    return {"kernels": kernels, **summary(kernels), "excluded": excluded, "rounds": settings.rounds}


def summary(kernels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The geometric mean and the worst ratio of every configuration."""
    names = list(kernels[0]["ratio"]) if kernels else []
    return {
        "geomean": {name: geomean([row["ratio"][name] for row in kernels]) for name in names},
        "worst": {name: max(row["ratio"][name] for row in kernels) for name in names},
    }
