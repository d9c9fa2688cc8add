"""The tasks that measure; the comparisons themselves are in bench/, so these need a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bareflow.cli.progress import said
from bareflow.cli.task import emit_json, people, positive, task
from bareflow.errors import UsageError
from bareflow.toolchain import write_atomic


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
        "rounds": "rounds of paired figures; fewer for what runs for long",
        "repeats": "runs within a round, of which the least counts; more for what is short",
        "trials": "seconds of trials for one program",
        "timeout-s": "seconds after which the reference's run of a program is given up",
        "peers": "also run LuaJIT, PyPy, Node and Numba, where they are installed (without --suite and --only: yes)",
        "markdown": "write the tables as Markdown (build/bench.md)",
        "html": "write a page with plots (build/bench.html)",
    },
    iterable=("only", "configuration"),
    optional=("markdown", "html"),
)
def bench(
    _context: Any,
    suite: str | None = None,
    only: list[str] | None = None,
    configuration: list[str] | None = None,
    rounds: int = 5,
    repeats: int = 3,
    trials: float = 40.0,
    timeout_s: float = 60.0,
    peers: bool = False,
    markdown: str | bool | None = None,
    html: str | bool | None = None,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Measure our tiers and frozen code against clang and gcc, ahead of time, on a suite of C programs."""
    del verbose
    for option, value in (("rounds", rounds), ("repeats", repeats), ("trials", trials), ("timeout-s", timeout_s)):
        positive(f"--{option}", value)
    folder = bench_folder()
    from bareflow.trials.search import Settings as TrialSettings
    from bench.peers.run import peers_or_reason
    from bench.suite import page
    from bench.suite.run import Settings, bench_suite

    settings = Settings(
        Path(suite) if suite else folder / "kernels",
        only=tuple(only or ()),
        configurations=tuple(configuration or ()),
        rounds=rounds,
        repeats=repeats,
        trials_s=trials,
        timeout_s=timeout_s,
    )
    with said() as on_step:
        result = bench_suite(settings, on_program=on_step)
        if peers or not (suite or only or configuration):
            result["peers"] = peers_or_reason(TrialSettings(budget_s=trials), on_step)
    for wanted, name, write in ((markdown, "bench.md", page.markdown), (html, "bench.html", page.page)):
        if wanted:
            out = Path(wanted) if isinstance(wanted, str) else Path("build", name)
            out.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(out, write(result).encode())
            people().print(f"wrote {out}")
    if json:
        emit_json(result)
    else:
        people().print(ratio_table(result))


