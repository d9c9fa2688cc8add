"""A workload's runs, growing and frozen: with the same arguments, files and input, as a process or on a machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bareflow.compile.cpu import Target
from bareflow.errors import BareFlowError, MachineError
from bareflow.growth.boots import Outcome
from bareflow.growth.guest import HOST_MIB, grow_guest
from bareflow.growth.local import grow_native
from bareflow.growth.places import Places
from bareflow.growth.probe import measure_frozen
from bareflow.growth.program import Program
from bareflow.growth.result import GrowthResult
from bareflow.growth.settings import Gardener, Settings
from bareflow.image.recipe import PackedFile, Recipe
from bareflow.machine import MachineSpec, boot
from bareflow.native import native_command
from bareflow.snapshot.link import LinkedProgram

LARGE = 64 << 20  # bytes from which a packed file is linked into a process's folder and not copied
EXITED = "exited"
TIMEOUT = "timeout"


class Runs:
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
            self.gardener.watch.cut(result.profile)
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
            self.places.with_profile(self.recipe),
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

    async def frozen(self, snapshot: bytes, image: Path) -> Outcome:
        """Run the frozen program likewise: a snapshot as a process, or the image that holds it.

        Raises:
            MachineError: it does not end in time.
        """
        if self.settings.native:
            return self._frozen_process(snapshot)
        spec = MachineSpec(
            image,
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

    def measure(
        self, snapshot: bytes, program: LinkedProgram, target: Target, note: Callable[[str], None]
    ) -> Mapping[str, Mapping[str, float]]:
        """Cycles per call of frozen and of ahead-of-time code, in Linux processes, as growing code was timed.

        The program is frozen already: what stands in the way here is noted and no more.
        """
        self.gardener.step("timing frozen and ahead-of-time code")
        try:
            with folder_of_files(self.recipe.files) as folder:
                return measure_frozen(
                    snapshot,
                    program,
                    target,
                    self.recipe,
                    stdin=self.settings.stdin,
                    folder=folder,
                    timeout_s=self.settings.timeout_s,
                )
        except BareFlowError as problem:
            note(f"Frozen and ahead-of-time code were not compared: {problem.message}")
            return {}

    def _frozen_process(self, data: bytes) -> Outcome:
        recipe = self.recipe
        with tempfile.TemporaryDirectory(prefix="bareflow-") as place, folder_of_files(recipe.files) as folder:
            snapshot = Path(place) / "optimized_snapshot.bin"
            snapshot.write_bytes(data)
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
