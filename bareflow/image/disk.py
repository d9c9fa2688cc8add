"""The image file: boot sector and partition table, stage 2, and one FAT16 partition; written and read back.

Sector 0 and 1 leave room for an ELF head, so that the same file can become a `-kernel` too (docs/image.md).
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bareflow.errors import ImageError
from bareflow.image.bios import BiosParts
from bareflow.image.fat16 import Progress, VolumeFile, plan_volume, volume_file, write_volume
from bareflow.image.reader import VolumeReader
from bareflow.image.recipe import PackedFile
from bareflow.layouts.memmap import MEMMAP

NUMBERS = {constant.name: constant.value for constant in MEMMAP.constants}
SECTOR = NUMBERS["DISK_SECTOR_SIZE"]
PARTITION = NUMBERS["DISK_PARTITION_LBA"]
STAGE2 = NUMBERS["DISK_STAGE2_LBA"] * SECTOR
KERNEL_NAME = "KERNEL.BIN"
SNAPSHOT_NAME = "OPTIMIZED_SNAPSHOT.BIN"
ARGUMENTS_NAME = "ARGS.BIN"


@dataclass(frozen=True)
class ImageContents:
    """Everything an image holds.

    Attributes:
        bios: boot sector and stage 2.
        kernel: KERNEL.BIN.
        snapshot: OPTIMIZED_SNAPSHOT.BIN.
        arguments: ARGS.BIN, made by `encode_arguments`; empty: none.
        files: the recipe's, in its order.
        image_size: bytes; None: as small as it may be.
    """

    bios: BiosParts
    kernel: bytes
    snapshot: bytes
    arguments: bytes = b""
    files: tuple[PackedFile, ...] = ()
    image_size: int | None = None


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
    with _replacing(out) as stream:
        stream.truncate(size if contents.image_size is None else contents.image_size)
        serial = write_volume(volume, stream, PARTITION * SECTOR, progress)
        first = _first_sector(contents.bios, volume.sectors, serial)
        stream.seek(0)
        stream.write(first)
        stream.seek(STAGE2)
        stream.write(contents.bios.stage2)
    parts = _parts(first, contents.bios.stage2, contents.kernel, contents.snapshot)
    return ImageReport(out, contents.image_size or size, parts)


def _parts(first: bytes, stage2: bytes, kernel: bytes, snapshot: bytes) -> tuple[Part, ...]:
    return Part("boot sector", first), Part("stage 2", stage2), Part("kernel", kernel), Part("snapshot", snapshot)


def _volume_files(contents: ImageContents) -> list[VolumeFile]:
    own = [volume_file(KERNEL_NAME, contents.kernel), volume_file(SNAPSHOT_NAME, contents.snapshot)]
    if contents.arguments:
        own.append(volume_file(ARGUMENTS_NAME, contents.arguments))
    return own + [volume_file(file.name, file.source) for file in contents.files]


def _first_sector(bios: BiosParts, sectors: int, serial: int) -> bytes:
    """Return boot code, disk signature and the table with its one entry (UEFI specification, 5.2.1)."""
    entry = struct.pack(
        "<B3sB3sII", 0x80, _chs(PARTITION), NUMBERS["DISK_PARTITION_TYPE"], _chs(PARTITION + sectors - 1), PARTITION,
        sectors,
    )  # fmt: skip
    signature = serial or 1  # an operating system would write one of its own over a zero
    head = bios.boot_sector.ljust(NUMBERS["BOOT_CODE_SIZE"], b"\0") + struct.pack("<IH", signature, 0)
    return (head + entry).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def _chs(lba: int) -> bytes:
    """Return cylinder, head and sector as the table packs them, for 255 heads of 63 sectors."""
    cylinder, rest = divmod(lba, 255 * 63)
    head, sector = divmod(rest, 63)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    return bytes((head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF))


@contextmanager
def _replacing(out: Path) -> Iterator[BinaryIO]:
    """Give a temporary file that takes the place of `out` once it is whole and synced, or goes away."""
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{out.name[:40]}.", dir=out.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        temporary.replace(out)
        temporary = None
    except OSError as error:
        raise ImageError(
            f"The image {out} cannot be written: {error.strerror}.", "Choose another output path or make room."
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


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


def read_parts(image: Path) -> tuple[Part, ...]:
    """Return an image's payload as it lies in the file: boot sector, stage 2, kernel, snapshot.

    Raises:
        ImageError: the image is damaged or holds no kernel or snapshot.
    """
    with _open_volume(image) as (stream, volume):
        stream.seek(0)
        first = stream.read(SECTOR)
        (size,) = struct.unpack_from("<H", first, NUMBERS["BOOT_STAGE2_SIZE_OFFSET"])
        stream.seek(STAGE2)
        stage2 = stream.read(size)
        kernel, snapshot = (_read_volume_file(volume, name) for name in (KERNEL_NAME, SNAPSHOT_NAME))
    if kernel is None or snapshot is None:
        missing = KERNEL_NAME if kernel is None else SNAPSHOT_NAME
        raise ImageError(f"{image} is not a sound image: it holds no {missing}.", "Build it again with build-image.")
    return _parts(first, stage2, kernel, snapshot)
