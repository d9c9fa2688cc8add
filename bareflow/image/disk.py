"""The image file: first sectors for each way in, and one FAT16 partition; written and read back (docs/image.md)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bareflow.errors import ImageError
from bareflow.image.bios import BiosParts, seal
from bareflow.image.fat16 import Progress, Volume, VolumeFile, plan_volume, volume_file, write_volume
from bareflow.image.pvh import MAGIC as ELF_MAGIC
from bareflow.image.pvh import TABLE_SIZE, PvhParts, loader_size, pvh_head, seal_pvh
from bareflow.image.reader import VolumeReader
from bareflow.image.recipe import PackedFile
from bareflow.layouts.memmap import MEMMAP
from bareflow.toolchain import replacing

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
PARTITION = NUMBERS["DISK_PARTITION_LBA"]
STAGE2 = NUMBERS["DISK_STAGE2_LBA"] * SECTOR
PVH = NUMBERS["DISK_PVH_LBA"] * SECTOR
PVH_ROOM = NUMBERS["RAMDISK_LOADER"] - NUMBERS["RAMDISK_PVH"]
KERNEL_NAME = "KERNEL.BIN"
SNAPSHOT_NAME = "OPTIMIZED_SNAPSHOT.BIN"
ARGUMENTS_NAME = "ARGS.BIN"
UEFI_NAME = "EFI/BOOT/BOOTX64.EFI"
BOOTS_NOTHING = b"\xcd\x18\xf4\xeb\xfd"  # int 18h, "no bootable disk", then a halt


@dataclass(frozen=True)
class ImageContents:
    """Everything an image holds.

    Attributes:
        bios: boot sector and stage 2; None: BIOS machines do not boot it.
        kernel: KERNEL.BIN.
        snapshot: OPTIMIZED_SNAPSHOT.BIN.
        arguments: ARGS.BIN, made by `encode_arguments`; empty: none.
        files: the recipe's, in its order.
        image_size: bytes; None: as small as it may be.
        pvh: the PVH loader and its guard; None: no such way in.
        uefi: BOOTX64.EFI; None: no such way in.
        memory_limit: most bytes of the image that a PVH machine puts into memory, unless kernel, snapshot and
            arguments need more; None: all of it, for kernels that can read no disk.
    """

    bios: BiosParts | None
    kernel: bytes
    snapshot: bytes
    arguments: bytes = b""
    files: tuple[PackedFile, ...] = ()
    image_size: int | None = None
    pvh: PvhParts | None = None
    uefi: bytes | None = None
    memory_limit: int | None = None


@dataclass(frozen=True)
class Part:
    """One part of an image's payload. A boot sector counts in full, everything else in real bytes."""

    name: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes it counts for."""
        return len(self.data)


@dataclass(frozen=True)
class ImageReport:
    """What was written: `size_bytes` is the file's length, `parts` the payload."""

    image: Path
    size_bytes: int
    parts: tuple[Part, ...]

    @property
    def payload_bytes(self) -> int:
        """Bytes of all that boots: boot code, kernel, snapshot."""
        return payload_bytes(self.parts)


def payload_bytes(parts: Sequence[Part]) -> int:
    """Return the sum of the parts' sizes."""
    return sum(part.size for part in parts)


