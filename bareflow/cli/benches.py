"""The tasks that measure; the comparisons themselves are in bench/, so these need a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bareflow.cli.task import emit_json, people, positive, task
from bareflow.errors import UsageError


def bench_folder() -> Path:
    """The checkout's bench/.

    Raises:
        UsageError: from an installed wheel, which has none.
    """
    folder = Path(__file__).resolve().parents[2] / "bench"
    if not folder.is_dir():
        raise UsageError("this task needs a checkout of BareFlow, not an installed wheel.", "Clone the project.")
    return folder


@task(
    help={
        "suite": "a folder of C programs (bench/kernels)",
        "only": "a program's name or a shell pattern (repeatable)",
        "configuration": "build only this configuration beside the reference (repeatable)",
        "rounds": "rounds of paired figures",
        "repeats": "runs within a round; the least counts",
    },
    iterable=("only", "configuration"),
)
def bench(
    _context: Any,
    suite: str | None = None,
    only: list[str] | None = None,
    configuration: list[str] | None = None,
    rounds: int = 5,
    repeats: int = 3,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Measure our tiers and frozen code against clang and gcc, ahead of time, on a suite of C programs."""
    del verbose
    positive("--rounds", rounds)
    positive("--repeats", repeats)
    folder = bench_folder()
    from bareflow.cli.progress import steps
    from bench.suite.run import Settings, bench_suite

    settings = Settings(
        Path(suite) if suite else folder / "kernels",
        only=tuple(only or ()),
        configurations=tuple(configuration or ()),
        rounds=rounds,
        repeats=repeats,
    )
    with steps() as on_step:
        result = bench_suite(settings, on_program=on_step)
    if json:
        emit_json(result)
    else:
        people().print(ratio_table(result))


def ratio_table(result: dict[str, Any]) -> Any:
    """Lay out the ratios for people: below 1 is faster than the reference."""
    from rich.table import Table

    names = list(result["geomean"])
    table = Table(title="time relative to clang -O3 -march=native, ahead of time (below 1 is faster)")
    table.add_column("program")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("agree")
    for row in result["kernels"]:
        ratios = [f"{row['ratio'][name]:.3f}" for name in names]
        table.add_row(row["name"], *ratios, "yes" if row["agree"] else "NO")
    table.add_section()
    table.add_row("geometric mean", *[f"{result['geomean'][name]:.3f}" for name in names])
    table.add_row("worst", *[f"{result['worst'][name]:.3f}" for name in names])
    for row in result["excluded"]:
        table.add_row(row["name"], f"excluded: {row['reason']}")
    return table


TASKS = [bench]