@task(
    help={
        "image": "a recipe's name, a recipe file or an image file (classic)",
        "runs": "runs of each side, interleaved (10; with --files 3)",
        "files": "instead load a file in every way, beside dd in a Linux guest (apt fetches Debian's kernel)",
        "size-mib": "with --files: the file's size in MiB",
        "way": "only the machines or ways in whose name holds this, e.g. ovmf, or with --files: virtio",
        "firmware": "the way in: bios, uefi or pvh; without it every machine type, the recipe built for all ways in",
        "machine": "with --firmware: pc, q35 or microvm (pc)",
        "drive": "with --firmware: how the disk is attached: ide, ahci, virtio or usb; with pvh also none (auto)",
    }
)
def bench_boot(
    _context: Any,
    image: str | None = None,
    runs: int = 0,
    firmware: str = "",
    files: bool = False,
    size_mib: int = 600,
    way: str = "",
    machine: str = "",
    drive: str = "",
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Measure an image's boot to its workload's first instruction against the firmware's own floor."""
    del verbose
    runs = runs or (3 if files else 10)
    positive("--runs", runs)
    positive("--size-mib", size_mib)
    if not firmware and (machine or drive):
        raise UsageError(f"{'--machine' if machine else '--drive'} goes with --firmware.", "Add --firmware bios.")
    bench_folder()
    from bareflow.cli.images import image_to_boot
    from bareflow.cli.progress import steps
    from bareflow.machine.spec import MachineSpec
    from bench.bench_boot import bench_boot as measure

    if files:
        load_files(size_mib, runs, way, json=json)
        return
    if not firmware:
        boot_everywhere(image, runs, way, json=json)
        return
    asked = MachineSpec(Path(), firmware=firmware, machine=machine or "pc", drive=drive or "auto")
    path, _recipe = image_to_boot(image, None, (), way_in=firmware)
    with steps() as on_step:
        spec = replace(asked, image=path)
        result = measure(path, runs=runs, spec=spec, on_run=on_step).as_dict()
    if json:
        emit_json(result)
    else:
        people().print(facts_table("boot, whole QEMU process, medians of interleaved runs", result))


def load_files(size_mib: int, runs: int, way: str, *, json: bool) -> None:
    """Measure how fast a large file is loaded, by every way in whose name holds `way`."""
    from bareflow.cli.progress import steps
    from bench.bench_files import WAYS, bench_files

    refuse_unknown(way, [row[0] for row in WAYS])
    with steps() as on_step:
        result = bench_files(size_mib=size_mib, runs=runs, way=way, on_step=on_step)
    if json:
        emit_json(result)
        return
    facts = {
        row["way"]: f"{row['ours_mb_s']} MB/s, dd {row['linux_mb_s']} MB/s, ratio {row['ratio']}"
        for row in result["rows"]
    }
    people().print(facts_table(f"loading {result['size_mib']} MiB, medians", facts))


def refuse_unknown(way: str, names: Sequence[str]) -> None:
    """Refuse a `--way` that no name holds.

    Raises:
        UsageError: with the names.
    """
    if not any(way.lower() in name.lower() for name in names):
        raise UsageError(f"--way {way} is in no name.", f"The names are: {'; '.join(names)}.")


def boot_everywhere(image: str | None, runs: int, way: str, *, json: bool) -> None:
    """Measure on every machine type whose name holds `way`: an image file as it is, a recipe built with all ways in."""
    import tempfile

    from bareflow.cli.images import built, choose_recipe, is_image_file
    from bareflow.cli.progress import steps
    from bareflow.image.recipe import WAYS_IN
    from bench.bench_boot import MACHINES, bench_machines

    refuse_unknown(way, [row[0] for row in MACHINES])
    with tempfile.TemporaryDirectory(prefix="bareflow-") as folder:
        path = Path(image) if image and is_image_file(image) else Path(folder) / "boot.img"
        if not path.is_file():
            built(replace(choose_recipe(image, None, ()), boot=frozenset(WAYS_IN)), path)
        with steps() as on_step:
            rows = bench_machines(path, runs=runs, way=way, on_run=on_step)
    if json:
        emit_json({"machines": rows})
        return
    facts = {
        row[
            "machine"
        ]: f"{row['boot_ms']:.0f} ms over {row['floor_ms']:.0f} ms = {row['ratio']:.3f}, goal {row['goal']}"
        for row in rows
    }
    people().print(facts_table("boot to the first instruction over the machine's floor, medians", facts))


@task(help={"cpu": "the CPU both sides are compiled for (the recipe's)", "rounds": "rounds of paired figures"})
def bench_frozen(
    _context: Any, cpu: str | None = None, rounds: int = 15, json: bool = False, verbose: bool = False
) -> None:
    """Measure frozen classic against the same source compiled by clang -O3, function by function, on Linux."""
    del verbose
    positive("--rounds", rounds)
    bench_folder()
    from bareflow.cli.progress import steps
    from bench.frozen_vs_aot import bench_frozen as measure

    with steps() as on_step:
        on_step("measuring classic")
        result = measure(rounds=rounds, cpu=cpu)
    if json:
        emit_json(result)
        return
    from rich.table import Table

    table = Table(title=f"frozen classic against clang -O3 for {result['cpu']}: paired medians, below 1 is faster")
    for heading in ("function", "frozen, cycles", "clang -O3, cycles", "ratio"):
        table.add_column(heading, justify="left" if heading == "function" else "right")
    for row in result["functions"]:
        table.add_row(row["name"], f"{row['frozen_cycles']:,.1f}", f"{row['aot_cycles']:,.1f}", f"{row['ratio']:.3f}")
    people().print(table)


@task(
    help={
        "model": "a GGUF file (python -m bench.llm.generate makes one of any shape)",
        "llama-cpp": "build llama-cpp-python in a venv of its own and measure it too",
        "rounds": "rounds; medians over them are shown",
    }
)
def bench_llm(
    _context: Any,
    model: str | None = None,
    llama_cpp: bool = False,
    rounds: int = 3,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Measure inference on one core of this host, beside its streaming-read limit and llama.cpp."""
    del verbose
    positive("--rounds", rounds)
    bench_folder()
    if model is None or not Path(model).is_file():
        raise UsageError(f"there is no model {model}." if model else "no model was named.", "Name one with --model.")
    from bareflow.image.gguf import check_llama
    from bench.llm.compare import compare
    from bench.suite.measure import pick_core

    check_llama(Path(model))
    bandwidth, rows = compare(Path(model), core=pick_core(), rounds=rounds, with_llama_cpp=llama_cpp)
    if json:
        emit_json({"bytes_per_s": bandwidth, "rows": [vars(row) for row in rows]})
        return
    from bench.llm.compare import table_lines

    console = people()
    console.print(f"one core, medians of {rounds} rounds; streaming read {bandwidth / 1e9:.1f} GB/s", markup=False)
    for line in table_lines(rows):
        console.print(line, markup=False, soft_wrap=True, highlight=False)


def facts_table(title: str, facts: dict[str, Any]) -> Any:
    """Lay out named figures for people."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in facts.items():
        if isinstance(value, int | float | str):
            table.add_row(name.replace("_", " "), f"{value:.3f}" if isinstance(value, float) else str(value))
    return table


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
        ratios = [f"{row['ratio'][name]:.3f}" if name in row["ratio"] else "–" for name in names]
        table.add_row(row["name"], *ratios, "yes" if row["agree"] else "NO")
    table.add_section()
    table.add_row("geometric mean", *[f"{result['geomean'][name]:.3f}" for name in names])
    table.add_row("worst", *[f"{result['worst'][name]:.3f}" for name in names])
    for row in result["excluded"]:
        table.add_row(row["name"], f"excluded: {row['reason']}")
    return table


TASKS = [bench, bench_boot, bench_frozen, bench_llm]
