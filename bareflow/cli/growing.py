"""The tasks that grow a workload and freeze it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Exit
from rich.console import Console

from bareflow.cli.images import choose_recipe, output_folder, parts_table
from bareflow.cli.ports import HELP_BAUD, HELP_PORT, HELP_WAIT, remote_of
from bareflow.cli.progress import steps
from bareflow.cli.task import emit_json, people, positive, split_args, task
from bareflow.errors import StoppedError, UsageError

if TYPE_CHECKING:
    from bareflow.grow import Gardener, Places, Program, Settings
    from bareflow.growth.growing import Growing, TierUp
    from bareflow.growth.remote import Remote
    from bareflow.growth.summary import Growth
    from bareflow.image.recipe import Recipe
    from bareflow.trials.rotate import FunctionTrial

WIDE = 160  # columns where no terminal says how many it has


@task(
    help={
        "image": "a recipe's name or a recipe file (classic unless a workload is given)",
        "workload": "a C file, an LLVM .ll or .bc file, or a folder of them",
        "file": "a file that the workload reads: PATH or PATH=NAME on the image (repeatable)",
        "args": "the workload's arguments, split as a shell splits",
        "stdin": "a file that the workload reads as its standard input",
        "boots": "most runs; it ends earlier when nothing rises any more (the recipe's)",
        "native": "run it as a Linux process instead of on a machine",
        "cpu": "the CPU it is compiled for; several, as in 'x86-64-v2 native', are frozen side by side (the recipe's)",
        "fresh": "forget the profile of earlier growths",
        "trials": "seconds for trials of functions as they grow, and of the frozen program natively (0: none)",
        "accel": "auto, kvm or tcg",
        "timeout-s": "seconds after which a run is ended",
        "out": "the folder for profile, snapshot and images (build)",
        "port": "serve a machine that runs the growing image: " + HELP_PORT,
        "baud": HELP_BAUD,
        "console": "with --port: the port of the machine's console, where standard input goes then",
        "wait": "with --port: " + HELP_WAIT,
        "only-image": "make the growing image, to be flashed, and stop",
        "one-port": "with --only-image: use the first serial port alone, although the machine may have a second",
    },
    iterable=("file",),
    optional=("port",),
)
def grow(
    _context: Any,
    image: str | None = None,
    workload: str | None = None,
    file: list[str] | None = None,
    args: str | None = None,
    stdin: str | None = None,
    boots: int = 0,
    native: bool = False,
    cpu: str | None = None,
    fresh: bool = False,
    trials: float = 0.0,
    accel: str = "auto",
    timeout_s: float = 600.0,
    out: str | None = None,
    port: str | None = None,
    baud: int = 115200,
    console: str | None = None,
    wait: bool = False,
    only_image: bool = False,
    one_port: bool = False,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Run a workload that profiles itself, recompile what is hot while it runs, then freeze it to a small image."""
    del verbose
    positive("--timeout-s", timeout_s)
    if boots < 0:
        raise UsageError(f"--boots must not be below 0, not {boots}.", "0 runs it as often as the recipe says.")
    if one_port and not only_image:
        raise UsageError("--one-port is a matter of the image.", "Use it with --only-image, and flash that image.")
    if port is None and (console or wait):
        raise UsageError("--console and --wait are for a machine at a port.", "Add --port PORT.")
    if port is not None and boots:
        raise UsageError("a machine at a port boots when it is switched on.", "Drop --boots.")
    from bareflow.grow import Places, Settings
    from bareflow.machine.spec import MachineSpec

    MachineSpec(Path(), accel=accel)  # what no machine has is refused before anything is built
    recipe = recipe_of(image, workload, file or (), args, cpu)
    settings = Settings(
        boots=boots or None,
        native=native,
        fresh=fresh,
        timeout_s=timeout_s,
        stdin=typed(stdin),
        accel=accel,
        trials=trial_run(recipe, trials, typed(stdin), timeout_s),
    )
    places = Places(Path(out) if out else output_folder(), recipe.name)
    console_ = people() if json else Console(highlight=False)
    if only_image:
        give_image(recipe, places, settings, one_port=one_port, as_json=json)
        return
    machine = None
    if port is not None:
        machine = partial(remote_of, port, console, baud=baud, wait=wait, timeout_s=timeout_s, stdin=settings.stdin)
    try:
        with shown(recipe.name, console_) as gardener:
            growth = asyncio.run(_grow(recipe, places, settings, gardener, machine))
    except KeyboardInterrupt:
        raise stopped(recipe.name, places.profile) from None
    give_growth(growth, console_, as_json=json)


