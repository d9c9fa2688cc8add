"""How the PVH and the UEFI loader fail: the letters of docs/boot.md, on COM1 or the firmware's console, and an end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bareflow.build import build_image
from bareflow.errors import MachineError
from bareflow.image.disk import ImageContents, pack_image
from bareflow.image.pvh import build_pvh
from bareflow.image.recipe import WAYS_IN, load_recipe
from bareflow.image.uefi import build_uefi
from bareflow.layouts.boot import KERNEL_HEADER
from bareflow.layouts.memmap import MEMMAP
from bareflow.layouts.snapshot import REFUSAL
from bareflow.machine.firmware import OVMF
from tests.boot.test_loader_failures import kernel

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
LOADER = NUMBERS["DISK_PVH_LBA"] * SECTOR
VOLUME = NUMBERS["DISK_PARTITION_LBA"] * SECTOR
FAT, ROOT = VOLUME + SECTOR, VOLUME + (1 + 2 * 17) * SECTOR
KERNEL = ROOT + 32 * SECTOR  # the first file
EVERY_WAY_LIMIT = 32_768
UEFI = pytest.mark.skipif(not any(Path(path).is_file() for path in OVMF), reason="no OVMF is installed")


def packed(folder, **fields):
    """An image with a kernel that does nothing but return, for PVH and UEFI."""
    contents = ImageContents(None, kernel(**fields), b"snapshot", pvh=build_pvh(), uefi=build_uefi())
    return pack_image(contents, folder / "sound.img").image


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def failure(boot, tmp_path):
    """Return `run(image, firmware, *patches)`: boot a changed copy; the last line that it says."""

    def run(image, firmware, *patches, **spec):
        data = bytearray(image.read_bytes())
        for at, new in patches:
            data[at : at + len(new)] = new
        (tmp_path / "changed.img").write_bytes(data)
        machine = {"machine": "q35"} if firmware == "uefi" else {"drive": "none"}
        result = boot(tmp_path / "changed.img", firmware=firmware, **machine, **spec)
        assert result.verdict == "boot-failed", result.explain()
        before, _, words = result.transcript.decode(errors="replace").partition("bareflow: boot failure ")
        assert firmware == "uefi" or not before
        return words.strip()

    return run


def flipped(image, at):
    return at, bytes((image.read_bytes()[at] ^ 1 << at % 8,))


def test_pvh_kernel_that_returns(failure, sound):
    assert failure(sound, "pvh") == "B: the kernel came back"


@pytest.mark.parametrize("place", ["first", "last"])
def test_pvh_flipped_bit_in_the_loader(failure, sound, place):
    last = len(build_pvh().loader) - 1
    at = LOADER + (last if place == "last" else 12)
    assert failure(sound, "pvh", flipped(sound, at)) == "C: checksum of the PVH loader"


@pytest.mark.parametrize("there", [0, 1, 2], ids=lambda there: f"{there}-sectors")
def test_pvh_loader_of_which_a_half_written_image_has_only_the_beginning(failure, sound, there):
    missing = LOADER + there * SECTOR
    assert failure(sound, "pvh", (missing, bytes(VOLUME - missing))) == "C: checksum of the PVH loader"


def test_pvh_flipped_bit_in_the_loaders_first_instructions(failure, sound):
    assert failure(sound, "pvh", flipped(sound, LOADER + 33)) == "C: checksum of the PVH loader"


@pytest.mark.parametrize("at", [40, 1000, 1999])
def test_pvh_flipped_bit_in_the_kernel(failure, sound, at):
    assert failure(sound, "pvh", flipped(sound, KERNEL + at)) == "S: KERNEL.BIN's checksum"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("magic", 1, "H: KERNEL.BIN is no kernel"),
        ("file_size", 3 << 20, "H: KERNEL.BIN is no kernel"),
        ("memory_size", 0xF0000000, "H: KERNEL.BIN is no kernel"),
        ("abi_version", 99, "V: KERNEL.BIN's version"),
    ],
)
def test_pvh_wrong_field_in_the_kernels_head(failure, sound, field, value, words):
    patch = (KERNEL + KERNEL_HEADER.offsets[field], value.to_bytes(4, "little"))
    assert failure(sound, "pvh", patch) == words


def test_pvh_processor_without_nx(failure, sound):
    assert failure(sound, "pvh", cpu="max,-nx") == "L: no 64-bit processor with NX"


def test_pvh_image_cut_short_is_refused_by_the_machine(boot, sound, tmp_path):
    short = tmp_path / "short.img"
    short.write_bytes(sound.read_bytes()[: KERNEL + SECTOR])
    with pytest.raises(MachineError, match="QEMU did not start"):
        boot(short, firmware="pvh", drive="none")


def test_pvh_damaged_volume_is_refused_by_the_kernel(boot, tmp_path):
    recipe = load_recipe("classic")
    image = tmp_path / "classic.img"
    build_image(replace(recipe, boot=frozenset({"pvh"})), image)
    data = bytearray(image.read_bytes())
    data[VOLUME + 11 : VOLUME + 13] = b"\0\0"  # bytes in a sector
    image.write_bytes(data)
    result = boot(image, firmware="pvh", drive="none")
    assert (result.verdict, result.status) == ("refused", REFUSAL["read-error"])


@UEFI
def test_uefi_flipped_bit_in_the_loader_itself(failure, sound):
    loader = build_uefi()
    at = sound.read_bytes().find(loader) + loader.find(b"K: no KERNEL.BIN")
    assert failure(sound, "uefi", flipped(sound, at + 4)) == "C: checksum of BOOTX64.EFI"


@UEFI
@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ((KERNEL + 1000, b"!"), "S: KERNEL.BIN's checksum"),
        ((FAT + 2 * 3, b"\x02\x00"), "X: cluster chain"),
    ],
)
def test_uefi_damaged_kernel(failure, sound, patch, words):
    assert failure(sound, "uefi", patch) == words


def test_classic_through_every_way_in_stays_small(tmp_path):
    report = build_image(replace(load_recipe("classic"), boot=frozenset(WAYS_IN)), tmp_path / "classic.img")
    assert report.payload_bytes <= EVERY_WAY_LIMIT


def test_an_image_for_one_way_holds_nothing_of_another(tmp_path):
    image = pack_image(ImageContents(None, kernel(), b"snapshot", uefi=build_uefi()), tmp_path / "uefi.img").image
    head = image.read_bytes()[:VOLUME]
    assert head[:2] == b"\xeb\x45"
    assert head[SECTOR:] == bytes(VOLUME - SECTOR)
    assert not any(head[0x47 + 5 : 440])
