"""Builds the BIOS loader: the boot sector's code and stage 2, with the checksum that ties them together."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bareflow import toolchain
from bareflow.compile.freestanding import build_freestanding
from bareflow.errors import LinkError
from bareflow.layouts.memmap import MEMMAP

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}


@dataclass(frozen=True)
class BiosParts:
    """The loader for BIOS machines: `boot_sector` is the first 440 bytes of the disk, `stage2` is unpadded."""

    boot_sector: bytes
    stage2: bytes


def seal(boot_sector: bytes, stage2: bytes) -> bytes:
    """Return the boot sector's code with stage 2's size and the CRC-32 over both filled in."""
    most = NUMBERS["DISK_MAX_SECTORS"] * NUMBERS["DISK_SECTOR_SIZE"]
    if len(stage2) > most:
        raise LinkError(f"Stage 2 has {len(stage2)} bytes; one disk call reads {most}.")
    sealed = bytearray(boot_sector)
    struct.pack_into("<H", sealed, NUMBERS["BOOT_STAGE2_SIZE_OFFSET"], len(stage2))
    crc = zlib.crc32(sealed[: NUMBERS["BOOT_CRC_OFFSET"]])
    struct.pack_into("<I", sealed, NUMBERS["BOOT_CRC_OFFSET"], zlib.crc32(stage2, crc))
    return bytes(sealed)


def build_bios() -> BiosParts:
    """Build boot sector and stage 2.

    Raises:
        CompileError, LinkError: the loader's sources do not build.
    """
    root = toolchain.data_root()
    folder = root / "loader" / "bios"
    boot = build_freestanding("boot", [folder / "boot.S"], script=folder / "boot.ld", include=[folder])
    stage2 = build_freestanding(
        "stage2",
        [
            folder / "stage2.S",
            folder / "stage2.c",
            root / "runtime" / "fat16.c",
            root / "runtime" / "crc32.c",
        ],
        script=folder / "stage2.ld",
        defines=["FAT16_ROOT_ONLY=1"],
        include=[folder, root / "loader" / "common"],
    )
    return BiosParts(seal(boot.binary, stage2.binary), stage2.binary)