def stopped(name: str, profile: Path) -> StoppedError:
    """What Ctrl-C has left."""
    kept = f"{profile} has what was counted: the same command goes on from there."
    return StoppedError(f"growing {name} was stopped.", kept if profile.exists() else "Nothing was counted yet.")


async def _grow(
    recipe: Recipe, places: Places, settings: Settings, gardener: Gardener, machine: Callable[[], Remote] | None
) -> Growth:
    """Grow, on a machine at a port if there is one, whose port is closed in any case."""
    from bareflow.grow import grow as grow_

    if machine is None:
        return await grow_(recipe, places, settings, gardener)
    remote = machine()
    try:
        return await grow_(recipe, places, replace(settings, remote=remote), gardener)
    finally:
        await remote.close()


def give_growth(growth: Growth, console: Console, *, as_json: bool) -> None:
    """Report a growth; a frozen program that does something else is an error."""
    from bareflow.growth.summary import document, functions_table, summary_lines

    facts = document(growth)
    if as_json:
        emit_json(facts)
    else:
        wide = console if console.is_terminal else Console(highlight=False, width=WIDE)
        wide.print(functions_table(facts["functions"]))
        for line in summary_lines(facts):
            console.print(line, markup=False, soft_wrap=True)
    if growth.difference:
        sys.stderr.write(f"bareflow: the frozen {growth.name} differs from the growing one: {growth.difference}\n")
        sys.stderr.write(f"  It was left as {growth.image}; no snapshot was written.\n")
        raise Exit(code=2)


def give_image(recipe: Recipe, places: Places, settings: Settings, *, one_port: bool, as_json: bool) -> None:
    """Make the growing image, and say what to do with it."""
    from bareflow.grow import Gardener, grow_image

    with steps() as on_step:
        report, build = grow_image(recipe, places, settings, Gardener(step=on_step), one_port=one_port)
    facts = {
        "image": str(report.image),
        "size_bytes": report.size_bytes,
        "payload_bytes": report.payload_bytes,
        "parts": {part.name: part.size for part in report.parts},
        "build_id": build,
        "one_port": one_port,
    }
    if as_json:
        emit_json(facts)
        return
    console = people()
    console.print(parts_table(facts))
    console.print(f"{report.image}, build {build[:8]}: flash it, boot it, and run", markup=False, soft_wrap=True)
    console.print("  ./inv grow --port PORT, with what was named here besides", markup=False, soft_wrap=True)


def recipe_of(
    image: str | None, workload: str | None, files: Sequence[str], args: str | None, cpu: str | None
) -> Recipe:
    """The recipe that a command line means."""
    recipe = choose_recipe(image, workload, files)
    given = split_args(args)
    recipe = recipe if given is None else replace(recipe, arguments=given)
    if cpu is None:
        return recipe
    from bareflow.image.recipe import with_cpu

    return with_cpu(recipe, cpu)


def typed(stdin: str | None) -> bytes:
    """What a workload reads as standard input.

    Raises:
        UsageError: the file cannot be read.
    """
    if stdin is None:
        return b""
    try:
        return Path(stdin).read_bytes()
    except OSError as error:
        raise UsageError(f"--stdin {stdin} cannot be read: {error.strerror}.", "Name a file.") from None


def trial_run(recipe: Recipe, seconds: float, stdin: bytes, timeout_s: float) -> Any:
    """What trials run, if there are to be any."""
    if seconds < 0:
        raise UsageError(f"--trials must not be below 0, but is {seconds}.", "0 measures nothing.")
    if not seconds:
        return None
    from bareflow.trials.freeze import TrialRun
    from bareflow.trials.measure import Workload
    from bareflow.trials.search import Settings

    load = Workload((recipe.name, *recipe.arguments), stdin, timeout_s)
    return TrialRun(load, Settings(budget_s=seconds))


@contextmanager
def shown(name: str, console: Console) -> Iterator[Gardener]:
    """Show a growth: a live table on a terminal, one line a tier-up elsewhere."""
    from bareflow.growth.summary import tier_up_line

    if console.is_terminal:
        with _live(name, console) as gardener:
            yield gardener
        return
    from bareflow.grow import Gardener
    from bareflow.growth.result import Watch

    boots = [0]

    def rose(up: TierUp) -> None:
        console.print(tier_up_line(boots[0], up), markup=False, soft_wrap=True)

    def boot(number: int, _program: Program, rises: Sequence[TierUp]) -> None:
        boots[0] = number
        for up in rises:
            rose(up)

    def note(text: str) -> None:
        console.print(f"note: {text}", markup=False, soft_wrap=True)

    def tried(result: FunctionTrial) -> None:
        console.print(result.describe(), markup=False, soft_wrap=True)

    yield Gardener(Watch(tier_up=rose, note=note, tried=tried), boot=boot)


