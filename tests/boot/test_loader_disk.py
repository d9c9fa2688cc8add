"""The loader's disk calls through the firmware, from 64-bit code, on every kind of drive (tests/guests/thunk)."""

from __future__ import annotations

import struct
import zlib

import pytest

from bareflow.compile.freestanding import build_freestanding
from bareflow.image.bios import build_bios
from bareflow.image.disk import ImageContents, pack_image
from bareflow.image.recipe import PackedFile
from bareflow.layouts.boot import KERNEL_HEADER
from bareflow.toolchain import data_root

SECTORS = 300  # more than two transfers
FIRST_CLUSTER_LBA = 2048 + 1 + 2 * 17 + 32


def sealed(binary):
    data = bytearray(binary)
    struct.pack_into("<I", data, KERNEL_HEADER.offsets["file_size"], len(data))
    struct.pack_into("<I", data, KERNEL_HEADER.offsets["crc32"], zlib.crc32(data))
    return bytes(data)


def guest(lba):
    folder = data_root() / "tests" / "guests" / "thunk"
    sources = [folder / "head.S", folder / "thunk.c"]
    defines = [f"TEST_LBA={lba}", f"TEST_SECTORS={SECTORS}"]
    return sealed(build_freestanding("thunk", sources, script=folder / "thunk.ld", defines=defines).binary)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thunk")
    data = folder / "data"
    data.write_bytes(struct.pack(f"<{SECTORS * 128}I", *range(SECTORS * 128)))
    size = len(guest(0))  # the place's number takes the same room whatever it is, or nearly
    for _ in range(3):
        place = FIRST_CLUSTER_LBA + -(-size // 512) + 1  # the snapshot takes one
        binary = guest(place)
        if len(binary) == size:
            break
        size = len(binary)
    contents = ImageContents(build_bios(), binary, b"snapshot", files=(PackedFile(data, "data"),))
    return pack_image(contents, folder / "thunk.img").image


@pytest.mark.parametrize("drive", ["ide", "ahci", "virtio", "usb"])
def test_disk_calls_work_and_change_nothing_else(image, boot, drive):
    result = boot(image, drive=drive)
    assert result.transcript.decode().splitlines()[-1:] == ["all is well"], result.explain()


def test_disk_calls_work_on_the_newer_chipset(image, boot):
    result = boot(image, machine="q35", drive="ahci")
    assert result.transcript.decode().splitlines()[-1:] == ["all is well"], result.explain()
