"""Fifty images with one byte changed in what boots: each is refused by name, and none runs."""

from __future__ import annotations

import hashlib
import struct

import pytest

from bareflow.image.disk import read_parts
from bareflow.layouts.memmap import MEMMAP

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
STAGE2 = NUMBERS["DISK_STAGE2_LBA"] * SECTOR
VOLUME = NUMBERS["DISK_PARTITION_LBA"] * SECTOR
EACH = {"stage 2": 16, "kernel": 17, "snapshot": 17}


def place(image_bytes, part, content, number):
    """Return where byte `number` of a part lies, picked evenly over it, and the bit to turn."""
    start = STAGE2 if part == "stage 2" else image_bytes.index(content, VOLUME)
    digest = hashlib.sha256(f"{part} {number}".encode()).digest()
    (offset,) = struct.unpack_from("<I", digest)
    span = len(content) // EACH[part]
    return start + number * span + offset % span, 1 << digest[4] % 8


@pytest.mark.parametrize(("part", "number"), [(part, n) for part, count in EACH.items() for n in range(count)])
def test_changed_byte_is_refused(classic_image, boot, tmp_path, part, number):
    data = bytearray(classic_image.read_bytes())
    content = {p.name: p.data for p in read_parts(classic_image)}
    at, bit = place(data, part, content[part], number)
    data[at] ^= bit
    image = tmp_path / "changed.img"
    image.write_bytes(data)
    result = boot(image)
    wanted = "refused" if part == "snapshot" else "boot-failed"
    assert result.verdict == wanted, f"byte {at:#x}, bit {bit:#x}: {result.explain()}"
    letter = {"stage 2": b"failure C", "kernel": b"failure "}.get(part, b"snapshot")
    assert letter in result.transcript
    assert result.stdout == b""