@contextmanager
def _live(name: str, console: Console) -> Iterator[Gardener]:
    """Draw a table of functions, renewed with every round of counts."""
    from rich.live import Live

    from bareflow.grow import Gardener
    from bareflow.growth.result import Watch
    from bareflow.growth.summary import live_table, tier_up_line

    state: dict[str, Any] = {"title": name, "boot": 0}
    most = max(4, console.size.height - 8)
    with Live(console=console, refresh_per_second=8, transient=True) as live:

        def counts(functions: Sequence[Growing]) -> None:
            live.update(live_table(state["title"], functions, most))

        def rose(up: TierUp) -> None:
            live.console.print(tier_up_line(state["boot"], up), markup=False)

        def boot(number: int, _program: Program, rises: Sequence[TierUp]) -> None:
            state["boot"], state["title"] = number, f"{name}, boot {number}"
            for up in rises:
                rose(up)

        def note(text: str) -> None:
            live.console.print(f"note: {text}", markup=False)

        def tried(result: FunctionTrial) -> None:
            live.console.print(result.describe(), markup=False)

        yield Gardener(Watch(rose, note, counts, tried), boot=boot, step=lambda text: live.update(f"{name}: {text}"))


@task(
    help={
        "image": "a recipe's name or a recipe file (classic unless a workload is given)",
        "workload": "a C file, an LLVM .ll or .bc file, or a folder of them",
        "file": "pack a file: PATH or PATH=NAME on the image (repeatable)",
        "args": "the arguments the image is started with",
        "cpu": "the CPU it is compiled for; several, as in 'x86-64-v2 native', are frozen side by side (the recipe's)",
        "profile": "the profile, binary or JSON (build/NAME.profile)",
        "out": "the folder for snapshot and image (build)",
    },
    iterable=("file",),
)
def freeze(
    _context: Any,
    image: str | None = None,
    workload: str | None = None,
    file: list[str] | None = None,
    args: str | None = None,
    cpu: str | None = None,
    profile: str | None = None,
    out: str | None = None,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Freeze a workload with a saved profile, without a machine: the same profile gives the same bytes."""
    del verbose
    from bareflow.grow import Places, shrink
    from bareflow.growth.choices import load_choices, with_choices
    from bareflow.profile.store import load_profile

    recipe = recipe_of(image, workload, file or (), args, cpu)
    places = Places(Path(out) if out else output_folder(), recipe.name)
    source = Path(profile) if profile else places.profile
    known = load_profile(source)
    recipe = with_choices(recipe, load_choices(source))
    with steps() as on_step:
        frozen, report = shrink(recipe, known, places, step=on_step)
    facts = {
        **report.as_dict(),
        "snapshot": str(places.snapshot),
        "snapshot_bytes": len(frozen.snapshot),
        "profile": str(source),
        "boots": known.boots,
        "evidence": str(frozen.elf.with_suffix(".json")),
    }
    if json:
        emit_json(facts)
        return
    console = people()
    console.print(parts_table(facts))
    console.print(f"{places.snapshot} and {places.image}, from {source}", markup=False, soft_wrap=True)


@task(
    help={
        "calls": "of each function of classic in a growing run",
        "growths": "growing runs, of which the median counts",
        "rounds": "rounds of paired figures",
        "kernels": "small programs to be grown in QEMU for its latency",
    }
)
def bench_tiers(
    _context: Any,
    calls: int = 50_000,
    growths: int = 3,
    rounds: int = 9,
    kernels: int = 8,
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Measure what growing costs and gives: compile share, tiers against frozen and AOT code, latency."""
    del verbose
    for option, value in (("calls", calls), ("growths", growths), ("rounds", rounds)):
        positive(f"--{option}", value)
    from bareflow.cli.benches import bench_folder

    bench_folder()
    from bench.bench_tiers import bench_tiers as measure
    from bench.bench_tiers import lines_of

    with steps() as on_step:
        found = measure(calls=calls, growths=growths, rounds=rounds, kernels=kernels, say=on_step)
    if json:
        emit_json(found)
        return
    console = Console(highlight=False)
    for line in lines_of(found):
        console.print(line, markup=False, soft_wrap=True)


TASKS = [grow, freeze, bench_tiers]
