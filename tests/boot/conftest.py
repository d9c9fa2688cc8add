"""Machines for the boot tests. One at a time, and none may be left behind."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.compile.freestanding import build_freestanding
from bareflow.image.recipe import load_recipe, recipe_for_workload
from bareflow.machine import GuestResult, MachineSpec, boot_
from bareflow.machine.stdin import Stdin
from bareflow.toolchain import data_root

COM1, COM2 = 0x3F8, 0x2F8
SMALLEST_DISK = 1 << 20  # SeaBIOS boots nothing under 504 KiB
SCRIPT_SIZE = 64 * 512
TIMEOUT_S = 60.0  # for a run that ends by itself; only a broken one takes it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without QEMU the boot tests are skipped, and say so."""
    if shutil.which("qemu-system-x86_64") is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="qemu-system-x86_64 is not installed"))


def child_processes() -> set[int]:
    """Processes that this one has made and that have not been waited for."""
    me = os.getpid()
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == me:
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Fail a test that leaves a process behind."""
    before = child_processes()
    yield
    left = child_processes() - before
    assert not left, f"processes left behind: {sorted(left)}"


class Script:
    """What the player sector does: `tests/guests/player/player.S`."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def say(self, port: int, data: bytes) -> Script:
        """Write bytes to a UART."""
        self._bytes += struct.pack("<HH", port, len(data)) + data
        return self

    def act(self, letter: str, *operands: int) -> Script:
        """Do one of the player's actions."""
        self._bytes += struct.pack("<HH", 0, ord(letter)) + bytes(operands)
        return self

    def disk(self, sector: bytes) -> bytes:
        """The disk image that plays it."""
        assert len(self._bytes) <= SCRIPT_SIZE
        return (sector + bytes(self._bytes)).ljust(SMALLEST_DISK, b"\0")


@pytest.fixture(scope="session")
def player_sector() -> bytes:
    """The player's boot sector."""
    root = data_root()
    script = root / "bareflow" / "machine" / "guests" / "sector.ld"
    return build_freestanding("player", [root / "tests/guests/player/player.S"], script=script).binary


@pytest.fixture
def player(player_sector: bytes, tmp_path: Path) -> Callable[[Script], Path]:
    """Return `make(script)`, the image file of a player."""

    def make(script: Script) -> Path:
        image = tmp_path / "player.img"
        image.write_bytes(script.disk(player_sector))
        return image

    return make


@pytest.fixture
def boot() -> Callable[..., GuestResult]:
    """Return `run(image, stdin=None, **spec)`: boot under emulation, which is everywhere the same."""

    def run(image: Path, *, stdin: Stdin = None, **settings: object) -> GuestResult:
        spec = MachineSpec(image, **{"accel": "tcg", "timeout_s": TIMEOUT_S, **settings})
        return boot_(spec, stdin=stdin)

    return run


def built_image(source: Path, folder: Path) -> Path:
    """Build an image for one C program."""
    out = folder / f"{source.stem}.img"
    build_image(recipe_for_workload(source), out)
    return out


@pytest.fixture(scope="session")
def modes_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image whose workload ends in the way that its first argument says: tests/guests/modes."""
    return built_image(data_root() / "tests/guests/modes/modes.c", tmp_path_factory.mktemp("modes"))


@pytest.fixture(scope="session")
def classic_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of the recipe `classic`."""
    out = tmp_path_factory.mktemp("classic") / "classic.img"
    build_image(load_recipe("classic"), out)
    return out


@pytest.fixture
def mode(modes_image: Path, boot: Callable[..., GuestResult]) -> Callable[..., GuestResult]:
    """Return `run(*arguments, **spec)`: boot the modes image with these arguments."""

    def run(*arguments: str, **settings: object) -> GuestResult:
        return boot(modes_image, args=("modes", *arguments), **settings)

    return run
