"""Grow to shrink: the whole loop, from sources through growing runs to a frozen image that says the same.

    program = prepare(…)          sources → bitcode → base and bodies → a growing program
    boots = await grow_boots(…)   runs it, as a Linux process or on a machine, each run from where the last ended
    freeze(recipe, profile=…)     the whole program with what was seen of it
    build_image, run, compare     the shrunk image must say what the growing program said

Nothing but `grow` knows all of it; a saved profile is enough to repeat the freezing (`shrink`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bareflow.build import BuildReport, build_image
from bareflow.compile.pool import CompilePool
from bareflow.errors import BareFlowError, MachineError
from bareflow.freeze import Frozen, freeze
from bareflow.growth.boots import OnBoot, Outcome, difference, grow_boots
from bareflow.growth.choices import choices_in, save_choices, with_choices
from bareflow.growth.guest import HOST_MIB, build_grow_image, grow_guest
from bareflow.growth.local import grow_native
from bareflow.growth.places import Kept, Places
from bareflow.growth.probe import measure_frozen
from bareflow.growth.program import COMPILERS, Program, prepare, restart
from bareflow.growth.remote import Remote, UnfinishedError
from bareflow.growth.result import GrownFunction, GrowthResult, TierFacts, Watch
from bareflow.growth.run import GrowthRun
from bareflow.growth.summary import Growth, Sizes
from bareflow.image.disk import ImageReport
from bareflow.image.recipe import PackedFile, Recipe
from bareflow.image.ways import for_any_machine
from bareflow.machine import MachineSpec, boot
from bareflow.names import names_of_build
from bareflow.native import native_command
from bareflow.profile.store import save_profile
from bareflow.profile.values import Profile
from bareflow.snapshot.slots import GrowthOptions
from bareflow.tiering import Policy
from bareflow.toolchain import write_atomic
from bareflow.trials.evidence import specials
from bareflow.trials.freeze import TrialRun

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

PROFILE_NAME = "PROFILE.BIN"  # on the growing image
LARGE = 64 << 20  # bytes from which a packed file is linked into a process's folder and not copied
EXITED = "exited"
TIMEOUT = "timeout"


@dataclass(frozen=True)
class Settings:
    """How to grow.

    Args:
        boots: most runs; None: as the recipe says.
        native: as a Linux process instead of on a machine.
        fresh: forget the profile of earlier growths.
        timeout_s: of each run.
        stdin: of each run.
        accel: of machines: "auto", "kvm" or "tcg".
        trials: runs that decide between variants of the frozen program, and as many seconds for trials of single
            functions where they grow; None: the profile alone decides.
        measure: time the frozen and the ahead-of-time program, too, where the growth was native.
        options: code cache and tick of the growing program.
        remote: the machine to serve, which somebody else boots; None: ours.
    """

    boots: int | None = None
    native: bool = False
    fresh: bool = False
    timeout_s: float = 600.0
    stdin: bytes = b""
    accel: str = "auto"
    trials: TrialRun | None = None
    measure: bool = True
    options: GrowthOptions | None = None
    remote: Remote | None = None


@dataclass
class Gardener:
    """Who is told how a growth goes.

    Args:
        watch: of tier-ups, counts and of what does not work, in the run under way.
        boot: of each run before it starts, and what rose since the run before.
        step: what is being done between runs.
    """

    watch: Watch = field(default_factory=Watch)
    boot: OnBoot = field(default=lambda _number, _program, _rises: None)
    step: Callable[[str], None] = field(default=lambda _text: None)


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
        runs = _Runs(recipe, places, settings, replace(gardener, watch=replace(gardener.watch, cut=kept.add)))
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
    choices, recipe = await runs.choose(boots.profile)
    frozen = freeze(recipe, profile=boots.profile, trials=settings.trials, progress=gardener.step)
    report = build_image(recipe, places.unchecked, frozen=frozen, progress=gardener.step)
    gardener.step("comparing the frozen program with the growing one")
    why = difference(boots.boots[0].outcome, await runs.frozen(frozen, report))
    if not why:
        _keep(places, frozen, boots.profile)
    gardener.step("packing the growing image")
    anywhere = settings.remote is not None
    packed = build_grow_image(following, _with_profile(recipe, places), places.grow_image, anywhere=anywhere)
    total_ms = (time.monotonic() - began) * 1000
    measure = settings.native and settings.measure and not settings.remote and not why
    measured = runs.measure(frozen, notes.append) if measure else {}
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
        with_profile = _with_profile(recipe, places)
        report = build_grow_image(program, with_profile, places.grow_image, one_port=one_port, anywhere=True)
        return report, program.base.build_id.hex()


def _keep(places: Places, frozen: Frozen, profile: Profile) -> None:
    """The frozen program does what it should: its files get their names, its profile what was specialised."""
    save_profile(places.profile, profile.with_special(specials(frozen.evidence)))
    write_atomic(places.snapshot, frozen.snapshot)
    places.unchecked.replace(places.image)


def _with_profile(recipe: Recipe, places: Places) -> Recipe:
    """A recipe whose image carries the profile, where there is one."""
    if not places.profile.exists():
        return recipe
    return replace(recipe, files=(*recipe.files, PackedFile(places.profile, PROFILE_NAME)))


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


class _Runs:
    """Runs of one workload, growing and frozen, with the same arguments, files and input."""

    def __init__(self, recipe: Recipe, places: Places, settings: Settings, gardener: Gardener) -> None:
        self.recipe, self.places, self.settings, self.gardener = recipe, places, settings, gardener
        self.accel = settings.accel

    async def once(self, program: Program) -> GrowthResult:
        """Run a growing program.

        Raises:
            MachineError: it did not end by itself.
        """
        if self.settings.remote:
            return await self.settings.remote.run(program, self.gardener.watch)
        return await (self._process(program) if self.settings.native else self._machine(program))

    async def _process(self, program: Program) -> GrowthResult:
        recipe = self.recipe
        with folder_of_files(recipe.files) as folder:
            result = await grow_native(
                program,
                recipe.arguments,
                environment=dict(recipe.environment),
                stdin=self.settings.stdin,
                folder=folder,
                watch=self.gardener.watch,
                timeout_s=self.settings.timeout_s,
            )
        if result.exit_status < 0:
            raise MachineError(
                f"{recipe.name} was ended by {_signal(-result.exit_status)} while it grew.",
                "Does it end so without BareFlow, too? Without --native a crash report says where.",
            )
        return result

    async def _machine(self, program: Program) -> GrowthResult:
        spec = MachineSpec(
            self.places.grow_image,
            memory_mib=self.recipe.memory_mib + HOST_MIB,
            accel=self.settings.accel,
            timeout_s=self.settings.timeout_s,
        )
        grown = await grow_guest(
            program,
            _with_profile(self.recipe, self.places),
            image=self.places.grow_image,
            spec=spec,
            watch=self.gardener.watch,
            stdin=self.settings.stdin,
        )
        self.accel = grown.guest.accel
        if grown.guest.verdict != EXITED:
            detail = "\n".join(grown.guest.explain())
            if grown.guest.verdict == TIMEOUT:
                raise MachineError(
                    f"{self.recipe.name} did not end within {self.settings.timeout_s:g} s.",
                    "Give --timeout-s more.",
                    detail,
                )
            raise MachineError(
                f"{self.recipe.name} did not end by itself while it grew: {grown.guest.verdict}.",
                grown.guest.reason,
                detail,
            )
        return grown.growth

    async def choose(self, profile: Profile) -> tuple[tuple[str, ...], Recipe]:
        """What the program measures of itself once frozen, if it may choose, and its recipe with that.

        Raises:
            CompileError, LinkError, ImageError, MachineError: see `freeze`, `build_image` and `frozen`.
        """
        names = self.recipe.grow.measured
        if not names:
            return (), self.recipe
        self.gardener.step("running it frozen, so that it measures what it is to be frozen with")
        frozen = freeze(self.recipe, profile=profile, progress=self.gardener.step)
        report = build_image(self.recipe, self.places.unchecked, frozen=frozen, progress=self.gardener.step)
        flags = choices_in((await self.frozen(frozen, report)).errors, names)
        save_choices(self.places.profile, flags)
        self.recipe = with_choices(self.recipe, flags)
        return flags, self.recipe

    async def frozen(self, frozen: Frozen, report: BuildReport) -> Outcome:
        """Run the frozen program likewise.

        Raises:
            MachineError: it does not end in time.
        """
        if self.settings.native:
            return self._frozen_process(frozen)
        spec = MachineSpec(
            report.image,
            memory_mib=self.recipe.memory_mib,
            accel=self.settings.accel,
            timeout_s=self.settings.timeout_s,
        )
        result = await boot(spec, stdin=self.settings.stdin)
        if result.verdict != EXITED:
            raise MachineError(
                f"The shrunk image of {self.recipe.name} did not end by itself: {result.verdict}.",
                result.reason,
                "\n".join(result.explain()),
            )
        return Outcome(result.exit_status, result.stdout, result.stderr)

    def measure(self, frozen: Frozen, note: Callable[[str], None]) -> Mapping[str, Mapping[str, float]]:
        """Cycles per call of frozen and of ahead-of-time code, in Linux processes, as growing code was timed.

        The program is frozen already: what stands in the way here is noted and no more.
        """
        try:
            return self._measure(frozen)
        except BareFlowError as problem:
            note(f"Frozen and ahead-of-time code were not compared: {problem.message}")
            return {}

    def _measure(self, frozen: Frozen) -> Mapping[str, Mapping[str, float]]:
        self.gardener.step("timing frozen and ahead-of-time code")
        with folder_of_files(self.recipe.files) as folder:
            return measure_frozen(
                frozen.least.snapshot,
                frozen.program,
                frozen.target,
                self.recipe,
                stdin=self.settings.stdin,
                folder=folder,
                timeout_s=self.settings.timeout_s,
            )

    def _frozen_process(self, frozen: Frozen) -> Outcome:
        recipe = self.recipe
        with tempfile.TemporaryDirectory(prefix="bareflow-") as place, folder_of_files(recipe.files) as folder:
            snapshot = Path(place) / "optimized_snapshot.bin"
            snapshot.write_bytes(frozen.snapshot)
            command = native_command(snapshot, (recipe.name, *recipe.arguments))
            try:
                done = subprocess.run(
                    command,
                    input=self.settings.stdin,
                    capture_output=True,
                    cwd=folder,
                    env={**os.environ, **dict(recipe.environment)},
                    timeout=self.settings.timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise MachineError(
                    f"The frozen {recipe.name} did not end within {self.settings.timeout_s:g} s."
                ) from None
        sys.stderr.write(done.stderr.decode(errors="replace"))
        return Outcome(done.returncode, done.stdout, done.stderr)


def _signal(number: int) -> str:
    """A signal for people."""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


@contextmanager
def folder_of_files(files: Sequence[PackedFile]) -> Iterator[Path]:
    """A folder that holds a recipe's files under their names, for a process that expects them there.

    Copies, since a program may write to them; large files are linked.
    """
    with tempfile.TemporaryDirectory(prefix="bareflow-") as place:
        folder = Path(place)
        for file in files:
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.source.stat().st_size < LARGE:
                shutil.copyfile(file.source, target)
            else:
                target.symlink_to(file.source.absolute())
        yield folder
