"""One image, the same bytes, through every way in: the same output from each."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.image.recipe import PackedFile, recipe_for_workload
from bareflow.machine.firmware import OVMF
from bareflow.toolchain import data_root

SMALL, LARGE = 3 << 20, 64 << 20  # within what a PVH machine loads whole, and beyond
PIECE = 1 << 20
MEMORY_MIB = 256  # the large file once in memory as a disk

needs_ovmf = pytest.mark.skipif(not any(Path(path).is_file() for path in OVMF), reason="no OVMF is installed")

BIOS = [
    {"drive": "ide"},
    {"drive": "ahci"},
    {"drive": "virtio"},
    {"drive": "usb"},
    {"machine": "q35"},
]
PVH = [
    {"firmware": "pvh", "machine": "pc", "drive": "none"},
    {"firmware": "pvh", "machine": "q35", "drive": "virtio"},
    {"firmware": "pvh", "machine": "microvm", "drive": "none"},
]
UEFI = [
    # with memory at 5 GiB, where OVMF puts BOOTX64.EFI then
    pytest.param({"firmware": "uefi", "machine": "q35", "drive": "ahci", "memory_mib": 3200}, marks=needs_ovmf),
    pytest.param({"firmware": "uefi", "machine": "pc", "drive": "usb"}, marks=needs_ovmf),
]
LARGE_WAYS = [
    {"drive": "ide"},
    {"drive": "ahci"},
    {"drive": "virtio"},
    {"drive": "usb"},
    {"firmware": "pvh", "machine": "pc"},
    {"firmware": "pvh", "machine": "q35"},
    {"firmware": "pvh", "machine": "microvm"},
    pytest.param({"firmware": "uefi", "machine": "q35", "drive": "ahci"}, marks=needs_ovmf),
]


def way(settings):
    return "-".join(str(value) for value in settings.values())


def make_image(folder: Path, size: int) -> tuple[Path, bytes]:
    """An image whose workload checks a file of `size` bytes, and what it is to say."""
    piece = hashlib.shake_128(b"a file").digest(PIECE)
    (folder / "data.bin").write_bytes(piece * (size // PIECE))
    recipe = recipe_for_workload(
        data_root() / "tests/guests/ways/ways.c", [PackedFile(folder / "data.bin", "folder/Data file.bin")]
    )
    out = folder / "ways.img"
    build_image(replace(recipe, arguments=("folder/Data file.bin",)), out)
    sums = list(accumulate(struct.unpack(f"<{PIECE // 8}Q", piece)))
    pieces, words = size // PIECE, PIECE // 8
    first = sums[-1] * pieces % 2**64
    second = (sum(sums) * pieces + sums[-1] * words * pieces * (pieces - 1) // 2) % 2**64
    name = "folder/Data file.bin"
    return out, f"0: ways\n1: {name}\n{name}: {size} bytes, {first:016x} {second:016x}\n".encode()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    image, expected = make_image(tmp_path_factory.mktemp("small"), SMALL)
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    yield image, expected
    assert hashlib.sha256(image.read_bytes()).hexdigest() == digest, "a boot has changed the image"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("large"), LARGE)


@pytest.mark.parametrize("settings", [*BIOS, *PVH, *UEFI], ids=way)
def test_one_image_says_the_same_through_every_way_in(small, boot, settings):
    image, expected = small
    result = boot(image, **settings)
    assert (result.verdict, result.stdout) == ("exited", expected), result.explain()


@pytest.mark.parametrize("settings", LARGE_WAYS, ids=way)
def test_a_large_file_is_read_through_every_way_in(large, boot, settings):
    image, expected = large
    result = boot(image, memory_mib=MEMORY_MIB, **settings)
    assert (result.verdict, result.stdout) == ("exited", expected), result.explain()
