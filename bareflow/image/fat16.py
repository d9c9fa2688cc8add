"""Makes a FAT16 volume: formatted and filled in one pass, every file in one piece, same input same bytes.

The volume is planned first (`plan_volume`), so that what does not fit is refused before anything is written. Why
pyfatfs does not write it is in docs/image.md. Source: Microsoft FAT specification.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bareflow.errors import ImageError
from bareflow.image import names

SECTOR = 512
ENTRY_SIZE = 32
FATS = 2
RESERVED = 1
MEDIA = 0xF8
ROOT_ENTRIES = 512
MIN_CLUSTERS = 4085 + 16  # 4085 by the specification, which advises to keep 16 away from it
MAX_CLUSTERS = 65524 - 16
MAX_CLUSTER_SECTORS = 64
MAX_ROOT_ENTRIES = 65520
END_OF_CHAIN = 0xFFFF
DIRECTORY, ARCHIVE = 0x10, 0x20
DATE = 0x21  # 1 January 1980, the first that FAT knows: no time of ours gets into an image
CHUNK = 4 << 20  # bytes

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes of the volume written so far, and the bytes there are."""


@dataclass(frozen=True)
class VolumeFile:
    """A file for the volume: its path there, and its bytes or where they are."""

    name: str
    source: bytes | Path
    size: int


def volume_file(name: str, source: bytes | Path) -> VolumeFile:
    """Return a file for the volume, its size looked up.

    Raises:
        ImageError: the source cannot be read.
    """
    if isinstance(source, bytes):
        return VolumeFile(name, source, len(source))
    try:
        return VolumeFile(name, source, source.stat().st_size)
    except OSError as error:
        raise ImageError(f"The file to pack {source} cannot be read: {error.strerror}.") from error


@dataclass
class _Node:
    """A file or folder with its place: `cluster` is 0 for an empty file and the root."""

    name: str
    file: VolumeFile | None = None
    children: dict[str, _Node] = field(default_factory=dict)
    size: int = 0
    cluster: int = 0

    @property
    def attribute(self) -> int:
        return ARCHIVE if self.file else DIRECTORY

    def entries(self) -> list[tuple[_Node, bytes, bytes]]:
        """Return each child with its short name and its long entries."""
        taken: set[bytes] = set()
        found = []
        for child in self.children.values():
            short = names.short_name(child.name, taken)
            taken.add(short)
            found.append((child, short, names.long_entries(child.name, short)))
        return found

    def entry_bytes(self) -> int:
        """Return the bytes that the children's entries take."""
        return sum(ENTRY_SIZE + len(long) for _, _, long in self.entries())


@dataclass(frozen=True)
class Volume:
    """A planned volume: its shape, and every file's place. `sectors` is all of it; `clusters` those that exist."""

    sectors: int
    cluster_sectors: int
    clusters: int
    fat_sectors: int
    root_entries: int
    hidden_sectors: int
    root: _Node
    placed: tuple[_Node, ...]

    @property
    def root_sector(self) -> int:
        """First sector of the root directory, from the volume's start."""
        return RESERVED + FATS * self.fat_sectors

    def cluster_offset(self, cluster: int) -> int:
        """Return where a cluster begins: bytes from the volume's start."""
        first = self.root_sector + self.root_entries * ENTRY_SIZE // SECTOR
        return (first + (cluster - 2) * self.cluster_sectors) * SECTOR

    @property
    def cluster_bytes(self) -> int:
        """Bytes in a cluster."""
        return self.cluster_sectors * SECTOR


