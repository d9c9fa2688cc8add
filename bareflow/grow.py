"""Grow to shrink: the whole loop, from sources through growing runs to a frozen image that says the same.

    program = prepare(…)          sources → bitcode → base and bodies → a growing program
    boots = await grow_boots(…)   runs it, as a Linux process or on a machine, each run from where the last ended
    freeze(recipe, profile=…)     the whole program with what was seen of it
    build_image, run, compare     the shrunk image must say what the growing program said

Nothing but `grow` knows all of it; a saved profile is enough to repeat the freezing (`shrink`).
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bareflow.build import BuildReport, build_image
from bareflow.compile.pool import CompilePool
from bareflow.errors import MachineError
from bareflow.freeze import Frozen, freeze
from bareflow.growth.boots import difference, grow_boots
from bareflow.growth.choices import choices_in, save_choices, with_choices
from bareflow.growth.guest import build_grow_image
from bareflow.growth.local import grow_native
from bareflow.growth.places import Kept, Places
from bareflow.growth.program import COMPILERS, Program, prepare, restart
from bareflow.growth.remote import UnfinishedError
from bareflow.growth.result import GrownFunction, GrowthResult, TierFacts, Watch
from bareflow.growth.run import GrowthRun
from bareflow.growth.runs import Runs
from bareflow.growth.settings import Gardener, Settings
from bareflow.growth.summary import Growth, Sizes
from bareflow.image.disk import ImageReport
from bareflow.image.recipe import Recipe
from bareflow.image.ways import for_any_machine
from bareflow.names import names_of_build
from bareflow.profile.store import save_profile
from bareflow.profile.values import Profile
from bareflow.tiering import Policy
from bareflow.toolchain import write_atomic
from bareflow.trials.evidence import specials

__all__ = [
    "Gardener",
    "GrownFunction",
    "Growth",
    "GrowthResult",
    "GrowthRun",
    "Places",
    "Program",
    "Settings",
    "TierFacts",
    "Watch",
    "grow",
    "grow_native",
    "policy_of",
    "prepare",
    "restart",
    "shrink",
]


def policy_of(recipe: Recipe) -> Policy:
    """When functions rise, as a recipe says."""
    grow = recipe.grow
    return Policy(grow.policy, grow.thresholds, grow.interpreter_threshold)


async def grow(recipe: Recipe, places: Places, settings: Settings, gardener: Gardener | None = None) -> Growth:
    """Grow a recipe's workload, freeze it, and compare what it does then.

    Args:
        recipe: the workload, its arguments and its machine.
        places: where files go.
        settings: how.
        gardener: told how it goes.

    Returns:
        The growth; its `difference` is not empty where the frozen program does something else. Then no snapshot and no
        shrunk image were written.

    Raises:
        CompileError, LinkError, MachineError, ImageError, ProfileError: see the stages.
    """
    with places.alone():
        return await _grow(recipe, places, settings, gardener or Gardener())


async def _grow(recipe: Recipe, places: Places, settings: Settings, gardener: Gardener) -> Growth:
    """Grow, as `grow` says; nobody else writes to the places."""
    began = time.monotonic()
    notes: list[str] = []
    build = await settings.remote.arrive() if settings.remote else ""
    recipe = for_any_machine(recipe) if settings.remote else recipe
    with CompilePool(COMPILERS) as pool:
        program, earlier = _prepare(recipe, places, settings, pool, gardener, notes, build)
        places.check()
        kept = Kept(places.profile, earlier)
        runs = Runs(recipe, places, settings, replace(gardener, watch=replace(gardener.watch, cut=kept.add)))
        try:
            boots = await grow_boots(
                program,
                runs.once,
                most=1 if settings.remote else settings.boots or recipe.grow.boots,
                earlier=earlier,
                on_boot=gardener.boot,
                save=kept.save,
            )
        except UnfinishedError as problem:
            kept.add(problem.profile)
            raise
        following = boots.next_program()
        growing_ms = program.service.compile_ms
    choices, recipe = await _choose(runs, boots.profile)
    frozen = freeze(recipe, profile=boots.profile, trials=settings.trials, progress=gardener.step)
    report = build_image(recipe, places.unchecked, frozen=frozen, progress=gardener.step)
    gardener.step("comparing the frozen program with the growing one")
    why = difference(boots.boots[0].outcome, await runs.frozen(frozen.snapshot, report.image))
    if not why:
        _keep(places, frozen, boots.profile)
    gardener.step("packing the growing image")
    anywhere = settings.remote is not None
    packed = build_grow_image(following, places.with_profile(recipe), places.grow_image, anywhere=anywhere)
    total_ms = (time.monotonic() - began) * 1000
    measure = settings.native and settings.measure and not settings.remote and not why
    measured = runs.measure(frozen.least.snapshot, frozen.program, frozen.target, notes.append) if measure else {}
    notes += [f"boot {one.number}: {note}" for one in boots.boots for note in one.result.notes]
    return Growth(
        name=recipe.name,
        where=settings.remote.where if settings.remote else "native" if settings.native else runs.accel,
        boots=boots,
        earlier_boots=earlier.boots,
        sizes=Sizes(llvm_bytes(), packed.payload_bytes, report.payload_bytes, dict(report.parts)),
        profile=places.profile,
        snapshot=places.snapshot if not why else Path(),
        image=places.unchecked if why else places.image,
        difference=why,
        compile_ms=growing_ms + frozen.compile_ms,
        freeze_ms=frozen.compile_ms,
        total_ms=total_ms,
        measured=measured,
        evidence=frozen.evidence,
        notes=tuple(notes),
        choices=choices,
    )


def _prepare(
    recipe: Recipe,
    places: Places,
    settings: Settings,
    pool: CompilePool,
    gardener: Gardener,
    notes: list[str],
    build: str = "",
) -> tuple[Program, Profile]:
    """The program at the tiers of earlier growths, or as a machine runs it already, and what they left.

    Args:
        recipe: as for `grow`.
        places: likewise.
        settings: likewise.
        pool: compiles.
        gardener: as for `grow`.
        notes: what a person should know is added.
        build: of the program that a machine runs already, in hexadecimal; empty: none does.
    """
    known = Profile() if settings.fresh else places.known()
    gardener.step(f"preparing {recipe.name}")
    program = prepare(
        recipe.sources,
        pool,
        flags=recipe.flags,
        name=recipe.name,
        cpu=recipe.cpu,
        policy=policy_of(recipe),
        options=settings.options,
        tiers=names_of_build(build).start or known,
    )
    program = replace(program, trials_s=settings.trials.settings.budget_s if settings.trials else 0.0)
    if build and build != (ours := program.base.build_id.hex()):
        raise MachineError(
            f"The machine runs build {build[:8]}, but {recipe.name} as it is here is build {ours[:8]}.",
            f"Flash {places.grow_image}, which `./inv grow --only-image` makes, or name what the machine runs.",
        )
    fitted = known.fit(program.digests)
    if words := fitted.explain():
        notes.append(words)
        gardener.watch.note(words)
    earlier = fitted.profile if fitted.profile.functions else Profile()
    return program, earlier


async def _choose(runs: Runs, profile: Profile) -> tuple[tuple[str, ...], Recipe]:
    """What the program measures of itself once frozen, if it may choose, and its recipe with that.

    Raises:
        CompileError, LinkError, ImageError, MachineError: see `freeze`, `build_image` and `Runs.frozen`.
    """
    recipe, places, step = runs.recipe, runs.places, runs.gardener.step
    if not recipe.grow.measured:
        return (), recipe
    step("running it frozen, so that it measures what it is to be frozen with")
    frozen = freeze(recipe, profile=profile, progress=step)
    report = build_image(recipe, places.unchecked, frozen=frozen, progress=step)
    flags = choices_in((await runs.frozen(frozen.snapshot, report.image)).errors, recipe.grow.measured)
    save_choices(places.profile, flags)
    runs.recipe = with_choices(recipe, flags)
    return flags, runs.recipe


def grow_image(
    recipe: Recipe, places: Places, settings: Settings, gardener: Gardener | None = None, *, one_port: bool = False
) -> tuple[ImageReport, str]:
    """Pack the growing image and no more: for a machine that is not ours to boot, with every way into it.

    Args:
        recipe: as for `grow`.
        places: likewise.
        settings: likewise.
        gardener: likewise.
        one_port: text and frames share the first serial port, although the machine may have a second.

    Returns:
        The image, and the build id of its program in hexadecimal.

    Raises:
        CompileError, LinkError, ImageError, ProfileError: see the stages.
    """
    gardener = gardener or Gardener()
    with CompilePool(COMPILERS) as pool:
        program, _ = _prepare(recipe, places, settings, pool, gardener, [])
        gardener.step("packing the growing image")
        with_profile = places.with_profile(recipe)
        report = build_grow_image(program, with_profile, places.grow_image, one_port=one_port, anywhere=True)
        return report, program.base.build_id.hex()


def _keep(places: Places, frozen: Frozen, profile: Profile) -> None:
    """The frozen program does what it should: its files get their names, its profile what was specialised."""
    save_profile(places.profile, profile.with_special(specials(frozen.evidence)))
    write_atomic(places.snapshot, frozen.snapshot)
    places.unchecked.replace(places.image)


def shrink(
    recipe: Recipe, profile: Profile, places: Places, *, step: Callable[[str], None] = lambda _text: None
) -> tuple[Frozen, BuildReport]:
    """Freeze from a saved profile and pack the shrunk image, without a machine: same profile, same bytes.

    Raises:
        CompileError, LinkError, ImageError: see the stages.
    """
    frozen = freeze(recipe, profile=profile, progress=step)
    report = build_image(recipe, places.image, frozen=frozen, progress=step)
    write_atomic(places.snapshot, frozen.snapshot)
    return frozen, report


def llvm_bytes() -> int:
    """Bytes of the compiler's library."""
    found = importlib.util.find_spec("llvmlite")
    folder = Path(found.origin).parent / "binding" if found and found.origin else Path()
    return max((path.stat().st_size for path in folder.glob("*llvmlite*.so")), default=0)
