"""Builds the PVH way in: the loader in the gap before the partition, and the ELF head that machine monitors read.

The head shares the boot sector: `7f 45 4c 46 …` is also harmless 16-bit code, and leads to the boot code at 0x47.
Sources: ELF-64 object file format; Xen, docs/misc/pvh and xen/include/public/elfnote.h.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bareflow import toolchain
from bareflow.compile.freestanding import build_freestanding
from bareflow.layouts.boot import BOOT, PVH_HEADER
from bareflow.layouts.memmap import MEMMAP

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
NOTE = struct.Struct("<III4sQ")
MAGIC = b"\x7fELF"
# ELFCLASS64, little-endian, version 1; what ELF would call the operating system completes an instruction; then a jump
# (jg's target is the same) to the boot code.
IDENTITY = MAGIC + b"\x02\x01\x01\xdb" + bytes((0xEB, NUMBERS["BOOT_HEAD_SIZE"] - 10)) + bytes(6)
ET_EXEC, EM_X86_64, EV_CURRENT, PT_LOAD, PT_NOTE, RWX = 2, 62, 1, 1, 4, 7
PHYS32_ENTRY = 18
PVH_MAGIC = next(constant.value for constant in BOOT.constants if constant.name == "PVH_MAGIC")
GUARD_AT, GUARD_SIZE = NUMBERS["PVH_GUARD_OFFSET"], NUMBERS["PVH_GUARD_SIZE"]
GUARD = struct.Struct("<II")  # what it begins with: size and CRC-32 of the loader; the entry follows
TABLE_SIZE = GUARD_AT - SECTOR + GUARD_SIZE


@dataclass(frozen=True)
class PvhHead:
    """The ELF head: `header` begins sector 0, `table` (program headers, the note, the loader's guard) sector 1."""

    header: bytes
    table: bytes


@dataclass(frozen=True)
class PvhParts:
    """The loader and what checks it, neither head filled in."""

    loader: bytes
    guard: bytes


def build_pvh() -> PvhParts:
    """Build the PVH loader and its guard.

    Raises:
        CompileError, LinkError: the loader's sources do not build.
    """
    root = toolchain.data_root()
    folder = root / "loader" / "pvh"
    sources = [folder / "entry.S", folder / "pvh.c", root / "runtime" / "crc32.c"]
    loader = build_freestanding("pvh-loader", sources, script=folder / "pvh.ld", include=[root / "loader/common"])
    guard = build_freestanding("pvh-guard", [folder / "guard.S"], script=folder / "guard.ld")
    return PvhParts(loader.binary, guard.binary)


def seal_pvh(loader: bytes, *, kernel_offset: int, disk_size: int) -> bytes:
    """Return the loader with its head filled in.

    Args:
        loader: as `build_pvh` made it.
        kernel_offset: KERNEL.BIN's first byte in the image.
        disk_size: bytes of the image that are put into memory.
    """
    head = PVH_HEADER.decode(loader)
    head |= {"size": len(loader), "crc32": 0, "kernel_offset": kernel_offset, "disk_size": disk_size}
    sealed = bytearray(PVH_HEADER.encode(**head) + loader[PVH_HEADER.size :])
    struct.pack_into("<I", sealed, PVH_HEADER.offsets["crc32"], zlib.crc32(sealed))
    return bytes(sealed)


def pvh_head(loader: bytes, disk_size: int, guard: bytes = b"") -> PvhHead:
    """Return the ELF head that has a machine monitor put the image's first `disk_size` bytes into memory.

    Args:
        loader: sealed.
        disk_size: bytes.
        guard: what is to check the loader before it runs; empty: the loader is entered at once.
    """
    entry, phys = PVH_HEADER.decode(loader)["entry"], NUMBERS["MEM_DISK_PHYS"]
    if guard:
        guard = GUARD.pack(len(loader), zlib.crc32(loader)) + guard[GUARD.size :]
        entry = phys + GUARD_AT + GUARD.size
    header = ELF_HEADER.pack(
        IDENTITY, ET_EXEC, EM_X86_64, EV_CURRENT, entry, SECTOR, 0, 0, ELF_HEADER.size, PROGRAM_HEADER.size, 2, 0, 0, 0
    )
    note_at = SECTOR + 2 * PROGRAM_HEADER.size
    load = PROGRAM_HEADER.pack(PT_LOAD, RWX, 0, phys, phys, disk_size, disk_size, 4096)
    noted = PROGRAM_HEADER.pack(PT_NOTE, 4, note_at, 0, 0, NOTE.size, NOTE.size, 4)
    table = load + noted + NOTE.pack(4, 8, PHYS32_ENTRY, b"Xen\0", entry)
    return PvhHead(header, (table.ljust(GUARD_AT - SECTOR, b"\0") + guard).ljust(TABLE_SIZE, b"\0"))


def loader_size(start: bytes) -> int:
    """Return the size that a loader on an image gives itself, or 0 if it is none; `start` is its first bytes."""
    if len(start) < PVH_HEADER.size:
        return 0
    head = PVH_HEADER.decode(start[: PVH_HEADER.size])
    room = NUMBERS["RAMDISK_LOADER"] - NUMBERS["RAMDISK_PVH"]
    return head["size"] if head["magic"] == PVH_MAGIC and head["size"] <= room else 0
