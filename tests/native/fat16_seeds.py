"""First inputs for fuzz_fat16.c: sound small volumes in its form. `python -m tests.native.fat16_seeds FOLDER`."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

from bareflow.image.fat16 import SECTOR, plan_volume, volume_file, write_volume

ROOT_ENTRIES_AT, DATA_SECTORS = 17, 11
VOLUMES: dict[str, dict[str, int]] = {
    "empty": {},
    "boot": {"KERNEL.BIN": 1400, "OPTIMIZED_SNAPSHOT.BIN": 2100},
    "folders": {"sub/deeper/file.bin": 700, "sub/more": 30},
    "names": {"Dönerladen mit langem Namen.bin": 600, "x.Y": 1, "UPPER.TXT": 0},
    "one": {"KERNEL.BIN": 512},
}


def seed(files: dict[str, int]) -> bytes:
    """A volume of files (name → bytes) as an input: boot sector, a sector of FAT, a root folder of 16 entries, data.

    The root folder shrinks from the smallest that we write to one sector, so that the clusters follow it at once.
    """
    volume = plan_volume([volume_file(name, (bytes(range(1, 252)) * 9)[:size]) for name, size in files.items()])
    disk = io.BytesIO(bytes(volume.sectors * SECTOR))
    write_volume(volume, disk, 0)
    raw = disk.getvalue()
    boot = bytearray(raw[:64])
    struct.pack_into("<H", boot, ROOT_ENTRIES_AT, SECTOR // 32)
    root, data = volume.root_sector * SECTOR, volume.cluster_offset(2)
    pieces = [b"\0\0", bytes(boot), raw[SECTOR : 2 * SECTOR], raw[root : root + SECTOR]]
    return b"".join(pieces) + raw[data : data + DATA_SECTORS * SECTOR].rstrip(b"\0")


def main() -> None:
    """Write every seed into the folder named."""
    for name, files in VOLUMES.items():
        (Path(sys.argv[1]) / name).write_bytes(seed(files))


if __name__ == "__main__":
    main()
