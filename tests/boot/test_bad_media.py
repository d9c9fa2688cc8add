"""A spoiled sector anywhere on the boot path ends in words, or was not on that path. `sweep.py` does all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.freeze import freeze
from bareflow.image.disk import read_file
from bareflow.image.recipe import WAYS_IN, PackedFile, load_recipe, recipe_for_workload
from bareflow.layouts.memmap import MEMMAP
from bareflow.machine.firmware import OVMF
from bareflow.toolchain import data_root
from tests.boot.sweep import SECTOR, boot_spoiled

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
UEFI = pytest.mark.skipif(not any(Path(path).is_file() for path in OVMF), reason="no OVMF is installed")
LARGE = 40 << 20  # more than a PVH machine loads whole


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    out = tmp_path_factory.mktemp("media") / "classic.img"
    build_image(replace(load_recipe("classic"), boot=frozenset(WAYS_IN), features=None), out)
    return out


@pytest.fixture(scope="module")
def sectors(image):
    """A sector of each part of the boot path, by name."""
    data, partition = image.read_bytes(), NUMBERS["DISK_PARTITION_LBA"]

    def middle(name):
        held = read_file(image, name)
        return data.find(held) // SECTOR + len(held) // SECTOR // 2

    return {
        "stage 2": NUMBERS["DISK_STAGE2_LBA"] + 2,
        "volume": partition,
        "table": partition + 1,
        "root": partition + 1 + 2 * 17,
        "kernel": middle("KERNEL.BIN"),
        "snapshot": middle("OPTIMIZED_SNAPSHOT.BIN"),
        "arguments": middle("ARGS.BIN"),
    }


BIOS = {
    "stage 2": "boot failure R",
    "volume": "boot failure D: disk read error",
    "table": "boot failure D: disk read error",
    "root": "boot failure D: disk read error",
    "kernel": "boot failure D: disk read error",
    "snapshot": "snapshot refused: read-error",
    "arguments": "panic: ARGS.BIN cannot be read",
}


@pytest.mark.parametrize(
    ("way", "part"),
    [(way, part) for way in ("bios-ide", "bios-ahci") for part in BIOS]
    + [("bios-virtio", "snapshot"), ("bios-usb", "kernel")],
)
def test_a_sector_that_cannot_be_read(image, sectors, tmp_path, way, part):
    outcome = boot_spoiled(image, tmp_path, way, "error", sectors[part], b"")
    assert (outcome.kind, outcome.words) == ("named", BIOS[part])


@pytest.mark.parametrize("part", ["kernel", "snapshot"])
@pytest.mark.parametrize("fault", ["cut", "half", "flip"])
def test_an_image_that_is_short_half_written_or_changed(image, sectors, tmp_path, part, fault):
    assert boot_spoiled(image, tmp_path, "bios-ahci", fault, sectors[part], b"").kind == "named"


WAYS = recipe_for_workload(data_root() / "tests/guests/ways/ways.c")


@pytest.fixture(scope="module")
def frozen():
    """A program that reads the files that it is told, frozen once."""
    return freeze(WAYS)


@pytest.mark.parametrize("firmware", ["bios", "pvh"])
def test_two_files_that_share_clusters_are_named_before_one_is_read(tmp_path, boot, frozen, firmware):
    """Both chains have the right length; only beside each other are they wrong."""
    files = tuple(PackedFile(tmp_path / name, name) for name in ("A.BIN", "B.BIN"))
    for file in files:
        file.source.write_bytes(file.name.encode() * 600)
    image = tmp_path / "ways.img"
    build_image(replace(WAYS, arguments=("A.BIN",), files=files), image, frozen=frozen)
    data = bytearray(image.read_bytes())
    first, second = (data.find(name) + 26 for name in (b"A       BIN", b"B       BIN"))
    data[second : second + 2] = data[first : first + 2]
    image.write_bytes(data)
    result = boot(image, firmware=firmware, drive="ahci" if firmware == "bios" else "none")
    assert result.verdict == "panic", result.explain()
    assert b"panic: two files on the disk share clusters; write the image again" in result.kernel_text


@pytest.fixture(scope="module")
def large(tmp_path_factory, frozen):
    """An image with a file of which a PVH machine loads nothing, and a sector in its middle."""
    folder = tmp_path_factory.mktemp("large")
    with (folder / "data.bin").open("wb") as stream:
        stream.truncate(LARGE)
        stream.seek(LARGE // 2)
        stream.write(b"in the middle")
    packed = (PackedFile(folder / "data.bin", "data.bin"),)
    build_image(replace(WAYS, arguments=("data.bin",), files=packed), folder / "large.img", frozen=frozen)
    return folder / "large.img", (folder / "large.img").read_bytes().rfind(b"in the middle") // SECTOR


@pytest.mark.parametrize(("firmware", "drive"), [("bios", "virtio"), ("bios", "ide"), ("pvh", "virtio")])
def test_a_read_error_behind_the_kernels_own_driver_reaches_the_workload(large, boot, firmware, drive):
    image, sector = large
    result = boot(image, firmware=firmware, drive=drive, memory_mib=256, bad_sectors=(sector,))
    assert (result.verdict, result.status) == ("exited", 1), result.explain()


@UEFI
def test_a_sector_that_uefi_cannot_read(large, boot):
    """A sector far behind the firmware's own files, which it reads ahead of. OVMF calls this read a success."""
    image, sector = large
    result = boot(image, firmware="uefi", machine="q35", drive="ahci", memory_mib=256, bad_sectors=(sector,))
    assert result.verdict == "boot-failed", result.explain()
    assert "boot failure D: disk read error" in result.transcript.decode(errors="replace")
