"""Where the files of a growth are, and the profile that outlives its runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bareflow.errors import ImageError, ProfileError
from bareflow.image.recipe import PackedFile, Recipe
from bareflow.profile.store import load_to_add, save_profile
from bareflow.profile.values import Profile
from bareflow.toolchain import cache_dir, write_atomic

PROFILE_NAME = "PROFILE.BIN"  # on the growing image


@dataclass(frozen=True)
class Places:
    """Where the files of one growth are."""

    folder: Path
    name: str

    def check(self) -> None:
        """See that files can be written there, before a run takes its time.

        Raises:
            ImageError: they cannot.
        """
        probe = self.folder / f".{self.name}.check"
        try:
            write_atomic(probe, b"")
        except ImageError as problem:
            why = problem.message.rpartition(": ")[2]
            raise ImageError(f"Nothing can be written to {self.folder}: {why}", "Choose another --out.") from None
        probe.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other growths away from these files; that a process ends lets them go.

        Raises:
            ImageError: another growth is under way here.
        """
        named = os.fsencode(self.folder.resolve() / self.name)
        lock = cache_dir() / "locks" / hashlib.sha256(named).hexdigest()[:32]
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # that nothing can be written there is found out soon enough
                lock.parent.mkdir(exist_ok=True)
                held = stack.enter_context(lock.open("w"))
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    why = f"Another growth of {self.name} writes to {self.folder}."
                    raise ImageError(why, "Wait until it has ended, or choose another --out.") from None
            yield

    def known(self) -> Profile:
        """What earlier growths have left; nothing where there was none.

        Raises:
            ProfileError: it cannot be read.
        """
        if not self.profile.exists():
            return Profile()
        try:
            return load_to_add(self.profile)
        except ProfileError as problem:
            hint = "Grow with --fresh, which forgets it, or put back a copy that is whole."
            raise ProfileError(problem.message, hint, problem.detail) from None

    @property
    def profile(self) -> Path:
        """The merged profile of all runs."""
        return self.folder / f"{self.name}.profile"

    @property
    def grow_image(self) -> Path:
        """The growing image, its functions at the tiers reached, the profile on it."""
        return self.folder / f"{self.name}.grow.img"

    @property
    def image(self) -> Path:
        """The shrunk image."""
        return self.folder / f"{self.name}.shrunk.img"

    @property
    def unchecked(self) -> Path:
        """The shrunk image until it has been compared; it stays where it differs."""
        return self.folder / f"{self.name}.unchecked.img"

    @property
    def snapshot(self) -> Path:
        """The frozen program of the last growth."""
        return self.folder / "optimized_snapshot.bin"

    def with_profile(self, recipe: Recipe) -> Recipe:
        """A recipe whose image carries the profile, where there is one."""
        if not self.profile.exists():
            return recipe
        return replace(recipe, files=(*recipe.files, PackedFile(self.profile, PROFILE_NAME)))


@dataclass
class Kept:
    """The profile on disk, and what a run that is cut short still adds to it."""

    path: Path
    profile: Profile

    def save(self, profile: Profile) -> None:
        """Write what all runs so far have seen."""
        self.profile = profile
        save_profile(self.path, profile)

    def add(self, profile: Profile) -> None:
        """Write it with what was seen of a run without an end."""
        if profile.functions:
            self.save(self.profile.merge(profile))