def encode_arguments(argv: Sequence[str], environment: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> bytes:
    """Return ARGS.BIN: decimal argc, NUL, each argument and then each `NAME=value`, all NUL-terminated."""
    pairs = environment.items() if isinstance(environment, Mapping) else environment
    texts = [str(len(argv)), *argv, *(f"{name}={value}" for name, value in pairs)]
    return b"".join(os.fsencode(text) + b"\0" for text in texts)


def pack_image(contents: ImageContents, out: Path, progress: Progress | None = None) -> ImageReport:
    """Write an image: to a temporary beside `out`, synced, then renamed. Same contents, same bytes.

    Raises:
        ImageError: a name FAT cannot hold, no room, an unreadable source, an unwritable output.
    """
    volume_bytes = None if contents.image_size is None else contents.image_size - PARTITION * SECTOR
    volume = plan_volume(_volume_files(contents), size_bytes=volume_bytes, hidden_sectors=PARTITION)
    size = (PARTITION + volume.sectors) * SECTOR
    with replacing(out, called=f"The image {out}") as temporary, temporary.open("wb") as stream:
        stream.truncate(size if contents.image_size is None else contents.image_size)
        serial = write_volume(volume, stream, PARTITION * SECTOR, progress)
        table = _partition_table(volume.sectors, serial)
        parts = _parts(_first_parts(contents, volume, table), contents.uefi, contents.kernel, contents.snapshot)
        for part in parts:
            if part.name in PLACES:
                stream.seek(PLACES[part.name])
                stream.write(part.data)
    return ImageReport(out, contents.image_size or size, parts)


BOOT_SECTOR, ELF_TABLE, STAGE_2, PVH_LOADER = "boot sector", "ELF head", "stage 2", "PVH loader"
UEFI_STUB = "BOOTX64.EFI"
PLACES = {BOOT_SECTOR: 0, ELF_TABLE: SECTOR, STAGE_2: STAGE2, PVH_LOADER: PVH}
"""Where on the disk the parts lie that are not files."""


def _parts(first: Sequence[Part], uefi: bytes | None, kernel: bytes, snapshot: bytes) -> tuple[Part, ...]:
    stub = () if uefi is None else (Part(UEFI_STUB, uefi),)
    return (*first, *stub, Part("kernel", kernel), Part("snapshot", snapshot))


def _volume_files(contents: ImageContents) -> list[VolumeFile]:
    own = [volume_file(KERNEL_NAME, contents.kernel), volume_file(SNAPSHOT_NAME, contents.snapshot)]
    if contents.arguments:
        own.append(volume_file(ARGUMENTS_NAME, contents.arguments))
    if contents.uefi is not None:
        own.append(volume_file(UEFI_NAME, contents.uefi))
    return own + [volume_file(file.name, file.source) for file in contents.files]


def _first_parts(contents: ImageContents, volume: Volume, table: bytes) -> tuple[Part, ...]:
    """Return what lies before the partition: for each way in its parts, in the order of the disk."""
    code = bytes(NUMBERS["BOOT_HEAD_SIZE"]) + BOOTS_NOTHING if contents.bios is None else contents.bios.boot_sector
    code = code.ljust(NUMBERS["BOOT_CODE_SIZE"], b"\0")
    stage2 = b"" if contents.bios is None else contents.bios.stage2
    head, loader = None, b""
    if contents.pvh is not None:
        disk_size, kernel_offset = _in_memory(contents, volume)
        loader = seal_pvh(contents.pvh.loader, kernel_offset=kernel_offset, disk_size=disk_size)
        head = pvh_head(loader, disk_size, contents.pvh.guard)
        code = head.header + code[len(head.header) :]
    elif contents.bios is None:
        code = bytes((0xEB, NUMBERS["BOOT_HEAD_SIZE"] - 2)) + code[2:]
    code = seal(code, stage2) if stage2 else code
    parts = (
        Part(BOOT_SECTOR, code + table),
        Part(ELF_TABLE, head.table if head else b""),
        Part(STAGE_2, stage2),
        Part(PVH_LOADER, loader),
    )
    return tuple(part for part in parts if part.data)


def _in_memory(contents: ImageContents, volume: Volume) -> tuple[int, int]:
    """Return how much of the image a PVH machine is to put into memory, and where KERNEL.BIN is in it."""
    start = PARTITION * SECTOR
    needed = {KERNEL_NAME, SNAPSHOT_NAME, ARGUMENTS_NAME}
    size = start + volume.cluster_offset(2)
    for node in volume.placed:
        end = start + volume.cluster_offset(node.cluster) + node.size
        if contents.memory_limit is not None and end > contents.memory_limit and node.name not in needed:
            break
        size = end
    kernel = volume.placed[0].cluster if contents.kernel else 2
    return -(-size // SECTOR) * SECTOR, start + volume.cluster_offset(kernel)


def _partition_table(sectors: int, serial: int) -> bytes:
    """Return disk signature and the table with its one entry (UEFI specification, 5.2.1)."""
    entry = struct.pack(
        "<B3sB3sII", 0x80, _chs(PARTITION), NUMBERS["DISK_PARTITION_TYPE"], _chs(PARTITION + sectors - 1), PARTITION,
        sectors,
    )  # fmt: skip
    signature = serial or 1  # an operating system would write one of its own over a zero
    table = struct.pack("<IH", signature, 0) + entry
    return table.ljust(SECTOR - NUMBERS["BOOT_CODE_SIZE"] - 2, b"\0") + b"\x55\xaa"


def _chs(lba: int) -> bytes:
    """Return cylinder, head and sector as the table packs them, for 255 heads of 63 sectors."""
    cylinder, rest = divmod(lba, 255 * 63)
    head, sector = divmod(rest, 63)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    return bytes((head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF))


@contextmanager
def _open_volume(image: Path) -> Iterator[tuple[BinaryIO, VolumeReader]]:
    """Open an image for reading, and its volume.

    Raises:
        ImageError: it cannot be read or is no image of ours; the sentence names it.
    """
    try:
        with image.open("rb") as stream:
            _check_first_sector(stream.read(SECTOR))
            yield stream, VolumeReader(stream, PARTITION * SECTOR)
    except OSError as error:
        raise ImageError(f"The image {image} cannot be read: {error.strerror}.") from None
    except ImageError as error:
        raise ImageError(f"{image} is not a sound image: {error.message}", error.hint) from None


def _has_our_partition(first: bytes) -> bool:
    kind, lba = first[450:451], first[454:458]
    ours = kind == bytes((NUMBERS["DISK_PARTITION_TYPE"],)) and lba == struct.pack("<I", PARTITION)
    return ours and first[510:] == b"\x55\xaa"


def _check_first_sector(first: bytes) -> None:
    if not _has_our_partition(first):
        raise ImageError("It has no boot sector with our partition.", "Name a file made by build-image.")


def is_image(path: Path) -> bool:
    """Whether a file begins like one of our images."""
    try:
        with path.open("rb") as stream:
            return _has_our_partition(stream.read(SECTOR))
    except OSError:
        return False


def _read_volume_file(volume: VolumeReader, name: str) -> bytes | None:
    entry = volume.find(name)
    return None if entry is None or entry.attribute & 0x10 else volume.read(entry)


def read_file(image: Path, name: str) -> bytes:
    """Return the bytes of one file on an image.

    Raises:
        ImageError: no such file, or the image is damaged.
    """
    with _open_volume(image) as (_, volume):
        data = _read_volume_file(volume, name)
    if data is None:
        raise ImageError(f"{image} holds no file called {name!r}.", "Check the name, or pack it with --file.")
    return data


WAY_IN_PARTS = {"bios": STAGE_2, "pvh": PVH_LOADER, "uefi": UEFI_STUB}
"""The part without which an image has not that way in."""


def check_way_in(image: Path, way: str) -> None:
    """Check that an image can be booted in a way, a key of WAY_IN_PARTS.

    Raises:
        ImageError: it cannot, or it is damaged.
    """
    if WAY_IN_PARTS[way] not in {part.name for part in read_parts(image)}:
        raise ImageError(
            f"{image} has no {WAY_IN_PARTS[way]}, so it does not boot by {way}.",
            f'Put "{way}" into boot under [image] in its recipe and build it again.',
        )


def read_parts(image: Path) -> tuple[Part, ...]:
    """Return an image's payload as it lies in the file: what is before the partition, loaders, kernel, snapshot.

    Raises:
        ImageError: the image is damaged or holds no kernel or snapshot.
    """
    with _open_volume(image) as (stream, volume):
        first = _read_first_parts(stream)
        uefi, kernel, snapshot = (_read_volume_file(volume, name) for name in (UEFI_NAME, KERNEL_NAME, SNAPSHOT_NAME))
    if kernel is None or snapshot is None:
        missing = KERNEL_NAME if kernel is None else SNAPSHOT_NAME
        raise ImageError(f"{image} is not a sound image: it holds no {missing}.", "Build it again with build-image.")
    return _parts(first, uefi, kernel, snapshot)


def _read_first_parts(stream: BinaryIO) -> tuple[Part, ...]:
    def at(place: int, size: int) -> bytes:
        stream.seek(place)
        return stream.read(size)

    first = at(0, SECTOR)
    (stage2,) = struct.unpack_from("<H", first, NUMBERS["BOOT_STAGE2_SIZE_OFFSET"])
    sizes = {BOOT_SECTOR: SECTOR, ELF_TABLE: 0, STAGE_2: stage2, PVH_LOADER: 0}
    if first.startswith(ELF_MAGIC):
        sizes |= {ELF_TABLE: TABLE_SIZE, PVH_LOADER: loader_size(at(PVH, SECTOR))}
    return tuple(Part(name, at(PLACES[name], size)) for name, size in sizes.items() if size)