def plan_volume(files: Sequence[VolumeFile], *, size_bytes: int | None = None, hidden_sectors: int = 0) -> Volume:
    """Place every file, in the given order, each in one piece; folders' own entries come last.

    Args:
        files: their names may hold `/`; folders are made as needed.
        size_bytes: of the volume; None: as small as it may be.
        hidden_sectors: sectors on the disk before the volume.

    Raises:
        ImageError: a name FAT cannot hold, two files of one name, or no room.
    """
    root = _tree(files)
    root_entries = max(ROOT_ENTRIES, -(-root.entry_bytes() // SECTOR) * SECTOR // ENTRY_SIZE)
    if root_entries > MAX_ROOT_ENTRIES:
        raise ImageError(f"The root folder would hold {len(root.children)} files, more than FAT16 can.", "Use folders.")
    nodes = [*_walk_files(root, files), *(node for node in _walk(root) if node.attribute == DIRECTORY)]
    for node in nodes:
        node.size = node.file.size if node.file else node.entry_bytes() + 2 * ENTRY_SIZE
    cluster_sectors, clusters, needed = _choose_clusters(nodes, root_entries, size_bytes)
    fat_sectors = _fat_sectors(clusters)
    overhead = RESERVED + FATS * fat_sectors + root_entries * ENTRY_SIZE // SECTOR
    if needed > clusters:
        _refuse_full(nodes, clusters * cluster_sectors * SECTOR)
    _place(nodes, cluster_sectors * SECTOR)
    sectors = overhead + clusters * cluster_sectors if size_bytes is None else size_bytes // SECTOR
    return Volume(
        sectors, cluster_sectors, clusters, fat_sectors, root_entries, hidden_sectors, root,
        tuple(node for node in nodes if node.cluster),
    )  # fmt: skip


def _tree(files: Sequence[VolumeFile]) -> _Node:
    root = _Node("")
    for file in files:
        *folders, last = file.name.split("/")
        node = root
        for part in folders:
            names.check_name(part, file.name)
            node = node.children.setdefault(names.fold(part), _Node(part))
            if node.file:
                raise ImageError(f"{node.file.name!r} is a file, so {file.name!r} cannot lie in it.", "Rename one.")
        names.check_name(last, file.name)
        if names.fold(last) in node.children:
            raise ImageError(
                f"Two files would be called {file.name!r} on the image (case does not count).",
                "Give one of them another name.",
            )
        node.children[names.fold(last)] = _Node(last, file)
    return root


def _walk(folder: _Node) -> Iterator[_Node]:
    for child in folder.children.values():
        yield child
        yield from _walk(child)


def _walk_files(root: _Node, files: Sequence[VolumeFile]) -> list[_Node]:
    by_name = {id(node.file): node for node in _walk(root) if node.file}
    return [by_name[id(file)] for file in files]


def _fat_sectors(clusters: int) -> int:
    return -(-(clusters + 2) * 2 // SECTOR)


def _needed(nodes: Sequence[_Node], cluster_sectors: int) -> int:
    return sum(-(-node.size // (cluster_sectors * SECTOR)) for node in nodes)


def _choose_clusters(nodes: Sequence[_Node], root_entries: int, size_bytes: int | None) -> tuple[int, int, int]:
    """Return sectors in a cluster, clusters, and clusters needed: the smallest cluster that FAT16 allows here."""
    cluster_sectors = 1
    while True:
        needed = _needed(nodes, cluster_sectors)
        clusters = max(needed, MIN_CLUSTERS)
        if size_bytes is not None:
            room = size_bytes // SECTOR - RESERVED - root_entries * ENTRY_SIZE // SECTOR
            clusters = room // cluster_sectors
            while clusters > 0 and clusters * cluster_sectors + FATS * _fat_sectors(clusters) > room:
                clusters -= 1
        if clusters <= MAX_CLUSTERS or cluster_sectors == MAX_CLUSTER_SECTORS:
            break
        cluster_sectors *= 2
    if clusters < MIN_CLUSTERS:
        smallest = MIN_CLUSTERS + FATS * _fat_sectors(MIN_CLUSTERS) + RESERVED + root_entries * ENTRY_SIZE // SECTOR
        raise ImageError(
            f"A FAT16 volume of {size_bytes} bytes is too small; the smallest has {smallest * SECTOR}.",
            'Raise image.size in the recipe, or leave it "auto".',
        )
    return cluster_sectors, min(clusters, MAX_CLUSTERS), needed


def _refuse_full(nodes: Sequence[_Node], room: int) -> None:
    largest = max(nodes, key=lambda node: node.size)
    total = sum(node.size for node in nodes)
    raise ImageError(
        f"The image is full: its files have {total} bytes, {largest.name!r} alone {largest.size}, "
        f"and there is room for {room}.",
        "Raise image.size in the recipe, up to 2 GiB, or pack less.",
    )


def _place(nodes: Sequence[_Node], cluster_bytes: int) -> None:
    free = 2
    for node in nodes:
        if node.size:
            node.cluster = free
            free += -(-node.size // cluster_bytes)


def boot_sector(volume: Volume, serial: int) -> bytes:
    """Return the volume's first sector. `serial` is its serial number."""
    small = volume.sectors if volume.sectors < 0x10000 else 0
    sector = struct.pack(
        "<3s8sHBHBHHBHHHIIBBBI11s8s",
        b"\xeb\x3c\x90", b"BAREFLOW", SECTOR, volume.cluster_sectors, RESERVED, FATS, volume.root_entries, small,
        MEDIA, volume.fat_sectors, 63, 255, volume.hidden_sectors, 0 if small else volume.sectors,
        0x80, 0, 0x29, serial, b"NO NAME    ", b"FAT16   ",
    )  # fmt: skip
    # What runs if firmware boots the partition itself: int 18h, "no bootable disk", then a halt.
    code = b"\xcd\x18\xf4\xeb\xfd"
    return (sector + code).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def _fat(volume: Volume) -> bytes:
    fat = array("H", bytes(volume.fat_sectors * SECTOR))
    fat[0], fat[1] = 0xFF00 | MEDIA, END_OF_CHAIN
    for node in volume.placed:
        count = -(-node.size // volume.cluster_bytes)
        fat[node.cluster : node.cluster + count] = array("H", range(node.cluster + 1, node.cluster + count + 1))
        fat[node.cluster + count - 1] = END_OF_CHAIN
    return fat.tobytes()


def _entry(short: bytes, attribute: int, cluster: int, size: int) -> bytes:
    return struct.pack("<11sBBBHHHHHHHI", short, attribute, 0, 0, 0, DATE, DATE, 0, 0, DATE, cluster, size)


def _folder(folder: _Node, parent: _Node | None) -> bytes:
    parts = []
    if parent is not None:
        parts.append(_entry(b".".ljust(11), DIRECTORY, folder.cluster, 0))
        parts.append(_entry(b"..".ljust(11), DIRECTORY, parent.cluster, 0))
    for child, short, long in folder.entries():
        parts.append(long + _entry(short, child.attribute, child.cluster, child.size if child.file else 0))
    return b"".join(parts)


def write_volume(volume: Volume, out: BinaryIO, start: int, progress: Progress | None = None) -> int:
    """Write the volume at byte `start` of a file that is zero there, skipping what stays zero.

    Returns:
        the volume's serial number, made from its files' names and contents.

    Raises:
        ImageError: a source cannot be read, or its size has changed.
    """
    total = sum(node.size for node in volume.placed if node.file)
    done, serial = 0, 0
    for node in volume.placed:
        if node.file is None:
            continue
        serial = zlib.crc32(f"{node.file.name}\0{node.size}\0".encode(), serial)
        at = start + volume.cluster_offset(node.cluster)
        for chunk in _chunks(node.file):
            serial = zlib.crc32(chunk, serial)
            _write_at(out, at, chunk)
            at += len(chunk)
            done += len(chunk)
            if progress:
                progress(node.file.name, done, total)
    fat = _fat(volume)
    for copy in range(FATS):
        _write_at(out, start + (RESERVED + copy * volume.fat_sectors) * SECTOR, fat)
    _write_at(out, start + volume.root_sector * SECTOR, _folder(volume.root, None))
    _write_folders(volume, volume.root, out, start)
    _write_at(out, start, boot_sector(volume, serial))
    return serial


def _write_folders(volume: Volume, parent: _Node, out: BinaryIO, start: int) -> None:
    for child in parent.children.values():
        if child.file is None:
            _write_at(out, start + volume.cluster_offset(child.cluster), _folder(child, parent))
            _write_folders(volume, child, out, start)


def _write_at(out: BinaryIO, at: int, data: bytes) -> None:
    if data.count(0) != len(data):
        out.seek(at)
        out.write(data)


def _chunks(file: VolumeFile) -> Iterator[bytes]:
    """Yield a file's bytes, exactly `size` of them."""
    left = file.size
    try:
        with io.BytesIO(file.source) if isinstance(file.source, bytes) else file.source.open("rb") as source:
            while left:
                chunk = source.read(min(CHUNK, left))
                if not chunk:
                    break
                left -= len(chunk)
                yield chunk
            more = source.read(1)
    except OSError as error:
        raise ImageError(f"The file to pack {file.source!s} cannot be read: {error.strerror}.") from error
    if left or more:
        raise ImageError(f"The file {file.source!s} changed while it was packed.", "Try again when nobody writes it.")
