"""Reads files back from an image's FAT16 volume. The image may be anybody's: every number is checked before use."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bareflow.errors import ImageError
from bareflow.image import names

SECTOR = 512
ENTRY_SIZE = 32
DIRECTORY, VOLUME_LABEL = 0x10, 0x08
END_OF_CHAIN = 0xFFF8


@dataclass(frozen=True)
class Entry:
    """A file or folder as its directory entry tells it: `name` is the long one if there is one."""

    name: str
    short: str
    attribute: int
    cluster: int
    size: int


class VolumeReader:
    """A FAT16 volume inside an open file.

    Args:
        stream: the image; read only.
        start: byte where the volume begins.

    Raises:
        ImageError: what is there is not a FAT16 volume, or two of its files share clusters.
    """

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self._start = start
        boot = self._read(0, SECTOR)
        size, per_cluster, reserved, fats, roots, small, media, fat_sectors = struct.unpack_from("<HBHBHHBH", boot, 11)
        (large,) = struct.unpack_from("<I", boot, 32)
        sound = boot[510:] == b"\x55\xaa" and size == SECTOR and per_cluster in {1, 2, 4, 8, 16, 32, 64}
        if not sound or not reserved or fats not in {1, 2} or not roots or roots % 16 or not fat_sectors:
            raise ImageError("The image's partition holds no FAT16 volume.", "Build it again with build-image.")
        self._cluster_bytes = per_cluster * SECTOR
        self._root = (reserved + fats * fat_sectors) * SECTOR
        self._root_bytes = roots * ENTRY_SIZE
        self._data = self._root + self._root_bytes
        self._limit = ((small or large) * SECTOR - self._data) // self._cluster_bytes + 2
        if not 4085 + 2 <= self._limit <= min(65524 + 2, fat_sectors * SECTOR // 2):
            raise ImageError("The image's partition is not of FAT16's size.", "Build it again with build-image.")
        self._fat = array("H", self._read(reserved * SECTOR, fat_sectors * SECTOR))
        if self._fat[0] != 0xFF00 | media:
            raise ImageError("The image's allocation table is damaged.", "Build it again with build-image.")
        self._check_shared()

    def _check_shared(self) -> None:
        """Walk every chain that a folder names: no two may meet. What is damaged otherwise, its reader will tell.

        Raises:
            ImageError: two of them share a cluster.
        """
        owner = array("I", bytes(4 * self._limit))
        chains: list[Entry] = []
        folders: list[Entry | None] = [None]
        while folders:
            for entry in self._entries_left(folders.pop()):
                if entry.short.startswith(".") or entry.cluster == 0:
                    continue
                chains.append(entry)
                other = self._claim(entry.cluster, owner, len(chains))
                if other:
                    raise ImageError(
                        f"{chains[other - 1].name} and {entry.name} share clusters on the image.",
                        "Build it again with build-image.",
                    )
                if entry.attribute & DIRECTORY:
                    folders.append(entry)

    def _entries_left(self, folder: Entry | None) -> list[Entry]:
        try:
            return list(self.entries(folder))
        except ImageError:
            return []

    def _claim(self, cluster: int, owner: array[int], number: int) -> int:
        """Take a chain's clusters for owner `number`; return who has one of them already, or 0."""
        while 2 <= cluster < self._limit and owner[cluster] != number:
            if owner[cluster]:
                return owner[cluster]
            owner[cluster] = number
            cluster = self._fat[cluster]
        return 0

    def _read(self, at: int, size: int) -> bytes:
        self._stream.seek(self._start + at)
        data = self._stream.read(size)
        if len(data) != size:
            raise ImageError("The image is cut short.", "Build it again with build-image.")
        return data

    def _chain(self, cluster: int, most: int) -> Iterator[int]:
        """Yield a chain's clusters; it must end within `most` of them."""
        for _ in range(most):
            if not 2 <= cluster < self._limit:
                break
            yield cluster
            cluster = self._fat[cluster]
            if cluster >= END_OF_CHAIN:
                return
        raise ImageError("A cluster chain on the image is damaged.", "Build it again with build-image.")

    def _runs(self, cluster: int, most: int) -> Iterator[tuple[int, int]]:
        """Yield (first cluster, how many) for each piece of a chain."""
        first, count = cluster, 0
        for member in self._chain(cluster, most):
            if member != first + count:
                yield first, count
                first, count = member, 0
            count += 1
        yield first, count

    def _content(self, cluster: int, most: int) -> bytes:
        return b"".join(
            self._read(self._data + (first - 2) * self._cluster_bytes, count * self._cluster_bytes)
            for first, count in self._runs(cluster, most)
        )

    def entries(self, folder: Entry | None = None) -> Iterator[Entry]:
        """Yield what a folder holds; the root without one."""
        if folder is None or folder.cluster == 0:
            raw = self._read(self._root, self._root_bytes)
        else:
            raw = self._content(folder.cluster, 65536 * ENTRY_SIZE // self._cluster_bytes)
        long: list[bytes] = []
        for at in range(0, len(raw), ENTRY_SIZE):
            entry = raw[at : at + ENTRY_SIZE]
            if entry[0] == 0:
                return
            if entry[0] != 0xE5 and entry[11] & 0x3F == names.ATTRIBUTE_LONG:
                long = [*long, entry] if not entry[0] & 0x40 else [entry]
                continue
            if entry[0] != 0xE5 and not entry[11] & VOLUME_LABEL:
                yield _entry(entry, long)
            long = []

    def find(self, path: str) -> Entry | None:
        """Return the entry at `path` (folders parted by `/`, ASCII case ignored), or None."""
        found: Entry | None = None
        for part in path.split("/"):
            if found is not None and not found.attribute & DIRECTORY:
                return None
            wanted = names.fold(part)
            fitting = (e for e in self.entries(found) if wanted in {names.fold(e.name), names.fold(e.short)})
            found = next(fitting, None)
            if found is None:
                return None
        return found

    def read(self, entry: Entry) -> bytes:
        """Return a file's bytes."""
        if entry.size == 0:
            return b""
        clusters = -(-entry.size // self._cluster_bytes)
        return self._content(entry.cluster, clusters)[: entry.size]


def _entry(raw: bytes, long: list[bytes]) -> Entry:
    stem, extension = (raw[a:b].decode("cp437").rstrip(" ") for a, b in ((0, 8), (8, 11)))
    short = f"{stem}.{extension}" if extension else stem
    cluster, size = struct.unpack_from("<HI", raw, 26)
    return Entry(_long_name(raw[:11], long) or short, short, raw[11], cluster, size)


def _long_name(short: bytes, parts: list[bytes]) -> str:
    """Return the long name that `parts` make, or nothing if they do not belong to this short name."""
    numbers = [part[0] & 0x3F for part in parts]
    if numbers != list(range(len(parts), 0, -1)) or any(part[13] != names.checksum(short) for part in parts):
        return ""
    units = b"".join(part[1:11] + part[14:26] + part[28:32] for part in reversed(parts))
    return units.decode("utf-16-le", "replace").partition("\0")[0]
