"""Every way in which the loader can fail: a letter and words on the console, and a machine that ends.

The letters are those of docs/boot.md. The kernel never speaks in these, but for the last tests.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from bareflow.image.bios import build_bios
from bareflow.image.disk import ImageContents, encode_arguments, pack_image
from bareflow.layouts.boot import KERNEL_HEADER
from bareflow.layouts.memmap import MEMMAP
from bareflow.layouts.verdict import HOST_STATUS

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
STAGE2 = NUMBERS["DISK_STAGE2_LBA"] * SECTOR
VOLUME = NUMBERS["DISK_PARTITION_LBA"] * SECTOR
FAT = VOLUME + SECTOR
ROOT = VOLUME + (1 + 2 * 17) * SECTOR
CLUSTERS = ROOT + 32 * SECTOR
MAGIC, ABI = b"BFNK", 1


def kernel(code=b"\xc3", size=2000, **fields):
    """A kernel that does `code`, at first a return to the loader; its checksum is right."""
    head = {
        "magic": int.from_bytes(MAGIC, "little"),
        "abi_version": ABI,
        "file_size": size,
        "memory_size": 65536,
        "entry_offset": 32,
        **fields,
    }
    data = bytearray((KERNEL_HEADER.encode(**head) + code).ljust(size, b"\x90"))
    struct.pack_into("<I", data, KERNEL_HEADER.offsets["crc32"], zlib.crc32(data))
    return bytes(data)


@pytest.fixture(scope="module")
def bios():
    return build_bios()


@pytest.fixture(scope="module")
def sound(bios, tmp_path_factory):
    """An image whose kernel comes straight back."""
    folder = tmp_path_factory.mktemp("loader")
    contents = ImageContents(bios, kernel(), b"snapshot", encode_arguments(["x"]))
    return pack_image(contents, folder / "sound.img").image


@pytest.fixture
def failure(sound, boot, tmp_path):
    """Return `run(*patches)`: boot the image with bytes changed, or cut off where the bytes are None."""

    def run(*patches, image: Path = sound, **spec):
        copy = tmp_path / "changed.img"
        with image.open("rb") as stream:
            data = bytearray(stream.read())
        for at, new in patches:
            data[at : len(data) if new is None else at + len(new)] = new or b""
        copy.write_bytes(data)
        result = boot(copy, **spec)
        assert result.verdict == "boot-failed", result.explain()
        assert result.exit_status == HOST_STATUS["boot-failed"]
        words = result.transcript.decode()
        assert words.startswith("bareflow: boot failure ")
        assert words.endswith("\r\n")
        assert words.count("\n") == 1
        return words.partition("boot failure ")[2].strip()

    return run


def test_kernel_that_returns(failure):
    assert failure() == "B: the kernel came back"


@pytest.mark.parametrize("at", [0, 1, 300, 511, 512, 2000, 3000, 3400])
def test_flipped_bit_in_stage_2(failure, sound, at):
    byte = sound.read_bytes()[STAGE2 + at]
    assert failure((STAGE2 + at, bytes((byte ^ 1 << at % 8,)))) == "C"


@pytest.mark.parametrize("field", ["BOOT_STAGE2_SIZE_OFFSET", "BOOT_CRC_OFFSET"])
def test_flipped_bit_in_the_boot_sectors_fields(failure, sound, field):
    byte = sound.read_bytes()[NUMBERS[field]]
    assert failure((NUMBERS[field], bytes((byte ^ 0x10,)))) == "C"


def test_wiped_partition_table(failure):
    assert failure((446, b"\x80" + bytes(15))) == "P"


@pytest.mark.parametrize(("at", "data"), [(450, b"\x83"), (454, b"\x3f\0\0\0")], ids=["type", "place"])
def test_partition_table_of_another_tool(failure, at, data):
    assert failure((at, data)) == "P"


def test_image_cut_inside_stage_2(failure):
    # What was not written of a stick; a file cut here is too small for SeaBIOS to boot.
    assert failure((STAGE2 + SECTOR, bytes(7 * SECTOR))) == "C"


def test_image_cut_before_the_partition(failure):
    assert failure((VOLUME, None)).startswith(("D", "F"))


def test_image_cut_inside_the_kernel(failure):
    assert failure((CLUSTERS + SECTOR, None)).startswith(("D", "S", "H"))


def test_volume_without_boot_sector(failure):
    assert failure((VOLUME, bytes(SECTOR))) == "F: no FAT16 volume"


def test_wiped_allocation_table(failure):
    assert failure((FAT, bytes(17 * SECTOR))) == "F: no FAT16 volume"


@pytest.mark.parametrize("value", [0, 2, 3, 0xFFF7, 0xFFF0, 0xFFFF])
def test_broken_chain_of_the_kernel(failure, value):
    assert failure((FAT + 2 * 3, struct.pack("<H", value))) == "X: cluster chain"


def test_missing_kernel(failure):
    assert failure((ROOT, b"LERNEL")) == "K: no KERNEL.BIN"
    assert failure((ROOT, b"\xe5")) == "K: no KERNEL.BIN"
    assert failure((ROOT, bytes(32))) == "K: no KERNEL.BIN"


def test_folder_in_the_kernels_place(failure):
    assert failure((ROOT + 11, b"\x10")) == "K: no KERNEL.BIN"


@pytest.mark.parametrize("at", [32, 700, 1999])
def test_flipped_bit_in_the_kernel(failure, sound, at):
    byte = sound.read_bytes()[CLUSTERS + at]
    assert failure((CLUSTERS + at, bytes((byte ^ 1,)))) == "S: KERNEL.BIN's checksum"


def test_kernel_of_another_size(failure):
    assert failure((ROOT + 28, struct.pack("<I", 1999))) == "H: KERNEL.BIN is no kernel"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"magic": 1}, "H: KERNEL.BIN is no kernel"),
        ({"abi_version": 77}, "V: KERNEL.BIN's version"),
        ({"memory_size": 0x7FFFFFFF}, "H: KERNEL.BIN is no kernel"),
    ],
    ids=["magic", "version", "memory"],
)
def test_kernel_with_another_head(failure, bios, tmp_path, fields, words):
    contents = ImageContents(bios, kernel(**fields), b"snapshot")
    assert failure(image=pack_image(contents, tmp_path / "other.img").image) == words


def test_kernel_larger_than_its_room(failure, bios, tmp_path):
    contents = ImageContents(bios, kernel(size=3 << 20, memory_size=3 << 20), b"snapshot")
    assert failure(image=pack_image(contents, tmp_path / "other.img").image) == "H: KERNEL.BIN is no kernel"


def test_processor_without_long_mode(failure):
    assert failure(cpu="qemu32") == "L: no 64-bit processor with NX"


def test_processor_without_no_execute(failure):
    assert failure(cpu="qemu64,-nx") == "L: no 64-bit processor with NX"


def test_machine_with_too_little_memory(failure):
    assert failure(memory_mib=2) == "Z: no memory for the kernel"
